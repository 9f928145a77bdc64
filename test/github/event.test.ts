// Payloads as GitHub sends them, and as nobody should.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PlimsollError } from '../../src/errors.ts';
import { type EventContext, readEvent, readOtherRun } from '../../src/github/event.ts';
import { temporaryFolder } from './repository.ts';

const SHA = { head: 'a'.repeat(40), base: 'b'.repeat(40), merge: 'c'.repeat(40) };

const read = (t: TestContext, name: string, payload: unknown, more: Record<string, string> = {}): EventContext => {
  const path = join(temporaryFolder(t), 'event.json');
  writeFileSync(path, typeof payload === 'string' ? payload : JSON.stringify(payload));
  return readEvent({
    GITHUB_EVENT_NAME: name,
    GITHUB_EVENT_PATH: path,
    GITHUB_REPOSITORY: 'octo/serving',
    GITHUB_RUN_ID: '4711',
    GITHUB_RUN_ATTEMPT: '2',
    GITHUB_SHA: SHA.merge,
    GITHUB_REF: 'refs/heads/main',
    GITHUB_SERVER_URL: 'https://ghe.example.com',
    GITHUB_API_URL: 'https://ghe.example.com/api/v3',
    ...more,
  });
};
const pullRequest = (headRepo: string | null) => ({
  pull_request: {
    number: 7,
    head: { sha: SHA.head, ref: 'change', repo: headRepo === null ? null : { full_name: headRepo } },
    base: { ref: 'main', sha: SHA.base, repo: { full_name: 'octo/serving' } },
  },
});

test('pull_request: the head is the pull request’s, not the merge commit', (t) => {
  const event = read(t, 'pull_request', pullRequest('octo/serving'), { GITHUB_REF: 'refs/pull/7/merge' });
  assert.deepEqual(event, {
    kind: 'pull_request',
    owner: 'octo',
    repo: 'serving',
    headSha: SHA.head,
    baseRef: 'main',
    baseSha: SHA.base,
    branch: null,
    prNumber: 7,
    isFork: false,
    runId: 4711,
    attempt: 2,
    runUrl: 'https://ghe.example.com/octo/serving/actions/runs/4711',
    serverUrl: 'https://ghe.example.com',
    apiUrl: 'https://ghe.example.com/api/v3',
  });
});

test('a fork is a fork, also when it was deleted, also under pull_request_target', (t) => {
  assert.equal(read(t, 'pull_request', pullRequest('mallory/serving')).isFork, true);
  assert.equal(read(t, 'pull_request', pullRequest(null)).isFork, true);
  assert.equal(read(t, 'pull_request_target', pullRequest('mallory/serving')).isFork, true);
});

test('merge_group: base without refs/heads, number from the queue’s branch', (t) => {
  const event = read(t, 'merge_group', {
    merge_group: {
      head_sha: SHA.head,
      head_ref: `refs/heads/gh-readonly-queue/release/1.x/pr-12-${SHA.base}`,
      base_sha: SHA.base,
      base_ref: 'refs/heads/release/1.x',
    },
  });
  assert.equal(event.baseRef, 'release/1.x');
  assert.equal(event.prNumber, 12);
  assert.equal(event.headSha, SHA.head);
});

test('push, workflow_dispatch, schedule: no base, no pull request', (t) => {
  for (const [name, payload, head] of [
    ['push', { after: SHA.head, before: '0'.repeat(40) }, SHA.head],
    ['workflow_dispatch', { inputs: null }, SHA.merge],
    ['schedule', { schedule: '0 3 * * *' }, SHA.merge],
  ] as const) {
    const event = read(t, name, payload);
    assert.deepEqual(
      [event.headSha, event.baseRef, event.baseSha, event.prNumber, event.isFork, event.branch],
      [head, null, null, null, false, 'main'],
      name,
    );
  }
  assert.equal(read(t, 'push', { after: SHA.head }, { GITHUB_REF: 'refs/tags/v1' }).branch, null);
});

test('issue_comment: the number only where the issue is a pull request', (t) => {
  assert.equal(read(t, 'issue_comment', { issue: { number: 7, pull_request: {} } }).prNumber, 7);
  assert.equal(read(t, 'issue_comment', { issue: { number: 8 } }).prNumber, null);
});

test('workflow_run: the other run as GitHub tells it, a fork or not, also where the fork is gone', (t) => {
  const run = (head_repository: unknown) => ({
    workflow_run: {
      id: 99,
      run_attempt: 3,
      event: 'pull_request',
      head_sha: SHA.head,
      head_branch: 'a:b',
      head_repository,
    },
  });
  const fork = { id: 5, full_name: 'mallory/serving', owner: { login: 'mallory' } };
  const event = read(t, 'workflow_run', run(fork));
  assert.deepEqual([event.headSha, event.isFork, event.prNumber, event.runId], [SHA.head, true, null, 4711]);
  assert.equal(read(t, 'workflow_run', run({ ...fork, full_name: 'octo/serving' })).isFork, false);
  assert.equal(read(t, 'workflow_run', run(null)).isFork, true);

  const path = join(temporaryFolder(t), 'event.json');
  writeFileSync(path, JSON.stringify(run(fork)));
  assert.deepEqual(readOtherRun({ GITHUB_EVENT_PATH: path }), {
    id: 99,
    attempt: 3,
    event: 'pull_request',
    headSha: SHA.head,
    head: 'mallory:a:b',
    headRepositoryId: 5,
  });
  writeFileSync(path, JSON.stringify(run(null)));
  assert.equal(readOtherRun({ GITHUB_EVENT_PATH: path }).head, null);
});

const wrong: readonly [string, string, unknown, Record<string, string>, RegExp][] = [
  ['an event that is not known', 'release', {}, {}, /"release" is not one/],
  ['a payload that is no JSON', 'push', '{', {}, /Cannot read the event payload/],
  ['a payload without what it must have', 'pull_request', { pull_request: {} }, {}, /pull_request\.number/],
  ['a commit that is none', 'push', { after: '--upload-pack=x' }, {}, /after/],
  ['a repository that is none', 'push', { after: SHA.head }, { GITHUB_REPOSITORY: 'octo' }, /GITHUB_REPOSITORY/],
  ['a run id that is none', 'push', { after: SHA.head }, { GITHUB_RUN_ID: 'x' }, /GITHUB_RUN_ID/],
  ['a payload that is not there', 'push', {}, { GITHUB_EVENT_PATH: '/nonexistent' }, /nonexistent/],
];
for (const [what, name, payload, more, words] of wrong) {
  test(`${what} is refused in words`, (t) => {
    assert.throws(
      () => read(t, name, payload, more),
      (error) => error instanceof PlimsollError && error.exitCode === 2 && words.test(error.message),
    );
  });
}
