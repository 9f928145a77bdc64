// A chart in characters: lines in braille dots (two by four to a character), points, axes and marked rates. Gives
// lines of text of one width, for the terminal.

import { formatNumber } from '../metrics-format.ts';
import { type Colors, displayWidth } from './table.ts';

export interface PlotSeries {
  /** In order of x. Finite. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Solid with filled points, or dotted with hollow ones. */
  readonly style: 'solid' | 'dotted';
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  /** Solid last: it is drawn over the dotted. */
  readonly series: readonly PlotSeries[];
  /** Vertical marks, named below the axis by their sign. */
  readonly marks: readonly { readonly x: number; readonly sign: string }[];
  readonly formatY: (value: number) => string;
  /** Ratio scale: equal factors are equally high. */
  readonly logarithmic: boolean;
}

/** Lines of exactly `width` columns (colours apart): title, `height` rows of plot, axis, numbers. */
export function drawPlot(
  plot: Plot,
  size: { readonly width: number; readonly height: number },
  colors: Colors,
): string[] {
  const points = plot.series.flatMap((series) => series.points);
  if (points.length === 0) return [];
  const scale = scaleOf(plot, points);
  const labels = yLabels(plot, scale, size.height);
  const gutter = Math.max(...labels.map(displayWidth));
  const columns = Math.max(8, size.width - gutter - 2);
  const cells = canvas(plot, scale, columns, size.height);
  const rows = cells.map((row, index) => {
    const axis = labels[index] === '' ? '│' : '┤';
    return `${colors.dim(`${labels[index]!.padStart(gutter)} ${axis}`)}${row.map((cell) => paint(cell, colors)).join('')}`;
  });
  const axis = Array.from({ length: columns }, () => '─');
  for (const { x, sign } of plot.marks) axis[columnOf(scale.x(x), columns)] = sign;
  return [
    colors.bold(` ${plot.title}`.padEnd(size.width).slice(0, size.width)),
    ...rows,
    colors.dim(`${' '.repeat(gutter)} └${axis.join('')}`),
    colors.dim(xLabels(plot, scale, gutter + 2, columns, size.width)),
  ];
}

interface Scale {
  /** To 0..1. */
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly xRange: readonly [number, number];
  /** Value at a height of 0..1. */
  readonly atY: (height: number) => number;
}

function scaleOf({ logarithmic, marks }: Plot, points: readonly (readonly [number, number])[]): Scale {
  const xs = [...points.map(([x]) => x), ...marks.map(({ x }) => x)];
  const ys = points.map(([, y]) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const top = Math.max(...ys);
  const least = Math.min(...ys.filter((y) => y > 0), top);
  const logs = logarithmic && least > 0;
  const [low, high] = logs ? [Math.log(least), Math.log(top)] : [0, top];
  const span = high - low || 1;
  return {
    x: (value) => (value - left) / (right - left || 1),
    y: (value) => ((logs ? Math.log(Math.max(value, least)) : value) - low) / span,
    xRange: [left, right],
    atY: (height) => (logs ? Math.exp(low + height * span) : low + height * span),
  };
}

interface PlotCell {
  dots: number;
  sign: string;
  style: 'solid' | 'dotted' | 'mark' | null;
}

/** Bits of a braille character by row and column of its dots. */
const DOT = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

function canvas({ series, marks }: Plot, scale: Scale, columns: number, height: number): PlotCell[][] {
  const cells = Array.from({ length: height }, () =>
    Array.from({ length: columns }, (): PlotCell => ({ dots: 0, sign: '', style: null })),
  );
  for (const { x } of marks)
    for (const row of cells) row[columnOf(scale.x(x), columns)] = { dots: 0, sign: '┊', style: 'mark' };
  for (const { points, style } of series) {
    const dots = points.map(
      ([x, y]) =>
        [Math.round(scale.x(x) * (2 * columns - 1)), Math.round((1 - scale.y(y)) * (4 * height - 1))] as const,
    );
    for (let index = 1; index < dots.length; index++) line(cells, dots[index - 1]!, dots[index]!, style);
  }
  for (const { points, style } of series) {
    for (const [x, y] of points) {
      const row = Math.min(height - 1, Math.floor(Math.round((1 - scale.y(y)) * (4 * height - 1)) / 4));
      cells[row]![columnOf(scale.x(x), columns)] = { dots: 0, sign: style === 'solid' ? '●' : '○', style };
    }
  }
  return cells;
}

function line(
  cells: PlotCell[][],
  from: readonly [number, number],
  to: readonly [number, number],
  style: 'solid' | 'dotted',
): void {
  const steps = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]), 1);
  for (let step = 0; step <= steps; step++) {
    if (style === 'dotted' && step % 3 !== 0) continue;
    const x = Math.round(from[0] + ((to[0] - from[0]) * step) / steps);
    const y = Math.round(from[1] + ((to[1] - from[1]) * step) / steps);
    const cell = cells[y >> 2]?.[x >> 1];
    if (!cell) continue;
    if (cell.style !== style) Object.assign(cell, { dots: 0, sign: '', style });
    cell.dots |= DOT[y & 3]![x & 1]!;
  }
}

const columnOf = (share: number, columns: number): number =>
  Math.min(columns - 1, Math.floor(Math.round(share * (2 * columns - 1)) / 2));

function paint({ dots, sign, style }: PlotCell, colors: Colors): string {
  const text = sign === '' ? (dots === 0 ? ' ' : String.fromCharCode(0x2800 + dots)) : sign;
  if (style === 'solid') return colors.cyan(text);
  if (style === 'dotted') return colors.yellow(text);
  return style === 'mark' ? colors.dim(text) : text;
}

/** Top, middle and bottom; '' between. */
function yLabels({ formatY }: Plot, scale: Scale, height: number): string[] {
  const middle = Math.floor((height - 1) / 2);
  return Array.from({ length: height }, (_, row) => {
    if (row !== 0 && row !== middle && row !== height - 1) return '';
    return formatY(scale.atY(1 - row / (height - 1)));
  });
}

function xLabels(
  { xLabel }: Plot,
  { xRange: [left, right] }: Scale,
  indent: number,
  columns: number,
  width: number,
): string {
  const first = formatNumber(Number(left.toPrecision(3)));
  const last = formatNumber(Number(right.toPrecision(3)));
  const room = columns - first.length - last.length;
  const middle = xLabel.length + 2 <= room ? xLabel : '';
  const before = Math.floor((room - middle.length) / 2);
  const text = `${first}${' '.repeat(before)}${middle}${' '.repeat(room - middle.length - before)}${last}`;
  return `${' '.repeat(indent)}${text}`.padEnd(width);
}
