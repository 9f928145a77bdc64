// Comparison of two failure shares whose failures come in clusters: quasi-binomial (McCullagh & Nelder 1989,
// section 4.5). Overdispersion is measured over rounds and never below 1.

import { upperTail } from './student-t.ts';

/** One round: how many requests, and how many of them failed. */
export interface FailureCount {
  readonly failed: number;
  readonly total: number;
}

export interface QuasiBinomial {
  /** Candidate share − baseline share. */
  readonly difference: number;
  readonly standardError: number;
  readonly df: number;
  /** Overdispersion φ. */
  readonly dispersion: number;
  /** P of a rise (and of a fall) as large as this by chance. */
  readonly pRise: number;
  readonly pFall: number;
}

/**
 * z = Δp ÷ √(p(1 − p)(1/N₁ + 1/N₀)φ), t with rounds − 2 degrees of freedom. The pooled p is (failed + ½)/(N + 1):
 * without a failure on either side the standard error is that of half a failure, not 0.
 * @returns null where a side has no requests or there are fewer than three rounds in all
 */
export function quasiBinomial(
  baseline: readonly FailureCount[],
  candidate: readonly FailureCount[],
): QuasiBinomial | null {
  const [base, cand] = [sum(baseline), sum(candidate)];
  const df = baseline.length + candidate.length - 2;
  if (base.total <= 0 || cand.total <= 0 || df < 1) return null;
  const dispersion = Math.max(1, (pearson(baseline, base) + pearson(candidate, cand)) / df);
  const pooled = (base.failed + cand.failed + 0.5) / (base.total + cand.total + 1);
  const standardError = Math.sqrt(pooled * (1 - pooled) * (1 / cand.total + 1 / base.total) * dispersion);
  const difference = cand.failed / cand.total - base.failed / base.total;
  return {
    difference,
    standardError,
    df,
    dispersion,
    pRise: upperTail(difference / standardError, df),
    pFall: upperTail(-difference / standardError, df),
  };
}

const sum = (counts: readonly FailureCount[]): FailureCount =>
  counts.reduce((all, one) => ({ failed: all.failed + one.failed, total: all.total + one.total }), {
    failed: 0,
    total: 0,
  });

/** Pearson's χ² of the rounds about their side's share. */
function pearson(counts: readonly FailureCount[], all: FailureCount): number {
  const p = all.failed / all.total;
  if (p === 0 || p === 1) return 0;
  return counts.reduce(
    (chi, { failed, total }) => (total === 0 ? chi : chi + (failed - total * p) ** 2 / (total * p * (1 - p))),
    0,
  );
}
