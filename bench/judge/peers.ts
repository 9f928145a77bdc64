// What other tools would have said of the same numbers, by the rules that their documentation or source gives. Each
// sees the first candidate boot, since none boots again.

import { median, quantileSorted } from 'simple-statistics';
import { upperQuantile, upperTail } from '../../src/stats/student-t.ts';
import { REQUESTS_PER_ROUND } from './noise.ts';
import type { DrawnBoot } from './pull-request.ts';
import { COLUMNS } from './scenarios.ts';

export type Call = 'worse' | 'better' | 'none';

export interface Seen {
  /** Boots of the stored level, oldest first. */
  readonly baseline: readonly DrawnBoot[];
  /** All boots that were ever recorded. */
  readonly recorded: readonly DrawnBoot[];
  readonly candidate: DrawnBoot;
}

export interface Peer {
  readonly name: string;
  /** The difference in log units (more = worse) that is called, up or down; or a call for one column. */
  readonly call: (seen: Seen, column: number) => Call;
}

export const callsOf = (peer: Peer, seen: Seen): Call[] => COLUMNS.map((_, column) => peer.call(seen, column));

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const varianceOf = (values: readonly number[]): number => {
  const centre = average(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
};
const bootOf = (boot: DrawnBoot, column: number): number => average(boot.logs[column]!);
const beyond = (difference: number, limit: number): Call =>
  difference > limit ? 'worse' : difference < -limit ? 'better' : 'none';
const byP = (difference: number, p: number, level: number): Call =>
  p > level ? 'none' : difference > 0 ? 'worse' : 'better';

/** One number against the last stored one. */
const ratio = (name: string, share: number): Peer => ({
  name,
  call: ({ baseline, candidate }, column) =>
    beyond(bootOf(candidate, column) - bootOf(baseline.at(-1)!, column), Math.log(1 + share)),
});

export const PEERS: readonly Peer[] = [
  ratio('ratio 200 % to the last run (github-action-benchmark)', 1),
  ratio('ratio 110 % to the last run (CodSpeed)', 0.1),
  ratio('ratio 105 % to the last run', 0.05),
  {
    name: 'beyond Q3 + 3·IQR of past changes (rustc-perf)',
    call({ recorded, baseline, candidate }, column) {
      const values = recorded.map((boot) => bootOf(boot, column));
      // Steps between accepted levels are changes that were meant: rustc-perf's window would hold them, ours leaves them out.
      const changes = values
        .slice(1)
        .map((value, index) => Math.abs(value - values[index]!))
        .filter((change) => change < 0.04)
        .toSorted((a, b) => a - b);
      if (changes.length < 2) return beyond(bootOf(candidate, column) - bootOf(baseline.at(-1)!, column), 0.002);
      const [q1, q3] = [quantileSorted(changes, 0.25), quantileSorted(changes, 0.75)];
      return beyond(bootOf(candidate, column) - bootOf(baseline.at(-1)!, column), q3 + 3 * (q3 - q1));
    },
  },
  {
    name: 'Mann–Whitney on rounds, 5 % (benchstat)',
    call({ baseline, candidate }, column) {
      const before = baseline.flatMap((boot) => boot.logs[column]!);
      const after = candidate.logs[column]!;
      return byP(median([...after]) - median(before), mannWhitney(before, after), 0.05);
    },
  },
  {
    name: 'Welch’s t on rounds, 5 %',
    call({ baseline, candidate }, column) {
      const before = baseline.flatMap((boot) => boot.logs[column]!);
      const after = candidate.logs[column]!;
      const difference = average(after) - average(before);
      return byP(difference, welch(difference, moments(before), moments(after)), 0.05);
    },
  },
  {
    name: 'Welch’s t on requests, 5 %',
    call({ baseline, candidate }, column) {
      const last = baseline.at(-1)!;
      if (COLUMNS[column]!.kind === 'throughput') return 'none';
      const of = (boot: DrawnBoot) => {
        const rounds = boot.requests[column]!;
        return {
          mean: boot.effects[column]! + average(rounds.map((round) => round.mean)),
          variance: average(rounds.map((round) => round.variance)) + varianceOf(rounds.map((round) => round.mean)),
          n: rounds.length * REQUESTS_PER_ROUND,
        };
      };
      const [before, after] = [of(last), of(candidate)];
      return byP(after.mean - before.mean, welch(after.mean - before.mean, before, after), 0.05);
    },
  },
  {
    name: 'prediction interval over runs, 99 % (Bencher)',
    call({ baseline, candidate }, column) {
      const values = baseline.map((boot) => bootOf(boot, column));
      if (values.length < 2) return 'none';
      const half = upperQuantile(0.01, values.length - 1) * Math.sqrt(varianceOf(values) * (1 + 1 / values.length));
      return beyond(bootOf(candidate, column) - average(values), half);
    },
  },
];

interface Moments {
  readonly mean: number;
  readonly variance: number;
  readonly n: number;
}
const moments = (values: readonly number[]): Moments => ({
  mean: average(values),
  variance: varianceOf(values),
  n: values.length,
});

/** Two-sided (Welch 1947). */
function welch(difference: number, before: Moments, after: Moments): number {
  const [a, b] = [before.variance / before.n, after.variance / after.n];
  const df = (a + b) ** 2 / (a ** 2 / (before.n - 1) + b ** 2 / (after.n - 1));
  return 2 * upperTail(Math.abs(difference) / Math.sqrt(a + b), df);
}

/** Two-sided, by the normal approximation with continuity correction (Mann & Whitney 1947); the values have no ties. */
function mannWhitney(before: readonly number[], after: readonly number[]): number {
  let u = 0;
  for (const x of after) for (const y of before) if (x > y) u += 1;
  const product = before.length * after.length;
  const sd = Math.sqrt((product * (before.length + after.length + 1)) / 12);
  return 2 * upperTail(Math.max(0, Math.abs(u - product / 2) - 0.5) / sd, Number.MAX_SAFE_INTEGER);
}
