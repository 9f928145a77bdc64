// From a stage's configuration to its LoadPlan: the door of the three planners. Pure: shares of the knee come
// resolved through `rates`, traces read through `trace`.

import type { Config, StageName } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import type { LoadPlan } from '../load/plan.ts';
import { planBenchmark } from './benchmark.ts';
import { planLinear } from './linear.ts';
import type { PlanCommon } from './phases.ts';
import { planStepSurge } from './step-surge.ts';

/**
 * The plan of one configured stage.
 * @param outside what the configuration only names
 * @throws PlimsollError CONFIG_INVALID where the configuration has no such stage
 */
export function planStage(stage: StageName, config: Config, outside: Pick<PlanCommon, 'rates' | 'trace'>): LoadPlan {
  const common: PlanCommon = {
    seed: config.workload.seed,
    maxInFlight: config.client.maxInFlight,
    requestTimeoutMs: config.workload.requestTimeout,
    stallTimeoutMs: config.workload.stallTimeout,
    ...outside,
  };
  switch (stage) {
    case 'benchmark':
      return planBenchmark(configured(config.stages.benchmark, stage), common);
    case 'linear':
      return planLinear(configured(config.stages.linear, stage), common);
    case 'step-surge':
      return planStepSurge(configured(config.stages['step-surge'], stage), common);
  }
}

function configured<T>(section: T | undefined, stage: StageName): T {
  if (section !== undefined) return section;
  throw new PlimsollError('CONFIG_INVALID', `stages.${stage} is not configured`, {
    hint: `Add a ${stage} section below "stages".`,
  });
}
