// What a stage asks of the load room: phases on one time axis, each with its offered load. Plain data; stages
// make it, arrivals.ts turns it into planned times, load.ts carries it out.

import type { StageName, ThinkTime } from '../config/schema.ts';

/**
 * Open loop: offered rate in requests per second, linear in time from `from` to `to` over the phase
 * (equal for a held level). Closed loop: users who wait for their answer, think, and ask again.
 */
export type OfferedLoad =
  | { readonly kind: 'open'; readonly process: 'poisson' | 'constant'; readonly from: number; readonly to: number }
  | { readonly kind: 'closed'; readonly users: number; readonly think: ThinkTime };

export type PhaseKind = 'rampIn' | 'round' | 'step' | 'base' | 'surge' | 'recover';

export interface PhasePlan {
  /** Unique in the plan: `ramp-in`, `round-1`, `step-4`, `surge-1`. */
  readonly name: string;
  readonly kind: PhaseKind;
  readonly startMs: number;
  readonly durationMs: number;
  readonly load: OfferedLoad;
  /**
   * Phases with the same pattern draw the same arrival times and the same lengths (text still differs), so that
   * rounds repeat each other and boots repeat boots: variance that no comparison should have to pay for.
   */
  readonly pattern: number;
}

export interface LoadPlan {
  readonly stage: StageName;
  readonly seed: number;
  /** In order, without gaps: startMs + durationMs = the next startMs. */
  readonly phases: readonly PhasePlan[];
  /** How long requests in flight at the end of the last phase may still take; then they are `cut`. */
  readonly drainMs: number;
  /** Protects the machine; a slot that finds the cap reached is dropped and counted. */
  readonly maxInFlight: number;
  readonly requestTimeoutMs: number;
  readonly stallTimeoutMs: number;
}
