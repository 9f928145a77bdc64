// The numbers behind the charts: load curve, surge timeline and latency distribution of this run and of the
// baseline, taken from record and baseline file. Finite numbers or null, never a guess.

import type { Segment } from '../baseline/schema.ts';
import { storedCurve } from '../baseline/stored-curve.ts';
import type { StageName } from '../config/schema.ts';
import type { BootRecord } from '../record/schema.ts';
import { stageMeasurementSchema } from '../record/schema.ts';
import type { CurvePoint, HistogramSet, SurgePoint } from '../stages/measurement.ts';
import { decodeHistogram, type Histogram } from '../stats/histogram.ts';
import type { ReportInput } from './input.ts';

type StageRecord = BootRecord['stages'][number];

/** One series pair: what was measured now, and the baseline's where there is one. */
export interface Pair<T> {
  readonly now: readonly T[];
  readonly baseline: readonly T[] | null;
}

/** Median over the boots of each step; the baseline keeps its last curve (interleaved: its boots of this run). */
export function loadCurve(input: ReportInput): Pair<CurvePoint> | null {
  const now = medianCurve(curvesOf(soundOf(stagesOf(input, 'linear', 'candidate'))));
  if (now.length === 0) return null;
  if (!mayCompare(input, 'linear')) return { now, baseline: null };
  const ownBase = medianCurve(curvesOf(soundOf(stagesOf(input, 'linear', 'base'))));
  return { now, baseline: ownBase.length > 0 ? ownBase : storedCurve(newestSegment(input, 'linear')) };
}

/** The newest boot's timeline. */
export function surgeTimeline(input: ReportInput): Pair<SurgePoint> | null {
  const last = (side: BootRecord['side']) =>
    soundOf(stagesOf(input, 'step-surge', side)).findLast(({ surge }) => (surge?.length ?? 0) > 0)?.surge;
  const now = last('candidate');
  if (!now) return null;
  return {
    now,
    baseline: mayCompare(input, 'step-surge')
      ? (last('base') ?? storedSurge(newestSegment(input, 'step-surge')))
      : null,
  };
}

/** Histogram of one latency over all boots of a stage; null where nobody kept one. */
export function latencyHistograms(
  input: ReportInput,
  stage: StageName,
  metric: keyof HistogramSet,
): { readonly now: Histogram; readonly baseline: Histogram | null } | null {
  const now = merged(soundOf(stagesOf(input, stage, 'candidate')).map(({ histograms }) => histograms[metric]));
  if (!now) return null;
  if (!mayCompare(input, stage)) return { now, baseline: null };
  const ownBase = merged(soundOf(stagesOf(input, stage, 'base')).map(({ histograms }) => histograms[metric]));
  return { now, baseline: ownBase ?? merged([newestSegment(input, stage)?.histograms[metric]]) };
}

/** The measurements of one stage, boot by boot. */
export const stagesOf = ({ record }: ReportInput, stage: StageName, side: BootRecord['side']): StageRecord[] =>
  record.boots.filter((boot) => boot.side === side).flatMap((boot) => boot.stages.filter((one) => one.stage === stage));

/** The level that this run was compared with: newest segment of the history with this run's workload. */
export function newestSegment({ record, baseline }: ReportInput, stage: StageName): Segment | undefined {
  const key = record.workloads[stage]?.key;
  return baseline?.stages[stage]?.findLast((history) => history.key === key)?.segments.at(-1);
}

/** Boots that the client did not spoil; where it spoilt all of them, they are drawn, but beside no baseline. */
function soundOf(stages: readonly StageRecord[]): readonly StageRecord[] {
  const sound = stages.filter(({ invalid }) => invalid.length === 0);
  return sound.length > 0 ? sound : stages;
}

/** What was refused as a comparison is not shown as one. A stage that was cut short still shows where it broke. */
const mayCompare = ({ verdict }: ReportInput, stage: StageName): boolean =>
  verdict.stages.every((one) => one.stage !== stage || one.standing === 'compared' || one.standing === 'missing');

const curvesOf = (stages: readonly StageRecord[]): CurvePoint[][] =>
  stages.flatMap(({ curve }) => (curve ? [curve] : []));

function medianCurve(curves: readonly CurvePoint[][]): CurvePoint[] {
  const byRate = new Map<number, CurvePoint[]>();
  for (const point of curves.flat()) byRate.set(point.offeredRate, [...(byRate.get(point.offeredRate) ?? []), point]);
  return [...byRate.values()].map(medianPoint).sort((a, b) => a.offeredRate - b.offeredRate);
}

function medianPoint(points: readonly CurvePoint[]): CurvePoint {
  const first = points[0]!;
  const of = (pick: (point: CurvePoint) => number): number => median(points.map(pick))!;
  const orNull = (pick: (point: CurvePoint) => number | null): number | null => median(points.map(pick));
  return {
    phase: first.phase,
    offeredRate: first.offeredRate,
    achievedRate: of((point) => point.achievedRate),
    goodputShare: of((point) => point.goodputShare),
    ttftP50Ms: orNull((point) => point.ttftP50Ms),
    ttftP95Ms: orNull((point) => point.ttftP95Ms),
    tpotP50Ms: orNull((point) => point.tpotP50Ms),
    tpotP95Ms: orNull((point) => point.tpotP95Ms),
    e2eP95Ms: orNull((point) => point.e2eP95Ms),
    tokensPerSecond: of((point) => point.tokensPerSecond),
    errorRate: of((point) => point.errorRate),
    inFlightMean: of((point) => point.inFlightMean),
    backlogGrowing: points.filter((point) => point.backlogGrowing).length * 2 > points.length,
    held: points.filter((point) => point.held).length * 2 > points.length,
  };
}

/** Median of what is there; null where more than half is not: that half lies past the end. */
export function median(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (known.length === 0 || known.length * 2 < values.length) return null;
  const middle = (known.length - 1) / 2;
  return (known[Math.floor(middle)]! + known[Math.ceil(middle)]!) / 2;
}

/** The store keeps it as `unknown`: what does not read as a timeline is not drawn. */
function storedSurge(segment: Segment | undefined): SurgePoint[] | null {
  const parsed = stageMeasurementSchema.shape.surge.safeParse(segment?.surge);
  return parsed.success && parsed.data !== null && parsed.data.length > 0 ? parsed.data : null;
}

function merged(texts: readonly (string | undefined)[]): Histogram | null {
  let sum: Histogram | null = null;
  for (const text of texts) {
    const one = decoded(text);
    if (!one || one.totalCount === 0) continue;
    if (sum) sum.add(one);
    else sum = one;
  }
  return sum;
}

/** A damaged histogram costs its chart, not the report. */
function decoded(text: string | undefined): Histogram | null {
  if (text === undefined) return null;
  try {
    return decodeHistogram(text);
  } catch {
    return null;
  }
}
