// How much of a series is warm-up: MSER-5 (White, Cobb & Spratt 2000, "A comparison of five steady-state
// truncation heuristics"). Averages of five; cut where the rest has the smallest standard error.

const BATCH = 5;

export interface SteadyState {
  /** How many observations at the start of the series to leave out; a multiple of 5. */
  readonly cut: number;
  /** The best cut is the half-way limit: the series does not show a steady state. */
  readonly hitLimit: boolean;
}

/**
 * argmin over d ≤ n/2 of Σ_{i>d}(bᵢ − b̄_d)² / (n − d)², with bᵢ the means of n batches of five; of equal
 * minima the earliest. Observations after the last whole batch do not count. Fewer than two batches: no cut.
 */
export function mser5(series: readonly number[]): SteadyState {
  const batches = batchMeans(series);
  const n = batches.length;
  if (n < 2) return { cut: 0, hitLimit: false };
  const limit = Math.floor(n / 2);
  let best = { d: 0, score: Number.POSITIVE_INFINITY };
  // Welford from the end: count, mean and sum of squares of the tail after d, without cancellation.
  let count = 0;
  let mean = 0;
  let squares = 0;
  for (let d = n - 1; d >= 0; d--) {
    const value = batches[d]!;
    count += 1;
    const delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
    const score = squares / count ** 2;
    if (d <= limit && score <= best.score) best = { d, score };
  }
  return { cut: best.d * BATCH, hitLimit: best.d === limit };
}

function batchMeans(series: readonly number[]): number[] {
  const means: number[] = [];
  for (let start = 0; start + BATCH <= series.length; start += BATCH) {
    let sum = 0;
    for (let index = start; index < start + BATCH; index++) sum += series[index]!;
    means.push(sum / BATCH);
  }
  return means;
}
