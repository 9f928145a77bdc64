// The stages that a record from elsewhere should have, so that none of them is lost without a word.

import { pinnedKnee, storedFile } from '../baseline/lookup.ts';
import type { BaselineLookup } from '../baseline/schema.ts';
import { type Config, STAGES, type StageName } from '../config/schema.ts';
import type { RunRecord } from '../record/schema.ts';

/** All of the configuration's, but for those that may have waited for a knee. */
export const expectedStages = (
  { stages }: Pick<Config, 'stages'>,
  record: RunRecord,
  lookup: BaselineLookup,
): readonly StageName[] => {
  const hasKnee = pinnedKnee(storedFile(lookup)) !== null;
  return STAGES.filter(
    (stage) =>
      stages[stage] !== undefined && (record.workloads[stage] !== undefined || hasKnee || !sharesKnee(stages[stage])),
  );
};

const sharesKnee = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  ('shareOfKnee' in value || Object.values(value).some((inner) => sharesKnee(inner)));
