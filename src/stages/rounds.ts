// The benchmark's result: the whole of its rounds for each metric, and one value per round beside it. Rounds that
// were replaced do not count.

import { mean } from 'simple-statistics';
import { mser5 } from '../stats/mser5.ts';
import { minimumSample } from '../stats/sample-size.ts';
import type { Figures } from './figures.ts';
import { bootValue, metricsOf, pool } from './figures.ts';
import type { Invalidity, MetricValue } from './measurement.ts';
import type { MeasuredPhase, PhaseContext } from './phase.ts';
import { quantileIntervals } from './quantile-interval.ts';

export interface RoundsResult {
  readonly metrics: Readonly<Record<string, MetricValue>>;
  readonly invalid: readonly Invalidity[];
  readonly pooled: Figures;
}

/** A round with fewer requests cannot bear the p95 that comparisons gate on. */
export const LEAST_REQUESTS = minimumSample(0.9);

/**
 * @param rounds those that count, in order. One that the client spoilt may be among them: it has no values, and
 * more than one spoils the stage.
 */
export function measureRounds(
  rounds: readonly MeasuredPhase[],
  context: Pick<PhaseContext, 'timeoutMs' | 'price'>,
): RoundsResult {
  const isFit = (round: MeasuredPhase) => round.measurement.invalid.length === 0;
  const fit = rounds.filter(isFit);
  // Nothing fit to show: show what there is; it is marked invalid below.
  const shown = fit.length > 0 ? fit : rounds;
  const pooled = pool(shown.map((round) => round.figures));
  const drift = driftOf(shown);
  const intervals = quantileIntervals(
    shown.map((round) => round.figures),
    pooled,
  );
  const metrics: Record<string, MetricValue> = {};
  for (const [id, whole] of Object.entries(metricsOf(pooled, context.timeoutMs, context.price))) {
    const values = rounds.map((round) => (shown.includes(round) ? round.metrics[id] : undefined));
    const bounds = values.map((round) => (round?.value == null ? 'exact' : round.bound));
    metrics[id] = {
      ...bootValue(
        id,
        whole,
        values.map((round) => round?.value ?? null),
        drift?.kind === 'rising' && !id.startsWith('output.') ? drift.message : null,
      ),
      ...(bounds.some((bound) => bound !== 'exact') && { roundBounds: bounds }),
      ...(intervals.has(id) && { interval: intervals.get(id) }),
    };
  }
  const spoilt = rounds.filter((round) => !isFit(round));
  const invalid = [
    ...(spoilt.length > 1 || fit.length === 0 ? spoilt.flatMap((round) => round.measurement.invalid) : []),
    ...tooFew(fit),
    ...(drift?.kind === 'falling' ? [notSettled(drift.message)] : []),
  ];
  return { metrics, invalid, pooled };
}

function tooFew(rounds: readonly MeasuredPhase[]): Invalidity[] {
  const of = (round: MeasuredPhase) => round.figures.requests + round.figures.dropped;
  const thinnest = rounds.reduce<MeasuredPhase | null>(
    (least, round) => (least === null || of(round) < of(least) ? round : least),
    null,
  );
  if (thinnest === null || of(thinnest) >= LEAST_REQUESTS) return [];
  const factor = LEAST_REQUESTS / Math.max(1, of(thinnest));
  return [
    {
      code: 'too_few_requests',
      message: `${thinnest.plan.name} has ${of(thinnest)} requests; a round needs ${LEAST_REQUESTS} to bear a percentile`,
      advice: `Make stages.benchmark.duration ${Math.ceil(factor * 10) / 10} times as long, or take fewer rounds or a higher rate.`,
      phase: null,
    },
  ];
}

interface Drift {
  readonly kind: 'rising' | 'falling';
  readonly message: string;
}

/** Narrow on purpose: short healthy runs wander, and an alarm that cries often is not read. */
const DRIFT_RATIO = 2;
const DRIFT_REQUESTS = 10;

/**
 * No steady state, read from the requests in flight over the rounds: MSER-5 finds no cut before its half-way limit,
 * and from third to third the level at least doubles (or halves), by 10 requests at least. Rising, the deployment
 * did not keep up: its own doing, so a note. Falling, the ramp-in was too short for a cold start: not judgeable.
 * A trace's load rises and falls by itself.
 */
function driftOf(rounds: readonly MeasuredPhase[]): Drift | null {
  if (rounds.some((round) => round.plan.load.kind === 'replay')) return null;
  const levels = rounds.flatMap((round) => round.levels);
  const third = Math.floor(levels.length / 3);
  if (third < 5 || !mser5(levels).hitLimit) return null;
  const [first, middle, last] = [0, third, levels.length - third].map((from) => mean(levels.slice(from, from + third)));
  const between = `from ${Math.round(first!)} to ${Math.round(last!)} over the rounds`;
  if (first! < middle! && middle! < last! && last! >= DRIFT_RATIO * first! && last! - first! >= DRIFT_REQUESTS) {
    return {
      kind: 'rising',
      message: `no steady state: requests in flight rose ${between}; the deployment did not keep up with this load`,
    };
  }
  if (first! > middle! && middle! > last! && first! >= DRIFT_RATIO * last! && first! - last! >= DRIFT_REQUESTS) {
    return {
      kind: 'falling',
      message: `requests in flight fell ${between}: the stage had not settled when it was measured`,
    };
  }
  return null;
}

const notSettled = (message: string): Invalidity => ({
  code: 'no_steady_state',
  message,
  advice: 'Give stages.benchmark a longer rampIn.',
  phase: null,
});
