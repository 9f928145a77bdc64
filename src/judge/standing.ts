// How far each stage got: measured at all, valid, comparable with a stored history. In: record and lookup. Out: one
// StageEvidence per expected stage, with the boots on both sides that may be used. What is not usable never looks compared.

import { withoutRuns } from '../baseline/ledger.ts';
import { historyOf, pinnedUnits } from '../baseline/lookup.ts';
import { outputDrift } from '../baseline/output-length.ts';
import type { BaselineLookup, History } from '../baseline/schema.ts';
import type { StageName } from '../config/schema.ts';
import { isOwnBoot, runIdsOf } from '../record/ids.ts';
import { compareFacts } from '../record/keys.ts';
import type { BootRecord, FactDifference, RunRecord } from '../record/schema.ts';
import type { Invalidity } from '../stages/measurement.ts';
import { type MeasuredBoot, type Pairing, pairUp, sameSource, whyNoPair } from './pairs.ts';
import type { BootMetrics } from './samples.ts';
import type { StageStanding } from './verdict.ts';

export type RecordedStage = BootRecord['stages'][number];

export interface StageEvidence {
  readonly stage: StageName;
  readonly standing: StageStanding;
  /** Valid measurements of the candidate, one per boot. */
  readonly candidate: readonly MeasuredBoot[];
  /** Boots of the newest segment of the comparable history, or the base's of the pairs; empty where there is none. */
  readonly baseline: readonly BootMetrics[];
  readonly history: History | null;
  /** Of an interleaved run; null = compared with the history. */
  readonly pairing: Pairing | null;
  readonly closedLoop: boolean;
  /** What the candidate's goodput was counted by. */
  readonly slo: RunRecord['slo'];
  /** Boots whose measurement of this stage does not count, beside others whose does. */
  readonly lost: readonly LostBoot[];
}

export interface LostBoot {
  readonly boot: number;
  readonly side: BootRecord['side'];
  readonly reason: string;
  readonly advice: string | null;
}

export interface StandingInput {
  readonly record: RunRecord;
  readonly lookup: BaselineLookup;
  readonly strict: boolean;
}

export function standStage(stage: StageName, input: StandingInput): StageEvidence {
  const { slo } = input.record;
  const boots = candidateBoots(input.record);
  const measured = boots.flatMap((boot) => boot.stages.filter((one) => one.stage === stage));
  const candidate = usableBoots(stage, boots, input);
  const lost = lostBoots(stage, boots, candidate, input.strict);
  const closedLoop = measured.some((measurement) => measurement.phases.some((phase) => phase.users !== null));
  const evidence = (
    standing: StageStanding,
    { history, baseline, pairing }: Omit<Extract<Found, { kind: 'yes' }>, 'kind'> = NOTHING_FOUND,
  ): StageEvidence => ({
    stage,
    standing,
    candidate,
    baseline,
    history,
    pairing,
    closedLoop,
    slo,
    lost,
  });
  if (candidate.length === 0) return evidence(withoutValues(stage, measured, input));
  if (input.record.mode === 'measure') {
    return evidence(
      stand(stage, 'measured', 'this run only measures', 'Run with --mode gate to compare it with a baseline.'),
    );
  }
  const source = candidate.find((one) => one.measurement.stream.tokenSource !== null)?.measurement.stream.tokenSource;
  const found = input.record.interleaved
    ? findPairs(stage, candidate, input)
    : findHistory(stage, source ?? null, input);
  if (found.kind === 'no')
    return evidence(input.record.mode === 'baseline' ? { ...found.standing, standing: 'measured' } : found.standing);
  const drift = outputDrift({ stage, candidate, baseline: found.baseline, closedLoop });
  // Of a level that is recorded it is news, not a fault: the store begins a segment with it.
  if (drift !== null && input.record.mode === 'baseline')
    return evidence(stand(stage, 'measured', `${drift}; with this run a new segment begins`, null));
  if (drift !== null) return { ...evidence(stand(stage, 'invalid', drift, DRIFT_ADVICE), found), candidate: [] };
  return {
    ...evidence(stand(stage, 'compared', null, null), found),
    lost: [...lost, ...lostOfBase(stage, found, input)],
  };
}

/** The boots' measurements of a stage that count. */
function usableBoots(
  stage: StageName,
  boots: readonly BootRecord[],
  { record, strict }: StandingInput,
): readonly MeasuredBoot[] {
  return boots.flatMap((boot) =>
    boot.stages
      .filter((one) => one.stage === stage && usable(one, boot, strict))
      .map((measurement) => ({
        name: `boot ${boot.index}`,
        slo: record.slo,
        metrics: measurement.metrics,
        measurement,
        boot,
      })),
  );
}

/** Boots of the candidate that answered at all, in order. */
export const candidateBoots = (record: RunRecord): readonly BootRecord[] =>
  record.boots.filter((boot) => boot.side === 'candidate' && boot.end !== 'not_ready');
/** Boots of the base of an interleaved run, in order. */
export const baseBoots = (record: RunRecord): readonly BootRecord[] =>
  record.boots.filter((boot) => boot.side === 'base');

/** Invalidities that count: a machine that was slowed is a note unless the configuration is strict. */
export const blocking = (measurement: RecordedStage, strict: boolean): RecordedStage['invalid'] =>
  measurement.invalid.filter((item) => strict || !isMachines(item));
/** What slowed the machine that was measured on, and is nobody's change. */
export const isMachines = ({ code }: Invalidity): boolean => code === 'throttled' || code === 'stolen';

function usable(measurement: RecordedStage, boot: BootRecord, strict: boolean): boolean {
  if (measurement.status === 'cancelled') return false;
  const faults = blocking(measurement, strict);
  const died = measurement.status === 'aborted' || (boot.end === 'died' && boot.stages.at(-1) === measurement);
  if (!died) return faults.length === 0;
  // A ramp that ended in the deployment's death has measured its knee; other stages have lost what they measure.
  const measuredKnee = measurement.stage === 'linear' && (measurement.metrics['knee.rate']?.value ?? null) !== null;
  return measuredKnee && faults.every((fault) => fault.code === 'incomplete');
}

/** Those of one side that do not count, where others do. */
const lostBoots = (
  stage: StageName,
  boots: readonly BootRecord[],
  kept: readonly MeasuredBoot[],
  strict: boolean,
): readonly LostBoot[] =>
  boots
    .filter((boot) => kept.length > 0 && !kept.some((one) => one.boot === boot))
    .map((boot) => lostBoot(boot, stage, strict));

function lostBoot(boot: BootRecord, stage: StageName, strict: boolean): LostBoot {
  const measurement = boot.stages.find((one) => one.stage === stage);
  const fault = measurement && blocking(measurement, strict)[0];
  const reason = fault?.message ?? measurement?.reason ?? boot.reason ?? 'it was not measured';
  return { boot: boot.index, side: boot.side, reason, advice: fault?.advice ?? null };
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
  | {
      readonly kind: 'yes';
      readonly history: History | null;
      readonly baseline: readonly BootMetrics[];
      readonly pairing: Pairing | null;
    }
  | { readonly kind: 'no'; readonly standing: StageStanding };
const NOTHING_FOUND = { history: null, baseline: [], pairing: null } as const;

/** The base's boots of this very run: nothing has to be found comparable, since the machine and the load are the same. */
function findPairs(stage: StageName, candidate: readonly MeasuredBoot[], input: StandingInput): Found {
  const { record, lookup, strict } = input;
  const bases = usableBoots(stage, baseBoots(record), input);
  const found = pairUp(candidate, bases);
  if (found.length === 0) {
    const why = whyNoPair(record, (boot) => lostBoot(boot, stage, strict).reason);
    return { kind: 'no', standing: stand(stage, 'unbaselined', why, BASE_ADVICE) };
  }
  const pairs = found.filter(sameSource);
  if (pairs.length === 0) {
    const { base, candidate: here } = found.at(-1)!;
    return {
      kind: 'no',
      standing: otherSource(stage, base.measurement.stream.tokenSource, here.measurement.stream.tokenSource),
    };
  }
  const stored = historyOf(lookup, stage, record.workloads[stage]?.key)?.ledger ?? {};
  const ledger = withoutRuns(stored, runIdsOf(record));
  return { kind: 'yes', history: null, baseline: pairs.map(({ base }) => base), pairing: { pairs, ledger } };
}

/** Boots of the base that do not count. */
function lostOfBase(
  stage: StageName,
  { pairing }: Extract<Found, { kind: 'yes' }>,
  input: StandingInput,
): readonly LostBoot[] {
  if (pairing === null) return [];
  const boots = baseBoots(input.record);
  return lostBoots(stage, boots, usableBoots(stage, boots, input), input.strict);
}

function findHistory(stage: StageName, tokenSource: string | null, { record, lookup }: StandingInput): Found {
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
  // Calibrated to another tokenizer, prompts of the same lengths in tokens are other text.
  const units = pinnedUnits(history);
  const otherText = units === null ? [] : compareFacts(units, workload?.unitsPerToken ?? {});
  if (otherText.length > 0) return no('incomparable', 'its prompts were calibrated to another tokenizer', otherText);
  // Boots of the newest segment, without the record's own; so the ledger, below.
  const stored = (history.segments.at(-1)?.boots ?? []).filter(({ id }) => !isOwnBoot(record, id));
  if (stored.length === 0) {
    const onlyLedger = history.segments.length === 0;
    return no(
      'unbaselined',
      onlyLedger
        ? 'its history has a ledger, but no recorded boot yet'
        : 'the newest segment of its history has no boot yet',
    );
  }
  // The engine's own usage and a count of chunks are different things: TPOT and throughput would not be comparable.
  const alike = stored.filter(
    (boot) => boot.tokenSource === null || tokenSource === null || boot.tokenSource === tokenSource,
  );
  if (alike.length === 0) {
    return { kind: 'no', standing: otherSource(stage, stored.at(-1)!.tokenSource, tokenSource) };
  }
  const others = { ...history, ledger: withoutRuns(history.ledger, runIdsOf(record)) };
  const baseline = alike.map(({ id, slo, metrics }) => ({ name: id, slo, metrics }));
  return { kind: 'yes', history: others, baseline, pairing: null };
}

const otherSource = (stage: StageName, baseline: string | null, candidate: string | null): StageStanding => ({
  ...stand(stage, 'incomparable', 'its tokens were counted by another source', RECORD_ADVICE),
  differences: [{ field: 'tokenSource', baseline: String(baseline), candidate: String(candidate) }],
});

export function fields(differences: readonly FactDifference[]): string {
  if (differences.length === 0) return 'its key';
  const shown = differences
    .slice(0, 3)
    .map(({ field, baseline, candidate }) => `${field} (${baseline} → ${candidate})`);
  return `${shown.join(', ')}${differences.length > 3 ? ` and ${differences.length - 3} more` : ''}`;
}

const DRIFT_ADVICE = 'Fix the output lengths (workload.output with ignoreEos), or record a baseline with the new ones.';
const BASE_ADVICE =
  'Read the end of deployment-<boot>.log of the base in the run folder; the change itself was measured.';
export const RECORD_ADVICE = 'Record a baseline: run with --mode baseline on the base branch.';

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
