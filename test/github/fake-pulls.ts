// The pull requests of the fake GitHub.

import type { FakeGitHub } from './fake-github.ts';
import { isOurRepository, NOT_FOUND, type Operations, REPOSITORY } from './fake-operation.ts';
import { sample } from './openapi.ts';

export interface FakePull {
  readonly number: number;
  readonly head: { readonly owner: string; readonly repositoryId: number; readonly branch: string; sha: string };
  readonly base: { readonly branch: string; readonly sha: string };
  state: 'open' | 'closed';
  readonly merged?: { readonly commit: string; readonly at: string };
}

export const PULL_OPERATIONS: Operations = {
  '/repos/{owner}/{repo}/pulls/{pull_number}': {
    GET(fake, parameters) {
      const pull = fake.pulls.find(({ number }) => String(number) === parameters.pull_number);
      return pull && isOurRepository(parameters)
        ? { status: 200, body: sample('pull-request', shape(fake, pull)) }
        : NOT_FOUND;
    },
  },
  '/repos/{owner}/{repo}/commits/{commit_sha}/pulls': {
    GET(fake, parameters) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      const found = fake.pulls.filter(
        ({ head, merged }) => head.sha === parameters.commit_sha || merged?.commit === parameters.commit_sha,
      );
      return { status: 200, body: found.map((pull) => sample('pull-request-simple', shape(fake, pull))) };
    },
  },
  '/repos/{owner}/{repo}/pulls': {
    GET(fake, parameters, query) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      const [state, head] = [query.get('state') ?? 'open', query.get('head')];
      const found = fake.pulls.filter(
        (pull) =>
          (state === 'all' || pull.state === state) &&
          (head === null || head === `${pull.head.owner}:${pull.head.branch}`),
      );
      return { status: 200, body: found.map((pull) => sample('pull-request-simple', shape(fake, pull))) };
    },
  },
};

const shape = (fake: FakeGitHub, { number, head, base, state, merged }: FakePull): object => {
  const { owner, repo } = REPOSITORY;
  return {
    number,
    state,
    merged_at: merged?.at ?? null,
    merge_commit_sha: merged?.commit ?? null,
    url: `${fake.url}/repos/${owner}/${repo}/pulls/${number}`,
    head: {
      sha: head.sha,
      ref: head.branch,
      label: `${head.owner}:${head.branch}`,
      repo: sample('repository', { id: head.repositoryId, name: repo }),
    },
    base: { sha: base.sha, ref: base.branch, repo: sample('repository', { name: repo }) },
  };
};
