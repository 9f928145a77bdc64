// Student's t: tail probability, quantile, and the noncentral t that says what a test could have seen.

import jstat from 'jstat';

const { jStat } = jstat;

/** P(T > t) with `df` degrees of freedom; exact in the far tail, where 1 − cdf has no digits left. */
export function upperTail(t: number, df: number): number {
  if (Number.isNaN(t)) return 1;
  if (t === Number.POSITIVE_INFINITY) return 0;
  if (t === Number.NEGATIVE_INFINITY) return 1;
  const beyond = 0.5 * jStat.ibeta(df / (df + t * t), df / 2, 0.5);
  return t > 0 ? beyond : 1 - beyond;
}

/** The t that is exceeded with probability `p`, 0 < p < 1. */
export function upperQuantile(p: number, df: number): number {
  return p === 0.5 ? 0 : -jStat.studentt.inv(p, df);
}

/**
 * P(T > t) where T is noncentral t, T = (Z + ncp) / √(χ²/df). Integrated over u = √(χ²/df) by Simpson's rule:
 * jStat's own series underflows from a noncentrality of about 38 on, and thin baselines need far more.
 */
export function noncentralUpperTail(t: number, df: number, ncp: number): number {
  return chiNodes(df, t, 4_000).reduce((sum, [u, weight]) => sum + weight * jStat.normal.cdf(ncp - t * u, 0, 1), 0);
}

/**
 * The noncentrality (effect ÷ standard error) that a one-sided t test at level `alpha` rejects with `power`.
 * Found by bisection; about t(1 − alpha) + t(power). Remembered: the comparisons of a report share a few levels.
 */
export function detectableNoncentrality(alpha: number, power: number, df: number): number {
  const key = `${alpha} ${power} ${df}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  const found = solveNoncentrality(alpha, power, df);
  remembered.set(key, found);
  return found;
}

const remembered = new Map<string, number>();
const MOST_REMEMBERED = 1_000;

function solveNoncentrality(alpha: number, power: number, df: number): number {
  const critical = upperQuantile(alpha, df);
  const nodes = chiNodes(df, critical, 512);
  const reached = (ncp: number): number =>
    nodes.reduce((sum, [u, weight]) => sum + weight * jStat.normal.cdf(ncp - critical * u, 0, 1), 0);
  let low = 0;
  let high = 2 * Math.abs(critical) + 4;
  while (reached(high) < power) high *= 2;
  for (let step = 0; step < 60 && high - low > 1e-7 * high; step++) {
    const middle = (low + high) / 2;
    if (reached(middle) < power) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Simpson's nodes and weights for the density of u = √(χ²/df). The finer, the sharper Φ(ncp − t·u) turns in u. */
function chiNodes(df: number, t: number, most: number): readonly (readonly [u: number, weight: number])[] {
  const reach = 9 / Math.sqrt(2 * df);
  const from = Math.max(0, 1 - reach);
  const intervals = 2 * Math.ceil(Math.min(most, Math.max(256, 3 * (1 + reach - from) * Math.abs(t))) / 2);
  const step = (1 + reach - from) / intervals;
  const logConstant = Math.LN2 + (df / 2) * Math.log(df / 2) - jStat.gammaln(df / 2);
  const nodes: [number, number][] = [];
  for (let index = 0; index <= intervals; index++) {
    const u = from + index * step;
    const density =
      u > 0 ? Math.exp(logConstant + (df - 1) * Math.log(u) - (df * u * u) / 2) : df === 1 ? Math.exp(logConstant) : 0;
    const simpson = index === 0 || index === intervals ? 1 : index % 2 === 1 ? 4 : 2;
    nodes.push([u, (density * simpson * step) / 3]);
  }
  return nodes;
}
