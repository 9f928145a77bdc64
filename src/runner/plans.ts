// What the stages of a run will ask, resolved: shares of the knee by what the baseline has pinned. Refuses what can
// be seen to be unjudgeable before a minute of the machine is spent.

import type { BaselineLookup, History } from '../baseline/schema.ts';
import { pinnedKnee } from '../baseline/update.ts';
import type { Config, Rate } from '../config/schema.ts';
import { STAGES, type StageName } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import type { LoadPlan } from '../load/plan.ts';
import { tooFewRequests } from '../stages/benchmark.ts';
import { planStage } from '../stages/plan.ts';

export type Plans = ReadonlyMap<StageName, LoadPlan>;

/**
 * In the order of STAGES.
 * @throws PlimsollError CONFIG_INVALID where a share has no knee to refer to, or rounds are too small to be judged
 */
export function planStages(config: Config, lookup: BaselineLookup): Plans {
  const file = config.file ?? 'configuration';
  const kneeRate = lookup.kind === 'found' ? pinnedKnee(lookup.file) : null;
  const rates = (rate: Rate): number => {
    if ('perSecond' in rate) return rate.perSecond;
    if (kneeRate !== null) return rate.shareOfKnee * kneeRate;
    throw new PlimsollError(
      'CONFIG_INVALID',
      `${file}: a load is given as ${rate.shareOfKnee * 100} % of the baseline's knee, but no stored baseline has a knee.`,
      { hint: 'Give absolute rates ("8/s") until a baseline with a linear stage is recorded.' },
    );
  };
  const plans = new Map<StageName, LoadPlan>();
  for (const stage of STAGES) if (config.stages[stage]) plans.set(stage, planStage(stage, config, rates));
  const benchmark = plans.get('benchmark');
  const thin = benchmark ? tooFewRequests(benchmark) : null;
  if (thin !== null) {
    throw new PlimsollError('CONFIG_INVALID', `${file}: ${thin}.`, {
      hint: 'Raise stages.benchmark.duration or rate, or take fewer rounds.',
    });
  }
  return plans;
}

/** The stored history of the workload that a stage runs; null = none to compare with. */
export function historyOf(lookup: BaselineLookup, stage: StageName, key: string | undefined): History | null {
  if (lookup.kind !== 'found') return null;
  return lookup.file.stages[stage]?.find((history) => history.key === key) ?? null;
}

export const plannedMs = (plan: LoadPlan): number => {
  const last = plan.phases.at(-1);
  return last ? last.startMs + last.durationMs : 0;
};
