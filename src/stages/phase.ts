// One phase of a load, measured: what was planned, sent, received and sampled in it, put together.

import type { Config } from '../config/schema.ts';
import { type LoadPlan, offeredRate, type PhasePlan, steadyFromMs } from '../load/plan.ts';
import type { ClientPhaseHealth, LoadResult } from '../load/result.ts';
import type { Sample, SamplerProblem } from '../monitor/sample.ts';
import { type Figures, isCounter, metricsOf, type PhaseMetric, talliedFigures } from './figures.ts';
import type { PhaseMeasurement } from './measurement.ts';
import { endOf } from './phases.ts';
import { inFlight, levelsWithin, sumWithin } from './series.ts';
import { BUCKET_MS, type PhaseTally, type Tally } from './tally.ts';

/** How a load ended, with what ran beside it. */
export interface LoadEnd {
  readonly load: LoadResult;
  readonly samples: readonly Sample[];
  readonly problems: readonly SamplerProblem[];
  /** What the deployment died of during the load; null = it lives. */
  readonly died: string | null;
  /** The engine's counters began anew during the load: it did not die, but it is another one. */
  readonly restarted?: boolean;
}

export interface MeasuredPhase {
  readonly plan: PhasePlan;
  /** Not all of it was offered: the load ended in it. */
  readonly partial: boolean;
  readonly tally: PhaseTally;
  readonly figures: Figures;
  readonly metrics: Readonly<Record<string, PhaseMetric>>;
  /** Requests in flight, each tenth of a second of the steady window. */
  readonly levels: readonly number[];
  readonly measurement: PhaseMeasurement;
}

export interface PhaseContext {
  readonly timeoutMs: number;
  readonly price: Config['price'];
  /** Where this load stands on the stage's time axis: 0, or behind the loads before it. */
  readonly offsetMs: number;
}

/** The phases that were entered, in order. */
export function measurePhases(plan: LoadPlan, tally: Tally, end: LoadEnd, context: PhaseContext): MeasuredPhase[] {
  const levels = inFlight(tally.series.sent, tally.series.ended);
  const samples = end.samples.toSorted((a, b) => a.tMs - b.tMs);
  return plan.phases.flatMap((phase, index) =>
    phase.startMs < end.load.offeredMs ? [measurePhase(phase, index, tally, levels, { ...end, samples }, context)] : [],
  );
}

function measurePhase(
  phase: PhasePlan,
  index: number,
  tally: Tally,
  levels: readonly number[],
  end: LoadEnd,
  context: PhaseContext,
): MeasuredPhase {
  const { load } = end;
  const health = load.phases[index]!;
  const kept = tally.phase(index);
  const toMs = Math.min(endOf(phase), load.offeredMs);
  const fromMs = Math.min(steadyFromMs(phase), toMs);
  const figures: Figures = {
    ...talliedFigures(kept),
    windowMs: toMs - fromMs,
    completed: sumWithin(tally.series.completed, BUCKET_MS, fromMs, toMs),
    tokens: sumWithin(load.tokensReceived, load.bucketMs, fromMs, toMs),
    promptTokens: sumWithin(tally.series.promptTokens, BUCKET_MS, fromMs, toMs),
    dropped: health.droppedSteady,
    gapsUs: load.gapsUs[index]!,
    samples: samplesWithin(end.samples, phase.startMs, toMs),
  };
  const metrics = metricsOf(figures, context.timeoutMs, context.price);
  return {
    plan: phase,
    partial: toMs < endOf(phase),
    tally: kept,
    figures,
    metrics,
    levels: levelsWithin(levels, BUCKET_MS, fromMs, toMs),
    measurement: {
      name: phase.name,
      kind: phase.kind,
      startMs: context.offsetMs + phase.startMs,
      endMs: context.offsetMs + toMs,
      offeredRate: offeredRate(phase),
      users: phase.load.kind === 'closed' ? phase.load.users : null,
      planned: health.planned,
      sent: health.sent,
      dropped: health.dropped,
      outcomes: kept.outcomes,
      metrics,
      client: {
        dispatchDelayMs: delayOf(health),
        eventLoopDelayP99Ms: health.eventLoopDelayP99Ms,
        cpuShare: health.cpuShare,
        ...(health.retries !== undefined && { retries: health.retries }),
        ...(health.sockets && { sockets: health.sockets }),
        ...(health.openFiles && { openFiles: health.openFiles }),
      },
      invalid: [],
    },
  };
}

/** Readings of [fromMs, toMs) by metric, of samples in order of time. Counters are read against their last value before it, else their first. */
function samplesWithin(samples: readonly Sample[], fromMs: number, toMs: number): Map<string, number[]> {
  const before = new Map<string, Sample>();
  const within = new Map<string, number[]>();
  for (const sample of samples) {
    if (sample.tMs >= toMs) break;
    if (sample.tMs < fromMs) {
      before.set(sample.metric, sample);
      continue;
    }
    const values = within.get(sample.metric);
    if (values) values.push(sample.value);
    else within.set(sample.metric, [sample.value]);
  }
  for (const [metric, values] of within) {
    if (!isCounter(metric)) continue;
    const zero = before.get(metric)?.value ?? values[0]!;
    within.set(
      metric,
      values.map((value) => Math.max(0, value - zero)),
    );
  }
  return within;
}

function delayOf({ dispatchDelayMs }: ClientPhaseHealth): PhaseMeasurement['client']['dispatchDelayMs'] {
  return dispatchDelayMs && { p50: dispatchDelayMs.p50, p99: dispatchDelayMs.p99, max: dispatchDelayMs.max };
}
