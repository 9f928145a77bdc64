import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dueBy, phaseTimes, schedule } from '../../src/load/arrivals.ts';
import type { LoadPlan, OpenLoad, PhasePlan } from '../../src/load/plan.ts';
import { firstFrom, type Trace } from '../../src/workload/trace.ts';
import { slotsOf } from './slots.ts';

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

function plannedTimes(each: PhasePlan, seed: number): number[] {
  const { count, open } = phaseTimes(each, seed);
  const next = open();
  return Array.from({ length: count }, () => next());
}

const allTimes = (each: LoadPlan): number[] => Array.from(slotsOf(schedule(each)), (slot) => slot.plannedMs);

const gamma = (burstiness: number): OpenLoad['process'] => ({ gamma: { burstiness } });

const openPhase = fc
  .record({
    process: fc.oneof(
      fc.constantFrom('poisson' as const, 'constant' as const),
      fc.double({ min: 0.01, max: 1_000, noNaN: true }).map(gamma),
    ),
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

function gapsOf(times: readonly number[]): { mean: number; sd: number } {
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  const mean = gaps.reduce((all, gap) => all + gap, 0) / gaps.length;
  return { mean, sd: Math.sqrt(gaps.reduce((all, gap) => all + (gap - mean) ** 2, 0) / gaps.length) };
}

/** Largest distance between the empirical distribution of `values` and `cdf`. */
function ksDistance(values: readonly number[], cdf: (value: number) => number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.max(
    ...sorted.map((value, i) => Math.max((i + 1) / sorted.length - cdf(value), cdf(value) - i / sorted.length)),
  );
}

describe('planned times', () => {
  test('are in order and inside their phase, for every load', () => {
    fc.assert(
      fc.property(openPhase, fc.integer({ min: 0, max: 100_000 }), (each, startMs) => {
        const times = plannedTimes({ ...each, startMs }, 3);
        for (const [index, time] of times.entries()) {
          assert.ok(time >= startMs && time < startMs + each.durationMs);
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

  test('at a constant rate are no request more where the product of rate and duration is a hair above a whole number', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 600 }),
        fc.boolean(),
        (tenths, seconds, late) => {
          const rate = tenths / 10;
          const startMs = late ? 60_000 : 0;
          const times = plannedTimes(phase({ from: rate, to: rate }, { startMs, durationMs: seconds * 1_000 }), 1);
          assert.equal(times.length, Math.ceil((tenths * seconds) / 10));
          assert.ok(times.at(-1)! < startMs + seconds * 1_000);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('of a Poisson process have exponential gaps: mean and standard deviation are 1/rate', () => {
    const times = plannedTimes(phase({ process: 'poisson', from: 100, to: 100 }, { durationMs: 600_000 }), 5);
    const { mean, sd } = gapsOf(times);
    // 60,000 gaps: the standard error of both is about 0.04 ms.
    assert.ok(Math.abs(mean - 10) < 0.25, `mean ${mean}`);
    assert.ok(Math.abs(sd - 10) < 0.4, `sd ${sd}`);
  });

  test('of a gamma process spread by its burstiness k: gaps vary by 1/√k of their mean, counts by 1/k of theirs', () => {
    for (const burstiness of [0.25, 0.5, 1, 4, 25]) {
      const times = plannedTimes(
        phase({ process: gamma(burstiness), from: 100, to: 100 }, { durationMs: 2_000_000 }),
        11,
      );
      const { mean, sd } = gapsOf(times);
      assert.ok(
        Math.abs(sd / mean - 1 / Math.sqrt(burstiness)) < 0.02 / Math.sqrt(burstiness),
        `${burstiness}: ${sd / mean}`,
      );
      // Index of dispersion of counts: 1/k, where windows are as long as these (100 gaps).
      const counts = new Array<number>(2_000).fill(0);
      for (const time of times) counts[Math.floor(time / 1_000)]! += 1;
      const dispersion = counts.reduce((sum, count) => sum + (count - 100) ** 2, 0) / counts.length / 100;
      assert.ok(Math.abs(dispersion * burstiness - 1) < 0.15, `${burstiness}: dispersion ${dispersion}`);
    }
  });

  test('fit the rate of a ramp after rescaling: uniform on it for every process, and exponential in between for Poisson', () => {
    for (const process of ['poisson', gamma(1), gamma(0.5), gamma(8)] as const) {
      for (const seed of [1, 2, 3]) {
        const [from, to, durationMs] = [20, 180, 100_000];
        const times = plannedTimes(phase({ process, from, to }, { durationMs }), seed);
        const total = ((from + to) / 2 / 1_000) * durationMs;
        const rescaled = times.map((t) => (from / 1_000) * t + (((to - from) / 1_000) * (t * t)) / (2 * durationMs));
        const spread = typeof process === 'string' ? 1 : Math.sqrt(1 / process.gamma.burstiness);
        // Kolmogorov–Smirnov at 1 in 1,000: 1.95/√n, as much wider as counts spread more. Seeds are fixed.
        const limit = (1.95 * Math.max(1, spread)) / Math.sqrt(times.length);
        const place = ksDistance(rescaled, (x) => x / total);
        assert.ok(place < limit, `${JSON.stringify(process)} seed ${seed}: ${place} > ${limit}`);
        if (spread !== 1) continue;
        const gaps = rescaled.slice(1).map((x, index) => x - rescaled[index]!);
        const apart = ksDistance(gaps, (gap) => 1 - Math.exp(-gap));
        assert.ok(apart < limit, `${JSON.stringify(process)} seed ${seed}: gaps ${apart} > ${limit}`);
      }
    }
  });

  test('of a gamma process are as likely at the ends of a phase as within: no hole where two phases meet', () => {
    for (const burstiness of [0.3, 8]) {
      // Where in its phase the first and the last of ten requests come, over many phases.
      const shares = Array.from({ length: 4_000 }, (_, seed) =>
        plannedTimes(phase({ process: gamma(burstiness), from: 10, to: 10 }, { durationMs: 1_000 }), seed),
      );
      const within = (from: number, to: number): number =>
        shares.flat().filter((time) => time >= from && time < to).length / 4_000;
      for (const [from, to] of [
        [0, 50],
        [475, 525],
        [950, 1_000],
      ] as const)
        assert.ok(Math.abs(within(from, to) - 0.5) < 0.1, `${burstiness}: ${within(from, to)} from ${from} to ${to}`);
    }
  });

  test('with a very large burstiness are evenly spaced', () => {
    const times = plannedTimes(phase({ process: gamma(1_000), from: 100, to: 100 }), 3);
    assert.equal(times.length, 1_000);
    const { mean, sd } = gapsOf(times);
    assert.ok(Math.abs(mean - 10) < 0.1 && sd < 0.5, `${mean} ± ${sd}`);
  });

  test('of a ramp follow the rate in time, not in the index: half the time of a ramp from 0 holds a quarter', () => {
    for (const process of ['constant', 'poisson', gamma(0.5), gamma(4)] as const) {
      const times = plannedTimes(phase({ process, from: 0, to: 400 }, { durationMs: 100_000 }), 9);
      const tolerance = process === 'constant' ? 1 : 6 * Math.sqrt(times.length);
      assert.equal(times.length, 20_000);
      for (const share of [0.25, 0.5, 0.75]) {
        const before = times.filter((time) => time < share * 100_000).length;
        assert.ok(
          Math.abs(before - 20_000 * share ** 2) <= tolerance,
          `${JSON.stringify(process)}: ${before} before ${share}`,
        );
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
        const slots = Array.from({ length: workers }, (_, k) => [...slotsOf(whole, k, workers)]).flat();
        slots.sort((a, b) => a.request - b.request);
        assert.deepEqual(slots, [...slotsOf(whole)]);
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

  test('counts what is due by a time as its slots do, without their times', () => {
    fc.assert(
      fc.property(openPlan, fc.double({ min: 0, max: 1.1, noNaN: true }), (each, share) => {
        const last = each.phases.at(-1)!;
        const tMs = share * (last.startMs + last.durationMs);
        const counts = each.phases.map(() => 0);
        for (const slot of slotsOf(schedule(each))) if (slot.plannedMs <= tMs) counts[slot.phase]! += 1;
        assert.deepEqual(dueBy(schedule(each), tMs), counts);
      }),
      { numRuns: 50 },
    );
  });

  test('of a million requests is walked through without being kept', () => {
    const million = plan([phase({ process: 'poisson', from: 1_000, to: 1_000 }, { durationMs: 1_000_000 })]);
    const before = process.memoryUsage();
    let last = 0;
    let most = 0;
    for (const slot of slotsOf(schedule(million))) {
      last = slot.request;
      if (last % 100_000 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    assert.equal(last, 999_999);
    // Kept, the times alone would take 8 MB.
    assert.ok(most - before.arrayBuffers < 2e6, `${most - before.arrayBuffers} bytes`);
  });

  test('is pinned: stored baselines were measured at these very times', () => {
    const hash = createHash('sha256');
    for (const process of ['poisson', 'constant'] as const)
      for (const [from, to] of [
        [8, 8],
        [0, 400],
        [123.456, 77.7],
      ] as const) {
        const times = plannedTimes(phase({ process, from, to }, { startMs: 9_000, durationMs: 18_000 }), 7);
        hash.update(Float64Array.from(times));
      }
    assert.equal(hash.digest('hex'), PINNED);
  });

  test('steps truly: the rate of a surge holds from its first millisecond', () => {
    const times = allTimes(
      plan([
        phase({ from: 10, to: 10 }, { durationMs: 1_000 }),
        phase({ from: 200, to: 200 }, { name: 'surge', startMs: 1_000, durationMs: 1_000 }),
        phase({ from: 10, to: 10 }, { name: 'after', startMs: 2_000, durationMs: 1_000 }),
      ]),
    );
    const between = (from: number, to: number): number => times.filter((time) => time >= from && time < to).length;
    assert.deepEqual(
      [between(900, 1_000), between(1_000, 1_100), between(1_900, 2_000), between(2_000, 2_100)],
      [1, 20, 20, 1],
    );
  });
});

const PINNED = '8e31219804159bce6602c0ab6d7059735adccd842b94fe77f0026d63748c7155';

/** A trace made of times alone. */
function traceOf(times: readonly number[], speedup: number): Trace {
  const lengths = Int32Array.from(times, () => 10);
  return {
    hash: '',
    speedup,
    atMs: Float64Array.from(times, (time) => time / speedup),
    promptTokens: lengths,
    outputTokens: lengths,
    blocks: null,
  };
}

/** The phases of a replay as the benchmark plans them. */
function replayPlan(trace: Trace, durations: readonly number[]): LoadPlan {
  let startMs = 0;
  return plan(
    durations.map((durationMs, index) => {
      const first = firstFrom(trace, startMs);
      const requests = firstFrom(trace, startMs + durationMs) - first;
      const placed = {
        ...phase({}, { name: `round-${index}`, startMs, durationMs }),
        load: { kind: 'replay' as const, trace, fromMs: startMs, first, requests },
      };
      startMs += durationMs;
      return placed;
    }),
  );
}

describe('a replay', () => {
  const times = fc
    .array(fc.double({ min: 0, max: 20_000, noNaN: true }), { minLength: 1, maxLength: 200 })
    .map((each) => [0, ...each].sort((a, b) => a - b));
  const durations = fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 5 });

  test('sends every request of the trace once, at its time ÷ speed-up, whatever phases and shards it is cut into', () => {
    fc.assert(
      fc.property(
        times,
        durations,
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        fc.integer({ min: 1, max: 5 }),
        (at, cuts, speedup, n) => {
          const trace = traceOf(at, speedup);
          const each = replayPlan(trace, cuts);
          const endMs = cuts.reduce((sum, cut) => sum + cut, 0);
          const slots = Array.from({ length: n }, (_, k) => [...slotsOf(schedule(each), k, n)]).flat();
          slots.sort((a, b) => a.request - b.request);
          const expected = at.map((time) => time / speedup).filter((time) => time < endMs);
          assert.equal(slots.length, expected.length);
          for (const [index, slot] of slots.entries()) {
            assert.ok(Math.abs(slot.plannedMs - expected[index]!) < 1e-6);
            const { startMs, durationMs, load } = each.phases[slot.phase]!;
            assert.ok(slot.plannedMs >= startMs && slot.plannedMs < startMs + durationMs);
            assert.equal(load.kind === 'replay' && load.first + slot.index, index);
          }
        },
      ),
    );
  });
});
