// TTFT by short windows of planned time, for the step-surge stage: how bad a surge got and when it was over.

import { build, type Histogram } from 'hdr-histogram-js';
import { type LoadPlan, offeredRate } from '../load/plan.ts';
import { startOf, type Timeline } from '../load/timeline.ts';
import { recordMs } from '../stats/histogram.ts';
import { endOf } from './phases.ts';

/** About how many requests a window of the base load should hold, for a p95 that says something. */
const REQUESTS_PER_WINDOW = 20;
const SHORTEST_MS = 250;
/** Bounds memory and the size of the record. */
const MOST_WINDOWS = 300;

export interface WindowTally {
  readonly phase: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly ttft: Histogram;
  /** Ended otherwise than ok. */
  failed: number;
  /** Of those, the ones that never gave a token: censored at the request timeout. */
  withoutToken: number;
}

export interface Windows {
  readonly all: readonly WindowTally[];
  add(row: Timeline): void;
}

/** Windows begin anew with each phase, so that the first after a step holds nothing from before it. */
export function createWindows(plan: LoadPlan): Windows {
  if (plan.stage !== 'step-surge') return { all: [], add() {} };
  const last = plan.phases.at(-1);
  const base = plan.phases[0] && offeredRate(plan.phases[0]);
  const aimMs = Math.max(
    SHORTEST_MS,
    (REQUESTS_PER_WINDOW / (base ?? 1)) * 1_000,
    last ? endOf(last) / MOST_WINDOWS : 0,
  );
  const all: WindowTally[] = [];
  const firstOf: number[] = [];
  for (const [index, phase] of plan.phases.entries()) {
    const count = Math.max(1, Math.floor(phase.durationMs / aimMs));
    firstOf.push(all.length);
    for (let number = 0; number < count; number++) {
      all.push({
        phase: index,
        fromMs: phase.startMs + (phase.durationMs * number) / count,
        toMs: phase.startMs + (phase.durationMs * (number + 1)) / count,
        ttft: windowHistogram(),
        failed: 0,
        withoutToken: 0,
      });
    }
  }
  firstOf.push(all.length);
  return {
    all,
    add(row) {
      const phase = plan.phases[row.phase]!;
      const count = firstOf[row.phase + 1]! - firstOf[row.phase]!;
      const number = Math.floor(((startOf(row) - phase.startMs) / phase.durationMs) * count);
      const window = all[firstOf[row.phase]! + Math.min(count - 1, Math.max(0, number))]!;
      if (row.outcome !== 'ok') window.failed += 1;
      if (row.firstTokenMs !== null) recordMs(window.ttft, row.firstTokenMs - startOf(row));
      else if (row.outcome !== 'ok') window.withoutToken += 1;
    },
  };
}

/** As createHistogram of the stats room, at half its size: there are hundreds of them. */
const windowHistogram = (): Histogram =>
  build({
    bitBucketSize: 32,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 3_600_000_000,
    numberOfSignificantValueDigits: 3,
  });
