import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BenchmarkConfig } from '../../src/config/schema.ts';
import type { PlimsollError } from '../../src/errors.ts';
import { phaseTimes } from '../../src/load/arrivals.ts';
import type { LoadPlan } from '../../src/load/plan.ts';
import { planBenchmark, planExtraRound, roundsRepeat, tooFewRequests } from '../../src/stages/benchmark.ts';
import { planLinear } from '../../src/stages/linear.ts';
import { planStepSurge } from '../../src/stages/step-surge.ts';
import { common } from './scene.ts';

const BENCHMARK: BenchmarkConfig = {
  rate: { perSecond: 8 },
  think: { constantMs: 0 },
  arrivals: 'poisson',
  rounds: 5,
  duration: 90_000,
  drain: 60_000,
};
const LINEAR = {
  from: { perSecond: 2 },
  to: { perSecond: 40 },
  steps: 10,
  hold: 60_000,
  arrivals: 'poisson' as const,
  stopWhen: { missed: 0.9, failed: 0.5 },
  drain: 60_000,
};
const SURGE = {
  base: { perSecond: 8 },
  surges: [{ perSecond: 16 }, { perSecond: 32 }],
  hold: 60_000,
  recover: 120_000,
  arrivals: 'poisson' as const,
  drain: 60_000,
};

function assertSound(plan: LoadPlan): void {
  assert.equal(plan.phases[0]!.startMs, 0);
  for (const [index, phase] of plan.phases.slice(1).entries()) {
    assert.equal(
      phase.startMs,
      plan.phases[index]!.startMs + plan.phases[index]!.durationMs,
      `${phase.name} follows without a gap`,
    );
  }
  assert.equal(new Set(plan.phases.map((phase) => phase.name)).size, plan.phases.length, 'names are unique');
}

test('every plan is without gaps and its phases have names of their own', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 2, max: 100 }),
      fc.integer({ min: 100, max: 10_000 }),
      (rounds, steps, ms) => {
        assertSound(planBenchmark({ ...BENCHMARK, rounds, duration: ms }, common));
        assertSound(planLinear({ ...LINEAR, steps, hold: ms }, common));
        assertSound(planStepSurge({ ...SURGE, hold: ms, recover: ms * 2 }, common));
      },
    ),
  );
});

test('rounds share the duration and repeat the same arrivals; the ramp-in has its own', () => {
  const { phases } = planBenchmark(BENCHMARK, common);
  assert.deepEqual(
    phases.map((phase) => phase.name),
    ['ramp-in', 'round-1', 'round-2', 'round-3', 'round-4', 'round-5'],
  );
  assert.equal(phases[0]!.durationMs, 9_000);
  assert.ok(phases.slice(1).every((phase) => phase.durationMs === 18_000 && phase.kind === 'round'));
  const relative = phases.slice(1).map((phase) => {
    const { count, open } = phaseTimes(phase, 7);
    const next = open();
    return Array.from({ length: count }, () => Math.round((next() - phase.startMs) * 1e6));
  });
  for (const times of relative) assert.deepEqual(times, relative[0]);
  assert.notEqual(phases[0]!.pattern, phases[1]!.pattern);
});

test('a short benchmark still ramps in for two seconds, and none is made where none is wanted', () => {
  assert.equal(planBenchmark({ ...BENCHMARK, duration: 5_000 }, common).phases[0]!.durationMs, 2_000);
  assert.equal(planBenchmark({ ...BENCHMARK, rampIn: 0 }, common).phases[0]!.name, 'round-1');
});

test('users make a closed loop; neither rate nor users is refused', () => {
  const plan = planBenchmark({ ...BENCHMARK, rate: undefined, users: 4 }, common);
  assert.ok(plan.phases.every((phase) => phase.load.kind === 'closed' && phase.load.users === 4));
  assert.throws(
    () => planBenchmark({ ...BENCHMARK, rate: undefined }, common),
    (error: PlimsollError) => error.code === 'CONFIG_INVALID',
  );
});

test('a replay is cut by planned time: every request of the trace in one phase, and no round can stand for another', () => {
  const atMs = Float64Array.from({ length: 4_000 }, (_, i) => (i * i) / 160_000);
  const lengths = new Int32Array(4_000).fill(10);
  const asked: unknown[] = [];
  const plan = planBenchmark(
    { ...BENCHMARK, rate: undefined, replay: { file: 't.jsonl', speedup: 2 } },
    {
      ...common,
      trace(replay, untilMs) {
        asked.push(replay, untilMs);
        return { hash: 'h', speedup: 2, atMs, promptTokens: lengths, outputTokens: lengths, blocks: null };
      },
    },
  );
  assert.deepEqual(asked, [{ file: 't.jsonl', speedup: 2 }, 99_000]);
  assertSound(plan);
  let next = 0;
  for (const { load, startMs } of plan.phases) {
    assert.ok(load.kind === 'replay');
    assert.equal(load.first, next);
    assert.equal(load.fromMs, startMs);
    next += load.requests;
  }
  assert.equal(next, atMs.filter((ms) => ms < 99_000).length);
  assert.equal(new Set(plan.phases.map((phase) => phase.pattern)).size, 6);
  assert.equal(roundsRepeat(plan), false);
  assert.equal(roundsRepeat(planBenchmark(BENCHMARK, common)), true);
});

test('rounds that the trace leaves thin are foreseen, the first of them by name', () => {
  const trace = (seconds: number) => {
    const atMs = Float64Array.from({ length: seconds * 10 }, (_, i) => i * 100);
    const lengths = new Int32Array(atMs.length).fill(10);
    return { hash: 'h', speedup: 1, atMs, promptTokens: lengths, outputTokens: lengths, blocks: null };
  };
  const thin = (seconds: number) =>
    tooFewRequests(
      planBenchmark(
        { ...BENCHMARK, rate: undefined, replay: { file: 't', speedup: 1 } },
        { ...common, trace: () => trace(seconds) },
      ),
    );
  assert.equal(thin(99), null);
  assert.match(thin(64)!, /^round-4 of the benchmark would have 10 requests of the trace; 64 are needed/);
});

test('an extra round is the ramp-in and one more round of the same arrivals', () => {
  const plan = planBenchmark(BENCHMARK, common);
  const extra = planExtraRound(plan);
  assertSound(extra);
  assert.deepEqual(
    extra.phases.map(({ name, pattern }) => [name, pattern]),
    [
      ['ramp-in', 0],
      ['round-6', 1],
    ],
  );
  assert.equal(planExtraRound(plan, 9).phases[1]!.name, 'round-9');
});

test('a ramp goes from its first rate to its last in equal steps, each with arrivals of its own', () => {
  const { phases } = planLinear({ ...LINEAR, from: { shareOfKnee: 0.1 }, to: { perSecond: 40 }, steps: 4 }, common);
  assert.deepEqual(
    phases.map(({ load }) => load.kind === 'open' && [load.from, load.to]),
    [
      [10, 10],
      [20, 20],
      [30, 30],
      [40, 40],
    ],
  );
  assert.equal(new Set(phases.map((phase) => phase.pattern)).size, 4);
});

test('each surge steps up from the base and back to it', () => {
  const { phases } = planStepSurge(SURGE, common);
  assert.deepEqual(
    phases.map(({ name, kind, load }) => [name, kind, load.kind === 'open' ? load.from : null]),
    [
      ['base', 'base', 8],
      ['surge-1', 'surge', 16],
      ['recover-1', 'recover', 8],
      ['surge-2', 'surge', 32],
      ['recover-2', 'recover', 8],
    ],
  );
  assert.equal(new Set(phases.map((phase) => phase.pattern)).size, 5);
});
