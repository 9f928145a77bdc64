// How many observations a percentile needs before it may be printed without "thin".

/**
 * Smallest n for which P(Binomial(n, 1 − q) ≤ 1) ≤ 1 − confidence: with so many observations at least two lie
 * beyond the quantile, at that confidence. 64 for p90, 130 for p95, 662 for p99 at 99 %, as in MLPerf's early
 * stopping (MLCommons inference rules).
 * @param q quantile, in (0, 1)
 */
export function minimumSample(q: number, confidence = 0.99): number {
  const beyond = 1 - q;
  const atMostOne = (n: number): number => q ** n + n * beyond * q ** (n - 1);
  let enough = 2;
  while (atMostOne(enough) > 1 - confidence) enough *= 2; // falls with n from 2 on
  let tooFew = enough / 2;
  while (enough - tooFew > 1) {
    const middle = Math.floor((enough + tooFew) / 2);
    if (atMostOne(middle) > 1 - confidence) tooFew = middle;
    else enough = middle;
  }
  return enough;
}

/**
 * The percentile (0..100) of a sample of n at which to read a lower confidence limit of its quantile q: the k-th
 * largest value, k the smallest count with P(Binomial(n, 1 − q) ≥ k) ≤ 1 − confidence. For n = 80 and p99 the
 * fourth largest: one slow value of eighty does not yet say that one in a hundred is slow.
 * @param n observations, at least 1
 */
export function provenPercentile(n: number, q: number, confidence = 0.99): number {
  const beyond = 1 - q;
  // log P(X = 0), then log P(X = k − 1) in turn: q ** n itself is 0 from 74,000 values on.
  let logProbability = n * Math.log(q);
  let below = Math.exp(logProbability);
  let k = 1;
  while (1 - below > 1 - confidence && k < n) {
    logProbability += Math.log(((n - k + 1) / k) * (beyond / q));
    below += Math.exp(logProbability);
    k += 1;
  }
  return (100 * (n - k + 1)) / n;
}
