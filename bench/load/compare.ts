// From runs to comparisons: which runs count, and ratios of tools within an alternation. Pure.

import type { Measured } from './contract.ts';
import { median } from './quantiles.ts';
import type { CeilingFound, Line, Machine, Run } from './store.ts';

/** Runs that ended well and are not void, of the newest session that has any of the case. */
export function runsOf(sessions: readonly (readonly Line[])[], name: string): readonly Run[] {
  for (const lines of sessions.toReversed()) {
    const runs = lines.filter((line): line is Run => line.kind === 'run' && line.case === name);
    if (runs.some(({ measured, isVoid }) => measured !== null && !isVoid)) return runs;
  }
  return [];
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Alternations. */
  readonly count: number;
}

export type Value = (measured: Measured) => number | null;

/** Over a tool's runs that count; null = there is none. */
export function spreadOf(runs: readonly Run[], tool: string, value: Value): Spread | null {
  return spread(counted(runs, tool).map((run) => value(run.measured)));
}

/**
 * Median of the ratios ours ÷ theirs, each within one alternation, so that a slow minute of the machine is in both.
 * @param theirs the best of these in the alternation stands for them; `best`: which end is best
 */
export function ratioOf(
  runs: readonly Run[],
  ours: string,
  theirs: readonly string[],
  value: Value,
  best: 'highest' | 'lowest',
): Spread | null {
  return spread(
    counted(runs, ours).map((run) => {
      const others = theirs
        .flatMap((tool) => counted(runs, tool))
        .filter(({ alternation }) => alternation === run.alternation)
        .map(({ measured }) => value(measured))
        .filter((other) => other !== null && Number.isFinite(other));
      const own = value(run.measured);
      if (own === null || others.length === 0) return null;
      return own / (best === 'highest' ? Math.max(...(others as number[])) : Math.min(...(others as number[])));
    }),
  );
}

/** Alternations in which a run was void. */
export const voidOf = (runs: readonly Run[]): number =>
  new Set(runs.filter(({ isVoid }) => isVoid).map(({ alternation }) => alternation)).size;

export const machineOf = (sessions: readonly (readonly Line[])[]): Machine | undefined =>
  sessions.toReversed().flatMap((lines) => lines.filter((line) => line.kind === 'machine'))[0];

/** The newest search for each tool's ceiling, or why there was none. */
export function ceilingsOf(sessions: readonly (readonly Line[])[]): readonly CeilingFound[] {
  const newest = new Map<string, CeilingFound>();
  for (const line of sessions.flat()) if (line.kind === 'ceiling') newest.set(line.tool, line);
  return [...newest.values()];
}

export const eventsPerCpuSecond: Value = ({ cost }) =>
  cost.steadyUnits > 0 && cost.steadyCpuSeconds > 0 ? cost.steadyUnits / cost.steadyCpuSeconds : null;

/** Busy share of one core while the load was steady. */
export const cpuShare: Value = ({ cost }) =>
  cost.steadySeconds > 0 ? cost.steadyCpuSeconds / cost.steadySeconds : null;

/** Requests that were neither answered nor told of, and events that were written and not seen. */
export const lost = ({ job, result, server }: Measured): number =>
  Math.abs(job.requests - result.done - result.failed) +
  (job.kind === 'plain' || result.events === undefined ? 0 : Math.abs(server.events - result.events));

type Counted = Run & { readonly measured: Measured };
const counted = (runs: readonly Run[], tool: string): readonly Counted[] =>
  runs.filter((run): run is Counted => run.tool === tool && run.measured !== null && !run.isVoid);

function spread(values: readonly (number | null)[]): Spread | null {
  const numbers = values.filter((value) => value !== null && Number.isFinite(value)) as number[];
  if (numbers.length === 0) return null;
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers), count: numbers.length };
}
