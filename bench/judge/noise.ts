// The model that numbers-in pull requests are drawn from: a value is its level, times what its boot does to it, times
// what its round does to it. Boot effects of different metrics are correlated (one boot is slow in everything); round
// effects of latencies come from a bank of rounds of requests that are not independent. The judge is told none of it.

import { createRandom, type Random } from '../../src/stats/random.ts';

/** Correlation of two metrics' boot effects. */
const SHARED = 0.5;
/** Neighbouring requests: AR(1) of the normal score. */
const PHI = 0.9;
/** Log standard deviation of the body, and the Pareto index of the slowest tenth: p99 of a round scatters by 3.7 %. */
const BODY_SIGMA = 0.15;
const TAIL_INDEX = 14.5;
const TAIL_FROM = 1.2815515655446004;
export const REQUESTS_PER_ROUND = 2_000;
const BANK_ROUNDS = 4_000;
/** Rounds of a throughput: t with five degrees of freedom, scaled to 1 %. */
const THROUGHPUT_SD = 0.01;
const THROUGHPUT_DF = 5;

/** One round of requests: log quantiles about those of a long run, and the moments of the log latencies. */
export interface BankRound {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly mean: number;
  readonly variance: number;
}

/** How boots differ: `normal`, `t3` (t with three degrees of freedom at the same scale), `slow-some` (one in twenty 6 % slower). */
export type BootShape = 'normal' | 't3' | 'slow-some';

export function createBank(seed: number): readonly BankRound[] {
  const random = createRandom(`bank ${seed}`);
  const rounds = Array.from({ length: BANK_ROUNDS }, () => drawRequests(random));
  const centre = (pick: (round: BankRound) => number): number =>
    rounds.reduce((sum, round) => sum + pick(round), 0) / rounds.length;
  const [p50, p95, p99, mean] = [
    centre((round) => round.p50),
    centre((round) => round.p95),
    centre((round) => round.p99),
    centre((round) => round.mean),
  ];
  return rounds.map((round) => ({
    p50: round.p50 - p50,
    p95: round.p95 - p95,
    p99: round.p99 - p99,
    mean: round.mean - mean,
    variance: round.variance,
  }));
}

function drawRequests(random: Random): BankRound {
  const logs = new Float64Array(REQUESTS_PER_ROUND);
  let z = random.normal();
  let sum = 0;
  let squares = 0;
  for (let index = 0; index < REQUESTS_PER_ROUND; index++) {
    z = PHI * z + Math.sqrt(1 - PHI ** 2) * random.normal();
    const log = logLatency(z);
    logs[index] = log;
    sum += log;
    squares += log * log;
  }
  logs.sort();
  const at = (q: number): number => logs[Math.ceil(q * REQUESTS_PER_ROUND) - 1]!;
  const mean = sum / REQUESTS_PER_ROUND;
  const variance = (squares - REQUESTS_PER_ROUND * mean ** 2) / (REQUESTS_PER_ROUND - 1);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), mean, variance };
}

/** A log-normal body and a Pareto tail beyond its p90. */
function logLatency(z: number): number {
  if (z < TAIL_FROM) return BODY_SIGMA * z;
  return BODY_SIGMA * TAIL_FROM + (Math.log(0.1) - Math.log(upperNormal(z))) / TAIL_INDEX;
}

/** P(Z > z) for z > 0 (Abramowitz & Stegun 1964, 26.2.17). */
function upperNormal(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
}

/** What one boot does to each of `count` metrics, in log units. */
export function bootEffects(random: Random, count: number, tau: number, shape: BootShape): number[] {
  const scale = shape === 't3' ? 1 / Math.sqrt(chiSquare(random, 3) / 3) : 1;
  const slow = shape === 'slow-some' && random.next() < 0.05 ? 0.06 : 0;
  const shared = random.normal();
  return Array.from(
    { length: count },
    () => tau * scale * (Math.sqrt(SHARED) * shared + Math.sqrt(1 - SHARED) * random.normal()) + slow,
  );
}

export const throughputRound = (random: Random): number =>
  (THROUGHPUT_SD * Math.sqrt((THROUGHPUT_DF - 2) / THROUGHPUT_DF) * random.normal()) /
  Math.sqrt(chiSquare(random, THROUGHPUT_DF) / THROUGHPUT_DF);

function chiSquare(random: Random, df: number): number {
  let sum = 0;
  for (let index = 0; index < df; index++) sum += random.normal() ** 2;
  return sum;
}

/** Poisson by multiplication (Knuth 1969, 3.4.1); for small means. */
export function poisson(random: Random, mean: number): number {
  const limit = Math.exp(-mean);
  let product = random.next();
  let count = 0;
  while (product > limit) {
    count += 1;
    product *= random.next();
  }
  return count;
}
