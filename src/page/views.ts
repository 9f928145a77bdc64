// What each chart shows of the data: load curve, surge, requests over time, distribution, signals, history.

import { formatNumber, formatValue } from '../metrics-format.ts';
import {
  type BootPage,
  type DigestLatency,
  type Distribution,
  type HistoryPoint,
  type MetricHistory,
  type Signal,
  type StagePage,
  stepMs,
} from '../report/page-shape.ts';
import type { CurvePoint, SurgePoint } from '../stages/measurement.ts';
import type { Line, Panel, View } from './view.ts';

const ms = (value: number): string => formatValue('ms', value);
const rate = (value: number): string => formatValue('per_second', value);
const share = (value: number): string => formatValue('share', value);
const seconds = (value: number): string => `${formatNumber(value)} s`;

export const CURVE_METRICS: Readonly<
  Record<
    string,
    { readonly name: string; readonly of: (point: CurvePoint) => number | null; readonly format: Panel['format'] }
  >
> = {
  ttftP95: { name: 'TTFT p95', of: (point) => point.ttftP95Ms, format: ms },
  ttftP50: { name: 'TTFT p50', of: (point) => point.ttftP50Ms, format: ms },
  tpotP95: { name: 'TPOT p95', of: (point) => point.tpotP95Ms, format: ms },
  tpotP50: { name: 'TPOT p50', of: (point) => point.tpotP50Ms, format: ms },
  e2eP95: { name: 'E2E p95', of: (point) => point.e2eP95Ms, format: ms },
  goodput: { name: 'Requests within the SLO', of: (point) => point.goodputShare, format: share },
  tokens: {
    name: 'Output tokens',
    of: (point) => point.tokensPerSecond,
    format: (value) => formatValue('tokens_per_second', value),
  },
  errors: { name: 'Failed requests', of: (point) => point.errorRate, format: share },
  inFlight: { name: 'Requests in flight', of: (point) => point.inFlightMean, format: formatNumber },
};

export function curveView(
  { curve, loadLine, cliffs }: StagePage,
  metric: string,
  nowLabel: string,
  compare: boolean,
): View {
  const { name, of, format } = CURVE_METRICS[metric]!;
  const baseline = compare ? curve!.baseline : null;
  const rates = ascending([...curve!.now, ...(baseline ?? [])].map((point) => point.offeredRate));
  const pair = (panel: 0 | 1, pick: (point: CurvePoint) => number | null): Line[] => [
    ...(baseline ? [line('baseline', panel, 'baseline', aligned(rates, baseline, pick))] : []),
    line(nowLabel, panel, 'now', aligned(rates, curve!.now, pick)),
  ];
  const marks = [
    { x: loadLine?.now ?? null, text: 'load line', isBaseline: false },
    { x: compare ? (loadLine?.baseline ?? null) : null, text: 'baseline', isBaseline: true },
  ];
  return {
    description: `${name} and achieved rate over the offered rate.`,
    x: { name: 'Offered rate', values: rates, format: rate },
    panels: [
      { name, format, mayBeLogarithmic: format === ms },
      { name: 'Achieved rate', format: rate },
    ],
    lines: [...pair(0, of), ...pair(1, (point) => point.achievedRate)],
    marks: marks.flatMap(({ x, ...mark }) => (x === null ? [] : [{ ...mark, x }])),
    bands: cliffs.map(({ from, to }) => ({ from, to, text: 'cliff' })),
    notes: cliffs.map(({ from, to, text }) => `Cliff between ${formatNumber(from)} and ${rate(to)}: ${text}.`),
  };
}

const aligned = (
  rates: readonly number[],
  points: readonly CurvePoint[],
  pick: (point: CurvePoint) => number | null,
) => {
  const known = new Map(points.map((point) => [point.offeredRate, pick(point)]));
  return rates.map((one) => known.get(one) ?? null);
};

export function surgeView({ surge }: StagePage, nowLabel: string, compare: boolean): View {
  const { now } = surge!;
  const baseline = compare ? surge!.baseline : null;
  const times = ascending([...now, ...(baseline ?? [])].map(({ tMs }) => tMs / 1_000));
  const at = (points: readonly SurgePoint[], pick: (point: SurgePoint) => number | null) => {
    const known = new Map(points.map((point) => [point.tMs / 1_000, pick(point)]));
    return times.map((time) => known.get(time) ?? null);
  };
  return {
    description: 'TTFT p95 by window of time, and offered rate, achieved rate and requests in flight.',
    x: { name: 'Time', values: times, format: seconds },
    panels: [
      { name: 'TTFT p95', format: ms, mayBeLogarithmic: true },
      { name: 'Requests', format: formatNumber },
    ],
    lines: [
      ...(baseline
        ? [
            line(
              'baseline',
              0,
              'baseline',
              at(baseline, (point) => point.ttftP95Ms),
            ),
          ]
        : []),
      line(
        nowLabel,
        0,
        'now',
        at(now, (point) => point.ttftP95Ms),
      ),
      {
        ...line(
          'offered, a second',
          1,
          'aside',
          at(now, (point) => point.offeredRate),
        ),
        isStep: true,
      },
      line(
        'achieved, a second',
        1,
        'now',
        at(now, (point) => point.achievedRate),
      ),
      line(
        'in flight',
        1,
        'baseline',
        at(now, (point) => point.inFlight),
      ),
    ],
  };
}

export const LATENCY_NAMES: Readonly<Record<Distribution['latency'], string>> = {
  ttft: 'TTFT',
  tpot: 'TPOT',
  icl: 'ICL',
  e2e: 'E2E',
};

export function overTimeView(boot: BootPage, latency: DigestLatency): View {
  const { p50, p95, p99, cells } = boot.overTime[latency];
  const width = boot.bucketMs / 1_000;
  const heat = Array.from({ length: cells.length / 3 }, (_, index) => {
    const [bucket, step, count] = cells.slice(3 * index, 3 * index + 3) as [number, number, number];
    return { x: bucket * width, width, low: stepMs(step), high: stepMs(step + 1), count };
  });
  return {
    description: `${LATENCY_NAMES[latency]} of all ${formatNumber(boot.requests)} requests by the time they were planned for: the darker, the more of them.`,
    x: { name: 'Time', values: p50.map((_, bucket) => (bucket + 0.5) * width), format: seconds, range: axisOf(boot) },
    panels: [{ name: LATENCY_NAMES[latency], format: ms, mayBeLogarithmic: true }],
    lines: [line('p50', 0, 'third', p50), line('p95', 0, 'now', p95), line('p99', 0, 'aside', p99)],
    bands: phasesOf(boot),
    heat: { cells: heat },
  };
}

const axisOf = ({ bucketMs, overTime }: BootPage): readonly [number, number] => [
  0,
  (overTime.ttft.p50.length * bucketMs) / 1_000,
];

const phasesOf = ({ phases }: BootPage): View['bands'] =>
  phases
    .filter((_, index) => index % 2 === 1)
    .map(({ name, startMs, endMs }) => ({ from: startMs / 1_000, to: endMs / 1_000, text: name }));

export function distributionView({ latency, now, baseline }: Distribution, nowLabel: string, compare: boolean): View {
  const other = compare ? baseline : null;
  const percentiles = ascending([...now, ...(other ?? [])].map(([percentile]) => percentile));
  const at = (pairs: Distribution['now']) => {
    const known = new Map(pairs);
    return percentiles.map((percentile) => known.get(percentile) ?? null);
  };
  // Every nine gets the same room, as HdrHistogram plots them.
  const nines = (percentile: number): number => -Math.log10(1 - percentile / 100);
  const back = new Map(percentiles.map((percentile) => [nines(percentile).toFixed(4), percentile]));
  return {
    description: `${LATENCY_NAMES[latency]} by percentile of requests.`,
    x: {
      name: 'Percentile',
      values: percentiles.map(nines),
      format: (value) => {
        const percentile = back.get(value.toFixed(4));
        return percentile === undefined ? '' : percentile === 0 ? 'min' : `p${percentile}`;
      },
      ticks: [0, 50, 90, 99, 99.9, 99.99].filter((one) => percentiles.includes(one)).map(nines),
    },
    panels: [{ name: LATENCY_NAMES[latency], format: ms, mayBeLogarithmic: true }],
    lines: [...(other ? [line('baseline', 0, 'baseline', at(other))] : []), line(nowLabel, 0, 'now', at(now))],
  };
}

export function signalView(boot: BootPage, { label, unit, mean, max }: BootPage['signals'][number]): View {
  const width = boot.bucketMs / 1_000;
  const kept = mean.flatMap((value, bucket) => (value === null ? [] : [bucket]));
  const at = (values: Signal['mean']) => kept.map((bucket) => values[bucket] ?? null);
  return {
    description: `${label} over time.`,
    x: { name: 'Time', values: kept.map((bucket) => (bucket + 0.5) * width), format: seconds, range: axisOf(boot) },
    panels: [{ name: label, format: (value) => formatValue(unit, value) }],
    lines: [line('mean', 0, 'now', at(mean)), line('highest', 0, 'aside', at(max))],
    bands: phasesOf(boot),
  };
}

export function historyView({ label, unit, segments, points }: MetricHistory, nowLabel: string): View {
  const texts = points.map(({ value, bound }) => formatValue(unit, value, bound));
  const of = (isNow: boolean) => points.map(({ segment, value }) => (isNow === (segment === null) ? value : null));
  return {
    description: `${label} of every boot of the baseline, and of ${nowLabel}. Each shaded or unshaded span is a segment: a level that was accepted.`,
    x: {
      name: 'Boot',
      values: points.map((_, index) => index),
      format: (value) => aboutBoot(points[Math.round(value)]),
      short: (value) => points[Math.round(value)]?.at.slice(0, 10) ?? '',
      range: [-0.5, points.length - 0.5],
      ticks: points.map((_, index) => index),
    },
    panels: [{ name: label, format: (value) => formatValue(unit, value), floats: true }],
    lines: [
      { ...line('baseline', 0, 'baseline', of(false)), texts },
      { ...line(nowLabel, 0, 'points', of(true)), texts },
    ],
    bands: segments.flatMap(({ reason }, index) => {
      const inside = points.flatMap(({ segment }, at) => (segment === index ? [at] : []));
      if (index % 2 === 1 || inside.length === 0) return [];
      return [{ from: inside[0]! - 0.5, to: inside.at(-1)! + 0.5, text: reason }];
    }),
  };
}

const aboutBoot = (point: HistoryPoint | undefined): string =>
  point === undefined
    ? ''
    : `${point.at.slice(0, 16).replace('T', ' ')}${point.commit === null ? '' : `, commit ${point.commit.slice(0, 7)}`}`;

const line = (name: string, panel: 0 | 1, style: Line['style'], values: Line['values']): Line => ({
  name,
  panel,
  style,
  values,
});

const ascending = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
