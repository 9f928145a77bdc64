import type { LoadPlan, OfferedLoad, PhasePlan } from '../../src/load/plan.ts';

/** All of a plan but its phases, with limits that no quick server comes near. */
export const UNHURRIED: Omit<LoadPlan, 'phases'> = {
  stage: 'benchmark',
  seed: 5,
  drainMs: 5_000,
  maxInFlight: 1_000,
  requestTimeoutMs: 10_000,
  stallTimeoutMs: 10_000,
};

/** Phases one after the other. */
export function planOf(
  phases: readonly [durationMs: number, load: OfferedLoad][],
  rest: Partial<LoadPlan> = {},
): LoadPlan {
  let startMs = 0;
  return {
    ...UNHURRIED,
    phases: phases.map(([durationMs, load], index): PhasePlan => {
      const phase: PhasePlan = { name: `round-${index + 1}`, kind: 'round', startMs, durationMs, load, pattern: 1 };
      startMs += durationMs;
      return phase;
    }),
    ...rest,
  };
}
