// What is kept of a load's requests while they stream by: counts and histograms per phase, and a count of
// arrivals and ends per tenth of a second. Memory does not grow with the number of requests, and the order in
// which rows come changes nothing: all sums are of whole numbers.

import type { Slo } from '../config/schema.ts';
import type { LoadPlan, PhasePlan } from '../load/plan.ts';
import { steadyFromMs } from '../load/plan.ts';
import { type Outcome, startOf, type Timeline, type TokenSource } from '../load/timeline.ts';
import { createHistogram, type Histogram, recordMs } from '../stats/histogram.ts';
import { addAt } from './series.ts';
import { createWindows, type WindowTally } from './windows.ts';

export const LATENCIES = ['ttft', 'ttft_service', 'ttfc', 'tpot', 'e2e'] as const;
export type LatencyId = (typeof LATENCIES)[number];

/** Values of one latency, and the requests of which only "at least" is known. */
export interface LatencyTally {
  readonly histogram: Histogram;
  sumUs: number;
  maxUs: number;
  /** Failures: held to have lasted until the request timeout, so that failing fast never looks fast. */
  failed: number;
  /** Requests that we ended ourselves: known to have lasted until then. */
  cut: Histogram | null;
  cutSumUs: number;
}

export interface PhaseTally {
  /** Over the whole phase. */
  rows: number;
  readonly outcomes: Partial<Record<Outcome, number>>;
  readonly tokenSources: Partial<Record<TokenSource, number>>;
  chunks: number;
  coalesced: number;
  /** Output tokens of whole answers that told how many, and the chunks these came in. */
  chunkTokens: number;
  tokenChunks: number;
  /** Requests planned (closed loop: sent) inside the steady window. */
  requests: number;
  ok: number;
  metSlo: number;
  outputTokens: number;
  outputCounted: number;
  /** max_tokens of the answers whose tokens were counted. */
  outputAsked: number;
  readonly latencies: Readonly<Record<LatencyId, LatencyTally>>;
}

/** Counts by bucket of BUCKET_MS since the load began. */
export interface Series {
  readonly sent: number[];
  readonly ended: number[];
  readonly completed: number[];
  readonly promptTokens: number[];
}
export const BUCKET_MS = 100;

export interface Tally {
  add(rows: readonly Timeline[]): void;
  phase(index: number): PhaseTally;
  readonly series: Series;
  /** Step-surge only: TTFT by window of planned time. */
  readonly windows: readonly WindowTally[];
}

export function createTally(plan: LoadPlan, slo: Slo): Tally {
  const phases: (PhaseTally | undefined)[] = plan.phases.map(() => undefined);
  const series: Series = { sent: [], ended: [], completed: [], promptTokens: [] };
  const windows = createWindows(plan);
  const phase = (index: number): PhaseTally => (phases[index] ??= emptyPhase());
  return {
    series,
    windows: windows.all,
    phase,
    add(rows) {
      for (const row of rows) {
        addToSeries(series, row);
        windows.add(row);
        addToPhase(phase(row.phase), row, plan.phases[row.phase]!, slo);
      }
    },
  };
}

function addToSeries(series: Series, row: Timeline): void {
  addAt(series.sent, row.sentMs / BUCKET_MS, 1);
  addAt(series.ended, row.endMs / BUCKET_MS, 1);
  if (row.outcome !== 'ok') return;
  addAt(series.completed, row.endMs / BUCKET_MS, 1);
  addAt(series.promptTokens, row.endMs / BUCKET_MS, row.promptTokens ?? 0);
}

function addToPhase(tally: PhaseTally, row: Timeline, phase: PhasePlan, slo: Slo): void {
  tally.rows += 1;
  tally.outcomes[row.outcome] = (tally.outcomes[row.outcome] ?? 0) + 1;
  tally.chunks += row.chunks;
  tally.coalesced += row.coalesced;
  if (row.outcome === 'ok') {
    if (row.tokenSource !== null) tally.tokenSources[row.tokenSource] = (tally.tokenSources[row.tokenSource] ?? 0) + 1;
    if (row.outputTokens !== null && row.chunks > 0) {
      tally.chunkTokens += row.outputTokens;
      tally.tokenChunks += row.chunks;
    }
  }
  if (startOf(row) < steadyFromMs(phase)) return;
  tally.requests += 1;
  if (row.outcome === 'ok') {
    tally.ok += 1;
    if (row.outputTokens !== null) {
      tally.outputTokens += row.outputTokens;
      tally.outputCounted += 1;
      tally.outputAsked += row.maxTokens;
    }
  }
  const values = latenciesOf(row);
  if (row.outcome === 'ok' && meets(slo, values, row)) tally.metSlo += 1;
  for (const id of LATENCIES) addLatency(tally.latencies[id], values[id], row);
}

/**
 * A moment that came is known whatever became of the request: a TTFT counts although the answer broke off later.
 * E2E and TPOT are those of whole answers only.
 */
export function latenciesOf(row: Timeline): Readonly<Record<LatencyId, number | null>> {
  const start = startOf(row);
  const since = (from: number, moment: number | null) => (moment === null ? null : moment - from);
  return {
    ttft: since(start, row.firstTokenMs),
    ttft_service: since(row.sentMs, row.firstTokenMs),
    ttfc: since(start, row.firstContentMs),
    tpot: row.outcome === 'ok' ? tpotOf(row) : null,
    e2e: row.outcome === 'ok' ? row.endMs - start : null,
  };
}

function tpotOf({ firstTokenMs, lastTokenMs, outputTokens }: Timeline): number | null {
  if (firstTokenMs === null || lastTokenMs === null || outputTokens === null || outputTokens < 2) return null;
  return (lastTokenMs - firstTokenMs) / (outputTokens - 1);
}

/** An answer that came in one piece has no TTFT of its own: its reader waited until its end. */
function meets(slo: Slo, values: Readonly<Record<LatencyId, number | null>>, row: Timeline): boolean {
  const within = (value: number | null, limit: number | undefined) =>
    limit === undefined || value === null || value <= limit;
  const end = row.endMs - startOf(row);
  return within(values.ttft ?? end, slo.ttftMs) && within(values.tpot, slo.tpotMs) && within(end, slo.e2eMs);
}

function addLatency(tally: LatencyTally, valueMs: number | null, row: Timeline): void {
  if (valueMs !== null) {
    const us = toUs(valueMs);
    recordMs(tally.histogram, valueMs);
    tally.sumUs += us;
    tally.maxUs = Math.max(tally.maxUs, us);
  } else if (row.outcome === 'cut') {
    const lastedMs = row.endMs - startOf(row);
    tally.cut ??= createHistogram();
    recordMs(tally.cut, lastedMs);
    tally.cutSumUs += toUs(lastedMs);
  } else if (row.outcome !== 'ok') {
    tally.failed += 1;
  }
}

const toUs = (ms: number): number => Math.max(0, Math.round(ms * 1_000));

export const emptyLatency = (): LatencyTally => ({
  histogram: createHistogram(),
  sumUs: 0,
  maxUs: 0,
  failed: 0,
  cut: null,
  cutSumUs: 0,
});

export const emptyPhase = (): PhaseTally => ({
  rows: 0,
  outcomes: {},
  tokenSources: {},
  chunks: 0,
  coalesced: 0,
  chunkTokens: 0,
  tokenChunks: 0,
  requests: 0,
  ok: 0,
  metSlo: 0,
  outputTokens: 0,
  outputCounted: 0,
  outputAsked: 0,
  latencies: {
    ttft: emptyLatency(),
    ttft_service: emptyLatency(),
    ttfc: emptyLatency(),
    tpot: emptyLatency(),
    e2e: emptyLatency(),
  },
});
