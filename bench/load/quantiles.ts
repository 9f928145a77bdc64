// Quantiles and medians of plain lists. Pure.

import type { Quantiles } from './contract.ts';

/** Nearest rank (the smallest value that at least q of the list do not exceed). null = the list is empty. */
export function quantilesOf(values: Iterable<number>): Quantiles | null {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return null;
  return { p50: rank(sorted, 0.5), p99: rank(sorted, 0.99), max: sorted.at(-1)! };
}

/** The middle value, or the mean of the two in the middle; NaN = the list is empty. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle)
    ? ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
    : sorted[Math.floor(middle)]!;
}

/** Value of a sorted list at quantile q. */
export const rank = (sorted: Float64Array, q: number): number => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
