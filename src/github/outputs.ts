// What a step leaves for the workflow besides its exit status: outputs, the job summary, annotations. Like all
// publishing it decides nothing: what cannot be written is a warning.

import { appendFileSync, statSync } from 'node:fs';
import * as core from '@actions/core';
import { maskSecrets } from '../deployment/mask.ts';
import { EXIT } from '../errors.ts';
import type { Verdict } from '../judge/verdict.ts';
import { escapeMarkdown } from '../report/escape.ts';

/** GitHub drops the summary of a step above 1 MiB whole. */
const SUMMARY_BYTES = 1_000_000;

export interface Outputs {
  /** `error` = the run could not be made. */
  readonly verdict: Verdict['outcome'] | 'error';
  readonly 'load-line': number | null;
  readonly 'load-line-change': number | null;
  readonly record: string | null;
  readonly report: string | null;
  readonly 'comment-url': string | null;
  readonly 'check-url': string | null;
  readonly 'baseline-url': string | null;
  readonly 'baseline-changed': boolean;
}

export const NO_OUTPUTS: Outputs = {
  verdict: 'error',
  'load-line': null,
  'load-line-change': null,
  record: null,
  report: null,
  'comment-url': null,
  'check-url': null,
  'baseline-url': null,
  'baseline-changed': false,
};

/** Worst first. What was found to be bad outranks what could not be judged, and that what could not be run. */
const VERDICTS: readonly Outputs['verdict'][] = ['fail', 'invalid', 'error', 'warn', 'pass'];
const EXITS: readonly number[] = [
  EXIT.interrupted,
  EXIT.terminated,
  EXIT.fail,
  EXIT.invalid,
  EXIT.notReady,
  EXIT.usage,
];

/** The exit code of a step from those of its deployments: 0 only where all are. */
export const worstExit = (codes: readonly number[]): number =>
  EXITS.find((code) => codes.includes(code)) ?? codes.find((code) => code !== EXIT.ok) ?? EXIT.ok;

/**
 * Sets every output: the worst verdict, of everything else a line for each deployment, empty where there is no value.
 * Never throws.
 */
export function writeOutputs(legs: readonly Outputs[]): void {
  orWarn('set the outputs of the step', () => {
    for (const name of Object.keys(NO_OUTPUTS) as (keyof Outputs)[]) {
      const values = legs.map((leg) => leg[name] ?? '');
      core.setOutput(name, name === 'verdict' ? VERDICTS.find((word) => values.includes(word)) : values.join('\n'));
    }
  });
}

/** One for the whole step: all its folders are in it. Never throws. */
export function writeArtifactUrl(url: string): void {
  orWarn('set the output artifact-url', () => core.setOutput('artifact-url', url));
}

/** What the post step reads: whose processes, and which check runs are not completed. Never throws. */
export function saveState(name: 'owner' | 'checks', value: string): void {
  orWarn('save the state for the post step, which then cleans nothing up', () => core.saveState(name, value));
}

/** Does it; what goes wrong is a warning. */
function orWarn(doing: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    core.warning(`Could not ${doing}: ${(error as Error).message}`, { title: 'Plimsoll' });
  }
}

/** Appends to the summary of the step; gives warnings. */
export function writeSummary(markdown: string): readonly string[] {
  const path = process.env.GITHUB_STEP_SUMMARY;
  if (!path) return ['The runner has no job summary (GITHUB_STEP_SUMMARY is not set).'];
  try {
    appendFileSync(path, `${cut(markdown, SUMMARY_BYTES - statSync(path).size)}\n`);
    return [];
  } catch (error) {
    return [`Could not write the job summary: ${(error as Error).message}.`];
  }
}

function cut(markdown: string, bytes: number): string {
  if (Buffer.byteLength(markdown) <= bytes) return markdown;
  const kept = Buffer.from(markdown).subarray(0, Math.max(0, bytes)).toString('utf8');
  return `${kept.slice(0, Math.max(0, kept.lastIndexOf('\n')))}\n\n_The rest did not fit; the files of the run have all of it._\n`;
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

/** One line of a log that others had a hand in: the runner takes `::` at its start, and `##[` anywhere, for commands. */
export const inertLine = (text: string): string =>
  text
    .replaceAll(/[\r\n\u0085\u2028\u2029]+/g, ' ')
    .replaceAll('##[', '# #[')
    .replace(/^(\s*)::/, '$1: :');

/** Shorter values are as likely a number of the report as a secret, and masking would spoil it. */
const SHORTEST_IN_MARKDOWN = 8;

/** A backstop: what a report quotes is masked where it was read. */
export function withoutSecrets(markdown: string, secrets: readonly string[]): string {
  const long = secrets.filter((secret) => secret.length >= SHORTEST_IN_MARKDOWN);
  return maskSecrets(markdown, [...long, ...long.map((secret) => escapeMarkdown(secret, secret.length))]);
}
