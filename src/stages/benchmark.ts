// The benchmark stage's plan: one continuous load at one level, cut by planned time into equal rounds after one
// ramp-in. The round is the unit inside a boot.

import type { BenchmarkConfig } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import type { LoadPlan, OfferedLoad } from '../load/plan.ts';
import { layOut, type PlanCommon } from './phases.ts';
import { LEAST_REQUESTS } from './rounds.ts';

const RAMP_IN_PATTERN = 0;
/** One for all rounds: they draw the same arrivals and lengths, so that rounds repeat each other. */
const ROUND_PATTERN = 1;

/** @throws PlimsollError CONFIG_INVALID where neither a rate nor users are given */
export function planBenchmark(config: BenchmarkConfig, common: PlanCommon): LoadPlan {
  const load = offeredLoad(config, common);
  const rampInMs = config.rampIn ?? Math.max(2_000, config.duration / 10);
  const rampIn = { name: 'ramp-in', kind: 'rampIn' as const, durationMs: rampInMs, load, pattern: RAMP_IN_PATTERN };
  const rounds = Array.from({ length: config.rounds }, (_, index) => ({
    name: `round-${index + 1}`,
    kind: 'round' as const,
    durationMs: config.duration / config.rounds,
    load,
    pattern: ROUND_PATTERN,
  }));
  return {
    stage: 'benchmark',
    seed: common.seed,
    phases: layOut(rampInMs > 0 ? [rampIn, ...rounds] : rounds),
    drainMs: config.drain,
    maxInFlight: common.maxInFlight,
    requestTimeoutMs: common.requestTimeoutMs,
    stallTimeoutMs: common.stallTimeoutMs,
  };
}

/**
 * What makes every round of an open-loop plan too small to be judged, foreseen before a minute of GPU is spent; null =
 * the rounds are large enough, or nobody can tell (closed loop).
 */
export function tooFewRequests(plan: LoadPlan): string | null {
  const round = plan.phases.find((phase) => phase.kind === 'round');
  if (round?.load.kind !== 'open') return null;
  const requests = Math.round((round.load.from * round.durationMs) / 1_000);
  if (requests >= LEAST_REQUESTS) return null;
  return `each round of the benchmark would have ${requests} requests (${round.load.from}/s for ${round.durationMs / 1_000} s); ${LEAST_REQUESTS} are needed to bear a percentile`;
}

/**
 * A load of its own that repeats one round of a benchmark, ramp-in first, to replace a round that was spoilt.
 * @param number of the new round, `round-<number>`; default: the next
 */
export function planExtraRound(plan: LoadPlan, number?: number): LoadPlan {
  const rounds = plan.phases.filter((phase) => phase.kind === 'round');
  if (rounds.length === 0) throw new PlimsollError('INTERNAL', `The plan of ${plan.stage} has no rounds to repeat`);
  const rampIn = plan.phases.filter((phase) => phase.kind === 'rampIn');
  return { ...plan, phases: layOut([...rampIn, { ...rounds[0]!, name: `round-${number ?? rounds.length + 1}` }]) };
}

function offeredLoad(config: BenchmarkConfig, common: PlanCommon): OfferedLoad {
  if (config.users !== undefined) return { kind: 'closed', users: config.users, think: config.think };
  if (config.rate === undefined) {
    throw new PlimsollError('CONFIG_INVALID', 'stages.benchmark has neither a rate nor users', {
      hint: 'Give one of the two, such as "rate: 8/s".',
    });
  }
  const perSecond = common.rates(config.rate);
  return { kind: 'open', process: config.arrivals, from: perSecond, to: perSecond };
}
