// The load line: the highest offered load that held the SLO, this run against the baseline.

import { resolveMetric } from '../metrics.ts';
import { upperQuantile } from '../stats/student-t.ts';
import { fromScale } from '../stats/summary.ts';
import { centre, gather } from './compare.ts';
import { CONFIDENCE, type Decision } from './decide.ts';
import type { StageEvidence } from './standing.ts';
import type { Comparison, LoadLine } from './verdict.ts';

/** null where no ramp was measured. */
export function loadLine(
  linear: StageEvidence | undefined,
  comparisons: readonly Comparison[],
  decisions: readonly Decision[],
): LoadLine | null {
  const metric = resolveMetric('knee.rate');
  if (linear === undefined || linear.candidate.length === 0 || metric === undefined) return null;
  const compared = comparisons.find((one) => one.metric === metric.id && one.stage === 'linear');
  const evidence =
    decisions.find(({ comparison }) => comparison.metric === metric.id && comparison.stage === 'linear')?.evidence ??
    gather(linear, metric, { gate: false, minimumEffect: undefined, tainted: new Map() });
  if (evidence.candidate.length === 0) return null;
  const middle = centre(evidence.candidate);
  const bound = evidence.candidate.find((sample) => sample.bound !== 'exact')?.bound ?? 'exact';
  // How much pairs differ does not say how much single boots do.
  const pooled = evidence.paired ? null : (evidence.test?.pooled ?? null);
  const half =
    pooled === null
      ? null
      : (upperQuantile((1 - CONFIDENCE) / 2, pooled.df.total) * pooled.sd) / Math.sqrt(evidence.candidate.length);
  // More = worse on the scale: the upper end there is the lower rate.
  const ends =
    half === null || bound !== 'exact'
      ? null
      : ([fromScale(metric, middle + half), fromScale(metric, middle - half)] as const);
  return {
    rate: fromScale(metric, middle),
    bound,
    interval: ends?.every(Number.isFinite) ? ends : null,
    baselineRate: compared?.baseline ?? null,
    change: compared?.change ?? null,
    verdict: compared?.verdict ?? null,
  };
}
