// A/A boots: one and the same deployment, booted again and again. What they teach is how much boots differ, and that
// goes to the ledger of the history that a gate will look up; their level is no baseline and goes nowhere. Pure.

import { STAGES, type StageName } from '../config/schema.ts';
import { compareFacts, countsAlike } from '../record/keys.ts';
import type { BootRecord, Facts, RunRecord } from '../record/schema.ts';
import type { BootValues, Spread } from '../stats/summary.ts';
import {
  knows,
  listDifferences,
  type Measured,
  refuseForeign,
  type Workload,
  whyNotAlike,
  whyNotBoot,
  whyNotStage,
} from './admission.ts';
import { withoutRuns } from './ledger.ts';
import { newestBoot } from './lookup.ts';
import type { BaselineFile, History, LedgerEntry } from './schema.ts';
import { DEFAULT_KEEP, emptyFile } from './update.ts';

/** A boot's values of one stage. */
export interface AaBoot {
  readonly name: string;
  readonly slo: RunRecord['slo'];
  readonly metrics: Readonly<Record<string, BootValues & { readonly n: number }>>;
}

/** By metric, one spread for each number of rounds, or over the steps that all have: the judge's (judge/aa.ts), since the judge will pool them. */
export type SpreadsOf = (
  boots: readonly AaBoot[],
) => Readonly<Record<string, readonly (Spread & Pick<LedgerEntry, 'rounds' | 'steps'>)[]>>;

export interface AaResult {
  readonly file: BaselineFile;
  /** Stages whose ledger has something of this run; empty = `file` says the same as before. */
  readonly learnt: readonly { readonly stage: StageName; readonly boots: number }[];
  /** Boots that count in at least one stage, in order. */
  readonly boots: readonly number[];
  /** What does not count, with the reason; `boot` null = of the whole run. */
  readonly refused: readonly { readonly boot: number | null; readonly reason: string }[];
}

/**
 * The file with what this run's boots teach, in place of what it has of the same run: a run that grows boot by boot is
 * learnt again after each. Listed boots, segments and pins stay as they are.
 * @throws PlimsollError BASELINE_REFUSED where the file belongs to another deployment or environment
 */
export function learnAa(file: BaselineFile | null, record: RunRecord, spreadsOf: SpreadsOf): AaResult {
  if (file) refuseForeign(file, record);
  const draft = structuredClone(file ?? emptyFile(record, DEFAULT_KEEP));
  const learnt: { stage: StageName; boots: number }[] = [];
  const refused: { boot: number | null; reason: string }[] = [];
  const boots = sameBoots(record, refused);
  const counted = new Set<number>();
  for (const stage of STAGES) {
    const workload = record.workloads[stage];
    if (workload === undefined) continue;
    const other = otherWorkload(draft, stage, workload);
    if (other !== null) {
      refused.push({ boot: null, reason: `${stage}: ${other}` });
      continue;
    }
    const history = draft.stages[stage]?.find(({ key }) => key === workload.key);
    const fit = boots.flatMap((boot): AaBoot[] => {
      const measured = boot.stages.find((one) => one.stage === stage);
      if (measured === undefined) return [];
      const reason = whyNot(draft, history, record, boot, measured, workload);
      if (reason !== null) {
        refused.push({ boot: boot.index, reason: `${stage}: ${reason}` });
        return [];
      }
      counted.add(boot.index);
      return [{ name: `boot ${boot.index}`, slo: record.slo, metrics: measured.metrics }];
    });
    const spreads = Object.entries(spreadsOf(fit)).filter(
      ([id, list]) => list.length > 0 && !countedOtherwise(history, id, record.slo),
    );
    if (spreads.length === 0) continue;
    const target = history ?? newHistory(draft, stage, workload);
    target.ledger = withoutRuns(target.ledger, [record.id]);
    for (const [id, list] of spreads) {
      const entries = list.map((spread): LedgerEntry => ({ kind: 'aa', segment: null, run: record.id, ...spread }));
      target.ledger[id] = [...(target.ledger[id] ?? []), ...entries];
    }
    learnt.push({ stage, boots: fit.length });
  }
  const result = { learnt, refused, boots: [...counted].toSorted((a, b) => a - b) };
  return { ...result, file: learnt.length === 0 && file ? file : draft };
}

/**
 * Why nothing of this stage would be found: it has a history, but of other workloads. What a stage without any history
 * teaches waits for its first baseline. null = it would be found.
 */
export function otherWorkload(file: BaselineFile | null, stage: StageName, workload: Workload): string | null {
  const histories = file?.stages[stage] ?? [];
  const newest = histories.at(-1);
  if (newest === undefined || histories.some(({ key }) => key === workload.key)) return null;
  const differences = compareFacts(newest.workload, workload.facts);
  return `its workload differs from that of the stored boots: ${differences.length === 0 ? 'its key is another' : listDifferences(differences)}`;
}

// ---- parts ----------------------------------------------------------------------------------------------

/** Boots that completed and were what the first of them was. */
function sameBoots(record: RunRecord, refused: { boot: number | null; reason: string }[]): BootRecord[] {
  const boots: BootRecord[] = [];
  for (const boot of record.boots) {
    const reason = whyNotBoot(boot) ?? (boots[0] ? otherSubject(boots[0].subject, boot.subject) : null);
    if (reason === null) boots.push(boot);
    else refused.push({ boot: boot.index, reason });
  }
  return boots;
}

/** Uncommitted changes may begin between two boots: the baseline file itself is one, once it is written. */
function otherSubject(first: Facts, here: Facts): string | null {
  const differences = compareFacts(first, here).filter(({ field }) => field !== 'dirty');
  return differences.length === 0
    ? null
    : `it is not the deployment of the first boot: ${differences.map(({ field, baseline, candidate }) => `${field} was ${baseline}, is ${candidate}`).join('; ')}`;
}

function whyNot(
  file: BaselineFile,
  history: History | undefined,
  record: RunRecord,
  boot: BootRecord,
  measured: Measured,
  workload: Workload,
): string | null {
  return (
    whyNotStage(measured, true) ??
    (knows(file, measured.stage, `${record.id}#${boot.index}`)
      ? 'it is a boot of the baseline: its spread would count twice'
      : null) ??
    whyNotAlike(history?.segments.at(-1), measured, workload)
  );
}

/** Goodput of another SLO scatters otherwise. */
function countedOtherwise(history: History | undefined, id: string, slo: RunRecord['slo']): boolean {
  const newest = history && newestBoot(history);
  return newest !== undefined && !countsAlike(id, newest.slo, slo);
}

/** Of a stage that had none, so that no other history loses its place as the newest. */
function newHistory(draft: BaselineFile, stage: StageName, { key, facts }: Workload): History {
  const history: History = { key, workload: facts, segments: [], ledger: {} };
  draft.stages[stage] = [...(draft.stages[stage] ?? []), history];
  return history;
}
