// One worker's part of a load, from time zero to the last answer. Ties schedule, pacer, users, client and accounts
// together; knows nothing of threads, so that it can be run and tested in any.

import type { Connections } from '../transport/connections.ts';
import { objectList } from '../transport/object-list.ts';
import type { Workload } from '../workload/workload.ts';
import { type Accounts, createAccounts, type ShardAccounts } from './accounts.ts';
import { type Slot, schedule, shard } from './arrivals.ts';
import { type ClientRequest, createClient } from './client.ts';
import { connectionsOf } from './foresee.ts';
import { limitError, readLimits } from './limits.ts';
import { pace, pause } from './pacer.ts';
import { type LoadPlan, slotOf } from './plan.ts';
import type { Target } from './target.ts';
import type { Timeline } from './timeline.ts';
import { runUsers } from './users.ts';
import { createWarmer } from './warm.ts';

export interface ShardJob {
  readonly plan: LoadPlan;
  readonly target: Target;
  readonly streamed: boolean;
  readonly worker: number;
  readonly workers: number;
  readonly secrets?: readonly string[] | undefined;
  /** How long an answer takes when little is asked, as the warm-up saw it; null = not known. */
  readonly answerMs?: number | null | undefined;
  /** Requests in flight of all workers, in one cell that they share; absent: this one is alone. */
  readonly inFlight?: Int32Array | undefined;
}

/** Sees every token-bearing event as it is read: as ClientOptions.onToken. */
export interface ShardObserver {
  onToken(request: number, phase: number, tMs: number, gapMs: number | null): void;
}

/** Since the last update; inFlight as it is. */
export interface ShardUpdate {
  readonly rows: readonly Timeline[];
  readonly sent: number;
  readonly tokens: number;
  readonly inFlight: number;
}

export interface ShardControl {
  /** No new request after this. */
  readonly halt: AbortSignal;
  /** Nor any answer: those in flight are cut, with the signal's reason. Aborts after or with `halt`. */
  readonly cut: AbortSignal;
}

const TICK_MS = 100;
/** So often at least: each update wakes the main thread, which at low rates is most of what a load costs. */
const TICKS_PER_UPDATE = 4;
/**
 * At high rates sooner, so that handing rows over never takes long at once. It wakes the main thread, and on few cores
 * this one waits meanwhile: best right after a send, when the next is farthest away.
 */
const ROWS_PER_UPDATE = 32;
/** At the latest, whether anything is sent or not. */
const MOST_ROWS_PER_UPDATE = 64;

/**
 * @param originMs performance.now() of this thread at the load's time zero; may be ahead
 * @throws PlimsollError CLIENT_LIMITS where this machine ran out of open files or ports
 */
export async function runShard(
  job: ShardJob,
  workload: Workload,
  connections: Connections,
  originMs: number,
  control: ShardControl,
  onUpdate: (update: ShardUpdate) => void,
  observer?: ShardObserver,
): Promise<ShardAccounts> {
  const { plan, inFlight = newInFlight() } = job;
  const accounts = createAccounts(plan);
  const now = (): number => performance.now() - originMs;
  const answered = new Map<number, (row: Timeline) => void>();
  const limits = readLimits();
  const warmer = createWarmer(job, connections, limits);
  const short = new AbortController();
  const halt = AbortSignal.any([control.halt, short.signal]);
  /** Aborts when nothing is in flight any more; null until that matters. */
  let drained: AbortController | null = null;
  let rows = objectList<Timeline>();
  let sent = 0;
  let tokens = 0;
  let ticks = 0;
  const client = createClient({
    connections,
    target: job.target,
    path: workload.path,
    streamed: job.streamed,
    requestTimeoutMs: plan.requestTimeoutMs,
    stallTimeoutMs: plan.stallTimeoutMs,
    worker: job.worker,
    secrets: job.secrets,
    originMs,
    onToken(request, phase, tMs, gapMs) {
      tokens += 1;
      if (gapMs !== null) accounts.gap(phase, gapMs);
      observer?.onToken(request, phase, tMs, gapMs);
    },
    onShortage(shortage) {
      if (short.signal.aborted) return;
      // The one that found it out has ended already.
      short.abort(limitError(shortage, limits, connectionsOf(plan), Atomics.load(inFlight, 0) + 1));
      client.cut('the client ran out of its limits');
    },
    onFault(error) {
      short.abort(error);
      client.cut('the client failed');
    },
    onEnd(row, times) {
      Atomics.sub(inFlight, 0, 1);
      accounts.ended(row, times);
      warmer.ended(row);
      if (rows.push(row) >= MOST_ROWS_PER_UPDATE) flush();
      answered.get(row.request)?.(row);
      if (client.inFlight === 0) drained?.abort();
    },
  });
  const flush = (): void => {
    const update = { rows, sent, tokens, inFlight: client.inFlight };
    rows = objectList();
    sent = 0;
    tokens = 0;
    onUpdate(update);
  };
  const ticking = setInterval(() => {
    const tMs = now();
    accounts.tick(tMs, connections.open);
    warmer.tick(tMs);
    if (++ticks % TICKS_PER_UPDATE === 0) flush();
  }, TICK_MS);
  const cut = (): void => client.cut(String(control.cut.reason));
  control.cut.addEventListener('abort', cut);
  const send = (request: ClientRequest): void => {
    Atomics.add(inFlight, 0, 1);
    sent += 1;
    client.send(request);
    if (rows.length >= ROWS_PER_UPDATE) flush();
  };
  try {
    const planned = schedule(plan);
    const isOver = pause(endOf(plan) - now(), halt);
    const leave = new AbortController();
    const users = runUsers({
      plan,
      worker: job.worker,
      workers: job.workers,
      now,
      signal: AbortSignal.any([halt, leave.signal]),
      // Numbered behind the open loop's requests, each worker in its own residue class.
      send: createUserSend(planned.firstOf.at(-1)!, job, workload, now, send, answered),
    });
    await Promise.all([
      runOpenLoop({
        job,
        workload,
        nextSlot: shard(planned, job.worker, job.workers),
        accounts,
        inFlight,
        now,
        send,
        halt,
      }),
      // Users who still wait for an answer at the end wait through the drain; one who fails ends the load at once.
      Promise.race([isOver, users.then(() => isOver)]),
    ]);
    short.signal.throwIfAborted();
    leave.abort();
    // Told by the last answer: a poll would be a timer to arm at every wait for a socket.
    drained = new AbortController();
    if (client.inFlight > 0) await pause(plan.drainMs, drained.signal);
    client.cut(`not complete ${plan.drainMs} ms after the load's end`);
    await users;
    short.signal.throwIfAborted();
  } catch (error) {
    accounts.close();
    throw error;
  } finally {
    clearInterval(ticking);
    control.cut.removeEventListener('abort', cut);
    client.cut('the load failed');
    client.close();
    flush();
  }
  return accounts.close();
}

/** A cell for ShardJob.inFlight. */
export const newInFlight = (): Int32Array => new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

export const endOf = (plan: LoadPlan): number => {
  const last = plan.phases.at(-1);
  return last === undefined ? 0 : last.startMs + last.durationMs;
};

interface OpenLoop {
  readonly job: ShardJob;
  readonly workload: Workload;
  nextSlot(): Slot | null;
  readonly accounts: Accounts;
  readonly inFlight: Int32Array;
  now(): number;
  send(request: ClientRequest): void;
  readonly halt: AbortSignal;
}

async function runOpenLoop({ job, workload, nextSlot, accounts, inFlight, now, send, halt }: OpenLoop): Promise<void> {
  const { maxInFlight } = job.plan;
  let slot: Slot | null = null;
  let prepared: ClientRequest | null = null;
  await pace({
    next() {
      slot = nextSlot();
      prepared = slot && prepare(job.plan, workload, slot);
      return slot?.plannedMs ?? null;
    },
    fire() {
      // Of all workers together. Two who look in the same moment may both pass: one too many, for one answer.
      if (Atomics.load(inFlight, 0) >= maxInFlight) accounts.dropped(slot!.phase, slot!.plannedMs);
      else send(prepared!);
    },
    idle: () => Atomics.load(inFlight, 0) === 0,
    now,
    signal: halt,
  });
  // Halted: slots whose time had come are counted all the same, the rest were never due.
  for (const haltedMs = now(); slot !== null && slot.plannedMs <= haltedMs; slot = nextSlot())
    accounts.unsent(slot.phase);
}

function prepare(plan: LoadPlan, workload: Workload, { request, phase, index, plannedMs }: Slot): ClientRequest {
  return { request, phase, plannedMs, ...bodyOf(plan, workload, phase, index, plannedMs) };
}

function bodyOf(plan: LoadPlan, workload: Workload, phase: number, index: number, tMs: number) {
  const { body, maxTokens, promptTokens } = workload.request(slotOf(plan, phase, index, tMs));
  return { body: Buffer.from(body), maxTokens, promptTokens };
}

function createUserSend(
  firstNumber: number,
  job: ShardJob,
  workload: Workload,
  now: () => number,
  send: (request: ClientRequest) => void,
  answered: Map<number, (row: Timeline) => void>,
): (phase: number, index: number) => Promise<boolean> {
  let count = 0;
  return (phase, index) =>
    new Promise((resolve) => {
      const request = firstNumber + count * job.workers + job.worker;
      count += 1;
      answered.set(request, (row) => {
        answered.delete(request);
        resolve(row.outcome === 'ok');
      });
      send({ request, phase, plannedMs: null, ...bodyOf(job.plan, workload, phase, index, now()) });
    });
}
