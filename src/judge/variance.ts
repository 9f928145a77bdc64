// How much boots differ: the variance of one boot's summary, pooled from all that is known about it. The boots at
// hand say little (K − 1 degrees of freedom), so older history and, while that is thin, a shipped prior help.

import { alike, bootValue, spreadOfEntries, stepsOf } from '../baseline/ledger.ts';
import type { History, StoredBoot } from '../baseline/schema.ts';
import type { ResolvedMetric } from '../metrics.ts';
import { scattersMore } from '../stats/f-test.ts';
import { addSpread, type Spread, spreadOf } from '../stats/summary.ts';
import type { Sample } from './samples.ts';

export interface PooledVariance {
  readonly sd: number;
  readonly df: {
    readonly total: number;
    readonly baseline: number;
    readonly candidate: number;
    readonly ledger: number;
    readonly prior: number;
  };
  /** Sums of squares that were pooled, the ledger's for as many degrees of freedom as count. */
  readonly squares: {
    readonly baseline: number;
    readonly candidate: number;
    readonly ledger: number;
    readonly prior: number;
  };
}

const PRIOR_DF = 4;
/** From this many ledger degrees of freedom on, the prior is dropped and a history counts as known. */
export const LEDGER_ENOUGH_DF = 12;
/** More degrees of freedom of the ledger count no further. */
export const LEDGER_MOST_DF = 30;
/** Boots and rounds are not quite normal: beyond this a variance is not known better, however many have been seen. */
export const MOST_DF = 24;
/** A value read in steps of q, or off a grid that far apart, has at least the variance of a uniform error of ±q/2. */
const OF_UNIFORM = 12;

/**
 * s² = (ν₀s₀² + SS_base + SS_cand + ν_L s_L²) / ν, with ν = ν₀ + (K − 1) + (n_c − 1) + ν_L; ν_L at most 30, ν at most 24.
 * @param baseline @param candidate boots, without censored ones
 */
export function poolVariance(
  metric: ResolvedMetric,
  baseline: readonly Read[],
  candidate: readonly Read[],
  ledger: Spread,
): PooledVariance {
  return poolSpreads(
    metric,
    { baseline: scatter(baseline), candidate: scatter(candidate), ledger },
    leastVariance(metric, [...baseline, ...candidate]),
  );
}

const scatter = (boots: readonly Read[]): Spread => spreadOf(boots.map(({ summary }) => summary));

/** A boot's summary, and the spacing of the grid that it was read off, on the scale of comparison; any Sample fits. */
export type Read = Pick<Sample, 'summary' | 'spacing'>;

/** The same from sums of squares, with the least that the variance can be. */
export function poolSpreads(
  metric: ResolvedMetric,
  spreads: { readonly baseline: Spread; readonly candidate: Spread; readonly ledger: Spread },
  least: number,
): PooledVariance {
  const { baseline: base, candidate: cand, ledger } = spreads;
  const ledgerDf = Math.min(ledger.df, LEDGER_MOST_DF);
  const ledgerSs = ledger.df > 0 ? (ledger.ss / ledger.df) * ledgerDf : 0;
  // Squares that add up to nothing say that values come in steps, not that boots are all alike.
  const priorDf = ledger.df >= LEDGER_ENOUGH_DF && ledger.ss > 0 ? 0 : PRIOR_DF;
  const df = priorDf + base.df + cand.df + ledgerDf;
  const priorSs = priorDf * metric.priorSd ** 2;
  const pooled = (priorSs + base.ss + cand.ss + ledgerSs) / df;
  return {
    sd: Math.sqrt(Math.max(pooled, least)),
    df: { total: Math.min(df, MOST_DF), baseline: base.df, candidate: cand.df, ledger: ledgerDf, prior: priorDf },
    squares: { baseline: base.ss, candidate: cand.ss, ledger: ledgerSs, prior: priorSs },
  };
}

/**
 * Of the difference between two boots beside each other: s² = (ν₀·2s₀² + SS_d + ν_L s_L²) / ν, with ν = ν₀ + (n − 1) + ν_L,
 * over n pairs and the ledger of pairs. The prior takes both boots for strangers: what they share is not assumed.
 * @param differences scatter of those of this run, without censored ones @param least that one boot's variance can be
 */
export const poolPairs = (metric: ResolvedMetric, differences: Spread, ledger: Spread, least: number): PooledVariance =>
  poolSpreads(
    { ...metric, priorSd: pairPriorSd(metric) },
    { baseline: { ss: 0, df: 0 }, candidate: differences, ledger },
    2 * least,
  );

/** Assumed standard deviation of the difference of two boots. */
export const pairPriorSd = (metric: ResolvedMetric): number => Math.SQRT2 * metric.priorSd;

/**
 * Of values that come in steps q: that of a uniform error of one step. Seconds and counts do (a window, a request). So do
 * shares, but in steps of one request in all, far below what boots differ by. The load line is read between two steps of
 * the load: where it falls off a cliff between them it stays the same for boots that differ, and then jumps.
 */
export function leastVariance(metric: ResolvedMetric, boots: readonly Read[]): number {
  const inSteps = metric.scale === 'difference' && metric.unit !== 'share';
  const ofValues = inSteps
    ? stepOf(
        boots.map(({ summary }) => summary),
        metric.resolution,
      )
    : 0;
  return Math.max(ofValues, ...boots.map(({ spacing }) => spacing)) ** 2 / OF_UNIFORM;
}

/** Stored values have seven digits: closer ones are the same. */
const SAME = 1e-6;

/** The smallest gap between distinct values, at least the resolution. */
function stepOf(values: readonly number[], resolution: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const gaps = sorted
    .map((value, index) => value - (sorted[index - 1] ?? value))
    .filter((gap, index) => gap > SAME * Math.abs(sorted[index]!));
  return Math.max(resolution, gaps.length === 0 ? 0 : Math.min(...gaps));
}

/**
 * What history beyond the newest segment's listed boots knows: its ledger, and the scatter inside older segments.
 * @param steps of what is compared at matched loads; those that all listed boots have where it is not said
 */
export const ledgerOf = (history: History, id: string, steps?: readonly number[] | null): Spread =>
  splitLedger(history, id, steps).counted;

export interface SplitLedger {
  readonly counted: Spread;
  /** Of A/A boots that differ clearly less than recorded ones: they never saw what differs from day to day. */
  readonly aside: Spread;
}

/** At this level recorded boots scatter more than A/A boots: careful, since too small a spread cries wolf. */
const SET_ASIDE_P = 0.05;

export function splitLedger(
  history: History,
  id: string,
  steps: readonly number[] | null = stepsOf(history.segments.at(-1)?.boots ?? [], id),
): SplitLedger {
  // Summaries of other numbers of rounds scatter differently, and so do means over other steps.
  const newest = history.segments.at(-1)?.boots.findLast((boot) => boot.metrics[id] !== undefined);
  const entries = history.ledger[id];
  const like = steps ?? (newest === undefined ? null : newest.metrics[id]!.rounds.length);
  const scatter =
    newest === undefined ? [] : history.segments.map(({ boots }) => scatterOf(alike(boots, newest, id), id, steps));
  const recorded = scatter.slice(0, -1).reduce(addSpread, spreadOfEntries(entries, like, ['boots']));
  const aa = spreadOfEntries(entries, like, ['aa']);
  const all = addSpread(recorded, scatter.at(-1) ?? NONE);
  return scattersMore(all, aa) <= SET_ASIDE_P
    ? { counted: recorded, aside: aa }
    : { counted: addSpread(recorded, aa), aside: NONE };
}

const NONE: Spread = { ss: 0, df: 0 };

const scatterOf = (boots: readonly StoredBoot[], id: string, steps: readonly number[] | null): Spread =>
  spreadOf(boots.map((boot) => bootValue(boot, id, steps)).filter((value) => value !== null));
