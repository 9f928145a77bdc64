// Carries out a LoadPlan: workers, one clock for all, rows and live figures on the way, accounts at the end. Every
// planned request ends as a row or is counted as dropped.

import { Worker } from 'node:worker_threads';
import { PlimsollError } from '../errors.ts';
import type { WorkloadRef } from '../workload/workload.ts';
import type { ShardAccounts } from './accounts.ts';
import { connectionsOf, readRoom } from './foresee.ts';
import { type Limits, limitError, openFilesNow, readLimits, shortageOf } from './limits.ts';
import { createLiveFigures } from './live.ts';
import { mergeAccounts } from './merge.ts';
import type { LoadPlan } from './plan.ts';
import type { LoadProgress, LoadResult, PeakUse } from './result.ts';
import { unpackRows } from './rows.ts';
import { endOf } from './shard.ts';
import type { Target } from './target.ts';
import type { Timeline } from './timeline.ts';
import type { FromWorker, ToWorker, WorkerJob } from './worker.ts';

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

export interface LoadHooks {
  /** Rows as they end, at least ten times a second. */
  onRows(rows: readonly Timeline[]): void;
  /** Time zero is set: performance.now() of this thread, a few ms ahead. */
  onStart?(originMs: number): void;
  onProgress?(progress: LoadProgress): void;
  /** Asked about twice a second; a reason ends the load: nothing more is sent, what is in flight may drain. */
  shouldStop?(progress: LoadProgress): string | null;
  signal?: AbortSignal;
}

/** From `start` to time zero: the messages must have arrived. */
const LEAD_MS = 20;
const PROGRESS_MS = 500;
/** A third of it is a semi-space: what dies young is cleared in smaller, shorter steps, and memory stays down. */
const RESOURCES = { maxYoungGenerationSizeMb: 24 };
/** Dead: so many requests in a row, over at least so long, found nobody to connect to. */
const DEAD_REQUESTS = 20;
const DEAD_MS = 2_000;

/**
 * Never throws for what the deployment does.
 * @throws PlimsollError what opening the workload throws; CLIENT_LIMITS where the client ran out of memory, open files
 *   or ports; INTERNAL where a request got lost
 */
export async function runLoad(job: LoadJob, hooks: LoadHooks): Promise<LoadResult> {
  const { plan } = job;
  const limits = readLimits();
  const [crew, room] = await Promise.all([hire(job, limits), readRoom(job.target.url, limits)]);
  try {
    const originMs = performance.now() + LEAD_MS;
    const originNs = process.hrtime.bigint() + BigInt(LEAD_MS * 1e6);
    const now = (): number => performance.now() - originMs;
    const live = createLiveFigures(plan, now);
    let stop: Stop | null = null;
    const halt = (end: Stop['end'], reason: string): void => {
      const before = stop as Stop | null;
      // A cancel may still come while a stopped load drains; nothing comes after a cut.
      if (before !== null && (before.cut || end === 'stopped')) return;
      const cut = end !== 'stopped';
      stop = { end, reason, cut, atMs: before?.atMs ?? Math.max(0, now()) };
      crew.tell({ kind: 'halt', cut: cut ? reason : null });
    };
    // What a hook throws ends the load, and is the caller's again.
    const broken = Promise.withResolvers<never>();
    const guard = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        broken.reject(error);
      }
    };
    const watchDeath = createDeathWatch();
    const received = plan.phases.map(() => 0);
    const openFiles = plan.phases.map((): PeakUse | null => null);
    const watchFiles = (phase: number): void => {
      const now = openFilesNow();
      if (now !== null)
        openFiles[phase] = { peak: Math.max(now, openFiles[phase]?.peak ?? 0), limit: limits.openFiles };
    };
    const onAbort = (): void => halt('cancelled', 'cancelled');
    hooks.signal?.addEventListener('abort', onAbort);
    const ticking = setInterval(
      () =>
        guard(() => {
          const progress = live.progress();
          watchFiles(progress.phase);
          hooks.onProgress?.(progress);
          const reason = hooks.shouldStop?.(progress) ?? null;
          if (reason !== null) halt('stopped', reason);
        }),
      PROGRESS_MS,
    );
    try {
      const done = crew.run((worker, update) =>
        guard(() => {
          const rows = unpackRows(update.rows, worker);
          live.add(worker, { ...update, rows });
          for (const { phase } of rows) received[phase]! += 1;
          if (rows.length > 0) hooks.onRows(rows);
          const dead = watchDeath(rows);
          if (dead !== null) halt('dead', dead);
        }),
      );
      crew.tell({ kind: 'start', originNs });
      hooks.onStart?.(originMs);
      if (hooks.signal?.aborted) onAbort();
      const accounts = await Promise.race([done, broken.promise]);
      const durationMs = Math.max(0, now());
      const stopped = stop as Stop | null;
      return {
        end: stopped?.end ?? 'complete',
        reason: stopped?.reason ?? null,
        originMs,
        offeredMs: Math.min(stopped?.atMs ?? Number.POSITIVE_INFINITY, endOf(plan)),
        durationMs,
        ...mergeAccounts(plan, stopped?.atMs ?? null, accounts, received, { ports: room.ports, openFiles }),
      };
    } finally {
      clearInterval(ticking);
      hooks.signal?.removeEventListener('abort', onAbort);
    }
  } finally {
    await crew.dismiss();
  }
}

interface Stop {
  readonly end: Exclude<LoadResult['end'], 'complete'>;
  readonly reason: string;
  readonly cut: boolean;
  readonly atMs: number;
}

interface Crew {
  tell(message: ToWorker): void;
  /** Resolves with the accounts of all; rejects with the first failure. */
  run(onUpdate: (worker: number, update: Extract<FromWorker, { kind: 'update' }>) => void): Promise<ShardAccounts[]>;
  dismiss(): Promise<unknown>;
}

/** Starts the workers and waits until all are ready. */
async function hire(job: LoadJob, limits: Limits): Promise<Crew> {
  // The bundle has worker.js beside it, the checkout worker.ts.
  const entry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
  let onUpdate: Parameters<Crew['run']>[0] = () => {};
  const members = Array.from({ length: Math.max(1, job.workers) }, (_, worker) => {
    const workerData: WorkerJob = {
      plan: job.plan,
      target: job.target,
      workloadRef: job.workload,
      streamed: job.workload.config.stream,
      worker,
      workers: Math.max(1, job.workers),
      secrets: job.secrets,
      answerMs: job.answerMs,
    };
    const thread = new Worker(entry, { workerData, name: `load-${worker}`, resourceLimits: RESOURCES });
    return employ(
      thread,
      (error) => failureOf(error, limits, job.plan),
      (update) => onUpdate(worker, update),
    );
  });
  const crew: Crew = {
    tell(message) {
      for (const { thread } of members) thread.postMessage(message);
    },
    run(listener) {
      onUpdate = listener;
      return Promise.all(members.map((member) => member.done));
    },
    dismiss: () => Promise.all(members.map(({ thread }) => thread.terminate())),
  };
  try {
    await Promise.all(members.map((member) => member.loaded));
    crew.tell({ kind: 'warm' });
    await Promise.all(members.map((member) => member.ready));
  } catch (error) {
    await crew.dismiss();
    throw error;
  }
  return crew;
}

function employ(
  thread: Worker,
  failureFor: (error: Error) => PlimsollError,
  onUpdate: (update: Extract<FromWorker, { kind: 'update' }>) => void,
) {
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

/** Looks at rows as they end; says so once nothing answers any more. */
function createDeathWatch(): (rows: readonly Timeline[]) => string | null {
  let refused = 0;
  let sinceMs = 0;
  return (rows) => {
    for (const row of rows) {
      if (row.outcome !== 'connect_error') refused = 0;
      else if (refused++ === 0) sinceMs = row.endMs;
      if (refused >= DEAD_REQUESTS && row.endMs - sinceMs >= DEAD_MS) {
        return `nothing answers any more: the last ${refused} requests, over ${((row.endMs - sinceMs) / 1_000).toFixed(1)} s, found no connection (${row.error ?? 'no reason given'})`;
      }
    }
    return null;
  };
}
