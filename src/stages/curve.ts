// The linear stage's result: one point per step, the knee (the load line), and the plateau. Estimators and why
// these: docs/measuring.md. Isotonic regression for the knee; least squares of achieved = min(offered, C) for the
// plateau.

import { mean } from 'simple-statistics';
import { offeredRate } from '../load/plan.ts';
import { pava } from '../stats/pava.ts';
import { mannKendall } from '../stats/theil-sen.ts';
import type { PhaseMetric } from './figures.ts';
import type { CurvePoint } from './measurement.ts';
import type { MeasuredPhase } from './phase.ts';

/** A step holds while at most this share of its requests misses the SLO. */
export const MISSED_LIMIT = 0.05;
/** A saturated step achieves less than this share of what was planned. */
const ACHIEVED_LIMIT = 0.95;

/** Of six block means at most one of the fifteen pairs may be out of order: p = 0.017. */
const BLOCKS = 6;
const STEADY_CLIMB_P = 0.02;

export interface Step {
  readonly phase: MeasuredPhase;
  readonly point: CurvePoint;
  /** Requests per second that really were planned in the window: a Poisson draw about the offered rate. */
  readonly plannedRate: number;
  /** What the knee is read from: share of requests that the deployment did not carry. */
  readonly missed: number;
  readonly requests: number;
  /** Achieved less than was planned, because load piled up (steadily or not) or failed: not for what a window's edges cut off. */
  readonly saturated: boolean;
}

/**
 * Steps in order of load, those without a request in their steady window left out.
 * @param aborted the deployment died on the last step, which therefore carried nothing
 */
export function stepsOf(phases: readonly MeasuredPhase[], hasSlo: boolean, aborted: boolean): Step[] {
  const last = phases.at(-1);
  const measured = phases
    .filter((phase) => phase.plan.kind === 'step' && phase.figures.windowMs > 0 && requestsOf(phase) > 0)
    .map((phase) => ({
      phase,
      missed: aborted && phase === last ? 1 : missedShare(phase, hasSlo),
      requests: requestsOf(phase),
    }))
    .toSorted((a, b) => offeredRate(a.phase.plan)! - offeredRate(b.phase.plan)!);
  const isotonic = pava(
    measured.map((step) => step.missed),
    measured.map((step) => step.requests),
  );
  return measured.map((step, index) => ({
    ...step,
    missed: isotonic[index]!,
    plannedRate: (step.requests * 1_000) / step.phase.figures.windowMs,
    saturated: isSaturated(step.phase),
    point: pointOf(step.phase, isotonic[index]! <= MISSED_LIMIT),
  }));
}

const requestsOf = ({ figures }: MeasuredPhase): number => figures.requests + figures.dropped;

/**
 * Share of the step's requests that missed their SLO (without an SLO: that were not answered in the window), but at
 * least the share by which its backlog grew: load that only piles up is not carried, however fast the rest was.
 */
function missedShare(phase: MeasuredPhase, hasSlo: boolean): number {
  const { figures } = phase;
  const missed = hasSlo
    ? 1 - figures.metSlo / requestsOf(phase)
    : Math.max(0, 1 - figures.completed / requestsOf(phase));
  return Math.max(missed, backlogGrowth(phase));
}

/**
 * Share of the arrivals that piled up for good: a growth that is also a steady climb (Mann–Kendall over block
 * means), since near saturation a stable queue wanders far, but back. 0 = the backlog does not grow.
 */
function backlogGrowth(phase: MeasuredPhase): number {
  const growth = pileUp(phase);
  return growth > 0 && phase.levels.length >= BLOCKS && mannKendall(blockMeans(phase.levels)) <= STEADY_CLIMB_P
    ? growth
    : 0;
}

/**
 * Share of the arrivals that piled up, from the mean level of the window's first third to that of its last; 0 where
 * that is within 5 % or within three standard deviations of a Poisson level.
 */
function pileUp({ levels, figures, tally }: MeasuredPhase): number {
  const third = Math.floor(levels.length / 3);
  if (third === 0) return 0;
  const first = mean(levels.slice(0, third));
  const growth = mean(levels.slice(-third)) - first;
  const arrivals = (tally.requests + figures.dropped) * (2 / 3);
  const limit = Math.max(3 * Math.sqrt(Math.max(1, first)), MISSED_LIMIT * arrivals);
  return growth > limit ? Math.min(1, growth / arrivals) : 0;
}

function blockMeans(levels: readonly number[]): number[] {
  const size = levels.length / BLOCKS;
  return Array.from({ length: BLOCKS }, (_, block) =>
    mean(levels.slice(Math.floor(block * size), Math.floor((block + 1) * size))),
  );
}

function isSaturated(phase: MeasuredPhase): boolean {
  const { completed, ok } = phase.figures;
  const requests = requestsOf(phase);
  const notAnswered = (requests - ok) / requests > 1 - ACHIEVED_LIMIT;
  return completed < ACHIEVED_LIMIT * requests && (notAnswered || pileUp(phase) > 0);
}

function pointOf(phase: MeasuredPhase, held: boolean): CurvePoint {
  const value = (id: string): number | null => phase.metrics[id]?.value ?? null;
  return {
    phase: phase.plan.name,
    offeredRate: offeredRate(phase.plan)!,
    achievedRate: value('throughput.requests') ?? 0,
    goodputShare: value('goodput.share') ?? 0,
    ttftP50Ms: value('ttft.p50'),
    ttftP95Ms: value('ttft.p95'),
    tpotP50Ms: value('tpot.p50'),
    tpotP95Ms: value('tpot.p95'),
    e2eP95Ms: value('e2e.p95'),
    tokensPerSecond: value('throughput.tokens') ?? 0,
    errorRate: value('errors.rate') ?? 0,
    inFlightMean: mean([...phase.levels]),
    backlogGrowing: backlogGrowth(phase) > 0,
    held,
  };
}

/**
 * Where the share of missed requests crosses 5 %, interpolated between the steps' offered rates.
 * @param aborted the deployment died: the load that it held is known to end, at the last step if not before
 */
export function kneeOf(steps: readonly Step[], aborted: boolean): PhaseMetric {
  const n = steps.reduce((sum, step) => sum + step.requests, 0);
  const crossing = steps.findIndex((step) => step.missed > MISSED_LIMIT);
  if (steps.length === 0) return { value: null, bound: 'exact', n };
  if (crossing === 0) return { value: steps[0]!.point.offeredRate, bound: 'below', n };
  if (crossing < 0) return { value: steps.at(-1)!.point.offeredRate, bound: aborted ? 'exact' : 'above', n };
  const below = steps[crossing - 1]!;
  const above = steps[crossing]!;
  const share = (MISSED_LIMIT - below.missed) / (above.missed - below.missed);
  const spacing = above.point.offeredRate - below.point.offeredRate;
  return { value: below.point.offeredRate + share * spacing, bound: 'exact', n, spacing };
}

export interface Plateau {
  readonly saturation: PhaseMetric;
  /** The steps on the plateau; where there is none, the highest step. */
  readonly steps: readonly Step[];
  readonly reached: boolean;
}

/**
 * C of achieved = min(offered, C) by least squares: for each split into unsaturated and saturated steps, C is the
 * mean of the latter, each weighted by the length of its window; the best split wins. Without a saturated step, C is above what the highest achieved.
 */
export function plateauOf(steps: readonly Step[]): Plateau {
  const n = steps.reduce((sum, step) => sum + step.phase.figures.completed, 0);
  if (!steps.some((step) => step.saturated)) {
    const highest = steps.reduce((most, step) => Math.max(most, step.point.achievedRate), 0);
    return {
      saturation: { value: steps.length > 0 ? highest : null, bound: 'above', n },
      steps: steps.slice(-1),
      reached: false,
    };
  }
  let best = { error: Number.POSITIVE_INFINITY, capacity: 0, from: 0 };
  for (let from = 0; from < steps.length; from++) {
    const plateau = steps.slice(from);
    const capacity =
      plateau.reduce((sum, step) => sum + step.point.achievedRate * weightOf(step), 0) /
      plateau.reduce((sum, step) => sum + weightOf(step), 0);
    const error = steps.reduce(
      (sum, step) => sum + weightOf(step) * (step.point.achievedRate - Math.min(step.plannedRate, capacity)) ** 2,
      0,
    );
    if (error < best.error) best = { error, capacity, from };
  }
  return { saturation: { value: best.capacity, bound: 'exact', n }, steps: steps.slice(best.from), reached: true };
}

/** A ramp that stopped inside a step leaves a fragment, which must not weigh as much as a whole step. */
const weightOf = (step: Step): number => step.phase.figures.windowMs;
