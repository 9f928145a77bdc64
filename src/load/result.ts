// What a load leaves beside its rows: counts received over time, gap histograms, and the client's own account.

import type { Histogram } from 'hdr-histogram-js';

/** The client's account of itself for one phase. Delays in ms, of requests planned in the phase. */
export interface ClientPhaseHealth {
  readonly dispatchDelayMs: {
    readonly p50: number;
    readonly p99: number;
    /** Lower 99 % confidence limit of the p99: what so many requests prove. Decides whether the phase is spoilt. */
    readonly p99AtLeast: number;
    readonly max: number;
  } | null;
  /** Lower 99 % confidence limit, above the resolution of the event-loop monitor itself; worst worker. */
  readonly eventLoopDelayP99Ms: number | null;
  /** Busy share of one core, per worker. */
  readonly cpuShare: readonly number[];
  /** Slots of the schedule; after an early end those due by then. Closed loop: what was sent. */
  readonly planned: number;
  readonly sent: number;
  /** Of those, the ones that left when the phase was over and their time had long passed: the rate was not achieved. */
  readonly sentAfter: number;
  /** Slots that found maxInFlight reached. */
  readonly dropped: number;
  /** Of those, the ones that were planned inside the phase's steady window. */
  readonly droppedSteady: number;
  /** Slots that were due when the load was ended early, and that nobody sent any more. */
  readonly unsent: number;
  /** Requests that were sent again, since the kept-alive connection they went into was closed at once. */
  readonly retries?: number;
  /** Connections open at once; the limit: local ports that were left for them before the load. */
  readonly sockets?: PeakUse;
  /** Open files of this process, seen twice a second. */
  readonly openFiles?: PeakUse;
}

/** limit: null = this system does not say. */
export interface PeakUse {
  readonly peak: number;
  readonly limit: number | null;
}

export interface LoadResult {
  /** `cancelled`: the signal; `stopped`: the caller's stop function said so; `dead`: nothing answers any more. */
  readonly end: 'complete' | 'cancelled' | 'stopped' | 'dead';
  /** Why it ended early; null when complete. */
  readonly reason: string | null;
  /** performance.now() of the main thread at the load's time zero, to which every row refers. */
  readonly originMs: number;
  /** ms from the load's start to the end of its plan, or to the moment in which it was ended early. */
  readonly offeredMs: number;
  readonly durationMs: number;
  /** One per phase of the plan. */
  readonly phases: readonly ClientPhaseHealth[];
  /** Gaps between token-bearing events in µs, one histogram per phase (hdr, 3 digits). */
  readonly gapsUs: readonly Histogram[];
  /** What was received in each bucket of `bucketMs` from the load's start. */
  readonly bucketMs: number;
  readonly tokensReceived: readonly number[];
  /** Of all phases. */
  readonly retries: number;
}

/** Live figures for people and for stop rules, about twice a second. */
export interface LoadProgress {
  readonly elapsedMs: number;
  readonly totalMs: number;
  /** Index into the plan's phases; the last one while draining. */
  readonly phase: number;
  readonly draining: boolean;
  readonly inFlight: number;
  readonly sent: number;
  readonly done: number;
  readonly failed: number;
  /** Over the last few seconds. */
  readonly requestsPerSecond: number;
  readonly tokensPerSecond: number;
  readonly ttftP95Ms: number | null;
}
