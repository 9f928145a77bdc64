// Confidence interval of a quantile of requests that are not independent: Woodruff 1952 with a cluster variance, the
// round being the cluster (as SAS SURVEYMEANS and R's svyquantile do), on the logit scale.

import { sampleStandardDeviation } from 'simple-statistics';
import { upperQuantile } from './student-t.ts';

export interface WoodruffInput {
  /** The quantile, 0 < q < 1. */
  readonly q: number;
  /** Per round: the share of its values at or below the merged quantile. */
  readonly sharesBelow: readonly number[];
  /** Values of all rounds together. */
  readonly n: number;
  /** The merged distribution's quantile function. */
  readonly quantileAt: (p: number) => number;
  readonly confidence?: number;
}

/** Interval of the merged quantile in its own unit; null with fewer than two rounds. */
export function woodruff(input: WoodruffInput): readonly [number, number] | null {
  const { q, sharesBelow, n, quantileAt, confidence = 0.95 } = input;
  const rounds = sharesBelow.length;
  if (rounds < 2) return null;
  const clustered = sampleStandardDeviation([...sharesBelow]) / Math.sqrt(rounds);
  // Rounds that happen to agree must not claim more than independent requests would.
  const standardError = Math.max(clustered, Math.sqrt((q * (1 - q)) / n));
  const half = (upperQuantile((1 - confidence) / 2, rounds - 1) * standardError) / (q * (1 - q));
  const centre = Math.log(q / (1 - q));
  return [quantileAt(expit(centre - half)), quantileAt(expit(centre + half))];
}

const expit = (x: number): number => 1 / (1 + Math.exp(-x));
