// Comparison of whole curves at matched loads. A metric along a ramp has one value a step, and latency rises with load: the
// mean of a boot that held more steps is higher although it is not slower. So boots are reduced to the steps that all of
// them held; what differs between two loads is then the same in every boot, and cancels.

import { type ResolvedMetric, standsAlone } from '../metrics.ts';
import { stepsAlong } from '../stats/matched-steps.ts';
import type { BootMetrics } from './samples.ts';

/**
 * These boots, each with its values at the steps only that every one of them has, in the order given; without a value
 * where there is no such step. A boot without the metric takes no part. Metrics that are not of a ramp stay as they are.
 */
export function atMatchedLoads<Boot extends BootMetrics>(
  { id, ...metric }: Pick<ResolvedMetric, 'id' | 'summary'>,
  boots: readonly Boot[],
): readonly Boot[] {
  if (standsAlone(metric)) return boots;
  const steps = new Set(stepsAlong(id, boots));
  return boots.map((boot) => {
    const measured = boot.metrics[id];
    if (measured === undefined) return boot;
    const rounds = measured.rounds.map((value, step) => (steps.has(step + 1) ? value : null));
    const value = steps.size === 0 ? null : measured.value;
    return { ...boot, metrics: { ...boot.metrics, [id]: { ...measured, value, rounds } } };
  });
}
