// What planners and measurers share about phases: how they follow each other in time.

import type { Rate, Replay } from '../config/schema.ts';
import type { PhasePlan } from '../load/plan.ts';
import type { Trace } from '../workload/trace.ts';

/** What every stage's plan takes from outside its own section of the configuration. */
export interface PlanCommon {
  readonly seed: number;
  readonly maxInFlight: number;
  readonly requestTimeoutMs: number;
  readonly stallTimeoutMs: number;
  /** Requests per second of a load as configured; resolves shares of the baseline's knee. */
  readonly rates: (rate: Rate) => number;
  /** The first `untilMs` of a trace, sped up. */
  readonly trace: (replay: Replay, untilMs: number) => Trace;
}

/** Puts phases one after the other from 0 on. */
export function layOut(phases: readonly Omit<PhasePlan, 'startMs'>[]): PhasePlan[] {
  let startMs = 0;
  return phases.map((phase) => {
    const placed = { ...phase, startMs };
    startMs += phase.durationMs;
    return placed;
  });
}

export const endOf = (phase: PhasePlan): number => phase.startMs + phase.durationMs;
