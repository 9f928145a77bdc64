// Records to build histories from, small but whole.

import type { Facts, RunRecord } from '../../src/record/schema.ts';
import type { MetricValue, StageMeasurement } from '../../src/stages/measurement.ts';
import { createHistogram, encodeHistogram, recordMs } from '../../src/stats/histogram.ts';

export const ENVIRONMENT: Facts = { gpu: 'H100', gpus: 1, driver: 550, method: 1 };

export const metric = (rounds: readonly (number | null)[], bound: MetricValue['bound'] = 'exact'): MetricValue => {
  const values = rounds.filter((round) => round !== null);
  return {
    value: values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length,
    bound,
    n: 500,
    thin: false,
    rounds,
    note: null,
  };
};

export const histogramOf = (...valuesMs: number[]): string => {
  const histogram = createHistogram();
  for (const value of valuesMs) recordMs(histogram, value);
  return encodeHistogram(histogram);
};

export const measured = (
  stage: StageMeasurement['stage'],
  metrics: StageMeasurement['metrics'],
  more: Partial<StageMeasurement> = {},
): StageMeasurement => ({
  stage,
  status: 'complete',
  reason: null,
  durationMs: 60_000,
  invalid: [],
  phases: [],
  metrics,
  histograms: { ttft: histogramOf(100, 120) },
  curve: null,
  cliffs: [],
  surge: null,
  stream: { coalescedShare: 0, tokensPerChunk: 1, tokenSource: 'usage' },
  unmeasured: [],
  ...more,
});

let runs = 0;
export interface RecordOptions {
  readonly id?: string;
  readonly keys?: Partial<Record<StageMeasurement['stage'], string>>;
  readonly environment?: Facts;
  readonly more?: Partial<RunRecord>;
}

/** One boot per list of stages. */
export function record(
  boots: readonly (readonly StageMeasurement[])[],
  { id, keys = {}, environment = ENVIRONMENT, more = {} }: RecordOptions = {},
): RunRecord {
  runs += 1;
  const stages = new Set(boots.flat().map(({ stage }) => stage));
  const base: RunRecord = {
    schema: 'plimsoll/run',
    version: 1,
    id: id ?? `run-${runs}`,
    name: '',
    createdAt: '2026-01-01T00:00:00Z',
    plimsoll: '0.1.0',
    mode: 'baseline',
    status: 'complete',
    statusReason: null,
    deployment: 'llm',
    environment,
    workloads: Object.fromEntries(
      [...stages].map((stage) => [
        stage,
        { key: keys[stage] ?? `key-${stage}`, facts: { stage, load: keys[stage] ?? 'poisson 8/s' } },
      ]),
    ),
    subject: { commit: 'c0ffee0', engine: 'vllm 0.9' },
    slo: null,
    boots: boots.map((stages, index) => ({
      index: index + 1,
      side: 'candidate',
      startedAt: new Date(Date.UTC(2026, 0, 1) + (runs * 10 + index) * 60_000).toISOString(),
      bootMs: 20_000,
      end: 'complete',
      reason: null,
      subject: {},
      pair: null,
      stages: stages as RunRecord['boots'][number]['stages'],
    })),
    discarded: [],
  };
  return { ...base, ...more };
}

/** A run of one boot with one benchmark whose rounds scatter about `ttftMs`. */
export const benchmarkRun = (ttftMs: number, options: RecordOptions = {}): RunRecord =>
  record(
    [
      [
        measured('benchmark', {
          'ttft.p95': metric([0.98, 1, 1.01, 0.99, 1.02].map((share) => share * ttftMs)),
          'errors.rate': metric([0, 0, 0.01, 0, 0]),
        }),
      ],
    ],
    options,
  );
