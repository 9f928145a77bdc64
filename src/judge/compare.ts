// One metric of one stage, baseline against candidate: the effect, its standard error and the p values, before any
// decision. Everything is on the scale of comparison, where more is worse; decide.ts turns it into a Comparison.

import { mean } from 'simple-statistics';
import { spreadOfPairs } from '../baseline/pairs.ts';
import { type ResolvedMetric, standsAlone } from '../metrics.ts';
import { countsAlike } from '../record/keys.ts';
import { quasiBinomial } from '../stats/quasi-binomial.ts';
import { detectableNoncentrality, upperQuantile, upperTail } from '../stats/student-t.ts';
import { fromScale, spreadOf } from '../stats/summary.ts';
import { notAbove, tost } from '../stats/tost.ts';
import { atMatchedLoads } from './matched-loads.ts';
import type { Pairing } from './pairs.ts';
import { type BootMetrics, type Sample, samplesOf } from './samples.ts';
import { isTail, REQUESTS_FOR_TAIL } from './selection.ts';
import type { StageEvidence } from './standing.ts';
import type { TaintedRounds } from './taint.ts';
import { leastVariance, ledgerOf, type PooledVariance, poolPairs, poolVariance } from './variance.ts';

export interface Evidence {
  readonly stage: StageEvidence['stage'];
  readonly metric: ResolvedMetric;
  readonly gate: boolean;
  /** Candidate and baseline stand pair by pair: boots of one place were measured beside each other. */
  readonly paired: boolean;
  readonly candidate: readonly Sample[];
  readonly baseline: readonly Sample[];
  /** Steps of the ramp that it is compared at, from 1 on; null where it is not compared at matched loads. */
  readonly steps: readonly number[] | null;
  /** Smallest effect that matters and the margin of equivalence, on the scale of comparison. */
  readonly minimumEffect: number;
  readonly margin: number;
  readonly test: Test | null;
  /** Why there is no test; null with one. */
  readonly untested: string | null;
  /** What censoring leaves of the effect: known, a lower bound of it, an upper bound, or nothing. */
  readonly known: 'effect' | 'at_least' | 'at_most' | 'nothing';
  /** Everything on both sides lies past the same end of what was measured. */
  readonly bothBeyond: 'no' | 'better' | 'worse';
}

export interface Test {
  /** Which of two tests had the wider interval, where counts are tested both ways. */
  readonly method: 'pooled t' | 'paired t' | 'quasi-binomial';
  readonly difference: number;
  readonly standardError: number;
  readonly df: number;
  readonly pooled: PooledVariance;
  /** Of the quasi-binomial; null where there is none. */
  readonly dispersion: number | null;
  readonly pWorse: number;
  readonly pBetter: number;
  readonly pEquivalent: number;
  /** Half of the equivalence test: small = not worse by the margin. */
  readonly pNotWorse: number;
}

export interface CompareOptions {
  readonly gate: boolean;
  /** Replaces the metric's minimum effect: a share for log metrics, else the metric's unit. */
  readonly minimumEffect: number | undefined;
  readonly tainted: TaintedRounds;
}

export function gather(stage: StageEvidence, metric: ResolvedMetric, options: CompareOptions): Evidence {
  const sides = sidesOf(stage, metric, options.tainted);
  const { candidate, baseline } = sides;
  const minimumEffect = smallestThatMatters(metric, options.minimumEffect, baseline, candidate);
  const margin = Math.max(minimumEffect, onScale(metric, metric.equivalenceMargin));
  const untested = whyUntested(metric, sides, stage.pairing !== null);
  const attempt = untested === null ? testOf(stage, metric, candidate, baseline, margin) : null;
  const test =
    attempt !== null && Number.isFinite(attempt.difference) && Number.isFinite(attempt.standardError) ? attempt : null;
  return {
    stage: stage.stage,
    metric,
    gate: options.gate,
    paired: stage.pairing !== null,
    candidate,
    baseline,
    steps: matchedSteps(metric, [...candidate, ...baseline]),
    minimumEffect,
    margin,
    test,
    untested:
      test === null
        ? (untested ??
          (attempt === null ? 'too few requests or rounds to compare' : 'its values are too large to compute with'))
        : null,
    known: knownEffect(candidate, baseline),
    bothBeyond: beyondOnBothSides(metric, candidate, baseline, margin),
  };
}

interface Sides {
  readonly candidate: readonly Sample[];
  readonly baseline: readonly Sample[];
  readonly sameSloInBaseline: boolean;
  /** Both sides have the metric along their ramps, but at no load that all of their boots held. */
  readonly noCommonLoad: boolean;
}

/** Of pairs, only those of which both boots have the metric. */
function sidesOf(stage: StageEvidence, metric: ResolvedMetric, tainted: TaintedRounds): Sides {
  const { pairing } = stage;
  const sameSloOnly = stage.baseline.filter(({ slo }) => countsAlike(metric.id, slo, stage.slo));
  const here: readonly BootMetrics[] = pairing === null ? stage.candidate : pairing.pairs.map((pair) => pair.candidate);
  const there: readonly BootMetrics[] = pairing === null ? sameSloOnly : pairing.pairs.map((pair) => pair.base);
  const matched = atMatchedLoads(metric, [...here, ...there]);
  const [candidates, bases] = [matched.slice(0, here.length), matched.slice(here.length)];
  const has = (boots: readonly BootMetrics[]): boolean => boots.some(({ metrics }) => metrics[metric.id] !== undefined);
  const sides = (candidate: readonly Sample[], baseline: readonly Sample[]): Sides => ({
    candidate,
    baseline,
    sameSloInBaseline: there.length > 0,
    noCommonLoad: !standsAlone(metric) && has(here) && has(there) && candidate.length === 0,
  });
  if (pairing === null) return sides(samplesOf(metric, candidates, tainted), samplesOf(metric, bases, tainted));
  const pairs = candidates.flatMap((candidate, index) => {
    const [one, other] = [candidate, bases[index]!].map((boot) => samplesOf(metric, [boot], tainted)[0]);
    return one && other ? [{ one, other }] : [];
  });
  return sides(
    pairs.map(({ one }) => one),
    pairs.map(({ other }) => other),
  );
}

/** From 1 on, the same in all samples; null where the metric is not compared at matched loads. */
const matchedSteps = (metric: ResolvedMetric, [sample]: readonly Sample[]): number[] | null =>
  standsAlone(metric) ? null : (sample?.rounds ?? []).flatMap((value, step) => (value === null ? [] : [step + 1]));

/** A share of change to log units, in the metric's worse direction: 5 % less throughput is −ln 0.95. */
export function onScale(metric: ResolvedMetric, amount: number): number {
  if (metric.scale !== 'log') return amount;
  return metric.better === 'higher' && amount < 1 ? -Math.log(1 - amount) : Math.log(1 + amount);
}

/**
 * The minimum effect, never below what the client itself can distort, nor below one step of the grid that a value was
 * read off: a change of any size can move it by so much.
 */
export function smallestThatMatters(
  metric: ResolvedMetric,
  override: number | undefined,
  baseline: readonly Sample[],
  candidate: readonly Sample[] = [],
): number {
  const effect = Math.max(
    onScale(metric, override ?? metric.minimumEffect),
    ...[...baseline, ...candidate].map(({ spacing }) => spacing),
  );
  if (metric.resolution === 0 || baseline.length === 0) return effect;
  if (metric.scale !== 'log') return Math.max(effect, metric.resolution);
  return Math.max(effect, Math.log1p(metric.resolution / fromScale(metric, centre(baseline))));
}

function whyUntested(
  metric: ResolvedMetric,
  { candidate, baseline, sameSloInBaseline, noCommonLoad }: Sides,
  paired: boolean,
): string | null {
  if (metric.scale === 'info') return 'it is shown, never compared';
  if (noCommonLoad) return 'no step of the ramp has a value of it in every boot of both sides';
  if (candidate.length === 0) return paired ? 'no pair has a value of it on both sides' : 'this run has no value of it';
  if (baseline.length === 0)
    return sameSloInBaseline ? 'the baseline has no value of it' : 'the baseline counted it by another SLO';
  if (!isTail(metric.statistic)) return null;
  const fewest = Math.min(...[...candidate, ...baseline].map((sample) => sample.perRound));
  if (fewest >= REQUESTS_FOR_TAIL) return null;
  return `a round has ${Math.floor(fewest).toLocaleString('en-US')} requests, ${metric.statistic} needs ${REQUESTS_FOR_TAIL.toLocaleString('en-US')}: gate on p95 or lengthen the stage`;
}

function testOf(
  stage: StageEvidence,
  metric: ResolvedMetric,
  candidate: readonly Sample[],
  baseline: readonly Sample[],
  margin: number,
): Test | null {
  const overBoots =
    stage.pairing === null
      ? unpairedTest(stage, metric, candidate, baseline, margin)
      : pairedTest(stage.pairing, metric, candidate, baseline, margin);
  return metric.id === 'errors.rate' ? testOfFailures(overBoots, candidate, baseline, margin) : overBoots;
}

function unpairedTest(
  stage: StageEvidence,
  metric: ResolvedMetric,
  candidate: readonly Sample[],
  baseline: readonly Sample[],
  margin: number,
): Test {
  const pooled = poolVariance(
    metric,
    exact(baseline),
    exact(candidate),
    stage.history === null ? { ss: 0, df: 0 } : ledgerOf(stage.history, metric.id, matchedSteps(metric, candidate)),
  );
  const standardError = pooled.sd * Math.sqrt(1 / candidate.length + 1 / baseline.length);
  const difference = centre(candidate) - centre(baseline);
  const p = pValues(difference, standardError, pooled.df.total, margin);
  return { method: 'pooled t', dispersion: null, pooled, ...p };
}

const exact = (samples: readonly Sample[]): Sample[] => samples.filter((sample) => sample.censored === 'no');

/** d = mean difference of n pairs, se = s_d / √n: what the two boots of a pair have in common is in neither. */
function pairedTest(
  { pairs, ledger }: Pairing,
  metric: ResolvedMetric,
  candidate: readonly Sample[],
  baseline: readonly Sample[],
  margin: number,
): Test {
  const differences = candidate.flatMap((here, index) => {
    const there = baseline[index]!;
    return here.censored === 'no' && there.censored === 'no' ? [here.summary - there.summary] : [];
  });
  const like = matchedSteps(metric, candidate) ?? pairs[0]?.candidate.metrics[metric.id]?.rounds.length ?? 0;
  const least = leastVariance(metric, [...exact(baseline), ...exact(candidate)]);
  const pooled = poolPairs(metric, spreadOf(differences), spreadOfPairs(ledger[metric.id], like), least);
  const standardError = pooled.sd / Math.sqrt(candidate.length);
  const p = pValues(centre(candidate) - centre(baseline), standardError, pooled.df.total, margin);
  return { method: 'paired t', dispersion: null, pooled, ...p };
}

/**
 * Failures are few, so that boots without one prove little (the quasi-binomial knows), and boots differ (the pooled t
 * knows): of each p value the larger.
 */
function testOfFailures(
  overBoots: Test,
  candidate: readonly Sample[],
  baseline: readonly Sample[],
  margin: number,
): Test | null {
  const counted = quasiBinomial(
    baseline.flatMap((sample) => sample.failures),
    candidate.flatMap((sample) => sample.failures),
  );
  if (counted === null) return null;
  const overRounds: Test = {
    method: 'quasi-binomial',
    dispersion: counted.dispersion,
    pooled: overBoots.pooled,
    ...pValues(counted.difference, counted.standardError, counted.df, margin),
  };
  const both = [overBoots, overRounds];
  const larger = (pick: (test: Test) => number): number => Math.max(...both.map(pick));
  const half = (test: Test): number => upperQuantile(0.025, test.df) * test.standardError;
  return {
    ...(half(overBoots) >= half(overRounds) ? overBoots : overRounds),
    dispersion: counted.dispersion,
    pWorse: larger((test) => test.pWorse),
    pBetter: larger((test) => test.pBetter),
    pEquivalent: larger((test) => test.pEquivalent),
    pNotWorse: larger((test) => test.pNotWorse),
  };
}

function pValues(difference: number, standardError: number, df: number, margin: number) {
  return {
    difference,
    standardError,
    df,
    pWorse: upperTail(difference / standardError, df),
    pBetter: upperTail(-difference / standardError, df),
    pEquivalent: tost(difference, standardError, df, margin),
    pNotWorse: notAbove(difference, standardError, df, margin),
  };
}

/** A side that is worse than its number makes the effect larger on the candidate's side, smaller on the baseline's. */
function knownEffect(candidate: readonly Sample[], baseline: readonly Sample[]): Evidence['known'] {
  const has = (samples: readonly Sample[], side: Sample['censored']): boolean =>
    samples.some((sample) => sample.censored === side);
  const larger = has(candidate, 'worse') || has(baseline, 'better');
  const smaller = has(candidate, 'better') || has(baseline, 'worse');
  if (larger && smaller) return 'nothing';
  return larger ? 'at_least' : smaller ? 'at_most' : 'effect';
}

function beyondOnBothSides(
  metric: ResolvedMetric,
  candidate: readonly Sample[],
  baseline: readonly Sample[],
  margin: number,
): Evidence['bothBeyond'] {
  const all = [...candidate, ...baseline];
  const side = candidate[0]?.censored ?? 'no';
  if (side === 'no' || baseline.length === 0 || all.some((sample) => sample.censored !== side)) return 'no';
  // Same end of the same ramp; a ramp that stopped earlier proves less. Ends are loads that were offered, or what was
  // achieved at them, which scatters.
  const [low, high] = [
    Math.min(...all.map((sample) => sample.summary)),
    Math.max(...all.map((sample) => sample.summary)),
  ];
  const isAchieved = metric.id === 'saturation.rate' || metric.base.id.startsWith('throughput.');
  const apart = isAchieved ? margin : 1e-6 * Math.max(1, Math.abs(high));
  return high - low <= apart ? side : 'no';
}

export const centre = (samples: readonly Sample[]): number => mean(samples.map((sample) => sample.summary));

/** Two-sided confidence interval of the effect. */
export function effectInterval(test: Test, confidence: number): readonly [number, number] {
  const half = upperQuantile((1 - confidence) / 2, test.df) * test.standardError;
  return [test.difference - half, test.difference + half];
}

const POWER = 0.95;

/**
 * Smallest true effect that this comparison would have called worse with 95 % power at level `alpha`: large enough
 * for the test, and far enough above the minimum effect to be measured above it.
 */
export function smallestDetectable(minimumEffect: number, standardError: number, df: number, alpha: number): number {
  const byTest = detectableNoncentrality(alpha, POWER, df) * standardError;
  return Math.max(byTest, minimumEffect + upperQuantile(1 - POWER, df) * standardError);
}
