// When a ramp may end early: the deployment is saturated beyond use, and further steps would only heat the room.

import type { LinearConfig } from '../config/schema.ts';
import type { LoadPlan } from '../load/plan.ts';
import type { LoadProgress } from '../load/result.ts';
import type { Tally } from './tally.ts';

/** Before half of a hold, its first answers are not yet those of its level. */
const LEAST_SHARE_OF_HOLD = 0.5;
const LEAST_REQUESTS = 20;

/**
 * Why the ramp should end; null = go on. Looks at the step at hand once half of it is over, and at the step before
 * it, whose slowest requests may have ended only now. Counts requests of the steps' steady windows that have ended.
 */
export function stopReason(
  plan: LoadPlan,
  tally: Tally,
  stopWhen: LinearConfig['stopWhen'],
  progress: LoadProgress,
): string | null {
  if (progress.draining) return null;
  const current = plan.phases[progress.phase];
  if (current === undefined) return null;
  const isRipe = progress.elapsedMs >= current.startMs + LEAST_SHARE_OF_HOLD * current.durationMs;
  const looked = [...(progress.phase > 0 ? [progress.phase - 1] : []), ...(isRipe ? [progress.phase] : [])];
  for (const index of looked) {
    const { requests, ok, metSlo } = tally.phase(index);
    if (requests < LEAST_REQUESTS) continue;
    const name = plan.phases[index]!.name;
    const failed = (requests - ok) / requests;
    const missed = (requests - metSlo) / requests;
    if (failed >= stopWhen.failed)
      return `${percent(failed)} of the requests of ${name} failed (stopWhen.failed: ${percent(stopWhen.failed)})`;
    if (missed >= stopWhen.missed)
      return `${percent(missed)} of the requests of ${name} missed the SLO (stopWhen.missed: ${percent(stopWhen.missed)})`;
  }
  return null;
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
