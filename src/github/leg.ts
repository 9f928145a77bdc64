// One deployment of a step, and how the pull request hears of it: a check run while it is measured; then summary,
// check run and comment. What cannot be published is a warning that names what is missing.

import * as core from '@actions/core';
import { EXIT } from '../errors.ts';
import type { Accepted, Stands } from '../judge/accept.ts';
import type { Chart, DrawnChart } from '../report/charts.ts';
import { acceptedByMerge, findAccept, findQueuedAccept } from './accept.ts';
import { type Api, createApi, explainFailure } from './api.ts';
import { chartsFolder, pushCharts } from './charts-branch.ts';
import { type CheckResult, type CheckTarget, cancelCheck, checkName, completeCheck, openCheck } from './check.ts';
import { publishComment } from './comment.ts';
import type { EventContext } from './event.ts';
import type { Inputs } from './inputs.ts';
import { inertLine, saveState, withoutSecrets, writeSummary } from './outputs.ts';

/** Before the boot: a machine that could measure does not wait longer for an API. */
const OPEN_LIMIT_MS = 20_000;
/** All of publishing together; the verdict is in the log by then. */
const PUBLISH_LIMIT_MS = 60_000;
const CHARTS_LIMIT_MS = 40_000;
/** A cancelled job has seconds left. */
const CANCELLED_LIMIT_MS = 3_000;

export interface Leg {
  readonly inputs: Inputs;
  readonly event: EventContext;
  readonly configPath: string;
  /** Null until its configuration is read. */
  readonly deployment: string | null;
  /** Folder of the run's files, and its record in it. */
  readonly out: string;
  readonly record: string;
  /** Id of its check run; null = it has none yet. */
  readonly check: number | null;
  readonly secrets: readonly string[];
  /** Aborted when the job is cancelled. */
  readonly cancelled: AbortSignal;
}

export interface Published {
  readonly commentUrl: string | null;
  readonly checkUrl: string | null;
  /** The check run carries the verdict. */
  readonly checkCompleted: boolean;
}

export const NOTHING_PUBLISHED: Published = { commentUrl: null, checkUrl: null, checkCompleted: false };

/** Check runs that are not completed; the post step completes what is left. */
const unfinished = new Set<number>();
const saveUnfinished = (): void => saveState('checks', [...unfinished].join());

/** Creates the check run of a deployment, in progress, where the input asks for it. Never throws. */
export async function begin(leg: Leg): Promise<Leg> {
  const target = targetOf(leg);
  if (target === null) return leg;
  const { id, problem } = await withApi(
    leg,
    AbortSignal.any([leg.cancelled, AbortSignal.timeout(OPEN_LIMIT_MS)]),
    (api) => openCheck(api, target),
  ).catch((error: Error) => ({ id: null, problem: `No check run yet: ${error.message}` }));
  // At the end it is tried once more; what is missing then is a warning.
  if (problem !== null) core.info(inertLine(problem));
  if (id === null) return leg;
  unfinished.add(id);
  saveUnfinished();
  return { ...leg, check: id };
}

export interface Report {
  /** Markdown, as the check run's summary. */
  readonly comment: string;
  readonly summary: string;
  readonly check: CheckResult;
  readonly stands: Stands;
}

/** Summary, check run and comment. A cancelled job leaves the comment to the job that replaced it. Never throws. */
export async function publish(leg: Leg, { comment, summary, check, stands }: Report): Promise<Published> {
  const { inputs, event, cancelled, secrets } = leg;
  const warnings = inputs.summary ? [...writeSummary(withoutSecrets(summary, secrets))] : [];
  const limit = AbortSignal.timeout(cancelled.aborted ? CANCELLED_LIMIT_MS : PUBLISH_LIMIT_MS);
  let published = NOTHING_PUBLISHED;
  let checkId: number | null = null;

  const target = targetOf(leg);
  if (target !== null) {
    try {
      const done = await withApi(leg, limit, (api) => completeCheck(api, target, leg.check, masked(check, secrets)));
      checkId = done.id;
      published = { ...published, checkUrl: done.url, checkCompleted: done.completed };
      warnings.push(...done.warnings);
    } catch (error) {
      warnings.push(`No check run was completed: ${(error as Error).message}`);
    }
    if (published.checkCompleted && leg.check !== null) {
      unfinished.delete(leg.check);
      saveUnfinished();
    }
  }
  if (writesComment(leg)) {
    const pull = { owner: event.owner, repo: event.repo, prNumber: event.prNumber! };
    const { runId: run, attempt, headSha: head } = event;
    const marker = { config: leg.configPath, name: inputs.name, run, attempt, head, stands, check: checkId };
    try {
      const done = await withApi(leg, AbortSignal.any([cancelled, limit]), (api) =>
        publishComment(api, pull, marker, withoutSecrets(comment, secrets)),
      );
      published = { ...published, commentUrl: done.url };
      warnings.push(...done.warnings);
    } catch (error) {
      warnings.push(`No comment was written: ${(error as Error).message}`);
    }
  }
  for (const warning of warnings) core.warning(warning, { title: 'Plimsoll' });
  return published;
}

export const writesComment = ({ inputs, event, cancelled }: Leg): boolean =>
  inputs.comment && event.kind === 'pull_request' && event.prNumber !== null && !cancelled.aborted;

/** Puts charts where the comment can show them; null with a warning where that cannot be. Never throws. */
export async function publishCharts(leg: Leg, charts: readonly Chart[]): Promise<readonly DrawnChart[] | null> {
  const { inputs, event, deployment, cancelled } = leg;
  const { owner, repo, serverUrl, runId, attempt } = event;
  const folder = chartsFolder(runId, attempt, [deployment, inputs.name].filter(Boolean).join('-'));
  try {
    return await withApi(leg, AbortSignal.any([cancelled, AbortSignal.timeout(CHARTS_LIMIT_MS)]), (api) =>
      pushCharts(api, { owner, repo, serverUrl, branch: inputs.chartsBranch, folder }, charts),
    );
  } catch (error) {
    core.warning(inertLine(explainFailure(error, 'put the charts on their branch', 'contents: write')), {
      title: 'Plimsoll',
    });
    return null;
  }
}

/**
 * Whether what was reported on this very commit, or on the one that the queue adds, has been accepted. Never throws:
 * what cannot be read is not.
 */
export async function readAccept(leg: Leg): Promise<Accepted | null> {
  const { inputs, event, configPath: config, cancelled } = leg;
  const { kind, owner, repo, prNumber, headSha, baseRef } = event;
  if ((kind !== 'pull_request' && kind !== 'merge_group') || prNumber === null || inputs.token === '') return null;
  const pull = { owner, repo, prNumber };
  const own = { config, name: inputs.name };
  try {
    const limit = AbortSignal.any([cancelled, AbortSignal.timeout(OPEN_LIMIT_MS)]);
    return await withApi(leg, limit, (api) =>
      kind === 'merge_group'
        ? findQueuedAccept(api, pull, { baseRef: baseRef!, headSha }, own)
        : findAccept(api, pull, { ...own, head: headSha }),
    );
  } catch (error) {
    core.info(inertLine(explainFailure(error, 'read whether the change was accepted', 'pull-requests: read')));
    return null;
  }
}

/** After a merge: why the level of this commit is a new one. Never throws. */
export async function readMergedAccept({ inputs, event, configPath: config }: Leg): Promise<string | null> {
  if (event.kind !== 'push' || inputs.token === '') return null;
  try {
    return await withApi({ inputs, event }, AbortSignal.timeout(OPEN_LIMIT_MS), (api) =>
      acceptedByMerge(api, event, event.headSha, { config, name: inputs.name }),
    );
  } catch (error) {
    const words = explainFailure(error, 'read whether the merged change was accepted', 'pull-requests: read');
    core.warning(inertLine(`${words} No new segment was begun.`), { title: 'Plimsoll' });
    return null;
  }
}

/** For the post step: completes what a killed main step left in progress. @throws where the API would not */
export async function cancelLeftChecks(inputs: Inputs, event: EventContext, saved: string): Promise<void> {
  await withApi({ inputs, event }, AbortSignal.timeout(OPEN_LIMIT_MS), async (api) => {
    for (const id of saved.split(',')) await cancelCheck(api, event, Number(id));
  });
}

/** The exit code of a deployment: with `gate: check` a verdict that its check run carries does not fail the job. */
export const gatedExit = (exitCode: number, { gate }: Pick<Inputs, 'gate'>, published: Published): number =>
  gate === 'check' && published.checkCompleted && (exitCode === EXIT.fail || exitCode === EXIT.invalid)
    ? EXIT.ok
    : exitCode;

/** Null where no check run is asked for, or its name is not known. */
function targetOf({ inputs, event, deployment }: Leg): CheckTarget | null {
  if (!inputs.check || deployment === null) return null;
  const { owner, repo, headSha, runUrl } = event;
  return { owner, repo, headSha, name: checkName(deployment, inputs.name), detailsUrl: runUrl };
}

/** @throws where there is no token, no such proxy or no such API */
export async function withApi<T>(
  { inputs, event }: Pick<Leg, 'inputs' | 'event'>,
  signal: AbortSignal,
  ask: (api: Api) => Promise<T>,
): Promise<T> {
  if (inputs.token === '') throw new Error('the input github-token is empty.');
  return await ask(createApi({ token: inputs.token, baseUrl: event.apiUrl, signal }));
}

const masked = (check: CheckResult, secrets: readonly string[]): CheckResult => ({
  ...check,
  title: withoutSecrets(check.title, secrets),
  summary: withoutSecrets(check.summary, secrets),
  annotations: check.annotations.map((one) => ({ ...one, message: withoutSecrets(one.message, secrets) })),
});
