// From the rows of a load to a StageMeasurement. Rows stream in while the load runs; what is kept of them does not
// grow with their number. At the end, what the load itself and the samplers saw is put beside them.

import type { Config } from '../config/schema.ts';
import type { LoadPlan } from '../load/plan.ts';
import type { LoadProgress } from '../load/result.ts';
import type { Timeline } from '../load/timeline.ts';
import { encodeHistogram, type Histogram } from '../stats/histogram.ts';
import { judgeClient } from './client.ts';
import { bootValue, type Figures, pool } from './figures.ts';
import { machineFaults } from './machine.ts';
import type { HistogramSet, Invalidity, MetricValue, PhaseMeasurement, StageMeasurement } from './measurement.ts';
import { type LoadEnd, type MeasuredPhase, measurePhases } from './phase.ts';
import { endOf } from './phases.ts';
import { benchmarkResult, linearResult, type StageResult, stepSurgeResult } from './results.ts';
import { stopReason } from './stop-rule.ts';
import { createTally, type Tally } from './tally.ts';

export type { LoadEnd } from './phase.ts';

export interface MeasurerInput {
  readonly plan: LoadPlan;
  /** `stages.linear.stopWhen` is the stop rule of a linear plan. */
  readonly config: Pick<Config, 'slo' | 'client' | 'price' | 'stages'>;
  /** A failed request counts as one that lasted this long. */
  readonly requestTimeoutMs: number;
  /** Spawn → ready, for `boot.duration`; null or absent for an external deployment. */
  readonly bootMs?: number | null;
}

/** What a load feeds while it runs. */
export interface LoadObserver {
  /** Rows of requests that ended, in any order. */
  add(rows: readonly Timeline[]): void;
  /** Why the load should end now; null = go on. Only the linear stage has such a rule. */
  shouldStop(progress: LoadProgress): string | null;
}

export interface Measurer extends LoadObserver {
  /** For the load of planExtraRound: its end is the second one given to `finish`, a third load's the third. */
  extraRound(plan: LoadPlan): LoadObserver;
  /**
   * @param ends the stage's load first, then those of extra rounds in the order in which they were made
   * @param options.dropRound 0-based number of the round that an extra one replaces; or several
   */
  finish(ends: readonly LoadEnd[], options?: { readonly dropRound?: number | readonly number[] }): StageMeasurement;
}

export function createMeasurer(input: MeasurerInput): Measurer {
  const loads: { readonly plan: LoadPlan; readonly tally: Tally }[] = [];
  const observe = (plan: LoadPlan): LoadObserver => {
    const tally = createTally(plan, input.config.slo);
    loads.push({ plan, tally });
    const stopWhen = plan.stage === 'linear' ? input.config.stages.linear?.stopWhen : undefined;
    return {
      add: (rows) => tally.add(rows),
      shouldStop: (progress) => (stopWhen ? stopReason(plan, tally, stopWhen, progress) : null),
    };
  };
  return {
    ...observe(input.plan),
    extraRound: observe,
    finish(ends, { dropRound = [] } = {}) {
      const dropped = typeof dropRound === 'number' ? [dropRound] : dropRound;
      return measure(
        input,
        ends.map((end, index) => ({ ...loads[index]!, end })),
        dropped,
      );
    },
  };
}

interface FinishedLoad {
  readonly plan: LoadPlan;
  readonly tally: Tally;
  readonly end: LoadEnd;
}

function measure(
  input: MeasurerInput,
  loads: readonly FinishedLoad[],
  droppedRounds: readonly number[],
): StageMeasurement {
  const first = loads[0]!;
  const { stage } = first.plan;
  const phases = measureAll(input, loads);
  const result = resultOf(input, phases, first, droppedRounds);
  const replacements = replacementsOf(loads, droppedRounds);
  const { status, reason } = statusOf(first);
  const all = pool(result.counted.map((phase) => phase.figures));
  return {
    stage,
    status,
    reason,
    durationMs: loads.reduce((sum, { end }) => sum + end.load.durationMs, 0),
    invalid: [
      ...incomplete(first),
      ...result.invalid,
      ...mixedTokenSources(result.counted),
      ...machineFaults(
        loads.map(({ end }) => end),
        result.counted,
      ),
    ],
    phases: phases.map(
      ({ measurement }): PhaseMeasurement => ({
        ...measurement,
        ...(replacements.has(measurement.name) && { replacedBy: replacements.get(measurement.name) }),
        metrics: { ...measurement.metrics, ...result.phaseMetrics?.get(measurement.name) },
      }),
    ),
    metrics: { ...result.metrics, ...bootDuration(input.bootMs ?? null) },
    histograms: histogramsOf(all),
    curve: result.curve ?? null,
    cliffs: result.cliffs ?? [],
    surge: result.surge ?? null,
    stream: streamOf(result.counted),
    unmeasured: unmeasured(loads),
  };
}

function resultOf(
  { config, requestTimeoutMs }: MeasurerInput,
  phases: readonly MeasuredPhase[],
  load: FinishedLoad,
  droppedRounds: readonly number[],
): StageResult {
  const { plan, tally, end } = load;
  const context = { slo: config.slo, price: config.price, timeoutMs: requestTimeoutMs };
  switch (plan.stage) {
    case 'benchmark':
      return benchmarkResult(phases, droppedRounds, context);
    case 'linear':
      return linearResult(phases, statusOf(load).status === 'aborted', context);
    case 'step-surge':
      return stepSurgeResult(phases, tally, end.load.offeredMs, context);
  }
}

/** Which extra round stands for which, by name: the n-th extra load for the n-th dropped round. */
function replacementsOf(loads: readonly FinishedLoad[], droppedRounds: readonly number[]): Map<string, string> {
  const [rounds, ...extras] = loads.map(({ plan }) => plan.phases.filter((phase) => phase.kind === 'round'));
  const replacements = new Map<string, string>();
  for (const [index, number] of droppedRounds.entries()) {
    const [dropped, extra] = [rounds?.[number], extras[index]?.[0]];
    if (dropped && extra) replacements.set(dropped.name, extra.name);
  }
  return replacements;
}

/** Phases of all loads on one axis: an extra round stands behind the load that it repairs. */
function measureAll({ config, requestTimeoutMs }: MeasurerInput, loads: readonly FinishedLoad[]): MeasuredPhase[] {
  let offsetMs = 0;
  return loads.flatMap(({ plan, tally, end }) => {
    const phases = measurePhases(plan, tally, end, { timeoutMs: requestTimeoutMs, price: config.price, offsetMs });
    offsetMs += end.load.durationMs;
    return judgeClient(phases, end.load.phases, config.client);
  });
}

function statusOf({ plan, end: { load, died } }: FinishedLoad): Pick<StageMeasurement, 'status' | 'reason'> {
  if (load.end === 'cancelled' && died === null) return { status: 'cancelled', reason: load.reason };
  if (died !== null || load.end === 'dead' || load.end === 'cancelled')
    return { status: 'aborted', reason: died ?? load.reason };
  if (load.end === 'stopped') return { status: 'stopped', reason: load.reason };
  const last = plan.phases.at(-1);
  const isWhole = last === undefined || load.offeredMs >= endOf(last) - 1;
  return isWhole
    ? { status: 'complete', reason: null }
    : { status: 'aborted', reason: load.reason ?? 'the load ended before its plan' };
}

/** A stage that broke off cannot be judged. A ramp that its stop rule ended is a result. */
function incomplete(load: FinishedLoad): Invalidity[] {
  const { status, reason } = statusOf(load);
  if (status === 'complete' || (status === 'stopped' && load.plan.stage === 'linear')) return [];
  const seconds = Math.round(load.end.load.offeredMs / 1_000);
  const last = load.plan.phases.at(-1);
  const planned = last ? Math.round(endOf(last) / 1_000) : 0;
  return [
    {
      code: 'incomplete',
      message: `the stage ended after ${seconds} of ${planned} s: ${reason ?? status}`,
      advice: status === 'cancelled' ? 'Run it again.' : 'See the log of the deployment.',
      phase: null,
    },
  ];
}

function mixedTokenSources(phases: readonly MeasuredPhase[]): Invalidity[] {
  const sources = tokenSources(phases);
  if (sources.size < 2) return [];
  const counts = [...sources].map(([source, count]) => `${count} by ${source}`).join(', ');
  return [
    {
      code: 'token_source',
      message: `output tokens were not counted the same way in all answers: ${counts}`,
      advice: 'Make the engine report usage in every stream (stream_options.include_usage), or in none.',
      phase: null,
    },
  ];
}

function tokenSources(phases: readonly MeasuredPhase[]): Map<string, number> {
  const sources = new Map<string, number>();
  for (const { tally } of phases) {
    for (const [source, count] of Object.entries(tally.tokenSources))
      sources.set(source, (sources.get(source) ?? 0) + count);
  }
  return sources;
}

function streamOf(phases: readonly MeasuredPhase[]): StageMeasurement['stream'] {
  const sum = (pick: (tally: MeasuredPhase['tally']) => number) =>
    phases.reduce((total, { tally }) => total + pick(tally), 0);
  const chunks = sum((tally) => tally.chunks);
  const tokenChunks = sum((tally) => tally.tokenChunks);
  const sources = [...tokenSources(phases).keys()];
  return {
    coalescedShare: chunks > 0 ? sum((tally) => tally.coalesced) / chunks : null,
    tokensPerChunk: tokenChunks > 0 ? sum((tally) => tally.chunkTokens) / tokenChunks : null,
    tokenSource: sources.length > 1 ? 'mixed' : (sources[0] ?? null),
  };
}

function histogramsOf(all: Figures): HistogramSet {
  const kept: [keyof HistogramSet, Histogram][] = [
    ['ttft', all.latencies.ttft.histogram],
    ['tpot', all.latencies.tpot.histogram],
    ['icl', all.gapsUs],
    ['e2e', all.latencies.e2e.histogram],
  ];
  return Object.fromEntries(
    kept.filter(([, histogram]) => histogram.totalCount > 0).map(([id, histogram]) => [id, encodeHistogram(histogram)]),
  );
}

function bootDuration(bootMs: number | null): Record<string, MetricValue> {
  if (bootMs === null) return {};
  return {
    'boot.duration': bootValue('boot.duration', { value: bootMs / 1_000, bound: 'exact', n: 1 }, [bootMs / 1_000]),
  };
}

/** Each metric once, with the first reason given for it. */
function unmeasured(loads: readonly FinishedLoad[]): StageMeasurement['unmeasured'] {
  const reasons = new Map<string, string>();
  for (const { source, metrics, reason } of loads.flatMap(({ end }) => end.problems)) {
    for (const metric of metrics) if (!reasons.has(metric)) reasons.set(metric, `${source}: ${reason}`);
  }
  return [...reasons].map(([metric, reason]) => ({ metric, reason }));
}
