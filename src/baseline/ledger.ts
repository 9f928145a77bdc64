// The variance ledger: what boots that are no longer listed taught about how much boots differ. Values are on the
// scale on which their metric is compared, one number a boot, as the judge summarises it (stats/summary.ts).

import { mean } from 'simple-statistics';
import { resolveMetric } from '../metrics.ts';
import { dependsOnSlo, sameSlo } from '../record/keys.ts';
import { addSpread, type Spread, summariseBoot } from '../stats/summary.ts';
import type { History, LedgerEntry, StoredBoot } from './schema.ts';

/**
 * Takes a boot out of a segment whose other boots are `rest`, without loss: the sum of squares of n + 1 values is
 * that of n of them plus (x − mean of the n)² · n/(n + 1) (Welford 1962, run backwards), with one degree of freedom.
 * A metric that is censored or missing, in this boot or in all others, teaches nothing and is left out.
 */
export function foldBoot(
  ledger: History['ledger'],
  segment: string,
  boot: StoredBoot,
  rest: readonly StoredBoot[],
): History['ledger'] {
  const folded = { ...ledger };
  for (const [id, { rounds }] of Object.entries(boot.metrics)) {
    const x = bootValue(boot, id);
    const others = alike(rest, boot, id)
      .map((other) => bootValue(other, id))
      .filter((value) => value !== null);
    if (x === null || others.length === 0) continue;
    const n = others.length;
    const learnt = { ss: (x - mean(others)) ** 2 * (n / (n + 1)), df: 1 };
    folded[id] = withSpread(folded[id] ?? [], { kind: 'boots', segment, rounds: rounds.length }, learnt);
  }
  return folded;
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

/** What the entries of one metric know of boots with so many rounds; null = with any. */
export const spreadOfEntries = (
  entries: readonly LedgerEntry[] | undefined,
  rounds: number | null,
  kinds: readonly string[] = OF_BOOTS,
): Spread =>
  (entries ?? [])
    .filter((entry) => kinds.includes(entry.kind) && (rounds === null || entry.rounds === rounds))
    .reduce<Spread>(addSpread, { ss: 0, df: 0 });

/** Of these, the boots whose value means and scatters the same as that of `like`: as many rounds, for goodput the same SLO. */
export const alike = (boots: readonly StoredBoot[], like: StoredBoot, id: string): StoredBoot[] =>
  boots.filter(
    (boot) =>
      boot.metrics[id]?.rounds.length === like.metrics[id]?.rounds.length &&
      (!dependsOnSlo(id) || sameSlo(boot.slo, like.slo)),
  );

/** A stored boot's one number for a metric, on the scale of comparison; null where it is censored, missing or not compared. */
export function bootValue(boot: StoredBoot, id: string): number | null {
  const metric = resolveMetric(id);
  const stored = boot.metrics[id];
  if (!metric || metric.scale === 'info' || !stored) return null;
  const summary = summariseBoot(metric, stored);
  return summary?.bound === 'exact' ? summary.summary : null;
}

function withSpread(
  entries: readonly LedgerEntry[],
  of: Pick<LedgerEntry, 'kind' | 'segment' | 'rounds'>,
  learnt: Spread,
): LedgerEntry[] {
  const isIt = (entry: LedgerEntry): boolean =>
    entry.kind === of.kind && entry.segment === of.segment && entry.rounds === of.rounds;
  if (!entries.some(isIt)) return [...entries, { ...of, ...learnt }];
  return entries.map((entry) => (isIt(entry) ? { ...entry, ...addSpread(entry, learnt) } : entry));
}
