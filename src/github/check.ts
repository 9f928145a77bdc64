// The check run of a deployment: in progress before the boot, completed with the verdict. Like all publishing it never
// throws and decides nothing; whether it was really completed is told, since `gate: check` rests on it.

import type { SlaResult } from '../judge/verdict.ts';
import { formatMetricValue } from '../metrics-format.ts';
import { escapeMarkdown } from '../report/escape.ts';
import type { Tone } from '../report/tone.ts';
import { type Api, explainFailure } from './api.ts';

export type Conclusion = 'success' | 'neutral' | 'failure' | 'cancelled' | 'action_required';

export interface CheckTarget {
  readonly owner: string;
  readonly repo: string;
  readonly headSha: string;
  readonly name: string;
  /** The workflow run. */
  readonly detailsUrl: string;
}

export interface CheckResult {
  readonly conclusion: Conclusion;
  /** Plain text. */
  readonly title: string;
  /** Markdown; a comment's body fits (report/comment.ts). */
  readonly summary: string;
  readonly annotations: readonly Annotation[];
}

export interface Annotation {
  /** From the root of the repository. */
  readonly path: string;
  readonly line: number;
  readonly title: string;
  readonly message: string;
}

export interface CompletedCheck {
  readonly id: number | null;
  readonly url: string | null;
  /** The API says that the check run now has this conclusion. */
  readonly completed: boolean;
  readonly warnings: readonly string[];
}

const PERMISSION = 'checks: write';
/** What the API takes in one request; further ones are appended. */
const ANNOTATIONS_PER_REQUEST = 50;
const SUMMARY_CHARACTERS = 65_535;
const TITLE_CHARACTERS = 255;

const NAME_BEGINS = 'Plimsoll: ';

export const checkName = (deployment: string, name: string): string =>
  `${NAME_BEGINS}${deployment}${name === '' ? '' : ` (${name})`}`;

/** @returns its id; null with the reason where there is none */
export async function openCheck(
  api: Api,
  target: CheckTarget,
): Promise<{ readonly id: number; readonly problem: null } | { readonly id: null; readonly problem: string }> {
  try {
    const { data } = await api.rest.checks.create({ ...identity(target), status: 'in_progress' });
    return { id: data.id, problem: null };
  } catch (error) {
    return { id: null, problem: explainFailure(error, `create the check run "${target.name}"`, PERMISSION) };
  }
}

/** @param id null = it could not be opened before; it is created now, completed at once */
export async function completeCheck(
  api: Api,
  target: CheckTarget,
  id: number | null,
  { conclusion, title, summary, annotations }: CheckResult,
): Promise<CompletedCheck> {
  const { owner, repo } = target;
  const output = { title: cut(title, TITLE_CHARACTERS), summary: cut(summary, SUMMARY_CHARACTERS) };
  const batches = inBatches(annotations.map(toApi));
  const final = { status: 'completed', conclusion, output: { ...output, annotations: batches[0] ?? [] } } as const;
  let data: { id: number; status: string; conclusion: string | null; html_url: string | null };
  try {
    ({ data } =
      id === null
        ? await api.rest.checks.create({ ...identity(target), ...final })
        : await api.rest.checks.update({ owner, repo, check_run_id: id, ...final }));
  } catch (error) {
    const problem = explainFailure(error, `complete the check run "${target.name}"`, PERMISSION);
    return { id: null, url: null, completed: false, warnings: [problem] };
  }
  const warnings: string[] = [];
  const completed = data.status === 'completed' && data.conclusion === conclusion;
  if (!completed)
    warnings.push(`The check run "${target.name}" is ${data.conclusion ?? data.status}, not ${conclusion} as asked.`);
  try {
    for (const batch of batches.slice(1))
      await api.rest.checks.update({ owner, repo, check_run_id: data.id, output: { ...output, annotations: batch } });
  } catch (error) {
    warnings.push(explainFailure(error, `write all annotations of the check run "${target.name}"`, PERMISSION));
  }
  return { id: data.id, url: data.html_url, completed, warnings };
}

/** For check runs whose step was killed: nothing was decided, so nothing passes. */
export async function cancelCheck(api: Api, target: Pick<CheckTarget, 'owner' | 'repo'>, id: number): Promise<void> {
  await api.rest.checks.update({
    owner: target.owner,
    repo: target.repo,
    check_run_id: id,
    status: 'completed',
    conclusion: 'cancelled',
    output: { title: 'Not judged', summary: 'The step ended before it could say what it found; its log may tell why.' },
  });
}

/**
 * Turns a check run that failed, or that waits for somebody to vouch, to success. One that passed stays as it is.
 * @throws what the API throws; Error where the check run is not ours or is of another commit
 */
export async function acceptCheck(
  api: Api,
  { owner, repo }: Pick<CheckTarget, 'owner' | 'repo'>,
  id: number,
  { head, by, reason }: { readonly head: string; readonly by: string; readonly reason: string | null },
): Promise<void> {
  const { data } = await api.rest.checks.get({ owner, repo, check_run_id: id });
  if (data.head_sha !== head || !data.name.startsWith(NAME_BEGINS))
    throw new Error(`the check run ${id} ("${data.name}") is not one of Plimsoll on ${head.slice(0, 7)}`);
  if (data.conclusion !== 'failure' && data.conclusion !== 'action_required') return;
  const words = `Accepted by ${by}${reason === null ? '' : `: ${reason}`}`;
  const summary = `**${escapeMarkdown(words)}**\n\n${data.output.summary ?? ''}`;
  await api.rest.checks.update({
    owner,
    repo,
    check_run_id: id,
    status: 'completed',
    conclusion: 'success',
    output: { title: cut(words, TITLE_CHARACTERS), summary: cut(summary, SUMMARY_CHARACTERS) },
  });
}

/**
 * Green only where the report is; whatever makes the step fail is no success.
 * @param untrusted nobody vouches for the run, so nothing passes by it: branch protection takes `neutral` for passed
 */
export function conclusionOf(tone: Tone, exitCode: number, cancelled: boolean, untrusted = false): Conclusion {
  if (cancelled) return 'cancelled';
  if (exitCode !== 0) return 'failure';
  if (untrusted) return 'action_required';
  return ({ green: 'success', neutral: 'neutral', warn: 'neutral', fail: 'failure', invalid: 'failure' } as const)[
    tone
  ];
}

/** @param path null = the configuration is not a file of the repository */
export function annotationsOf(sla: readonly SlaResult[], path: string | null): readonly Annotation[] {
  if (path === null) return [];
  return sla.flatMap(({ metric, stage, gold, tolerance, value, bound, status, note, line, awaitsBaseline = false }) => {
    if (line === null || awaitsBaseline || (status !== 'breached' && status !== 'not_measured')) return [];
    const measured = status === 'breached' ? formatMetricValue(metric, value, bound) : 'not measured';
    const message = `${metric} in ${stage}: ${measured}; gold ${gold.text}, tolerated ${tolerance.text}${note ? ` (${note})` : ''}`;
    return [{ path, line, title: status === 'breached' ? 'SLA breached' : 'SLA not measured', message }];
  });
}

const identity = ({ owner, repo, headSha, name, detailsUrl }: CheckTarget) => ({
  owner,
  repo,
  name,
  head_sha: headSha,
  details_url: detailsUrl,
});

const toApi = ({ path, line, title, message }: Annotation) => ({
  path,
  start_line: line,
  end_line: line,
  annotation_level: 'failure' as const,
  title,
  message,
});

const cut = (text: string, characters: number): string =>
  text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;

function inBatches<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / ANNOTATIONS_PER_REQUEST);
  return Array.from({ length: count }, (_, at) =>
    all.slice(at * ANNOTATIONS_PER_REQUEST, (at + 1) * ANNOTATIONS_PER_REQUEST),
  );
}
