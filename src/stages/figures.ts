// From what was kept of a span of load (a phase, or several pooled) to its metrics, as docs/measuring.md defines
// them. Figures add up: pooling rounds, or replacing one by another, is exact.

import type { Config } from '../config/schema.ts';
import { resolveMetric } from '../metrics.ts';
import { censoredQuantile, createHistogram, type Histogram } from '../stats/histogram.ts';
import { minimumSample } from '../stats/sample-size.ts';
import type { MetricValue } from './measurement.ts';
import { emptyLatency, LATENCIES, type LatencyId, type LatencyTally, type PhaseTally } from './tally.ts';

export interface Figures {
  /** Length of the steady window, and what was received inside it. */
  readonly windowMs: number;
  readonly completed: number;
  readonly tokens: number;
  readonly promptTokens: number;
  /** Requests planned inside the window; `dropped` slots were planned too, but never sent. */
  readonly requests: number;
  readonly dropped: number;
  readonly ok: number;
  readonly metSlo: number;
  readonly outputTokens: number;
  readonly outputCounted: number;
  readonly outputAsked: number;
  readonly latencies: Readonly<Record<LatencyId, LatencyTally>>;
  readonly gapsUs: Histogram;
  /** Readings by metric base; counters already count from the span's start. */
  readonly samples: ReadonlyMap<string, readonly number[]>;
}

export type PhaseMetric = {
  readonly value: number | null;
  readonly bound: 'exact' | 'above' | 'below';
  readonly n: number;
  /** See MetricValue. */
  readonly spacing?: number | undefined;
};

/** What a phase's tally gives to its figures. */
export const talliedFigures = (tally: PhaseTally) => ({
  requests: tally.requests,
  ok: tally.ok,
  metSlo: tally.metSlo,
  outputTokens: tally.outputTokens,
  outputCounted: tally.outputCounted,
  outputAsked: tally.outputAsked,
  latencies: tally.latencies,
});

/** Several spans as one. */
export function pool(spans: readonly Figures[]): Figures {
  const sum = (pick: (span: Figures) => number) => spans.reduce((total, span) => total + pick(span), 0);
  const latencies = {
    ttft: emptyLatency(),
    ttft_service: emptyLatency(),
    ttfc: emptyLatency(),
    tpot: emptyLatency(),
    e2e: emptyLatency(),
  };
  const gapsUs = createHistogram();
  const samples = new Map<string, number[]>();
  for (const span of spans) {
    for (const id of LATENCIES) addTo(latencies[id], span.latencies[id]);
    gapsUs.add(span.gapsUs);
    for (const [metric, values] of span.samples) {
      const pooled = samples.get(metric) ?? [];
      // A counter counts from its own span's start: it goes on from where the span before ended.
      const offset = isCounter(metric) ? (pooled.at(-1) ?? 0) : 0;
      for (const value of values) pooled.push(value + offset);
      samples.set(metric, pooled);
    }
  }
  return {
    windowMs: sum((span) => span.windowMs),
    completed: sum((span) => span.completed),
    tokens: sum((span) => span.tokens),
    promptTokens: sum((span) => span.promptTokens),
    requests: sum((span) => span.requests),
    dropped: sum((span) => span.dropped),
    ok: sum((span) => span.ok),
    metSlo: sum((span) => span.metSlo),
    outputTokens: sum((span) => span.outputTokens),
    outputCounted: sum((span) => span.outputCounted),
    outputAsked: sum((span) => span.outputAsked),
    latencies,
    gapsUs,
    samples,
  };
}

function addTo(total: LatencyTally, part: LatencyTally): void {
  total.histogram.add(part.histogram);
  if (part.cut) {
    total.cut ??= createHistogram();
    total.cut.add(part.cut);
  }
  total.sumUs += part.sumUs;
  total.cutSumUs += part.cutSumUs;
  total.maxUs = Math.max(total.maxUs, part.maxUs);
  total.failed += part.failed;
}

/**
 * Every metric that the span can give, by id with statistic.
 * A dropped slot counts as a failure: the deployment left no room for it, or the phase is invalid anyway.
 */
export function metricsOf(span: Figures, timeoutMs: number, price: Config['price']): Record<string, PhaseMetric> {
  const metrics: Record<string, PhaseMetric> = {};
  for (const id of LATENCIES) Object.assign(metrics, latencyMetrics(id, span.latencies[id], span.dropped, timeoutMs));
  Object.assign(metrics, gapMetrics(span.gapsUs));

  const all = span.requests + span.dropped;
  const perSecond = (count: number) => (span.windowMs > 0 ? (count * 1_000) / span.windowMs : null);
  const exact = (value: number | null, n: number): PhaseMetric => ({ value, bound: 'exact', n });
  metrics['throughput.requests'] = exact(perSecond(span.completed), span.completed);
  metrics['throughput.tokens'] = exact(perSecond(span.tokens), span.completed);
  metrics['throughput.prompt_tokens'] = exact(perSecond(span.promptTokens), span.completed);
  metrics['goodput.requests'] = exact(perSecond(span.metSlo), all);
  metrics['goodput.share'] = exact(all > 0 ? span.metSlo / all : null, all);
  metrics['errors.rate'] = exact(all > 0 ? (all - span.ok) / all : null, all);
  metrics['output.tokens.mean'] = exact(
    span.outputCounted > 0 ? span.outputTokens / span.outputCounted : null,
    span.outputCounted,
  );
  metrics['output.share'] = exact(
    span.outputAsked > 0 ? span.outputTokens / span.outputAsked : null,
    span.outputCounted,
  );
  Object.assign(metrics, costMetrics(metrics, price));
  for (const [metric, values] of span.samples) Object.assign(metrics, sampleMetrics(metric, values));
  return metrics;
}

/**
 * mean, max and percentiles with failures right-censored. What is only known to be at least so much lies above all
 * that is known; among these, the requests that we cut come first, at the time of their cut.
 */
function latencyMetrics(
  id: LatencyId,
  tally: LatencyTally,
  dropped: number,
  timeoutMs: number,
): Record<string, PhaseMetric> {
  const failed = tally.failed + dropped;
  const censored = failed + (tally.cut?.totalCount ?? 0);
  const n = tally.histogram.totalCount + censored;
  const bound = censored > 0 ? 'above' : 'exact';
  const longestMs = Math.max(tally.maxUs, failed > 0 ? timeoutMs * 1_000 : 0, tally.cut?.maxValue ?? 0) / 1_000;
  const totalMs = (tally.sumUs + tally.cutSumUs) / 1_000 + failed * timeoutMs;
  const metrics: Record<string, PhaseMetric> = {
    [`${id}.mean`]: { value: n > 0 ? totalMs / n : null, bound, n },
    [`${id}.max`]: { value: n > 0 ? longestMs : null, bound, n },
  };
  for (const statistic of percentilesOf(id)) {
    const quantile = latencyQuantile(tally, quantileOf(statistic), dropped, timeoutMs);
    metrics[`${id}.${statistic}`] = { value: quantile.valueMs, bound: quantile.bound, n };
  }
  return metrics;
}

/** Quantile q of a latency, failures and cuts censored. */
export function latencyQuantile(tally: LatencyTally, q: number, dropped: number, timeoutMs: number) {
  const cuts = tally.cut?.totalCount ?? 0;
  const censored = tally.failed + dropped + cuts;
  const known = tally.histogram.totalCount;
  const beyond = q * (known + censored) - known;
  const isCut = tally.cut !== null && beyond > 0 && beyond <= cuts;
  const censoredAtMs = isCut ? tally.cut!.getValueAtPercentile((100 * beyond) / cuts) / 1_000 : timeoutMs;
  return censoredQuantile(tally.histogram, q, censored, censoredAtMs);
}

function gapMetrics(gapsUs: Histogram): Record<string, PhaseMetric> {
  const n = gapsUs.totalCount;
  const exact = (us: () => number): PhaseMetric => ({ value: n > 0 ? us() / 1_000 : null, bound: 'exact', n });
  const metrics: Record<string, PhaseMetric> = {
    'icl.mean': exact(() => gapsUs.mean),
    'icl.max': exact(() => gapsUs.maxValue),
  };
  for (const statistic of percentilesOf('icl')) {
    metrics[`icl.${statistic}`] = exact(() => gapsUs.getValueAtPercentile(quantileOf(statistic) * 100));
  }
  return metrics;
}

/** gpuHour × gpus ÷ (3600 × rate): nothing served has no price. */
export function costMetrics(
  metrics: Readonly<Record<string, PhaseMetric>>,
  price: Config['price'],
): Record<string, PhaseMetric> {
  if (!price) return {};
  const perSecond = (price.gpuHour * price.gpus) / 3_600;
  const cost = (of: PhaseMetric | undefined, units: number): PhaseMetric => ({
    value: of?.value ? (perSecond / of.value) * units : null,
    bound: 'exact',
    n: of?.n ?? 0,
  });
  return {
    'cost.per_request': cost(metrics['goodput.requests'], 1),
    'cost.per_million_tokens': cost(metrics['throughput.tokens'], 1e6),
  };
}

/** mean, p95 (nearest rank) and max of a sampled signal; of a counter only its last value means something. */
function sampleMetrics(metric: string, values: readonly number[]): Record<string, PhaseMetric> {
  const n = values.length;
  if (n === 0) return {};
  const sorted = values.toSorted((a, b) => a - b);
  const exact = (value: number): PhaseMetric => ({ value, bound: 'exact', n });
  if (isCounter(metric)) return { [`${metric}.max`]: exact(sorted[n - 1]!) };
  return {
    [`${metric}.mean`]: exact(values.reduce((sum, value) => sum + value, 0) / n),
    [`${metric}.p95`]: exact(sorted[Math.ceil(0.95 * n) - 1]!),
    [`${metric}.max`]: exact(sorted[n - 1]!),
  };
}

/** Sampled metrics that only ever grow. */
export const isCounter = (metric: string): boolean => metric === 'engine.preemptions';

const quantileOf = (statistic: string): number => Number(statistic.slice(1)) / 100;
const percentilesOf = (id: string): string[] =>
  PERCENTILES.filter((statistic) => resolveMetric(`${id}.${statistic}`) !== undefined);
const PERCENTILES = ['p50', 'p90', 'p95', 'p99'];

/** A boot's value: of the whole, with one value per round beside it. */
export function bootValue(
  id: string,
  whole: PhaseMetric,
  rounds: readonly (number | null)[],
  note: string | null = null,
): MetricValue {
  return {
    ...whole,
    thin: isThin(id, whole.n),
    rounds,
    note: whole.value === null ? (note ?? 'no request gave this value') : note,
  };
}

/** Too few requests for this percentile. */
export function isThin(id: string, n: number): boolean {
  const statistic = id.slice(id.lastIndexOf('.') + 1);
  return (
    LATENCY_IDS.has(id.slice(0, id.lastIndexOf('.'))) &&
    PERCENTILES.includes(statistic) &&
    n < minimumSample(quantileOf(statistic))
  );
}
const LATENCY_IDS: ReadonlySet<string> = new Set([...LATENCIES, 'icl']);
