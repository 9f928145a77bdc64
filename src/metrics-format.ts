// The one place that renders a metric's numbers for people: values, changes and intervals, with their unit, as many
// digits as they deserve, and the sign of a censored value. Plain text; escaping is the caller's.

import { resolveMetric, type Unit } from './metrics.ts';

type Bound = 'exact' | 'above' | 'below';
const NOTHING = '–';
const SUFFIX: Readonly<Record<Unit, string>> = {
  ms: ' ms',
  s: ' s',
  per_second: ' req/s',
  tokens_per_second: ' tok/s',
  share: ' %',
  percent: ' %',
  count: '',
  tokens: ' tokens',
  bytes: ' B',
  watts: ' W',
  celsius: ' °C',
  mhz: ' MHz',
  money: '',
  cores: ' cores',
};

/** "412 ms", "1.24 s", "≥ 120 s", "0.21 %" (of a share), "41.2 req/s", "–" for null. Three significant digits. */
export function formatValue(unit: Unit, value: number | null, bound: Bound = 'exact'): string {
  if (value === null || !Number.isFinite(value)) return NOTHING;
  return `${bound === 'above' ? '≥ ' : bound === 'below' ? '≤ ' : ''}${withUnit(unit, value)}`;
}

/** The same by metric id; an unknown metric prints without a unit. */
export function formatMetricValue(metricId: string, value: number | null, bound: Bound = 'exact'): string {
  return formatValue(resolveMetric(metricId)?.unit ?? 'count', value, bound);
}

/** "+10.2 %" (of a share of change), "−1.5 s", "+0.3 points" (a difference of shares), "–" for null. */
export function formatChange(change: number | null, changeIs: 'share' | 'difference', unit: Unit): string {
  if (change === null || Number.isNaN(change)) return NOTHING;
  const [number, suffix] = changeParts(change, changeIs, unit);
  return `${number}${suffix}`;
}

/** "+9.1…+11.3 %"; the ends of an interval of a change, without their confidence. */
export function formatChangeInterval(
  interval: readonly [number, number] | null,
  changeIs: 'share' | 'difference',
  unit: Unit,
): string {
  if (interval === null) return NOTHING;
  const [low, lowSuffix] = changeParts(interval[0], changeIs, unit);
  const [high, highSuffix] = changeParts(interval[1], changeIs, unit);
  return lowSuffix === highSuffix ? `${low}…${high}${highSuffix}` : `${low}${lowSuffix}…${high}${highSuffix}`;
}

/** "23.9…24.4 ms"; the ends of an interval of a value. */
export function formatInterval(unit: Unit, interval: readonly [number, number] | null): string {
  if (interval === null) return NOTHING;
  const [low, high] = [withUnit(unit, interval[0]), withUnit(unit, interval[1])];
  const suffix = /\D+$/.exec(high)?.[0] ?? '';
  return suffix !== '' && low.endsWith(suffix) ? `${low.slice(0, -suffix.length)}…${high}` : `${low}…${high}`;
}

/** Three significant digits, no exponent, thousands apart: "24.1", "1,240", "0.00123"; whole numbers stay whole. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '∞' : value < 0 ? '−∞' : NOTHING;
  const size = Math.abs(value);
  // A mean of logarithms gives 59.999999999999986 for 60.
  const whole = Math.abs(size - Math.round(size)) <= 1e-9 * size;
  if (whole || size >= 100) return signed(value, grouped(size, 0));
  const rounded = Number(size.toPrecision(3));
  if (rounded === 0) return '0';
  const decimals = Math.min(8, Math.max(0, 2 - Math.floor(Math.log10(rounded))));
  return signed(value, grouped(size, decimals));
}

function withUnit(unit: Unit, value: number): string {
  const size = Math.abs(Number(value.toPrecision(3)));
  if (unit === 'ms' && size >= 1_000) return `${formatNumber(value / 1_000)} s`;
  if (unit === 's' && size >= 600) return `${formatNumber(value / 60)} min`;
  if (unit === 'share') return `${formatNumber(percent(value))} %`;
  if (unit === 'bytes') return formatBytes(value);
  return `${formatNumber(value)}${SUFFIX[unit]}`;
}

function formatBytes(value: number): string {
  const units = [' B', ' KiB', ' MiB', ' GiB', ' TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, Math.abs(value))) / 10)));
  return `${formatNumber(value / 1024 ** power)}${units[power]!}`;
}

function changeParts(change: number, changeIs: 'share' | 'difference', unit: Unit): readonly [string, string] {
  if (changeIs === 'share') return [plus(change, changePercent(100 * change)), ' %'];
  if (unit === 'share') return [plus(change, formatNumber(percent(change))), ' points'];
  const text = withUnit(unit, change);
  const suffix = /[^\d]+$/.exec(text)?.[0] ?? '';
  return [plus(change, text.slice(0, text.length - suffix.length)), suffix];
}

/** One decimal, none from 100 % on. */
function changePercent(value: number): string {
  if (!Number.isFinite(value)) return formatNumber(value);
  const size = Math.abs(value);
  return size >= 99.95 ? signed(value, grouped(size, 0)) : size < 0.05 ? '0.0' : signed(value, size.toFixed(1));
}

// 0.0007 × 100 is 0.06999999999999999: twelve digits are enough of a share.
const percent = (share: number): number => Number((share * 100).toPrecision(12));
const plus = (change: number, text: string): string => (change > 0 && !/^[0.]+$/.test(text) ? `+${text}` : text);
const signed = (value: number, text: string): string => (value < 0 && !/^[0.]+$/.test(text) ? `−${text}` : text);

function grouped(size: number, decimals: number): string {
  const [whole, fraction] = size.toFixed(decimals).split('.');
  const text = whole!.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? text : `${text}.${fraction}`;
}
