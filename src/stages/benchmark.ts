// The benchmark stage's plan: one continuous load at one level, cut by planned time into equal rounds after one
// ramp-in. The round is the unit inside a boot.

import type { BenchmarkConfig, Replay } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import type { LoadPlan, OfferedLoad, PhasePlan } from '../load/plan.ts';
import { firstFrom } from '../workload/trace.ts';
import { layOut, type PlanCommon } from './phases.ts';
import { LEAST_REQUESTS } from './rounds.ts';

const RAMP_IN_PATTERN = 0;
/** One for all rounds: they draw the same arrivals and lengths, so that rounds repeat each other. */
const ROUND_PATTERN = 1;

/** @throws PlimsollError CONFIG_INVALID where no load is given, or as reading its trace */
export function planBenchmark(config: BenchmarkConfig, common: PlanCommon): LoadPlan {
  const rampInMs = config.rampIn ?? Math.max(2_000, config.duration / 10);
  const rampIn = { name: 'ramp-in', kind: 'rampIn' as const, durationMs: rampInMs, pattern: RAMP_IN_PATTERN };
  const rounds = Array.from({ length: config.rounds }, (_, index) => ({
    name: `round-${index + 1}`,
    kind: 'round' as const,
    durationMs: config.duration / config.rounds,
    pattern: ROUND_PATTERN,
  }));
  const phases = rampInMs > 0 ? [rampIn, ...rounds] : rounds;
  return {
    stage: 'benchmark',
    seed: common.seed,
    phases:
      config.replay === undefined ? atOneLevel(phases, config, common) : alongTrace(phases, config.replay, common),
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
  const rounds = plan.phases.filter((phase) => phase.kind === 'round');
  for (const { name, load } of rounds) {
    if (load.kind === 'replay' && load.requests < LEAST_REQUESTS)
      return `${name} of the benchmark would have ${load.requests} requests of the trace; ${LEAST_REQUESTS} are needed to bear a percentile`;
  }
  const [round] = rounds;
  if (round?.load.kind !== 'open') return null;
  const requests = Math.round((round.load.from * round.durationMs) / 1_000);
  if (requests >= LEAST_REQUESTS) return null;
  return `each round of the benchmark would have ${requests} requests (${round.load.from}/s for ${round.durationMs / 1_000} s); ${LEAST_REQUESTS} are needed to bear a percentile`;
}

/** A round of a trace is a part of it and has no second like it: nothing can replace it. */
export const roundsRepeat = (plan: LoadPlan): boolean => plan.phases.every((phase) => phase.load.kind !== 'replay');

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

type Unloaded = Omit<PhasePlan, 'startMs' | 'load'>;

function atOneLevel(phases: readonly Unloaded[], config: BenchmarkConfig, common: PlanCommon): PhasePlan[] {
  const load = offeredLoad(config, common);
  return layOut(phases.map((phase) => ({ ...phase, load })));
}

/** Rounds are parts of the trace, one after the other: they do not repeat each other, so each has a pattern of its own. */
function alongTrace(phases: readonly Unloaded[], replay: Replay, common: PlanCommon): PhasePlan[] {
  const trace = common.trace(
    replay,
    phases.reduce((sum, phase) => sum + phase.durationMs, 0),
  );
  let fromMs = 0;
  return layOut(
    phases.map((phase, pattern) => {
      const first = firstFrom(trace, fromMs);
      const requests = firstFrom(trace, fromMs + phase.durationMs) - first;
      const load = { kind: 'replay' as const, trace, fromMs, first, requests };
      fromMs += phase.durationMs;
      return { ...phase, pattern, load };
    }),
  );
}

function offeredLoad(config: BenchmarkConfig, common: PlanCommon): OfferedLoad {
  if (config.users !== undefined) return { kind: 'closed', users: config.users, think: config.think };
  if (config.rate === undefined) {
    throw new PlimsollError('CONFIG_INVALID', 'stages.benchmark has no rate, no users and no trace to replay', {
      hint: 'Give one of them, such as "rate: 8/s".',
    });
  }
  const perSecond = common.rates(config.rate);
  return { kind: 'open', process: config.arrivals, from: perSecond, to: perSecond };
}
