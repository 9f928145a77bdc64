// Opens connections shortly before a phase needs them, so that its first requests don't wait for handshakes. Never more
// than Little's law expects the phase to use: an idle connection can take a thread of the server (llama.cpp).

import { setTimeout as pause } from 'node:timers/promises';
import type { Connections } from '../transport/connections.ts';
import { concurrencyOf } from './foresee.ts';
import type { Limits } from './limits.ts';
import type { LoadPlan, PhasePlan } from './plan.ts';
import type { Timeline } from './timeline.ts';
import { meanThinkMs } from './users.ts';

export interface Warmer {
  /** For the first phase; before time zero. Resolves when they are open, or have taken too long: they are a favour. */
  first(): Promise<void>;
  /** Learns how long answers take. */
  ended(row: Timeline): void;
  /** Call about every 100 ms with the load's time. */
  tick(nowMs: number): void;
}

const LEAD_MS = 1_000;
const FIRST_LIMIT_MS = 30_000;
/** So many answers of a phase make a mean. */
const ANSWERS = 10;
/** Of the limit of open files. */
const FILES_SHARE = 0.8;

interface Share {
  readonly plan: LoadPlan;
  readonly workers: number;
  /** null = not known. */
  readonly answerMs?: number | null | undefined;
}

export function createWarmer({ plan, workers, answerMs }: Share, connections: Connections, limits: Limits): Warmer {
  const most = Math.min(plan.maxInFlight, FILES_SHARE * (limits.openFiles ?? Number.POSITIVE_INFINITY));
  let meanMs = answerMs ?? null;
  let phase = 0;
  let sumMs = 0;
  let count = 0;
  let warmed = 0;

  const warm = async (next: PhasePlan): Promise<void> => {
    if (meanMs === null) return;
    await connections.warm(Math.floor(Math.min(most, expected(next, meanMs)) / workers));
  };
  return {
    first: () => Promise.race([warm(plan.phases[0]!), pause(FIRST_LIMIT_MS, undefined, { ref: false })]),
    ended(row) {
      if (row.outcome !== 'ok' || row.phase < phase) return;
      if (row.phase > phase) {
        phase = row.phase;
        sumMs = 0;
        count = 0;
      }
      sumMs += row.endMs - row.sentMs;
      count += 1;
      if (count >= ANSWERS) meanMs = sumMs / count;
    },
    tick(nowMs) {
      const next = plan.phases[warmed + 1];
      if (next === undefined || nowMs < next.startMs - LEAD_MS) return;
      warmed += 1;
      void warm(next);
    },
  };
}

/** Requests in flight on average. Of users those who are not thinking. */
function expected(phase: PhasePlan, answerMs: number): number {
  const { load } = phase;
  if (load.kind !== 'closed') return concurrencyOf(phase, answerMs);
  return (load.users * answerMs) / (answerMs + meanThinkMs(load.think));
}
