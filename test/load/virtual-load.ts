// A load in virtual time: the same plan, arrivals and lengths as runLoad, answered by the simulated engine's model
// as fast as it computes. A staged run takes milliseconds, so that stages and judge can be calibrated on thousands.

import { schedule } from '../../src/load/arrivals.ts';
import { type LoadPlan, slotOf } from '../../src/load/plan.ts';
import type { ClientPhaseHealth, LoadResult } from '../../src/load/result.ts';
import type { Timeline } from '../../src/load/timeline.ts';
import { TOKEN_BUCKET_MS } from '../../src/load/token-marks.ts';
import type { SimOptions } from '../../src/sim/model.ts';
import { playVirtual, type VirtualRequest } from '../../src/sim/virtual.ts';
import { createHistogram, recordMs } from '../../src/stats/histogram.ts';
import type { Workload } from '../../src/workload/workload.ts';
import { slotsOf } from './slots.ts';

/** A client that is never late. */
const ON_TIME = { p50: 0, p99: 0, p99AtLeast: 0, max: 0 };
const OUTCOME = { ok: 'ok', rejected: 'rejected', timeout: 'timeout', cut: 'cut', error: 'reset' } as const;
const STATUS = { ok: 200, rejected: 429, timeout: 200, cut: 200, error: 200 } as const;

/**
 * Plays an open-loop plan. Rows come in planned order; network and client cost nothing.
 * @param workload its lengths are used; `ignoreEos` is taken as honoured
 */
export function playLoad(
  plan: LoadPlan,
  workload: Workload,
  sim: Partial<SimOptions>,
): { rows: Timeline[]; load: LoadResult } {
  const whole = schedule(plan);
  const last = plan.phases.at(-1)!;
  const endMs = last.startMs + last.durationMs;
  const slots = Array.from(slotsOf(whole), ({ phase, index, plannedMs: atMs }) => {
    const { promptTokens, maxTokens } = workload.request(slotOf(plan, phase, index, atMs));
    return { atMs, phase, promptTokens, maxTokens };
  });
  const answers = playVirtual(
    sim,
    slots.map(({ atMs, promptTokens, maxTokens }) => ({ atMs, promptTokens, outputTokens: maxTokens })),
    { requestTimeoutMs: plan.requestTimeoutMs, endAtMs: endMs + plan.drainMs },
  );
  const gapsUs = plan.phases.map(() => createHistogram());
  const tokensReceived: number[] = [];
  for (const [index, { tokenTimesMs, outputTokens }] of answers.entries()) {
    const gaps = gapsUs[slots[index]!.phase]!;
    for (const [chunk, atMs] of tokenTimesMs.entries()) {
      if (chunk > 0) recordMs(gaps, atMs - tokenTimesMs[chunk - 1]!);
      const bucket = Math.floor(atMs / TOKEN_BUCKET_MS);
      while (tokensReceived.length <= bucket) tokensReceived.push(0);
      tokensReceived[bucket]! += outputTokens / tokenTimesMs.length;
    }
  }
  const rows = answers.map((answer, request) => rowOf(answer, request, slots[request]!));
  const phases = plan.phases.map((_, index): ClientPhaseHealth => {
    const planned = whole.times[index]!.count;
    return {
      dispatchDelayMs: planned === 0 ? null : ON_TIME,
      eventLoopDelayP99Ms: 0,
      cpuShare: [0],
      planned,
      sent: planned,
      sentAfter: 0,
      dropped: 0,
      droppedSteady: 0,
      unsent: 0,
    };
  });
  return {
    rows,
    load: {
      end: 'complete',
      reason: null,
      originMs: 0,
      offeredMs: endMs,
      durationMs: Math.max(endMs, ...rows.map((row) => row.endMs)),
      phases,
      gapsUs,
      bucketMs: TOKEN_BUCKET_MS,
      tokensReceived,
      retries: 0,
    },
  };
}

function rowOf(
  answer: VirtualRequest,
  request: number,
  slot: { readonly phase: number; readonly maxTokens: number },
): Timeline {
  const { atMs, outcome, firstTokenMs, lastTokenMs, endMs, promptTokens, outputTokens, tokenTimesMs } = answer;
  return {
    request,
    phase: slot.phase,
    worker: 0,
    plannedMs: atMs,
    sentMs: atMs,
    headersMs: firstTokenMs,
    firstByteMs: firstTokenMs,
    firstTokenMs,
    firstContentMs: firstTokenMs,
    lastTokenMs,
    endMs,
    outcome: OUTCOME[outcome],
    status: STATUS[outcome],
    error: outcome === 'ok' ? null : outcome,
    promptTokens,
    outputTokens,
    tokenSource: 'usage',
    maxTokens: slot.maxTokens,
    chunks: tokenTimesMs.length,
    coalesced: 0,
    bytes: 0,
    finish: outcome === 'ok' ? 'length' : null,
    reused: true,
    connectMs: null,
    retried: false,
    serverId: null,
  };
}
