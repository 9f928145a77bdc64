// The hidden first line by which a comment is known again: whose comment it is (configuration and name) and which
// run wrote it. Only the first line counts, so nothing that a report quotes can pass for it.

import { z } from 'zod';

const markerSchema = z.object({
  config: z.string(),
  /** Tells matrix legs apart; empty for the only one. */
  name: z.string(),
  run: z.number().int().positive(),
  attempt: z.number().int().positive(),
  /** The commit that was judged. */
  head: z.string().optional(),
  /** When GitHub first had a report on that commit: what was accepted before was not accepted in knowledge of it. */
  since: z.iso.datetime().optional(),
  /** Whether somebody may accept what was found: judge/accept.ts. */
  stands: z.enum(['clean', 'acceptable', 'final']).optional(),
  /** Id of the check run that carries the same verdict. */
  check: z.number().int().positive().nullish(),
});
export type Marker = z.output<typeof markerSchema>;

/** Cannot be left early: neither "--", angle brackets nor any kind of line break survive inside. */
export function formatMarker({ config, name, run, attempt, head, since, stands, check }: Marker): string {
  const json = JSON.stringify({ config, name, run, attempt, head, since, stands, check })
    .replaceAll('--', '-\\u002d')
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
  return `<!-- plimsoll ${json} -->`;
}

/** The marker of a comment's body; null where its first line is none. */
export function parseMarker(body: string): Marker | null {
  const match = /^<!-- plimsoll (\{.*\}) -->[ \t]*(?:\r?\n|$)/.exec(body);
  if (!match) return null;
  try {
    return markerSchema.safeParse(JSON.parse(match[1]!)).data ?? null;
  } catch {
    return null;
  }
}

type Whose = Pick<Marker, 'config' | 'name'>;

export const sameComment = (left: Whose, right: Whose): boolean =>
  left.config === right.config && left.name === right.name;

/** Run ids grow; within a run, attempts do. Negative: `left` is older. */
export const compareAge = (left: Marker, right: Marker): number => left.run - right.run || left.attempt - right.attempt;
