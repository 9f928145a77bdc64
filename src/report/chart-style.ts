// How charts look: ink on white and on black, axes, the two series that are told apart by shape, dash and colour.

import { formatValue } from '../metrics-format.ts';

export type Theme = 'light' | 'dark';
export interface Ink {
  readonly text: string;
  readonly faint: string;
  readonly grid: string;
  readonly background: string;
  readonly now: string;
  readonly baseline: string;
  /** Neither this run nor the baseline. */
  readonly third: string;
  readonly area: string;
}

/** Unquoted: ECharts writes it into an attribute as it is. */
export const FONT = 'system-ui, -apple-system, Segoe UI, Noto Sans, Helvetica, Arial, sans-serif';
export const INKS: Readonly<Record<Theme, Ink>> = {
  light: {
    text: '#1f2328',
    faint: '#59636e',
    grid: '#d1d9e0',
    background: '#ffffff',
    now: '#0969da',
    baseline: '#bc6c25',
    third: '#8250df',
    area: 'rgba(101,109,118,0.10)',
  },
  dark: {
    text: '#f0f6fc',
    faint: '#9198a1',
    grid: '#3d444d',
    background: '#0d1117',
    now: '#58a6ff',
    baseline: '#e3a857',
    third: '#b78aff',
    area: 'rgba(145,152,161,0.14)',
  },
};

/** Shape and dash as well as colour tell the two apart. */
export const lineSeries = (name: string, data: readonly (readonly (number | null)[])[], grid: number, ink: Ink) => {
  const isBaseline = name === 'baseline';
  const color = isBaseline ? ink.baseline : ink.now;
  return {
    type: 'line' as const,
    name,
    xAxisIndex: grid,
    yAxisIndex: grid,
    data,
    symbol: 'circle',
    symbolSize: data.length > 40 ? 0 : isBaseline ? 7 : 6,
    itemStyle: isBaseline ? { color: ink.background, borderColor: color, borderWidth: 1.75 } : { color },
    lineStyle: { color, width: isBaseline ? 1.75 : 2.25, type: isBaseline ? ('dashed' as const) : ('solid' as const) },
  };
};

export const legend = (ink: Ink) => ({
  top: 12,
  left: 68,
  textStyle: { color: ink.text, fontSize: 13 },
  itemWidth: 28,
});

const axis = (gridIndex: number, ink: Ink) => ({
  type: 'value' as const,
  gridIndex,
  nameTextStyle: { color: ink.faint, fontSize: 12 },
  axisLabel: { color: ink.faint },
  axisLine: { show: true, lineStyle: { color: ink.grid } },
  splitLine: { lineStyle: { color: ink.grid, opacity: 0.6 } },
});
export const xAxis = (name: string, gridIndex: number, ink: Ink) => ({
  ...axis(gridIndex, ink),
  name,
  nameLocation: 'middle' as const,
  nameGap: 32,
});
export const yAxis = (name: string, gridIndex: number, ink: Ink) => ({
  ...axis(gridIndex, ink),
  name,
  nameLocation: 'end' as const,
  nameGap: 12,
  nameTextStyle: { color: ink.faint, fontSize: 12, align: 'left' as const, padding: [0, 0, 0, -40] },
});

export const milliseconds = (value: number): string => formatValue('ms', value);
