// `mode: comment` as the runner starts it: the bundle, a clone of the default branch, an artifact that anyone may have
// written, and a fake GitHub.

import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, type TestContext, test } from 'node:test';
import { formatBaseline } from '../../src/baseline/store.ts';
import type { RunRecord } from '../../src/record/schema.ts';
import { ACTIONS_BOT, type FakeGitHub, REPOSITORY, startFakeGitHub } from '../github/fake-github.ts';
import { createRepository, type Repository, shallowClone } from '../github/repository.ts';
import { baselineOf, bootOf, HOSTILE, recordOf, rulesOf } from '../report/fixtures.ts';
import { buildBundles, type Ended, runStep } from './runner.ts';

let dist: ReturnType<typeof buildBundles>;
before(() => {
  dist = buildBundles();
});
after(() => dist.remove());

const HEAD = 'd'.repeat(40);
const { deployment: NAME } = recordOf([bootOf(1, { slow: 1 })]);
const COMMAND = `[vllm, serve, "\${NOT_SET_HERE}"]`;

interface Scene {
  readonly fake: FakeGitHub;
  readonly clone: Repository;
  readonly baseSha: string;
}

async function scene(t: TestContext, limit = '10s'): Promise<Scene> {
  const fake = await startFakeGitHub();
  t.after(() => fake[Symbol.asyncDispose]());
  const origin = createRepository(t);
  const baseSha = origin.commit({
    'plimsoll.yml': rulesOf(limit, COMMAND),
    [`baselines/${NAME}/h100.json`]: formatBaseline(baselineOf(5)),
  });
  fake.git.pulls.push({
    number: REPOSITORY.pull,
    head: { owner: 'mallory', repositoryId: 66, branch: 'faster', sha: HEAD },
    base: { branch: 'main', sha: baseSha },
    state: 'open',
    title: 'Change',
    body: '',
  });
  return { fake, baseSha, clone: shallowClone(t, origin, 'main') };
}

const payload = (change: object = {}) => ({
  workflow_run: {
    id: 90,
    run_attempt: 2,
    event: 'pull_request',
    head_sha: HEAD,
    head_branch: 'faster',
    head_repository: { id: 66, full_name: 'mallory/serving', owner: { login: 'mallory' } },
    pull_requests: [],
    ...change,
  },
});
const recordAt = (slow: number, change: Partial<RunRecord> = {}): RunRecord =>
  recordOf([bootOf(1, { slow }), bootOf(2, { slow })], { subject: { commit: HEAD }, ...change });

function lay({ clone }: Scene, content: unknown, file = 'run.json'): void {
  mkdirSync(join(clone.path, 'plimsoll-artifact'), { recursive: true });
  writeFileSync(
    join(clone.path, 'plimsoll-artifact', file),
    typeof content === 'string' ? content : JSON.stringify(content),
  );
}
const tell = (
  t: TestContext,
  { clone, fake }: Scene,
  inputs: Record<string, string> = {},
  given: unknown = payload(),
): Promise<Ended> =>
  runStep(t, {
    bundle: join(dist.path, 'action.js'),
    cwd: clone.path,
    event: 'workflow_run',
    payload: given,
    apiUrl: fake.url,
    inputs: { mode: 'comment', check: 'true', ...inputs },
  });

suite('the bundled action in mode comment', { concurrency: 2 }, () => {
  test('judges by the base’s rules and baseline, says that nobody vouches for the numbers, and is never green', async (t) => {
    const stage = await scene(t);
    lay(stage, recordAt(1));
    const ended = await tell(t, stage);
    assert.equal(ended.code, 0, ended.log);
    const [comment] = stage.fake.comments;
    assert.match(comment!.body, /^<!-- plimsoll \{"config":"plimsoll\.yml","name":"","run":90,"attempt":2[,}]/);
    assert.match(comment!.body, /numbers come from an untrusted run/);
    assert.match(comment!.body, new RegExp(`plimsoll\\.yml at main \\(${stage.baseSha.slice(0, 7)}\\)`));
    assert.match(comment!.body, /Against the baseline/);
    assert.match(comment!.body, /actions\/runs\/90\b/);
    const [check] = stage.fake.checks;
    assert.deepEqual([check!.head_sha, check!.conclusion, check!.name], [HEAD, 'action_required', `Plimsoll: ${NAME}`]);
    for (const text of [comment!.body, check!.title!, check!.summary!, ended.summary])
      assert.doesNotMatch(text, /✅|🟢|\bPassed\b/u);
    assert.equal(ended.outputs.report, 'plimsoll-artifact');
    assert.deepEqual(stage.fake.violations, []);
  });

  for (const gate of ['job', 'check']) {
    test(`with gate: ${gate} nothing that the fork says makes a required check pass, accepted or not`, async (t) => {
      const stage = await scene(t);
      lay(stage, recordAt(1));
      const ended = await tell(t, stage, { gate });
      assert.equal(ended.code, 0, ended.log);
      assert.equal(stage.fake.checks[0]!.conclusion, 'action_required');
      stage.fake.permissions.grace = 'write';
      stage.fake.add(
        { login: 'grace', type: 'User' },
        '/plimsoll accept FP8',
        new Date(Date.now() + 10_000).toISOString(),
      );
      lay(stage, recordAt(1.3));
      const accepted = await tell(t, stage, { gate });
      assert.deepEqual([accepted.code, accepted.outputs.verdict], [0, 'warn'], accepted.log);
      assert.equal(stage.fake.checks[1]!.conclusion, 'action_required');
      assert.deepEqual(stage.fake.violations, []);
    });
  }

  test('a breach fails the job and the check run; a second run updates the one comment', async (t) => {
    const stage = await scene(t, '1us');
    lay(stage, recordAt(1));
    const ended = await tell(t, stage);
    assert.equal(ended.code, 1, ended.log);
    assert.equal(ended.outputs.verdict, 'fail');
    assert.equal(stage.fake.checks[0]!.conclusion, 'failure');
    const again = await tell(t, stage, {}, payload({ id: 91 }));
    assert.equal(again.code, 1);
    assert.equal(stage.fake.comments.length, 1);
    assert.match(stage.fake.comments[0]!.body, /"run":91/);
  });

  for (const [what, content, words] of [
    ['damaged', '{"schema":"plimsoll/run","<img src=x>":1', /is no record of a run/],
    ['of another commit', recordAt(1, { subject: { commit: 'e'.repeat(40) } }), /is of the commit e{40}/],
    ['huge', ' '.repeat(9 * 1024 * 1024), /bytes; at most/],
    ['without a stage that the base asks for', recordAt(1, { workloads: {}, boots: [] }), /not measured|Missing/i],
  ] as const) {
    test(`an artifact that is ${what} is told as not judged: exit 4, the check run fails`, async (t) => {
      const stage = await scene(t);
      lay(stage, content);
      const ended = await tell(t, stage, { gate: 'job' });
      assert.equal(ended.code, 4, ended.log);
      assert.equal(ended.outputs.verdict, 'invalid');
      assert.equal(stage.fake.checks[0]!.conclusion, 'failure');
      assert.match(stage.fake.comments[0]!.body, words);
      assert.match(stage.fake.comments[0]!.body, /### 🚫 Not judged/u);
      assert.doesNotMatch(stage.fake.comments[0]!.body, /<img/);
      assert.deepEqual(stage.fake.violations, []);
    });
  }

  test('a link in the artifact leads to no other file, and no artifact is no pass', async (t) => {
    const stage = await scene(t);
    lay(stage, recordAt(1), 'elsewhere.json');
    symlinkSync('elsewhere.json', join(stage.clone.path, 'plimsoll-artifact/run.json'));
    assert.equal((await tell(t, stage)).code, 4);
    assert.match(stage.fake.comments[0]!.body, /ARTIFACT\\?_REFUSED/);
    assert.equal((await tell(t, stage, { 'artifact-path': 'nowhere' })).code, 4);
  });

  test('markers, mentions and HTML in every text of the artifact stay text', async (t) => {
    const stage = await scene(t);
    const hostile = HOSTILE.join(' ').slice(0, 3_900);
    const boots = recordAt(1).boots.map((boot) => ({
      ...boot,
      reason: hostile,
      startedAt: hostile,
      stages: boot.stages.map((one) => ({
        ...one,
        reason: hostile,
        cliffs: [{ betweenRates: [1, 2] as [number, number], what: hostile, why: hostile }],
        unmeasured: [{ metric: hostile, reason: hostile }],
        invalid: [
          { code: one.invalid[0]?.code ?? ('throttled' as const), message: hostile, advice: hostile, phase: null },
        ],
      })),
    }));
    const record = recordAt(1, {
      id: hostile,
      createdAt: hostile,
      statusReason: hostile,
      boots,
      subject: { commit: HEAD, [hostile.slice(0, 150)]: hostile, command: hostile },
    });
    lay(stage, record);
    const ended = await tell(t, stage);
    const [comment] = stage.fake.comments;
    assert.equal(comment!.body.match(/<!--/g)?.length, 1, 'the marker is the only comment');
    const tags = new Set(
      comment!.body
        .split('\n')
        .slice(1)
        .join('\n')
        .match(/<\/?[a-z]+[^>]*>/gi),
    );
    for (const tag of ['<details>', '</details>', '<summary>', '</summary>', '<sub>', '</sub>', '<br>'])
      tags.delete(tag);
    assert.deepEqual([...tags], []);
    assert.doesNotMatch(ended.log.replaceAll(/::stop-commands::(\S+)\n[\s\S]*?\n::\1::\n/g, ''), /^::set-output|##\[/m);
    assert.notEqual(ended.outputs.verdict, 'pass');
    assert.deepEqual(stage.fake.violations, []);
  });

  test('the pull request is found by repository, branch and commit: a newer push, another fork or a closed one gets nothing', async (t) => {
    const stage = await scene(t);
    lay(stage, recordAt(1));
    for (const change of [
      { head_sha: 'e'.repeat(40) },
      { head_repository: { id: 67, full_name: 'mallory/serving', owner: { login: 'mallory' } } },
      { head_branch: 'other' },
      { head_repository: null },
      { event: 'push' },
    ]) {
      const ended = await tell(t, stage, {}, payload(change));
      assert.equal(ended.code, 0, ended.log);
      assert.match(ended.log, /::notice.*Nothing to tell/);
      assert.equal(ended.outputs.verdict, '');
    }
    stage.fake.git.pulls.push({ ...stage.fake.git.pulls[0]!, number: 8 });
    const twice = await tell(t, stage);
    assert.equal(twice.code, 2, twice.log);
    assert.match(twice.log, /several open pull requests \(#7, #8\)/);
    assert.equal(stage.fake.comments.length + stage.fake.checks.length, 0);
    assert.deepEqual(stage.fake.violations, []);
  });

  test('a regression that somebody with write access accepted after its report is a warning, until the next push', async (t) => {
    const stage = await scene(t);
    const accept = { login: 'grace', type: 'User' } as const;
    stage.fake.permissions.grace = 'write';
    const at = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString();
    stage.fake.add(accept, '/plimsoll accept too early', at(-60));
    lay(stage, recordAt(1.3));
    const found = await tell(t, stage);
    assert.equal(found.code, 1, found.log);
    const comment = stage.fake.comments[1]!;
    assert.match(comment.body.split('\n')[0]!, /"stands":"acceptable","check":\d+\}/);
    stage.fake.add({ login: 'mallory', type: 'User' }, '/plimsoll accept please', at(10));
    stage.fake.add(ACTIONS_BOT, '/plimsoll accept I am a bot', at(10));
    stage.fake.add(accept, '/plimsoll accept was another text', at(10), at(20));
    assert.equal((await tell(t, stage)).code, 1, 'none of these counts');
    stage.fake.add(accept, '/plimsoll accept FP8, agreed in <b>#9</b>', at(10));
    const accepted = await tell(t, stage);
    assert.equal(accepted.code, 0, accepted.log);
    assert.equal(accepted.outputs.verdict, 'warn');
    assert.match(comment.body, /Accepted by grace \(FP8, agreed in &lt;b&gt;/);
    assert.doesNotMatch(comment.body, /✅/u);
    assert.equal((await tell(t, stage)).code, 0, 'also when it is told once more');
    stage.fake.faults.push({ path: /permission$/, times: 9, status: 403, message: 'no' });
    assert.equal((await tell(t, stage)).code, 1, 'an accept that cannot be read is none');
    stage.fake.faults.length = 0;

    const pushed = 'f'.repeat(40);
    stage.fake.git.pulls[0]!.head.sha = pushed;
    lay(stage, recordAt(1.3, { subject: { commit: pushed } }));
    const next = await tell(t, stage, {}, payload({ id: 95, head_sha: pushed }));
    assert.equal(next.code, 1, 'a newer push needs a newer accept');
    assert.deepEqual(stage.fake.violations, []);
  });

  for (const [status, message] of [
    [403, 'Resource not accessible by integration'],
    [404, 'Not Found'],
    [422, 'Validation Failed'],
    [503, 'Unavailable'],
  ] as const) {
    test(`${status} everywhere but at the pull request: warnings, and the exit status of the verdict`, async (t) => {
      const stage = await scene(t, '1us');
      lay(stage, recordAt(1));
      stage.fake.faults.push({ path: /comments|check-runs/, times: 99, status, message });
      const ended = await tell(t, stage);
      assert.equal(ended.code, 1, ended.log);
      assert.match(ended.log, /::warning.*Could not comment/);
      assert.match(ended.log, /::warning.*Could not complete the check run/);
    });
  }

  test('where not even the pull request can be asked for, it is no pass: exit 4, the permission named', async (t) => {
    const stage = await scene(t);
    lay(stage, recordAt(1));
    stage.fake.faults.push({
      path: /pulls$/,
      times: 9,
      status: 403,
      message: 'Resource not accessible by integration',
    });
    const ended = await tell(t, stage);
    assert.equal(ended.code, 4, ended.log);
    assert.match(ended.log, /GITHUB_REFUSED::.*pull-requests: read/);
  });

  test('a base without rules judges nothing', async (t) => {
    const stage = await scene(t);
    lay(stage, recordAt(1));
    const ended = await tell(t, stage, { config: 'other.yml' });
    assert.equal(ended.code, 4, ended.log);
    assert.match(stage.fake.comments[0]!.body, /There is no other\.yml at main/);
  });
});
