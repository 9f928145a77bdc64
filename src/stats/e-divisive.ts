// Where the level of a series changes: E-divisive (Matteson & James 2014, "A nonparametric approach for multiple change
// point analysis") with Student's t test in place of the permutation test (as in Hunter: Fleming et al. 2023), which gives
// the same answer every time.

import { mean } from 'simple-statistics';
import { upperTail } from './student-t.ts';
import { addSpread, spreadOf } from './summary.ts';

/** Fewer values on a side say nothing of its level. */
const FEWEST = 3;

/**
 * Indices at which a new level begins, ascending. Searching makes p values small by itself: choose `alpha` far below what
 * one planned test would take, 0.001 or less.
 */
export function changePoints(series: readonly number[], alpha: number): number[] {
  const split = bestSplit(series);
  if (split === null) return [];
  const [left, right] = [series.slice(0, split), series.slice(split)];
  if (student(left, right) > alpha) return [];
  return [...changePoints(left, alpha), split, ...changePoints(right, alpha).map((index) => split + index)];
}

/** The split with the largest energy distance between its sides, scaled by their sizes; null where a side would be too short. */
function bestSplit(series: readonly number[]): number | null {
  let best: { readonly at: number; readonly q: number } | null = null;
  for (let at = FEWEST; at <= series.length - FEWEST; at++) {
    const [left, right] = [series.slice(0, at), series.slice(at)];
    const [n, m] = [left.length, right.length];
    const energy = 2 * distance(left, right) - within(left) - within(right);
    const q = ((n * m) / (n + m)) * energy;
    if (best === null || q > best.q) best = { at, q };
  }
  return best?.at ?? null;
}

/** Mean of |x − y| over all pairs. */
const distance = (xs: readonly number[], ys: readonly number[]): number =>
  xs.reduce((sum, x) => sum + ys.reduce((inner, y) => inner + Math.abs(x - y), 0), 0) / (xs.length * ys.length);

/** Mean of |x − x′| over pairs of different values. */
const within = (xs: readonly number[]): number => (distance(xs, xs) * xs.length) / (xs.length - 1);

/** Two-sided p of equal means (Student 1908; both sides scatter alike); 0 where neither varies and they differ. */
function student(left: readonly number[], right: readonly number[]): number {
  const { ss, df } = addSpread(spreadOf(left), spreadOf(right));
  const difference = Math.abs(mean([...left]) - mean([...right]));
  if (ss === 0) return difference === 0 ? 1 : 0;
  return 2 * upperTail(difference / Math.sqrt((ss / df) * (1 / left.length + 1 / right.length)), df);
}
