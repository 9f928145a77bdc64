// How long the answers are: answers of another length are another workload, which neither a comparison nor a level may
// mix. In: the boots of one stage on both sides, or a run and the file that it would join. Out: how much the length
// moved, and whether that is more than drawing other requests explains. One rule for the judge and for the store.

import { STAGES, type StageName } from '../config/schema.ts';
import { formatValue } from '../metrics-format.ts';
import { isOwnBoot } from '../record/ids.ts';
import type { RunRecord } from '../record/schema.ts';
import { whyNotAlike, whyNotBoot, whyNotStage } from './admission.ts';
import type { BaselineFile } from './schema.ts';

/** A boot's values of one stage, fresh or stored. */
interface Measured {
  readonly metrics: Readonly<Record<string, { readonly value: number | null; readonly n: number }>>;
}
export interface BothSides {
  readonly stage: StageName;
  readonly closedLoop: boolean;
  readonly candidate: readonly Measured[];
  readonly baseline: readonly Measured[];
}

/** Longer or shorter answers than this share are another workload: normalising them away would hide real change. */
const MOST_DRIFT = 0.05;
/** Four standard errors of a mean whose single lengths scatter by half of it. */
const DRAW = 2;
const ERRORS_THAT_SHORTEN = 0.002;

const DRIFTED = 'the workload drifted';
/** Of a reason that was given: the answers are of another length. */
export const isDrift = (reason: string | null): boolean => reason?.startsWith(DRIFTED) ?? false;

/** That the answers are of another length, as a clause; null = they are not, or it is not known. */
export function outputDrift(sides: BothSides): string | null {
  const change = outputChange(sides);
  if (change === null || Math.abs(change.share) <= MOST_DRIFT + change.byDraw) return null;
  // Failing long answers shorten the mean of the successful ones: that is load being shed, and errors carry it.
  const [here, there] = [worstErrors(sides.candidate), worstErrors(sides.baseline)];
  if (change.share < 0 && here > there + ERRORS_THAT_SHORTEN) return null;
  return `${DRIFTED}: answers are ${(100 * Math.abs(change.share)).toFixed(1)} % ${change.share < 0 ? 'shorter' : 'longer'} than the baseline's (${change.text})`;
}

/** The same of a whole run and the segments that it would join: the first stage that tells. */
export function driftOfRun(file: BaselineFile, record: RunRecord): string | null {
  const boots = record.boots.filter((boot) => whyNotBoot(boot) === null);
  for (const stage of STAGES) {
    const workload = record.workloads[stage];
    const segment = file.stages[stage]?.find(({ key }) => key === workload?.key)?.segments.at(-1);
    const candidate = boots.flatMap(({ stages }) =>
      stages.filter(
        (one) =>
          one.stage === stage &&
          whyNotStage(one, workload !== undefined) === null &&
          whyNotAlike(segment, one, workload) === null,
      ),
    );
    const source = candidate.find(({ stream }) => stream.tokenSource !== null)?.stream.tokenSource ?? null;
    const baseline = (segment?.boots ?? []).filter(
      ({ id, tokenSource }) =>
        !isOwnBoot(record, id) && (tokenSource === null || source === null || tokenSource === source),
    );
    const closedLoop = candidate.some(({ phases }) => phases.some(({ users }) => users !== null));
    const drift = outputDrift({ stage, closedLoop, candidate, baseline });
    if (drift !== null) return drift;
  }
  return null;
}

export interface OutputChange {
  /** −0.1 = answers are 10 % shorter. */
  readonly share: number;
  /** What of it may come from the two sides having drawn other requests. */
  readonly byDraw: number;
  /** "180 → 160 tokens". */
  readonly text: string;
}

/**
 * How much the answers' length moved: as the share of what was asked for, where both sides have it; else as mean
 * tokens, but not on a ramp, where the mean depends on the steps that ran. null = not known.
 */
export function outputChange({ stage, closedLoop, candidate, baseline }: BothSides): OutputChange | null {
  const have = (id: string): boolean => meanOf(candidate, id) !== null && meanOf(baseline, id) !== null;
  const ids = stage === 'linear' ? ['output.share'] : ['output.share', 'output.tokens.mean'];
  const id = ids.find(have);
  if (id === undefined) return null;
  const [here, there] = [meanOf(candidate, id)!, meanOf(baseline, id)!];
  if (there <= 0) return null;
  // In closed loop a faster side answers more requests, and a ramp that goes on longer too: the two sides draw others.
  const n = Math.min(...[...candidate, ...baseline].flatMap((boot) => boot.metrics[id]?.n ?? []));
  const otherDraws = closedLoop || stage === 'linear';
  const text =
    id === 'output.share'
      ? `${formatValue('share', there)} → ${formatValue('share', here)} of the tokens asked for`
      : `${there.toFixed(0)} → ${here.toFixed(0)} tokens`;
  return { share: here / there - 1, byDraw: otherDraws ? DRAW / Math.sqrt(Math.max(1, n)) : 0, text };
}

const valuesOf = (boots: readonly Measured[], id: string): number[] =>
  boots.map(({ metrics }) => metrics[id]?.value ?? null).filter((value) => value !== null);

function meanOf(boots: readonly Measured[], id: string): number | null {
  const values = valuesOf(boots, id);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

const worstErrors = (boots: readonly Measured[]): number => Math.max(0, ...valuesOf(boots, 'errors.rate'));
