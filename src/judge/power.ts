// What a gate could see: from a stored history alone, before any pull request. In: a baseline file and the policy. Out:
// for each gate how much boots differ, and the smallest change that would be caught after one to five boots, now and with
// more boots recorded; where a run interleaves both sides, the same by pairs. Pure; the formulas are those of the judge
// (docs/judging.md).

import { spreadOfPairs } from '../baseline/pairs.ts';
import type { BaselineFile, History } from '../baseline/schema.ts';
import { STAGES, type StageName } from '../config/schema.ts';
import { type ResolvedMetric, resolveMetric } from '../metrics.ts';
import { countsAlike } from '../record/keys.ts';
import { addSpread, type Spread, spreadOf } from '../stats/summary.ts';
import { smallestDetectable, smallestThatMatters } from './compare.ts';
import { asChange, GATE_SHARE, lookOf } from './decide.ts';
import type { Policy } from './judge.ts';
import { atMatchedLoads } from './matched-loads.ts';
import { type Sample, samplesOf } from './samples.ts';
import { COMPARED } from './selection.ts';
import { worstRounds } from './taint.ts';
import { leastVariance, ledgerOf, type PooledVariance, pairPriorSd, poolPairs, poolSpreads } from './variance.ts';

export interface GatePower {
  readonly metric: string;
  readonly stage: StageName;
  readonly gate: boolean;
  /** What a pull request is counted in: boots beside stored ones, or pairs of boots beside each other. */
  readonly by: 'boots' | 'pairs';
  /** Listed boots that have the metric. */
  readonly boots: number;
  /** How much boots differ, or the two of a pair: a share for `log` metrics, else in the metric's unit. */
  readonly sd: number;
  readonly df: PooledVariance['df'];
  readonly changeIs: 'share' | 'difference';
  /** Below this no change is called, however well it is seen. */
  readonly minimumEffect: number;
  /**
   * One row now (none while no boot is listed: there is nothing to compare with), and one for each count of further
   * boots; changes in the worse direction, by boots of a pull request. By pairs only now: recorded boots are not what a
   * pair is compared with.
   */
  readonly rows: readonly { readonly more: number; readonly detectable: readonly number[] }[];
}

export interface PowerOptions {
  /** Most boots, or pairs, of a pull request to look at. */
  readonly boots: number;
  /** Counts of further recorded boots to look at. */
  readonly more: readonly number[];
  /** Every compared metric instead of the gates. */
  readonly all: boolean;
  /** Degrees of freedom that A/A boots, or pairs, would add to the ledger first. */
  readonly learnt?: number;
}

export function powerOf(
  file: BaselineFile,
  policy: Pick<Policy, 'comparison'>,
  { boots, more, all, learnt = 0 }: PowerOptions,
): readonly GatePower[] {
  const { against, gates, minimumEffects } = policy.comparison;
  const powerBy = against === 'interleaved' ? pairPower : bootPower;
  return STAGES.flatMap((stage) => {
    const history = file.stages[stage]?.at(-1);
    if (history === undefined) return [];
    const ofStage = gates.filter((gate) => gate.stage === stage).map((gate) => gate.metric);
    const others = all ? COMPARED[stage].filter((id) => !ofStage.includes(id)) : [];
    return [...ofStage, ...others].flatMap((id): GatePower[] => {
      const metric = resolveMetric(id);
      if (metric === undefined) return [];
      const gate = ofStage.includes(id);
      const share = gate ? GATE_SHARE / gates.length : (1 - GATE_SHARE) / Math.max(1, others.length);
      const minimum = minimumEffects[`${id}@${stage}`] ?? minimumEffects[id];
      const found = powerBy(metric, history, { boots, more, learnt, share, minimum, keep: file.keep });
      return found === null ? [] : [{ metric: id, stage, gate, ...found }];
    });
  });
}

interface Wanted extends Pick<PowerOptions, 'boots' | 'more'> {
  readonly learnt: number;
  /** Share of the report's error rate. */
  readonly share: number;
  readonly minimum: number | undefined;
  /** Boots that the file keeps. */
  readonly keep: number;
}

type Found = Omit<GatePower, 'metric' | 'stage' | 'gate'>;

function bootPower(
  metric: ResolvedMetric,
  history: History,
  { boots, more, learnt, share, minimum, keep }: Wanted,
): Found | null {
  const { listed, samples, values } = listedOf(metric, history);
  const known = { baseline: spreadOf(values), ledger: ledgerOf(history, metric.id) };
  // A ledger that was filled before the first boot was recorded; else a metric that the boots do not have.
  const onlyLedger = listed === 0 && known.ledger.df > 0;
  if (values.length === 0 && !onlyLedger) return null;
  const least = leastVariance(metric, samples);
  const effect = smallestThatMatters(metric, minimum, samples);
  const detectable = (further: number): number[] =>
    Array.from({ length: boots }, (_, index) => {
      const candidates = index + 1;
      const count = Math.min(Math.max(keep, values.length), values.length + further);
      const pooled = poolSpreads(
        metric,
        withMore(metric, known, {
          // The first of a list has nothing to differ from.
          baseline: count - Math.max(1, values.length),
          // A full list passes its oldest boots on to the ledger.
          ledger: values.length + further - count + learnt,
          candidate: candidates - 1,
        }),
        least,
      );
      const standardError = pooled.sd * Math.sqrt(1 / candidates + 1 / count);
      const level = lookOf(candidates, candidates).alpha * share;
      return asChange(metric, smallestDetectable(effect, standardError, pooled.df.total, level));
    });
  return {
    by: 'boots',
    boots: values.length,
    ...asSeen(metric, poolSpreads(metric, { ...known, candidate: { ss: 0, df: 0 } }, least), effect),
    rows: (onlyLedger ? more : [0, ...more]).map((further) => ({ more: further, detectable: detectable(further) })),
  };
}

/** Both sides are booted for the pull request: of the file only what earlier pairs taught counts. */
function pairPower(metric: ResolvedMetric, history: History, { boots, learnt, share, minimum }: Wanted): Found | null {
  const { samples, values } = listedOf(metric, history);
  const known = spreadOfPairs(history.ledger[metric.id], null);
  if (values.length === 0 && known.df === 0) return null;
  const least = leastVariance(metric, samples);
  const further = moreLike(known, pairPriorSd(metric));
  const ledger = addSpread(known, further(learnt));
  const effect = smallestThatMatters(metric, minimum, samples);
  const detectable = Array.from({ length: boots }, (_, index) => {
    const pairs = index + 1;
    const pooled = poolPairs(metric, further(index), ledger, least);
    const level = lookOf(pairs, pairs).alpha * share;
    return asChange(metric, smallestDetectable(effect, pooled.sd / Math.sqrt(pairs), pooled.df.total, level));
  });
  return {
    by: 'pairs',
    boots: values.length,
    ...asSeen(metric, poolPairs(metric, further(0), known, least), effect),
    rows: [{ more: 0, detectable }],
  };
}

const asSeen = (
  metric: ResolvedMetric,
  now: PooledVariance,
  effect: number,
): Pick<Found, 'sd' | 'df' | 'changeIs' | 'minimumEffect'> => ({
  sd: Math.abs(asChange(metric, now.sd)),
  df: now.df,
  changeIs: metric.scale === 'log' ? 'share' : 'difference',
  minimumEffect: Math.abs(asChange(metric, effect)),
});

interface Listed {
  /** Boots, with this metric or without. */
  readonly listed: number;
  /** Of this metric, without censored ones. */
  readonly samples: readonly Sample[];
  readonly values: readonly number[];
}

function listedOf(metric: ResolvedMetric, history: History): Listed {
  const all = history.segments.at(-1)?.boots ?? [];
  const boots = all
    .filter(({ slo }) => countsAlike(metric.id, slo, all.at(-1)!.slo))
    .map(({ id, slo, metrics }) => ({ name: id, slo, metrics }));
  const tainted = worstRounds(
    boots.map(({ metrics }) => metrics),
    [],
  );
  const samples = samplesOf(metric, atMatchedLoads(metric, boots), tainted).filter(
    (sample) => sample.censored === 'no',
  );
  return { listed: boots.length, samples, values: samples.map((sample) => sample.summary) };
}

interface Sides<T> {
  readonly baseline: T;
  readonly candidate: T;
  readonly ledger: T;
}

function withMore(metric: ResolvedMetric, known: Omit<Sides<Spread>, 'candidate'>, df: Sides<number>): Sides<Spread> {
  const more = moreLike(addSpread(known.baseline, known.ledger), metric.priorSd);
  return {
    baseline: addSpread(known.baseline, more(df.baseline)),
    ledger: addSpread(known.ledger, more(df.ledger)),
    candidate: more(df.candidate),
  };
}

/** Further ones are taken to differ as much as those that are known; where none are, as much as is assumed. */
function moreLike(known: Spread, priorSd: number): (df: number) => Spread {
  const variance = known.df > 0 ? known.ss / known.df : priorSd ** 2;
  return (df) => ({ ss: df * variance, df });
}
