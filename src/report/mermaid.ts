// Charts that GitHub draws inside the comment itself: Mermaid xychart-beta, which needs no hosting and works in
// private repositories. Bars are the baseline, the line is this run, so that no colour has to be told apart. No
// theme is forced (readers have light and dark); only finite numbers are written.

import { formatNumber, formatValue } from '../metrics-format.ts';
import type { CurvePoint, SurgePoint } from '../stages/measurement.ts';
import type { ReportInput } from './input.ts';
import { latencyHistograms, loadCurve, type Pair, surgeTimeline } from './series.ts';
import { nowLabel } from './story.ts';

/** Mid-tones that carry on white and on black: grey bars for the baseline, blue for this run. */
const BASELINE_COLOR = '#8b949e';
const NOW_COLOR = '#3b82f6';

export interface MermaidChart {
  readonly title: string;
  readonly source: string;
  /** Names the series and what could not be drawn. */
  readonly caption: string;
}

export function curveCharts(input: ReportInput): MermaidChart[] {
  const pair = loadCurve(input);
  if (!pair) return [];
  const knee = input.verdict.loadLine;
  const atKnee =
    knee && knee.rate !== null
      ? `Load line: ${formatValue('per_second', knee.rate, knee.bound)}${knee.baselineRate === null ? '' : `, baseline ${formatValue('per_second', knee.baselineRate)}`}. `
      : '';
  return [
    curveChart(input, pair, {
      title: 'TTFT p95 over offered load',
      axis: 'TTFT p95 (ms)',
      pick: (point) => point.ttftP95Ms,
      ceiling: kneeCeiling(pair),
      lead: atKnee,
    }),
    curveChart(input, pair, {
      title: 'Achieved over offered load',
      axis: 'Achieved (req/s)',
      pick: (point) => point.achievedRate,
      ceiling: null,
      lead: '',
    }),
  ].filter((chart) => chart !== null);
}

export function surgeChart(input: ReportInput): MermaidChart | null {
  const pair = surgeTimeline(input);
  if (!pair) return null;
  const now = timeline(pair.now);
  if (now.length < 2) return null;
  const baseline = pair.baseline ? timeline(pair.baseline).slice(0, now.length) : [];
  const drawn = baseline.length === now.length ? baseline : null;
  const seconds = Math.round((pair.now.at(-1)?.tMs ?? 0) / 1_000);
  return chart(input, {
    title: 'Surge: TTFT p95 over time',
    x: `"Time (s)" 0 --> ${Math.max(1, seconds)}`,
    axis: 'TTFT p95 (ms)',
    now,
    baseline: drawn,
    ceiling: null,
    lead: '',
  });
}

const PERCENTILES = [10, 25, 50, 75, 90, 95, 99] as const;

export function latencyChart(input: ReportInput): MermaidChart | null {
  const pair = latencyHistograms(input, 'benchmark', 'ttft');
  if (!pair) return null;
  const at = (histogram: NonNullable<typeof pair>['now']): number[] =>
    PERCENTILES.map((percentile) => histogram.getValueAtPercentile(percentile) / 1_000);
  return chart(input, {
    title: 'TTFT distribution, benchmark',
    x: `"Percentile of requests" [${PERCENTILES.map((percentile) => `"p${percentile}"`).join(', ')}]`,
    axis: 'TTFT (ms)',
    now: at(pair.now),
    baseline: pair.baseline ? at(pair.baseline) : null,
    ceiling: null,
    lead: '',
  });
}

interface CurveSpec {
  readonly title: string;
  readonly axis: string;
  readonly pick: (point: CurvePoint) => number | null;
  readonly ceiling: number | null;
  readonly lead: string;
}

/** Over the rates that every drawn series has: xychart knows no gaps. */
function curveChart(
  input: ReportInput,
  pair: Pair<CurvePoint>,
  { title, axis, pick, ceiling, lead }: CurveSpec,
): MermaidChart | null {
  const baseline = new Map((pair.baseline ?? []).flatMap((point) => finite(point.offeredRate, pick(point))));
  const now = new Map(pair.now.flatMap((point) => finite(point.offeredRate, pick(point))));
  const common = [...now.keys()].filter((rate) => baseline.has(rate));
  const both = common.length >= 2;
  const rates = both ? common : [...now.keys()];
  if (rates.length < 2) return null;
  const missing = [...new Set([...pair.now, ...(pair.baseline ?? [])].map((point) => point.offeredRate))]
    .filter((rate) => !rates.includes(rate))
    .sort((a, b) => a - b);
  const left =
    missing.length > 0
      ? ` Not drawn, for want of a value on both sides: ${missing.map(formatNumber).join(', ')} req/s.`
      : '';
  const drawn = chart(input, {
    title,
    x: `"Offered (req/s)" [${rates.map((rate) => `"${formatNumber(rate)}"`).join(', ')}]`,
    axis,
    now: rates.map((rate) => now.get(rate)!),
    baseline: both ? rates.map((rate) => baseline.get(rate)!) : null,
    ceiling,
    lead,
  });
  return { ...drawn, caption: `${drawn.caption}${both ? left : ''}` };
}

interface ChartSpec {
  readonly title: string;
  readonly x: string;
  readonly axis: string;
  readonly now: readonly number[];
  readonly baseline: readonly number[] | null;
  /** Values above are drawn at it; null = none. */
  readonly ceiling: number | null;
  readonly lead: string;
}

function chart(input: ReportInput, { title, x, axis, now, baseline, ceiling, lead }: ChartSpec): MermaidChart {
  const highest = Math.max(...now, ...(baseline ?? []));
  const top = ceiling !== null && ceiling < highest ? ceiling : highest;
  const points = (values: readonly number[]): string =>
    `[${values.map((value) => number(Math.min(value, top))).join(', ')}]`;
  const clipped =
    top < highest
      ? ` Values above ${formatValue('ms', top)} are drawn at the top edge (highest ${formatValue('ms', highest)}).`
      : '';
  const series = baseline ? [`  bar ${points(baseline)}`, `  line ${points(now)}`] : [`  line ${points(now)}`];
  return {
    title,
    source: [
      '---',
      'config:',
      '  xyChart:',
      '    width: 560',
      '    height: 300',
      '  themeVariables:',
      '    xyChart:',
      `      plotColorPalette: "${baseline ? `${BASELINE_COLOR}, ` : ''}${NOW_COLOR}"`,
      '---',
      'xychart-beta',
      `  title "${title}"`,
      `  x-axis ${x}`,
      `  y-axis "${axis}" 0 --> ${number(Math.max(top * 1.05, 1e-3))}`,
      ...series,
    ].join('\n'),
    caption: `${lead}${baseline ? `Grey bars: baseline. Blue line: ${nowLabel(input)}.` : `Blue line: ${nowLabel(input)}.`}${clipped}`,
  };
}

/** Past the knee latency grows without end and would flatten the rest: room for three times what it was at the knee. */
function kneeCeiling({ now, baseline }: Pair<CurvePoint>): number | null {
  const held = [...now, ...(baseline ?? [])].flatMap(({ held, ttftP95Ms }) =>
    held && ttftP95Ms !== null ? [ttftP95Ms] : [],
  );
  return held.length === 0 ? null : 3 * Math.max(...held);
}

/** At most 40 points, each the worst of its group; a group without any first token keeps the level before it. */
function timeline(points: readonly SurgePoint[]): number[] {
  const size = Math.ceil(points.length / 40);
  const values: number[] = [];
  for (let start = 0; start < points.length; start += size) {
    const known = points.slice(start, start + size).flatMap(({ ttftP95Ms }) => (ttftP95Ms === null ? [] : [ttftP95Ms]));
    values.push(known.length > 0 ? Math.max(...known) : (values.at(-1) ?? 0));
  }
  return values;
}

const finite = (rate: number, value: number | null): [number, number][] =>
  value !== null && Number.isFinite(value) && Number.isFinite(rate) ? [[rate, value]] : [];
/** Plain decimals: Mermaid's grammar knows no exponent. */
const number = (value: number): string =>
  Math.min(value, 1e15)
    .toFixed(3)
    .replace(/\.?0+$/, '');
