// The variance ledger: what boots that are no longer listed taught about how much boots differ. Values are on the
// scale on which their metric is compared, one number a boot, as the judge summarises it (stats/summary.ts).

import { isDeepStrictEqual } from 'node:util';
import { mean } from 'simple-statistics';
import { resolveMetric, standsAlone } from '../metrics.ts';
import { countsAlike, dependsOnSlo } from '../record/keys.ts';
import { meanOver, stepsAlong } from '../stats/matched-steps.ts';
import { addSpread, type Spread, summariseBoot } from '../stats/summary.ts';
import type { History, LedgerEntry, StoredBoot } from './schema.ts';

/**
 * Takes a boot out of a segment whose other boots are `rest`, without loss: the sum of squares of n + 1 values is
 * that of n of them plus (x − mean of the n)² · n/(n + 1) (Welford 1962, run backwards), with one degree of freedom.
 * A metric that is censored or missing, in this boot or in all others, teaches nothing and is left out. What is compared at
 * matched loads teaches of the steps that the boot and all others have, and the entry names them.
 *
 * @param newest of the history: by its SLO goodput is counted from now on
 */
export function foldBoot(
  ledger: History['ledger'],
  segment: string,
  boot: StoredBoot,
  rest: readonly StoredBoot[],
  newest: StoredBoot,
): History['ledger'] {
  const folded = { ...ledger };
  for (const [id, { rounds }] of Object.entries(boot.metrics)) {
    if (!countsAlike(id, boot.slo, newest.slo)) continue;
    const peers = alike(rest, boot, id);
    const steps = stepsOf([boot, ...peers], id);
    const x = bootValue(boot, id, steps);
    const others = peers.map((other) => bootValue(other, id, steps)).filter((value) => value !== null);
    if (x === null || others.length === 0) continue;
    const n = others.length;
    const learnt = { ss: (x - mean(others)) ** 2 * (n / (n + 1)), df: 1 };
    const of = steps === null ? { rounds: rounds.length } : { rounds: steps.length, steps: [...steps] };
    folded[id] = withSpread(folded[id] ?? [], { kind: 'boots', segment, ...of }, learnt);
  }
  return folded;
}

/** Of a history whose next boot counts by another SLO: what it learnt of goodput until now is of something else. */
export function forgetGoodput(history: History): void {
  const without = <Value>(values: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(Object.entries(values).filter(([id]) => !dependsOnSlo(id)));
  history.ledger = without(history.ledger);
  history.trail = history.trail?.map((entry) => ({ ...entry, values: without(entry.values) }));
}

/** What the ledger knows beside what boots of these runs taught: they are replaced as it grows, and never judged by themselves. */
export const withoutRuns = (ledger: History['ledger'], runs: readonly string[]): History['ledger'] =>
  Object.fromEntries(
    Object.entries(ledger)
      .map(([id, entries]) => [id, entries.filter(({ run }) => run === undefined || !runs.includes(run))] as const)
      .filter(([, entries]) => entries.length > 0),
  );

/** Kinds of entries that say how much single boots differ. */
const OF_BOOTS: readonly string[] = ['boots', 'aa'];

/** What values scatter the same: those of as many rounds, or means over the same steps; null = any. */
export type Like = number | readonly number[] | null;

/** What the entries of one metric know of boots with so many rounds, or over these steps. */
export const spreadOfEntries = (
  entries: readonly LedgerEntry[] | undefined,
  like: Like,
  kinds: readonly string[] = OF_BOOTS,
): Spread =>
  (entries ?? [])
    .filter((entry) => kinds.includes(entry.kind) && isLike(entry, like))
    .reduce<Spread>(addSpread, { ss: 0, df: 0 });

export const isLike = ({ rounds, steps }: LedgerEntry, like: Like): boolean =>
  like === null || (typeof like === 'number' ? rounds === like : isDeepStrictEqual(steps, like));

/** Of these boots the steps that they are compared at, those that all of them have; null = not compared at matched loads. */
export function stepsOf(boots: readonly StoredBoot[], id: string): readonly number[] | null {
  const metric = resolveMetric(id);
  if (metric === undefined || standsAlone(metric)) return null;
  return stepsAlong(id, boots);
}

/**
 * Of these, the boots whose value means and scatters the same as that of `like`: as many rounds, for goodput the same SLO.
 * Ramps that ended early are as long as they lasted, and are matched step by step.
 */
export const alike = (boots: readonly StoredBoot[], like: StoredBoot, id: string): StoredBoot[] => {
  const metric = resolveMetric(id);
  if (metric !== undefined && !standsAlone(metric)) return boots.filter(({ metrics }) => metrics[id] !== undefined);
  return boots.filter(
    (boot) =>
      boot.metrics[id]?.rounds.length === like.metrics[id]?.rounds.length && countsAlike(id, boot.slo, like.slo),
  );
};

/**
 * A stored boot's one number for a metric, on the scale of comparison; null where it is censored, missing or not compared.
 * @param steps of what is compared at matched loads, which has no number without them
 */
export function bootValue(boot: StoredBoot, id: string, steps: readonly number[] | null = null): number | null {
  const metric = resolveMetric(id);
  const stored = boot.metrics[id];
  if (!metric || metric.scale === 'info' || !stored) return null;
  if (!standsAlone(metric)) return steps === null ? null : meanOver(metric, stored.rounds, steps);
  const summary = summariseBoot(metric, stored);
  return summary?.bound === 'exact' ? summary.summary : null;
}

function withSpread(
  entries: readonly LedgerEntry[],
  of: Pick<LedgerEntry, 'kind' | 'segment' | 'rounds' | 'steps'>,
  learnt: Spread,
): LedgerEntry[] {
  const isIt = (entry: LedgerEntry): boolean =>
    entry.kind === of.kind && entry.segment === of.segment && isLike(entry, of.steps ?? of.rounds);
  if (!entries.some(isIt)) return [...entries, { ...of, ...learnt }];
  return entries.map((entry) => (isIt(entry) ? { ...entry, ...addSpread(entry, learnt) } : entry));
}
