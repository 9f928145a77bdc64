// How the load curve scales, in one sentence: the two coefficients of the Universal Scalability Law, of this run and of
// the baseline. It reads along; no verdict comes from it.

import type { CurvePoint } from '../stages/measurement.ts';
import { fitScalability, type ScalabilityFit } from '../stats/usl.ts';
import type { ReportInput } from './input.ts';
import { loadCurve } from './series.ts';

/** null without a curve of four steps that settled. */
export function scalabilitySentence(input: ReportInput): string | null {
  const curve = loadCurve(input);
  const now = curve && fitOf(curve.now);
  if (!now) return null;
  const before = curve.baseline && fitOf(curve.baseline);
  const beside = before ? ` (baseline ${coefficients(before)})` : '';
  const peak =
    now.peak === null
      ? 'throughput levels off'
      : `throughput peaks at about ${Math.round(now.peak)} requests in flight`;
  return `Universal Scalability Law: ${coefficients(now)}${beside}; ${peak}.`;
}

/** A step whose backlog grows has no number of requests in flight. */
const fitOf = (points: readonly CurvePoint[]): ScalabilityFit | null =>
  fitScalability(
    points
      .filter((point) => !point.backlogGrowing)
      .map((point) => ({ inFlight: point.inFlightMean, perSecond: point.achievedRate })),
  );

const coefficients = ({ sigma, kappa }: ScalabilityFit): string =>
  `contention σ ${digits(sigma)}, coherency κ ${digits(kappa)}`;
const digits = (value: number): string => (value < 1e-9 ? '0' : String(Number(value.toPrecision(2))));
