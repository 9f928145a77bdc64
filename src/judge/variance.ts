// How much boots differ: the variance of one boot's summary, pooled from all that is known about it. The boots at
// hand say little (K − 1 degrees of freedom), so older history and, while that is thin, a shipped prior help.

import { bootValue } from '../baseline/ledger.ts';
import type { History } from '../baseline/schema.ts';
import type { ResolvedMetric } from '../metrics.ts';
import { addSpread, type Spread, spreadOf } from '../stats/summary.ts';

export interface PooledVariance {
  readonly sd: number;
  readonly df: {
    readonly total: number;
    readonly baseline: number;
    readonly candidate: number;
    readonly ledger: number;
    readonly prior: number;
  };
}

const PRIOR_DF = 4;
/** From this many ledger degrees of freedom on, the prior is dropped and a history counts as known. */
export const LEDGER_ENOUGH_DF = 12;
const LEDGER_MOST_DF = 30;
const MOST_DF = 40;

/**
 * s² = (ν₀s₀² + SS_base + SS_cand + ν_L s_L²) / ν, with ν = ν₀ + (K − 1) + (n_c − 1) + ν_L; ν_L at most 30, ν at most 40.
 * @param baseline @param candidate summaries of boots, on the scale of comparison, without censored ones
 */
export function poolVariance(
  metric: ResolvedMetric,
  baseline: readonly number[],
  candidate: readonly number[],
  ledger: Spread,
): PooledVariance {
  const base = spreadOf(baseline);
  const cand = spreadOf(candidate);
  const ledgerDf = Math.min(ledger.df, LEDGER_MOST_DF);
  const ledgerSs = ledger.df > 0 ? (ledger.ss / ledger.df) * ledgerDf : 0;
  const priorDf = ledger.df >= LEDGER_ENOUGH_DF ? 0 : PRIOR_DF;
  const df = priorDf + base.df + cand.df + ledgerDf;
  const variance = (priorDf * metric.priorSd ** 2 + base.ss + cand.ss + ledgerSs) / df;
  return {
    sd: Math.sqrt(variance),
    df: { total: Math.min(df, MOST_DF), baseline: base.df, candidate: cand.df, ledger: ledgerDf, prior: priorDf },
  };
}

/** What history beyond the newest segment's listed boots knows: its ledger, and the scatter inside older segments. */
export function ledgerOf(history: History, metricId: string): Spread {
  const rounds = usualRounds(history, metricId);
  const entry = history.ledger[metricId];
  const stored =
    entry !== undefined && (rounds === null || entry.rounds === rounds)
      ? { ss: entry.ss, df: entry.df }
      : { ss: 0, df: 0 };
  return history.segments.slice(0, -1).reduce<Spread>((sum, segment) => {
    const boots = segment.boots.filter((boot) => boot.metrics[metricId]?.rounds.length === rounds);
    return addSpread(sum, spreadOf(boots.map((boot) => bootValue(boot, metricId)).filter((value) => value !== null)));
  }, stored);
}

/** Rounds a boot of the newest segment; summaries of other numbers of rounds scatter differently. */
const usualRounds = (history: History, metricId: string): number | null =>
  history.segments.at(-1)?.boots.findLast((boot) => boot.metrics[metricId] !== undefined)?.metrics[metricId]?.rounds
    .length ?? null;
