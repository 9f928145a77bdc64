// What the page's script draws from, as plain JSON: curves, timelines, distributions, the baseline's history, and the
// digest of the rows. Finite numbers or null; texts from outside stay texts, the script writes them as text only.

import type { Segment } from '../baseline/schema.ts';
import { STAGES, type StageName } from '../config/schema.ts';
import { allMetricIds, METRICS, resolveMetric, standsAlone } from '../metrics.ts';
import type { Histogram } from '../stats/histogram.ts';
import { type BootValues, fromScale, summariseBoot } from '../stats/summary.ts';
import { layOut, type RunDigest } from './digest.ts';
import type { ReportInput } from './input.ts';
import type { BootPage, HistoryPoint, MetricHistory, PageData, StagePage } from './page-shape.ts';
import { latencyHistograms, loadCurve, stagesOf, surgeTimeline } from './series.ts';
import { byImportance, nowLabel } from './story.ts';

export function pageData(input: ReportInput, digest: RunDigest | null): PageData {
  const measured = STAGES.filter((stage) => stagesOf(input, stage, 'candidate').length > 0);
  return {
    nowLabel: nowLabel(input),
    stages: measured.map((stage) => stagePage(input, digest, stage)),
    problem: digest?.problem ?? null,
  };
}

function stagePage(input: ReportInput, digest: RunDigest | null, stage: StageName): StagePage {
  const { loadLine } = input.verdict;
  const isLinear = stage === 'linear';
  const cliffs = stagesOf(input, stage, 'candidate').findLast((one) => one.cliffs.length > 0)?.cliffs ?? [];
  return {
    stage,
    curve: isLinear ? loadCurve(input) : null,
    loadLine: isLinear && loadLine ? { now: loadLine.rate, baseline: loadLine.baselineRate } : null,
    cliffs: cliffs.map(({ betweenRates: [from, to], what, why }) => ({
      from,
      to,
      text: why === null ? what : `${what}; ${why}`,
    })),
    surge: stage === 'step-surge' ? surgeTimeline(input) : null,
    distributions: (['ttft', 'tpot', 'icl', 'e2e'] as const).flatMap((latency) => {
      const pair = latencyHistograms(input, stage, latency);
      if (pair === null) return [];
      return [
        {
          latency,
          now: percentilesOf(pair.now),
          baseline: pair.baseline === null ? null : percentilesOf(pair.baseline),
        },
      ];
    }),
    histories: historiesOf(input, stage),
    boots: bootsOf(input, digest, stage),
  };
}

const PERCENTILES = [
  0, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 96, 97, 98, 98.5, 99, 99.5, 99.8, 99.9, 99.95, 99.99,
] as const;

/** As far as at least five requests lie beyond. */
const percentilesOf = (histogram: Histogram): (readonly [number, number])[] =>
  PERCENTILES.filter((percentile) => histogram.totalCount * (1 - percentile / 100) >= 5).map(
    (percentile) => [percentile, histogram.getValueAtPercentile(percentile) / 1_000] as const,
  );

function historiesOf(input: ReportInput, stage: StageName): MetricHistory[] {
  const key = input.record.workloads[stage]?.key;
  const history = input.baseline?.stages[stage]?.findLast((one) => one.key === key);
  if (!history || history.segments.length === 0) return [];
  const { segments } = history;
  const boots = input.record.boots.filter(({ side }) => side === 'candidate');
  const now = boots.flatMap((boot) => boot.stages.filter((one) => one.stage === stage).map((one) => ({ boot, one })));
  // What is compared comes first: that is what people look for.
  const compared = byImportance(input.verdict.comparisons.filter((one) => one.stage === stage));
  const known = new Set([...now.flatMap(({ one }) => Object.keys(one.metrics)), ...storedIds(segments)]);
  const ids = [...new Set([...compared.map(({ metric }) => metric), ...allMetricIds()])].filter((id) => known.has(id));
  return ids.flatMap((id) => {
    const metric = resolveMetric(id);
    if (metric === undefined || !standsAlone(metric)) return [];
    const pointOf = (values: BootValues | undefined, about: Omit<HistoryPoint, 'value' | 'bound'>): HistoryPoint[] => {
      const summarised = values === undefined ? null : summariseBoot(metric, values);
      if (summarised === null) return [];
      return [{ ...about, value: fromScale(metric, summarised.summary), bound: summarised.bound }];
    };
    const points = [
      ...(history.trail ?? []).flatMap(({ at, commit, segment, values }): HistoryPoint[] => {
        const value = values[id];
        const index = segments.findIndex((one) => one.id === segment);
        return value === undefined || index < 0 ? [] : [{ segment: index, at, commit, value, bound: 'exact' }];
      }),
      ...segments.flatMap((segment, index) =>
        segment.boots.flatMap(({ at, commit, metrics }) => pointOf(metrics[id], { segment: index, at, commit })),
      ),
    ].sort((a, b) => (a.segment ?? 0) - (b.segment ?? 0) || (a.at < b.at ? -1 : 1));
    points.push(
      ...now.flatMap(({ boot, one }) =>
        pointOf(one.metrics[id], { segment: null, at: boot.startedAt, commit: input.provenance.commit }),
      ),
    );
    return [
      {
        metric: id,
        label: metric.label,
        unit: metric.unit,
        segments: segments.map(({ id, since, reason }) => ({ id, since, reason })),
        points,
      },
    ];
  });
}

const storedIds = (segments: readonly Segment[]): string[] => [
  ...new Set(segments.flatMap(({ boots }) => boots.flatMap(({ metrics }) => Object.keys(metrics)))),
];

function bootsOf({ record }: ReportInput, digest: RunDigest | null, stage: StageName): BootPage[] {
  return record.boots.flatMap((boot) => {
    const measurement = boot.stages.find((one) => one.stage === stage);
    const rows = digest?.stages.find((one) => one.boot === boot.index && one.stage === stage);
    if (!measurement || !rows) return [];
    return [
      {
        boot: boot.index,
        isBase: boot.side === 'base',
        phases: layOut(measurement.phases).map(({ name, startMs, endMs }) => ({ name, startMs, endMs })),
        requests: rows.requests,
        failed: rows.failed,
        bucketMs: rows.bucketMs,
        overTime: rows.overTime,
        signals: METRICS.flatMap(({ id, label, unit }) =>
          rows.signals.filter(({ metric }) => metric === id).map((signal) => ({ ...signal, label, unit })),
        ),
        rows: rows.rows,
      },
    ];
  });
}
