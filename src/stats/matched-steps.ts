// Ramps at matched loads: which steps several boots have in common, and the one number of each boot over them. Latency
// rises with load, so that means over other steps are of something else.

import { mean } from 'simple-statistics';
import { type Scaled, toScale } from './summary.ts';

type Ramp = readonly (number | null)[];

/** Steps that have a value in every ramp, from 1 on; a ramp that ended early has fewer steps than it was planned with. */
export function commonSteps(ramps: readonly Ramp[]): readonly number[] {
  const [first = []] = ramps;
  return [...first.keys()]
    .filter((step) => ramps.every((ramp) => (ramp[step] ?? null) !== null))
    .map((step) => step + 1);
}

/** The same of the boots that have the metric. */
export const stepsAlong = (
  id: string,
  boots: readonly { readonly metrics: Readonly<Record<string, { readonly rounds: Ramp }>> }[],
): readonly number[] =>
  commonSteps(boots.flatMap(({ metrics }) => (metrics[id] === undefined ? [] : [metrics[id].rounds])));

/** Mean over these steps on the scale of comparison; null where the ramp lacks one of them, or there is none. */
export function meanOver(metric: Scaled, ramp: Ramp, steps: readonly number[]): number | null {
  const values = steps.map((step) => toScale(metric, ramp[step - 1] ?? null)).filter((value) => value !== null);
  return values.length === 0 || values.length < steps.length ? null : mean(values);
}
