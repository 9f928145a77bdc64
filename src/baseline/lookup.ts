// What a search of the store found, as the rooms below ask it: the file, the history of one workload, the knee.

import type { StageName } from '../config/schema.ts';
import type { BaselineFile, BaselineLookup, History, StoredBoot } from './schema.ts';

export const storedFile = (lookup: BaselineLookup): BaselineFile | null =>
  lookup.kind === 'found' ? lookup.file : null;

/** The stored history of the workload that a stage runs; null = none to compare with. */
export const historyOf = (lookup: BaselineLookup, stage: StageName, key: string | undefined): History | null =>
  storedFile(lookup)?.stages[stage]?.find((history) => history.key === key) ?? null;

/** Units of text that calibrated prompts take for a token, by language; null until a run measured them. */
export const pinnedUnits = (history: History | null): Readonly<Record<string, number>> | null =>
  history?.segments.at(-1)?.pinned.unitsPerToken ?? null;

/** The boot that was recorded last; undefined = none is listed. */
export const newestBoot = ({ segments }: History): StoredBoot | undefined =>
  segments.findLast(({ boots }) => boots.length > 0)?.boots.at(-1);

/** Whether a level was begun for this reason already. */
export const hasSegment = (file: BaselineFile | null, reason: string): boolean =>
  Object.values(file?.stages ?? {}).some((histories) =>
    histories?.some(({ segments }) => segments.some((segment) => segment.reason === reason)),
  );

/** A boot's knee as a load that was held; null where there is none, as where even the first step did not hold. */
export const heldKnee = <T extends { readonly bound: string }>(metrics: Readonly<Record<string, T>>): T | null => {
  const knee = metrics['knee.rate'];
  return knee === undefined || knee.bound === 'below' ? null : knee;
};

/** The knee that shares of a load refer to: null until a linear stage found one. */
export const pinnedKnee = (file: BaselineFile | null): number | null =>
  file?.stages.linear?.at(-1)?.segments.at(-1)?.pinned.kneeRate ?? null;
