// One chart on the page: drawn by ECharts, walked by the keyboard, and written out as a table.

import { CustomChart, LineChart } from 'echarts/charts';
import {
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
} from 'echarts/components';
import { type ECharts, init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import type { EChartsOption } from 'echarts/types/dist/shared';
import { FONT, INKS, type Ink } from '../report/chart-style.ts';
import { button, element } from './dom.ts';
import { isLogarithmic, type Line, logTicks, type Panel, rowsOf, type View } from './view.ts';

use([
  CustomChart,
  LineChart,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
  CanvasRenderer,
]);

const dark = matchMedia('(prefers-color-scheme: dark)');
const still = matchMedia('(prefers-reduced-motion: reduce)');
/** On a screen that is touched, dragging over a chart must scroll the page. */
const touch = matchMedia('(pointer: coarse)');
const HINT = 'Arrow keys step through the points, + and − zoom, 0 shows all.';

export interface ChartBox {
  readonly zoom: HTMLElement;
  readonly body: HTMLElement;
  show(view: View): void;
  dispose(): void;
}

/** An empty chart with its buttons and its table. */
export function chartBox(name: string): ChartBox {
  const canvas = element('div', { class: 'chart', tabindex: 0, role: 'group' });
  const spoken = element('p', { class: 'spoken', 'aria-live': 'polite' });
  const notes = element('div');
  const table = element('details', { class: 'numbers' }, element('summary', {}, 'These numbers as a table'));
  let chart: ECharts | null = null;
  let shown: View | null = null;
  let at = -1;

  const zoomBy = (factor: number): void => {
    const [start, end] = rangeOf(chart);
    const half = Math.min(50, Math.max(1, ((end - start) * factor) / 2));
    const middle = Math.min(100 - half, Math.max(half, pointShare() ?? (start + end) / 2));
    chart?.dispatchAction({ type: 'dataZoom', start: middle - half, end: middle + half });
  };
  const reset = (): void => void chart?.dispatchAction({ type: 'dataZoom', start: 0, end: 100 });
  const pan = (by: number): void => {
    const [start, end] = rangeOf(chart);
    const shift = Math.min(100 - end, Math.max(-start, by * (end - start)));
    chart?.dispatchAction({ type: 'dataZoom', start: start + shift, end: end + shift });
  };
  /** Where the point that the keyboard stands on lies, in percent of the axis. */
  const pointShare = (): number | null => {
    const values = shown?.x.values ?? [];
    const value = values[at];
    if (value === undefined) return null;
    const [low, high] = [values[0]!, values.at(-1)!];
    return high > low ? (100 * (value - low)) / (high - low) : null;
  };
  const stepTo = (index: number): void => {
    const count = shown?.x.values.length ?? 0;
    if (!shown || count === 0) return;
    at = Math.min(count - 1, Math.max(0, index));
    const { columns, rows } = rowsOf(shown);
    spoken.textContent = rows[at]!.map((text, column) => `${columns[column]} ${text}`).join(', ');
    const series = shown.lines.findIndex(({ values }) => values[at] !== null);
    if (series >= 0) chart?.dispatchAction({ type: 'showTip', seriesIndex: series, dataIndex: at });
  };
  canvas.addEventListener('keydown', (event) => {
    const keys: Readonly<Record<string, () => void>> = {
      ArrowRight: () => stepTo(at + 1),
      ArrowLeft: () => stepTo(at - 1),
      Home: () => stepTo(0),
      End: () => stepTo(Number.MAX_SAFE_INTEGER),
      '+': () => zoomBy(0.5),
      '=': () => zoomBy(0.5),
      '-': () => zoomBy(2),
      '0': reset,
      Escape: () => chart?.dispatchAction({ type: 'hideTip' }),
    };
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  canvas.addEventListener('blur', () => chart?.dispatchAction({ type: 'hideTip' }));
  table.addEventListener('toggle', () => fill(table, shown));

  const draw = (): void => {
    if (!shown || canvas.clientWidth === 0) return;
    chart ??= init(canvas, null, { renderer: 'canvas' });
    chart.setOption(optionOf(shown, INKS[dark.matches ? 'dark' : 'light'], canvas.clientWidth), { notMerge: true });
  };
  const resized = new ResizeObserver(() => {
    chart?.resize();
    draw();
  });
  resized.observe(canvas);
  dark.addEventListener('change', draw);

  const zoom = element(
    'div',
    { class: 'zoom', role: 'group', 'aria-label': `Zoom: ${name}` },
    button('+', `Zoom in: ${name}`, () => zoomBy(0.5)),
    button('−', `Zoom out: ${name}`, () => zoomBy(2)),
    button('←', `Earlier: ${name}`, () => pan(-0.5)),
    button('→', `Later: ${name}`, () => pan(0.5)),
    button('All', `Show all: ${name}`, reset),
  );
  return {
    zoom,
    body: element('div', {}, canvas, spoken, notes, table),
    show(view) {
      shown = view;
      at = -1;
      spoken.textContent = '';
      notes.replaceChildren(...(view.notes ?? []).map((note) => element('p', { class: 'faint' }, note)));
      canvas.setAttribute('aria-label', `${view.description} ${HINT}`);
      canvas.classList.toggle('tall', view.panels.length > 1);
      if (table.open) fill(table, shown);
      draw();
    },
    dispose() {
      resized.disconnect();
      dark.removeEventListener('change', draw);
      chart?.dispose();
    },
  };
}

function rangeOf(chart: ECharts | null): readonly [number, number] {
  const [zoom] = (chart?.getOption().dataZoom ?? []) as { start?: number; end?: number }[];
  return [zoom?.start ?? 0, zoom?.end ?? 100];
}

/** Written only when it is opened: hundreds of rows that few look at. */
function fill(table: HTMLDetailsElement, view: View | null): void {
  table.querySelector('div')?.remove();
  if (!table.open || !view) return;
  const { columns, rows } = rowsOf(view);
  const head = element('tr', {}, ...columns.map((text) => element('th', { scope: 'col' }, text)));
  const body = rows.map((row) => element('tr', {}, ...row.map((text) => element('td', { class: 'r' }, text))));
  table.append(
    element(
      'div',
      { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Table' },
      element('table', {}, element('thead', {}, head), element('tbody', {}, ...body)),
    ),
  );
}

const TOP = 70;
const LEFT = 62;
function optionOf(view: View, ink: Ink, width: number): EChartsOption {
  const grids = view.panels.map((_, index) =>
    view.panels.length === 1
      ? { left: LEFT, right: 22, top: TOP, bottom: 78 }
      : index === 0
        ? { left: LEFT, right: 22, top: TOP, height: 210 }
        : { left: LEFT, right: 22, top: 330, bottom: 78 },
  );
  const last = view.panels.length - 1;
  const { columns, rows } = rowsOf(view);
  const logs = view.panels.map((panel, index) => {
    const values = valuesOf(view, index);
    return panel.mayBeLogarithmic === true && isLogarithmic(values)
      ? { low: Math.min(...values) / 1.1, high: Math.max(...values) * 1.1 }
      : null;
  });
  const [min, max] = view.x.range ?? [view.x.values[0], view.x.values.at(-1)];
  return {
    animation: !still.matches && view.heat === undefined,
    animationDuration: 250,
    textStyle: { fontFamily: FONT, color: ink.text },
    legend: { top: 4, left: 4, type: 'scroll', textStyle: { color: ink.text }, itemWidth: 26, data: names(view) },
    grid: grids,
    tooltip: {
      trigger: 'axis',
      confine: true,
      backgroundColor: ink.background,
      borderColor: ink.grid,
      textStyle: { color: ink.text, fontSize: 13 },
      axisPointer: { type: 'line', lineStyle: { color: ink.faint } },
      formatter: (given: unknown) => tip(given, columns, rows, view),
    },
    axisPointer: { link: [{ xAxisIndex: 'all' }] },
    dataZoom: [
      {
        type: 'slider',
        xAxisIndex: view.panels.map((_, index) => index),
        bottom: 8,
        height: 22,
        left: LEFT,
        right: 22,
        filterMode: 'none',
        showDetail: false,
        borderColor: ink.grid,
        fillerColor: ink.area,
        handleStyle: { color: ink.background, borderColor: ink.faint },
        moveHandleStyle: { color: ink.faint },
        dataBackground: { lineStyle: { color: ink.grid }, areaStyle: { color: ink.area } },
        selectedDataBackground: { lineStyle: { color: ink.faint }, areaStyle: { color: ink.area } },
      },
      ...(touch.matches
        ? []
        : [
            {
              type: 'inside' as const,
              xAxisIndex: view.panels.map((_, index) => index),
              zoomOnMouseWheel: 'ctrl' as const,
              filterMode: 'none' as const,
            },
          ]),
    ],
    xAxis: view.panels.map((_, index) => ({
      type: 'value' as const,
      gridIndex: index,
      min,
      max,
      name: index === last ? view.x.name : '',
      nameLocation: 'middle' as const,
      nameGap: 28,
      nameTextStyle: { color: ink.faint },
      splitNumber: width < 500 ? 3 : 6,
      axisLabel: {
        color: ink.faint,
        hideOverlap: true,
        showMinLabel: true,
        formatter: view.x.short ?? view.x.format,
        ...(view.x.ticks ? { customValues: [...view.x.ticks] } : {}),
      },
      axisTick: view.x.ticks ? { customValues: [...view.x.ticks] } : {},
      axisLine: { lineStyle: { color: ink.grid } },
      splitLine: { show: false },
    })),
    yAxis: view.panels.map((panel, index) => ({
      ...yScale(logs[index] ?? null, panel),
      gridIndex: index,
      name: panel.name,
      nameTextStyle: { color: ink.faint, align: 'left' as const, padding: [0, 0, 0, 8 - LEFT] },
      splitNumber: index === 0 ? 5 : 3,
      axisLabel: { color: ink.faint, formatter: panel.format, ...ticksOf(logs[index] ?? null) },
      axisTick: ticksOf(logs[index] ?? null),
      axisLine: { show: true, lineStyle: { color: ink.grid } },
      splitLine: { lineStyle: { color: ink.grid, opacity: 0.6 } },
    })),
    series: [
      ...view.lines.map((line, index) => lineSeries(view, line, index, ink)),
      ...(view.heat ? [heatSeries(view.heat.cells, ink)] : []),
    ],
  } as EChartsOption;
}

type LogRange = { readonly low: number; readonly high: number } | null;

const yScale = (log: LogRange, { floats }: Panel) =>
  log ? { type: 'log' as const, min: log.low, max: log.high } : { type: 'value' as const, scale: floats === true };

const ticksOf = (log: LogRange) => (log ? { customValues: logTicks(log.low, log.high) } : {});

const names = ({ lines }: View): string[] => [...new Set(lines.map(({ name }) => name))];

const valuesOf = ({ lines, heat }: View, panel: number): number[] => [
  ...lines.flatMap((line) => (line.panel === panel ? line.values.filter((value) => value !== null) : [])),
  ...(panel === 0 && heat ? heat.cells.flatMap(({ low, high }) => [low, high]) : []),
];

function lineSeries(
  { x, marks = [], bands = [], lines }: View,
  { name, panel, values, style, isStep }: Line,
  index: number,
  ink: Ink,
) {
  const color = { now: ink.now, points: ink.now, baseline: ink.baseline, third: ink.third, aside: ink.faint }[style];
  const many = values.length > 60;
  const isFirst = lines.findIndex((line) => line.panel === panel) === index;
  return {
    type: 'line',
    name,
    xAxisIndex: panel,
    yAxisIndex: panel,
    data: x.values.map((value, at) => [value, values[at] ?? null]),
    connectNulls: style !== 'points' && !many,
    ...(isStep ? { step: 'middle' } : {}),
    symbol: ({ now: 'circle', points: 'diamond', baseline: 'circle', third: 'rect', aside: 'none' } as const)[style],
    symbolSize: style === 'points' ? 12 : many ? 0 : style === 'third' ? 5 : 7,
    showSymbol: !many,
    z: 5,
    itemStyle: style === 'baseline' ? { color: ink.background, borderColor: color, borderWidth: 2 } : { color },
    lineStyle: {
      color,
      width: style === 'now' ? 2.25 : style === 'points' ? 0 : 1.75,
      type: ({ now: 'solid', points: 'solid', baseline: 'dashed', third: [8, 3, 2, 3], aside: 'dotted' } as const)[
        style
      ],
    },
    markLine: {
      silent: true,
      symbol: 'none',
      data: (isFirst ? marks : []).map((mark) => ({
        xAxis: mark.x,
        lineStyle: { color: mark.isBaseline ? ink.baseline : ink.now, type: 'dashed', width: 1.5 },
        label: {
          show: panel === 0,
          formatter: `${mark.text} ${x.format(mark.x)}`,
          color: ink.text,
          position: 'end',
          rotate: 0,
          distance: mark.isBaseline ? 18 : 4,
        },
      })),
    },
    markArea: {
      silent: true,
      itemStyle: { color: ink.area },
      label: { show: panel === 0, color: ink.faint, position: 'insideTop', overflow: 'truncate', width: 140 },
      data: (isFirst ? bands : []).map(({ from, to, text }) => [{ xAxis: from, name: text }, { xAxis: to }]),
    },
  };
}

function heatSeries(cells: NonNullable<View['heat']>['cells'], ink: Ink) {
  const most = Math.max(1, ...cells.map(({ count }) => count));
  return {
    type: 'custom',
    name: 'requests',
    xAxisIndex: 0,
    yAxisIndex: 0,
    silent: true,
    clip: true,
    z: 1,
    tooltip: { show: false },
    data: cells.map(({ x, width, low, high, count }) => [x, low, x + width, high, count]),
    encode: { x: [0, 2], y: [1, 3] },
    renderItem: (
      _: unknown,
      api: { value: (dimension: number) => number; coord: (point: number[]) => [number, number] },
    ) => {
      const [left, bottom] = api.coord([api.value(0), api.value(1)]);
      const [right, top] = api.coord([api.value(2), api.value(3)]);
      // Square root: single requests stay visible beside thousands.
      const opacity = 0.12 + 0.7 * Math.sqrt(api.value(4) / most);
      return {
        type: 'rect',
        shape: { x: left, y: top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) },
        style: { fill: ink.faint, opacity },
      };
    },
  };
}

/** The row of the table that lies nearest to where the pointer is. */
function tip(given: unknown, columns: readonly string[], rows: readonly string[][], { x }: View): HTMLElement {
  const [first] = (Array.isArray(given) ? given : [given]) as { axisValue?: number; value?: number[] }[];
  const value = Number(first?.axisValue ?? first?.value?.[0] ?? 0);
  let nearest = 0;
  for (const [index, one] of x.values.entries())
    if (Math.abs(one - value) < Math.abs(x.values[nearest]! - value)) nearest = index;
  const row = rows[nearest] ?? [];
  return element(
    'div',
    {},
    element('strong', {}, `${columns[0]} ${row[0] ?? ''}`),
    ...row.slice(1).map((text, index) => element('div', {}, `${columns[index + 1]}: ${text}`)),
  );
}
