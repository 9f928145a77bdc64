// Weighted Holm: which of several hypotheses may be rejected while the chance of any false rejection stays at
// alpha. Holm 1979, "A simple sequentially rejective multiple test procedure", section 4.

/**
 * Sorted by p/w, each is rejected while p ≤ alpha·w ÷ (sum of the weights not yet rejected).
 * @param p one p value per hypothesis
 * @param weights positive; only their ratios count
 * @returns true = rejected, in the order given
 */
export function weightedHolm(p: readonly number[], weights: readonly number[], alpha: number): boolean[] {
  if (weights.length !== p.length)
    throw new RangeError(`weightedHolm: ${p.length} p values, ${weights.length} weights`);
  const rejected = p.map(() => false);
  let remaining = weights.reduce((sum, weight) => sum + weight, 0);
  const order = [...p.keys()].sort((a, b) => p[a]! / weights[a]! - p[b]! / weights[b]! || a - b);
  for (const index of order) {
    const weight = weights[index]!;
    if (!(p[index]! <= (alpha * weight) / remaining)) break;
    rejected[index] = true;
    remaining -= weight;
  }
  return rejected;
}
