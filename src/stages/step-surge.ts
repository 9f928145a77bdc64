// The step-surge stage's plan: base load, then for each height a true step up and back down to the base, in one
// continuous run. The recovery of one surge is the base of the next. What it shows is read in surge.ts.

import type { StepSurgeConfig } from '../config/schema.ts';
import type { LoadPlan, PhasePlan } from '../load/plan.ts';
import { layOut, type PlanCommon } from './phases.ts';

export function planStepSurge(config: StepSurgeConfig, common: PlanCommon): LoadPlan {
  const held = (perSecond: number) => ({
    kind: 'open' as const,
    process: config.arrivals,
    from: perSecond,
    to: perSecond,
  });
  const base = held(common.rates(config.base));
  const phases: Omit<PhasePlan, 'startMs'>[] = [
    { name: 'base', kind: 'base', durationMs: config.hold, load: base, pattern: 1 },
  ];
  for (const [index, surge] of config.surges.entries()) {
    const number = index + 1;
    phases.push(
      {
        name: `surge-${number}`,
        kind: 'surge',
        durationMs: config.hold,
        load: held(common.rates(surge)),
        pattern: 2 * number,
      },
      { name: `recover-${number}`, kind: 'recover', durationMs: config.recover, load: base, pattern: 2 * number + 1 },
    );
  }
  return {
    stage: 'step-surge',
    seed: common.seed,
    phases: layOut(phases),
    drainMs: config.drain,
    maxInFlight: common.maxInFlight,
    requestTimeoutMs: common.requestTimeoutMs,
    stallTimeoutMs: common.stallTimeoutMs,
  };
}
