// Histograms of microseconds, mergeable over workers, rounds and boots: HdrHistogram with three significant
// digits, and the one way to read a quantile when some requests failed.

import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
  JsHistogram,
} from 'hdr-histogram-js';

export type { Histogram } from 'hdr-histogram-js';

/** An hour in µs: longer values are clamped, since no request may live that long. */
const HIGHEST_US = 3_600_000_000;

export function createHistogram(): Histogram {
  return build({
    bitBucketSize: 64,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
  });
}

/** Records a value given in ms; below 1 µs counts as 1 µs (HdrHistogram has no zero at this unit). */
export function recordMs(histogram: Histogram, valueMs: number): void {
  histogram.recordValue(Math.min(HIGHEST_US, Math.max(1, Math.round(valueMs * 1_000))));
}

/** How many recorded values are at most `valueMs`, as fine as the histogram tells them apart. */
export function countAtMost(histogram: Histogram, valueMs: number): number {
  if (!(histogram instanceof JsHistogram)) throw new TypeError('countAtMost: not a histogram of createHistogram');
  const limit = histogram.highestEquivalentValue(Math.round(valueMs * 1_000));
  const steps = histogram.recordedValuesIterator;
  steps.reset();
  let count = 0;
  while (steps.hasNext()) {
    const step = steps.next();
    if (step.valueIteratedTo > limit) break;
    count += step.countAtValueIteratedTo;
  }
  return count;
}

export const encodeHistogram = (histogram: Histogram): string => encodeIntoCompressedBase64(histogram);
/** @throws Error where the text is not a compressed V2 histogram */
export const decodeHistogram = (text: string): Histogram => decodeFromCompressedBase64(text);

export interface CensoredQuantile {
  readonly valueMs: number | null;
  /** `above`: the quantile falls among the failures; it is at least valueMs. */
  readonly bound: 'exact' | 'above';
}

/**
 * Quantile q (0..1) of N successes and C failures that are censored at `censoredAtMs`, not dropped: read at
 * q·(N+C)/N of the successes; past their end it is "at least" the time at which failures were given up.
 */
export function censoredQuantile(
  histogram: Histogram,
  q: number,
  failures: number,
  censoredAtMs: number,
): CensoredQuantile {
  const successes = histogram.totalCount;
  const all = successes + failures;
  if (all === 0) return { valueMs: null, bound: 'exact' };
  const rank = q * all;
  if (rank > successes)
    return { valueMs: Math.max(censoredAtMs, successes > 0 ? histogram.maxValue / 1_000 : 0), bound: 'above' };
  return { valueMs: histogram.getValueAtPercentile((100 * rank) / successes) / 1_000, bound: 'exact' };
}
