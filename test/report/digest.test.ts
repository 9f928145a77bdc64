import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { encodeRow, encodeSample, type StoredRow } from '../../src/record/rows.ts';
import { createDigest, type StageDigest } from '../../src/report/digest.ts';
import { KEPT, stepMs } from '../../src/report/page-shape.ts';
import { readDigest } from '../../src/runner/rows.ts';
import { rowOf } from '../pages/rows.ts';
import { bootOf, recordOf } from './fixtures.ts';

const record = recordOf([bootOf(1, { slow: 1 })]);
const SPAN_MS = 101_000;
const rowsOf = (count: number): StoredRow[] =>
  Array.from({ length: count }, (_, request) =>
    rowOf({ boot: 1, stage: 'benchmark', request, plannedMs: (SPAN_MS * request) / count }),
  );
function benchmarkOf(rows: readonly StoredRow[]): StageDigest {
  const digest = createDigest(record);
  for (const row of rows) digest.addRow(row);
  return digest.result(null).stages.find(({ stage }) => stage === 'benchmark')!;
}
const ttft = (row: StoredRow): number | null => (row.firstTokenMs === null ? null : row.firstTokenMs - row.plannedMs!);

test('every request is counted once, in its own time and latency', () => {
  const rows = rowsOf(5_000);
  const { requests, failed, overTime, bucketMs } = benchmarkOf(rows);
  assert.equal(requests, 5_000);
  assert.equal(failed, rows.filter(({ outcome }) => outcome !== 'ok').length);
  const expected = new Map<string, number>();
  for (const row of rows) {
    const value = ttft(row);
    if (value === null) continue;
    const key = `${Math.floor(row.plannedMs! / bucketMs)}`;
    expected.set(key, (expected.get(key) ?? 0) + 1);
  }
  const counted = new Map<string, number>();
  for (let at = 0; at < overTime.ttft.cells.length; at += 3) {
    const [bucket, step, count] = overTime.ttft.cells.slice(at, at + 3) as [number, number, number];
    counted.set(String(bucket), (counted.get(String(bucket)) ?? 0) + count);
    const inside = rows.filter((row) => {
      const value = ttft(row);
      // A cell's edge lies half a fine step, 1.2 %, from where it is drawn.
      return (
        value !== null &&
        Math.floor(row.plannedMs! / bucketMs) === bucket &&
        value >= stepMs(step) * 0.98 &&
        value <= stepMs(step + 1) * 1.02
      );
    });
    assert.ok(inside.length >= count, `bucket ${bucket}, step ${step}`);
  }
  assert.deepEqual(counted, expected);
});

test('quantiles over time lie within 1.2 % of the true ones', () => {
  const rows = rowsOf(4_000);
  const { overTime, bucketMs } = benchmarkOf(rows);
  for (const [bucket, p95] of overTime.ttft.p95.entries()) {
    const values = rows
      .filter((row) => Math.floor(row.plannedMs! / bucketMs) === bucket)
      .flatMap((row) => ttft(row) ?? [])
      .sort((a, b) => a - b);
    const exact = values[Math.ceil(0.95 * values.length) - 1]!;
    assert.ok(Math.abs(p95! / exact - 1) < 0.012, `${p95} of ${exact}`);
  }
});

test('the slowest requests are kept, however many there are', () => {
  const rows = rowsOf(20_000);
  const { rows: kept } = benchmarkOf(rows);
  const slowest = rows
    .filter((row) => ttft(row) !== null)
    .sort((a, b) => ttft(b)! - ttft(a)!)
    .slice(0, 25)
    .map(({ request }) => request);
  const keptSlowest = kept.filter((row) => (row.kept & KEPT.ttft) !== 0).map(({ request }) => request);
  assert.deepEqual(new Set(keptSlowest), new Set(slowest));
  assert.ok(kept.length < 600);
});

test('the sample is fair: every tenth of the run has about a tenth of it', () => {
  const { rows: kept } = benchmarkOf(rowsOf(50_000));
  const sample = kept.filter((row) => (row.kept & KEPT.sample) !== 0);
  const tenths = Array.from(
    { length: 10 },
    (_, tenth) => sample.filter(({ request }) => Math.floor(request / 5_000) === tenth).length,
  );
  assert.equal(sample.length, 400);
  // Binomial(400, 0.1): four standard deviations either way.
  for (const count of tenths) assert.ok(count > 16 && count < 64, tenths.join());
});

test('the order in which batches of rows come changes nothing', () => {
  const rows = rowsOf(3_000);
  const batches = Array.from({ length: 300 }, (_, batch) => rows.slice(10 * batch, 10 * batch + 10).reverse()).flat();
  assert.deepEqual(benchmarkOf(batches), benchmarkOf(rows));
});

test('a round that was repeated lies behind the first load, with its readings', () => {
  const benchmark = structuredClone(bootOf(1, { slow: 1 }).stages[0]!);
  const { endMs } = benchmark.phases.at(-1)!;
  benchmark.phases.push(
    { ...benchmark.phases[0]! },
    { ...benchmark.phases[1]!, name: 'round-6', startMs: 9_000, endMs: 27_000 },
  );
  const digest = createDigest(recordOf([{ ...bootOf(1, { slow: 1 }), stages: [benchmark] }]));
  const rows = rowsOf(1_000).map((row) => ({ ...row, plannedMs: row.plannedMs! * (endMs / SPAN_MS) }));
  for (const row of rows) digest.addRow(row);
  for (const row of rows.slice(0, 100)) digest.addRow({ ...row, phaseName: 'round-6' });
  for (const tMs of [-500, 1_000, 90_000, -500, 2_000])
    digest.addSample({ boot: 1, stage: 'benchmark', tMs, metric: 'host.cpu', value: tMs });
  const [stage] = digest.result(null).stages;
  const again = stage!.rows.filter(({ phase }) => phase === 'round-6');
  assert.ok(again.length > 5);
  assert.ok(again.every(({ startMs }) => startMs >= endMs));
  const last = stage!.signals[0]!.max.findLastIndex((value) => value !== null);
  assert.equal(stage!.signals[0]!.max[last], 2_000);
  assert.ok((last + 1) * stage!.bucketMs > endMs + 2_000);
});

test('rows of a boot that the record does not count are left out', () => {
  const digest = createDigest(record);
  digest.addRow(rowOf({ boot: 2, stage: 'benchmark', request: 0, plannedMs: 0 }));
  assert.ok(digest.result(null).stages.every(({ requests }) => requests === 0));
});

// ---- from files ---------------------------------------------------------------------------------------

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-rows-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const place = { boot: 1, stage: 'benchmark', phase: 'round-1' } as const;
const requestLines = (count: number): string =>
  rowsOf(count)
    .map((row) => `${encodeRow(row, place)}\n`)
    .join('');
const seriesLines = `${encodeSample({ tMs: 1_000, metric: 'host.cpu', value: 40 }, place)}\n`;

test('what a run wrote is read back whole', async () => {
  writeFileSync(join(folder, 'requests.ndjson.gz'), gzipSync(requestLines(500)));
  writeFileSync(join(folder, 'series.ndjson.gz'), gzipSync(seriesLines));
  const { stages, problem } = await readDigest(folder, record);
  assert.equal(problem, null);
  assert.equal(stages[0]!.requests, 500);
  assert.deepEqual(
    stages[0]!.signals.map(({ metric }) => metric),
    ['host.cpu'],
  );
});

test('a file that breaks off gives what stands before the break, and says so', async () => {
  const whole = gzipSync(requestLines(2_000));
  writeFileSync(join(folder, 'requests.ndjson.gz'), whole.subarray(0, Math.floor(whole.length / 2)));
  const { stages, problem } = await readDigest(folder, record);
  assert.match(problem!, /^requests\.ndjson\.gz breaks off after line \d+: /);
  assert.ok(stages[0]!.requests > 100 && stages[0]!.requests < 2_000);
  assert.equal(stages[0]!.signals.length, 1, 'the other file is read all the same');
});

test('a damaged line is named, and so is a file that is not there', async () => {
  writeFileSync(join(folder, 'requests.ndjson.gz'), gzipSync(`${requestLines(3)}{"boot":"x"}\n`));
  rmSync(join(folder, 'series.ndjson.gz'), { force: true });
  const { stages, problem } = await readDigest(folder, record);
  assert.match(problem!, /requests\.ndjson\.gz:4 is damaged: boot: .*series\.ndjson\.gz is not there/);
  assert.equal(stages[0]!.requests, 3);
});
