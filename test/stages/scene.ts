// What the tests of this room play with: rows by hand, and a deployment that is a plain queue (c servers, first
// come, first served), whose capacity and latencies can be worked out on paper.

import type { Config } from '../../src/config/schema.ts';
import { schedule } from '../../src/load/arrivals.ts';
import type { LoadPlan, PhasePlan } from '../../src/load/plan.ts';
import type { LoadResult } from '../../src/load/result.ts';
import type { Timeline } from '../../src/load/timeline.ts';
import { createMeasurer, type LoadEnd, type MeasurerInput } from '../../src/stages/measurer.ts';
import { endOf } from '../../src/stages/phases.ts';
import { createHistogram, recordMs } from '../../src/stats/histogram.ts';
import type { Trace } from '../../src/workload/trace.ts';
import { slotsOf } from '../load/slots.ts';

export const TIMEOUT_MS = 20_000;

export const CLIENT: Config['client'] = {
  workers: 1,
  maxInFlight: 10_000,
  dispatchDelayP99: 5,
  dispatchDelayShareOfTtft: 0.05,
  achievedShare: 0.99,
  eventLoopDelayP99: 10,
};
const CONFIG: MeasurerInput['config'] = { slo: {}, client: CLIENT, price: undefined, stages: {} };

export const common = {
  seed: 7,
  maxInFlight: 10_000,
  requestTimeoutMs: TIMEOUT_MS,
  stallTimeoutMs: TIMEOUT_MS,
  rates: (rate: { perSecond: number } | { shareOfKnee: number }) =>
    'perSecond' in rate ? rate.perSecond : rate.shareOfKnee * 100,
  trace: (): Trace => {
    throw new Error('no trace in this scene');
  },
};

/** An answer of 11 tokens in 11 chunks: first after 100 ms, then one every 10 ms. */
export function row(part: Omit<Partial<Timeline>, 'plannedMs'> & { readonly plannedMs: number }): Timeline {
  const start = part.plannedMs;
  const whole: Timeline = {
    request: 0,
    phase: 0,
    worker: 0,
    plannedMs: start,
    sentMs: start,
    headersMs: start + 90,
    firstByteMs: start + 90,
    firstTokenMs: start + 100,
    firstContentMs: start + 100,
    lastTokenMs: start + 200,
    endMs: start + 200,
    outcome: 'ok',
    status: 200,
    error: null,
    promptTokens: 50,
    outputTokens: 11,
    tokenSource: 'usage',
    maxTokens: 11,
    chunks: 11,
    coalesced: 0,
    bytes: 2_000,
    finish: 'length',
    reused: true,
    connectMs: null,
    retried: false,
    serverId: null,
  };
  return { ...whole, ...part };
}

/** Failed before its first token. */
export const failure = (plannedMs: number, part: Omit<Partial<Timeline>, 'plannedMs'> = {}): Timeline =>
  row({
    plannedMs,
    headersMs: null,
    firstByteMs: null,
    firstTokenMs: null,
    firstContentMs: null,
    lastTokenMs: null,
    endMs: plannedMs + 5,
    outcome: 'http_error',
    status: 500,
    error: 'boom',
    promptTokens: null,
    outputTokens: null,
    tokenSource: null,
    chunks: 0,
    finish: null,
    ...part,
  });

export function open(
  rate: number,
  part: Partial<PhasePlan> & Pick<PhasePlan, 'name' | 'kind' | 'startMs' | 'durationMs'>,
): PhasePlan {
  return { load: { kind: 'open', process: 'constant', from: rate, to: rate }, pattern: 1, ...part };
}

export const planOf = (stage: LoadPlan['stage'], phases: readonly PhasePlan[]): LoadPlan => ({
  stage,
  phases,
  seed: 7,
  drainMs: 60_000,
  maxInFlight: 10_000,
  requestTimeoutMs: TIMEOUT_MS,
  stallTimeoutMs: TIMEOUT_MS,
});

/** What the load room leaves beside rows that all went well for the client. */
export function loadOf(
  plan: LoadPlan,
  rows: readonly Timeline[],
  part: Partial<LoadResult> & {
    readonly dropped?: readonly number[];
    readonly droppedSettling?: readonly number[];
  } = {},
): LoadResult {
  const { dropped = [], droppedSettling = [], ...rest } = part;
  const tokensReceived: number[] = [];
  const gapsUs = plan.phases.map(() => createHistogram());
  for (const { phase, firstTokenMs, lastTokenMs, chunks, outputTokens } of rows) {
    if (firstTokenMs === null || lastTokenMs === null) continue;
    const gap = chunks > 1 ? (lastTokenMs - firstTokenMs) / (chunks - 1) : 0;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const bucket = Math.floor((firstTokenMs + chunk * gap) / 100);
      while (tokensReceived.length <= bucket) tokensReceived.push(0);
      tokensReceived[bucket]! += (outputTokens ?? chunks) / chunks;
      if (chunk > 0) recordMs(gapsUs[phase]!, gap);
    }
  }
  return {
    end: 'complete',
    reason: null,
    originMs: 0,
    offeredMs: endOf(plan.phases.at(-1)!),
    durationMs: endOf(plan.phases.at(-1)!) + 500,
    phases: plan.phases.map((_, index) => {
      const sent = rows.filter((row) => row.phase === index).length;
      return {
        dispatchDelayMs: { p50: 0.1, p99: 0.4, p99AtLeast: 0.3, max: 0.9 },
        eventLoopDelayP99Ms: 0.5,
        cpuShare: [0.1],
        planned: sent + (dropped[index] ?? 0),
        sent,
        sentAfter: 0,
        dropped: dropped[index] ?? 0,
        droppedSteady: (dropped[index] ?? 0) - (droppedSettling[index] ?? 0),
        unsent: 0,
      };
    }),
    gapsUs,
    bucketMs: 100,
    tokensReceived,
    retries: 0,
    ...rest,
  };
}

export const endWith = (load: LoadResult, part: Partial<LoadEnd> = {}): LoadEnd => ({
  load,
  samples: [],
  problems: [],
  died: null,
  ...part,
});

export interface Scene {
  readonly config?: Partial<MeasurerInput['config']>;
  readonly load?: Parameters<typeof loadOf>[2];
  readonly end?: Partial<LoadEnd>;
  readonly bootMs?: number;
}

export const measurerFor = (plan: LoadPlan, { config, bootMs }: Scene = {}) =>
  createMeasurer({
    plan,
    config: { ...CONFIG, ...config },
    requestTimeoutMs: TIMEOUT_MS,
    ...(bootMs !== undefined && { bootMs }),
  });

export function measure(plan: LoadPlan, rows: readonly Timeline[], scene: Scene = {}) {
  const measurer = measurerFor(plan, scene);
  measurer.add(rows);
  return measurer.finish([endWith(loadOf(plan, rows, scene.load), scene.end)]);
}

export interface Queue {
  readonly servers: number;
  /** Time that a request holds a server; capacity = servers ÷ this. */
  readonly serviceMs: number;
  /** From the start of service to the first token. */
  readonly firstTokenMs: number;
  /** Requests that may wait; more are rejected. */
  readonly limit?: number;
}

/** Plays a plan against the queue. */
export function playQueue(
  plan: LoadPlan,
  { servers, serviceMs, firstTokenMs, limit = Number.POSITIVE_INFINITY }: Queue,
): Timeline[] {
  const free = new Array<number>(servers).fill(0);
  const starts: number[] = [];
  const rows: Timeline[] = [];
  for (const { request, phase, plannedMs: planned } of slotsOf(schedule(plan))) {
    const waiting = starts.filter((start) => start > planned).length;
    if (waiting >= limit) {
      rows.push(failure(planned, { request, phase, outcome: 'rejected', status: 429 }));
      continue;
    }
    const server = free.indexOf(Math.min(...free));
    const start = Math.max(planned, free[server]!);
    free[server] = start + serviceMs;
    starts.push(start);
    const first = start + firstTokenMs;
    rows.push(
      row({
        plannedMs: planned,
        request,
        phase,
        headersMs: first,
        firstByteMs: first,
        firstTokenMs: first,
        firstContentMs: first,
        lastTokenMs: start + serviceMs,
        endMs: start + serviceMs,
      }),
    );
  }
  return rows;
}

export const near = (actual: number | null | undefined, expected: number, share: number): boolean =>
  actual !== null && actual !== undefined && Math.abs(actual - expected) <= Math.abs(expected) * share;
