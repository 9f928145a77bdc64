// The figures that people and stop rules watch while a load runs. In: the workers' updates. Out: LoadProgress over
// the last few seconds. Fixed in size, whatever the rate.

import { objectList } from '../transport/object-list.ts';
import type { LoadPlan } from './plan.ts';
import type { LoadProgress } from './result.ts';
import { endOf, type ShardUpdate } from './shard.ts';
import { startOf } from './timeline.ts';

export interface LiveFigures {
  add(worker: number, update: ShardUpdate): void;
  progress(): LoadProgress;
}

/** The last WINDOW_SLOTS slots of SLOT_MS each are "the last few seconds". */
const SLOT_MS = 500;
const WINDOW_SLOTS = 10;
/** Enough for a p95 that people glance at. */
const SAMPLES_PER_SLOT = 400;

interface WindowSlot {
  readonly number: number;
  done: number;
  tokens: number;
  readonly ttftMs: number[];
}

export function createLiveFigures(plan: LoadPlan, now: () => number): LiveFigures {
  const window = objectList<WindowSlot>();
  const inFlight: number[] = [];
  const lastPhase = plan.phases.length - 1;
  /** What came since is not known yet. */
  let updatedMs = 0;
  let sent = 0;
  let done = 0;
  let failed = 0;

  function slot(): WindowSlot {
    const number = Math.floor(now() / SLOT_MS);
    let last = window.at(-1);
    if (last === undefined || last.number !== number) {
      last = { number, done: 0, tokens: 0, ttftMs: [] };
      window.push(last);
    }
    while (window[0]!.number <= number - WINDOW_SLOTS) window.shift();
    return last;
  }

  return {
    add(worker, update) {
      updatedMs = now();
      inFlight[worker] = update.inFlight;
      sent += update.sent;
      const here = slot();
      here.tokens += update.tokens;
      here.done += update.rows.length;
      done += update.rows.length;
      for (const row of update.rows) {
        if (row.outcome !== 'ok') failed += 1;
        if (row.firstTokenMs === null) continue;
        // Past its room a slot keeps the newest.
        const ttftMs = row.firstTokenMs - startOf(row);
        if (here.ttftMs.length < SAMPLES_PER_SLOT) here.ttftMs.push(ttftMs);
        else here.ttftMs[done % SAMPLES_PER_SLOT] = ttftMs;
      }
    },
    progress() {
      const oldest = slot().number - WINDOW_SLOTS + 1;
      const elapsedMs = Math.max(0, now());
      const totalMs = endOf(plan);
      const phase = plan.phases.findIndex(({ startMs, durationMs }) => elapsedMs < startMs + durationMs);
      const windowSeconds = Math.max(0.1, (updatedMs - Math.max(0, oldest) * SLOT_MS) / 1_000);
      const ttfts = window.flatMap(({ ttftMs }) => ttftMs).sort((a, b) => a - b);
      return {
        elapsedMs,
        totalMs,
        phase: phase === -1 ? lastPhase : phase,
        draining: phase === -1,
        inFlight: inFlight.reduce((all, each) => all + (each ?? 0), 0),
        sent,
        done,
        failed,
        requestsPerSecond: window.reduce((all, each) => all + each.done, 0) / windowSeconds,
        tokensPerSecond: window.reduce((all, each) => all + each.tokens, 0) / windowSeconds,
        ttftP95Ms: ttfts[Math.ceil(0.95 * ttfts.length) - 1] ?? null,
      };
    },
  };
}
