// Carries out a LoadPlan: workers, one clock for all, rows and live figures on the way, accounts at the end. Every
// planned request ends as a row or is counted as dropped.

import { monotonicOffsetMs } from './clock.ts';
import { hire, type LoadJob, type UpdateListener } from './crew.ts';
import { readRoom } from './foresee.ts';
import { openFilesNow, readLimits } from './limits.ts';
import { createLiveFigures, type LiveFigures } from './live.ts';
import { mergeAccounts } from './merge.ts';
import type { LoadPlan } from './plan.ts';
import type { LoadProgress, LoadResult, PeakUse } from './result.ts';
import { unpackRows } from './rows.ts';
import { endOf } from './shard.ts';
import type { Timeline } from './timeline.ts';

export type RowSink = (rows: readonly Timeline[]) => void;

export interface LoadHooks {
  /** Rows as they end, at least twice a second. Called as a function of its own. */
  readonly onRows: RowSink;
  /** What gets made-up rows before time zero, so that this thread's code is compiled by then. Called more than once. */
  rehearse?(): Rehearsal;
  /** Time zero is set: performance.now() of this thread, a few ms ahead. */
  onStart?(originMs: number): void;
  onProgress?(progress: LoadProgress): void;
  /** Asked about twice a second; a reason ends the load: nothing more is sent, what is in flight may drain. */
  shouldStop?(progress: LoadProgress): string | null;
  signal?: AbortSignal;
}

/** Does with rows what a load's own sink does, and keeps nothing. */
export interface Rehearsal {
  /** Made by the same line of code as the load's: to the compiler another function is news, whatever it does. */
  readonly onRows: RowSink;
  /** No rows come any more. */
  close(): Promise<unknown>;
}

/** From `start` to time zero: the messages must have arrived. */
const LEAD_MS = 20;
const PROGRESS_MS = 500;
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
  const rehearsal = rehearse(plan, hooks);
  const [crew, room] = await Promise.all([
    hire(job, limits, rehearsal.onUpdate, hooks.signal).finally(rehearsal.close),
    readRoom(job.target.url, limits),
  ]);
  if (crew === null) return cancelledBefore(plan);
  try {
    const originMs = performance.now() + LEAD_MS;
    const { live, received, receive, now } = createReceiver(plan, originMs, hooks.onRows);
    let stop: Stop | null = null;
    const halt = (end: Stop['end'], reason: string): void => {
      const before = stop as Stop | null;
      // A cancel may still come while a stopped load drains; nothing comes after a cut.
      if (before !== null && (before.cut || end === 'stopped')) return;
      const cut = end !== 'stopped';
      stop = { end, reason, cut, atMs: before?.atMs ?? now() };
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
          const dead = receive(worker, update);
          if (dead !== null) halt('dead', dead);
        }),
      );
      crew.tell({ kind: 'start', originMonotonicMs: originMs + monotonicOffsetMs() });
      hooks.onStart?.(originMs);
      if (hooks.signal?.aborted) onAbort();
      const accounts = await Promise.race([done, broken.promise]);
      const durationMs = Math.max(0, now());
      const stopped = stop as Stop | null;
      return {
        end: stopped?.end ?? 'complete',
        reason: stopped?.reason ?? null,
        originMs,
        offeredMs: Math.max(0, Math.min(stopped?.atMs ?? Number.POSITIVE_INFINITY, endOf(plan))),
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

/** What becomes of a load's updates in this thread. */
interface Receiver {
  /** ms since the load's origin. */
  now(): number;
  readonly live: LiveFigures;
  /** Rows of each phase. */
  readonly received: number[];
  /** Why the load is to end, if it is. */
  receive(...update: Parameters<UpdateListener>): string | null;
}

function createReceiver(plan: LoadPlan, originMs: number, onRows: RowSink): Receiver {
  const now = (): number => performance.now() - originMs;
  const live = createLiveFigures(plan, now);
  const received = plan.phases.map(() => 0);
  const watchDeath = createDeathWatch();
  return {
    now,
    live,
    received,
    receive(worker, update) {
      const rows = unpackRows(update.rows, worker);
      live.add(worker, { ...update, rows });
      for (const { phase } of rows) received[phase]! += 1;
      if (rows.length > 0) onRows(rows);
      return watchDeath(rows);
    },
  };
}

/** Of an exercise's updates: what works once for each, and not once for each row, would be compiled in the load otherwise. */
const REHEARSALS_PER_UPDATE = 4;
/** What a load does every half second would be slow the first time. */
const UPDATES_PER_PROGRESS = 10;

/** To receivers of its own, two in turn: code that has seen one alone is compiled for that one (limber.ts). */
function rehearse(plan: LoadPlan, hooks: LoadHooks): { onUpdate: UpdateListener; close(): Promise<void> } {
  const rehearsals = [0, 1].map(() => hooks.rehearse?.() ?? NO_REHEARSAL);
  const receivers = rehearsals.map(({ onRows }) => createReceiver(plan, performance.now(), onRows));
  let updates = 0;
  return {
    onUpdate(worker, update) {
      try {
        for (let i = 0; i < REHEARSALS_PER_UPDATE; i++) receivers[i % receivers.length]!.receive(worker, update);
        if (++updates % UPDATES_PER_PROGRESS !== 0) return;
        for (const { live } of receivers) live.progress();
        openFilesNow();
      } catch {
        // The load itself will throw it again, where it is told.
      }
    },
    async close() {
      await Promise.allSettled(rehearsals.map((each) => each.close()));
    },
  };
}

const NO_REHEARSAL: Rehearsal = { onRows: () => {}, close: async () => {} };

/** Time zero never came: nothing was due, and nothing was sent. */
function cancelledBefore(plan: LoadPlan): LoadResult {
  const books = mergeAccounts(
    plan,
    Number.NEGATIVE_INFINITY,
    [],
    plan.phases.map(() => 0),
  );
  return { end: 'cancelled', reason: 'cancelled', originMs: performance.now(), offeredMs: 0, durationMs: 0, ...books };
}

interface Stop {
  readonly end: Exclude<LoadResult['end'], 'complete'>;
  readonly reason: string;
  readonly cut: boolean;
  /** On the load's clock: below 0 where its first slot was not due yet. */
  readonly atMs: number;
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
