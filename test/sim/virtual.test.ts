import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { playVirtual, type VirtualArrival } from '../../src/sim/virtual.ts';
import { createRandom } from '../../src/stats/random.ts';

function poisson(ratePerSecond: number, forMs: number, seed: string): VirtualArrival[] {
  const random = createRandom(seed);
  const arrivals: VirtualArrival[] = [];
  for (
    let atMs = random.exponential() * (1_000 / ratePerSecond);
    atMs < forMs;
    atMs += random.exponential() * (1_000 / ratePerSecond)
  ) {
    arrivals.push({ atMs, promptTokens: random.int(100, 400), outputTokens: random.int(16, 48) });
  }
  return arrivals;
}
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

test('every arrival gives one row, in order, and the same run gives the same rows', () => {
  const arrivals = poisson(60, 20_000, 'rows');
  const options = { queueLimit: 20, errorRate: 0.02, resetRate: 0.02, hangRate: 0.02 };
  const limits = { requestTimeoutMs: 2_000, endAtMs: 19_000 };
  const rows = playVirtual(options, arrivals, limits);
  assert.deepEqual(
    rows.map((row) => row.atMs),
    arrivals.map((arrival) => arrival.atMs),
  );
  assert.deepEqual(playVirtual(options, arrivals, limits), rows);
  assert.deepEqual([...new Set(rows.map((row) => row.outcome))].toSorted(), [
    'cut',
    'error',
    'ok',
    'rejected',
    'timeout',
  ]);
  for (const [i, row] of rows.entries()) {
    if (row.outcome === 'ok') assert.equal(row.outputTokens, arrivals[i]!.outputTokens);
    if (row.outcome === 'timeout') assert.ok(Math.abs(row.endMs - row.atMs - 2_000) < 1e-6);
    if (row.outcome === 'rejected') assert.equal(row.firstTokenMs, null);
    assert.ok(row.endMs >= row.atMs && (row.lastTokenMs ?? row.atMs) <= row.endMs);
    assert.equal(row.firstTokenMs, row.tokenTimesMs[0] ?? null);
    assert.ok(row.tokenTimesMs.every((time, k) => k === 0 || time > row.tokenTimesMs[k - 1]!));
  }
});

test('no time-out, cut, fault or sampling leaves a row out, whatever the load', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          atMs: fc.integer({ min: 0, max: 800 }),
          promptTokens: fc.integer({ min: 1, max: 9_000 }),
          outputTokens: fc.integer({ min: 1, max: 40 }),
        }),
        { maxLength: 60, size: 'max' },
      ),
      fc.record({
        maxBatch: fc.integer({ min: 1, max: 6 }),
        queueLimit: fc.nat(10),
        crashAtMs: fc.constantFrom(Infinity, 300),
        oomAboveRunning: fc.constantFrom(Infinity, 3),
        hangRate: fc.constantFrom(0, 0.3),
        resetRate: fc.constantFrom(0, 0.3),
      }),
      fc.record({ requestTimeoutMs: fc.constantFrom(Infinity, 1, 250), endAtMs: fc.constantFrom(Infinity, 0, 500) }),
      (load, options, limits) => {
        const arrivals = load.toSorted((a, b) => a.atMs - b.atMs);
        const rows = playVirtual(options, arrivals, limits);
        assert.equal(rows.length, arrivals.length);
        for (const row of rows)
          assert.ok(row.outcome !== 'ok' || (row.outputTokens > 0 && row.endMs <= limits.endAtMs));
        if (options.crashAtMs === 300) assert.ok(rows.every((row) => row.atMs < 300 || row.outcome !== 'ok'));
      },
    ),
    { numRuns: 300 },
  );
});

test('3,000 requests take far less than the 100 s that they stand for', () => {
  const arrivals = poisson(30, 100_000, 'speed');
  assert.ok(arrivals.length > 2_800);
  const begunMs = performance.now();
  const rows = playVirtual({}, arrivals);
  assert.ok(performance.now() - begunMs < 2_000);
  assert.ok(rows.every((row) => row.outcome === 'ok'));
});

test('the defaults serve a demo: quick at 20 requests/s, within 500 ms at 35, saturated between 40 and 55', () => {
  const at = (rate: number) => {
    const rows = playVirtual({}, poisson(rate, 60_000, 'demo')).filter((row) => row.outcome === 'ok');
    return {
      ttftMs: median(rows.map((row) => row.firstTokenMs! - row.atMs)),
      missed: rows.filter((row) => row.firstTokenMs! - row.atMs > 500).length / rows.length,
      tpotMs: median(rows.map((row) => (row.lastTokenMs! - row.firstTokenMs!) / (row.outputTokens - 1))),
      achieved: rows.filter((row) => row.endMs > 20_000 && row.endMs <= 60_000).length / 40,
    };
  };
  const moderate = at(20);
  assert.ok(
    moderate.ttftMs > 80 && moderate.ttftMs < 200 && moderate.tpotMs > 14 && moderate.tpotMs < 24,
    JSON.stringify(moderate),
  );
  assert.ok(at(35).missed < 0.05);
  const over = at(80);
  assert.ok(over.achieved > 40 && over.achieved < 55 && over.missed > 0.8, JSON.stringify(over));
});

test('a decode slowdown of 10 % shows as 10 % more time per token, or a little more through the longer batch', () => {
  const arrivals = poisson(15, 120_000, 'slow');
  const tpot = (decodeSlowdown: number) =>
    median(
      playVirtual({ decodeSlowdown }, arrivals).map(
        (row) => (row.lastTokenMs! - row.firstTokenMs!) / (row.outputTokens - 1),
      ),
    );
  const ratio = tpot(1.1) / tpot(1);
  assert.ok(ratio > 1.08 && ratio < 1.16, `${ratio}`);
});

test('samples come at their interval and see the load', () => {
  const seen: { atMs: number; running: number }[] = [];
  const rows = playVirtual({}, poisson(20, 10_000, 'gauges'), {
    sample: { intervalMs: 100, take: (atMs, { running }) => seen.push({ atMs, running }) },
  });
  const endMs = Math.max(...rows.map((row) => row.endMs));
  assert.deepEqual(
    seen.map(({ atMs }) => atMs),
    Array.from({ length: Math.floor(endMs / 100) + 1 }, (_, i) => i * 100),
  );
  assert.ok(seen.some(({ running }) => running > 5));
  const untouched = playVirtual({}, poisson(20, 10_000, 'gauges'));
  assert.deepEqual(rows, untouched, 'watching changed the run');
});

test('a request that falls silent ends by its time-out, or is still open at the end', () => {
  const arrivals = [{ atMs: 0, promptTokens: 10, outputTokens: 10 }];
  const [timedOut] = playVirtual({ hangRate: 1 }, arrivals, { requestTimeoutMs: 5_000 });
  assert.equal(timedOut!.outcome, 'timeout');
  assert.equal(timedOut!.endMs, 5_000);
  assert.equal(timedOut!.outputTokens, 5);
  assert.equal(playVirtual({ hangRate: 1 }, arrivals, { endAtMs: 9_000 })[0]!.endMs, 9_000);
});

test('what was given up leaves the engine to others', () => {
  const long = { promptTokens: 10, outputTokens: 1_000 };
  const rows = playVirtual(
    { maxBatch: 1 },
    [
      { atMs: 0, ...long },
      { atMs: 10, promptTokens: 10, outputTokens: 4 },
    ],
    { requestTimeoutMs: 200 },
  );
  assert.deepEqual(
    rows.map((row) => row.outcome),
    ['timeout', 'timeout'],
  );
  const served = playVirtual(
    { maxBatch: 1 },
    [
      { atMs: 0, ...long },
      { atMs: 100, promptTokens: 10, outputTokens: 4 },
    ],
    { requestTimeoutMs: 200 },
  );
  assert.deepEqual(
    served.map((row) => row.outcome),
    ['timeout', 'ok'],
  );
});

test('arrivals that go back in time are refused', () => {
  const arrival = { promptTokens: 1, outputTokens: 1 };
  assert.throws(
    () =>
      playVirtual({}, [
        { atMs: 5, ...arrival },
        { atMs: 4, ...arrival },
      ]),
    RangeError,
  );
});
