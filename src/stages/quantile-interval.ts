// How sure the percentile of a whole benchmark is: Woodruff's interval from the merged histogram, the round being the
// cluster. Requests of a round are not independent, so that the usual interval of order statistics would be far too
// narrow. It says what this boot bears; how much boots differ is the judge's business.

import { countAtMost } from '../stats/histogram.ts';
import { woodruff } from '../stats/woodruff.ts';
import type { Figures } from './figures.ts';
import { latencyQuantile } from './figures.ts';
import { LATENCIES, type LatencyTally } from './tally.ts';

const QUANTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const;

/**
 * 95 % intervals in ms by metric id, such as `ttft.p99`. A percentile has none with fewer than two rounds, or where
 * it or an end of its interval falls among failures.
 */
export function quantileIntervals(
  rounds: readonly Figures[],
  whole: Figures,
): ReadonlyMap<string, readonly [number, number]> {
  const intervals = new Map<string, readonly [number, number]>();
  for (const latency of LATENCIES) {
    for (const [statistic, q] of Object.entries(QUANTILES)) {
      const interval = intervalOf(
        rounds.map((round) => ({ tally: round.latencies[latency], dropped: round.dropped })),
        { tally: whole.latencies[latency], dropped: whole.dropped },
        q,
      );
      if (interval !== null) intervals.set(`${latency}.${statistic}`, interval);
    }
  }
  return intervals;
}

interface Values {
  readonly tally: LatencyTally;
  /** Slots that were never sent: failures. */
  readonly dropped: number;
}

function intervalOf(rounds: readonly Values[], whole: Values, q: number): readonly [number, number] | null {
  const exactAt = (p: number): number => {
    // An hour stands for the time-out: an end that falls among failures is no end.
    const { valueMs, bound } = latencyQuantile(whole.tally, p, whole.dropped, 3_600_000);
    return valueMs === null || bound === 'above' ? Number.POSITIVE_INFINITY : valueMs;
  };
  const value = exactAt(q);
  const counted = rounds.filter((round) => countOf(round) > 0);
  if (!Number.isFinite(value)) return null;
  const interval = woodruff({
    q,
    sharesBelow: counted.map((round) => countAtMost(round.tally.histogram, value) / countOf(round)),
    n: countOf(whole),
    quantileAt: exactAt,
  });
  return interval?.every(Number.isFinite) ? interval : null;
}

const countOf = ({ tally, dropped }: Values): number =>
  tally.histogram.totalCount + tally.failed + (tally.cut?.totalCount ?? 0) + dropped;
