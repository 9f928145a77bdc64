// What of a run is fit to teach a history anything: its level (update.ts) or how much boots differ (aa.ts). In: boots
// and stages of a record, the history they would join. Out: null, or in words why not. One rule for both.

import { isDeepStrictEqual } from 'node:util';
import type { StageName } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { compareFacts } from '../record/keys.ts';
import type { BootRecord, FactDifference, Facts, RunRecord } from '../record/schema.ts';
import type { BaselineFile, Segment } from './schema.ts';
import { bootIds } from './series.ts';

export type Measured = BootRecord['stages'][number];
export type Workload = NonNullable<RunRecord['workloads'][StageName]>;

/** @throws PlimsollError BASELINE_REFUSED where the file belongs to another deployment or environment */
export function refuseForeign(
  file: BaselineFile,
  other: { readonly deployment: string; readonly environment: Facts },
): void {
  if (file.deployment !== other.deployment) {
    throw new PlimsollError(
      'BASELINE_REFUSED',
      `The baseline belongs to deployment "${file.deployment}", not to "${other.deployment}".`,
      {
        hint: 'Each deployment has a file of its own: <baselines>/<deployment>/<environment>.json.',
      },
    );
  }
  const differences = compareFacts(file.environment, other.environment);
  if (differences.length > 0) {
    throw new PlimsollError(
      'BASELINE_REFUSED',
      `The baseline was recorded in another environment: ${listDifferences(differences)}.`,
      {
        hint: 'Numbers of different machines are never mixed; each environment has a file of its own.',
      },
    );
  }
}

export const listDifferences = (differences: readonly FactDifference[]): string =>
  differences.map(({ field, baseline, candidate }) => `${field} is ${baseline} there, ${candidate} here`).join('; ');

/** Why nothing of a boot counts. */
export function whyNotBoot(boot: BootRecord): string | null {
  if (boot.side !== 'candidate') return 'it is the base side of an interleaved comparison';
  if (boot.end !== 'complete') return `it did not complete (${boot.reason ?? boot.end})`;
  return null;
}

/** A benchmark that failed more than this share says that something is broken, not how fast it is. */
const MOST_FAILED = 0.5;

/** Why a stage of a boot does not count. */
export function whyNotStage(measured: Measured, hasWorkload: boolean): string | null {
  if (measured.status === 'aborted' || measured.status === 'cancelled')
    return `the stage was ${measured.status} (${measured.reason ?? 'no reason given'})`;
  // A host that gives cores to others may always do so: its boots are what boots are like there, and belong to the spread.
  const invalid = measured.invalid.find(({ code }) => code !== 'stolen');
  if (invalid) return invalid.message;
  const failed = measured.metrics['errors.rate']?.value ?? 0;
  if (measured.stage === 'benchmark' && failed > MOST_FAILED)
    return `${Math.round(failed * 100)} % of its requests failed: that is no level to hold others to`;
  return hasWorkload ? null : 'the record does not say what its workload was';
}

/** Why a stage is not of the kind that a segment holds. */
export function whyNotAlike(
  segment: Segment | undefined,
  measured: Measured,
  workload: Workload | undefined,
): string | null {
  return otherSource(segment, measured) ?? otherText(segment, workload);
}

/** Counts of different sources are never compared, so that one level cannot hold both. */
function otherSource(segment: Segment | undefined, measured: Measured): string | null {
  const here = measured.stream.tokenSource;
  const there = segment?.boots.findLast((boot) => boot.tokenSource !== null)?.tokenSource ?? null;
  if (here === null || there === null || here === there) return null;
  return `its tokens were counted by ${here}, those of the stored boots by ${there}`;
}

/** Calibrated by another tokenizer: prompts of the same lengths in tokens are not the same text. */
function otherText(segment: Segment | undefined, workload: Workload | undefined): string | null {
  const [there, here] = [segment?.pinned.unitsPerToken, workload?.unitsPerToken];
  if (!there || !here || isDeepStrictEqual(there, here)) return null;
  return 'its prompts were calibrated to another tokenizer than those of the stored boots';
}

/** The file has this boot already, listed or pruned. */
export const knows = (file: BaselineFile, stage: StageName, id: string): boolean =>
  (file.stages[stage] ?? []).some((history) => bootIds(history).has(id));

/** The ledger has learnt from boots of this run: as listed boots their spread would count twice. */
export const learntFrom = (file: BaselineFile, stage: StageName, run: string): boolean =>
  (file.stages[stage] ?? []).some((history) =>
    Object.values(history.ledger).some((entries) => entries.some((entry) => entry.run === run)),
  );
