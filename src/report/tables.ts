// The tables of the result as data: SLA rules, deltas, what was measured, load curve. The same rows for every medium.

import { STAGES } from '../config/schema.ts';
import type { Comparison, SlaResult } from '../judge/verdict.ts';
import { allMetricIds } from '../metrics.ts';
import {
  formatChange,
  formatChangeInterval,
  formatInterval,
  formatMetricValue,
  formatNumber,
  formatValue,
} from '../metrics-format.ts';
import type { ReportInput } from './input.ts';
import { loadCurve, stagesOf } from './series.ts';
import { changeIntervalOf, changeOf, detectableOf, fromTo, labelOf, measuredText, nowLabel, unitOf } from './story.ts';
import { type Cell, type CellTone, left, right, type Table, text } from './table.ts';
import { COMPARISON_MARKS, SLA_MARKS } from './tone.ts';

const COMPARISON_TONES: Readonly<Record<Comparison['verdict'], CellTone>> = {
  regressed: 'bad',
  suspected: 'warn',
  inconclusive: 'warn',
  improved: 'good',
  unchanged: 'plain',
};
const SLA_TONES: Readonly<Record<SlaResult['status'], CellTone>> = {
  gold: 'good',
  tolerated: 'warn',
  breached: 'bad',
  not_measured: 'bad',
};

export function slaTable({ verdict }: ReportInput): Table {
  return {
    columns: [left('Rule'), left('Gold'), left('Tolerance'), right('Measured'), left('Status')],
    rows: verdict.sla.map((rule) => [
      ruleCell(rule),
      text(rule.gold.text),
      text(rule.tolerance.text),
      measuredCell(rule),
      statusCell(rule),
    ]),
  };
}

/** Three columns, for a phone: the rule with its gold, and below it what is tolerated. */
export function compactSla({ verdict }: ReportInput): Table {
  return {
    columns: [left('Rule'), right('Measured'), left('Status')],
    rows: verdict.sla.map((rule) => {
      const { metric, stage, gold, tolerance } = rule;
      return [
        {
          text: `${labelOf(metric)} ${gold.text}`,
          sub: gold.text === tolerance.text ? stage : `${stage}, tolerated ${tolerance.text}`,
        },
        measuredCell(rule),
        statusCell(rule),
      ];
    }),
  };
}

const ruleCell = ({ metric, stage }: SlaResult): Cell => ({ text: labelOf(metric), sub: stage });
const measuredCell = ({ metric, value, bound, interval }: SlaResult): Cell => ({
  text: formatMetricValue(metric, value, bound),
  ...(interval ? { sub: formatInterval(unitOf(metric), interval) } : {}),
});
function statusCell({ status, note }: SlaResult): Cell {
  const { glyph, mark, word } = SLA_MARKS[status];
  return { text: word, glyph, mark, tone: SLA_TONES[status], ...(note ? { sub: note } : {}) };
}

/** Three columns, for a phone: everything of a delta, two lines to a row. */
export function compactDeltas(input: ReportInput, comparisons: readonly Comparison[]): Table {
  return {
    columns: [left('Metric'), right(`Baseline → ${nowLabel(input)}`), left('Verdict')],
    rows: comparisons.map((one) => [
      { text: labelOf(one.metric), sub: one.gate ? `${one.stage}, gate` : one.stage },
      {
        text: changeOf(one),
        strong: one.verdict === 'regressed' || one.verdict === 'suspected',
        sub: fromTo(one),
      },
      verdictCell(one, doubtOf(one)),
    ]),
  };
}

/** "+9.1…+17.9 %, sees 4.1 %"; where nothing can be said of that, why. */
function doubtOf(one: Comparison): string {
  const parts = [
    one.interval === null ? '' : changeIntervalOf(one),
    one.smallestDetectable === null ? one.because : `sees ${detectableOf(one)}`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** A column for each thing, for screens and terminals. */
export function wideDeltas(input: ReportInput, comparisons: readonly Comparison[]): Table {
  return {
    columns: [
      left('Stage'),
      left('Metric'),
      right('Baseline'),
      right(nowLabel(input)),
      right('Δ'),
      right('Interval'),
      left('Verdict'),
      right('Sees'),
    ],
    rows: comparisons.map((one) => [
      text(one.stage),
      { text: labelOf(one.metric), strong: one.gate },
      text(formatMetricValue(one.metric, one.baseline)),
      text(formatMetricValue(one.metric, one.candidate, one.bound)),
      text(formatChange(one.change, one.changeIs, unitOf(one.metric))),
      text(formatChangeInterval(one.interval, one.changeIs, unitOf(one.metric))),
      verdictCell(one, ''),
      text(detectableOf(one)),
    ]),
  };
}

function verdictCell(one: Comparison, sub: string): Cell {
  const { glyph, mark } = COMPARISON_MARKS[one.verdict];
  return {
    text: one.verdict,
    glyph,
    mark,
    tone: COMPARISON_TONES[one.verdict],
    ...(sub === '' ? {} : { sub: one.thin ? `${sub}, thin` : sub }),
  };
}

/** What the numbers of a delta table mean, in one line. */
export function deltaLegend(comparisons: readonly Comparison[]): string {
  const confidences = [
    ...new Set(
      comparisons.filter(({ interval }) => interval !== null).map(({ confidence }) => formatNumber(confidence * 100)),
    ),
  ];
  const intervals =
    confidences.length > 0 ? `Intervals hold with ${confidences.sort().join(' and ')} % confidence. ` : '';
  return `${intervals}“Sees” is the smallest worsening that this comparison would have caught with 95 % power.`;
}

/** Every metric of every stage as measured in this run, in the order of the metric table. */
export function measuredTable(input: ReportInput, wanted: (metric: string) => boolean): Table {
  const order = new Map(allMetricIds().map((id, index) => [id, index]));
  const rows = STAGES.flatMap((stage) => {
    const stages = stagesOf(input, stage, 'candidate');
    const metrics = [...new Set(stages.flatMap((one) => Object.keys(one.metrics)))].filter(wanted);
    return metrics
      .sort((a, b) => (order.get(a) ?? 1e9) - (order.get(b) ?? 1e9) || a.localeCompare(b, 'en'))
      .map((metric): Cell[] => {
        const values = stages.flatMap((one) => one.metrics[metric] ?? []);
        const note =
          values.find((value) => value.note !== null)?.note ??
          (values.some(({ thin }) => thin) ? 'too few requests for this percentile' : null);
        return [
          text(stage),
          text(labelOf(metric)),
          { text: measuredText(input, stage, metric), ...(note ? { sub: note } : {}) },
          text(
            values.length > 1
              ? values.map((value) => formatMetricValue(metric, value.value, value.bound)).join(' · ')
              : '',
          ),
          text(formatNumber(values.reduce((sum, { n }) => sum + n, 0))),
        ];
      });
  });
  const boots = rows.some((row) => row[3]!.text !== '');
  const columns = [left('Stage'), left('Metric'), right('Measured'), right('By boot'), right('n')];
  return boots ? { columns, rows } : { columns: columns.toSpliced(3, 1), rows: rows.map((row) => row.toSpliced(3, 1)) };
}

/** What a comment shows of a run that has nothing to be compared with. */
export const isHeadlineMetric = (metric: string): boolean =>
  [
    'ttft.p50',
    'ttft.p95',
    'ttft.p99',
    'tpot.p50',
    'tpot.p95',
    'throughput.tokens',
    'errors.rate',
    'knee.rate',
    'saturation.rate',
    'surge.peak_p95',
    'surge.recovery',
  ].includes(metric);

export function curveTable(input: ReportInput): Table {
  return {
    columns: [
      right('Offered'),
      right('Achieved'),
      right('TTFT p50'),
      right('TTFT p95'),
      right('TPOT p95'),
      right('In SLO'),
      right('Failed'),
      right('In flight'),
      left('Held'),
    ],
    rows: (loadCurve(input)?.now ?? []).map((point) => [
      text(formatValue('per_second', point.offeredRate)),
      text(formatValue('per_second', point.achievedRate)),
      text(formatValue('ms', point.ttftP50Ms)),
      text(formatValue('ms', point.ttftP95Ms)),
      text(formatValue('ms', point.tpotP95Ms)),
      text(formatValue('share', point.goodputShare)),
      text(formatValue('share', point.errorRate)),
      text(formatNumber(Math.round(point.inFlightMean))),
      text(point.held ? 'yes' : point.backlogGrowing ? 'no, backlog grew' : 'no'),
    ]),
  };
}
