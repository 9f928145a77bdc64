// The action's inputs, checked: a word that means nothing is refused, not ignored. action.yml describes them.

import { PlimsollError } from '../errors.ts';
import type { RunnerAccess } from './artifact.ts';

export const MODES = ['gate', 'baseline', 'measure', 'comment', 'command'] as const;
export const CHARTS = ['mermaid', 'branch', 'none'] as const;
export const GATES = ['job', 'check'] as const;

export interface Inputs {
  /** At least one; each is a deployment of its own. */
  readonly configs: readonly string[];
  readonly mode: (typeof MODES)[number];
  readonly out: string;
  readonly baselines: string;
  readonly token: string;
  /** Empty = the event's. */
  readonly baseRef: string;
  /** What carries the verdict: the exit status of the job or the check run. */
  readonly gate: (typeof GATES)[number];
  readonly comment: boolean;
  readonly check: boolean;
  readonly summary: boolean;
  readonly charts: (typeof CHARTS)[number];
  readonly chartsBranch: string;
  /** Whether the files of the step become an artifact of the workflow run. */
  readonly artifact: boolean;
  readonly allowForks: boolean;
  readonly name: string;
  /** Only of `mode: comment`: where the other run's artifact was unpacked. */
  readonly artifactPath: string;
}

/** @throws PlimsollError USAGE, naming the input and the words it takes */
export function readInputs(env: Readonly<Record<string, string | undefined>>): Inputs {
  const text = (name: string, otherwise: string): string => {
    const given = (env[`INPUT_${name.toUpperCase()}`] ?? '').trim();
    return given === '' ? otherwise : given;
  };
  const oneOf = <const Word extends string>(name: string, words: readonly Word[], otherwise: Word): Word => {
    const given = text(name, otherwise);
    return (
      words.find((word) => word === given) ??
      refuse(name, given, `it takes ${words.map((word) => `"${word}"`).join(', ')}`)
    );
  };
  const yesNo = (name: string, otherwise: boolean): boolean => {
    const given = text(name, String(otherwise)).toLowerCase();
    return given === 'true' ? true : given === 'false' ? false : refuse(name, given, 'it takes "true" or "false"');
  };
  const onePath = (name: string, otherwise: string): string => {
    const given = text(name, otherwise);
    return given.includes('\n') ? refuse(name, given, 'it takes one line') : given;
  };
  const paths = (name: string, otherwise: string): readonly string[] => {
    const lines = text(name, otherwise).split('\n');
    const given = lines.map((line) => line.trim()).filter((line) => line !== '');
    const twice = given.find((path, index) => given.indexOf(path) !== index);
    return twice === undefined ? given : refuse(name, given.join('\n'), `${twice} stands there twice`);
  };
  const name = text('name', '');
  if (/[\n\r]/.test(name) || name.length > 100) refuse('name', name, 'it takes one line of at most 100 characters');
  const chartsBranch = text('charts-branch', 'plimsoll-charts');
  if (!/^[\w-][\w./-]*$/.test(chartsBranch) || chartsBranch.startsWith('refs/'))
    refuse('charts-branch', chartsBranch, 'it takes the name of a branch, of letters, digits, ".", "/", "_" and "-"');
  const gate = oneOf('gate', GATES, 'job');
  const check = yesNo('check', false);
  return {
    configs: paths('config', 'plimsoll.yml'),
    mode: oneOf('mode', MODES, 'gate'),
    out: onePath('out', 'plimsoll-out'),
    baselines: onePath('baselines', 'baselines'),
    token: text('github-token', ''),
    baseRef: onePath('base-ref', ''),
    gate,
    comment: yesNo('comment', true),
    check: check || gate === 'check',
    summary: yesNo('summary', true),
    charts: oneOf('charts', CHARTS, 'mermaid'),
    chartsBranch,
    artifact: yesNo('artifact', false),
    allowForks: yesNo('allow-forks', false),
    name,
    artifactPath: onePath('artifact-path', 'plimsoll-artifact'),
  };
}

/**
 * Takes the runner's credentials out of the environment once they are read: the deployment, which inherits it, is the
 * code under review. A `run:` step gets only the one for OIDC, where the job has `id-token: write`; here it is left out
 * all the same. Returns what an upload needs of them.
 */
export function dropCredentials(env: NodeJS.ProcessEnv): RunnerAccess {
  const access = { token: env.ACTIONS_RUNTIME_TOKEN ?? '', resultsUrl: env.ACTIONS_RESULTS_URL ?? '' };
  for (const name of ['INPUT_GITHUB-TOKEN', 'ACTIONS_RUNTIME_TOKEN', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN'])
    delete env[name];
  return access;
}

function refuse(name: string, given: string, expected: string): never {
  throw new PlimsollError('USAGE', `The input ${name} is ${JSON.stringify(given)}; ${expected}.`, {
    hint: 'Change `with:` of the step; action.yml describes every input.',
  });
}
