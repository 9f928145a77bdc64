// Failures on a ramp, baseline against candidate. Its whole error rate depends on where it stopped, so each side is
// asked where it was held: the candidate also at every load that the baseline held.

import { storedCurve } from '../baseline/stored-curve.ts';
import type { CurvePoint } from '../stages/measurement.ts';
import { type FailureCount, quasiBinomial } from '../stats/quasi-binomial.ts';
import type { BootMetrics } from './samples.ts';
import type { StageEvidence } from './standing.ts';

export interface RampFailures {
  /** Shares of the requests that failed. */
  readonly before: number;
  readonly after: number;
  readonly pRise: number;
}

/** One boot's ramp; without a curve only its whole error rate is known. */
interface Ramp {
  readonly metrics: BootMetrics['metrics'];
  readonly curve: readonly CurvePoint[];
}

/** null where one side has no count of its requests. */
export function rampFailures(stage: StageEvidence): RampFailures | null {
  const bases = baseRamps(stage);
  const line = Math.max(0, ...bases.flatMap(({ curve }) => curve.filter(isHeld).map(rateOf)));
  const before = bases.flatMap((ramp) => failuresOf(ramp, isHeld));
  const after = stage.candidate.flatMap(({ metrics, measurement }) =>
    failuresOf({ metrics, curve: measurement.curve ?? [] }, (point) => isHeld(point) || rateOf(point) <= line),
  );
  const test = quasiBinomial(before, after);
  return test && { before: shareOf(before), after: shareOf(after), pRise: test.pRise };
}

/** The store keeps the curve of the last boot alone; where there is none, each boot's whole ramp. */
function baseRamps({ pairing, history, baseline }: StageEvidence): Ramp[] {
  if (pairing !== null)
    return pairing.pairs.map(({ base: { metrics, measurement } }) => ({ metrics, curve: measurement.curve ?? [] }));
  const segment = history?.segments.at(-1);
  const last = baseline.find(({ name }) => name === segment?.boots.at(-1)?.id);
  const curve = storedCurve(segment);
  return curve?.some(isHeld) && last
    ? [{ metrics: last.metrics, curve }]
    : baseline.map(({ metrics }) => ({ metrics, curve: [] }));
}

/** Steps are equally long, so that each has its share of the ramp's requests by its rate. */
function failuresOf({ metrics, curve }: Ramp, counts: (point: CurvePoint) => boolean): FailureCount[] {
  const whole = metrics['errors.rate'];
  if (whole === undefined || whole.value === null) return [];
  const counted = curve.filter(counts);
  if (counted.length === 0) return [{ failed: whole.value * whole.n, total: whole.n }];
  const perRate = whole.n / curve.reduce((sum, point) => sum + rateOf(point), 0);
  return counted.map((point) => {
    const total = perRate * rateOf(point);
    return { failed: point.errorRate * total, total };
  });
}

const isHeld = ({ held }: CurvePoint): boolean => held;
const rateOf = ({ offeredRate }: CurvePoint): number => offeredRate;

function shareOf(counts: readonly FailureCount[]): number {
  const sum = (pick: (count: FailureCount) => number) => counts.reduce((total, count) => total + pick(count), 0);
  return sum(({ failed }) => failed) / sum(({ total }) => total);
}
