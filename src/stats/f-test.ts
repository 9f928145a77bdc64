// Fisher's F: whether one sample scatters more than another.

import jstat from 'jstat';
import type { Spread } from './summary.ts';

const { jStat } = jstat;

/** P(F > f) with `over` and `under` degrees of freedom, by the incomplete beta function. */
export function upperTailF(f: number, over: number, under: number): number {
  if (!(f > 0)) return 1;
  if (f === Number.POSITIVE_INFINITY) return 0;
  return jStat.ibeta(under / (under + over * f), under / 2, over / 2);
}

/** One-sided p of "`left` does not scatter more than `right`"; 1 where one of them says nothing. */
export function scattersMore(left: Spread, right: Spread): number {
  if (left.df === 0 || right.df === 0 || left.ss === 0) return 1;
  return upperTailF(left.ss / left.df / (right.ss / right.df), left.df, right.df);
}
