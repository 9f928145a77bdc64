// The fake GitHub's REST operations on pull requests.

import { type Answer, answerOf, memberOf } from './description.ts';
import { type FakeGit, type FakePull, REPOSITORY } from './fake-git.ts';
import { FORBIDDEN, isOurRepository, NOT_FOUND, type Operations, refused } from './fake-operation.ts';

const PULL = '/repos/{owner}/{repo}/pulls/{pull_number}';
const PULLS = '/repos/{owner}/{repo}/pulls';
const PULLS_OF = '/repos/{owner}/{repo}/commits/{commit_sha}/pulls';

export const PULL_OPERATIONS: Operations = {
  [PULL]: {
    GET({ git }, parameters) {
      const pull = git.pulls.find(({ number }) => String(number) === parameters.pull_number);
      if (!pull || !isOurRepository(parameters)) return NOT_FOUND;
      return { status: 200, body: answerOf('get', PULL, 200, render(git, pull)) };
    },
    PATCH({ git }, parameters, _query, body) {
      const pull = git.pulls.find(({ number }) => String(number) === parameters.pull_number);
      if (!pull || !isOurRepository(parameters)) return NOT_FOUND;
      if (!git.may.pulls) return FORBIDDEN;
      const { title, body: text } = body as Partial<FakePull>;
      if ((text ?? '').length > 65_536) return refused(422, 'Validation Failed');
      Object.assign(pull, { title: title ?? pull.title, body: text ?? pull.body });
      return { status: 200, body: answerOf('patch', PULL, 200, render(git, pull)) };
    },
  },
  [PULLS_OF]: {
    GET({ git }, parameters) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      const found = git.pulls.filter((pull) =>
        [headOf(git, pull), pull.merged?.commit].includes(parameters.commit_sha ?? ''),
      );
      return { status: 200, body: found.map((pull) => memberOf('get', PULLS_OF, render(git, pull))) };
    },
  },
  [PULLS]: {
    GET({ git }, parameters, query) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      const [state, head, base] = [query.get('state') ?? 'open', query.get('head'), query.get('base')];
      const found = git.pulls.filter(
        (pull) =>
          (state === 'all' || pull.state === state) &&
          (base === null || pull.base.branch === base) &&
          (head === null || head === `${pull.head.owner}:${pull.head.branch}`),
      );
      return { status: 200, body: found.map((pull) => memberOf('get', PULLS, render(git, pull))) };
    },
    POST({ git }, parameters, _query, body) {
      return isOurRepository(parameters) ? open(git, body as Opened) : NOT_FOUND;
    },
  },
};

interface Opened {
  readonly head: string;
  readonly base: string;
  readonly title: string;
  readonly body: string;
}

function open(git: FakeGit, { head, base, title, body }: Opened): Answer {
  if (!git.may.pulls) return FORBIDDEN;
  if (!git.may.actionsOpenPulls)
    return refused(403, 'GitHub Actions is not permitted to create or approve pull requests.');
  const invalid = (message: string): Answer =>
    refused(422, 'Validation Failed', [{ resource: 'PullRequest', code: 'custom', message }]);
  const [from, onto] = [git.branches.get(head), git.branches.get(base)];
  if (from === undefined || onto === undefined) return invalid('Not all refs are readable');
  if (git.pulls.some((pull) => pull.state === 'open' && pull.head.branch === head && pull.base.branch === base))
    return invalid(`A pull request already exists for ${REPOSITORY.owner}:${head}.`);
  if (from === onto) return invalid(`No commits between ${base} and ${head}`);
  if (body.length > 65_536) return invalid('body is too long (maximum is 65536 characters)');
  const pull: FakePull = {
    number: 100 + git.pulls.length,
    head: { owner: REPOSITORY.owner, repositoryId: 1, branch: head, sha: from },
    base: { branch: base, sha: onto },
    title,
    body,
    state: 'open',
  };
  git.pulls.push(pull);
  return { status: 201, body: answerOf('post', PULLS, 201, render(git, pull)) };
}

/** Where the branch is now, as long as the pull request is open. */
const headOf = (git: FakeGit, { head, state }: FakePull): string =>
  (state === 'open' && head.owner === REPOSITORY.owner && git.branches.get(head.branch)) || head.sha;

const REPO = '/repos/{owner}/{repo}';

function render(git: FakeGit, pull: FakePull): object {
  const { number, title, body, state, head, base, merged } = pull;
  const { owner, repo } = REPOSITORY;
  return {
    number,
    title,
    body,
    state,
    merged_at: merged?.at ?? null,
    merge_commit_sha: merged?.commit ?? null,
    html_url: `https://github.com/${owner}/${repo}/pull/${number}`,
    head: {
      sha: headOf(git, pull),
      ref: head.branch,
      label: `${head.owner}:${head.branch}`,
      repo: answerOf('get', REPO, 200, { id: head.repositoryId, name: repo }),
    },
    base: { sha: base.sha, ref: base.branch, repo: answerOf('get', REPO, 200, { name: repo }) },
  };
}
