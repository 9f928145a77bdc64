// Ids of runs and of their boots, as the store keeps them. A record that was merged of several runs has the ids of all.

import type { RunRecord } from './schema.ts';

const JOINED_BY = '+';

export const mergedId = (records: readonly RunRecord[]): string => records.map(({ id }) => id).join(JOINED_BY);

/** The runs that a record consists of. */
export const runIdsOf = ({ id }: RunRecord): readonly string[] => id.split(JOINED_BY);

/** Whether a stored boot, `<run id>#<boot>`, is one of the run's. */
export const isBootOf = (runId: string, bootId: string): boolean => bootId.startsWith(`${runId}#`);

/** Whether it is one of the record's own. */
export const isOwnBoot = (record: RunRecord, bootId: string): boolean =>
  runIdsOf(record).some((id) => isBootOf(id, bootId));
