// What improves while failures rise or answers get shorter is not an improvement: less was served. Such comparisons
// lose their "improved", and the verdict says why.

import { outputChange } from '../baseline/output-length.ts';
import { resolveMetric } from '../metrics.ts';
import { formatChange, formatMetricValue } from '../metrics-format.ts';
import type { Decision } from './decide.ts';
import { rampFailures } from './ramp-failures.ts';
import { ERROR_METRICS } from './selection.ts';
import type { StageEvidence } from './standing.ts';
import type { Comparison, Finding } from './verdict.ts';

/** Evidence enough to distrust an improvement; a verdict on errors themselves needs far more. */
const SUSPICION = 0.05;
/** Answers shorter by more than this share. */
const SHORTER = 0.02;

export interface ShedResult {
  readonly comparisons: readonly Comparison[];
  readonly findings: readonly Finding[];
}

export function discountLoadShed(decisions: readonly Decision[], stages: readonly StageEvidence[]): ShedResult {
  const improved = new Set(decisions.filter(isPraise).map(({ comparison }) => comparison.stage));
  const causes = new Map(
    stages.filter(({ stage }) => improved.has(stage)).map((stage) => [stage.stage, causeOf(stage, decisions)]),
  );
  const findings: Finding[] = [];
  const comparisons = decisions.map((decision): Comparison => {
    const { comparison } = decision;
    const cause = causes.get(comparison.stage) ?? null;
    if (cause === null || !isPraise(decision)) return comparison;
    return { ...comparison, verdict: 'inconclusive', because: `${SHED}: ${cause}` };
  });
  for (const [stage, cause] of causes) {
    const shed = comparisons.filter((one) => one.stage === stage && isShed(one));
    if (cause === null || shed.length === 0) continue;
    const names = shed
      .slice(0, 3)
      .map(
        (one) =>
          `${resolveMetric(one.metric)!.label} (${formatChange(one.change, one.changeIs, resolveMetric(one.metric)!.unit)})`,
      );
    findings.push({
      kind: 'load_shed',
      severity: 'warn',
      message: `Not an improvement: in ${stage}, ${names.join(', ')}${shed.length > 3 ? ` and ${shed.length - 3} more` : ''} moved because load was shed: ${cause}.`,
      advice: 'Compare at the same number of answered requests: find out why requests fail or answers got shorter.',
    });
  }
  return { comparisons, findings };
}

/** An error rate that fell is no work that was shed. */
const isPraise = ({ comparison }: Decision): boolean =>
  comparison.verdict === 'improved' && !ERROR_METRICS.includes(comparison.metric);

const SHED = 'better because load was shed';
/** An improvement that was taken back. */
export const isShed = (comparison: Comparison): boolean => comparison.because.startsWith(SHED);

/** As a clause; null = as much was served as before. */
function causeOf(stage: StageEvidence, decisions: readonly Decision[]): string | null {
  return [failuresRose(stage, decisions), answersShorter(stage)].filter((cause) => cause !== null).join('; ') || null;
}

function answersShorter(stage: StageEvidence): string | null {
  const change = outputChange(stage);
  if (change === null || change.share >= -(SHORTER + change.byDraw)) return null;
  return `answers got shorter (${change.text})`;
}

function failuresRose(stage: StageEvidence, decisions: readonly Decision[]): string | null {
  for (const { evidence, comparison } of decisions) {
    if (evidence.stage !== stage.stage || !ERROR_METRICS.includes(evidence.metric.id) || evidence.test === null)
      continue;
    if (evidence.test.pWorse <= SUSPICION && evidence.test.difference >= evidence.minimumEffect) {
      const [before, after] = [comparison.baseline, comparison.candidate].map((value) =>
        formatMetricValue(comparison.metric, value),
      );
      const what = comparison.metric === 'errors.rate' ? 'failed requests' : 'requests that failed in the surge';
      return `${what} rose from ${before} to ${after}`;
    }
  }
  return stage.stage === 'linear' ? failuresRoseOnRamp(stage) : null;
}

/** A ramp's errors are no comparison, but what is shed there raises its knee. */
function failuresRoseOnRamp(stage: StageEvidence): string | null {
  const failures = rampFailures(stage);
  if (failures === null || failures.pRise > SUSPICION) return null;
  const { id, minimumEffect } = resolveMetric('errors.rate')!;
  if (failures.after - failures.before < minimumEffect) return null;
  const [before, after] = [failures.before, failures.after].map((share) => formatMetricValue(id, share));
  return `failed requests at loads that were held rose from ${before} to ${after}`;
}
