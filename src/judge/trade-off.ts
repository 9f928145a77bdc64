// A change that buys throughput with latency, or latency with throughput, is neither better nor worse: one sentence puts
// both sides and, where a price is given, the cost beside each other. It is a note; the verdicts stay what they are.

import type { Config } from '../config/schema.ts';
import { resolveMetric } from '../metrics.ts';
import { formatChange, formatMetricValue } from '../metrics-format.ts';
import { changeOf, where } from './headline.ts';

import type { Comparison, ComparisonVerdict, Finding } from './verdict.ts';

/** What capacity is read from, most telling first. */
const CAPACITY: readonly string[] = ['throughput.tokens', 'saturation.rate', 'knee.rate', 'throughput.requests'];

export function tradeOff(comparisons: readonly Comparison[], price: Config['price']): Finding[] {
  const latencies = comparisons.filter(({ metric }) => resolveMetric(metric)?.unit === 'ms');
  const capacities = CAPACITY.flatMap((id) => comparisons.filter(({ metric }) => metric === id));
  const worse: readonly ComparisonVerdict[] = ['regressed', 'suspected'];
  for (const [latency, capacity] of [
    [largest(latencies, worse), first(capacities, ['improved'])],
    [largest(latencies, ['improved']), first(capacities, worse)],
  ]) {
    if (!latency || !capacity) continue;
    const sides = [`${where(latency)} ${changeOf(latency)}`, `${where(capacity)} ${changeOf(capacity)}`];
    const cost = price === undefined ? null : costClause(comparisons, price);
    return [
      {
        kind: 'note',
        severity: 'info',
        message: `A trade: ${[...sides, ...(cost === null ? [] : [cost])].join(', ')}.`,
        advice: null,
      },
    ];
  }
  return [];
}

const first = (list: readonly Comparison[], verdicts: readonly ComparisonVerdict[]): Comparison | undefined =>
  list.find((one) => verdicts.includes(one.verdict) && one.change !== null);

/** Gates before the rest, then by size. */
const largest = (list: readonly Comparison[], verdicts: readonly ComparisonVerdict[]): Comparison | undefined =>
  first(
    list.toSorted((a, b) => Number(b.gate) - Number(a.gate) || Math.abs(b.change ?? 0) - Math.abs(a.change ?? 0)),
    verdicts,
  );

/** What a million tokens cost on the plateau is the price of its time over its throughput, on both sides at today's price. */
function costClause(
  comparisons: readonly Comparison[],
  { gpuHour, gpus, currency }: NonNullable<Config['price']>,
): string | null {
  const tokens = comparisons.find(({ metric, stage }) => metric === 'throughput.tokens' && stage === 'linear');
  if (!tokens?.baseline || !tokens.candidate) return null;
  const cost = (perSecond: number): number => ((gpuHour * gpus) / 3_600 / perSecond) * 1e6;
  const [before, after] = [cost(tokens.baseline), cost(tokens.candidate)];
  const amount = (value: number): string => formatMetricValue('cost.per_million_tokens', value);
  return `cost of a million tokens ${formatChange(after / before - 1, 'share', 'money')} (${amount(before)} → ${amount(after)} ${currency})`;
}
