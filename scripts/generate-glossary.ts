// Writes the table of metrics (src/metrics.ts) into docs/glossary.md, between its markers. With --check it writes
// nothing and fails where they differ.

import { markdownTable } from 'markdown-table';
import { METRICS, type MetricDefinition, type Unit } from '../src/metrics.ts';
import { cell, generate } from './markers.ts';

const UNITS: Readonly<Record<Unit, string>> = {
  ms: 'ms',
  s: 's',
  per_second: 'requests/s',
  tokens_per_second: 'tokens/s',
  share: 'share (0 to 1)',
  percent: '%',
  count: 'number',
  tokens: 'tokens',
  bytes: 'bytes',
  watts: 'W',
  celsius: '°C',
  mhz: 'MHz',
  money: 'price’s currency',
  cores: 'cores',
};
const compared = METRICS.filter((metric) => metric.scale !== 'info');
const shown = METRICS.filter((metric) => metric.scale === 'info');

generate(new URL('../docs/glossary.md', import.meta.url), 'src/metrics.ts', {
  metrics: markdownTable([
    ['Metric', 'Name', 'Unit', 'Better', 'Definition', 'Minimum effect', 'Margin', 'Assumed sd', 'Resolution'],
    ...compared.map((metric) => [
      ...named(metric),
      metric.better,
      cell(metric.formula),
      amounts(metric, metric.minimumEffect),
      amounts(metric, metric.equivalenceMargin),
      amounts(metric, metric.priorSd),
      metric.resolution === undefined ? '–' : amount(metric.resolution, UNITS[metric.unit]),
    ]),
  ]),
  'metrics-shown': markdownTable([
    ['Metric', 'Name', 'Unit', 'Definition'],
    ...shown.map((metric) => [...named(metric), cell(metric.formula)]),
  ]),
});

function named({ id, label, unit, statistics }: MetricDefinition): [string, string, string] {
  const suffixes = statistics.length === 0 ? '' : ` ${statistics.map((statistic) => `\`.${statistic}\``).join(' ')}`;
  return [`\`${id}\`${suffixes}`, label, UNITS[unit]];
}

/** "3 %, p99 5 %": shares for metrics on a log scale and for shares themselves, else in the unit. */
function amounts({ scale, unit }: MetricDefinition, value: Readonly<Record<string, number>> | number): string {
  const one = (number: number): string =>
    scale === 'log'
      ? amount(number * 100, '%')
      : unit === 'share'
        ? amount(number * 100, number === 0.01 ? 'point' : 'points')
        : amount(number, UNITS[unit]);
  if (typeof value === 'number') return one(value);
  const { default: usual, ...special } = value;
  return [
    ...(usual === undefined ? [] : [one(usual)]),
    ...Object.entries(special).map(([name, number]) => `${name} ${one(number)}`),
  ].join(', ');
}

/** Twelve digits: 0.07 × 100 is not quite 7. */
function amount(value: number, unit: string): string {
  return `${Number(value.toPrecision(12))}${unit === 'number' ? '' : ` ${unit}`}`;
}
