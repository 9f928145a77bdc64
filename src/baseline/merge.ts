// Two versions of a stored history brought together: what was recorded on a branch that waits to be merged, and what
// happened to the branch that it goes to meanwhile. Nothing is taken twice.

import { prune } from './prune.ts';
import type { BaselineFile, History, Segment } from './schema.ts';
import { bootIds } from './series.ts';

/**
 * `onto`, and every boot of `pending` that it does not know: in the segment of the same id, else in a segment of their
 * own behind the others. A boot that `pending` has pruned already is carried as what its trail kept; its share of the
 * ledger is not, since ledgers of one origin cannot be added up.
 */
export function mergeBaselines(onto: BaselineFile, pending: BaselineFile): BaselineFile {
  const draft = structuredClone(onto);
  for (const [stage, sources] of Object.entries(pending.stages)) {
    const histories = draft.stages[stage] ?? [];
    draft.stages[stage] = histories;
    for (const source of sources) {
      const position = histories.findIndex(({ key }) => key === source.key);
      if (position < 0) histories.push(structuredClone(source));
      // The workload of the newest boot is the current one, and stands last.
      else if (mergeHistory(histories[position]!, source)) histories.push(histories.splice(position, 1)[0]!);
    }
  }
  return prune(draft, draft.keep);
}

/** @returns whether there was anything to add */
function mergeHistory(history: History, source: History): boolean {
  const known = bootIds(history);
  const trail = (source.trail ?? []).filter(({ id }) => !known.has(id));
  if (trail.length > 0) history.trail = byTime([...(history.trail ?? []), ...structuredClone(trail)]);
  let added = trail.length > 0;
  for (const segment of source.segments) {
    const fresh = structuredClone(segment.boots.filter(({ id }) => !known.has(id)));
    if (fresh.length === 0) continue;
    added = true;
    const present = history.segments.find(({ id }) => id === segment.id);
    if (present) join(present, segment, fresh);
    else history.segments.push({ ...structuredClone(segment), boots: fresh });
  }
  return added;
}

function join(present: Segment, segment: Segment, fresh: Segment['boots']): void {
  present.boots = byTime([...present.boots, ...fresh]);
  present.pinned.kneeRate ??= segment.pinned.kneeRate;
  // For charts only; the newest of the two.
  const { histograms, curve, surge } = structuredClone(segment);
  Object.assign(present, { histograms, curve: curve ?? present.curve, surge: surge ?? present.surge });
}

const byTime = <T extends { readonly at: string }>(boots: readonly T[]): T[] =>
  boots.toSorted((left, right) => (left.at < right.at ? -1 : left.at > right.at ? 1 : 0));
