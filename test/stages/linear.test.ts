import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LoadProgress } from '../../src/load/result.ts';
import type { Timeline } from '../../src/load/timeline.ts';
import { asStored, stageMeasurementSchema } from '../../src/record/schema.ts';
import { planLinear } from '../../src/stages/linear.ts';
import { common, failure, loadOf, measure, measurerFor, near, playQueue, row } from './scene.ts';

const SLO = { ttftMs: 500 };
const STOP = { missed: 0.9, failed: 0.5 };
const ramp = (from: number, to: number, steps: number, hold = 10_000, arrivals: 'poisson' | 'constant' = 'constant') =>
  planLinear(
    { from: { perSecond: from }, to: { perSecond: to }, steps, hold, arrivals, stopWhen: STOP, drain: 60_000 },
    common,
  );
/** Rows at constant rate in each step, `missed` of them too late for the SLO. */
const rowsWith = (plan: ReturnType<typeof ramp>, missed: readonly number[]): Timeline[] =>
  plan.phases.flatMap((phase, index) => {
    const n = phase.load.kind === 'open' ? (phase.load.from * phase.durationMs) / 1_000 : 0;
    return Array.from({ length: n }, (_, i) => {
      const plannedMs = phase.startMs + (i * phase.durationMs) / n;
      // Spread evenly, so that any window has the same share.
      const late = Math.floor((i + 1) * missed[index]!) > Math.floor(i * missed[index]!);
      return row({
        plannedMs,
        phase: index,
        ...(late && { firstTokenMs: plannedMs + 600, lastTokenMs: plannedMs + 700, endMs: plannedMs + 700 }),
      });
    });
  });

test('the knee is where misses cross 5 %, interpolated between steps', () => {
  const plan = ramp(10, 40, 4);
  const { metrics, curve } = measure(plan, rowsWith(plan, [0, 0, 0.25, 0.8]), { config: { slo: SLO } });
  const knee = metrics['knee.rate']!;
  assert.equal(knee.bound, 'exact');
  assert.ok(near(knee.value, 20 + (0.05 / 0.25) * 10, 0.01), String(knee.value));
  assert.equal(knee.spacing, 10);
  assert.deepEqual(
    curve!.map((point) => point.held),
    [true, true, false, false],
  );
  assert.deepEqual(
    curve!.map((point) => point.offeredRate),
    [10, 20, 30, 40],
  );
  assert.deepEqual(knee.rounds, [knee.value]);
});

test('all steps held: the knee is above the last; none held: below the first', () => {
  const plan = ramp(10, 40, 4);
  const held = measure(plan, rowsWith(plan, [0, 0, 0, 0.04]), { config: { slo: SLO } }).metrics['knee.rate']!;
  assert.deepEqual([held.value, held.bound], [40, 'above']);
  const missed = measure(plan, rowsWith(plan, [0.2, 0.3, 0.5, 1]), { config: { slo: SLO } }).metrics['knee.rate']!;
  assert.deepEqual([missed.value, missed.bound], [10, 'below']);
  assert.deepEqual([held.spacing, missed.spacing], [undefined, undefined]);
});

test('one unlucky low step does not end the load line: misses are made to rise with load', () => {
  const plan = ramp(10, 50, 5);
  const { metrics } = measure(plan, rowsWith(plan, [0, 0.08, 0, 0, 0.5]), { config: { slo: SLO } });
  assert.ok(metrics['knee.rate']!.value! >= 40, String(metrics['knee.rate']!.value));
});

test('knee and plateau of a queue are found within a few percent of its capacity', () => {
  // 10 servers × 100 ms: 100 requests/s.
  const plan = ramp(40, 160, 13, 10_000, 'poisson');
  const rows = playQueue(plan, { servers: 10, serviceMs: 100, firstTokenMs: 20 });
  const { metrics, curve, invalid } = measure(plan, rows, { config: { slo: SLO } });
  assert.deepEqual(invalid, []);
  assert.ok(near(metrics['saturation.rate']!.value, 100, 0.02), String(metrics['saturation.rate']!.value));
  assert.equal(metrics['saturation.rate']!.bound, 'exact');
  assert.ok(near(metrics['knee.rate']!.value, 100, 0.06), String(metrics['knee.rate']!.value));
  assert.ok(near(metrics['throughput.tokens']!.value, 1_100, 0.02));
  assert.ok(metrics['goodput.requests']!.value! <= 101);
  for (const { offeredRate, backlogGrowing } of curve!) {
    if (offeredRate < 95 || offeredRate > 115) assert.equal(backlogGrowing, offeredRate > 115, `at ${offeredRate}/s`);
  }
});

test('a capacity 5 % lower moves the plateau by 5 %, and the knee of each seed down, by about as much on average', () => {
  let shift = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const plan = { ...ramp(40, 160, 13, 5_000, 'poisson'), seed };
    const at = (serviceMs: number) =>
      measure(plan, playQueue(plan, { servers: 10, serviceMs, firstTokenMs: 20 }), { config: { slo: SLO } }).metrics;
    const [before, after] = [at(100), at(105)];
    assert.ok(
      near(after['saturation.rate']!.value! / before['saturation.rate']!.value!, 1 / 1.05, 0.02),
      `seed ${seed}`,
    );
    assert.ok(after['knee.rate']!.value! <= before['knee.rate']!.value!, `seed ${seed}`);
    shift += Math.log(after['knee.rate']!.value! / before['knee.rate']!.value!) / 8;
  }
  assert.ok(shift < -0.015 && shift > -0.1, String(shift));
});

test('a growing backlog disqualifies a step although every answer so far met the SLO', () => {
  const plan = ramp(40, 130, 10);
  const rows = playQueue(plan, { servers: 10, serviceMs: 100, firstTokenMs: 20 });
  const { metrics, curve } = measure(plan, rows, { config: { slo: { tpotMs: 1_000 } } });
  // 5 % may pile up, so 100 ÷ 0.95.
  assert.ok(near(metrics['knee.rate']!.value, 100 / 0.95, 0.02), String(metrics['knee.rate']!.value));
  assert.ok(curve!.at(-1)!.goodputShare > 0.99 && !curve!.at(-1)!.held);
});

test('without an SLO the knee is where arrivals are no longer answered', () => {
  const plan = ramp(40, 160, 13);
  const { metrics } = measure(plan, playQueue(plan, { servers: 10, serviceMs: 100, firstTokenMs: 20 }));
  assert.ok(near(metrics['knee.rate']!.value, 100, 0.06), String(metrics['knee.rate']!.value));
});

test('no step saturated: the plateau is above the highest achieved rate, and tokens say what they are', () => {
  const plan = ramp(10, 40, 4);
  const { metrics } = measure(plan, rowsWith(plan, [0, 0, 0, 0]), { config: { slo: SLO } });
  assert.equal(metrics['saturation.rate']!.bound, 'above');
  assert.ok(near(metrics['saturation.rate']!.value, 40, 0.02));
  assert.match(metrics['saturation.rate']!.note!, /not reached/);
  assert.match(metrics['throughput.tokens']!.note!, /not reached/);
  assert.equal(metrics['throughput.tokens']!.bound, 'above');
  assert.ok(near(metrics['throughput.tokens']!.value, 440, 0.02));
});

test('a deployment that rejects what it cannot carry has its knee where rejections pass 5 %', () => {
  const plan = ramp(40, 160, 13);
  const { metrics, cliffs } = measure(
    plan,
    playQueue(plan, { servers: 10, serviceMs: 100, firstTokenMs: 20, limit: 5 }),
    { config: { slo: SLO } },
  );
  assert.ok(near(metrics['knee.rate']!.value, 104, 0.06), String(metrics['knee.rate']!.value));
  assert.ok(near(metrics['saturation.rate']!.value, 100, 0.03));
  assert.ok(
    cliffs.some((cliff) => /\d+ requests rejected/.test(cliff.why ?? '')),
    JSON.stringify(cliffs),
  );
});

test('a cliff names where the curve breaks and the signals that broke with it, and only these', () => {
  const plan = ramp(40, 160, 13);
  const rows = playQueue(plan, { servers: 10, serviceMs: 100, firstTokenMs: 20 });
  const series = (metric: string, value: (rate: number) => number) =>
    plan.phases.flatMap((phase) =>
      Array.from({ length: 10 }, (_, second) => ({
        tMs: phase.startMs + second * 1_000,
        metric,
        value: value(phase.load.kind === 'open' ? phase.load.from : 0),
      })),
    );
  const samples = [
    ...series('engine.kv_cache', (rate) => (rate > 100 ? 98.2 : rate * 0.9)),
    ...series('engine.waiting', (rate) => (rate > 100 ? (rate - 100) * 5 : 0)),
    ...series('gpu.utilization', () => 99),
    ...series('host.cpu', () => 40),
  ];
  const { cliffs } = measure(plan, rows, { config: { slo: SLO }, end: { samples } });
  assert.equal(cliffs.length, 1, JSON.stringify(cliffs));
  assert.deepEqual(cliffs[0]!.betweenRates, [100, 110]);
  assert.match(cliffs[0]!.what, /^TTFT p95 rose \d+× from 0\.02\d* s to 0\.\d+ s/);
  assert.equal(cliffs[0]!.why, 'KV cache at 98 %; queue grew to 50 requests');
  assert.equal(measure(plan, rows, { config: { slo: SLO } }).cliffs[0]!.why, null, 'no signal, no reason');
  const calm = ramp(10, 40, 4);
  assert.deepEqual(measure(calm, rowsWith(calm, [0, 0, 0, 0]), { config: { slo: SLO } }).cliffs, []);
});

test('a ramp that its rule stopped is a result: the steps beyond are absent, the knee stands', () => {
  const plan = ramp(40, 160, 13);
  const stopMs = plan.phases[9]!.startMs + 6_000;
  const rows = playQueue(plan, { servers: 10, serviceMs: 100, firstTokenMs: 20 }).filter(
    (one) => one.plannedMs! < stopMs,
  );
  const measured = measure(plan, rows, {
    config: { slo: SLO },
    load: { end: 'stopped', reason: '93 % missed', offeredMs: stopMs },
  });
  assert.deepEqual([measured.status, measured.reason, measured.invalid], ['stopped', '93 % missed', []]);
  assert.equal(measured.curve!.length, 10);
  assert.ok(near(measured.metrics['knee.rate']!.value, 100, 0.06));
  assert.equal(measured.phases.at(-1)!.endMs, stopMs);
});

test('latencies along the ramp are kept step by step: of steps that held, with requests enough, and no failures in the p95', () => {
  const plan = ramp(10, 60, 6);
  // Windows of 8 s: 80, 160, … requests, of which a p95 needs 130.
  const rows = rowsWith(plan, [0, 0, 0, 0.04, 0.3, 0.8]).map((one) =>
    one.phase === 2 ? { ...one, firstTokenMs: one.plannedMs! + 130, lastTokenMs: one.plannedMs! + 330 } : one,
  );
  const { metrics, curve } = measure(plan, rows, { config: { slo: SLO } });
  assert.deepEqual(
    curve!.map((point) => point.held),
    [true, true, true, true, false, false],
  );
  const [ttft, tpot] = [metrics['curve.ttft_p95']!, metrics['curve.tpot_p95']!];
  const expected = [null, 100, 130, 100, null, null];
  assert.equal(ttft.rounds.length, 6);
  for (const [step, value] of ttft.rounds.entries())
    assert.ok(
      expected[step] === null ? value === null : near(value, expected[step]!, 0.01),
      `step ${step + 1}: ${value}`,
    );
  assert.deepEqual(
    tpot.rounds.map((value) => (value === null ? null : Math.round(value))),
    [null, 10, 20, 10, null, null],
  );
  assert.ok(near(ttft.value, (100 * 130 * 100) ** (1 / 3), 0.01), 'the geometric mean');
  assert.deepEqual([ttft.bound, ttft.thin, ttft.n], ['exact', false, 160 + 240 + 320]);
  assert.match(ttft.note!, /^over 3 of 6 steps/);
  assert.equal(stageMeasurementSchema.safeParse(asStored(measure(plan, rows))).success, true);
});

test('a p95 among failures is no value along the ramp, nor is a step that was cut; without any, it is said', () => {
  const plan = ramp(20, 40, 3);
  // The first step fails 7 % and holds all the same, with the calm ones above it.
  const rows = rowsWith(plan, [0, 0, 0]).map((one, index) =>
    one.phase === 0 && index % 14 === 0 ? failure(one.plannedMs!, { phase: 0 }) : one,
  );
  const whole = measure(plan, rows, { config: { slo: SLO } });
  assert.deepEqual(
    whole.curve!.map((point) => point.held),
    [true, true, true],
  );
  assert.equal(whole.phases[0]!.metrics['ttft.p95']!.bound, 'above');
  assert.deepEqual(
    whole.metrics['curve.ttft_p95']!.rounds.map((value) => value !== null),
    [false, true, true],
  );
  const stopMs = plan.phases[2]!.startMs + 7_000;
  const cut = measure(
    plan,
    rows.filter((one) => one.plannedMs! < stopMs),
    { config: { slo: SLO }, load: { end: 'stopped', reason: 'enough', offeredMs: stopMs } },
  );
  assert.equal(cut.curve!.length, 3);
  assert.deepEqual(
    cut.metrics['curve.ttft_p95']!.rounds.map((value) => value !== null),
    [false, true, false],
  );
  const none = measure(plan, rowsWith(plan, [0.5, 0.6, 0.7]), { config: { slo: SLO } }).metrics['curve.tpot_p95']!;
  assert.deepEqual([none.value, none.rounds], [null, [null, null, null]]);
  assert.match(none.note!, /^no step held/);
});

test('the stop rule waits for half a hold, then ends a ramp whose step misses or fails beyond the limits', () => {
  const plan = ramp(10, 40, 4);
  const config = {
    slo: SLO,
    stages: {
      linear: {
        from: { perSecond: 10 },
        to: { perSecond: 40 },
        steps: 4,
        hold: 10_000,
        arrivals: 'constant' as const,
        stopWhen: STOP,
        drain: 1,
      },
    },
  };
  const at = (phase: number, elapsedMs: number, part: Partial<LoadProgress> = {}): LoadProgress => ({
    elapsedMs,
    totalMs: 40_000,
    phase,
    draining: false,
    inFlight: 0,
    sent: 0,
    done: 0,
    failed: 0,
    requestsPerSecond: 0,
    tokensPerSecond: 0,
    ttftP95Ms: null,
    ...part,
  });
  const stop = (missed: readonly number[], progress: LoadProgress, make = rowsWith) => {
    const measurer = measurerFor(plan, { config });
    measurer.add(make(plan, missed).filter((one) => one.endMs <= progress.elapsedMs));
    return measurer.shouldStop(progress);
  };
  assert.equal(stop([0, 0.95, 0, 0], at(1, 14_000)), null);
  assert.match(stop([0, 0.95, 0, 0], at(1, 16_000))!, /step-2 missed the SLO/);
  assert.equal(stop([0, 0.85, 0, 0], at(1, 19_000)), null);
  assert.match(stop([0, 0.95, 0, 0], at(2, 20_100))!, /step-2/, 'slow answers of the step before count too');
  assert.equal(stop([0, 0.95, 0, 0], at(2, 20_100, { draining: true })), null);
  const failing = (p: typeof plan, shares: readonly number[]) =>
    rowsWith(p, shares).map((one) =>
      one.endMs - one.plannedMs! > 500 ? failure(one.plannedMs!, { phase: one.phase }) : one,
    );
  assert.match(stop([0, 0.6, 0, 0], at(1, 19_000), failing)!, /step-2 failed/);
  assert.equal(measurerFor(plan, { config: { slo: SLO } }).shouldStop(at(1, 19_000)), null);
});

test('a step that the client spoilt, or a ramp that died, cannot be judged', () => {
  const plan = ramp(10, 40, 4);
  const rows = rowsWith(plan, [0, 0, 0, 0]);
  const load = loadOf(plan, rows);
  const phases = load.phases.map((health, index) =>
    index === 2 ? { ...health, dispatchDelayMs: { p50: 1, p99: 70, p99AtLeast: 60, max: 80 } } : health,
  );
  assert.deepEqual(
    measure(plan, rows, { load: { phases } }).invalid.map(({ code, phase }) => [code, phase]),
    [['client_dispatch_delay', 'step-3']],
  );
  const died = measure(
    plan,
    rows.filter((one) => one.plannedMs! < 25_000),
    { config: { slo: SLO }, load: { end: 'dead', reason: 'nothing answers', offeredMs: 25_000 } },
  );
  assert.deepEqual([died.status, died.invalid.map((one) => one.code)], ['aborted', ['incomplete']]);
});

test('a ramp that ended in a death has its knee before the step that died, and never above what was held', () => {
  const plan = ramp(10, 40, 4);
  const diedAt = (offeredMs: number) =>
    measure(
      plan,
      rowsWith(plan, [0, 0, 0, 0]).filter((one) => one.plannedMs! < offeredMs),
      { config: { slo: SLO }, load: { offeredMs }, end: { died: 'exit code 137' } },
    );
  // All that was answered on the third step met the SLO; in its settling, there is no window of it at all.
  for (const offeredMs of [25_000, 20_500]) {
    const { metrics, curve } = diedAt(offeredMs);
    const knee = metrics['knee.rate']!;
    assert.equal(knee.bound, 'exact', `${offeredMs}`);
    assert.ok(knee.value! >= 20 && knee.value! < 21, String(knee.value));
    assert.deepEqual(
      curve!.map((point) => point.held),
      offeredMs === 25_000 ? [true, true, false] : [true, true],
    );
  }
  const first = diedAt(5_000).metrics['knee.rate']!;
  assert.deepEqual([first.value, first.bound], [10, 'below']);
});

test('slots that were dropped while a step still settled do not count against its window', () => {
  const plan = ramp(5, 30, 3, 10_000);
  const rows = playQueue(plan, { servers: 50, serviceMs: 20, firstTokenMs: 10 });
  const dropped = [0, 10, 0];
  const inWindow = measure(plan, rows, { load: { dropped } }).phases[1]!;
  const settling = measure(plan, rows, { load: { dropped, droppedSettling: dropped } }).phases[1]!;
  assert.ok(inWindow.metrics['errors.rate']!.value! > 0.05);
  assert.equal(settling.metrics['errors.rate']!.value, 0);
  assert.equal(settling.metrics['ttft.p95']!.bound, 'exact');
  assert.equal(settling.dropped, 10);
});

test('whatever happens on a ramp, the measurement can be stored, and rows and dropped slots are what was planned', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 5 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 20, max: 2_000 }),
      fc.integer({ min: 0, max: 30 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 5, maxLength: 5 }),
      (steps, servers, serviceMs, limit, offered, dropped) => {
        const plan = ramp(5, 30, steps, 2_000, 'poisson');
        const offeredMs = offered * steps * 2_000;
        const rows = playQueue(plan, { servers, serviceMs, firstTokenMs: serviceMs / 2, limit }).filter(
          (one) => one.plannedMs! < offeredMs,
        );
        const measured = measure(plan, rows, {
          config: { slo: SLO },
          load: { end: 'stopped', offeredMs, dropped: dropped.slice(0, steps) },
        });
        stageMeasurementSchema.parse(asStored(measured));
        for (const phase of measured.phases) {
          assert.equal(
            Object.values(phase.outcomes).reduce((sum, count) => sum + count, 0) + phase.dropped,
            phase.planned,
          );
        }
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
});
