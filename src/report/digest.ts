// What the page keeps of a run's rows: counts of every request by time and latency, the slowest, the failed and a fair
// sample of the rest, and the monitors' samples by time. Rows go in one by one, in any number; memory and the size of
// what comes out do not grow with them.

import type { StageName } from '../config/schema.ts';
import { startOf } from '../load/timeline.ts';
import type { StoredRow, StoredSample } from '../record/rows.ts';
import type { BootRecord, RunRecord } from '../record/schema.ts';
import { latenciesOf } from '../stages/tally.ts';
import {
  DIGEST_LATENCIES,
  type DigestLatency,
  KEPT,
  type KeptRow,
  type LatencyOverTime,
  type Signal,
  STEPS_PER_DECADE,
} from './page-shape.ts';

export interface RunDigest {
  readonly stages: readonly StageDigest[];
  /** Why rows are missing, in words; null = all were read. */
  readonly problem: string | null;
}

/** One stage on one boot. Times are ms since its load began. */
export interface StageDigest {
  readonly boot: number;
  readonly stage: StageName;
  readonly requests: number;
  readonly failed: number;
  /** Width of a bucket of time; a request belongs to the one it was planned in (closed loop: sent in). */
  readonly bucketMs: number;
  readonly buckets: number;
  readonly overTime: Readonly<Record<DigestLatency, LatencyOverTime>>;
  readonly signals: readonly Signal[];
  readonly rows: readonly KeptRow[];
}

export interface Digest {
  addRow(row: StoredRow): void;
  addSample(sample: StoredSample): void;
  result(problem: string | null): RunDigest;
}

/** Rows and samples of boots that the record does not count are left out. */
export function createDigest(record: RunRecord): Digest {
  const places = record.boots.flatMap((boot) => boot.stages.map((stage) => ({ boot: boot.index, stage })));
  // So many boots and stages share one page.
  const most = Math.min(120, Math.max(20, Math.floor(1_200 / Math.max(1, places.length))));
  const sampled = Math.min(400, Math.max(20, Math.floor(3_000 / Math.max(1, places.length))));
  const stages = new Map(
    places.map(({ boot, stage }) => [
      keyOf(boot, stage.stage),
      stageDigest(boot, stage, Math.min(most, bucketsFor(stage)), sampled),
    ]),
  );
  return {
    addRow: (row) => stages.get(keyOf(row.boot, row.stage))?.addRow(row),
    addSample: (sample) => stages.get(keyOf(sample.boot, sample.stage))?.addSample(sample),
    result: (problem) => ({ stages: [...stages.values()].map((stage) => stage.result()), problem }),
  };
}

/** Fewer than twenty requests to a bucket bear no p95. */
const bucketsFor = ({ phases }: StageRecord): number =>
  Math.max(20, Math.floor(phases.reduce((sum, { sent }) => sum + sent, 0) / 20));

const keyOf = (boot: number, stage: string): string => `${boot} ${stage}`;

/** Steps to a decade of µs within which quantiles are found. */
const FINE = 100;
const FINE_STEPS = FINE * 10;
const SLOWEST = 25;
const FAILED = 40;

type StageRecord = BootRecord['stages'][number];

function stageDigest(boot: number, { stage, durationMs, phases }: StageRecord, buckets: number, sampled: number) {
  const spanMs = Math.max(1, durationMs, ...layOut(phases).map(({ endMs }) => endMs));
  const bucketMs = spanMs / buckets;
  const bucketOf = (ms: number): number => Math.min(buckets - 1, Math.max(0, Math.floor(ms / bucketMs)));
  const counts = Object.fromEntries(
    DIGEST_LATENCIES.map((id) => [id, new Uint32Array(buckets * FINE_STEPS)]),
  ) as Record<DigestLatency, Uint32Array>;
  const slowest = DIGEST_LATENCIES.map((id) => ({ id, top: createTop(SLOWEST) }));
  const failures = createTop(FAILED);
  const sample = createTop(sampled);
  const signals = new Map<
    string,
    { readonly sum: Float64Array; readonly n: Uint32Array; readonly max: Float64Array }
  >();
  const rowShift = createRowShift(phases);
  const sampleShift = createSampleShift(phases);
  let requests = 0;
  let failed = 0;

  function addRow(row: StoredRow): void {
    requests += 1;
    const startMs = startOf(row) + rowShift(row);
    const bucket = bucketOf(startMs);
    const latencies = latenciesOf(row);
    for (const { id, top } of slowest) {
      const valueMs = latencies[id];
      if (valueMs === null) continue;
      counts[id][bucket * FINE_STEPS + fineStep(valueMs)]! += 1;
      top.add(valueMs, row, startMs);
    }
    const chance = hash(row.request, row.worker + 131 * Math.round(row.sentMs));
    if (row.outcome !== 'ok') {
      failed += 1;
      failures.add(chance, row, startMs);
    }
    sample.add(chance, row, startMs);
  }

  function addSample(reading: StoredSample): void {
    const { tMs, metric, value } = reading;
    const shiftMs = sampleShift(reading);
    if (tMs < 0) return;
    let signal = signals.get(metric);
    if (signal === undefined) {
      signal = {
        sum: new Float64Array(buckets),
        n: new Uint32Array(buckets),
        max: new Float64Array(buckets).fill(Number.NEGATIVE_INFINITY),
      };
      signals.set(metric, signal);
    }
    const bucket = bucketOf(tMs + shiftMs);
    signal.sum[bucket]! += value;
    signal.n[bucket]! += 1;
    signal.max[bucket] = Math.max(signal.max[bucket]!, value);
  }

  const result = (): StageDigest => ({
    boot,
    stage,
    requests,
    failed,
    bucketMs,
    buckets,
    overTime: Object.fromEntries(
      DIGEST_LATENCIES.map((id) => [id, latencyOverTime(counts[id], buckets)]),
    ) as unknown as StageDigest['overTime'],
    signals: [...signals].map(([metric, { sum, n, max }]) => ({
      metric,
      mean: Array.from(n, (count, bucket) => (count === 0 ? null : short(sum[bucket]! / count))),
      max: Array.from(n, (count, bucket) => (count === 0 ? null : short(max[bucket]!))),
    })),
    rows: keptRows([
      ...slowest.map(({ id, top }) => ({ reason: KEPT[id], rows: top.rows() })),
      { reason: KEPT.failed, rows: failures.rows() },
      { reason: KEPT.sample, rows: sample.rows() },
    ]),
  });
  return { addRow, addSample, result };
}

/**
 * Phases on one axis of time. A benchmark's extra round is a load of its own, whose times begin at zero again; it is
 * put behind the first. `shiftMs` is what was added to a phase's times.
 */
export function layOut<T extends { readonly startMs: number; readonly endMs: number }>(
  phases: readonly T[],
): (T & { readonly shiftMs: number })[] {
  let shiftMs = 0;
  let lastMs = 0;
  return phases.map((phase) => {
    if (phase.startMs + shiftMs < lastMs - 1) shiftMs = lastMs;
    lastMs = phase.endMs + shiftMs;
    return { ...phase, startMs: phase.startMs + shiftMs, endMs: lastMs, shiftMs };
  });
}

/**
 * What is added to the times of each load of a stage in turn; one load, but for the benchmark's extra round. Loads
 * follow each other in the files, so the next one begins where `isNext` says that something is there a second time.
 */
function createShift(phases: StageRecord['phases']): (isNext: boolean) => number {
  const shifts = [...new Set(layOut(phases).map(({ shiftMs }) => shiftMs))];
  let load = 0;
  return (isNext) => {
    if (isNext) load = Math.min(load + 1, shifts.length - 1);
    return shifts[load] ?? 0;
  };
}

/** Each load numbers its requests anew. */
function createRowShift(phases: StageRecord['phases']): (row: StoredRow) => number {
  const shift = createShift(phases);
  // Nearly always one load: a million numbers need not be remembered.
  if (layOut(phases).every(({ shiftMs }) => shiftMs === 0)) return () => 0;
  const seen = new Set<number>();
  return ({ request }) => {
    const isNext = seen.has(request);
    if (isNext) seen.clear();
    seen.add(request);
    return shift(isNext);
  };
}

/** The readings of a signal go back in time only where a load begins. */
function createSampleShift(phases: StageRecord['phases']): (sample: StoredSample) => number {
  const signals = new Map<string, { latestMs: number; readonly shift: (isNext: boolean) => number }>();
  return ({ metric, tMs }) => {
    const known = signals.get(metric) ?? { latestMs: tMs, shift: createShift(phases) };
    signals.set(metric, known);
    const isNext = tMs < known.latestMs;
    known.latestMs = tMs;
    return known.shift(isNext);
  };
}

interface Entry {
  readonly rank: number;
  readonly row: StoredRow;
  readonly startMs: number;
}

/** The entries of the highest rank, a bounded number of them. */
function createTop(size: number) {
  let entries: Entry[] = [];
  let least = Number.NEGATIVE_INFINITY;
  const sorted = (): Entry[] => entries.toSorted((a, b) => b.rank - a.rank).slice(0, size);
  return {
    add(rank: number, row: StoredRow, startMs: number): void {
      if (rank <= least) return;
      entries.push({ rank, row, startMs });
      if (entries.length < 4 * size) return;
      entries = sorted();
      least = entries.at(-1)!.rank;
    },
    rows: sorted,
  };
}

/** A fair coin for each request, the same whenever a page is made (finalizer of MurmurHash3, A. Appleby, 2011). */
function hash(a: number, b: number): number {
  let bits = Math.imul(a + 1, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

const fineStep = (valueMs: number): number =>
  Math.min(FINE_STEPS - 1, Math.max(0, Math.round(FINE * Math.log10(Math.max(1, 1_000 * valueMs)))));

function latencyOverTime(counts: Uint32Array, buckets: number): LatencyOverTime {
  const cells: number[] = [];
  const quantiles = { p50: [], p95: [], p99: [] } as Record<'p50' | 'p95' | 'p99', (number | null)[]>;
  for (let bucket = 0; bucket < buckets; bucket++) {
    const row = counts.subarray(bucket * FINE_STEPS, (bucket + 1) * FINE_STEPS);
    const total = row.reduce((sum, count) => sum + count, 0);
    const coarse = new Map<number, number>();
    row.forEach((count, step) => {
      if (count === 0) return;
      const at = Math.floor((step * STEPS_PER_DECADE) / FINE);
      coarse.set(at, (coarse.get(at) ?? 0) + count);
    });
    for (const [step, count] of coarse) cells.push(bucket, step, count);
    quantiles.p50.push(quantile(row, total, 0.5));
    quantiles.p95.push(quantile(row, total, 0.95));
    quantiles.p99.push(quantile(row, total, 0.99));
  }
  return { ...quantiles, cells };
}

function quantile(counts: Uint32Array, total: number, q: number): number | null {
  if (total === 0) return null;
  let seen = 0;
  const step = counts.findIndex((count) => {
    seen += count;
    return seen >= q * total;
  });
  return short(10 ** (step / FINE) / 1_000);
}

function keptRows(groups: readonly { readonly reason: number; readonly rows: readonly Entry[] }[]): KeptRow[] {
  const reasons = new Map<StoredRow, { entry: Entry; kept: number }>();
  for (const { reason, rows } of groups) {
    for (const entry of rows) {
      const known = reasons.get(entry.row);
      if (known) known.kept |= reason;
      else reasons.set(entry.row, { entry, kept: reason });
    }
  }
  return [...reasons.values()].map(({ entry, kept }) => keptRow(entry, kept)).sort((a, b) => a.startMs - b.startMs);
}

function keptRow({ row, startMs }: Entry, kept: number): KeptRow {
  const since = (ms: number): number => short(ms - startOf(row));
  const orNull = (ms: number | null): number | null => (ms === null ? null : since(ms));
  const { tpot } = latenciesOf(row);
  return {
    request: row.request,
    phase: row.phaseName,
    kept,
    startMs: short(startMs),
    sentMs: since(row.sentMs),
    headersMs: orNull(row.headersMs),
    firstTokenMs: orNull(row.firstTokenMs),
    lastTokenMs: orNull(row.lastTokenMs),
    endMs: since(row.endMs),
    outcome: row.outcome,
    error: row.error,
    promptTokens: row.promptTokens,
    outputTokens: row.outputTokens,
    tpotMs: tpot === null ? null : short(tpot),
  };
}

/** Five digits are more than a screen shows. */
const short = (value: number): number => Number(value.toPrecision(5));
