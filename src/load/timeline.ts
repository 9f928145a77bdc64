// One request's life as a flat row: what load writes, stages measure and requests.ndjson.gz keeps.
// Times are ms of the monotonic clock since the stage's load began; null = that moment never came.

export const OUTCOMES = [
  'ok',
  'connect_error',
  'http_error',
  'rejected',
  'timeout',
  'stalled',
  'reset',
  'malformed',
  'error_event',
  'truncated',
  'cut',
] as const;
/**
 * ok; connect_error: no connection, or none before a limit passed; http_error: status ≥ 400 but 429 and 503, which are
 * `rejected`; timeout: the request limit passed; stalled: no byte for the stall limit; reset: connection lost mid-answer;
 * malformed: not what the API promises (HTML, broken JSON, no SSE); error_event: an error inside a 200 stream; truncated:
 * the stream ended without finish reason or [DONE]; cut: we ended it, since the drain limit passed, the load was ended,
 * or the client itself failed.
 */
export type Outcome = (typeof OUTCOMES)[number];

export type TokenSource = 'usage' | 'chunks';

export interface Timeline {
  /** Position in the stage's schedule, 0-based over all phases (planned order). */
  readonly request: number;
  /** Index into the plan's phases. */
  readonly phase: number;
  readonly worker: number;
  /** null in closed loop: there is no plan, latency is service latency. */
  readonly plannedMs: number | null;
  readonly sentMs: number;
  readonly headersMs: number | null;
  readonly firstByteMs: number | null;
  readonly firstTokenMs: number | null;
  readonly firstContentMs: number | null;
  readonly lastTokenMs: number | null;
  readonly endMs: number;
  readonly outcome: Outcome;
  readonly status: number | null;
  /** Short, sanitised reason of a failure (error code, first words of a body); null when ok. */
  readonly error: string | null;
  readonly promptTokens: number | null;
  readonly outputTokens: number | null;
  readonly tokenSource: TokenSource | null;
  readonly maxTokens: number;
  /** Token-bearing events, and how many of them shared a socket read with the one before. */
  readonly chunks: number;
  readonly coalesced: number;
  readonly bytes: number;
  readonly finish: string | null;
  /** Connection reused; else connectMs says what the new one cost. */
  readonly reused: boolean;
  readonly connectMs: number | null;
  /** Sent again, once, because the server had closed the idle connection. */
  readonly retried: boolean;
  readonly serverId: string | null;
}

/** Latency starts at the plan in open loop, at the send in closed loop. */
export const startOf = (row: Timeline): number => row.plannedMs ?? row.sentMs;
