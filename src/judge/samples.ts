// From boots to samples: for one metric of one stage, each boot's rounds on the scale of comparison, the tainted
// round left out, one summary a boot, and on which side it is censored.

import type { StoredBoot } from '../baseline/schema.ts';
import { type ResolvedMetric, standsAlone } from '../metrics.ts';
import type { FailureCount } from '../stats/quasi-binomial.ts';
import { type BootValues, summariseBoot, toScale } from '../stats/summary.ts';
import type { TaintedRounds } from './taint.ts';

export type Bound = 'exact' | 'above' | 'below';

/** A boot's values of one stage, fresh or stored. */
export interface BootMetrics {
  readonly name: string;
  /** What its goodput was counted by; null = not known. */
  readonly slo: StoredBoot['slo'];
  readonly metrics: Readonly<Record<string, BootValues & { readonly n: number }>>;
}

export interface Sample {
  readonly boot: string;
  /** On the scale: more = worse. */
  readonly rounds: readonly (number | null)[];
  /** 0-based round that was left out as tainted. */
  readonly dropped: number | null;
  readonly summary: number;
  /** `worse`: the truth is at least as bad as the summary; `better`: at least as good. */
  readonly censored: 'no' | 'worse' | 'better';
  readonly bound: Bound;
  /** Distance of the two loads that it was read between, on the scale; 0 = from no grid. */
  readonly spacing: number;
  /** Observations per round. */
  readonly perRound: number;
  readonly failures: readonly FailureCount[];
}

/**
 * Samples of the boots that have the metric; a boot without it, or with nothing that can be put on the scale, gives none.
 * @param boots at matched loads already, where the metric is compared there
 */
export function samplesOf(metric: ResolvedMetric, boots: readonly BootMetrics[], tainted: TaintedRounds): Sample[] {
  return boots.flatMap((boot) => {
    const measured = boot.metrics[metric.id];
    if (measured === undefined) return [];
    const raw = measured.rounds.some((round) => round !== null) ? measured.rounds : [measured.value];
    // Steps of a ramp differ by their load: none of them is tainted.
    const dropped = standsAlone(metric) ? (tainted.get(boot.metrics) ?? null) : null;
    const kept = raw.map((round, index) => (index === dropped && raw.length > 1 ? null : round));
    const rounds = kept.map((round) => toScale(metric, round));
    const summarised = summariseBoot(metric, { ...measured, rounds: kept });
    if (summarised === null) return [];
    const perRound = raw.length > 0 ? measured.n / raw.length : 0;
    return [
      {
        boot: boot.name,
        rounds,
        dropped: dropped !== null && raw.length > 1 ? dropped : null,
        ...summarised,
        censored: censoredSide(metric, summarised.bound),
        spacing: spacingOnScale(metric, measured),
        perRound,
        failures:
          metric.id === 'errors.rate'
            ? kept.filter((round) => round !== null).map((share) => ({ failed: share * perRound, total: perRound }))
            : [],
      },
    ];
  });
}

function spacingOnScale(metric: ResolvedMetric, { value, spacing = 0 }: BootValues): number {
  if (metric.scale !== 'log') return spacing;
  return value !== null && value > 0 ? Math.log1p(spacing / value) : 0;
}

function censoredSide(metric: ResolvedMetric, bound: Bound): Sample['censored'] {
  if (bound === 'exact') return 'no';
  return (bound === 'above') === (metric.better === 'higher') ? 'better' : 'worse';
}
