// The workers of a load: started, waited for, told, and sent home.

import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { PlimsollError } from '../errors.ts';
import type { WorkloadRef } from '../workload/workload.ts';
import type { ShardAccounts } from './accounts.ts';
import { connectionsOf } from './foresee.ts';
import { type Limits, limitError, shortageOf } from './limits.ts';
import type { LoadPlan } from './plan.ts';
import { newInFlight } from './shard.ts';
import type { Target } from './target.ts';
import type { FromWorker, ToWorker, WorkerJob, WorkerUpdate } from './worker.ts';

export interface LoadJob {
  readonly plan: LoadPlan;
  readonly target: Target;
  readonly workload: WorkloadRef;
  /** Threads; each carries every n-th request. */
  readonly workers: number;
  /** Values that must not come back in a row's error: servers quote what they were started with. */
  readonly secrets?: readonly string[];
  /** How long an answer took in the warm-up: connections for the first phase are opened by it. null = not known. */
  readonly answerMs?: number | null;
}

/** A third of it is a semi-space: what dies young is cleared in smaller, shorter steps, and memory stays down. */
const RESOURCES = { maxYoungGenerationSizeMb: 24 };
/** For each step until they are ready: reading a large file of prompts takes seconds, and so do connections (warm.ts). */
const HIRE_LIMIT_MS = 60_000;
const DISMISS_LIMIT_MS = 1_000;

export type UpdateListener = (worker: number, update: WorkerUpdate) => void;

export interface Crew {
  tell(message: ToWorker): void;
  /** Resolves with the accounts of all; rejects with the first failure. */
  run(onUpdate: UpdateListener): Promise<ShardAccounts[]>;
  /** A thread that is stuck in the system does not end: nobody waits for it. */
  dismiss(): Promise<unknown>;
}

/**
 * Starts the workers and waits until all are ready; null where the signal came first.
 *
 * @param onRehearsal updates that belong to no load, while the workers warm up
 * @throws PlimsollError what a worker failed with; INTERNAL where one says nothing
 */
export async function hire(
  job: LoadJob,
  limits: Limits,
  onRehearsal: UpdateListener,
  signal?: AbortSignal,
): Promise<Crew | null> {
  // The bundle has worker.js beside it, the checkout worker.ts.
  const entry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
  let onUpdate: UpdateListener = () => {};
  const inFlight = newInFlight();
  const workers = Math.max(1, job.workers);
  const members: ReturnType<typeof employ>[] = [];
  const start = (worker: number): ReturnType<typeof employ> => {
    const workerData: WorkerJob = {
      plan: job.plan,
      target: job.target,
      workloadRef: job.workload,
      streamed: job.workload.config.stream,
      worker,
      workers,
      secrets: job.secrets,
      answerMs: job.answerMs,
      inFlight,
    };
    const thread = new Worker(entry, { workerData, name: `load-${worker}`, resourceLimits: RESOURCES });
    return employ(
      thread,
      (error) => failureOf(error, limits, job.plan),
      (update) => (update.kind === 'update' ? onUpdate : onRehearsal)(worker, update),
    );
  };
  const crew: Crew = {
    tell(message) {
      for (const { thread } of members) thread.postMessage(message);
    },
    run(listener) {
      onUpdate = listener;
      return Promise.all(members.map((member) => member.done));
    },
    dismiss: () =>
      Promise.race([
        Promise.all(members.map(({ thread }) => thread.terminate())),
        pause(DISMISS_LIMIT_MS, undefined, { ref: false }),
      ]),
  };
  try {
    for (let worker = 0; worker < workers; worker++) members.push(start(worker));
    if (await arrive(members, 'loaded', signal)) {
      crew.tell({ kind: 'warm' });
      if (await arrive(members, 'ready', signal)) return crew;
    }
  } catch (error) {
    await crew.dismiss();
    // Where the system has no room for a thread, its constructor throws.
    throw error instanceof PlimsollError ? error : failureOf(error as Error, limits, job.plan);
  }
  await crew.dismiss();
  return null;
}

/** @returns false where the signal came before all of them */
async function arrive(
  members: readonly ReturnType<typeof employ>[],
  step: 'loaded' | 'ready',
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const end = Promise.withResolvers<boolean>();
  const cancel = (): void => end.resolve(false);
  if (signal?.aborted) cancel();
  signal?.addEventListener('abort', cancel);
  const timer = setTimeout(() => end.reject(silence()), HIRE_LIMIT_MS);
  try {
    return await Promise.race([end.promise, Promise.all(members.map((member) => member[step])).then(() => true)]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  }
}

function employ(thread: Worker, failureFor: (error: Error) => PlimsollError, onUpdate: (update: WorkerUpdate) => void) {
  const loaded = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  const done = Promise.withResolvers<ShardAccounts>();
  const fail = (error: PlimsollError): void => {
    for (const { promise, reject } of [loaded, ready, done]) {
      // Whoever waits for one of them hears of it; the others must not count as unhandled.
      promise.catch(() => {});
      reject(error);
    }
  };
  thread.on('message', (message: FromWorker) => {
    switch (message.kind) {
      case 'loaded':
        loaded.resolve();
        return;
      case 'ready':
        ready.resolve();
        return;
      case 'rehearsal':
      case 'update':
        onUpdate(message);
        return;
      case 'done':
        done.resolve(message.accounts);
        return;
      case 'failed':
        fail(
          new PlimsollError(
            message.code ?? 'INTERNAL',
            message.message,
            message.hint === undefined ? {} : { hint: message.hint },
          ),
        );
    }
  });
  thread.on('error', (error) => fail(failureFor(error)));
  thread.on('exit', (code) =>
    fail(new PlimsollError('INTERNAL', `A load worker ended before its load did (exit code ${code})`)),
  );
  return { thread, loaded: loaded.promise, ready: ready.promise, done: done.promise };
}

/** What a worker died of: where files are short, it may not even find one to load its modules from. */
function failureOf(error: NodeJS.ErrnoException, limits: Limits, plan: LoadPlan): PlimsollError {
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new PlimsollError('CLIENT_LIMITS', `A load worker ran out of memory: ${error.message}`, {
      hint: 'Raise client.workers, lower client.maxInFlight, or run the client on a machine with more memory.',
      cause: error,
    });
  }
  const shortage = shortageOf(error);
  return shortage === null
    ? new PlimsollError('INTERNAL', `A load worker failed: ${error.message}`, { cause: error })
    : limitError(shortage, limits, connectionsOf(plan), 0);
}

const silence = (): PlimsollError =>
  new PlimsollError('INTERNAL', `A load worker was not ready after ${HIRE_LIMIT_MS / 1_000} s`, {
    hint: 'Look for what holds it up: a file of prompts on a slow or hanging disk, a machine whose cores are all busy. Please report it if it is none of these.',
  });
