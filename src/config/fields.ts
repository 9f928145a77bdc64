// Fields that several sections share: durations, loads, counts. In: texts as people write them. Out: values with
// their unit in the name, or a sentence saying what was expected.

import { z } from 'zod';
import { parseDurationMs, parseRatePerSecond, parseShare } from './units.ts';

export const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

const notADuration = (value: unknown): string =>
  value === undefined
    ? 'is missing; write a duration such as "500ms"'
    : `${show(value)} is not a duration; write a number with us, ms, s, m or h, such as "500ms"`;
export const durationMs = z
  .string({ error: ({ input }) => notADuration(input) })
  .meta({ examples: ['500ms', '90s', '15m'], pattern: '^\\s*[0-9]+(\\.[0-9]+)?\\s*(us|ms|s|m|h)\\s*$' })
  .transform((text, context) => {
    const value = parseDurationMs(text);
    if (value === undefined) context.addIssue(notADuration(text));
    return value ?? 0;
  });
export const positiveDurationMs = durationMs.refine((ms) => ms > 0, 'must be longer than 0');

/** A load: an absolute rate, or a share of the stored baseline's knee that is resolved and pinned per segment. */
export type Rate = { readonly perSecond: number } | { readonly shareOfKnee: number };

const notARate = (value: unknown): string =>
  value === undefined
    ? 'is missing; write a rate such as "8/s"'
    : `${show(value)} is not a load; write a rate above 0 such as "8/s" or "120/min", or a share of the baseline's knee such as "60%"`;
export const rate = z
  .string({ error: ({ input }) => notARate(input) })
  .meta({
    examples: ['8/s', '120/min', '60%'],
    pattern: '^\\s*[0-9]+(\\.[0-9]+)?\\s*(%|/\\s*(s|sec|second|m|min|minute|h|hour))\\s*$',
  })
  .transform((text, context): Rate => {
    const perSecond = parseRatePerSecond(text);
    if (perSecond !== undefined && perSecond > 0) return { perSecond };
    const share = parseShare(text);
    if (share !== undefined && share > 0) return { shareOfKnee: share };
    context.addIssue(notARate(text));
    return { perSecond: 1 };
  });
/** Whether `low` is surely not below `high`; a rate and a share of the knee cannot be compared here. */
export const notBelow = (low: Rate, high: Rate): boolean =>
  'perSecond' in low && 'perSecond' in high
    ? low.perSecond >= high.perSecond
    : 'shareOfKnee' in low && 'shareOfKnee' in high && low.shareOfKnee >= high.shareOfKnee;

export const wholeNumber = z.number().int().nonnegative();
export const positiveInteger = z.number().int().positive();
export const textMap = z.record(z.string(), z.string());
export const inOrder = ([from, to]: readonly [number, number]): boolean => from <= to;
export const OUT_OF_ORDER = 'must go from the smaller to the larger value';
