// How far each stage got: measured at all, valid, comparable with a stored history. In: record and lookup. Out: one
// StageEvidence per expected stage, with the boots on both sides that may be used. What is not usable never looks compared.

import type { BaselineLookup, History } from '../baseline/schema.ts';
import type { StageName } from '../config/schema.ts';
import { compareFacts } from '../record/keys.ts';
import type { BootRecord, FactDifference, RunRecord } from '../record/schema.ts';
import type { BootMetrics } from './samples.ts';
import type { StageStanding } from './verdict.ts';

export type RecordedStage = BootRecord['stages'][number];

export interface StageEvidence {
  readonly stage: StageName;
  readonly standing: StageStanding;
  /** Valid measurements of the candidate, one per boot. */
  readonly candidate: readonly (BootMetrics & { readonly measurement: RecordedStage; readonly boot: BootRecord })[];
  /** Boots of the newest segment of the comparable history; empty where there is none. */
  readonly baseline: readonly BootMetrics[];
  readonly history: History | null;
  readonly closedLoop: boolean;
}

export interface StandingInput {
  readonly record: RunRecord;
  readonly lookup: BaselineLookup;
  readonly strict: boolean;
}

export function standStage(stage: StageName, input: StandingInput): StageEvidence {
  const measured = candidateBoots(input.record).flatMap((boot) =>
    boot.stages.filter((one) => one.stage === stage).map((measurement) => ({ boot, measurement })),
  );
  const candidate = measured
    .filter(({ boot, measurement }) => usable(measurement, boot, input.strict))
    .map(({ boot, measurement }) => ({ name: `boot ${boot.index}`, metrics: measurement.metrics, measurement, boot }));
  const closedLoop = measured.some(({ measurement }) => measurement.phases.some((phase) => phase.users !== null));
  const evidence = (
    standing: StageStanding,
    history: History | null = null,
    baseline: readonly BootMetrics[] = [],
  ): StageEvidence => ({
    stage,
    standing,
    candidate,
    baseline,
    history,
    closedLoop,
  });
  if (candidate.length === 0)
    return evidence(
      withoutValues(
        stage,
        measured.map(({ measurement }) => measurement),
        input,
      ),
    );
  if (input.record.mode === 'measure') {
    return evidence(
      stand(stage, 'measured', 'this run only measures', 'Run with --mode gate to compare it with a baseline.'),
    );
  }
  const found = findHistory(stage, input);
  if (found.kind === 'no')
    return evidence(input.record.mode === 'baseline' ? { ...found.standing, standing: 'measured' } : found.standing);
  // A ramp's mean length depends on where it stopped.
  const drift = stage === 'linear' ? null : outputDrift(candidate, found.baseline, closedLoop);
  if (drift !== null)
    return { ...evidence(stand(stage, 'invalid', drift, DRIFT_ADVICE), found.history, found.baseline), candidate: [] };
  return evidence(stand(stage, 'compared', null, null), found.history, found.baseline);
}

/** Boots of the candidate that answered at all, in order. */
export const candidateBoots = (record: RunRecord): readonly BootRecord[] =>
  record.boots.filter((boot) => boot.side === 'candidate' && boot.end !== 'not_ready');

/** Invalidities that count: a throttled machine is a note unless the configuration is strict. */
export const blocking = (measurement: RecordedStage, strict: boolean): RecordedStage['invalid'] =>
  measurement.invalid.filter((item) => strict || item.code !== 'throttled');

function usable(measurement: RecordedStage, boot: BootRecord, strict: boolean): boolean {
  if (measurement.status === 'cancelled') return false;
  const faults = blocking(measurement, strict);
  const died = measurement.status === 'aborted' || (boot.end === 'died' && boot.stages.at(-1) === measurement);
  if (!died) return faults.length === 0;
  // A ramp that ended in the deployment's death has measured its knee; other stages have lost what they measure.
  const measuredKnee = measurement.stage === 'linear' && (measurement.metrics['knee.rate']?.value ?? null) !== null;
  return measuredKnee && faults.every((fault) => fault.code === 'incomplete');
}

function withoutValues(stage: StageName, measured: readonly RecordedStage[], input: StandingInput): StageStanding {
  const invalid = measured.flatMap((measurement) => blocking(measurement, input.strict));
  if (invalid.length > 0) return stand(stage, 'invalid', invalid[0]!.message, invalid[0]!.advice);
  const cut = measured.find((measurement) => measurement.reason !== null) ?? measured[0];
  if (cut)
    return stand(
      stage,
      'missing',
      `it ended early (${cut.status}${cut.reason === null ? '' : `: ${cut.reason}`})`,
      null,
    );
  const why = input.record.boots.findLast((boot) => boot.end !== 'complete')?.reason ?? input.record.statusReason;
  return stand(stage, 'missing', why === null ? 'the run has no measurement of it' : `it was not run: ${why}`, null);
}

type Found =
  | { readonly kind: 'yes'; readonly history: History; readonly baseline: readonly BootMetrics[] }
  | { readonly kind: 'no'; readonly standing: StageStanding };

function findHistory(stage: StageName, { record, lookup }: StandingInput): Found {
  const no = (
    standing: 'unbaselined' | 'incomparable',
    reason: string,
    differences: readonly FactDifference[] = [],
  ): Found => ({
    kind: 'no',
    standing: { ...stand(stage, standing, reason, RECORD_ADVICE), differences },
  });
  if (lookup.kind === 'none') return no('unbaselined', lookup.reason);
  if (lookup.kind === 'incomparable') {
    return no(
      'incomparable',
      `the environment differs from that of ${lookup.path} in ${fields(lookup.differences)}`,
      lookup.differences,
    );
  }
  const histories = lookup.file.stages[stage] ?? [];
  const newest = histories.at(-1);
  if (newest === undefined) return no('unbaselined', `${lookup.path} has no history of this stage`);
  const workload = record.workloads[stage];
  const history = histories.find((one) => one.key === workload?.key);
  if (history === undefined) {
    const differences = compareFacts(newest.workload, workload?.facts ?? {});
    return no('incomparable', `the workload differs from the stored one in ${fields(differences)}`, differences);
  }
  const baseline = storedBoots(history, record.id);
  if (baseline.length === 0) return no('unbaselined', 'the newest segment of its history has no boot yet');
  const sources = tokenSources(stage, history, record);
  if (sources !== null) return no('incomparable', 'its tokens were counted by another source', [sources]);
  return { kind: 'yes', history, baseline };
}

/** Boots of the newest segment, without those of this very run. */
const storedBoots = (history: History, runId: string): readonly BootMetrics[] =>
  (history.segments.at(-1)?.boots ?? [])
    .filter((boot) => !boot.id.startsWith(`${runId}#`))
    .map((boot) => ({ name: boot.id, metrics: boot.metrics }));

/** The engine's own usage and a count of chunks are different things: TPOT and throughput would not be comparable. */
function tokenSources(stage: StageName, history: History, record: RunRecord): FactDifference | null {
  const baseline = history.segments.at(-1)?.boots.at(-1)?.tokenSource ?? null;
  const candidate =
    candidateBoots(record)
      .flatMap((boot) => boot.stages)
      .find((measured) => measured.stage === stage)?.stream.tokenSource ?? null;
  if (baseline === null || candidate === null || baseline === candidate) return null;
  return { field: 'tokenSource', baseline, candidate };
}

export function fields(differences: readonly FactDifference[]): string {
  if (differences.length === 0) return 'its key';
  const shown = differences
    .slice(0, 3)
    .map(({ field, baseline, candidate }) => `${field} (${baseline} → ${candidate})`);
  return `${shown.join(', ')}${differences.length > 3 ? ` and ${differences.length - 3} more` : ''}`;
}

/** Longer or shorter answers than this share are another workload: normalising them away would hide real change. */
const MOST_DRIFT = 0.05;
/** Four standard errors of a mean whose single lengths scatter by half of it. */
const DRAW = 2;
const DRIFT_ADVICE = 'Fix the output lengths (workload.output with ignoreEos), or record a baseline with the new ones.';
const RECORD_ADVICE = 'Record a baseline: run with --mode baseline on the base branch.';

function outputDrift(
  candidate: readonly BootMetrics[],
  baseline: readonly BootMetrics[],
  closedLoop: boolean,
): string | null {
  const [here, there] = [meanOutput(candidate), meanOutput(baseline)];
  if (here === null || there === null || there <= 0) return null;
  const drift = here / there - 1;
  // In closed loop a faster side answers more requests, so the two means are of different draws.
  const n = Math.min(...[...candidate, ...baseline].map((boot) => boot.metrics['output.tokens.mean']?.n ?? 0));
  if (Math.abs(drift) <= MOST_DRIFT + (closedLoop ? DRAW / Math.sqrt(Math.max(1, n)) : 0)) return null;
  // Failing long answers shorten the mean of the successful ones: that is load being shed, and errors carry it.
  if (drift < 0 && (worstErrors(candidate) ?? 0) > (worstErrors(baseline) ?? 0) + ERRORS_THAT_SHORTEN) return null;
  return `the workload drifted: answers are ${(100 * Math.abs(drift)).toFixed(1)} % ${drift < 0 ? 'shorter' : 'longer'} than the baseline's (${there.toFixed(0)} → ${here.toFixed(0)} tokens)`;
}

const ERRORS_THAT_SHORTEN = 0.002;

export function meanOutput(boots: readonly BootMetrics[]): number | null {
  const values = boots
    .map((boot) => boot.metrics['output.tokens.mean']?.value ?? null)
    .filter((value) => value !== null);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function worstErrors(boots: readonly BootMetrics[]): number | null {
  const values = boots.map((boot) => boot.metrics['errors.rate']?.value ?? null).filter((value) => value !== null);
  return values.length === 0 ? null : Math.max(...values);
}

const stand = (
  stage: StageName,
  standing: StageStanding['standing'],
  reason: string | null,
  advice: string | null,
): StageStanding => ({
  stage,
  standing,
  reason,
  advice,
  differences: [],
});
