// What started this job: event, repository, commits and pull request, from GITHUB_* and the event payload. The
// payload of a fork's pull request is written by strangers: everything that is used is checked first.

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { PlimsollError } from '../errors.ts';

export const EVENT_KINDS = [
  'pull_request',
  'pull_request_target',
  'push',
  'workflow_dispatch',
  'schedule',
  'merge_group',
  'issue_comment',
  'workflow_run',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface EventContext {
  readonly kind: EventKind;
  readonly owner: string;
  readonly repo: string;
  /** The commit under test: the pull request's head, not the merge commit that GITHUB_SHA names. */
  readonly headSha: string;
  /** Branch that the change goes to, without refs/heads/; null where the event has none. */
  readonly baseRef: string | null;
  /** What baseRef was when the event was made. */
  readonly baseSha: string | null;
  /** Branch that the job runs for, without refs/heads/; null for a tag. */
  readonly branch: string | null;
  readonly prNumber: number | null;
  /** The head comes from another repository than the base: its code is a stranger's. */
  readonly isFork: boolean;
  readonly runId: number;
  readonly attempt: number;
  readonly runUrl: string;
  readonly serverUrl: string;
  readonly apiUrl: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** @throws PlimsollError USAGE where this is no job of GitHub Actions or the event is not one of EVENT_KINDS, INPUT_INVALID where the payload is not what GitHub sends */
export function readEvent(env: Env): EventContext {
  const kind = EVENT_KINDS.find((known) => known === env.GITHUB_EVENT_NAME);
  if (!kind) {
    throw new PlimsollError(
      'USAGE',
      `The event "${env.GITHUB_EVENT_NAME ?? ''}" is not one that this action knows; it knows ${EVENT_KINDS.join(', ')}.`,
      {
        hint:
          env.GITHUB_EVENT_NAME === undefined
            ? 'Outside of GitHub Actions use the command line: `plimsoll run`.'
            : 'Change `on:` of the workflow.',
      },
    );
  }
  const common = readCommon(env);
  return { kind, ...common, ...FACTS[kind](readPayload(env), env) };
}

type Specific = Pick<EventContext, 'headSha' | 'baseRef' | 'baseSha' | 'prNumber' | 'isFork'>;

const sha = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/);
const branchName = z.string().min(1).max(1_000);
const number = z.number().int().positive();
const repository = z.looseObject({ full_name: z.string() });

const pullRequestPayload = z.looseObject({
  pull_request: z.looseObject({
    number,
    /** null where the fork was deleted. */
    head: z.looseObject({ sha, repo: repository.nullish() }),
    base: z.looseObject({ ref: branchName, sha, repo: repository }),
  }),
});

function pullRequest(payload: unknown): Specific {
  const { pull_request: pull } = check(pullRequestPayload, payload);
  return {
    headSha: pull.head.sha,
    baseRef: pull.base.ref,
    baseSha: pull.base.sha,
    prNumber: pull.number,
    isFork: pull.head.repo?.full_name !== pull.base.repo.full_name,
  };
}

const mergeGroupPayload = z.looseObject({
  merge_group: z.looseObject({ head_sha: sha, head_ref: z.string(), base_sha: sha, base_ref: z.string() }),
});

function mergeGroup(payload: unknown): Specific {
  const { merge_group: group } = check(mergeGroupPayload, payload);
  // gh-readonly-queue/<base>/pr-<number>-<sha>: the pull request that this entry of the queue adds.
  const pull = /\/pr-(\d+)-[0-9a-f]+$/.exec(group.head_ref);
  return {
    headSha: group.head_sha,
    baseRef: branchOf(group.base_ref),
    baseSha: group.base_sha,
    prNumber: pull ? Number(pull[1]) : null,
    isFork: false,
  };
}

const pushPayload = z.looseObject({ after: sha });

function push(payload: unknown): Specific {
  return { headSha: check(pushPayload, payload).after, baseRef: null, baseSha: null, prNumber: null, isFork: false };
}

function onBranch(_payload: unknown, env: Env): Specific {
  return {
    headSha: checkVariable(sha, env, 'GITHUB_SHA'),
    baseRef: null,
    baseSha: null,
    prNumber: null,
    isFork: false,
  };
}

const issueCommentPayload = z.looseObject({
  issue: z.looseObject({ number, pull_request: z.looseObject({}).optional() }),
});

/** The job runs for the default branch, whoever wrote the comment; the commits of the pull request have to be asked for. */
function issueComment(payload: unknown, env: Env): Specific {
  const { issue } = check(issueCommentPayload, payload);
  return { ...onBranch(payload, env), prNumber: issue.pull_request ? issue.number : null };
}

const writtenPayload = z.looseObject({
  action: z.string(),
  comment: z.looseObject({
    id: number,
    body: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
    user: z.looseObject({ login: z.string(), type: z.string() }).nullable(),
  }),
});

/** The comment that started this job, of `issue_comment`. */
export interface WrittenComment {
  readonly action: string;
  readonly id: number;
  readonly body: string;
  readonly author: string;
  readonly isBot: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** @throws PlimsollError as readEvent */
export function readComment(env: Env): WrittenComment {
  const { action, comment } = check(writtenPayload, readPayload(env));
  return {
    action,
    id: comment.id,
    body: comment.body,
    author: comment.user?.login ?? '',
    isBot: comment.user?.type !== 'User',
    createdAt: comment.created_at,
    updatedAt: comment.updated_at,
  };
}

const workflowRunPayload = z.looseObject({
  workflow_run: z.looseObject({
    id: number,
    run_attempt: number,
    event: z.string(),
    head_sha: sha,
    head_branch: branchName.nullable(),
    /** null where the fork was deleted. */
    head_repository: repository.extend({ id: number, owner: z.looseObject({ login: z.string() }) }).nullable(),
  }),
});

/** The job runs for the default branch. What is known of the other run is what GitHub says, nothing that it left. */
function workflowRun(payload: unknown, env: Env): Specific {
  const { workflow_run: run } = check(workflowRunPayload, payload);
  return {
    headSha: run.head_sha,
    baseRef: null,
    baseSha: null,
    prNumber: null,
    isFork: run.head_repository?.full_name !== env.GITHUB_REPOSITORY,
  };
}

/** The run that started this job, of `workflow_run`. */
export interface OtherRun {
  readonly id: number;
  readonly attempt: number;
  readonly event: string;
  readonly headSha: string;
  /** As the API's filter takes it, "owner:branch"; null where the fork or its branch is gone. */
  readonly head: string | null;
  readonly headRepositoryId: number | null;
}

/** @throws PlimsollError as readEvent */
export function readOtherRun(env: Env): OtherRun {
  const { workflow_run: run } = check(workflowRunPayload, readPayload(env));
  const { head_repository: from, head_branch: branch } = run;
  return {
    id: run.id,
    attempt: run.run_attempt,
    event: run.event,
    headSha: run.head_sha,
    head: from === null || branch === null ? null : `${from.owner.login}:${branch}`,
    headRepositoryId: from?.id ?? null,
  };
}

const FACTS: Readonly<Record<EventKind, (payload: unknown, env: Env) => Specific>> = {
  pull_request: pullRequest,
  pull_request_target: pullRequest,
  push,
  workflow_dispatch: onBranch,
  schedule: onBranch,
  merge_group: mergeGroup,
  issue_comment: issueComment,
  workflow_run: workflowRun,
};

function readCommon(env: Env): Omit<EventContext, 'kind' | keyof Specific> {
  const [owner, repo] = checkVariable(z.string().regex(/^[\w.-]+\/[\w.-]+$/), env, 'GITHUB_REPOSITORY').split('/') as [
    string,
    string,
  ];
  const runId = checkVariable(z.coerce.number().int().positive(), env, 'GITHUB_RUN_ID');
  const serverUrl = checkVariable(z.url(), env, 'GITHUB_SERVER_URL', 'https://github.com').replace(/\/+$/, '');
  const ref = env.GITHUB_REF ?? '';
  return {
    owner,
    repo,
    branch: ref.startsWith('refs/heads/') ? branchOf(ref) : null,
    runId,
    attempt: checkVariable(z.coerce.number().int().positive(), env, 'GITHUB_RUN_ATTEMPT', '1'),
    runUrl: `${serverUrl}/${owner}/${repo}/actions/runs/${runId}`,
    serverUrl,
    apiUrl: checkVariable(z.url(), env, 'GITHUB_API_URL', 'https://api.github.com').replace(/\/+$/, ''),
  };
}

const branchOf = (ref: string): string => ref.replace(/^refs\/heads\//, '');

function readPayload(env: Env): unknown {
  const path = env.GITHUB_EVENT_PATH;
  if (!path)
    throw new PlimsollError('USAGE', 'GITHUB_EVENT_PATH is not set.', {
      hint: 'The action runs as a step of a GitHub Actions job.',
    });
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new PlimsollError('INPUT_INVALID', `Cannot read the event payload ${path}: ${(error as Error).message}`, {
      hint: 'GITHUB_EVENT_PATH must name the JSON file of the event.',
      cause: error,
    });
  }
}

function check<T>(schema: z.ZodType<T>, payload: unknown): T {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new PlimsollError(
    'INPUT_INVALID',
    `The event payload is not what GitHub sends: ${issue.path.map(String).join('.') || 'it'}: ${issue.message}.`,
    {
      hint: 'Does another step change GITHUB_EVENT_NAME or GITHUB_EVENT_PATH?',
    },
  );
}

function checkVariable<T>(schema: z.ZodType<T>, env: Env, name: string, otherwise?: string): T {
  const given = env[name] === undefined || env[name] === '' ? otherwise : env[name];
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new PlimsollError(
    'INPUT_INVALID',
    `The variable ${name} is ${given === undefined ? 'not set' : `"${given}"`}: ${parsed.error.issues[0]!.message}.`,
    { hint: 'The action runs as a step of a GitHub Actions job.' },
  );
}
