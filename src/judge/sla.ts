// Service-level rules, each alone: gold, tolerated, breached or not measured. A censored value decides only what
// its bound decides, and a value within its uncertainty of the limit says so.

import { mean, sampleStandardDeviation } from 'simple-statistics';
import type { Condition, SlaRule } from '../config/schema.ts';
import { type ResolvedMetric, resolveMetric } from '../metrics.ts';
import { formatValue } from '../metrics-format.ts';
import { countsAlike } from '../record/keys.ts';
import { upperQuantile } from '../stats/student-t.ts';
import { fromScale, toScale } from '../stats/summary.ts';
import type { Bound } from './samples.ts';
import type { RecordedStage, StageEvidence } from './standing.ts';
import type { SlaResult } from './verdict.ts';

export function judgeSla(rule: SlaRule, stage: StageEvidence | undefined): SlaResult {
  const measured = measure(rule.metric, stage);
  const level = baselineLevel(rule.metric, stage);
  const [gold, tolerance] = [rule.gold, rule.tolerance].map((condition) => absolute(condition, level));
  const result = (status: SlaResult['status'], notes: readonly (string | null)[]): SlaResult => ({
    metric: rule.metric,
    stage: rule.stage,
    gold: gold?.condition ?? rule.gold,
    tolerance: tolerance?.condition ?? rule.tolerance,
    value: measured.kind === 'yes' ? measured.value : null,
    bound: measured.kind === 'yes' ? measured.bound : 'exact',
    interval: measured.kind === 'yes' ? measured.interval : null,
    status,
    note: notes.filter((note) => note !== null).join('; ') || null,
    line: rule.line,
  });
  if (measured.kind === 'no') return result('not_measured', [measured.reason]);
  if (!gold || !tolerance) {
    if (level === 'both ends') return result('not_measured', [`the baseline's boots ${DIFFERENT_ENDS}`]);
    return { ...result('not_measured', [NO_BASELINE]), awaitsBaseline: true };
  }
  const { value, bound, metric } = measured;
  const isGold = holds(gold.condition, value, bound, gold.bound);
  const isTolerated = holds(tolerance.condition, value, bound, tolerance.bound);
  const untold = ({ condition, known }: Limit): string =>
    known === null
      ? `${formatValue(metric.unit, value, bound)} does not tell whether "${condition.text}" holds`
      : `the baseline is only known as ${known}, which does not tell whether "${condition.text}" holds`;
  const notes = [nearness([tolerance.condition, gold.condition], measured.interval), ...measured.notes];
  if (isGold === true) return result('gold', notes);
  if (isTolerated === true) return result('tolerated', [...notes, isGold === null ? untold(gold) : null]);
  return isTolerated === false
    ? result('breached', notes)
    : result('not_measured', [untold(tolerance), ...measured.notes]);
}

const DIFFERENT_ENDS = 'lie past different ends of what was measured';
const NO_BASELINE = 'there is no baseline to take the limit from';

/** A condition in the metric's unit, whose limit may be a bound of the true one only. */
interface Limit {
  readonly condition: Condition;
  readonly bound: Bound;
  /** The baseline's level where only a bound of it is known: "≥ 30 s". */
  readonly known: string | null;
}

/** A limit around the baseline in the metric's unit, with its number in the text; null without a level. */
function absolute(condition: Condition, level: Level | NoLevel): Limit | null {
  if (condition.ofBaseline === undefined) return { condition, bound: 'exact', known: null };
  if (typeof level === 'string') return null;
  const { metric, value, bound } = level;
  const limit = condition.ofBaseline * value + condition.limit;
  const text = `${condition.text} (${formatValue(metric.unit, limit, bound)})`;
  const known = bound === 'exact' ? null : formatValue(metric.unit, value, bound);
  return { condition: { op: condition.op, limit, text }, bound, known };
}

interface Level {
  readonly metric: ResolvedMetric;
  readonly value: number;
  readonly bound: Bound;
}
type NoLevel = 'none' | 'both ends';

/** The boots of the newest segment, as the rule's own value is made of the candidate's. */
function baselineLevel(id: string, stage: StageEvidence | undefined): Level | NoLevel {
  const metric = resolveMetric(id);
  if (!metric || !stage) return 'none';
  const boots = stage.baseline
    .filter((boot) => countsAlike(id, boot.slo, stage.slo))
    .flatMap((boot) => boot.metrics[id] ?? []);
  const values = boots.map(({ value }) => value).filter((value) => value !== null);
  if (values.length === 0) return 'none';
  const bounds = [...new Set(boots.map(({ bound }) => bound).filter((bound) => bound !== 'exact'))];
  return bounds.length > 1 ? 'both ends' : { metric, value: centreOf(metric, values), bound: bounds[0] ?? 'exact' };
}

/** Three-valued: null = a censored value, or a limit that is a bound itself, does not tell. */
export function holds(condition: Condition, value: number, bound: Bound, limitBound: Bound = 'exact'): boolean | null {
  const met = meets(condition, value);
  // "At least v" settles a lower limit only by meeting it, and an upper limit only by breaking it; of limits the reverse.
  const wantsLess = condition.op === '<' || condition.op === '<=';
  const settledByMeeting = [
    ...(bound === 'exact' ? [] : [(bound === 'below') === wantsLess]),
    ...(limitBound === 'exact' ? [] : [(limitBound === 'above') === wantsLess]),
  ];
  return settledByMeeting.every((byMeeting) => met === byMeeting) ? met : null;
}

function meets({ op, limit }: Condition, value: number): boolean {
  switch (op) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
  }
}

type Measured =
  | {
      readonly kind: 'yes';
      readonly metric: ResolvedMetric;
      readonly value: number;
      readonly bound: Bound;
      readonly interval: readonly [number, number] | null;
      readonly notes: readonly (string | null)[];
    }
  | { readonly kind: 'no'; readonly reason: string };

function measure(id: string, stage: StageEvidence | undefined): Measured {
  const metric = resolveMetric(id);
  if (!metric) return { kind: 'no', reason: `there is no metric "${id}"` };
  if (!stage) return { kind: 'no', reason: 'the stage is not part of this run' };
  if (stage.candidate.length === 0)
    return {
      kind: 'no',
      reason: `the stage is ${stage.standing.standing}: ${stage.standing.reason ?? 'no reason was recorded'}`,
    };
  const values = stage.candidate.map((boot) => valueIn(id, boot)).filter((value) => value !== null);
  if (values.length === 0)
    return {
      kind: 'no',
      reason: whyNot(
        id,
        stage.candidate.map((boot) => boot.measurement),
      ),
    };
  const bounds = new Set(values.map((one) => one.bound).filter((bound) => bound !== 'exact'));
  if (bounds.size > 1) return { kind: 'no', reason: `its boots ${DIFFERENT_ENDS}` };
  return {
    kind: 'yes',
    metric,
    value: centreOf(
      metric,
      values.map((one) => one.value),
    ),
    bound: [...bounds][0] ?? 'exact',
    interval: intervalOver(metric, values),
    notes: [
      values.some((one) => one.thin) ? 'too few requests to bear this percentile' : null,
      values.find((one) => one.note !== null)?.note ?? null,
    ],
  };
}

interface Value {
  readonly value: number;
  readonly bound: Bound;
  readonly thin: boolean;
  readonly rounds: readonly number[];
  /** Of this boot alone, as it was measured. */
  readonly interval: readonly [number, number] | null;
  readonly note: string | null;
}

function valueIn(id: string, { boot, measurement }: StageEvidence['candidate'][number]): Value | null {
  const measured = measurement.metrics[id];
  if (measured !== undefined && measured.value !== null) {
    return {
      value: measured.value,
      bound: measured.bound,
      thin: measured.thin,
      rounds: measured.rounds.filter((round) => round !== null),
      interval: measured.interval ?? null,
      note: measured.note,
    };
  }
  if (id === 'boot.duration' && boot.bootMs !== null)
    return { value: boot.bootMs / 1_000, bound: 'exact', thin: false, rounds: [], interval: null, note: null };
  return null;
}

/** The sampler's own words, else the measurement's. */
function whyNot(id: string, measurements: readonly RecordedStage[]): string {
  for (const measurement of measurements) {
    const unmeasured = measurement.unmeasured.find(({ metric }) => metric === id || id.startsWith(`${metric}.`));
    if (unmeasured) return unmeasured.reason;
    const note = measurement.metrics[id]?.note ?? null;
    if (note !== null) return note;
  }
  return id.startsWith('cost.') ? 'no price is configured, or nothing was served' : 'this stage gives no such metric';
}

/** Geometric mean over boots for metrics on a log scale, else the mean; one zero falls back to the mean. */
function centreOf(metric: ResolvedMetric, values: readonly number[]): number {
  if (values.length === 1) return values[0]!;
  const scaled = values.map((value) => toScale(metric, value));
  return scaled.every((value) => value !== null) ? fromScale(metric, mean(scaled)) : mean([...values]);
}

const FEWEST_BOOTS = 3;

/**
 * 95 %: of one boot as it was measured, where it was; over boots from three on; else over the rounds of all boots. null
 * where there is one value, or none is exact.
 */
function intervalOver(metric: ResolvedMetric, values: readonly Value[]): readonly [number, number] | null {
  if (values.some((one) => one.bound !== 'exact')) return null;
  if (values.length === 1 && values[0]!.interval !== null) return values[0]!.interval;
  const raw = values.length >= FEWEST_BOOTS ? values.map((one) => one.value) : values.flatMap((one) => one.rounds);
  const scaled = raw.map((value) => toScale(metric, value)).filter((value) => value !== null);
  if (scaled.length < 2 || scaled.length < raw.length) return null;
  const around = toScale(
    metric,
    centreOf(
      metric,
      values.map((one) => one.value),
    ),
  );
  if (around === null) return null;
  const half = (upperQuantile(0.025, scaled.length - 1) * sampleStandardDeviation(scaled)) / Math.sqrt(scaled.length);
  const ends = [fromScale(metric, around - half), fromScale(metric, around + half)];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  return Number.isFinite(low) && Number.isFinite(high) ? [low, high] : null;
}

function nearness(conditions: readonly Condition[], interval: readonly [number, number] | null): string | null {
  if (interval === null) return null;
  const near = conditions.find(({ limit }) => interval[0] <= limit && limit <= interval[1]);
  return near === undefined ? null : `within its uncertainty of the limit "${near.text}"`;
}
