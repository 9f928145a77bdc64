// How a stored history stays small without forgetting: old boots and segments go, their variance to the ledger and
// their values to the trail.

import { STAGES } from '../config/schema.ts';
import { resolveMetric } from '../metrics.ts';
import { countsAlike } from '../record/keys.ts';
import { fromScale } from '../stats/summary.ts';
import { bootValue, foldBoot } from './ledger.ts';
import { newestBoot } from './lookup.ts';
import type { BaselineFile, History, Segment, StoredBoot } from './schema.ts';

/** Older segments that stay for their variance; what is before them is folded into the ledger. */
const OLDER_SEGMENTS = 5;
/** Workloads of one stage whose history is kept; the one that was used longest ago goes first. */
const WORKLOADS_PER_STAGE = 8;
/** Pruned boots whose values stay for trends and change points. */
const TRAIL = 60;

/** Keeps the newest `keep` boots of each segment and OLDER_SEGMENTS before the newest; the rest goes to the ledger. */
export function prune(file: BaselineFile, keep: number): BaselineFile {
  const draft = structuredClone(file);
  draft.keep = keep;
  // A stage of a later version keeps its boots: whoever does not know its metrics cannot keep their variance.
  for (const stage of STAGES) {
    const histories = draft.stages[stage];
    if (!histories) continue;
    histories.splice(0, Math.max(0, histories.length - WORKLOADS_PER_STAGE));
    for (const history of histories) {
      while (history.segments.length > OLDER_SEGMENTS + 1) emptySegment(history, history.segments[0]!, 0);
      for (const segment of history.segments) emptySegment(history, segment, keep);
      history.segments = history.segments.filter((segment) => segment.boots.length > 0);
    }
  }
  return draft;
}

/** Takes the oldest boots out until `keep` are left; their variance goes to the ledger, their values to the trail. */
function emptySegment(history: History, segment: Segment, keep: number): void {
  while (segment.boots.length > keep) {
    const oldest = segment.boots.shift()!;
    const newest = newestBoot(history) ?? oldest;
    history.ledger = foldBoot(history.ledger, segment.id, oldest, segment.boots, newest);
    const entry = {
      id: oldest.id,
      at: oldest.at,
      commit: oldest.commit,
      segment: segment.id,
      values: valuesOf(oldest, newest),
    };
    history.trail = [...(history.trail ?? []), entry].slice(-TRAIL);
  }
  if (keep === 0) history.segments = history.segments.filter((other) => other !== segment);
}

const valuesOf = (boot: StoredBoot, newest: StoredBoot): Record<string, number> =>
  Object.fromEntries(
    Object.keys(boot.metrics).flatMap((id) => {
      const [metric, value] = [resolveMetric(id), bootValue(boot, id)];
      return metric && value !== null && countsAlike(id, boot.slo, newest.slo)
        ? [[id, tidy(fromScale(metric, value))!]]
        : [];
    }),
  );

/** Seven significant digits: far below any noise, and a file that people can read. */
export const tidy = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(7)));
