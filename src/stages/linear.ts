// The linear stage's plan: equidistant held steps from low to high load in one continuous run. What the steps
// show is read in curve.ts.

import type { LinearConfig } from '../config/schema.ts';
import type { LoadPlan } from '../load/plan.ts';
import { layOut, type PlanCommon } from './phases.ts';

export function planLinear(config: LinearConfig, common: PlanCommon): LoadPlan {
  const from = common.rates(config.from);
  const to = common.rates(config.to);
  const steps = Array.from({ length: config.steps }, (_, index) => {
    const perSecond = from + ((to - from) * index) / (config.steps - 1);
    return {
      name: `step-${index + 1}`,
      kind: 'step' as const,
      durationMs: config.hold,
      load: { kind: 'open' as const, process: config.arrivals, from: perSecond, to: perSecond },
      pattern: index + 1,
    };
  });
  return {
    stage: 'linear',
    seed: common.seed,
    phases: layOut(steps),
    drainMs: config.drain,
    maxInFlight: common.maxInFlight,
    requestTimeoutMs: common.requestTimeoutMs,
    stallTimeoutMs: common.stallTimeoutMs,
  };
}
