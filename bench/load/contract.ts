// What a load generator is to this bench: how it is installed and started, what it is asked to do (Job) and what it
// tells afterwards (ToolResult). Who starts it, pins it and counts its CPU is measure.ts; the truth about the load
// (arrivals, writes, ends) is the server's, never a tool's.

export interface Tool {
  /** As in tables and in `--tools`. */
  readonly name: string;
  /** floor: does no work of a load generator, and shows what the machine can do at best. */
  readonly kind: 'plimsoll' | 'floor' | 'peer';
  /** What it is written in; of a peer Python where it doesn't say. */
  readonly language?: string;
  /** Makes it ready; finds at once that it is. @throws Error whose message is the reason that the table prints */
  install(): Promise<void>;
  /** After install(). */
  version(): Promise<string>;
  /** Why it can't carry this job, for the table; null = it can. */
  unfit(job: JobShape): string | null;
  /** How to start it for this job. `folder` is empty, belongs to this run and may be written to here and by the tool. */
  command(job: Job, folder: string): Promise<Command>;
  /**
   * What it told in `folder`, after it exited with 0. `stdout` and `stderr` lie there as files of these names.
   * @throws Error where that can't be read
   */
  read(job: Job, folder: string): Promise<ToolResult>;
}

/** Started in a session of its own as `taskset -c 1 …argv`, with the server on core 0; killed after job.timeoutSeconds. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

interface JobCommon {
  /** Of the server, such as http://127.0.0.1:41234. The API: /v1/chat/completions, /v1/models. */
  readonly url: string;
  readonly model: string;
  /** Open loop, evenly spaced, requests a second. */
  readonly rate: number;
  /** In all; the first is due at 0, the last at (requests − 1) / rate. */
  readonly requests: number;
  /** Requests in flight that this comes to: users of a tool that can only do closed loop, connections of a pool. */
  readonly concurrency: number;
  /** Words of a prompt, about: enough to be a prompt, too few to matter. */
  readonly promptTokens: number;
  readonly timeoutSeconds: number;
}

/** Streamed chat answers: one event with one word of text each, then the finish reason, usage and [DONE]. */
export interface StreamJob extends JobCommon {
  readonly kind: 'stream';
  /** Token-bearing events of an answer; ask for so many tokens. */
  readonly eventsPerAnswer: number;
  /** Between the writes of one answer. 0: as fast as the client takes them. */
  readonly writeIntervalMs: number;
  /** Events in one write of the server. */
  readonly eventsPerWrite: number;
  /** Keep and tell the time of every event (`eventsAtMs`), where the tool can. */
  readonly stamps: boolean;
  /** Bytes of an answer before its first token-bearing event, and of each such event, for a reader that parses nothing. */
  readonly sizes: { readonly headBytes: number; readonly eventBytes: number };
}

/** Short answers in one piece (`stream: false`). */
export interface PlainJob extends JobCommon {
  readonly kind: 'plain';
}

export type Job = StreamJob | PlainJob;
/** A job before there is a server for it. */
export type JobShape = StreamShape | PlainShape;
export type StreamShape = Omit<StreamJob, 'url' | 'model' | 'sizes'>;
export type PlainShape = Omit<PlainJob, 'url' | 'model'>;

/** Events a second that a job comes to once all its streams are open. */
export const eventRate = (job: StreamJob): number =>
  job.writeIntervalMs === 0
    ? Number.POSITIVE_INFINITY
    : (Math.min(job.concurrency, job.requests) * job.eventsPerWrite * 1_000) / job.writeIntervalMs;

/** How long the job takes where the client keeps up: from the first request to the end of the last answer. */
export const plannedSeconds = (job: Job): number =>
  (job.requests - 1) / job.rate +
  (job.kind === 'plain' ? 0 : (Math.ceil(job.eventsPerAnswer / job.eventsPerWrite) * job.writeIntervalMs) / 1_000);

/** What a tool says of its run. Durations in ms; null or empty where it doesn't say. */
export interface ToolResult {
  readonly done: number;
  readonly failed: number;
  /** Token-bearing events that it saw, where it counts them. */
  readonly events?: number;
  /** From its first request to the end of its last answer, by its own account. */
  readonly durationMs: number | null;
  /** One entry per request that ended well, where it exports them; in any order. */
  readonly answers: readonly Answer[];
  /** Times between token-bearing events of one answer, pooled, where it exports them. */
  readonly gapsMs: readonly number[];
  /** What it only gives as quantiles. */
  readonly quantiles: Partial<Record<Figure, Quantiles>>;
  /** From planned to sent, where it accounts for itself. */
  readonly dispatchDelayMs: Quantiles | null;
  /** What a reader of the table must know. */
  readonly notes: readonly string[];
}

export interface Answer {
  /** The server's x-request-id, or the id in its answer; null = the tool keeps neither. */
  readonly id: string | null;
  readonly ttftMs: number | null;
  readonly e2eMs: number | null;
  /** Mean time between events of this answer; some tools keep no single ones. null = none told, or `eventsAtMs` says. */
  readonly meanGapMs: number | null;
  /** Receive time of every token-bearing event in ms of CLOCK_MONOTONIC, for a job with `stamps`. */
  readonly eventsAtMs?: readonly number[];
}

/** `gap`: between two events of one answer (ICL). `meanGap`: its mean in an answer, all that some tools tell. */
export type Figure = 'ttft' | 'gap' | 'meanGap' | 'e2e';

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  /** null = not given. */
  readonly max: number | null;
}

/** One run of one tool: the server's truth, what it cost, and what the tool said. */
export interface Measured {
  readonly tool: string;
  readonly job: Job;
  readonly server: ServerAccount;
  readonly cost: Cost;
  readonly result: ToolResult;
  /** Planned duration ÷ the actual one, to the later of the server's last write and the tool's own end; at most 1. */
  readonly achieved: number;
  /** How far the tool's figures are from the server's stamps, paired as closely as what it tells allows. */
  readonly errors: Errors;
  /** The same with everybody's lists paired by rank, so that tools which keep no ids can be compared. */
  readonly ranked: Errors;
  readonly pinned: boolean;
  /** Of the core that lost most: the share of its time that the machine's own host gave to others. */
  readonly stolenShare: number;
}

const MOST_STOLEN_SHARE = 0.05;

/** So much of a core went to others on the machine's host that what a tool did meanwhile says nothing of it. */
export const isStolen = ({ stolenShare }: Measured): boolean => stolenShare > MOST_STOLEN_SHARE;

/**
 * Absolute differences in ms between tool and server. `event`: from the server's write to the tool's read. `id`: request
 * by request, event by event; `rank`, the k-th smallest with the k-th smallest, and `quantile`, one quantile with the
 * other, flatter the tool.
 */
export type Errors = Partial<Record<Figure | 'event', Quantiles & { readonly paired: 'id' | 'rank' | 'quantile' }>>;

export interface ServerAccount {
  readonly requests: number;
  readonly answered: number;
  /** Token-bearing events written. */
  readonly events: number;
  /** From the first request's arrival to the last answer's last write. */
  readonly durationMs: number;
  readonly writesPerSecond: number;
  /** How late its writes were against its own schedule: where this is high the server was the limit. */
  readonly writeDelayMs: Quantiles | null;
  /** Share of core 0 that the server's process took in that time. */
  readonly cpuShare: number;
}

/** CPU time (user + system) of all processes of the tool, waited-for children included, from /proc. */
export interface Cost {
  /** Between a quarter of the events (plain: requests) and the last one: what is compared. */
  readonly steadyCpuSeconds: number;
  /** Of it in the kernel. Runs before 2026-11-30 do not say. */
  readonly steadySystemSeconds?: number;
  /** Events, plain: requests, in that time. */
  readonly steadyUnits: number;
  readonly steadySeconds: number;
  /** From the first request that the server saw to the last answer that it finished. */
  readonly loadCpuSeconds: number;
  /** From start to exit. */
  readonly totalCpuSeconds: number;
  /** Highest sum of resident memory over its processes (VmHWM where there is one process only). */
  readonly peakMemoryBytes: number;
}

/** Runs a tool once against a fresh server. @throws Error with the end of the tool's stderr where it fails */
export type Measure = (tool: Tool, job: JobShape) => Promise<Measured>;

/** The highest rate that a tool still achieves to 99 % (bench/load/peers/ceiling.ts). */
export interface Ceiling {
  readonly eventsPerSecond: number;
  /** The run at that rate. */
  readonly measured: Measured;
  /** Every rate that was tried, with its achieved share. */
  readonly tried: readonly { readonly eventsPerSecond: number; readonly achieved: number }[];
}

/** What bench/load/peers/index.ts exports. */
export interface Peers {
  readonly peers: readonly Tool[];
  findCeiling(tool: Tool, measure: Measure): Promise<Ceiling>;
}
