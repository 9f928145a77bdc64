// The virtual-time driver: plays arrivals through the model as fast as it computes, so that thousands of runs can
// calibrate the judge. In: options and arrivals. Out: what each request met, with exact model times.

import { createFaults } from './faults.ts';
import { createEngine, type Gauges, type SimOptions, type Submission, simOptions } from './model.ts';

export interface VirtualArrival extends Submission {
  readonly atMs: number;
}

export interface VirtualLimits {
  /** A request that takes longer is cancelled: `timeout`. */
  readonly requestTimeoutMs?: number;
  /** Everything still open then is cancelled: `cut`. */
  readonly endAtMs?: number;
  /** Called at 0, intervalMs, 2·intervalMs, … while the engine has work or arrivals are left. */
  readonly sample?: { readonly intervalMs: number; readonly take: (atMs: number, gauges: Gauges) => void };
}

export interface VirtualRequest {
  readonly atMs: number;
  readonly outcome: 'ok' | 'rejected' | 'timeout' | 'cut' | 'error';
  readonly firstTokenMs: number | null;
  readonly lastTokenMs: number | null;
  readonly endMs: number;
  /** One time per chunk, which is one per token unless speculation is on. */
  readonly tokenTimesMs: Float64Array;
  readonly promptTokens: number;
  /** Received, also where the request failed later. */
  readonly outputTokens: number;
}

interface Open {
  readonly atMs: number;
  readonly promptTokens: number;
  readonly times: Float64Array;
  /** A reset or a hang comes with this token; Infinity = never. */
  readonly breaksAt: number;
  readonly breaks: 'reset' | 'hang' | null;
  chunks: number;
  tokens: number;
  silent: boolean;
  done: VirtualRequest | null;
}

/**
 * Plays the whole load and gives one row per arrival, in the order of `arrivals`, which must be sorted by time.
 * @throws PlimsollError USAGE where an option is out of its range; RangeError where arrivals go back in time
 */
export function playVirtual(
  options: Partial<SimOptions>,
  arrivals: readonly VirtualArrival[],
  limits: VirtualLimits = {},
): readonly VirtualRequest[] {
  const engine = createEngine(options);
  const nextFault = createFaults(simOptions(options));
  const { requestTimeoutMs = Infinity, endAtMs = Infinity, sample } = limits;
  const requests: Open[] = [];
  const byId = new Map<number, Open>();
  const ids = new Map<Open, number>();
  let oldest = 0;
  let sampleAtMs = sample ? 0 : Infinity;
  let dead = false;

  for (;;) {
    while (oldest < requests.length && requests[oldest]!.done) oldest++;
    const arrivesMs = arrivals[requests.length]?.atMs ?? Infinity;
    const expiresMs = oldest < requests.length ? requests[oldest]!.atMs + requestTimeoutMs : Infinity;
    const next = Math.min(arrivesMs, expiresMs, engine.nextStepEndMs() ?? Infinity);
    if (next === Infinity || next > endAtMs) break;
    if (sampleAtMs <= next) {
      deliver(sampleAtMs);
      sample?.take(sampleAtMs, engine.gauges());
      sampleAtMs += sample?.intervalMs ?? Infinity;
      continue;
    }
    deliver(next);
    for (let i = oldest; i < requests.length && requests[i]!.atMs + requestTimeoutMs <= next; i++) {
      if (!requests[i]!.done) giveUp(requests[i]!, 'timeout', next);
    }
    while (arrivals[requests.length] && arrivals[requests.length]!.atMs <= next) arrive(arrivals[requests.length]!);
  }
  if (endAtMs !== Infinity) {
    deliver(endAtMs);
    while (requests.length < arrivals.length) arrive(arrivals[requests.length]!, true);
  }
  // Whatever is still open hangs for ever, or was cut.
  for (const request of requests) if (!request.done) giveUp(request, 'cut', endAtMs);
  return requests.map((request) => request.done!);

  function arrive(arrival: VirtualArrival, afterEnd = false) {
    const previous = requests.at(-1);
    if (previous && arrival.atMs < previous.atMs)
      throw new RangeError(`arrival ${requests.length} at ${arrival.atMs} ms comes before the one ahead of it`);
    const fault = nextFault();
    const breaks = fault === 'reset' || fault === 'hang' ? fault : null;
    const request: Open = {
      atMs: arrival.atMs,
      promptTokens: arrival.promptTokens,
      times: new Float64Array(Math.max(1, arrival.outputTokens)),
      breaksAt: breaks ? Math.ceil(arrival.outputTokens / 2) : Infinity,
      breaks,
      chunks: 0,
      tokens: 0,
      silent: false,
      done: null,
    };
    requests.push(request);
    if (afterEnd) return settle(request, 'cut', arrival.atMs);
    if (dead || fault === 'error') return settle(request, 'error', arrival.atMs);
    const admission = engine.submit(arrival.atMs, arrival);
    if (admission === 'rejected') return settle(request, 'rejected', arrival.atMs);
    if (typeof admission === 'string') return settle(request, 'error', arrival.atMs);
    byId.set(admission.id, request);
    ids.set(request, admission.id);
  }

  function deliver(toMs: number): void {
    for (const event of engine.advance(toMs)) {
      if (event.kind === 'crash') {
        dead = true;
        for (const request of byId.values()) settle(request, 'error', event.atMs);
        byId.clear();
        continue;
      }
      const request = byId.get(event.id);
      if (!request || request.silent) continue;
      if (event.kind === 'oom') settle(request, 'error', event.atMs);
      if (event.kind === 'finish') {
        if (request.breaks === 'hang') request.silent = true;
        else settle(request, request.breaks ? 'error' : 'ok', event.atMs);
      }
      if (event.kind !== 'tokens') continue;
      request.times[request.chunks++] = event.atMs;
      request.tokens += event.count;
      if (request.tokens < request.breaksAt) continue;
      if (request.breaks === 'hang') request.silent = true;
      else giveUp(request, 'error', event.atMs);
    }
  }

  function giveUp(request: Open, outcome: 'timeout' | 'cut' | 'error', atMs: number): void {
    const id = ids.get(request);
    settle(request, outcome, atMs);
    if (id !== undefined) engine.cancel(id, atMs);
  }

  function settle(request: Open, outcome: VirtualRequest['outcome'], endMs: number): void {
    const times = request.times.subarray(0, request.chunks);
    request.done = {
      atMs: request.atMs,
      outcome,
      firstTokenMs: times[0] ?? null,
      lastTokenMs: times.at(-1) ?? null,
      endMs,
      tokenTimesMs: times,
      promptTokens: request.promptTokens,
      outputTokens: request.tokens,
    };
    const id = ids.get(request);
    if (id !== undefined) byId.delete(id);
    ids.delete(request);
  }
}
