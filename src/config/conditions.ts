// One side of an SLA rule, "< 500ms" or "< baseline + 10%". In: the text and its metric. Out: the operator and the limit
// in the metric's own unit, or what is wrong with it.

import type { ResolvedMetric, Unit } from '../metrics.ts';
import type { Condition } from './schema.ts';
import { parseBytes, parseDurationMs, parseRatePerSecond, parseShare } from './units.ts';

const NUMBER = /^[0-9]+(?:\.[0-9]+)?$/;
const plain = (text: string): number | undefined => (NUMBER.test(text) ? Number(text) : undefined);
const suffixed = (pattern: RegExp) => (text: string) => plain(text.replace(pattern, '').trim());
const scaled = (value: number | undefined, factor: number): number | undefined =>
  value === undefined ? undefined : value * factor;

/** How a limit in each unit is written; `read` gives it in the unit, undefined where it is not that unit. */
const UNITS: Readonly<
  Record<Unit, { readonly expected: string; readonly read: (text: string) => number | undefined }>
> = {
  ms: { expected: 'a duration such as "500ms"', read: parseDurationMs },
  s: { expected: 'a duration such as "30s"', read: (text) => scaled(parseDurationMs(text), 1e-3) },
  per_second: { expected: 'a rate such as "20/s"', read: parseRatePerSecond },
  tokens_per_second: {
    expected: 'a token rate such as "3000 tokens/s"',
    read: (text) => parseRatePerSecond(text.replace(/\s*tok(?:ens?)?\s*\//, '/')),
  },
  share: { expected: 'a share such as "1%" or "0.01"', read: (text) => parseShare(text) ?? atMostOne(plain(text)) },
  percent: { expected: 'a percentage such as "85%"', read: (text) => scaled(parseShare(text), 100) },
  count: { expected: 'a number such as "5"', read: plain },
  tokens: { expected: 'a number of tokens such as "300"', read: suffixed(/\s*tokens?$/) },
  bytes: { expected: 'a size such as "40GiB"', read: parseBytes },
  watts: { expected: 'a power such as "300W"', read: suffixed(/\s*W$/) },
  celsius: { expected: 'a temperature such as "80C"', read: suffixed(/\s*°?C$/) },
  mhz: { expected: 'a clock such as "1200MHz"', read: suffixed(/\s*MHz$/) },
  money: { expected: 'an amount such as "0.002"', read: plain },
  cores: { expected: 'a number of cores such as "4"', read: suffixed(/\s*cores?$/) },
};
const atMostOne = (value: number | undefined): number | undefined =>
  value !== undefined && value <= 1 ? value : undefined;

/** The condition, or a sentence saying what was expected. */
export function parseCondition(text: string, metric: ResolvedMetric): Condition | string {
  const { expected, read } = UNITS[metric.unit];
  const usual = metric.better === 'higher' ? '>' : '<';
  const match = /^\s*([<>]=?)\s*(.*?)\s*$/.exec(text);
  if (match === null) return `${JSON.stringify(text)} is not a condition; write "<", "<=", ">" or ">=" and ${expected}`;
  const op = match[1] as Condition['op'];
  const relative = /^baseline\b\s*(.*)$/.exec(match[2]!);
  const limits = relative === null ? { limit: read(match[2]!) } : aroundBaseline(relative[1]!, metric);
  if (relative !== null && limits.limit === undefined)
    return `${JSON.stringify(text)} does not fit ${metric.id}; expected "${op} baseline", or with "+" or "-" and a share such as "10%" or ${expected}`;
  const { limit } = limits;
  if (limit === undefined)
    return `${JSON.stringify(text)} does not fit ${metric.id}; expected ${expected} after "${op}"`;
  if (metric.better !== 'neither' && op[0] !== usual) {
    return `${JSON.stringify(text)} asks for a bad value: ${metric.better} is better for ${metric.id}; write "${usual}"`;
  }
  return { op, text, ...limits, limit };
}

/** "+ 10%" of the baseline's value, but of a metric that is itself a share: points. "+ 50ms" on top of it. */
function aroundBaseline(
  text: string,
  metric: ResolvedMetric,
): { readonly limit: number | undefined; readonly ofBaseline: number } {
  if (text === '') return { limit: 0, ofBaseline: 1 };
  const match = /^([+\u2212-])\s*(.+)$/.exec(text);
  if (match === null) return { limit: undefined, ofBaseline: 1 };
  const sign = match[1] === '+' ? 1 : -1;
  const share = metric.unit === 'share' || metric.unit === 'percent' ? undefined : parseShare(match[2]!);
  if (share !== undefined) return { limit: 0, ofBaseline: 1 + sign * share };
  return { limit: scaled(UNITS[metric.unit].read(match[2]!), sign), ofBaseline: 1 };
}

/** What is wrong with a tolerance beside its gold limit; null = nothing. */
export function wrongTolerance(gold: Condition, tolerance: Condition): string | null {
  if (gold.op[0] !== tolerance.op[0]) {
    return `${JSON.stringify(tolerance.text)} looks the other way than gold ${JSON.stringify(gold.text)}; both must be upper or both lower limits`;
  }
  // Which of two limits is stricter shows before the run only where they differ in one thing.
  const [times, goldTimes] = [tolerance.ofBaseline ?? 0, gold.ofBaseline ?? 0];
  if (times !== goldTimes && tolerance.limit !== gold.limit) return null;
  const upper = gold.op[0] === '<';
  const difference = times === goldTimes ? tolerance.limit - gold.limit : times - goldTimes;
  const stricter = upper ? difference < 0 : difference > 0;
  const stricterAtLimit = difference === 0 && tolerance.op.length < gold.op.length;
  if (!stricter && !stricterAtLimit) return null;
  return `${JSON.stringify(tolerance.text)} is stricter than gold ${JSON.stringify(gold.text)}; the tolerance is what is still allowed when gold is missed`;
}
