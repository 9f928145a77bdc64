// The ledger of pairs: how much two boots beside each other on one machine differ where nothing but the boot does.
// Kept beside the ledger of single boots and never mixed with it: what a pair shares (the host, the hour) is not in it.

import { STAGES } from '../config/schema.ts';
import { resolveMetric, standsAlone } from '../metrics.ts';
import type { BootRecord, RunRecord } from '../record/schema.ts';
import { commonSteps, meanOver } from '../stats/matched-steps.ts';
import { addSpread, type Spread, spreadOf, summariseBoot } from '../stats/summary.ts';
import { whyNotStage } from './admission.ts';
import { isLike, type Like, spreadOfEntries } from './ledger.ts';
import type { BaselineFile, History, LedgerEntry } from './schema.ts';

const PAIRS = 'pairs';
/** Runs whose entries stay apart, so that none is counted twice; older ones are added up. */
const RUNS_APART = 20;

/** What the entries of one metric know of differences of two boots with so many rounds each, or over these steps. */
export const spreadOfPairs = (entries: readonly LedgerEntry[] | undefined, like: Like): Spread =>
  spreadOfEntries(entries, like, [PAIRS]);

/**
 * Of an interleaved run: what each stage's pairs teach goes to the ledger of its workload's history, which is made where it is
 * missing. A run is added once.
 */
export function addPairs(draft: BaselineFile, record: RunRecord, added: string[], refused: string[]): void {
  for (const stage of STAGES) {
    const workload = record.workloads[stage];
    if (workload === undefined) continue;
    const pairs = stagePairs(record, stage);
    const histories = draft.stages[stage] ?? [];
    const known = histories.find((history) => history.key === workload.key);
    const history: History = known ?? { key: workload.key, workload: workload.facts, segments: [], ledger: {} };
    const knows = Object.values(history.ledger).some((entries) => entries.some((entry) => isOf(entry, record.id)));
    const problem = knows
      ? 'this run was added before'
      : pairs.length < 2
        ? `it takes two pairs to see how much pairs differ, and the run has ${pairs.length === 0 ? 'none' : 'one'}`
        : null;
    if (problem !== null) {
      refused.push(`${record.id} ${stage}: ${problem}`);
      continue;
    }
    history.ledger = learnPairs(history.ledger, record.id, pairs);
    // Before the others: a history without a level must not look like the newest workload.
    draft.stages[stage] = known ? histories : [history, ...histories];
    added.push(`${record.id} ${stage}: how much its ${pairs.length} pairs differ`);
  }
}

const isOf = (entry: LedgerEntry, run: string): boolean => entry.kind === PAIRS && entry.run === run;

type Stage = BootRecord['stages'][number];
/** The two measurements of one pair; which is taken from which does not matter. */
export type StagePair = readonly [Stage, Stage];

/**
 * Adds what one run's pairs of a stage teach: the squares of their differences about their mean, so that a change
 * between the two sides, which moves all pairs alike, teaches nothing. A run that is in the ledger adds nothing.
 */
export function learnPairs(ledger: History['ledger'], run: string, pairs: readonly StagePair[]): History['ledger'] {
  const learnt = { ...ledger };
  for (const id of new Set(pairs.flatMap(([one]) => Object.keys(one.metrics)))) {
    const entries = learnt[id] ?? [];
    if (entries.some((entry) => isOf(entry, run))) continue;
    for (const { differences, ...of } of alongRamps(id, pairs) ?? differencesByRounds(id, pairs)) {
      const { ss, df } = spreadOf(differences);
      if (df > 0) learnt[id] = merged([...(learnt[id] ?? []), { kind: PAIRS, segment: null, run, ...of, ss, df }]);
    }
  }
  return learnt;
}

/** Pairs of a stage that count on both sides, by the number that the run gave them. */
function stagePairs(record: RunRecord, stage: Stage['stage']): StagePair[] {
  const sound = (side: BootRecord['side'], pair: number): Stage | undefined =>
    record.boots
      .filter((boot) => boot.side === side && boot.pair === pair && boot.end === 'complete')
      .flatMap((boot) => boot.stages)
      .find((one) => one.stage === stage && whyNotStage(one, true) === null);
  const numbers = [...new Set(record.boots.flatMap(({ pair }) => pair ?? []))];
  return numbers.flatMap((number): StagePair[] => {
    const [base, candidate] = [sound('base', number), sound('candidate', number)];
    return base === undefined || candidate === undefined ? [] : [[candidate, base]];
  });
}

/** Boots with other numbers of rounds scatter differently; both of a pair have the same. */
function differencesByRounds(id: string, pairs: readonly StagePair[]): Differences[] {
  const byRounds = new Map<number, number[]>();
  for (const [one, other] of pairs) {
    const rounds = one.metrics[id]?.rounds.length;
    const [here, there] = [exactValue(one, id), exactValue(other, id)];
    if (rounds === undefined || rounds !== other.metrics[id]?.rounds.length || here === null || there === null)
      continue;
    byRounds.set(rounds, [...(byRounds.get(rounds) ?? []), here - there]);
  }
  return [...byRounds].map(([rounds, differences]) => ({ rounds, differences }));
}

interface Differences extends Pick<LedgerEntry, 'rounds' | 'steps'> {
  readonly differences: readonly number[];
}

/** Of what is compared at matched loads: at the steps that all boots of all pairs have. null = it is not. */
function alongRamps(id: string, pairs: readonly StagePair[]): Differences[] | null {
  const metric = resolveMetric(id);
  if (metric === undefined || standsAlone(metric)) return null;
  const ramps = pairs.flatMap(([one, other]) => {
    const [here, there] = [one.metrics[id]?.rounds, other.metrics[id]?.rounds];
    return here === undefined || there === undefined ? [] : [[here, there] as const];
  });
  const steps = commonSteps(ramps.flat());
  if (steps.length === 0) return [];
  const differences = ramps.map(([here, there]) => meanOver(metric, here, steps)! - meanOver(metric, there, steps)!);
  return [{ rounds: steps.length, steps: [...steps], differences }];
}

function exactValue(stage: Stage, id: string): number | null {
  const [metric, measured] = [resolveMetric(id), stage.metrics[id]];
  if (!metric || metric.scale === 'info' || !measured) return null;
  const summary = summariseBoot(metric, measured);
  return summary?.bound === 'exact' ? summary.summary : null;
}

/** The oldest runs' entries become one. */
function merged(entries: readonly LedgerEntry[]): LedgerEntry[] {
  const named = entries.filter(({ kind, run }) => kind === PAIRS && run !== undefined);
  const oldest = named[0];
  if (oldest === undefined || named.length <= RUNS_APART) return [...entries];
  const { rounds, steps } = oldest;
  const isSum = (entry: LedgerEntry): boolean =>
    entry.kind === PAIRS && entry.run === undefined && isLike(entry, steps ?? rounds);
  const before = entries.find(isSum) ?? { kind: PAIRS, segment: null, rounds, ...(steps && { steps }), ss: 0, df: 0 };
  const sum = { ...before, ...addSpread(before, oldest) };
  return [sum, ...entries.filter((entry) => entry !== oldest && !isSum(entry))];
}
