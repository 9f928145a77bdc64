// `mode: command` as the runner starts it: the bundle, a comment, and a fake GitHub.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, suite, type TestContext, test } from 'node:test';
import { formatMarker, type Marker } from '../../src/github/marker.ts';
import { ACTIONS_BOT, type FakeGitHub, type FakeUser, REPOSITORY, startFakeGitHub } from '../github/fake-github.ts';
import { temporaryFolder } from '../github/repository.ts';
import { buildBundles, type Ended, runStep } from './runner.ts';

let dist: ReturnType<typeof buildBundles>;
before(() => {
  dist = buildBundles();
});
after(() => dist.remove());

const HEAD = 'd'.repeat(40);
const GRACE: FakeUser = { login: 'grace', type: 'User' };
const REPORT: Marker = {
  config: 'plimsoll.yml',
  name: '',
  run: 90,
  attempt: 1,
  head: HEAD,
  since: '2026-05-01T01:00:00Z',
  stands: 'acceptable',
  check: 5_000,
};

async function scene(t: TestContext, ...reports: Marker[]): Promise<FakeGitHub> {
  const fake = await startFakeGitHub();
  t.after(() => fake[Symbol.asyncDispose]());
  fake.permissions.grace = 'write';
  fake.permissions.reader = 'read';
  fake.git.pulls.push({
    number: REPOSITORY.pull,
    head: { owner: 'octo', repositoryId: 1, branch: 'change', sha: HEAD },
    base: { branch: 'main', sha: 'b'.repeat(40) },
    state: 'open',
    title: 'Change',
    body: '',
  });
  for (const report of reports) fake.add(ACTIONS_BOT, `${formatMarker(report)}\nreport`);
  fake.checks.push({
    id: 5_000,
    name: 'Plimsoll: sim',
    head_sha: HEAD,
    details_url: null,
    status: 'completed',
    conclusion: 'failure',
    title: 'Regressed',
    summary: 'why',
    annotations: [],
  });
  return fake;
}

interface Said {
  readonly by?: FakeUser;
  readonly at?: string;
  readonly editedAt?: string;
  readonly action?: string;
  readonly issue?: object;
  readonly inputs?: Record<string, string>;
}
function say(t: TestContext, fake: FakeGitHub, body: string, said: Said = {}): Promise<Ended> {
  const { by = GRACE, at = '2026-05-01T02:00:00Z', editedAt = at, action = 'created' } = said;
  const { id } = fake.add(by, body, at, editedAt);
  return runStep(t, {
    bundle: join(dist.path, 'action.js'),
    cwd: temporaryFolder(t),
    event: 'issue_comment',
    payload: {
      action,
      issue: said.issue ?? { number: REPOSITORY.pull, pull_request: {} },
      comment: { id, body, created_at: at, updated_at: editedAt, user: by },
    },
    apiUrl: fake.url,
    inputs: { mode: 'command', ...said.inputs },
  });
}
const receipts = (fake: FakeGitHub): string[] => fake.reactions.map(({ content }) => content);

suite('the bundled action in mode command', { concurrency: 3 }, () => {
  test('accept with gate: check turns the check run of the judged commit to success, by name and reason', async (t) => {
    const fake = await scene(t, REPORT);
    const ended = await say(t, fake, '/plimsoll accept FP8, <b>agreed</b>', { inputs: { gate: 'check' } });
    assert.equal(ended.code, 0, ended.log);
    const [check] = fake.checks;
    assert.deepEqual([check!.conclusion, check!.title], ['success', 'Accepted by grace: FP8, <b>agreed</b>']);
    assert.match(check!.summary!, /^\*\*Accepted by grace: FP8, &lt;b&gt;agreed&lt;\/b&gt;\*\*\n\nwhy$/);
    assert.deepEqual(receipts(fake), ['eyes', 'rocket']);
    assert.deepEqual(fake.reruns, []);
    assert.deepEqual(fake.violations, []);
  });

  test('accept with gate: job starts the failed jobs of each judged run again, once, which then read it', async (t) => {
    const fake = await scene(
      t,
      REPORT,
      { ...REPORT, name: 'h100' },
      { ...REPORT, name: 'b', run: 91, stands: 'clean' },
    );
    const ended = await say(t, fake, '/plimsoll accept');
    assert.equal(ended.code, 0, ended.log);
    assert.deepEqual(fake.reruns, [{ run: 90, jobs: 'failed' }]);
    assert.equal(fake.checks[0]!.conclusion, 'failure');
    assert.deepEqual(receipts(fake), ['eyes', 'rocket']);
  });

  test('rerun starts every run that reported on the newest commit again', async (t) => {
    const fake = await scene(t, REPORT, { ...REPORT, name: 'b', run: 91, stands: 'final' });
    const ended = await say(t, fake, '/plimsoll rerun');
    assert.equal(ended.code, 0, ended.log);
    assert.deepEqual(fake.reruns, [
      { run: 90, jobs: 'all' },
      { run: 91, jobs: 'all' },
    ]);
    assert.deepEqual(receipts(fake), ['eyes', 'rocket']);
    assert.deepEqual(fake.violations, []);
  });

  for (const [what, body, said, words] of [
    [
      'from somebody who may only read',
      '/plimsoll accept',
      { by: { login: 'reader', type: 'User' } },
      /reader has no write access/,
    ],
    ['from a stranger', '/plimsoll rerun', { by: { login: 'mallory', type: 'User' } }, /mallory has no write access/],
    ['that is no command', '/plimsoll acept', {}, /no command that Plimsoll knows/],
    ['older than the report', '/plimsoll accept', { at: '2026-05-01T00:59:00Z' }, /newer than the accept/],
  ] as const) {
    test(`a command ${what} is not carried out, and answered with confusion`, async (t) => {
      const fake = await scene(t, REPORT);
      const ended = await say(t, fake, body, { ...said, inputs: { gate: 'check' } });
      assert.equal(ended.code, 0, ended.log);
      assert.match(ended.log, words);
      assert.deepEqual(receipts(fake), ['eyes', 'confused']);
      assert.deepEqual([fake.checks[0]!.conclusion, fake.reruns], ['failure', []]);
    });
  }

  test('a breached rule, a report on an older commit and a closed pull request cannot be accepted', async (t) => {
    const final = await scene(t, { ...REPORT, stands: 'final' });
    assert.match((await say(t, final, '/plimsoll accept', { inputs: { gate: 'check' } })).log, /only such a change/);
    const older = await scene(t, { ...REPORT, head: 'e'.repeat(40) });
    assert.match(
      (await say(t, older, '/plimsoll accept', { inputs: { gate: 'check' } })).log,
      /no report on its newest/,
    );
    const closed = await scene(t, REPORT);
    closed.git.pulls[0]!.state = 'closed';
    assert.match((await say(t, closed, '/plimsoll rerun')).log, /closed/);
    for (const fake of [final, older, closed]) {
      assert.equal(fake.checks[0]!.conclusion, 'failure');
      assert.deepEqual([receipts(fake), fake.reruns], [['eyes', 'confused'], []]);
    }
  });

  for (const [what, body, said] of [
    ['talk', 'LGTM', {}],
    ['a quoted command', '> /plimsoll accept', {}],
    ['a bot’s own comment', '/plimsoll accept', { by: ACTIONS_BOT }],
    ['an edit', '/plimsoll accept', { action: 'edited', editedAt: '2026-05-01T03:00:00Z' }],
    ['a comment on an issue', '/plimsoll accept', { issue: { number: REPOSITORY.pull } }],
  ] as const) {
    test(`${what} is left alone, without a question to the API`, async (t) => {
      const fake = await scene(t, REPORT);
      const ended = await say(t, fake, body, said);
      assert.equal(ended.code, 0, ended.log);
      assert.deepEqual(fake.requests, []);
    });
  }

  test('a check run that is not ours, or of another commit, is not touched', async (t) => {
    const fake = await scene(t, { ...REPORT, check: 5_001 });
    fake.checks.push({ ...fake.checks[0]!, id: 5_001, name: 'deploy' });
    const ended = await say(t, fake, '/plimsoll accept', { inputs: { gate: 'check' } });
    assert.equal(ended.code, 4, ended.log);
    assert.equal(fake.checks[1]!.conclusion, 'failure');
    assert.deepEqual(receipts(fake), ['eyes', 'confused']);
  });

  for (const [status, path, message, code, words] of [
    [403, /rerun/, 'Resource not accessible by integration', 4, /GITHUB_REFUSED::.*actions: write/],
    [403, /rerun/, 'This workflow is already running', 0, /cannot be started again now/],
    [404, /rerun/, 'Not Found', 4, /actions: write/],
    [422, /permission$/, 'Validation Failed', 4, /GITHUB_REFUSED/],
    [503, /pulls\/7$/, 'Unavailable', 4, /503/],
  ] as const) {
    test(`${status} at ${path.source} (${message}): told in words, answered with confusion, exit ${code}`, async (t) => {
      const fake = await scene(t, REPORT);
      fake.faults.push({ path, times: 9, status, message });
      const ended = await say(t, fake, '/plimsoll rerun');
      assert.equal(ended.code, code, ended.log);
      assert.match(ended.log, words);
      assert.deepEqual(receipts(fake), ['eyes', 'confused']);
      assert.deepEqual(fake.reruns, []);
    });
  }

  test('reactions that are refused are warnings; what was asked for is done', async (t) => {
    const fake = await scene(t, REPORT);
    fake.faults.push({ path: /reactions$/, times: 9, status: 403, message: 'Resource not accessible by integration' });
    const ended = await say(t, fake, '/plimsoll rerun');
    assert.equal(ended.code, 0, ended.log);
    assert.match(ended.log, /::warning.*pull-requests: write/);
    assert.equal(fake.reruns.length, 1);
  });
});
