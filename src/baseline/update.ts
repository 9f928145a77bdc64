// What a run does to a stored history, as pure functions: boots are added to the segment that is current, old ones
// leave their variance in the ledger, an accepted change begins a new segment. docs/judging.md says why.

import type { StageName } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { isBootOf } from '../record/ids.ts';
import { sameSlo } from '../record/keys.ts';
import { type BootRecord, factsSchema, type RunRecord } from '../record/schema.ts';
import { createHistogram, decodeHistogram, encodeHistogram } from '../stats/histogram.ts';
import {
  knows,
  learntFrom,
  type Measured,
  refuseForeign,
  type Workload,
  whyNotAlike,
  whyNotBoot,
  whyNotStage,
} from './admission.ts';
import { forgetGoodput } from './ledger.ts';
import { hasSegment, heldKnee, newestBoot, pinnedKnee } from './lookup.ts';
import { driftOfRun } from './output-length.ts';
import { addPairs } from './pairs.ts';
import { prune, tidy } from './prune.ts';
import { BASELINE_VERSION, type BaselineFile, type History, type Segment, type StoredBoot } from './schema.ts';
import { bootIds } from './series.ts';

/** Boots of the newest segment that are kept, where neither the file nor the caller says otherwise. */
export const DEFAULT_KEEP = 10;
export interface AddOptions {
  readonly keep: number;
  /** Begins a new accepted level. `repin` also takes the knee that shares of it (`rate: 60%`) refer to from this run. */
  readonly newSegment?: {
    readonly reason: string;
    readonly repin?: boolean;
    /** Not where the file has a segment with this reason: the first run that gives it begins the segment, others join. */
    readonly once?: boolean;
  };
}

export interface AddResult {
  readonly file: BaselineFile;
  /** "<run id>#1: benchmark, linear"; empty = nothing was added, and `file` says the same as before. */
  readonly added: readonly string[];
  /** What was not added, with the reason. */
  readonly refused: readonly string[];
  /** Why the run begins a new level; null = it joins the one that is there, or is the first of all. */
  readonly begun: string | null;
}

/**
 * Adds the valid stages of a run's boots to the history of their workloads; of an interleaved run, whose boots are of a
 * comparison and of no level, what its pairs teach.
 * @throws PlimsollError BASELINE_REFUSED where the file belongs to another deployment or environment
 */
export function addRun(file: BaselineFile | null, record: RunRecord, given: AddOptions): AddResult {
  if (file) refuseForeign(file, record);
  const newSegment = newLevel(file, record, given);
  const options: AddOptions = { keep: given.keep, ...(newSegment && { newSegment }) };
  const draft: BaselineFile = structuredClone(file ?? emptyFile(record, options.keep));
  draft.keep = options.keep;
  const added: string[] = [];
  const refused: string[] = [];
  if (record.status !== 'complete')
    refused.push(`run ${record.id}: it is incomplete (${record.statusReason ?? 'no reason given'})`);
  else if (record.interleaved) addPairs(draft, record, added, refused);
  else for (const boot of record.boots) addBoot(draft, record, boot, options, added, refused);
  if (added.length === 0 && file) return { file, added, refused, begun: null };
  const isLevel = added.length > 0 && !record.interleaved;
  return { file: prune(draft, options.keep), added, refused, begun: isLevel ? (newSegment?.reason ?? null) : null };
}

/**
 * What the run begins, as was asked for; else by itself where its answers are of another length: one level cannot hold
 * both, and a baseline whose answers changed for good could never be recorded again.
 */
function newLevel(file: BaselineFile | null, record: RunRecord, { newSegment }: AddOptions): AddOptions['newSegment'] {
  const isBegun = newSegment?.once === true && hasSegment(file, newSegment.reason);
  if (newSegment !== undefined && !isBegun) return newSegment;
  const drift = file && driftOfRun(file, record);
  return drift === null ? undefined : { reason: drift };
}

/** Whether any boot of a run is in the file, or was before it was pruned. */
export const holdsRun = (file: BaselineFile, runId: string): boolean =>
  Object.values(file.stages)
    .flat()
    .some((history) => [...bootIds(history)].some((id) => isBootOf(runId, id)));

/**
 * Carries the newest segment of every history of `from` into `to`, where it becomes the newest: a level that a
 * release branch measured is then what main compares with. Boots that `to` knows are not taken twice, and ledgers
 * are not added up, since a branch began with a copy of the same ledger.
 * @throws PlimsollError BASELINE_REFUSED where the two belong to different deployments or environments
 */
export function promote(from: BaselineFile, to: BaselineFile | null, reason: string): BaselineFile {
  if (to === null) return structuredClone(from);
  refuseForeign(to, from);
  const draft = structuredClone(to);
  for (const [stage, sources] of Object.entries(from.stages)) {
    for (const source of sources) {
      const newest = source.segments.at(-1);
      if (!newest) continue;
      const histories = draft.stages[stage] ?? [];
      draft.stages[stage] = histories;
      const position = histories.findIndex((history) => history.key === source.key);
      const history =
        position < 0
          ? {
              ...structuredClone(source),
              segments: source.segments.slice(0, -1).map((segment) => structuredClone(segment)),
            }
          : histories.splice(position, 1)[0]!;
      histories.push(history);
      carry(history, newest, reason);
    }
  }
  return prune(draft, to.keep);
}

/**
 * Begins a new segment at a listed boot of the newest ones, in every stage that has it: what a proposed change point is
 * accepted with. Its pin stays, since its boots ran at shares of it.
 * @throws PlimsollError BASELINE_REFUSED where no newest segment has the boot behind another one
 */
export function splitSegments(file: BaselineFile, bootId: string, reason: string): BaselineFile {
  const draft = structuredClone(file);
  const newest = Object.values(draft.stages).flatMap((histories) => histories.at(-1) ?? []);
  const split = newest.filter((history) => splitSegment(history, bootId, reason));
  if (split.length === 0) {
    throw new PlimsollError('BASELINE_REFUSED', `No newest segment can be split at boot "${bootId}".`, {
      hint: 'Name a listed boot that is not the first of its segment; the file and the report name them as "<run id>#<boot>".',
    });
  }
  return prune(draft, draft.keep);
}

function splitSegment(history: History, bootId: string, reason: string): boolean {
  const segment = history.segments.at(-1);
  const at = segment?.boots.findIndex((boot) => boot.id === bootId) ?? -1;
  if (!segment || at <= 0) return false;
  const after = segment.boots.splice(at);
  const { at: since, commit } = after[0]!;
  history.segments.push({ ...structuredClone(segment), id: bootId, since, commit, reason, boots: after });
  // What was merged over both levels is of neither.
  for (const side of history.segments.slice(-2)) side.histograms = {};
  Object.assign(segment, { curve: null, surge: null });
  return true;
}

// ---- parts ----------------------------------------------------------------------------------------------

export const emptyFile = (record: RunRecord, keep: number): BaselineFile => ({
  schema: 'plimsoll/baseline',
  version: BASELINE_VERSION,
  deployment: record.deployment,
  environment: factsSchema.parse(record.environment),
  keep,
  stages: {},
});

function addBoot(
  draft: BaselineFile,
  record: RunRecord,
  boot: BootRecord,
  options: AddOptions,
  added: string[],
  refused: string[],
): void {
  const id = `${record.id}#${boot.index}`;
  const whole = whyNotBoot(boot);
  if (whole !== null) return void refused.push(`${id}: ${whole}`);
  const stages: StageName[] = [];
  for (const measured of boot.stages) {
    const { stage } = measured;
    const workload = record.workloads[stage];
    const segment = currentSegment(draft, record, stage, options);
    const unlike = whyNotAlike(segment, measured, workload);
    const problem =
      whyNotStage(measured, workload !== undefined) ??
      (knows(draft, stage, id) ? 'this boot was added before' : null) ??
      (learntFrom(draft, stage, record.id) ? 'the ledger has learnt from it: its spread would count twice' : null) ??
      (unlike === null ? null : `${unlike}: begin a new segment (--new-segment)`);
    if (problem !== null || !workload) {
      refused.push(`${id} ${stage}: ${problem}`);
      continue;
    }
    addStage(draft, record, boot, measured, id, workload, options);
    stages.push(stage);
  }
  if (stages.length > 0) added.push(`${id}: ${stages.join(', ')}`);
}

/** The segment that a boot of this run joins; undefined = one that is still to be made. */
function currentSegment(
  file: BaselineFile,
  record: RunRecord,
  stage: StageName,
  { newSegment }: AddOptions,
): Segment | undefined {
  const key = record.workloads[stage]?.key;
  const newest = file.stages[stage]?.find((history) => history.key === key)?.segments.at(-1);
  // One run begins the segments of all its stages, so its id names them all.
  return newSegment && newest?.id !== record.id ? undefined : newest;
}

function addStage(
  draft: BaselineFile,
  record: RunRecord,
  boot: BootRecord,
  measured: Measured,
  id: string,
  workload: Workload,
  options: AddOptions,
): void {
  const pinned = pinnedKnee(draft);
  let segment = currentSegment(draft, record, measured.stage, options);
  const histories = draft.stages[measured.stage] ?? [];
  draft.stages[measured.stage] = histories;
  const position = histories.findIndex((history) => history.key === workload.key);
  const history: History =
    position < 0
      ? { key: workload.key, workload: workload.facts, segments: [], ledger: {} }
      : histories.splice(position, 1)[0]!;
  const first = histories.length === 0 ? 'first baseline' : 'the workload of this stage changed';
  histories.push(history);

  if (!segment) {
    segment = {
      id: record.id,
      since: boot.startedAt,
      commit: commitOf(record),
      reason: options.newSegment?.reason ?? first,
      pinned: { kneeRate: null, ...(workload.unitsPerToken && { unitsPerToken: workload.unitsPerToken }) },
      boots: [],
      histograms: {},
      curve: null,
      surge: null,
    };
    // A pin outlives segments and edits of the linear stage: its boots ran at shares of it, and so will the next ones.
    if (measured.stage === 'linear')
      segment.pinned.kneeRate = (options.newSegment?.repin ? null : pinned) ?? kneeOf(measured);
    history.segments.push(segment);
  } else if (measured.stage === 'linear') {
    segment.pinned.kneeRate ??= kneeOf(measured);
  }
  const before = newestBoot(history);
  if (before && !sameSlo(before.slo, record.slo)) forgetGoodput(history);
  segment.boots.push(storedBoot(record, boot, measured, id));
  segment.histograms = mergeHistograms(segment.histograms, measured.histograms);
  segment.curve = measured.curve ?? segment.curve;
  segment.surge = measured.surge ?? segment.surge;
}

const commitOf = (record: RunRecord): string | null =>
  typeof record.subject.commit === 'string' ? record.subject.commit : null;

const storedBoot = (record: RunRecord, boot: BootRecord, measured: Measured, id: string): StoredBoot => ({
  id,
  at: boot.startedAt,
  commit: commitOf(record),
  subject: { ...record.subject, ...boot.subject, commit: commitOf(record) },
  tokenSource: measured.stream.tokenSource,
  slo: record.slo,
  metrics: Object.fromEntries(
    Object.entries(measured.metrics).map(([metric, { value, bound, n, rounds, roundBounds, spacing }]) => [
      metric,
      {
        value: tidy(value),
        bound,
        n,
        rounds: rounds.map(tidy),
        ...(roundBounds && { roundBounds }),
        ...(spacing && { spacing }),
      },
    ]),
  ),
});

/** Median over the ramps of the boot; null where even the first step did not hold. */
function kneeOf(measured: Measured): number | null {
  const knee = heldKnee(measured.metrics);
  if (knee === null) return null;
  const rounds = knee.rounds.filter((round) => round !== null).sort((left, right) => left - right);
  const middle = rounds.length / 2;
  const median = rounds.length === 0 ? knee.value : (rounds[Math.ceil(middle) - 1]! + rounds[Math.floor(middle)]!) / 2;
  return median !== null && median > 0 ? tidy(median) : null;
}

function mergeHistograms(stored: Segment['histograms'], fresh: Measured['histograms']): Segment['histograms'] {
  const merged = { ...stored };
  for (const [metric, encoded] of Object.entries(fresh)) {
    if (encoded === undefined) continue;
    const before = merged[metric];
    merged[metric] = before === undefined ? encoded : mergeTwo(before, encoded);
  }
  return merged;
}

function mergeTwo(stored: string, fresh: string): string {
  const sum = createHistogram();
  sum.add(decodeHistogram(stored));
  sum.add(decodeHistogram(fresh));
  return encodeHistogram(sum);
}

function carry(history: History, newest: Segment, reason: string): void {
  const known = bootIds(history);
  const fresh = newest.boots.filter((boot) => !known.has(boot.id));
  if (fresh.length === 0) return;
  const current = history.segments.at(-1);
  if (current?.id === newest.id) {
    current.boots = [...current.boots, ...structuredClone(fresh)].sort((left, right) => (left.at < right.at ? -1 : 1));
    Object.assign(
      current,
      structuredClone({ histograms: newest.histograms, curve: newest.curve, surge: newest.surge }),
    );
    return;
  }
  history.segments.push({ ...structuredClone(newest), boots: structuredClone(fresh), reason });
}
