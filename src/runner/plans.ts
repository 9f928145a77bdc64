// What the stages of a run will ask, resolved: shares of the knee by what the baseline has pinned. Refuses what can
// be seen to be unjudgeable before a minute of the machine is spent.

import { resolve } from 'node:path';
import { pinnedKnee, storedFile } from '../baseline/lookup.ts';
import type { BaselineLookup } from '../baseline/schema.ts';
import type { Config } from '../config/schema.ts';
import { STAGES, type StageName } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { foresee, readRoom } from '../load/foresee.ts';
import type { LoadPlan } from '../load/plan.ts';
import { tooFewRequests } from '../stages/benchmark.ts';
import { planStage } from '../stages/plan.ts';
import { readTrace } from '../workload/trace.ts';
import type { Progress } from './progress.ts';

export type Plans = ReadonlyMap<StageName, LoadPlan>;

export interface StagePlans {
  readonly plans: Plans;
  /** Stages that cannot run yet: their load is a share of a knee that nobody has measured here. */
  readonly waiting: readonly StageName[];
}

/**
 * In the order of STAGES. A stage whose load is a share of the knee waits until this environment has a baseline with
 * a knee, so that a new machine can record one with its other stages first.
 * @param folder that a trace's file is relative to: the configuration's
 * @throws PlimsollError CONFIG_INVALID where every stage would wait, or rounds are too small to be judged;
 *   INPUT_NOT_FOUND or WORKLOAD_INVALID for a trace
 */
export function planStages(config: Config, lookup: BaselineLookup, folder: string): StagePlans {
  const file = config.file ?? 'configuration';
  const kneeRate = pinnedKnee(storedFile(lookup));
  const plans = new Map<StageName, LoadPlan>();
  const waiting: StageName[] = [];
  for (const stage of STAGES.filter((one) => config.stages[one])) {
    let needsKnee = false;
    const plan = planStage(stage, config, {
      rates(rate) {
        if ('perSecond' in rate) return rate.perSecond;
        needsKnee ||= kneeRate === null;
        return rate.shareOfKnee * (kneeRate ?? 1);
      },
      trace: (replay, untilMs) => readTrace(resolve(folder, replay.file), replay.speedup, untilMs),
    });
    if (needsKnee) waiting.push(stage);
    else plans.set(stage, plan);
  }
  if (plans.size === 0) {
    throw new PlimsollError(
      'CONFIG_INVALID',
      `${file}: every load is a share of the baseline's knee, but no stored baseline has a knee.`,
      {
        hint: 'Give the linear stage absolute rates ("2/s" to "40/s"); the knee comes from it.',
      },
    );
  }
  const benchmark = plans.get('benchmark');
  const thin = benchmark ? tooFewRequests(benchmark) : null;
  if (thin !== null) {
    throw new PlimsollError('CONFIG_INVALID', `${file}: ${thin}.`, {
      hint: 'Raise stages.benchmark.duration or rate, or take fewer rounds.',
    });
  }
  return { plans, waiting };
}

export function tellWaiting(waiting: readonly StageName[], progress: Progress): void {
  for (const stage of waiting)
    progress.warn(`${stage} waits: its load is a share of the knee, and no baseline of this environment has one yet`);
}

/**
 * Before the deployment is booted: what this machine's client cannot carry, however quick the answers are.
 * @throws PlimsollError CLIENT_LIMITS
 */
export async function refuseUnbearable(plans: Plans, url: string): Promise<void> {
  const room = await readRoom(url);
  for (const plan of plans.values()) {
    const { refusal } = foresee(plan, room, null);
    if (refusal !== null) throw refusal;
  }
}

export const plannedMs = (plan: LoadPlan): number => {
  const last = plan.phases.at(-1);
  return last ? last.startMs + last.durationMs : 0;
};
