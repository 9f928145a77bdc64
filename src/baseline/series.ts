// The boots that a history remembers, in the order of their recording: what the trail and the segments hold, as one
// list a level. Trends and change points are read from it.

import { resolveMetric } from '../metrics.ts';
import { countsAlike } from '../record/keys.ts';
import { toScale } from '../stats/summary.ts';
import { bootValue } from './ledger.ts';
import { newestBoot } from './lookup.ts';
import type { History } from './schema.ts';

export interface RememberedBoot {
  readonly id: string;
  readonly at: string;
  readonly commit: string | null;
  /** On the scale of comparison; null where it is censored, missing, not compared, or goodput by another SLO than today's. */
  readonly scaled: (metric: string) => number | null;
}

/** One list a segment, oldest first, segments in order. */
export function rememberedBoots(history: History): readonly (readonly RememberedBoot[])[] {
  const levels = new Map<string, RememberedBoot[]>();
  const remember = (segment: string, boot: RememberedBoot): void => {
    levels.set(segment, [...(levels.get(segment) ?? []), boot]);
  };
  for (const { id, at, commit, segment, values } of history.trail ?? []) {
    remember(segment, {
      id,
      at,
      commit,
      scaled(name) {
        const metric = resolveMetric(name);
        return metric ? toScale(metric, values[name] ?? null) : null;
      },
    });
  }
  const newest = newestBoot(history);
  for (const segment of history.segments) {
    for (const boot of segment.boots) {
      const { id, at, commit } = boot;
      const scaled = (metric: string) => (countsAlike(metric, boot.slo, newest!.slo) ? bootValue(boot, metric) : null);
      remember(segment.id, { id, at, commit, scaled });
    }
  }
  return [...levels.values()];
}

/** Ids of all of them. */
export const bootIds = (history: History): ReadonlySet<string> =>
  new Set([...history.segments.flatMap(({ boots }) => boots), ...(history.trail ?? [])].map(({ id }) => id));
