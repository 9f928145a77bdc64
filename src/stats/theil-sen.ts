// Trend in a short series: Theil–Sen slope (Theil 1950; Sen 1968) and the Mann–Kendall test for it (Kendall 1975),
// with the exact null distribution while the series is short.

import jstat from 'jstat';
import { median } from 'simple-statistics';

/** Median of all pairwise slopes, per step of x; NaN with fewer than two different x. Default x: 0, 1, 2, … */
export function theilSen(y: readonly number[], x: readonly number[] = [...y.keys()]): number {
  const slopes: number[] = [];
  for (let i = 0; i < y.length; i++) {
    for (let j = i + 1; j < y.length; j++) {
      const run = x[j]! - x[i]!;
      if (run !== 0) slopes.push((y[j]! - y[i]!) / run);
    }
  }
  return slopes.length === 0 ? Number.NaN : median(slopes);
}

/** Median of the slopes per step inside several series, each of which has a level of its own. */
export function theilSenWithin(series: readonly (readonly number[])[]): number {
  const slopes = series.flatMap((y) => y.flatMap((from, i) => y.slice(i + 1).map((to, j) => (to - from) / (j + 1))));
  return slopes.length === 0 ? Number.NaN : median(slopes);
}

/** Two-sided p value of "no trend" (Mann–Kendall); 1 with fewer than three values. Observations must be independent. */
export function mannKendall(y: readonly number[]): number {
  const n = y.length;
  if (n < 3) return 1;
  const { s, variance, ties } = kendall(y);
  return n <= EXACT_UP_TO && !ties ? exact(n, Math.abs(s)) : byNormal(s, variance);
}

/**
 * The same over several series, each of which has a level of its own: S and its variance are added up, as over the
 * seasons of Hirsch, Slack & Smith 1982.
 */
export function mannKendallWithin(series: readonly (readonly number[])[]): number {
  const long = series.filter((y) => y.length >= 3);
  if (long.length <= 1) return mannKendall(long[0] ?? []);
  const all = long.map(kendall);
  const sum = (pick: (one: Kendall) => number): number => all.reduce((total, one) => total + pick(one), 0);
  return byNormal(
    sum(({ s }) => s),
    sum(({ variance }) => variance),
  );
}

interface Kendall {
  readonly s: number;
  readonly variance: number;
  readonly ties: boolean;
}

function kendall(y: readonly number[]): Kendall {
  const n = y.length;
  let s = 0;
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) s += Math.sign(y[j]! - y[i]!);
  const counts = new Map<number, number>();
  for (const value of y) counts.set(value, (counts.get(value) ?? 0) + 1);
  const tied = [...counts.values()].reduce((sum, t) => sum + t * (t - 1) * (2 * t + 5), 0);
  return { s, variance: (n * (n - 1) * (2 * n + 5) - tied) / 18, ties: counts.size < n };
}

/** With Kendall's correction for continuity. */
function byNormal(s: number, variance: number): number {
  if (variance === 0) return 1;
  return Math.min(1, 2 * (1 - jstat.jStat.normal.cdf(Math.max(0, Math.abs(s) - 1) / Math.sqrt(variance), 0, 1)));
}

const EXACT_UP_TO = 40;

/** P(|S| ≥ s): counts permutations by number of inversions (Mahonian numbers), as probabilities. */
function exact(n: number, s: number): number {
  let share = [1];
  for (let size = 2; size <= n; size++) {
    const next = new Array<number>(share.length + size - 1).fill(0);
    for (const [inversions, probability] of share.entries()) {
      for (let added = 0; added < size; added++) next[inversions + added]! += probability / size;
    }
    share = next;
  }
  const pairs = (n * (n - 1)) / 2;
  const p = share.reduce(
    (sum, probability, inversions) => sum + (Math.abs(pairs - 2 * inversions) >= s ? probability : 0),
    0,
  );
  return Math.min(1, p);
}
