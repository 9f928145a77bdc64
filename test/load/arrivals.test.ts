import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { plannedTimes, schedule, shard } from '../../src/load/arrivals.ts';
import type { LoadPlan, OfferedLoad, PhasePlan } from '../../src/load/plan.ts';

type OpenLoad = Extract<OfferedLoad, { kind: 'open' }>;

function phase(load: Partial<OpenLoad>, rest: Partial<PhasePlan> = {}): PhasePlan {
  return {
    name: 'round-1',
    kind: 'round',
    startMs: 0,
    durationMs: 10_000,
    pattern: 1,
    load: { kind: 'open', process: 'constant', from: 10, to: 10, ...load },
    ...rest,
  };
}

const plan = (phases: readonly PhasePlan[], seed = 7): LoadPlan => ({
  stage: 'benchmark',
  seed,
  phases,
  drainMs: 1_000,
  maxInFlight: 1_000,
  requestTimeoutMs: 1_000,
  stallTimeoutMs: 1_000,
});

const openPhase = fc
  .record({
    process: fc.constantFrom('poisson' as const, 'constant' as const),
    from: fc.double({ min: 0, max: 400, noNaN: true }),
    to: fc.double({ min: 0, max: 400, noNaN: true }),
    durationMs: fc.integer({ min: 1, max: 20_000 }),
    pattern: fc.integer({ min: 0, max: 5 }),
  })
  .map(({ process, from, to, durationMs, pattern }) => phase({ process, from, to }, { durationMs, pattern }));

/** Phases one after the other, as plans are. */
const openPlan = fc.array(openPhase, { minLength: 1, maxLength: 5 }).map((phases) => {
  let startMs = 0;
  return plan(
    phases.map((each, index) => {
      const placed = { ...each, name: `phase-${index}`, startMs };
      startMs += each.durationMs;
      return placed;
    }),
  );
});

describe('planned times', () => {
  test('are in order and inside their phase, for every load', () => {
    fc.assert(
      fc.property(openPhase, fc.integer({ min: 0, max: 100_000 }), (each, startMs) => {
        const times = plannedTimes({ ...each, startMs }, 3);
        for (const [index, time] of times.entries()) {
          assert.ok(time >= startMs && time < startMs + each.durationMs + 1e-6);
          assert.ok(index === 0 || time >= times[index - 1]!);
        }
      }),
    );
  });

  test('repeat with the same seed, pattern and load, and differ with another seed or pattern', () => {
    const poisson = phase({ process: 'poisson' });
    assert.deepEqual(plannedTimes(poisson, 7), plannedTimes(poisson, 7));
    assert.notDeepEqual(plannedTimes(poisson, 7), plannedTimes(poisson, 8));
    assert.notDeepEqual(plannedTimes(poisson, 7), plannedTimes({ ...poisson, pattern: 2 }, 7));
  });

  test('of phases with one pattern are the same but for the shift', () => {
    const poisson = phase({ process: 'poisson', from: 50, to: 50 });
    const early = plannedTimes(poisson, 7);
    const late = plannedTimes({ ...poisson, name: 'round-2', startMs: 30_000 }, 7);
    assert.equal(late.length, early.length);
    for (const [index, time] of late.entries()) assert.ok(Math.abs(time - 30_000 - early[index]!) < 1e-6);
  });

  test('at a constant rate are evenly spaced and as many as rate × duration', () => {
    const times = plannedTimes(phase({ from: 8, to: 8 }, { startMs: 500, durationMs: 3_000 }), 1);
    assert.equal(times.length, 24);
    assert.equal(times[0], 500);
    for (let i = 1; i < times.length; i++) assert.ok(Math.abs(times[i]! - times[i - 1]! - 125) < 1e-6);
  });

  test('of a Poisson process have exponential gaps: mean and standard deviation are 1/rate', () => {
    const times = plannedTimes(phase({ process: 'poisson', from: 100, to: 100 }, { durationMs: 600_000 }), 5);
    const gaps = [...times].map((time, index) => time - (times[index - 1] ?? 0));
    const mean = gaps.reduce((all, gap) => all + gap, 0) / gaps.length;
    const sd = Math.sqrt(gaps.reduce((all, gap) => all + (gap - mean) ** 2, 0) / gaps.length);
    // 60,000 gaps: the standard error of both is about 0.04 ms.
    assert.ok(Math.abs(mean - 10) < 0.25, `mean ${mean}`);
    assert.ok(Math.abs(sd - 10) < 0.4, `sd ${sd}`);
  });

  test('of a ramp follow the rate in time, not in the index: half the time of a ramp from 0 holds a quarter', () => {
    for (const process of ['constant', 'poisson'] as const) {
      const times = plannedTimes(phase({ process, from: 0, to: 400 }, { durationMs: 100_000 }), 9);
      const tolerance = process === 'constant' ? 1 : 6 * Math.sqrt(times.length);
      assert.ok(Math.abs(times.length - 20_000) <= tolerance, `${times.length}`);
      for (const share of [0.25, 0.5, 0.75]) {
        const before = times.filter((time) => time < share * 100_000).length;
        assert.ok(Math.abs(before - 20_000 * share ** 2) <= tolerance, `${process}: ${before} before ${share}`);
      }
    }
  });

  test('of a constant ramp agree with numerical integration of the rate', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 50, noNaN: true }),
        fc.double({ min: 0, max: 50, noNaN: true }),
        fc.integer({ min: 100, max: 5_000 }),
        (from, to, durationMs) => {
          const times = plannedTimes(phase({ from, to }, { durationMs }), 1);
          for (const [index, time] of times.entries()) {
            const t = time / 1_000;
            const arrivedBefore = from * t + ((to - from) * t * t) / (2 * (durationMs / 1_000));
            assert.ok(Math.abs(arrivedBefore - index) < 1e-6, `${index}: ${arrivedBefore}`);
          }
        },
      ),
    );
  });

  test('of an idle phase and of a closed loop are none', () => {
    assert.equal(plannedTimes(phase({ from: 0, to: 0, process: 'poisson' }), 1).length, 0);
    const closed = { ...phase({}), load: { kind: 'closed', users: 3, think: { constantMs: 0 } } } as const;
    assert.equal(plannedTimes(closed, 1).length, 0);
  });
});

describe('a schedule', () => {
  test('is the same with any number of shards: each slot once, in order, with its phase and index', () => {
    fc.assert(
      fc.property(openPlan, fc.integer({ min: 1, max: 7 }), (each, workers) => {
        const whole = schedule(each);
        const slots = Array.from({ length: workers }, (_, k) => [...shard(whole, k, workers)]).flat();
        slots.sort((a, b) => a.request - b.request);
        assert.deepEqual(slots, [...shard(whole, 0, 1)]);
        const expected = each.phases.flatMap((phase, index) =>
          [...plannedTimes(phase, each.seed)].map((plannedMs, position) => ({
            phase: index,
            index: position,
            plannedMs,
          })),
        );
        assert.deepEqual(
          slots,
          expected.map((slot, request) => ({ request, ...slot })),
        );
      }),
      { numRuns: 50 },
    );
  });

  test('steps truly: the rate of a surge holds from its first millisecond', () => {
    const { plannedMs } = schedule(
      plan([
        phase({ from: 10, to: 10 }, { durationMs: 1_000 }),
        phase({ from: 200, to: 200 }, { name: 'surge', startMs: 1_000, durationMs: 1_000 }),
        phase({ from: 10, to: 10 }, { name: 'after', startMs: 2_000, durationMs: 1_000 }),
      ]),
    );
    const between = (from: number, to: number): number => plannedMs.filter((time) => time >= from && time < to).length;
    assert.deepEqual(
      [between(900, 1_000), between(1_000, 1_100), between(1_900, 2_000), between(2_000, 2_100)],
      [1, 20, 20, 1],
    );
  });
});
