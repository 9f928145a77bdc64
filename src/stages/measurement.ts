// What a stage found out, as plain data: the boundary between measuring and judging. record/schema.ts stores
// exactly this; judge and report read nothing else.

import type { StageName } from '../config/schema.ts';
import type { PhaseKind } from '../load/plan.ts';
import type { PeakUse } from '../load/result.ts';
import type { Outcome } from '../load/timeline.ts';

/**
 * A measured value. `bound` says whether it is censored: `above` means "at least value" (a quantile that fell
 * among failures, a knee above the last step), `below` "at most value" (a knee below the first step).
 * value null = not measurable, with `note` saying why.
 */
export interface MetricValue {
  readonly value: number | null;
  readonly bound: 'exact' | 'above' | 'below';
  /** Observations behind it. */
  readonly n: number;
  /** The sample is too small to bear this percentile at 99 % confidence. */
  readonly thin: boolean;
  /** One per round (benchmark), per step (`curve.*`) or the single value of the boot; null where that one has none. */
  readonly rounds: readonly (number | null)[];
  /** Bound of each round, where one is censored; absent = all exact. */
  readonly roundBounds?: readonly ('exact' | 'above' | 'below')[] | undefined;
  /** Of a benchmark's percentile: 95 %, from its rounds as clusters; what this boot bears. Absent where there is none. */
  readonly interval?: readonly [number, number] | undefined;
  /** Distance of the two values that it was read between, where it comes from a grid of loads; absent = from none. */
  readonly spacing?: number | undefined;
  readonly note: string | null;
}

export const INVALID_CODES = [
  'client_dispatch_delay',
  'client_event_loop',
  'client_achieved',
  'client_dropped',
  'too_few_requests',
  'incomplete',
  'errors',
  'output_drift',
  'prompt_drift',
  'no_steady_state',
  'token_source',
  'restarted',
  'throttled',
  'stolen',
] as const;
export interface Invalidity {
  readonly code: (typeof INVALID_CODES)[number];
  /** One sentence with the numbers. */
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
  /** The phase it was seen in; null = the whole stage. */
  readonly phase: string | null;
}

export interface PhaseMeasurement {
  readonly name: string;
  readonly kind: PhaseKind;
  readonly startMs: number;
  readonly endMs: number;
  /** Requests per second offered on average; null in closed loop. */
  readonly offeredRate: number | null;
  readonly users: number | null;
  readonly planned: number;
  readonly sent: number;
  readonly dropped: number;
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  /** By metric id with statistic; only what this phase can give. `gpu.utilization.mean` and the like too. */
  readonly metrics: Readonly<
    Record<string, { readonly value: number | null; readonly bound: 'exact' | 'above' | 'below'; readonly n: number }>
  >;
  readonly client: {
    readonly dispatchDelayMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
    readonly eventLoopDelayP99Ms: number | null;
    readonly cpuShare: readonly number[];
    /** Requests sent again after a keep-alive race; what was open at once, and the limit. Absent in older records. */
    readonly retries?: number | undefined;
    readonly sockets?: PeakUse | undefined;
    readonly openFiles?: PeakUse | undefined;
  };
  /** Benchmark: the extra round that counts instead of this one, which is in no metric of the stage. */
  readonly replacedBy?: string | undefined;
  /** The client (not the deployment) spoilt this phase; empty = fit. */
  readonly invalid: readonly Invalidity[];
}

/** Linear: one row per step in order of load. */
export interface CurvePoint {
  readonly phase: string;
  readonly offeredRate: number;
  readonly achievedRate: number;
  readonly goodputShare: number;
  readonly ttftP50Ms: number | null;
  readonly ttftP95Ms: number | null;
  readonly tpotP50Ms: number | null;
  readonly tpotP95Ms: number | null;
  readonly e2eP95Ms: number | null;
  readonly tokensPerSecond: number;
  readonly errorRate: number;
  readonly inFlightMean: number;
  readonly backlogGrowing: boolean;
  readonly held: boolean;
}
/** Where the curve breaks, and the signal that broke at the same step. */
export interface Cliff {
  readonly betweenRates: readonly [number, number];
  /** "TTFT p95 rose 12× from 0.2 s to 2.4 s". */
  readonly what: string;
  /** "KV cache at 98 %", "queue grew to 120 requests"; null = no signal broke with it. */
  readonly why: string | null;
}
/** Step-surge: one row per window of planned time. */
export interface SurgePoint {
  readonly tMs: number;
  readonly offeredRate: number;
  readonly achievedRate: number;
  readonly ttftP95Ms: number | null;
  readonly inFlight: number;
  readonly failed: number;
}

/** Histograms of µs values, base64 of hdr-histogram's compressed V2 encoding. */
export type HistogramSet = Readonly<Partial<Record<'ttft' | 'tpot' | 'icl' | 'e2e', string>>>;

export interface StageMeasurement {
  readonly stage: StageName;
  /** stopped: its stop rule ended it (a result); aborted: the deployment died; cancelled: by the user. */
  readonly status: 'complete' | 'stopped' | 'aborted' | 'cancelled';
  readonly reason: string | null;
  readonly durationMs: number;
  /** Not empty = this stage of this boot cannot be judged. */
  readonly invalid: readonly Invalidity[];
  readonly phases: readonly PhaseMeasurement[];
  /** Boot-level values by metric id with statistic. */
  readonly metrics: Readonly<Record<string, MetricValue>>;
  readonly histograms: HistogramSet;
  readonly curve: readonly CurvePoint[] | null;
  readonly cliffs: readonly Cliff[];
  readonly surge: readonly SurgePoint[] | null;
  /** Share of token-bearing events that shared a read with the one before; tokens per event. */
  readonly stream: {
    readonly coalescedShare: number | null;
    readonly tokensPerChunk: number | null;
    readonly tokenSource: string | null;
  };
  /** Metrics that no sampler could give, with the reason, for SLA rules that ask for them. */
  readonly unmeasured: readonly { readonly metric: string; readonly reason: string }[];
}
