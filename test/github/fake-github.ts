// A GitHub that keeps comments and check runs, for tests: pages, permissions, faults. What it is asked and what it answers is
// checked against GitHub's published OpenAPI description (and GraphQL schema), so that it cannot drift from the real one.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, checkAnswer, checkRequest, description, type Operation, type Parameters } from './description.ts';
import { COMMAND_OPERATIONS } from './fake-commands.ts';
import { createFakeGit, type FakeGit, REPOSITORY } from './fake-git.ts';
import { GIT_OPERATIONS } from './fake-git-rest.ts';
import { executeGraphql } from './fake-graphql.ts';
import { type CarryOut, isOurRepository, NOT_FOUND, type Operations } from './fake-operation.ts';
import { PULL_OPERATIONS } from './fake-pulls.ts';

export interface FakeUser {
  readonly login: string;
  readonly type: 'Bot' | 'User';
}
export interface FakeComment {
  readonly id: number;
  body: string;
  readonly user: FakeUser;
  readonly createdAt?: string | undefined;
  readonly updatedAt?: string | undefined;
}
export interface FakeCheck {
  readonly id: number;
  readonly name: string;
  readonly head_sha: string;
  readonly details_url: string | null;
  status: string;
  conclusion: string | null;
  title: string | null;
  summary: string | null;
  /** Of all requests. */
  readonly annotations: FakeAnnotation[];
}
export interface FakeAnnotation {
  readonly path: string;
  readonly start_line: number;
  readonly annotation_level: string;
  readonly title?: string;
  readonly message: string;
}
export interface Fault {
  readonly method?: string;
  readonly path?: RegExp;
  /** What is asked, as text. */
  readonly body?: RegExp;
  /** It is carried out all the same: only the answer is lost. */
  readonly lost?: true;
  /** Before anything happens. */
  readonly delayMs?: number;
  /** How often; then it is over. */
  times: number;
  /** Absent: nothing but the delay is wrong. */
  readonly status?: number;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FakeGitHub extends AsyncDisposable {
  readonly url: string;
  /** Of the one pull request, oldest first. */
  readonly comments: FakeComment[];
  /** Of any commit, oldest first. */
  readonly checks: FakeCheck[];
  readonly requests: { readonly method: string; readonly path: string; readonly status: number }[];
  readonly git: FakeGit;
  readonly reactions: { readonly comment: number; readonly content: string }[];
  /** By login; who is not named may not even read. */
  readonly permissions: Record<string, 'admin' | 'write' | 'read' | 'none'>;
  readonly reruns: { readonly run: number; readonly jobs: 'all' | 'failed' }[];
  /** Where a request or an answer was not what GitHub describes; a test ends by finding this empty. */
  readonly violations: string[];
  readonly faults: Fault[];
  /** Who the token belongs to; null = the API will not say. */
  viewer: FakeUser | null;
  /** Runs when a request has arrived, before it is carried out: another job's doing. */
  before: ((method: string, path: string, body: string) => void) | null;
  add(user: FakeUser, body: string, createdAt?: string, updatedAt?: string): FakeComment;
}

export { REPOSITORY } from './fake-git.ts';
export const ACTIONS_BOT: FakeUser = { login: 'github-actions[bot]', type: 'Bot' };
const MADE_AT = '2026-01-01T00:00:00Z';

export async function startFakeGitHub(): Promise<FakeGitHub> {
  let lastId = 1_000;
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const fake: FakeGitHub = {
    url,
    comments: [],
    checks: [],
    git: createFakeGit(),
    reactions: [],
    permissions: {},
    reruns: [],
    requests: [],
    violations: [],
    faults: [],
    viewer: ACTIONS_BOT,
    before: null,
    add(user, body, createdAt, updatedAt = createdAt) {
      const comment = { id: ++lastId, body, user, createdAt, updatedAt };
      fake.comments.push(comment);
      return comment;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const target = new URL(request.url ?? '/', url);
    const method = request.method ?? 'GET';
    if (!/^(token|bearer) \S+$/i.test(request.headers.authorization ?? ''))
      fake.violations.push(`${method} ${target.pathname}: no token`);
    fake.before?.(method, target.pathname, JSON.stringify(body) ?? '');
    const answer = await answerTo(fake, method, target, body).catch((error: Error): Answer => {
      fake.violations.push(`${method} ${target.pathname}: ${error.stack}`);
      return { status: 500, body: { message: 'a fault of this fake' } };
    });
    fake.requests.push({ method, path: target.pathname, status: answer.status });
    response.writeHead(answer.status, { 'content-type': 'application/json; charset=utf-8', ...answer.headers });
    response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
  }
  return fake;
}

async function answerTo(fake: FakeGitHub, method: string, target: URL, body: unknown): Promise<Answer> {
  const text = JSON.stringify(body) ?? '';
  const fault = fake.faults.find(
    (candidate) =>
      candidate.times > 0 &&
      (candidate.method ?? method) === method &&
      (candidate.path?.test(target.pathname) ?? true) &&
      (candidate.body?.test(text) ?? true),
  );
  if (!fault) return carryOut(fake, method, target, body);
  fault.times -= 1;
  if (fault.delayMs !== undefined) await sleep(fault.delayMs, undefined, { ref: false });
  const answer = fault.status === undefined || fault.lost ? await carryOut(fake, method, target, body) : null;
  if (fault.status === undefined) return answer!;
  return {
    status: fault.status,
    body: { message: fault.message ?? 'Fault', documentation_url: 'https://docs.github.com/rest' },
    ...(fault.headers ? { headers: fault.headers } : {}),
  };
}

async function carryOut(fake: FakeGitHub, method: string, target: URL, body: unknown): Promise<Answer> {
  if (method === 'POST' && target.pathname === '/graphql') return executeGraphql(fake, body);
  const operation = findOperation(method, target.pathname);
  if (!operation) {
    fake.violations.push(`${method} ${target.pathname}: GitHub has no such operation, or this fake does not`);
    return { status: 404, body: { message: 'Not Found' } };
  }
  const problems = checkRequest(operation, target, body);
  fake.violations.push(...problems);
  if (problems.length > 0)
    return {
      status: 422,
      body: { message: 'Validation Failed', documentation_url: 'https://docs.github.com/rest', errors: [] },
    };
  const answer = operation.carryOut(fake, operation.parameters, target.searchParams, body);
  fake.violations.push(...checkAnswer(operation, answer));
  return answer;
}

// ---- operations -------------------------------------------------------------------------------------------

const COMMENTS = '/repos/{owner}/{repo}/issues/{issue_number}/comments';
const CHECKS = '/repos/{owner}/{repo}/check-runs';
const CHECK = '/repos/{owner}/{repo}/check-runs/{check_run_id}';
const COMMENT = '/repos/{owner}/{repo}/issues/comments/{comment_id}';

const OPERATIONS: Operations = {
  ...PULL_OPERATIONS,
  ...COMMAND_OPERATIONS,
  ...GIT_OPERATIONS,
  [COMMENTS]: {
    GET(fake, parameters, query) {
      if (!isOurs(parameters)) return NOT_FOUND;
      const size = Number(query.get('per_page') ?? 30);
      const page = Number(query.get('page') ?? 1);
      const since = query.get('since');
      const comments = fake.comments.filter(
        ({ updatedAt = MADE_AT }) => since === null || Date.parse(updatedAt) >= Date.parse(since),
      );
      const pages = Math.max(1, Math.ceil(comments.length / size));
      const link = (to: number, rel: string): string =>
        `<${fake.url}${fill(COMMENTS, parameters)}?per_page=${size}&page=${to}>; rel="${rel}"`;
      const links = page < pages ? [link(page + 1, 'next'), link(pages, 'last')] : [];
      return {
        status: 200,
        body: comments.slice((page - 1) * size, page * size).map((comment) => render(fake, comment)),
        ...(links.length > 0 ? { headers: { link: links.join(', ') } } : {}),
      };
    },
    POST(fake, parameters, _query, body) {
      if (!isOurs(parameters)) return NOT_FOUND;
      const refused = tooLong(body);
      if (refused) return refused;
      return { status: 201, body: render(fake, fake.add(fake.viewer ?? ACTIONS_BOT, (body as { body: string }).body)) };
    },
  },
  [COMMENT]: {
    PATCH(fake, parameters, _query, body) {
      const comment = fake.comments.find((candidate) => String(candidate.id) === parameters.comment_id);
      if (!comment) return NOT_FOUND;
      const refused = tooLong(body);
      if (refused) return refused;
      comment.body = (body as { body: string }).body;
      return { status: 200, body: render(fake, comment) };
    },
    DELETE(fake, parameters) {
      const index = fake.comments.findIndex((candidate) => String(candidate.id) === parameters.comment_id);
      if (index < 0) return NOT_FOUND;
      fake.comments.splice(index, 1);
      return { status: 204 };
    },
  },
  [CHECKS]: {
    POST(fake, parameters, _query, body) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      const { name, head_sha, details_url = null } = body as Pick<FakeCheck, 'name' | 'head_sha' | 'details_url'>;
      const check: FakeCheck = {
        id: nextCheckId(fake),
        name,
        head_sha,
        details_url,
        status: 'queued',
        conclusion: null,
        title: null,
        summary: null,
        annotations: [],
      };
      fake.checks.push(check);
      change(check, body as CheckChange);
      return { status: 201, body: renderCheck(fake, check) };
    },
  },
  [CHECK]: {
    GET(fake, parameters) {
      const check = fake.checks.find((candidate) => String(candidate.id) === parameters.check_run_id);
      return check && isOurRepository(parameters) ? { status: 200, body: renderCheck(fake, check) } : NOT_FOUND;
    },
    PATCH(fake, parameters, _query, body) {
      const check = fake.checks.find((candidate) => String(candidate.id) === parameters.check_run_id);
      if (!check || !isOurRepository(parameters)) return NOT_FOUND;
      change(check, body as CheckChange);
      return { status: 200, body: renderCheck(fake, check) };
    },
  },
};

const isOurs = (parameters: Parameters): boolean =>
  isOurRepository(parameters) && Number(parameters.issue_number) === REPOSITORY.pull;

interface CheckChange {
  readonly status?: string;
  readonly conclusion?: string;
  readonly output?: { readonly title: string; readonly summary: string; readonly annotations?: FakeAnnotation[] };
}

const nextCheckId = (fake: FakeGitHub): number => 5_000 + fake.checks.length;

function change(check: FakeCheck, { status, conclusion, output }: CheckChange): void {
  check.status = conclusion === undefined ? (status ?? check.status) : 'completed';
  check.conclusion = conclusion ?? check.conclusion;
  if (!output) return;
  check.title = output.title;
  check.summary = output.summary;
  check.annotations.push(...(output.annotations ?? []));
}

const tooLong = (body: unknown): Answer | null =>
  (body as { body: string }).body.length <= 65_536
    ? null
    : {
        status: 422,
        body: {
          message: 'Validation Failed',
          documentation_url: 'https://docs.github.com/rest',
          errors: [
            {
              resource: 'IssueComment',
              code: 'unprocessable',
              field: 'data',
              message: 'Body is too long (maximum is 65536 characters)',
            },
          ],
        },
      };

const fill = (template: string, parameters: Parameters): string =>
  template.replaceAll(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? '');

/** A comment in full, as the description demands it. */
function render(fake: FakeGitHub, { id, body, user, createdAt = MADE_AT, updatedAt = MADE_AT }: FakeComment): unknown {
  const { owner, repo, pull } = REPOSITORY;
  const person = `${fake.url}/users/${encodeURIComponent(user.login)}`;
  return {
    id,
    node_id: `IC_${id}`,
    url: `${fake.url}/repos/${owner}/${repo}/issues/comments/${id}`,
    html_url: `https://github.com/${owner}/${repo}/pull/${pull}#issuecomment-${id}`,
    issue_url: `${fake.url}/repos/${owner}/${repo}/issues/${pull}`,
    body,
    created_at: createdAt,
    updated_at: updatedAt,
    author_association: user.type === 'Bot' ? 'NONE' : 'CONTRIBUTOR',
    performed_via_github_app: null,
    user: {
      login: user.login,
      id: 41898282,
      node_id: 'MDM6Qm90',
      avatar_url: person,
      gravatar_id: '',
      url: person,
      html_url: person,
      followers_url: person,
      following_url: person,
      gists_url: person,
      starred_url: person,
      subscriptions_url: person,
      organizations_url: person,
      repos_url: person,
      events_url: person,
      received_events_url: person,
      type: user.type,
      site_admin: false,
    },
  };
}

function renderCheck(fake: FakeGitHub, { id, annotations, title, summary, ...check }: FakeCheck): unknown {
  const { owner, repo } = REPOSITORY;
  const url = `${fake.url}/repos/${owner}/${repo}/check-runs/${id}`;
  return {
    ...check,
    id,
    node_id: `CR_${id}`,
    external_id: '',
    url,
    html_url: `https://github.com/${owner}/${repo}/runs/${id}`,
    started_at: '2026-01-01T00:00:00Z',
    completed_at: check.status === 'completed' ? '2026-01-01T01:00:00Z' : null,
    output: {
      title,
      summary,
      text: null,
      annotations_count: annotations.length,
      annotations_url: `${url}/annotations`,
    },
    check_suite: { id: 1 },
    app: null,
    pull_requests: [],
  };
}

function findOperation(method: string, path: string): (Operation & { readonly carryOut: CarryOut }) | null {
  for (const [template, methods] of Object.entries(OPERATIONS)) {
    const match = new RegExp(`^${template.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`).exec(path);
    const carryOut = methods[method];
    const described = description.paths[template]?.[method.toLowerCase()];
    if (match && carryOut && described)
      return { name: `${method} ${template}`, described, parameters: decoded(match.groups), carryOut };
  }
  return null;
}

const decoded = (groups: Record<string, string> | undefined): Parameters =>
  Object.fromEntries(Object.entries({ ...groups }).map(([name, value]) => [name, decodeURIComponent(value)]));

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? undefined : JSON.parse(text);
}
