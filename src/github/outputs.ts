// What a step leaves for the workflow besides its exit status: outputs, the job summary, annotations. Like all
// publishing it decides nothing: what cannot be written is a warning.

import * as core from '@actions/core';
import type { Verdict } from '../judge/verdict.ts';

/** GitHub drops a summary above 1 MiB whole. */
const SUMMARY_BYTES = 1_000_000;

export interface Outputs {
  /** `error` = the run could not be made. */
  readonly verdict: Verdict['outcome'] | 'error';
  readonly 'load-line': number | null;
  readonly 'load-line-change': number | null;
  readonly record: string | null;
  readonly report: string | null;
  readonly 'comment-url': string | null;
}

/** Sets every output, an empty text where there is no value. */
export function writeOutputs(outputs: Outputs): void {
  for (const [name, value] of Object.entries(outputs)) core.setOutput(name, value ?? '');
}

/** Appends to the summary of the step; gives warnings. */
export async function writeSummary(markdown: string): Promise<readonly string[]> {
  if (!process.env.GITHUB_STEP_SUMMARY) return ['The runner has no job summary (GITHUB_STEP_SUMMARY is not set).'];
  try {
    await core.summary.addRaw(cut(markdown), true).write();
    return [];
  } catch (error) {
    return [`Could not write the job summary: ${(error as Error).message}.`];
  }
}

function cut(markdown: string): string {
  if (Buffer.byteLength(markdown) <= SUMMARY_BYTES) return markdown;
  const kept = Buffer.from(markdown).subarray(0, SUMMARY_BYTES).toString('utf8');
  return `${kept.slice(0, kept.lastIndexOf('\n'))}\n\n_The rest did not fit; the files of the run have all of it._\n`;
}

/** One annotation with the decision, in the colour of its outcome. */
export function announce(verdict: Pick<Verdict, 'outcome' | 'headline'>): void {
  const say = { pass: core.notice, warn: core.warning, fail: core.error, invalid: core.error }[verdict.outcome];
  say(verdict.headline, { title: 'Plimsoll' });
}

/** Lines that others had a hand in, printed so that none of them is taken for a command to the runner. */
export function printInert(text: string): void {
  const token = `plimsoll-${crypto.randomUUID()}`;
  process.stdout.write(`::stop-commands::${token}\n${text}\n::${token}::\n`);
}
