// Equivalence: two one-sided tests (Schuirmann 1987). Small p = the difference lies inside ±margin.

import { upperTail } from './student-t.ts';

/** The larger of the two one-sided p values, P(T > (M − d)/se) and P(T > (M + d)/se); all in the unit of d. */
export function tost(difference: number, standardError: number, df: number, margin: number): number {
  return Math.max(notAbove(difference, standardError, df, margin), notAbove(-difference, standardError, df, margin));
}

/** One half of it, non-inferiority: small p = the difference lies below +margin. */
export function notAbove(difference: number, standardError: number, df: number, margin: number): number {
  if (standardError === 0) return difference < margin ? 0 : 1;
  return upperTail((margin - difference) / standardError, df);
}
