// What A/A boots teach, by the judge's own rules: the same summary of a boot, the tainted round left out, censored boots
// without a square. And what a gate would see with it. In: boots of one deployment, or a baseline file. Pure.

import type { AaBoot } from '../baseline/aa.ts';
import type { BaselineFile, History, LedgerEntry } from '../baseline/schema.ts';
import { type Gate, STAGES, type StageName } from '../config/schema.ts';
import { resolveMetric, standsAlone } from '../metrics.ts';
import { stepsAlong } from '../stats/matched-steps.ts';
import { type Spread, spreadOf } from '../stats/summary.ts';
import type { Policy } from './judge.ts';
import { atMatchedLoads } from './matched-loads.ts';
import { type GatePower, powerOf } from './power.ts';
import { samplesOf } from './samples.ts';
import { worstRounds } from './taint.ts';
import { LEDGER_MOST_DF, MOST_DF, splitLedger } from './variance.ts';

/** Seven digits, as stored values have. */
const tidy = (value: number): number => Number(value.toPrecision(7));

/** Spread between boots, by metric and number of rounds, or over the steps that all have; in whatever order the boots come. */
export function spreadsOf(
  boots: readonly AaBoot[],
): Record<string, (Spread & Pick<LedgerEntry, 'rounds' | 'steps'>)[]> {
  const tainted = worstRounds(
    boots.map(({ metrics }) => metrics),
    [],
  );
  const ids = [...new Set(boots.flatMap(({ metrics }) => Object.keys(metrics)))].toSorted();
  return Object.fromEntries(
    ids.flatMap((id) => {
      const metric = resolveMetric(id);
      if (metric === undefined || metric.scale === 'info') return [];
      const spreadOver = (alike: readonly AaBoot[]): Spread => {
        const samples = samplesOf(metric, atMatchedLoads(metric, alike), tainted).filter(
          ({ censored }) => censored === 'no',
        );
        // Sorted: the last digit of a sum depends on the order of its terms.
        const { ss, df } = spreadOf(samples.map(({ summary }) => summary).toSorted((a, b) => a - b));
        return { ss: tidy(ss), df };
      };
      if (!standsAlone(metric)) {
        const steps = stepsAlong(id, boots);
        const spread = spreadOver(boots);
        return spread.df === 0 ? [] : [[id, [{ rounds: steps.length, steps: [...steps], ...spread }]]];
      }
      const byRounds = Map.groupBy(
        boots.filter(({ metrics }) => metrics[id] !== undefined),
        ({ metrics }) => metrics[id]!.rounds.length,
      );
      const spreads = [...byRounds].flatMap(([rounds, alike]) => {
        const spread = spreadOver(alike);
        return spread.df === 0 ? [] : [{ rounds, ...spread }];
      });
      return spreads.length === 0 ? [] : [[id, spreads.toSorted((a, b) => a.rounds - b.rounds)]];
    }),
  );
}

/** What a gate would see: with the boots that are listed, or where none is, with as many as make a baseline. */
export interface Sight extends Pick<GatePower, 'metric' | 'stage' | 'gate' | 'sd' | 'df' | 'changeIs'> {
  readonly listed: number;
  /** Degrees of freedom of A/A boots that do not count: the recorded boots differ clearly more. */
  readonly aside: number;
  /** Baseline boots that `detectable` reckons with. */
  readonly recorded: number;
  /** Boots of a pull request that it reckons with: as many as the configuration allows. */
  readonly boots: number;
  readonly detectable: number;
}

/** Recorded boots to reckon with while there are none. */
const FIRST_BOOTS = 4;

export type KeysOf = Readonly<Partial<Record<StageName, string>>>;

/**
 * Of the gates of these stages; of whatever is compared where they have none. Only what the history of the given key can
 * say: a gate that nothing is known of has no sight.
 * @param learnt degrees of freedom that further A/A boots would have added
 */
export function sightsOf(
  file: BaselineFile,
  keys: KeysOf,
  policy: Pick<Policy, 'comparison'>,
  learnt = 0,
): readonly Sight[] {
  const boots = policy.comparison.maxBoots;
  const all = gatesOf(keys, policy.comparison).length === 0;
  const histories = withHistories(file, keys);
  const aside = (metric: string, stage: StageName): number =>
    splitLedger(histories.stages[stage]![0]!, metric).aside.df;
  const gates = powerOf(histories, policy, { boots, more: [FIRST_BOOTS], all, learnt });
  return gates.map(({ metric, stage, gate, boots: listed, sd, df, changeIs, rows }) => ({
    metric,
    stage,
    gate,
    sd,
    df,
    changeIs,
    listed,
    aside: aside(metric, stage),
    recorded: listed + rows[0]!.more,
    boots,
    detectable: rows[0]!.detectable.at(-1)!,
  }));
}

/**
 * The least that the ledger knows of any gate of these stages, in degrees of freedom. After `boots` of them a gate of which
 * they taught nothing (censored, or not measured here) does not count, unless none did.
 */
export function leastLedgerDf(
  sights: readonly Sight[],
  keys: KeysOf,
  { comparison }: Pick<Policy, 'comparison'>,
  boots: number,
): number {
  const gates = gatesOf(keys, comparison);
  const all = (gates.length > 0 ? gates : sights).map((gate) => ledgerDfOf(sights, gate));
  const counted = boots < ENOUGH_TO_TEACH ? all : all.filter((df) => df > 0);
  return counted.length === 0 ? 0 : Math.min(...counted);
}

/** Gates of these stages of which the ledger knows nothing. */
export const untaughtGates = (
  sights: readonly Sight[],
  keys: KeysOf,
  { comparison }: Pick<Policy, 'comparison'>,
): readonly Gate[] => gatesOf(keys, comparison).filter((gate) => ledgerDfOf(sights, gate) === 0);

const gatesOf = (keys: KeysOf, { gates }: Policy['comparison']): readonly Gate[] =>
  gates.filter(({ stage }) => keys[stage] !== undefined);

/** Learnt is learnt, also where it does not count: more of the same would not either. */
function ledgerDfOf(sights: readonly Sight[], gate: Gate): number {
  const sight = sights.find(({ metric, stage }) => metric === gate.metric && stage === gate.stage);
  return sight === undefined ? 0 : sight.df.ledger + sight.aside;
}

/** Boots that taught nothing of a gate show that boots do not teach it. */
const ENOUGH_TO_TEACH = 4;

/** What a ledger is filled to unless it is said otherwise: the table of docs/judging.md reckons with it. */
export const WANTED_DF = 18;
/** More boots than this of one deployment no comparison can use. */
export const MOST_USEFUL_DF = Math.min(LEDGER_MOST_DF, MOST_DF);

function withHistories(file: BaselineFile, keys: KeysOf): BaselineFile {
  const stages: BaselineFile['stages'] = {};
  for (const stage of STAGES) {
    const history: History | undefined = file.stages[stage]?.find(({ key }) => key === keys[stage]);
    if (history !== undefined) stages[stage] = [history];
  }
  return { ...file, stages };
}
