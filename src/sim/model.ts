// The simulated engine: continuous batching with chunked prefill, a KV cache with preemption, a bounded queue.
// Pure: requests and times go in, events with exact model times come out; two drivers (server.ts, virtual.ts)
// give it time. The scheduler follows vLLM v1 (decode first, FIFO, newest preempted and recomputed).

import { createRandom, deriveSeed } from '../stats/random.ts';
import type { Admission, Engine, EngineEvent, Gauges, Submission } from './engine.ts';
import { createKvCache, type KvHold } from './kv-cache.ts';
import { type SimOptions, simOptions } from './options.ts';
import { createSpeed } from './speed.ts';

export type { Admission, Engine, EngineEvent, Gauges, Submission } from './engine.ts';
export { SIM_DEFAULTS, SIM_FLAGS, type SimFlag, type SimOptions, simOptions } from './options.ts';
export { bootFactor } from './speed.ts';

interface Sequence extends KvHold {
  readonly id: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly reason: 'stop' | 'length';
  readonly hashes: readonly number[];
  /** Tokens whose KV entries exist; all that are known but the newest one, while it decodes. Set on admission. */
  computed: number;
  generated: number;
  /** Tokens to compute in the step in progress. */
  scheduled: number;
  ended: boolean;
}

/** An engine that is ready at time 0. @throws PlimsollError USAGE where an option is out of its range */
export function createEngine(overrides: Partial<SimOptions> = {}): Engine {
  const options = simOptions(overrides);
  const kv = createKvCache(options.kvBlocks);
  const speed = createSpeed(options);
  const eos = createRandom(deriveSeed(options.seed, 'eos'));
  const drafts = createRandom(deriveSeed(options.seed, 'drafts'));

  const sequences = new Map<number, Sequence>();
  const running: Sequence[] = [];
  const waiting: Sequence[] = [];
  let events: EngineEvent[] = [];
  const finished = { stop: 0, length: 0, abort: 0, error: 0 };
  const totals = {
    preemptions: 0,
    promptTokens: 0,
    generatedTokens: 0,
    prefixQueryTokens: 0,
    prefixHitTokens: 0,
    rejected: 0,
    steps: 0,
  };

  let nowMs = 0;
  let nextId = 0;
  let crashed = false;
  /** A step begins where the last one ended, or at an arrival: on the model's own axis, whenever a driver asks. */
  let startMs = 0;
  let endMs: number | null = null;

  function submit(atMs: number, submission: Submission): Admission {
    run(atMs);
    const id = nextId++;
    if (crashed) return 'crashed';
    const promptTokens = Math.max(1, submission.promptTokens);
    const allowed = Math.max(1, submission.outputTokens);
    const tokens = promptTokens + allowed;
    if (tokens > options.maxModelTokens || blocksFor(tokens) > kv.capacity) return 'too_long';
    if (waiting.length >= options.queueLimit && (waiting.length > 0 || running.length >= options.maxBatch)) {
      totals.rejected++;
      return 'rejected';
    }
    const drawn = submission.ignoreEos === false ? drawEos(submission.minTokens ?? 0) : Infinity;
    const sequence: Sequence = {
      id,
      promptTokens,
      outputTokens: Math.min(allowed, drawn),
      reason: drawn < allowed ? 'stop' : 'length',
      hashes: options.prefixCaching ? prefixHashes(submission, promptTokens, options.blockTokens) : [],
      computed: 0,
      generated: 0,
      scheduled: 0,
      ended: false,
      blocks: 0,
      shared: [],
    };
    if (isIdle()) startMs = Math.max(startMs, atMs);
    sequences.set(id, sequence);
    waiting.push(sequence);
    return { id };
  }

  const drawEos = (minTokens: number): number =>
    Math.max(1, minTokens, Math.round(options.eosMedianTokens * Math.exp(options.eosSigma * eos.normal())));
  const blocksFor = (tokens: number): number => Math.ceil(tokens / options.blockTokens);
  const isIdle = (): boolean => endMs === null && running.length === 0 && waiting.length === 0;

  function cancel(id: number, atMs: number): void {
    run(atMs);
    const sequence = sequences.get(id);
    if (!sequence) return;
    remove(waiting, sequence);
    remove(running, sequence);
    end(sequence);
    finished.abort++;
  }

  function nextStepEndMs(): number | null {
    if (endMs === null && !isIdle() && startMs <= nowMs) launch();
    if (events.length > 0) return nowMs;
    if (crashed) return null;
    const next = Math.min(endMs ?? (isIdle() ? Infinity : startMs), options.crashAtMs);
    return next === Infinity ? null : next;
  }

  function advance(toMs: number): readonly EngineEvent[] {
    run(toMs);
    const happened = events;
    events = [];
    return happened;
  }

  /** Plays all steps that end by `toMs`. The step that would begin at `toMs` waits: who arrives then, joins it. */
  function run(toMs: number): void {
    const untilMs = Math.min(toMs, options.crashAtMs);
    while (!crashed) {
      if (endMs !== null && endMs <= untilMs) complete(endMs);
      else if (endMs === null && !isIdle() && startMs < untilMs) launch();
      else break;
    }
    if (!crashed && options.crashAtMs <= toMs) crash(options.crashAtMs, 'injected by --crash-at-ms');
    nowMs = Math.max(nowMs, toMs);
  }

  /** Decides what the step that begins at `startMs` computes, and from that how long it takes. */
  function launch() {
    schedule();
    if (running.length > options.oomAboveRunning) return runOutOfMemory();
    let decoding = 0;
    let context = 0;
    let prefilled = 0;
    for (const sequence of running) {
      if (sequence.scheduled === 0) continue;
      if (isDecoding(sequence)) {
        decoding++;
        context += sequence.computed;
      } else prefilled += sequence.scheduled;
    }
    const decodeMs = options.stepBaseMs + options.stepPerSequenceMs * decoding + options.stepPerKvTokenMs * context;
    const workMs =
      decodeMs * (decoding > 0 ? options.decodeSlowdown : 1) +
      options.prefillPerTokenMs * prefilled * options.prefillSlowdown;
    endMs = startMs + speed(startMs, workMs);
  }

  const known = (sequence: Sequence): number => sequence.promptTokens + sequence.generated;
  const isDecoding = (sequence: Sequence): boolean =>
    sequence.generated > 0 && sequence.computed === known(sequence) - 1;

  /** Fills the token budget: decodes, then prompts that are under way, then the queue, all in order of arrival. */
  function schedule() {
    let budget = options.maxStepTokens;
    let preempted = false;
    for (const decodes of [true, false]) {
      for (let i = 0; i < running.length && budget > 0; i++) {
        const sequence = running[i]!;
        if (isDecoding(sequence) !== decodes) continue;
        const tokens = decodes
          ? Math.min(1 + options.speculativeTokens, sequence.outputTokens - sequence.generated, budget)
          : Math.min(known(sequence) - sequence.computed, options.prefillChunkTokens, budget);
        while (!kv.reserve(sequence, blocksFor(sequence.computed + tokens))) {
          const victim = running.pop()!;
          budget += victim.scheduled;
          preempt(victim);
          preempted = true;
          if (victim === sequence) break;
        }
        if (running[i] !== sequence) break;
        sequence.scheduled = tokens;
        budget -= tokens;
      }
    }
    while (!preempted && waiting.length > 0 && running.length < options.maxBatch && budget > 0) {
      const sequence = waiting[0]!;
      const cached = kv.match(sequence, sequence.hashes) * options.blockTokens;
      const tokens = Math.min(known(sequence) - cached, options.prefillChunkTokens, budget);
      if (!kv.reserve(sequence, blocksFor(cached + tokens))) return kv.release(sequence);
      waiting.shift();
      running.push(sequence);
      totals.prefixQueryTokens += sequence.promptTokens;
      totals.prefixHitTokens += cached;
      sequence.computed = cached;
      sequence.scheduled = tokens;
      budget -= tokens;
    }
  }

  function preempt(sequence: Sequence): void {
    kv.release(sequence);
    sequence.scheduled = 0;
    waiting.unshift(sequence);
    totals.preemptions++;
    events.push({ kind: 'preempt', id: sequence.id, atMs: startMs });
  }

  function complete(atMs: number): void {
    endMs = null;
    startMs = atMs;
    totals.steps++;
    let kept = 0;
    for (const sequence of running) {
      if (sequence.scheduled > 0) progress(sequence, atMs);
      if (!sequence.ended) running[kept++] = sequence;
    }
    running.length = kept;
    if (finished.stop + finished.length >= options.crashAfterRequests)
      crash(atMs, 'injected by --crash-after-requests');
  }

  function progress(sequence: Sequence, atMs: number): void {
    const left = sequence.outputTokens - sequence.generated;
    const decoding = isDecoding(sequence);
    const count = decoding ? Math.min(left, 1 + acceptedOf(sequence.scheduled - 1)) : 1;
    sequence.computed += decoding ? count : sequence.scheduled;
    sequence.scheduled = 0;
    if (!decoding && sequence.computed < known(sequence)) return;
    if (sequence.generated === 0) {
      totals.promptTokens += sequence.promptTokens;
      kv.publish(sequence, sequence.hashes);
    }
    sequence.generated += count;
    totals.generatedTokens += count;
    events.push({ kind: 'tokens', id: sequence.id, atMs, count });
    if (sequence.generated < sequence.outputTokens) return;
    end(sequence);
    finished[sequence.reason]++;
    events.push({ kind: 'finish', id: sequence.id, atMs, reason: sequence.reason });
  }

  /** Drafts are accepted from the first on, until one is not. */
  function acceptedOf(drafted: number): number {
    let accepted = 0;
    while (accepted < drafted && drafts.next() < options.speculativeAcceptance) accepted++;
    return accepted;
  }

  function runOutOfMemory() {
    for (const sequence of running) {
      events.push({ kind: 'oom', id: sequence.id, atMs: startMs });
      end(sequence);
      finished.error++;
    }
    running.length = 0;
    if (options.oomFatal)
      return crash(startMs, `out of memory with more than ${options.oomAboveRunning} running sequences`);
    startMs += options.oomRecoverMs;
  }

  function crash(atMs: number, reason: string): void {
    crashed = true;
    endMs = null;
    for (const sequence of sequences.values()) end(sequence);
    running.length = 0;
    waiting.length = 0;
    events.push({ kind: 'crash', atMs, reason });
  }

  function end(sequence: Sequence): void {
    sequence.ended = true;
    kv.release(sequence);
    sequences.delete(sequence.id);
  }

  const gauges = (): Gauges => ({
    running: running.length,
    waiting: waiting.length,
    kvShare: kv.used() / kv.capacity,
    finished: { ...finished },
    ...totals,
  });

  return { submit, cancel, nextStepEndMs, advance, gauges };
}

function remove(list: Sequence[], sequence: Sequence): void {
  const at = list.indexOf(sequence);
  if (at >= 0) list.splice(at, 1);
}

/** At least one prompt token is always computed, so the last block is only cached where more follows. */
function prefixHashes(submission: Submission, promptTokens: number, blockTokens: number): readonly number[] {
  const most = Math.floor((promptTokens - 1) / blockTokens);
  if (submission.blockHashes) return submission.blockHashes.slice(0, most);
  if (submission.prefix === undefined) return [];
  const label = deriveSeed(submission.prefix);
  const shared = Math.min(most, Math.floor((submission.prefixTokens ?? promptTokens) / blockTokens));
  return Array.from({ length: shared }, (_, i) => label + i);
}
