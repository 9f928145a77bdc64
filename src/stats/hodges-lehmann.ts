// The Hodges–Lehmann estimate of location (Hodges & Lehmann 1963): robust against one bad round in four, nearly
// as efficient as the mean.

import { median } from 'simple-statistics';

/**
 * Median of all pairwise means (xᵢ + xⱼ) / 2, i ≤ j, self-pairs included.
 * @throws RangeError for an empty list
 */
export function hodgesLehmann(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('hodgesLehmann: no values');
  const means: number[] = [];
  for (let i = 0; i < values.length; i++) {
    for (let j = i; j < values.length; j++) means.push((values[i]! + values[j]!) / 2);
  }
  return median(means);
}
