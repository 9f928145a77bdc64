// The charts as SVG files, light and dark, drawn by ECharts without a browser: load curve, surge timeline, latency
// distribution. The same input gives the same bytes.

import { BarChart, LineChart } from 'echarts/charts';
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
} from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { EChartsOption } from 'echarts/types/dist/shared';
import { formatNumber, formatValue } from '../metrics-format.ts';
import type { CurvePoint, SurgePoint } from '../stages/measurement.ts';
import type { Histogram } from '../stats/histogram.ts';
import { FONT, INKS, type Ink, legend, lineSeries, milliseconds, type Theme, xAxis, yAxis } from './chart-style.ts';
import type { ReportInput } from './input.ts';
import { latencyHistograms, loadCurve, surgeTimeline } from './series.ts';
import { nowLabel, surgeSentence } from './story.ts';

use([
  BarChart,
  LineChart,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  SVGRenderer,
]);

export interface Chart {
  /** `load-curve-light.svg`: a file name. */
  readonly name: string;
  readonly svg: string;
  readonly theme: Theme;
  /** What it shows, in words, for those who cannot see it. */
  readonly description: string;
}

/** A chart as a report links it. */
export interface DrawnChart {
  readonly light: string;
  readonly dark: string;
  readonly description: string;
}

/** Light and dark of each as one. */
export const pairCharts = (charts: readonly Chart[], addressOf: (name: string) => string): readonly DrawnChart[] =>
  charts.flatMap(({ name, theme, description }) =>
    theme === 'light'
      ? [{ light: addressOf(name), dark: addressOf(name.replace(/-light\.svg$/, '-dark.svg')), description }]
      : [],
  );

/** Every chart that the run has data for, light and dark; none is drawn from nothing. */
export function renderCharts(input: ReportInput): readonly Chart[] {
  return [loadCurveSpec(input), surgeSpec(input), latencySpec(input)].flatMap((spec) =>
    spec === null
      ? []
      : (['light', 'dark'] as const).map((theme) => ({
          name: `${spec.id}-${theme}.svg`,
          svg: draw(spec, theme),
          theme,
          description: spec.description,
        })),
  );
}

interface ChartSpec {
  readonly id: string;
  readonly description: string;
  readonly height: number;
  readonly option: (ink: Ink) => EChartsOption;
}

const WIDTH = 760;
function draw({ id, description, height, option }: ChartSpec, theme: Theme): string {
  const ink = INKS[theme];
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: ink.background,
      textStyle: { fontFamily: FONT, color: ink.text },
      ...option(ink),
    });
    return named(chart.renderToSVGString({ useViewBox: true }), `${id}-${theme}`, description);
  } finally {
    chart.dispose();
  }
}

/**
 * Ids and hover classes carry a counter of the process: ids are renamed, so that output repeats and charts share a
 * page; hovering needs a script and goes.
 */
function named(svg: string, id: string, description: string): string {
  const label = description.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return svg
    .replace(/<style[\s\S]*?<\/style>\n?/g, '')
    .replace(/ (?:class="[^"]*"|pointer-events="visible")/g, '')
    .replace(/zr\d+-/g, `${id}-`)
    .replace('<svg ', `<svg role="img" aria-label="${label}" `);
}

function loadCurveSpec(input: ReportInput): ChartSpec | null {
  const pair = loadCurve(input);
  if (!pair || pair.now.length < 2) return null;
  const knee = input.verdict.loadLine;
  const latencies = [...pair.now, ...(pair.baseline ?? [])].flatMap(({ ttftP95Ms }) =>
    ttftP95Ms !== null && ttftP95Ms > 0 ? [ttftP95Ms] : [],
  );
  const logarithmic = latencies.length > 0 && Math.max(...latencies) / Math.min(...latencies) > 10;
  const of = (points: readonly CurvePoint[], pick: (point: CurvePoint) => number | null) =>
    points.map((point) => {
      const value = pick(point);
      return [point.offeredRate, value !== null && logarithmic && value <= 0 ? null : value];
    });
  const kneeText =
    knee && knee.rate !== null
      ? ` Load line ${formatValue('per_second', knee.rate, knee.bound)}${knee.baselineRate === null ? '' : `, baseline ${formatValue('per_second', knee.baselineRate)}`}.`
      : '';
  return {
    id: 'load-curve',
    description: `TTFT p95 and achieved rate over offered rate.${kneeText}`,
    height: 560,
    option: (ink) => {
      const marks = [
        ...(knee?.baselineRate == null
          ? []
          : [
              {
                xAxis: knee.baselineRate,
                name: 'baseline load line',
                lineStyle: { color: ink.baseline, type: 'dashed' as const },
                label: { show: false },
              },
            ]),
        ...(knee?.rate == null
          ? []
          : [
              {
                xAxis: knee.rate,
                name: 'load line',
                lineStyle: { color: ink.now, type: 'dashed' as const },
                label: { formatter: `load line ${formatNumber(knee.rate)}`, color: ink.now, position: 'end' as const },
              },
            ]),
      ];
      const pairOf = (grid: number, pick: (point: CurvePoint) => number | null) => [
        ...(pair.baseline ? [lineSeries('baseline', of(pair.baseline, pick), grid, ink)] : []),
        {
          ...lineSeries(nowLabel(input), of(pair.now, pick), grid, ink),
          markLine: { silent: true, symbol: 'none', label: { show: grid === 0 }, data: marks },
        },
      ];
      return {
        legend: legend(ink),
        grid: [
          { left: 72, right: 28, top: 70, height: 200 },
          { left: 72, right: 28, top: 325, height: 180 },
        ],
        xAxis: [xAxis('', 0, ink), xAxis('Offered rate, requests/s', 1, ink)],
        yAxis: [
          {
            ...yAxis('TTFT p95', 0, ink),
            type: logarithmic ? 'log' : 'value',
            axisLabel: { color: ink.faint, formatter: milliseconds },
          },
          yAxis('Achieved rate, requests/s', 1, ink),
        ],
        series: [...pairOf(0, (point) => point.ttftP95Ms), ...pairOf(1, (point) => point.achievedRate)],
      } as EChartsOption;
    },
  };
}

function surgeSpec(input: ReportInput): ChartSpec | null {
  const pair = surgeTimeline(input);
  if (!pair || pair.now.length < 2) return null;
  const of = (points: readonly SurgePoint[], pick: (point: SurgePoint) => number | null) =>
    points.map((point) => [point.tMs / 1_000, pick(point)]);
  return {
    id: 'surge',
    description: surgeSentence(input) ?? 'TTFT p95 and offered rate over time.',
    height: 480,
    option: (ink) =>
      ({
        legend: legend(ink),
        grid: [
          { left: 72, right: 28, top: 70, height: 210 },
          { left: 72, right: 28, top: 335, height: 90 },
        ],
        xAxis: [xAxis('', 0, ink), xAxis('Time, s', 1, ink)],
        yAxis: [
          { ...yAxis('TTFT p95', 0, ink), axisLabel: { color: ink.faint, formatter: milliseconds } },
          { ...yAxis('Requests/s', 1, ink), splitNumber: 2 },
        ],
        series: [
          ...(pair.baseline
            ? [
                lineSeries(
                  'baseline',
                  of(pair.baseline, (point) => point.ttftP95Ms),
                  0,
                  ink,
                ),
              ]
            : []),
          lineSeries(
            nowLabel(input),
            of(pair.now, (point) => point.ttftP95Ms),
            0,
            ink,
          ),
          {
            ...lineSeries(
              'offered',
              of(pair.now, (point) => point.offeredRate),
              1,
              ink,
            ),
            step: 'end',
            symbol: 'none',
            areaStyle: { color: ink.area },
            itemStyle: { color: ink.faint },
            lineStyle: { color: ink.faint, width: 1.5 },
          },
          {
            ...lineSeries(
              nowLabel(input),
              of(pair.now, (point) => point.achievedRate),
              1,
              ink,
            ),
            symbol: 'none',
          },
        ],
      }) as EChartsOption,
  };
}

/** Percentiles on a scale that gives every nine the same room, as HdrHistogram plots them. */
const PERCENTILES = [0, 10, 25, 50, 60, 70, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.8, 99.9] as const;
const NAMED = new Set<number>([0, 50, 90, 95, 99, 99.9]);

function latencySpec(input: ReportInput): ChartSpec | null {
  const pair = latencyHistograms(input, 'benchmark', 'ttft');
  if (!pair) return null;
  const bearable = (histogram: Histogram) =>
    PERCENTILES.filter((percentile) => histogram.totalCount * (1 - percentile / 100) >= 5);
  const nines = (percentile: number) => -Math.log10(1 - percentile / 100);
  const of = (histogram: Histogram) =>
    bearable(histogram).map((percentile) => [nines(percentile), histogram.getValueAtPercentile(percentile) / 1_000]);
  if (of(pair.now).length < 2) return null;
  const names = new Map(
    [...NAMED].map((percentile) => [nines(percentile).toFixed(4), percentile === 0 ? 'min' : `p${percentile}`]),
  );
  return {
    id: 'latency',
    description: `TTFT by percentile of requests, benchmark: median ${formatValue('ms', pair.now.getValueAtPercentile(50) / 1_000)}, p95 ${formatValue('ms', pair.now.getValueAtPercentile(95) / 1_000)}.`,
    height: 360,
    option: (ink) =>
      ({
        legend: legend(ink),
        grid: [{ left: 72, right: 28, top: 70, bottom: 56 }],
        xAxis: [
          {
            ...xAxis('Percentile of requests', 0, ink),
            min: 0,
            max: 'dataMax',
            axisLabel: {
              color: ink.faint,
              customValues: [...NAMED].map(nines),
              formatter: (value: number) => names.get(value.toFixed(4)) ?? '',
            },
            axisTick: { customValues: [...NAMED].map(nines) },
            splitLine: { show: false },
          },
        ],
        yAxis: [{ ...yAxis('TTFT', 0, ink), axisLabel: { color: ink.faint, formatter: milliseconds } }],
        series: [
          ...(pair.baseline ? [lineSeries('baseline', of(pair.baseline), 0, ink)] : []),
          lineSeries(nowLabel(input), of(pair.now), 0, ink),
        ],
      }) as EChartsOption,
  };
}
