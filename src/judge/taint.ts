// Rounds that stand apart from the others of their boot (a neighbour woke up, a disk stalled): found by a score over
// all compared metrics at once. The run replaces them; where it could not, the judge leaves the worst one out.

import { median } from 'simple-statistics';
import type { History } from '../baseline/schema.ts';
import { resolveMetric } from '../metrics.ts';
import type { StageMeasurement } from '../stages/measurement.ts';
import { addSpread, type BootValues, type Spread, spreadOf, toScale } from '../stats/summary.ts';
import { COMPARED } from './selection.ts';

/** Rounds by metric id: what the rule needs of a boot, fresh or stored. */
export type RoundValues = Readonly<Record<string, Pick<BootValues, 'rounds' | 'roundBounds'>>>;
/** Standard deviation of the rounds inside a boot, by metric id, on the scale of comparison. */
export type RoundSds = ReadonlyMap<string, number>;

/**
 * Rounds of this measurement that should be measured again, 0-based: those that the client spoilt, and those whose
 * score (below) is past the limit, worst first. Without a history only the client's.
 */
export function taintedRounds(measurement: StageMeasurement, history: History | null): readonly number[] {
  const rounds = measurement.phases.filter((phase) => phase.kind === 'round');
  const byClient = [...rounds.keys()].filter((index) => rounds[index]!.invalid.length > 0);
  const apart = outlyingRounds(
    measurement.metrics,
    roundSds(history?.segments.at(-1)?.boots.map((boot) => boot.metrics) ?? []),
  );
  return [...byClient, ...apart.filter((index) => !byClient.includes(index))];
}

/** Past this many standard deviations (median over metrics) a round is tainted. */
const SCORE_LIMIT = 2.5;
/** With three rounds the median already ignores one. */
const FEWEST_ROUNDS = 4;
/** Fewer degrees of freedom say too little about what is usual. */
const FEWEST_DF = 8;

/**
 * Score of round r = median over metrics of (y_r − median_r y) / σ_m. Rounds past ±2.5, worst first.
 * Empty where rounds are too few or their usual spread is not known.
 */
function outlyingRounds(metrics: RoundValues, sds: RoundSds): readonly number[] {
  const scores: number[][] = [];
  for (const [id, sd] of sds) {
    const values = scaledRounds(metrics, id);
    const present = values.filter((value) => value !== null);
    if (present.length < FEWEST_ROUNDS) continue;
    const centre = median(present);
    for (const [round, value] of values.entries()) {
      if (value === null) continue;
      scores[round] ??= [];
      scores[round].push((value - centre) / sd);
    }
  }
  return [...scores.entries()]
    .map(([round, list]) => ({ round, score: list === undefined ? 0 : Math.abs(median(list)) }))
    .filter(({ score }) => score > SCORE_LIMIT)
    .sort((a, b) => b.score - a.score)
    .map(({ round }) => round);
}

/** The worst tainted round of a boot, 0-based, by the boot's metrics; scored once a boot, not once a metric. */
export type TaintedRounds = ReadonlyMap<RoundValues, number>;

/** @param baseline its rounds say what scatter is usual */
export function worstRounds(baseline: readonly RoundValues[], candidate: readonly RoundValues[]): TaintedRounds {
  const sds = roundSds(baseline);
  return new Map(
    [...baseline, ...candidate].flatMap((metrics) => {
      const [worst] = outlyingRounds(metrics, sds);
      return worst === undefined ? [] : [[metrics, worst] as const];
    }),
  );
}

/** Pooled over the boots given, each about its own mean. */
function roundSds(boots: readonly RoundValues[]): RoundSds {
  const sds = new Map<string, number>();
  for (const id of COMPARED.benchmark) {
    const spread = boots.reduce<Spread>((sum, boot) => addSpread(sum, spreadOf(exactRounds(boot, id))), {
      ss: 0,
      df: 0,
    });
    if (spread.df >= FEWEST_DF && spread.ss > 0) sds.set(id, Math.sqrt(spread.ss / spread.df));
  }
  return sds;
}

const exactRounds = (metrics: RoundValues, id: string): number[] =>
  scaledRounds(metrics, id).filter(
    (value, round) => value !== null && (metrics[id]?.roundBounds?.[round] ?? 'exact') === 'exact',
  ) as number[];

function scaledRounds(metrics: RoundValues, id: string): (number | null)[] {
  const metric = resolveMetric(id);
  return metric ? (metrics[id]?.rounds ?? []).map((round) => toScale(metric, round)) : [];
}
