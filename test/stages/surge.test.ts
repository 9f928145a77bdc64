import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Timeline } from '../../src/load/timeline.ts';
import { asStored, stageMeasurementSchema } from '../../src/record/schema.ts';
import { planStepSurge } from '../../src/stages/step-surge.ts';
import { common, failure, loadOf, measure, near, playQueue, row, TIMEOUT_MS } from './scene.ts';

const surgeOf = (surges: readonly number[], arrivals: 'poisson' | 'constant' = 'constant') =>
  planStepSurge(
    {
      base: { perSecond: 50 },
      surges: surges.map((perSecond) => ({ perSecond })),
      hold: 10_000,
      recover: 20_000,
      arrivals,
      drain: 60_000,
    },
    common,
  );
/** 100 requests/s. */
const QUEUE = { servers: 10, serviceMs: 100, firstTokenMs: 20 };

test('a surge within capacity leaves no trace: recovery 0 s, no errors, hardly a backlog', () => {
  const plan = surgeOf([80]);
  const { metrics, invalid } = measure(plan, playQueue(plan, QUEUE));
  assert.deepEqual(invalid, []);
  assert.deepEqual([metrics['surge.recovery']!.value, metrics['surge.recovery']!.bound], [0, 'exact']);
  assert.equal(metrics['surge.errors']!.value, 0);
  assert.ok(metrics['surge.backlog']!.value! < 10);
  assert.ok(near(metrics['surge.peak_p95']!.value, 20, 0.01));
});

test('a surge above capacity: backlog, peak and recovery are those of the queue on paper', () => {
  // 150/s for 10 s against 100/s leaves 500 waiting; at base load 50/s are worked off, so 10 s until it is empty.
  const plan = surgeOf([150]);
  const { metrics, surge, phases } = measure(plan, playQueue(plan, QUEUE));
  assert.ok(near(metrics['surge.backlog']!.value, 505, 0.03), String(metrics['surge.backlog']!.value));
  assert.ok(near(metrics['surge.peak_p95']!.value, 5_020, 0.03), String(metrics['surge.peak_p95']!.value));
  assert.ok(Math.abs(metrics['surge.recovery']!.value! - 10) <= 0.8, String(metrics['surge.recovery']!.value));
  assert.equal(metrics['surge.recovery']!.bound, 'exact');
  assert.equal(
    phases.find((phase) => phase.name === 'surge-1')!.metrics['surge.recovery']!.value,
    metrics['surge.recovery']!.value,
  );
  assert.equal(
    surge!.length,
    plan.phases.reduce((sum, phase) => sum + phase.durationMs / 400, 0),
    '20 requests of the base a window',
  );
  assert.ok(surge!.every((point, index) => index === 0 || point.tMs > surge![index - 1]!.tMs));
});

test('Poisson arrivals and their noise recover too, at every seed', () => {
  for (let seed = 1; seed <= 25; seed++) {
    const plan = { ...surgeOf([150], 'poisson'), seed };
    const { metrics } = measure(plan, playQueue(plan, QUEUE));
    assert.equal(metrics['surge.recovery']!.bound, 'exact', `seed ${seed}`);
    assert.ok(
      metrics['surge.recovery']!.value! > 5 && metrics['surge.recovery']!.value! < 16,
      `seed ${seed}: ${metrics['surge.recovery']!.value}`,
    );
  }
});

test('no recovery in time is a bound: more than the recover time', () => {
  const plan = surgeOf([250]);
  const { metrics } = measure(plan, playQueue(plan, QUEUE));
  assert.deepEqual([metrics['surge.recovery']!.value, metrics['surge.recovery']!.bound], [20, 'above']);
});

test('of several surges the worst stands for the stage, and each keeps its own', () => {
  const plan = surgeOf([80, 150]);
  const { metrics, phases } = measure(plan, playQueue(plan, QUEUE));
  const of = (name: string) => phases.find((phase) => phase.name === name)!.metrics['surge.recovery']!.value!;
  assert.equal(of('surge-1'), 0);
  assert.equal(metrics['surge.recovery']!.value, of('surge-2'));
});

test('failures in a surge count, and a window that mostly fails peaks at "at least the timeout"', () => {
  const plan = surgeOf([150]);
  const rows = playQueue(plan, QUEUE).map(
    (one): Timeline =>
      one.phase === 1 && one.request % 5 === 0 ? failure(one.plannedMs!, { request: one.request, phase: 1 }) : one,
  );
  const { metrics, surge } = measure(plan, rows);
  const failed = rows.filter((one) => one.outcome !== 'ok').length;
  assert.ok(near(metrics['surge.errors']!.value, failed / (1_500 + 1_000), 0.001));
  assert.deepEqual([metrics['surge.peak_p95']!.value, metrics['surge.peak_p95']!.bound], [TIMEOUT_MS, 'above']);
  assert.equal(
    surge!.reduce((sum, point) => sum + point.failed, 0),
    failed,
  );
});

test('latency back in its band is no recovery while the backlog is not, nor two calm windows', () => {
  const plan = surgeOf([80]);
  const recoverMs = plan.phases[2]!.startMs;
  const rows = playQueue(plan, QUEUE);
  // Two hundred requests hang until 8 s after the step down; the others are as fast as ever.
  const hanging = Array.from({ length: 200 }, (_, index) =>
    row({ plannedMs: recoverMs - 1_000 + index, phase: 1, lastTokenMs: recoverMs + 8_000, endMs: recoverMs + 8_000 }),
  );
  const stuck = measure(plan, [...rows, ...hanging]).metrics['surge.recovery']!;
  assert.ok(near(stuck.value, 8, 0.05), String(stuck.value));
  // A slow window every third: never three calm ones in a row.
  const flapping = rows.map((one) => {
    const since = one.plannedMs! - recoverMs;
    return since >= 0 && Math.floor(since / 400) % 3 === 2 ? { ...one, firstTokenMs: one.firstTokenMs! + 900 } : one;
  });
  assert.equal(measure(plan, flapping).metrics['surge.recovery']!.bound, 'above');
});

test('a deployment that dies in the surge leaves what was seen, marked incomplete', () => {
  const plan = surgeOf([150, 200]);
  const rows = playQueue(plan, QUEUE).filter((one) => one.plannedMs! < 15_000);
  const measured = measure(plan, rows, {
    load: { end: 'dead', reason: 'nothing answers', offeredMs: 15_000 },
    end: { died: 'exit code 137' },
  });
  assert.deepEqual(
    measured.invalid.map((one) => one.code),
    ['incomplete'],
  );
  assert.equal(measured.metrics['surge.recovery']!.value, null);
  assert.deepEqual(
    measured.phases.map((phase) => phase.name),
    ['base', 'surge-1'],
  );
  assert.ok(measured.surge!.every((point) => point.tMs < 15_000));
  stageMeasurementSchema.parse(asStored(measured));
});

test('a surge that the client spoilt cannot be judged', () => {
  const plan = surgeOf([80]);
  const rows = playQueue(plan, QUEUE);
  const phases = loadOf(plan, rows).phases.map((health, index) =>
    index === 1 ? { ...health, eventLoopDelayP99Ms: 60 } : health,
  );
  assert.deepEqual(
    measure(plan, rows, { load: { phases } }).invalid.map(({ code, phase }) => [code, phase]),
    [['client_event_loop', 'surge-1']],
  );
});

test('thousands of requests a second still make at most a few hundred windows', () => {
  const plan = planStepSurge(
    {
      base: { perSecond: 1_000 },
      surges: [{ perSecond: 2_000 }],
      hold: 60_000,
      recover: 600_000,
      arrivals: 'constant',
      drain: 1,
    },
    common,
  );
  assert.ok(measure(plan, [row({ plannedMs: 10 })]).surge!.length <= 300);
});
