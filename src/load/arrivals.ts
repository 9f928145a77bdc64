// When requests are due. In: a plan and its seed. Out: planned times in ms on one absolute axis, so that a late
// sender catches up instead of drifting. Pure; method: inversion of the cumulative rate (Çinlar, Introduction to
// Stochastic Processes, 1975, ch. 4.7), over time and never over the request's index.

import { createRandom, deriveSeed } from '../stats/random.ts';
import type { LoadPlan, PhasePlan } from './plan.ts';

/** Every planned request of a load in order; request i belongs to the last phase whose first request is ≤ i. */
export interface Schedule {
  readonly plannedMs: Float64Array;
  /** First request of each phase, then the number of requests: one longer than the plan's phases. */
  readonly firstOf: readonly number[];
}

export interface Slot {
  /** Position in the schedule. */
  readonly request: number;
  readonly phase: number;
  /** Position within the phase. */
  readonly index: number;
  readonly plannedMs: number;
}

/** All phases of a plan. Closed-loop phases have no planned times and take no place in it. */
export function schedule(plan: LoadPlan): Schedule {
  const times = plan.phases.map((phase) => plannedTimes(phase, plan.seed));
  const firstOf = [0];
  for (const phase of times) firstOf.push(firstOf.at(-1)! + phase.length);
  const plannedMs = new Float64Array(firstOf.at(-1)!);
  for (const [index, phase] of times.entries()) plannedMs.set(phase, firstOf[index]!);
  return { plannedMs, firstOf };
}

/** Shard k of n: every n-th request from the k-th on. The shards together are the whole schedule, each slot once. */
export function* shard({ plannedMs, firstOf }: Schedule, k: number, n: number): Generator<Slot, undefined> {
  let phase = 0;
  for (let request = k; request < plannedMs.length; request += n) {
    while (request >= firstOf[phase + 1]!) phase += 1;
    yield { request, phase, index: request - firstOf[phase]!, plannedMs: plannedMs[request]! };
  }
}

/**
 * Planned times of one phase, in ms on the stage's axis, within [startMs, startMs + durationMs).
 * They depend on (seed, pattern, load, durationMs) alone and are then shifted by startMs.
 *
 * With rate λ(t), Λ(t) = ∫₀ᵗ λ and N = Λ(duration) to the nearest whole number, arrival i comes at Λ⁻¹(xᵢ).
 * Constant takes xᵢ = i. Poisson takes the order statistics of N uniforms on [0, Λ(duration)), as normalised sums of
 * unit exponentials: the Poisson process given that it has exactly its expected number of arrivals (Ross, Stochastic
 * Processes, 1996, th. 2.3.1). So a short phase offers the rate that it says, not one that luck moved by 10 %.
 */
export function plannedTimes(phase: PhasePlan, seed: number): Float64Array {
  const { load, durationMs, startMs } = phase;
  if (load.kind === 'closed') return new Float64Array(0);
  const rates = { fromPerMs: load.from / 1_000, toPerMs: load.to / 1_000, durationMs };
  const expected = ((rates.fromPerMs + rates.toPerMs) / 2) * durationMs;
  const times =
    load.process === 'poisson' ? uniforms(Math.round(expected), expected, seed, phase.pattern) : wholes(expected);
  // Rounding can lift the last time to the end itself, which belongs to the next phase.
  const lastMs = startMs + durationMs * (1 - Number.EPSILON);
  for (let i = 0; i < times.length; i++) times[i] = Math.min(lastMs, startMs + timeOf(times[i]!, rates));
  return times;
}

/** 0, 1, 2, … below `expected`. */
const wholes = (expected: number): Float64Array => Float64Array.from({ length: Math.ceil(expected) }, (_, i) => i);

/** `count` sorted uniforms on [0, expected). */
function uniforms(count: number, expected: number, seed: number, pattern: number): Float64Array {
  const random = createRandom(deriveSeed(seed, 'arrivals', pattern));
  const sums = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += random.exponential();
    sums[i] = sum;
  }
  sum += random.exponential();
  for (let i = 0; i < count; i++) sums[i] = (sums[i]! / sum) * expected;
  return sums;
}

/**
 * Λ⁻¹(x) for a rate that is linear in time: Λ(t) = a·t + b·t²/2 with slope b = (to − from) / duration, solved as
 * t = 2x / (a + √(a² + 2bx)), the form that loses no digits when b is 0 or small.
 */
function timeOf(
  x: number,
  { fromPerMs, toPerMs, durationMs }: { fromPerMs: number; toPerMs: number; durationMs: number },
): number {
  if (x === 0) return 0;
  const slope = (toPerMs - fromPerMs) / durationMs;
  return (2 * x) / (fromPerMs + Math.sqrt(Math.max(0, fromPerMs * fromPerMs + 2 * slope * x)));
}
