// What planners and measurers share about phases: how they follow each other in time, and from when on a phase
// counts as steady.

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

/**
 * Share at the start of a held level that is not measured. A hold is meant to last 5 × the p95 of its E2E, so that
 * after a fifth of it 95 % of the requests of the level before are gone.
 */
const SETTLING_SHARE = 0.2;

/**
 * Where the steady window of a phase opens. A round has its ramp-in before it; surge and recovery are the very
 * transition that is to be seen; steps and the base settle first.
 */
export function steadyFromMs({ kind, startMs, durationMs }: PhasePlan): number {
  return kind === 'step' || kind === 'base' ? startMs + SETTLING_SHARE * durationMs : startMs;
}

export const endOf = (phase: PhasePlan): number => phase.startMs + phase.durationMs;
