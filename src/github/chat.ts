// `mode: command`: carries out what a comment on a pull request asks for, if its author may. Reactions are the receipts:
// eyes when it was read, a rocket when it is done, confused when it is not; the log says why.

import * as core from '@actions/core';
import { PlimsollError } from '../errors.ts';
import { mayWrite } from './accept.ts';
import { type Api, createApi, explainFailure, statusOf } from './api.ts';
import { acceptCheck } from './check.ts';
import { COMMANDS, parseCommand } from './command.ts';
import { type OwnComment, ownComments } from './comment.ts';
import { type EventContext, readComment, type WrittenComment } from './event.ts';
import type { Inputs } from './inputs.ts';
import { inertLine } from './outputs.ts';

const LIMIT_MS = 60_000;

/** Why nothing was done, as a sentence; an error of the API is thrown. */
type Refusal = string | null;

interface Chat {
  readonly api: Api;
  readonly where: { readonly owner: string; readonly repo: string; readonly prNumber: number };
  readonly comment: WrittenComment;
  readonly gate: Inputs['gate'];
}

/** @throws PlimsollError GITHUB_REFUSED where the command could not be carried out though its author may give it */
export async function obeyComment(inputs: Inputs, event: EventContext, cancelled: AbortSignal): Promise<void> {
  const comment = readComment(process.env);
  const command = parseCommand(comment.body);
  const ignored =
    command === null
      ? 'it is not a command'
      : event.prNumber === null
        ? 'it is not on a pull request'
        : comment.action !== 'created' || comment.updatedAt !== comment.createdAt
          ? 'only new comments give commands, edited ones do not'
          : comment.isBot
            ? 'bots give no commands'
            : null;
  if (ignored !== null || command === null) return core.info(`Comment ${comment.id} is left alone: ${ignored}.`);
  if (inputs.token === '')
    throw new PlimsollError('GITHUB_REFUSED', 'The input github-token is empty.', { hint: 'Leave it at its default.' });

  const signal = AbortSignal.any([cancelled, AbortSignal.timeout(LIMIT_MS)]);
  const { owner, repo } = event;
  const chat: Chat = {
    api: createApi({ token: inputs.token, baseUrl: event.apiUrl, signal }),
    where: { owner, repo, prNumber: event.prNumber! },
    comment,
    gate: inputs.gate,
  };
  await react(chat, 'eyes');
  let refusal: Refusal;
  try {
    refusal =
      command === 'unknown'
        ? `it is no command that Plimsoll knows; it knows ${COMMANDS}`
        : !(await mayWrite(chat.api, chat.where, comment.author))
          ? `${comment.author} has no write access to ${owner}/${repo}`
          : await carryOut(chat, command);
  } catch (error) {
    await react(chat, 'confused');
    if (error instanceof PlimsollError) throw error;
    throw failed(error, 'carry the command out', 'metadata: read');
  }
  await react(chat, refusal === null ? 'rocket' : 'confused');
  if (refusal !== null) core.warning(inertLine(`Not done: ${refusal}.`), { title: 'Plimsoll' });
}

async function carryOut(
  chat: Chat,
  command: Exclude<ReturnType<typeof parseCommand>, 'unknown' | null>,
): Promise<Refusal> {
  const { api, where, comment } = chat;
  const { data: pull } = await ask('read the pull request', 'pull-requests: read', () =>
    api.rest.pulls.get({ owner: where.owner, repo: where.repo, pull_number: where.prNumber }),
  );
  if (pull.state !== 'open') return 'the pull request is closed';
  const reports = (await ask('read the comments', 'pull-requests: read', () => ownComments(api, where))).filter(
    ({ marker }) => marker.head === pull.head.sha,
  );
  if (reports.length === 0) return `there is no report on its newest commit ${pull.head.sha.slice(0, 7)} yet`;
  if (command.kind === 'rerun') return await rerun(chat, reports, 'all');

  const read = reports.filter(
    ({ marker }) => marker.since !== undefined && Date.parse(marker.since) < Date.parse(comment.createdAt),
  );
  if (read.length === 0) return 'the report on the newest commit is newer than the accept';
  const open = read.filter(({ marker }) => marker.stands !== 'final');
  if (open.length === 0) return 'what fails is no change against the baseline, and only such a change can be accepted';
  for (const { marker } of read.filter((one) => !open.includes(one)))
    core.warning(
      inertLine(`Not accepted for ${marker.config} ${marker.name}: more than a change against the baseline fails.`),
    );
  core.info(
    inertLine(`Accepted by ${comment.author} for ${pull.head.sha.slice(0, 7)}: ${command.reason ?? 'no reason given'}`),
  );
  if (chat.gate === 'job')
    return await rerun(
      chat,
      open.filter(({ marker }) => marker.stands === 'acceptable'),
      'failed',
    );
  for (const { marker } of open) {
    if (marker.check == null) continue;
    await ask('complete the check run', 'checks: write', () =>
      acceptCheck(api, where, marker.check!, { head: pull.head.sha, by: comment.author, reason: command.reason }),
    );
  }
  return null;
}

/** Each workflow run once, whatever it reported. */
async function rerun({ api, where }: Chat, reports: readonly OwnComment[], jobs: 'all' | 'failed'): Promise<Refusal> {
  const { owner, repo } = where;
  for (const run_id of new Set(reports.map(({ marker }) => marker.run))) {
    try {
      if (jobs === 'all') await api.rest.actions.reRunWorkflow({ owner, repo, run_id });
      else await api.rest.actions.reRunWorkflowFailedJobs({ owner, repo, run_id });
    } catch (error) {
      const { message } = error as Error;
      if (statusOf(error) === 403 && /already running|cannot be rerun|cannot be retried/i.test(message))
        return `run ${run_id} cannot be started again now (${message})`;
      throw failed(error, `start run ${run_id} again`, 'actions: write');
    }
  }
  return null;
}

async function ask<T>(doing: string, permission: string, asking: () => Promise<T>): Promise<T> {
  try {
    return await asking();
  } catch (error) {
    throw failed(error, doing, permission);
  }
}

const failed = (error: unknown, doing: string, permission: string): PlimsollError =>
  new PlimsollError('GITHUB_REFUSED', explainFailure(error, doing, permission), {
    hint: 'Give the command again when that is mended.',
    cause: error,
  });

/** A receipt that cannot be given is a warning. */
async function react({ api, where, comment }: Chat, content: 'eyes' | 'rocket' | 'confused'): Promise<void> {
  try {
    await api.rest.reactions.createForIssueComment({
      owner: where.owner,
      repo: where.repo,
      comment_id: comment.id,
      content,
    });
  } catch (error) {
    core.warning(explainFailure(error, `react with ${content}`, 'pull-requests: write'), { title: 'Plimsoll' });
  }
}
