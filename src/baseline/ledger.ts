// The variance ledger: what boots that are no longer listed taught about how much boots differ. Values are on the
// scale on which their metric is compared, one number a boot, as the judge summarises it (stats/summary.ts).

import { mean } from 'simple-statistics';
import { resolveMetric } from '../metrics.ts';
import { summariseRounds, toScale } from '../stats/summary.ts';
import type { History, StoredBoot } from './schema.ts';

/**
 * Takes a boot out of a segment whose other boots are `rest`, without loss: the sum of squares of n + 1 values is
 * that of n of them plus (x − mean of the n)² · n/(n + 1) (Welford 1962, run backwards), with one degree of freedom.
 * A metric that is censored or missing, in this boot or in all others, teaches nothing and is left out; so is one
 * with another number of rounds than its entry, because its summaries scatter differently.
 */
export function foldBoot(ledger: History['ledger'], boot: StoredBoot, rest: readonly StoredBoot[]): History['ledger'] {
  const folded = { ...ledger };
  for (const [id, { rounds }] of Object.entries(boot.metrics)) {
    const x = bootValue(boot, id);
    const others = rest
      .filter((other) => other.metrics[id]?.rounds.length === rounds.length)
      .map((other) => bootValue(other, id))
      .filter((value) => value !== null);
    const entry = folded[id] ?? { rounds: rounds.length, ss: 0, df: 0 };
    if (x === null || others.length === 0 || entry.rounds !== rounds.length) continue;
    const n = others.length;
    folded[id] = { rounds: entry.rounds, ss: entry.ss + (x - mean(others)) ** 2 * (n / (n + 1)), df: entry.df + 1 };
  }
  return folded;
}

/** A stored boot's one number for a metric, on the scale of comparison; null where it is censored, missing or not compared. */
export function bootValue(boot: StoredBoot, id: string): number | null {
  const metric = resolveMetric(id);
  const stored = boot.metrics[id];
  if (!metric || metric.scale === 'info' || !stored || stored.bound !== 'exact') return null;
  const rounds = stored.rounds.length > 0 ? stored.rounds : [stored.value];
  return summariseRounds(rounds.map((round) => toScale(metric, round)));
}
