// An accept in the merge queue: it counts for an entry that is the accepted commit on the base, and for nothing else.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { EventContext } from '../../src/github/event.ts';
import { readInputs } from '../../src/github/inputs.ts';
import { readAccept } from '../../src/github/leg.ts';
import { formatMarker } from '../../src/github/marker.ts';
import type { Accepted } from '../../src/judge/accept.ts';
import { ACTIONS_BOT, type FakeGitHub, REPOSITORY, startFakeGitHub } from './fake-github.ts';

const HEAD = 'd'.repeat(40);
const ENTRY = 'e'.repeat(40);
const at = (hour: number): string => `2026-05-01T0${hour}:00:00Z`;

interface Scene {
  readonly fake: FakeGitHub;
  /** Of main. */
  readonly tip: string;
  /** The queue makes an entry of these parents, at three o'clock. */
  queue(...parents: string[]): Promise<Accepted | null>;
}

/** Reported at one o'clock and accepted at two. */
async function scene(t: TestContext, acceptedAt = at(2)): Promise<Scene> {
  const fake = await startFakeGitHub();
  t.after(() => fake[Symbol.asyncDispose]());
  const { git } = fake;
  const tip = git.push('main', { 'plimsoll.yml': 'rules' });
  git.pulls.push({
    number: REPOSITORY.pull,
    head: { owner: 'octo', repositoryId: 1, branch: 'change', sha: HEAD },
    base: { branch: 'main', sha: tip },
    state: 'open',
    title: 'Change',
    body: '',
  });
  fake.permissions.grace = 'write';
  const report = { config: 'plimsoll.yml', name: '', run: 9, attempt: 1, head: HEAD, since: at(1) };
  fake.add(ACTIONS_BOT, formatMarker({ ...report, stands: 'acceptable' }));
  fake.add({ login: 'grace', type: 'User' }, '/plimsoll accept FP8', acceptedAt);
  return {
    fake,
    tip,
    async queue(...parents) {
      git.addCommit({ files: new Map(), parents, message: 'entry', at: at(3) }, ENTRY);
      const accepted = await readAccept({
        inputs: readInputs({ 'INPUT_GITHUB-TOKEN': 'token' }),
        event: entryOf(fake),
        configPath: 'plimsoll.yml',
        deployment: 'sim',
        out: '',
        record: '',
        check: null,
        secrets: [],
        cancelled: new AbortController().signal,
      });
      assert.deepEqual(fake.violations, []);
      return accepted;
    },
  };
}

const entryOf = (fake: FakeGitHub): EventContext => ({
  kind: 'merge_group',
  owner: REPOSITORY.owner,
  repo: REPOSITORY.repo,
  headSha: ENTRY,
  baseRef: 'main',
  baseSha: null,
  branch: null,
  prNumber: REPOSITORY.pull,
  isFork: false,
  runId: 10,
  attempt: 1,
  runUrl: '',
  serverUrl: 'https://github.com',
  apiUrl: fake.url,
});

test('a merge of the accepted commit into the base is accepted, and so is its squash', async (t) => {
  const merge = await scene(t);
  const accepted = await merge.queue(merge.tip, HEAD);
  assert.deepEqual([accepted?.by, accepted?.reason], ['grace', 'FP8']);
  const squash = await scene(t);
  assert.equal((await squash.queue(squash.tip))?.by, 'grace');
});

test('an entry that waits behind another is not accepted: it holds the other change too', async (t) => {
  const { fake, tip, queue } = await scene(t);
  const ahead = fake.git.addCommit({ files: new Map(), parents: [tip], message: 'ahead' }).oid;
  assert.equal(await queue(ahead, HEAD), null);
  assert.equal(await queue(ahead), null);
  fake.git.branches.set('main', ahead);
  assert.equal((await queue(ahead))?.by, 'grace', 'once the other is merged, this one stands alone');
});

test('an accept of another commit, or from after the entry was made, does not count', async (t) => {
  const pushed = await scene(t);
  pushed.fake.git.pulls[0]!.head.sha = 'f'.repeat(40);
  assert.equal(await pushed.queue(pushed.tip), null, 'the newest commit was never reported on');
  const { tip, queue } = await scene(t);
  assert.equal(await queue(tip, 'f'.repeat(40)), null, 'not the head that was accepted');
  assert.equal(await queue(tip, HEAD, 'f'.repeat(40)), null, 'more than one head');
  assert.equal(await queue('f'.repeat(40)), null);
  const late = await scene(t, at(4));
  assert.equal(await late.queue(late.tip), null);
});

test('what GitHub does not tell is no accept', async (t) => {
  for (const path of [/git\/ref\//, /git\/commits\//, /pulls\/7$/, /comments$/, /permission$/]) {
    const { fake, tip, queue } = await scene(t);
    fake.faults.push({ path, times: 9, status: 403, message: 'Resource not accessible by integration' });
    assert.equal(await queue(tip, HEAD), null, String(path));
  }
});
