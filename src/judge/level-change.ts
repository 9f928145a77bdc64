// A level that changed inside a segment: a real change was merged and never accepted as a new level, so that the mean of
// the baseline is of two. In: a stage's history. Out: where a new segment should begin, as a proposal for people.

import { linearRegression, mean } from 'simple-statistics';
import { rememberedBoots } from '../baseline/series.ts';
import { formatChange } from '../metrics-format.ts';
import { changePoints } from '../stats/e-divisive.ts';
import { spreadOf } from '../stats/summary.ts';
import type { Evidence } from './compare.ts';
import { asChange, changeIs } from './decide.ts';
import { where } from './headline.ts';
import type { StageEvidence } from './standing.ts';
import type { Finding } from './verdict.ts';

/** Of a stage: its gates share it. Searching for the place finds something in about ten times as many quiet histories. */
const CHANGE_ALPHA = 0.001;

/** The newest change by at least a gate's minimum effect that parts the listed boots; null = one level. */
export function levelChange(stage: StageEvidence, family: readonly Evidence[]): Finding | null {
  if (stage.history === null) return null;
  const boots = rememberedBoots(stage.history).at(-1) ?? [];
  const listed = new Set(stage.baseline.map(({ name }) => name));
  const changes = family.flatMap((evidence) => {
    const known = boots.flatMap((boot) => {
      const value = boot.scaled(evidence.metric.id);
      return value === null ? [] : [{ boot, value }];
    });
    const values = known.map(({ value }) => value);
    const points = changePoints(values, CHANGE_ALPHA / family.length);
    const at = points.at(-1);
    if (at === undefined || isRatherATrend(values, points)) return [];
    const shift = mean(values.slice(at)) - mean(values.slice(points.at(-2) ?? 0, at));
    // Boots before the change that are only remembered do not blur the mean.
    const blurs = known.slice(0, at).some(({ boot }) => listed.has(boot.id));
    return blurs && Math.abs(shift) >= evidence.minimumEffect ? [{ evidence, shift, boot: known[at]!.boot }] : [];
  });
  const [largest] = changes.toSorted(
    (a, b) => Math.abs(b.shift) / b.evidence.minimumEffect - Math.abs(a.shift) / a.evidence.minimumEffect,
  );
  if (largest === undefined) return null;
  const { evidence, shift, boot } = largest;
  const { metric } = evidence;
  const change = formatChange(asChange(metric, shift), changeIs(metric), metric.unit);
  const commit = boot.commit === null ? '' : `, commit ${boot.commit.slice(0, 7)}`;
  return {
    kind: 'note',
    severity: 'info',
    message: `The baseline holds two levels: ${where({ metric: metric.id, stage: evidence.stage })} moved by ${change} at boot ${boot.id} (${boot.at.slice(0, 10)}${commit}), so its false-alarm rate cannot be held.`,
    advice: `If that change was meant, begin a new segment there: plimsoll baseline split FILE --at ${boot.id} --reason "…".`,
  };
}

/** A drift is cut into steps as well; a straight line then leaves less unexplained than the steps do. */
function isRatherATrend(values: readonly number[], points: readonly number[]): boolean {
  const levels = [0, ...points].map((from, index) => values.slice(from, points[index] ?? values.length));
  const bySteps = levels.reduce((sum, level) => sum + spreadOf(level).ss, 0);
  const { m: slope, b: start } = linearRegression(values.map((value, index) => [index, value]));
  const byLine = values.reduce((sum, value, index) => sum + (value - start - slope * index) ** 2, 0);
  return byLine <= bySteps;
}
