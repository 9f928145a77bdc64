// Counts over many pull requests as rates with what is uncertain about them.

import jstat from 'jstat';

/** What happened to one pull request, by name; each at most 1, but for `boots`. */
export type Counts = Readonly<Record<string, number>>;

/** Sums over pull requests, by name, and how many there were. */
export interface Score {
  readonly prs: number;
  readonly sums: Counts;
}

export const EMPTY: Score = { prs: 0, sums: {} };

export function addScores(left: Score, right: Score): Score {
  const sums: Record<string, number> = { ...left.sums };
  for (const [name, value] of Object.entries(right.sums)) sums[name] = (sums[name] ?? 0) + value;
  return { prs: left.prs + right.prs, sums };
}

export const rateOf = ({ prs, sums }: Score, name: string): number => (sums[name] ?? 0) / prs;

export const standardErrorOf = (rate: number, prs: number): number => Math.sqrt((rate * (1 - rate)) / prs);

/** One-sided 95 % limit of a rate, `count` of `prs` (Clopper & Pearson 1934). */
export const upperLimit = (count: number, prs: number): number =>
  count >= prs ? 1 : jstat.jStat.beta.inv(0.95, count + 1, prs - count);
