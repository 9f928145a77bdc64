// When requests are due. In: a plan and its seed. Out: planned times in ms on one absolute axis, one after the other,
// so that a late sender catches up and memory does not grow with their number. Pure; method: inversion of the
// cumulative rate (Çinlar, Introduction to Stochastic Processes, 1975, ch. 4.7), over time, never over the index.

import { createRandom, deriveSeed, type Random } from '../stats/random.ts';
import type { LoadPlan, OpenLoad, PhasePlan, ReplayLoad } from './plan.ts';

/** How many requests are planned; request i belongs to the last phase whose first request is ≤ i. */
export interface Schedule {
  readonly plan: LoadPlan;
  /** First request of each phase, then the number of requests: one longer than the plan's phases. */
  readonly firstOf: readonly number[];
  readonly times: readonly PhaseTimes[];
}

export interface Slot {
  /** Position in the schedule. */
  readonly request: number;
  readonly phase: number;
  /** Position within the phase. */
  readonly index: number;
  readonly plannedMs: number;
}

/**
 * All phases of a plan. Closed-loop phases have no planned times and take no place in it. The first call goes once
 * through all random arrivals, about 30 ms a million: make it before time zero. Later ones for that plan cost nothing.
 */
export function schedule(plan: LoadPlan): Schedule {
  const known = SCHEDULES.get(plan);
  if (known !== undefined) return known;
  const times = plan.phases.map((phase) => phaseTimes(phase, plan.seed));
  const firstOf = [0];
  for (const { count } of times) firstOf.push(firstOf.at(-1)! + count);
  const made = { plan, firstOf, times };
  SCHEDULES.set(plan, made);
  return made;
}

const SCHEDULES = new WeakMap<LoadPlan, Schedule>();

/**
 * Shard k of n: every n-th request from the k-th on. The shards together are the whole schedule, each slot once.
 * No generator: V8 is slow to compile those, which would be during the load.
 *
 * @returns the next slot at each call, null from the end on
 */
export function shard({ times, firstOf }: Schedule, k: number, n: number): () => Slot | null {
  let phase = 0;
  let index = 0;
  let next = times[0]?.open();
  return function nextSlot() {
    for (; phase < times.length; next = times[++phase]?.open(), index = 0) {
      const { count } = times[phase]!;
      const first = firstOf[phase]!;
      while (index < count) {
        const at = index++;
        const plannedMs = next!();
        if ((first + at) % n === k) return { request: first + at, phase, index: at, plannedMs };
      }
    }
    return null;
  };
}

/** Requests of each phase that are due at tMs or before. */
export function dueBy({ plan, times }: Schedule, tMs: number): number[] {
  return times.map(({ count, open }, phase) => {
    const { startMs, durationMs } = plan.phases[phase]!;
    if (startMs + durationMs <= tMs) return count;
    if (startMs > tMs) return 0;
    const next = open();
    let due = 0;
    while (due < count && next() <= tMs) due += 1;
    return due;
  });
}

/** Planned times of one phase, from its first to its last, as often as they are opened. */
export interface PhaseTimes {
  readonly count: number;
  /** The next planned time at each of `count` calls. */
  open(): () => number;
}

/**
 * Planned times of one phase, in ms on the stage's axis, within [startMs, startMs + durationMs).
 * At a rate they depend on (seed, pattern, load, durationMs) alone and are then shifted by startMs.
 *
 * With rate λ(t), Λ(t) = ∫₀ᵗ λ and N = Λ(duration) to the nearest whole number, arrival i comes at Λ⁻¹(xᵢ); what xᵢ is
 * makes the process (see below). All but `constant` are given their count, so that a short phase offers the rate that
 * it says and not one that luck moved by 10 %. A trace's arrivals come at its own times.
 */
export function phaseTimes({ load, durationMs, startMs, pattern }: PhasePlan, seed: number): PhaseTimes {
  // Rounding can lift the last time to the end itself, which belongs to the next phase: the largest number before it.
  const lastMs = (startMs + durationMs) * (1 - Number.EPSILON);
  switch (load.kind) {
    case 'closed':
      return NONE;
    case 'replay':
      return mapped(traceTimes(load), (t) => Math.min(lastMs, startMs + t));
    case 'open': {
      const fromPerMs = load.from / 1_000;
      const toPerMs = load.to / 1_000;
      const expected = ((fromPerMs + toPerMs) / 2) * durationMs;
      const slope = (toPerMs - fromPerMs) / durationMs;
      const xs = positions(load.process, expected, () => createRandom(deriveSeed(seed, 'arrivals', pattern)));
      return mapped(xs, (x) => Math.min(lastMs, startMs + timeOf(x, fromPerMs, slope)));
    }
  }
}

/** @param map rises with x, but for rounding: of two that are next to equal the later is not the earlier */
const mapped = ({ count, open }: PhaseTimes, map: (x: number) => number): PhaseTimes => ({
  count,
  open() {
    const next = open();
    let last = Number.NEGATIVE_INFINITY;
    return () => {
      last = Math.max(last, map(next()));
      return last;
    };
  },
});

const NONE: PhaseTimes = { count: 0, open: () => () => Number.NaN };

/** x₁ ≤ x₂ ≤ … on [0, expected), by process. */
function positions(process: OpenLoad['process'], expected: number, stream: () => Random): PhaseTimes {
  const count = Math.round(expected);
  // One at 0 and one at each whole number below it. 2.1/s for 10 s are 21, though the product is a hair above.
  if (process === 'constant') return { count: Math.ceil(expected * (1 - ROUNDING)), open: wholes };
  if (process === 'poisson') return spaced(count, expected, () => poissonSpacing(stream()));
  return spaced(count, expected, () => gammaSpacing(stream(), process.gamma.burstiness));
}

/** Of a product of a rate and a length, with room: what is decided by less is noise of the arithmetic. */
const ROUNDING = 1e-9;

function wholes(): () => number {
  let i = -1;
  return () => ++i;
}

/** What lies before the first arrival, between two, and behind the last. Each call draws. */
interface Spacing {
  first(): number;
  gap(): number;
  last(): number;
}

/**
 * Unit exponentials, all of them: normalised sums are the order statistics of uniforms, the Poisson process given
 * that it has exactly its expected number of arrivals (Ross, Stochastic Processes, 1996, th. 2.3.1).
 */
function poissonSpacing(random: Random): Spacing {
  const draw = (): number => random.exponential();
  return { first: draw, gap: draw, last: draw };
}

/**
 * Gaps of gamma(k), k being the burstiness: variance 1/k of an exponential gap's. On a circle of N such gaps, cut open
 * at a uniformly random point: the gap that is hit is length-biased, gamma(k + 1), and is split evenly. So arrivals are
 * equally likely anywhere, phase ends included; k = 1 gives the Poisson process above, k → ∞ even spacing.
 */
function gammaSpacing(random: Random, burstiness: number): Spacing {
  let behind = 0;
  return {
    first() {
      const hit = random.gamma(burstiness + 1);
      const before = hit * random.next();
      behind = hit - before;
      return before;
    },
    gap: () => random.gamma(burstiness),
    last: () => behind,
  };
}

/** Sums of the spacing, scaled to `expected`. The stream is drawn twice, so that no sum need be kept. */
function spaced(count: number, expected: number, draw: () => Spacing): PhaseTimes {
  if (count === 0) return NONE;
  const whole = draw();
  let total = whole.first();
  for (let i = 1; i < count; i++) total += whole.gap();
  total += whole.last();
  return {
    count,
    open() {
      const spacing = draw();
      let sum = Number.NaN;
      return () => {
        sum = Number.isNaN(sum) ? spacing.first() : sum + spacing.gap();
        return (sum / total) * expected;
      };
    },
  };
}

/**
 * Λ⁻¹(x) for a rate that is linear in time: Λ(t) = a·t + b·t²/2 with slope b, solved as t = 2x / (a + √(a² + 2bx)),
 * the form that loses no digits when b is 0 or small.
 */
const timeOf = (x: number, fromPerMs: number, slope: number): number =>
  x === 0 ? 0 : (2 * x) / (fromPerMs + Math.sqrt(Math.max(0, fromPerMs * fromPerMs + 2 * slope * x)));

function traceTimes({ trace: { atMs }, fromMs, first, requests }: ReplayLoad): PhaseTimes {
  return {
    count: requests,
    open() {
      let i = first;
      return () => atMs[i++]! - fromMs;
    },
  };
}
