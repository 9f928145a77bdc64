// The fake GitHub's REST operations on git and on pull requests.

import { type Answer, answerOf, memberOf, type Parameters } from './description.ts';
import { type FakeCommit, type FakePull, mergeBase, REPOSITORY } from './fake-git.ts';
import type { CarryOut, FakeGitHub } from './fake-github.ts';

const BLOB = '/repos/{owner}/{repo}/git/blobs/{file_sha}';
const TREES = '/repos/{owner}/{repo}/git/trees';
const NEW_COMMITS = '/repos/{owner}/{repo}/git/commits';
const COMPARE = '/repos/{owner}/{repo}/compare/{basehead}';
const COMMITS = '/repos/{owner}/{repo}/commits';
const PULLS = '/repos/{owner}/{repo}/pulls';
const PULL = '/repos/{owner}/{repo}/pulls/{pull_number}';

const refused = (status: number, message: string, errors?: readonly object[]): Answer => ({
  status,
  body: { message, documentation_url: 'https://docs.github.com/rest', ...(errors && { errors }) },
});
const FORBIDDEN = refused(403, 'Resource not accessible by integration');
const NOT_FOUND: Answer = { ...refused(404, 'Not Found'), body: { message: 'Not Found', status: '404' } };

const isOurs = ({ owner, repo }: Parameters): boolean => owner === REPOSITORY.owner && repo === REPOSITORY.repo;
const commitUrl = (oid: string): string => `https://github.com/${REPOSITORY.owner}/${REPOSITORY.repo}/commit/${oid}`;

export const GIT_OPERATIONS: Readonly<Record<string, Readonly<Record<string, CarryOut>>>> = {
  [BLOB]: {
    GET({ git }, parameters) {
      const text = git.contents.get(parameters.file_sha ?? '');
      if (text === undefined || !isOurs(parameters)) return NOT_FOUND;
      const content = Buffer.from(text).toString('base64');
      return {
        status: 200,
        body: answerOf('get', BLOB, 200, { sha: parameters.file_sha, content, encoding: 'base64' }),
      };
    },
  },
  [TREES]: {
    POST({ git }, parameters, _query, body) {
      if (!isOurs(parameters)) return NOT_FOUND;
      if (!git.may.contents) return FORBIDDEN;
      const { base_tree, tree } = body as { base_tree: string; tree: { path: string; content: string }[] };
      const base = git.trees.get(base_tree);
      if (!base) return NOT_FOUND;
      const files = new Map(base);
      for (const { path, content } of tree) files.set(path, git.store(content));
      return { status: 201, body: answerOf('post', TREES, 201, { sha: git.addTree(files) }) };
    },
  },
  [NEW_COMMITS]: {
    POST({ git }, parameters, _query, body) {
      if (!isOurs(parameters)) return NOT_FOUND;
      if (!git.may.contents) return FORBIDDEN;
      const { message, tree, parents } = body as { message: string; tree: string; parents: string[] };
      const files = git.trees.get(tree);
      if (!files || parents.some((parent) => !git.commits.has(parent))) return NOT_FOUND;
      const { oid } = git.addCommit({ files, parents, message });
      return { status: 201, body: answerOf('post', NEW_COMMITS, 201, { sha: oid, message, html_url: commitUrl(oid) }) };
    },
  },
  [COMPARE]: {
    GET({ git }, parameters) {
      const [base, head] = (parameters.basehead ?? '').split('...').map((oid) => git.find(oid));
      const fork = base && head ? mergeBase(git, base, head) : null;
      if (!fork || !isOurs(parameters)) return NOT_FOUND;
      return { status: 200, body: answerOf('get', COMPARE, 200, { merge_base_commit: { sha: fork.oid } }) };
    },
  },
  [COMMITS]: {
    GET({ git }, parameters, query) {
      let commit = git.find(query.get('sha') ?? 'refs/heads/main');
      if (!commit || !isOurs(parameters)) return NOT_FOUND;
      const path = query.get('path') ?? '';
      const touching: unknown[] = [];
      while (commit && touching.length < Number(query.get('per_page') ?? 30)) {
        const parent: FakeCommit | null = git.find(commit.parents[0] ?? '');
        if (below(commit, path) !== below(parent, path))
          touching.push(memberOf('get', COMMITS, { sha: commit.oid, html_url: commitUrl(commit.oid) }));
        commit = parent;
      }
      return { status: 200, body: touching };
    },
  },
  [PULLS]: {
    GET({ git }, parameters, query) {
      if (!isOurs(parameters)) return NOT_FOUND;
      const [head, base] = [query.get('head'), query.get('base')];
      const found = git.pulls.filter(
        (pull) =>
          pull.state === (query.get('state') ?? 'open') &&
          (base === null || pull.base === base) &&
          (head === null || head === `${REPOSITORY.owner}:${pull.head}`),
      );
      return { status: 200, body: found.map((pull) => memberOf('get', PULLS, render(pull))) };
    },
    POST(fake, parameters, _query, body) {
      return isOurs(parameters) ? open(fake, body as Pick<FakePull, 'head' | 'base' | 'title' | 'body'>) : NOT_FOUND;
    },
  },
  [PULL]: {
    PATCH({ git }, parameters, _query, body) {
      const pull = git.pulls.find(({ number }) => String(number) === parameters.pull_number);
      if (!pull || !isOurs(parameters)) return NOT_FOUND;
      if (!git.may.pulls) return FORBIDDEN;
      const { title, body: text } = body as Partial<FakePull>;
      if ((text ?? '').length > 65_536) return refused(422, 'Validation Failed');
      Object.assign(pull, { title: title ?? pull.title, body: text ?? pull.body });
      return { status: 200, body: answerOf('patch', PULL, 200, render(pull)) };
    },
  },
};

function open(
  { git }: FakeGitHub,
  { head, base, title, body }: Pick<FakePull, 'head' | 'base' | 'title' | 'body'>,
): Answer {
  if (!git.may.pulls) return FORBIDDEN;
  if (!git.may.actionsOpenPulls)
    return refused(403, 'GitHub Actions is not permitted to create or approve pull requests.');
  const invalid = (message: string): Answer =>
    refused(422, 'Validation Failed', [{ resource: 'PullRequest', code: 'custom', message }]);
  if (!git.branches.has(head) || !git.branches.has(base)) return invalid('Not all refs are readable');
  if (git.pulls.some((pull) => pull.state === 'open' && pull.head === head && pull.base === base))
    return invalid(`A pull request already exists for ${REPOSITORY.owner}:${head}.`);
  if (git.branches.get(head) === git.branches.get(base)) return invalid(`No commits between ${base} and ${head}`);
  if (body.length > 65_536) return invalid('body is too long (maximum is 65536 characters)');
  const pull: FakePull = { number: 100 + git.pulls.length, head, base, title, body, state: 'open' };
  git.pulls.push(pull);
  return { status: 201, body: answerOf('post', PULLS, 201, render(pull)) };
}

const render = ({ number, title, body, state, head, base }: FakePull): object => ({
  number,
  title,
  body,
  state,
  html_url: `https://github.com/${REPOSITORY.owner}/${REPOSITORY.repo}/pull/${number}`,
  head: { ref: head },
  base: { ref: base },
});

/** What a commit has at a path or below it. */
const below = (commit: FakeCommit | null, path: string): string =>
  JSON.stringify([...(commit?.files ?? [])].filter(([file]) => file === path || file.startsWith(`${path}/`)).sort());
