// What a stage asks of the load room: phases on one time axis, each with its offered load. Plain data; stages
// make it, arrivals.ts turns it into planned times, load.ts carries it out.

import type { ArrivalProcess, StageName, ThinkTime } from '../config/schema.ts';
import type { RequestSlot } from '../workload/source.ts';
import { type Trace, tracedRequest } from '../workload/trace.ts';

export interface OpenLoad {
  readonly kind: 'open';
  readonly process: ArrivalProcess;
  readonly from: number;
  readonly to: number;
}

/** The requests of a trace from `first` on, that many; the phase begins at `fromMs` of the trace's axis. */
export interface ReplayLoad {
  readonly kind: 'replay';
  readonly trace: Trace;
  readonly fromMs: number;
  readonly first: number;
  readonly requests: number;
}

/**
 * Open loop: offered rate in requests per second, linear in time from `from` to `to` over the phase
 * (equal for a held level). Replay: open loop too, at the times of a trace. Closed loop: users who wait for their
 * answer, think, and ask again.
 */
export type OfferedLoad =
  | OpenLoad
  | ReplayLoad
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

/** What the workload needs to write the index-th request of a phase, sent (or due) at tMs. */
export function slotOf(plan: LoadPlan, phase: number, index: number, tMs: number): RequestSlot {
  const { name, pattern, startMs, durationMs, load } = plan.phases[phase]!;
  return {
    kind: 'load',
    phase: name,
    pattern,
    index,
    progress: Math.min(1, Math.max(0, (tMs - startMs) / durationMs)),
    ...(load.kind === 'replay' && { traced: tracedRequest(load.trace, load.first + index) }),
  };
}

/** Requests per second on average; null in closed loop. */
export function offeredRate({ load, durationMs }: Pick<PhasePlan, 'load' | 'durationMs'>): number | null {
  switch (load.kind) {
    case 'open':
      return (load.from + load.to) / 2;
    case 'replay':
      return load.requests / (durationMs / 1_000);
    case 'closed':
      return null;
  }
}

/** Requests per second at the busiest; of a trace the most within one second. */
export const highestRate = (load: OpenLoad | ReplayLoad): number =>
  load.kind === 'open' ? Math.max(load.from, load.to) : mostWithinASecond(load);

function mostWithinASecond({ trace: { atMs }, first, requests }: ReplayLoad): number {
  let most = 0;
  let from = first;
  for (let i = first; i < first + requests; i++) {
    while (atMs[i]! - atMs[from]! >= 1_000) from += 1;
    most = Math.max(most, i - from + 1);
  }
  return most;
}
