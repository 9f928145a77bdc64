// From the rounds of a boot to the one number that stands for the boot, on the scale on which a metric is
// compared. Judge and baseline store both summarise through here, so that stored variance fits fresh boots.

import { mean, median } from 'simple-statistics';
import { hodgesLehmann } from './hodges-lehmann.ts';

/** What of a metric decides its scale; any ResolvedMetric fits. */
export interface Scaled {
  readonly scale: 'log' | 'difference' | 'info';
  readonly better: 'lower' | 'higher' | 'neither';
}

export interface Summarised extends Scaled {
  /**
   * How rounds become one number: a robust location, or the mean, where a burst in one round is part of the result. The
   * rounds of `matched` are steps of a ramp, which differ by their load: their mean as well.
   */
  readonly summary: 'robust' | 'mean' | 'matched';
}

type Bound = 'exact' | 'above' | 'below';
/** A boot's value of a metric, fresh or stored. */
export interface BootValues {
  readonly value: number | null;
  readonly bound: Bound;
  readonly rounds: readonly (number | null)[];
  /** Bound of each round; absent = all exact. */
  readonly roundBounds?: readonly Bound[] | undefined;
  /** Distance of the two values that it was read between; absent = from no grid. */
  readonly spacing?: number | undefined;
}

/**
 * The value on the scale of comparison, with the sign that makes more = worse: ±ln(value) for `log` metrics, ±value
 * for others. null where there is none: no value, or a log of something that is not positive.
 */
export function toScale(metric: Scaled, value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return null;
  const sign = metric.better === 'higher' ? -1 : 1;
  if (metric.scale !== 'log') return sign * value;
  return value > 0 ? sign * Math.log(value) : null;
}

/** The inverse of toScale: back to the metric's own unit. */
export function fromScale(metric: Scaled, scaled: number): number {
  const value = metric.better === 'higher' ? -scaled : scaled;
  return metric.scale === 'log' ? Math.exp(value) : value;
}

/**
 * The one number of a boot on the scale, with its bound; null without any value. A round of which only "at least as
 * bad" is known counts as worse than any number. Where the summary is then no number either, the boot is censored, at
 * the summary of what its rounds are known to be at least.
 */
export function summariseBoot(
  metric: Summarised,
  { value, bound, rounds, roundBounds }: BootValues,
): { readonly summary: number; readonly bound: Bound } | null {
  const hasRounds = rounds.some((round) => round !== null);
  // Nothing says which rounds are censored: only the bound itself is known.
  if (bound !== 'exact' && (roundBounds === undefined || !hasRounds)) {
    const summary = toScale(metric, value);
    return summary === null ? null : { summary, bound };
  }
  const known = (hasRounds ? rounds : [value]).map((round) => toScale(metric, round));
  const least = summariseRounds(known, metric.summary);
  if (least === null) return null;
  const worse = metric.better === 'higher' ? 'below' : 'above';
  const bad = known.map((one, round) =>
    one !== null && roundBounds?.[round] === worse ? Number.POSITIVE_INFINITY : one,
  );
  if (!bad.includes(Number.POSITIVE_INFINITY)) return { summary: least, bound: 'exact' };
  const summary = summariseRounds(bad, metric.summary)!;
  return Number.isFinite(summary) ? { summary, bound: 'exact' } : { summary: least, bound: worse };
}

/**
 * One number for a boot from its rounds (already on the scale). Robust: Hodges–Lehmann from four rounds on, the median
 * of three, the mean of two or one. null without any value.
 */
export function summariseRounds(
  rounds: readonly (number | null)[],
  how: Summarised['summary'] = 'robust',
): number | null {
  const values = rounds.filter((value) => value !== null);
  if (values.length === 0) return null;
  if (how !== 'robust' || values.length <= 2) return mean(values);
  return values.length === 3 ? median(values) : hodgesLehmann(values);
}

/** Sum of squares about the mean, and how many degrees of freedom it carries. */
export interface Spread {
  readonly ss: number;
  readonly df: number;
}

/** Spread of a list of values; fewer than two carry none. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length < 2) return { ss: 0, df: 0 };
  const centre = mean([...values]);
  return { ss: values.reduce((sum, value) => sum + (value - centre) ** 2, 0), df: values.length - 1 };
}

/** Two spreads about two different means, as one. */
export const addSpread = (left: Spread, right: Spread): Spread => ({ ss: left.ss + right.ss, df: left.df + right.df });
