// A run's boots brought to a branch of a GitHub with state: whatever the other runs, the branch's rules and the network
// do, no boot is lost, no other's is overwritten, and there is never a second pull request.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatBaseline, parseBaseline } from '../../src/baseline/codec.ts';
import { addRun } from '../../src/baseline/update.ts';
import { type Api, createApi } from '../../src/github/api.ts';
import { commitBaseline } from '../../src/github/baseline-commit.ts';
import type { Kept } from '../../src/github/baseline-job.ts';
import type { RunRecord } from '../../src/record/schema.ts';
import { benchmarkRun } from '../baseline/records.ts';
import { PROTECTED } from './fake-git.ts';
import { type FakeGitHub, type Fault, REPOSITORY, startFakeGitHub } from './fake-github.ts';

const TARGET = {
  owner: REPOSITORY.owner,
  repo: REPOSITORY.repo,
  serverUrl: 'https://github.com',
  branch: 'main',
  folder: 'baselines',
  runUrl: 'https://github.com/octo/serving/actions/runs/100',
};
const OWN = 'plimsoll/baseline/main';
const COMMIT: Pick<Fault, 'body'> = { body: /createCommitOnBranch/ };
const MOVE: Pick<Fault, 'body'> = { body: /updateRefs/ };
const FORBIDDEN = { status: 403, message: 'Resource not accessible by integration' };

const AT_ONCE = { key: () => ({ schedule: (_options: unknown, task: () => unknown) => task() }) };
const apiOf = (fake: FakeGitHub, signal?: AbortSignal): Api =>
  createApi({
    token: 't0ken',
    baseUrl: fake.url,
    secondMs: 2,
    pacing: { write: AT_ONCE, notifications: AT_ONCE, global: AT_ONCE },
    ...(signal && { signal }),
  });
const commit = (fake: FakeGitHub, record: RunRecord, limitMs = 60_000, branch = 'main', kept: Partial<Kept> = {}) => {
  const signal = AbortSignal.timeout(limitMs);
  const keeps = { record, accepted: null, badge: null, ...kept };
  return commitBaseline(apiOf(fake, signal), { ...TARGET, branch }, keeps, signal, 2);
};

/** main with code and, where runs are given, their baseline. */
async function scene(...stored: readonly RunRecord[]): Promise<FakeGitHub> {
  const fake = await startFakeGitHub();
  fake.git.push('main', { 'serving.py': 'code' });
  for (const record of stored) pushRun(fake, record);
  return fake;
}

const pathOn = (fake: FakeGitHub, branch: string): string =>
  [...(fake.git.find(`refs/heads/${branch}`)?.files.keys() ?? [])].find((path) =>
    /^baselines\/llm\/.*\.json$/.test(path),
  ) ?? 'baselines/llm/machine.json';

/** What another job does to the branch. */
function pushRun(fake: FakeGitHub, record: RunRecord, branch = 'main'): void {
  const path = pathOn(fake, branch);
  const text = fake.git.read(branch, path);
  const { file } = addRun(text === null ? null : parseBaseline(text, path), record, { keep: 10 });
  fake.git.push(branch, { [path]: formatBaseline(file) });
}

const bootsOn = (fake: FakeGitHub, branch: string): string[] => {
  const path = pathOn(fake, branch);
  const text = fake.git.read(branch, path);
  if (text === null) return [];
  return (parseBaseline(text, path).stages.benchmark ?? []).flatMap(({ segments }) =>
    segments.flatMap(({ boots }) => boots.map(({ id }) => id)),
  );
};
const idsOf = (...records: readonly RunRecord[]): string[] => records.map(({ id }) => `${id}#1`);
const openPulls = (fake: FakeGitHub) => fake.git.pulls.filter(({ state }) => state === 'open');
const run = (id: string, ttftMs = 100): RunRecord => benchmarkRun(ttftMs, { id });

test('the run is committed to the branch, on top of what is there, and nothing else changes', async () => {
  await using fake = await scene(run('run-1'));
  const committed = await commit(fake, run('run-2'));
  assert.deepEqual(committed.warnings, []);
  assert.deepEqual(bootsOn(fake, 'main'), ['run-1#1', 'run-2#1']);
  const head = fake.git.find('refs/heads/main')!;
  assert.equal(committed.url, `https://github.com/octo/serving/commit/${head.oid}`);
  assert.match(head.message, /^Record the baseline of llm\n\nrun-2#1: benchmark\nhttps:.*runs\/100\n$/);
  assert.doesNotMatch(head.message, /skip ci/);
  assert.equal(fake.git.read('main', 'serving.py'), 'code');
  assert.equal(committed.file?.text, fake.git.read('main', committed.file?.path ?? ''));
  assert.deepEqual(fake.violations, []);
});

test('the first baseline of a repository makes its file', async () => {
  await using fake = await scene();
  const committed = await commit(fake, run('run-1'));
  assert.match(committed.file?.path ?? '', /^baselines\/llm\/.+\.json$/);
  assert.deepEqual(bootsOn(fake, 'main'), ['run-1#1']);
  assert.deepEqual(fake.violations, []);
});

test('someone pushes between look and commit, twice: the file is read anew and theirs is kept', async () => {
  await using fake = await scene(run('run-1'));
  const others = [run('other-1'), run('other-2')];
  fake.before = (_method, _path, body) => {
    const next = body.includes('createCommitOnBranch') ? others.shift() : undefined;
    if (next) pushRun(fake, next);
  };
  const committed = await commit(fake, run('run-2'));
  assert.deepEqual(committed.warnings, []);
  assert.deepEqual(bootsOn(fake, 'main'), ['run-1#1', 'other-1#1', 'other-2#1', 'run-2#1']);
  assert.deepEqual(fake.violations, []);
});

test('a branch that moves at every attempt is given up, in a sentence, and its content is not touched', async () => {
  await using fake = await scene();
  let pushes = 0;
  fake.before = (_method, _path, body) => {
    if (body.includes('createCommitOnBranch')) fake.git.push('main', { 'serving.py': `code ${++pushes}` });
  };
  const committed = await commit(fake, run('run-1'));
  assert.equal(committed.url, null);
  assert.match(committed.warnings.join(), /moved on 10 times/);
  assert.equal(pushes, 10);
  assert.deepEqual(bootsOn(fake, 'main'), []);
});

test('a branch that only takes pull requests gets one, with a branch of our own that is its head and one commit', async () => {
  await using fake = await scene(run('run-1'));
  fake.git.rules.set('main', PROTECTED);
  const head = fake.git.branches.get('main');
  const committed = await commit(fake, run('run-2', 120));
  assert.deepEqual(committed.warnings, []);
  assert.equal(fake.git.branches.get('main'), head, 'the protected branch is as it was');
  assert.deepEqual(bootsOn(fake, OWN), ['run-1#1', 'run-2#1']);
  assert.deepEqual(fake.git.find(`refs/heads/${OWN}`)?.parents, [head]);
  const [pull, ...more] = fake.git.pulls;
  assert.deepEqual(more, []);
  assert.deepEqual([pull!.head.branch, pull!.base.branch, pull!.title], [OWN, 'main', 'Record baselines on main']);
  assert.equal(committed.url, 'https://github.com/octo/serving/pull/100');
  assert.match(committed.said, /Changes must be made through a pull request/);
  assert.match(pull!.body, /1 boot waits/);
  assert.match(pull!.body, /`run-2#1`.*: benchmark/);
  assert.match(pull!.body, /100\u00a0ms → 110\u00a0ms/, 'the level before and after');
  assert.match(pull!.body, /plimsoll baseline promote origin\/main:baselines\/llm\//);
  assert.deepEqual(fake.violations, []);
});

test('later runs are added to the pull request that is open; what it held stays', async () => {
  await using fake = await scene(run('run-1'));
  fake.git.rules.set('main', PROTECTED);
  for (const id of ['run-2', 'run-3', 'run-4']) await commit(fake, run(id));
  assert.equal(fake.git.pulls.length, 1);
  assert.deepEqual(bootsOn(fake, OWN), ['run-1#1', 'run-2#1', 'run-3#1', 'run-4#1']);
  assert.match(fake.git.pulls[0]!.body, /3 boots wait/);
  assert.deepEqual(fake.violations, []);
});

test('the pull request of a branch that moved on is brought up to date with it, and merges without a conflict', async () => {
  await using fake = await scene(run('run-1'));
  fake.git.rules.set('main', PROTECTED);
  await commit(fake, run('run-2'));
  // By hand, in the meantime: other code, and another boot in the very same file.
  fake.git.push('main', { 'serving.py': 'newer' });
  pushRun(fake, run('by-hand'));
  await commit(fake, run('run-3'));
  assert.deepEqual(fake.git.find(`refs/heads/${OWN}`)?.parents, [fake.git.branches.get('main')]);
  assert.equal(fake.git.read(OWN, 'serving.py'), 'newer');
  assert.ok(fake.git.merge(fake.git.pulls[0]!));
  assert.deepEqual(bootsOn(fake, 'main').sort(), ['by-hand#1', 'run-1#1', 'run-2#1', 'run-3#1']);
  assert.deepEqual(fake.violations, []);
});

test('after the merge the next run begins a new pull request from what was merged', async () => {
  await using fake = await scene();
  fake.git.rules.set('main', PROTECTED);
  await commit(fake, run('run-1'));
  fake.git.merge(fake.git.pulls[0]!);
  const committed = await commit(fake, run('run-2'));
  assert.deepEqual(bootsOn(fake, OWN), ['run-1#1', 'run-2#1']);
  assert.deepEqual(
    fake.git.pulls.map(({ state }) => state),
    ['closed', 'open'],
  );
  assert.match(fake.git.pulls[1]!.body, /1 boot waits/);
  assert.match(committed.url ?? '', /pull\/101$/);
});

const segmentsOn = (fake: FakeGitHub, branch: string): [string, number][] => {
  const path = pathOn(fake, branch);
  return parseBaseline(fake.git.read(branch, path)!, path).stages.benchmark![0]!.segments.map(({ reason, boots }) => [
    reason,
    boots.length,
  ]);
};
const FP8 = 'accepted by grace in #7: FP8';

for (const [way, rule] of [
  ['the commit', null],
  ['the pull request', PROTECTED],
] as const) {
  test(`an accepted level begins one segment with its reason in ${way}, also on top of what was pushed meanwhile`, async () => {
    await using fake = await scene(run('run-1'));
    if (rule !== null) fake.git.rules.set('main', rule);
    let pushes = 2;
    fake.before = (_method, _path, body) => {
      if (/createCommitOnBranch|updateRefs/.test(body) && pushes > 0) pushRun(fake, run(`meanwhile-${pushes--}`));
    };
    const branch = rule === null ? 'main' : OWN;
    for (const id of ['run-2', 'run-3', 'run-4'])
      assert.deepEqual((await commit(fake, run(id), 60_000, 'main', { accepted: FP8 })).warnings, []);
    assert.equal(pushes, 0);
    assert.deepEqual(segmentsOn(fake, branch).slice(1), [[FP8, 3]]);
    if (rule !== null) assert.ok(fake.git.merge(fake.git.pulls[0]!));
    assert.deepEqual(segmentsOn(fake, 'main').slice(1), [[FP8, 3]]);
    assert.deepEqual(fake.violations, []);
  });

  test(`the badge comes beside the file in ${way}, and a run without one leaves it`, async () => {
    await using fake = await scene();
    if (rule !== null) fake.git.rules.set('main', rule);
    const branch = rule === null ? 'main' : OWN;
    const badgeOn = (): string | null => fake.git.read(branch, pathOn(fake, branch).replace('.json', '.svg'));
    await commit(fake, run('run-1'), 60_000, 'main', { badge: '<svg>1</svg>' });
    assert.equal(badgeOn(), '<svg>1</svg>');
    const other = benchmarkRun(100, { id: 'run-2', more: { deployment: 'other' } });
    for (const record of [other, run('run-3')]) await commit(fake, record);
    assert.equal(badgeOn(), '<svg>1</svg>');
    await commit(fake, run('run-4'), 60_000, 'main', { badge: '<svg>4</svg>' });
    assert.equal(badgeOn(), '<svg>4</svg>');
    assert.deepEqual(fake.violations, []);
  });
}

test('several deployments wait in one pull request', async () => {
  await using fake = await scene();
  fake.git.rules.set('main', PROTECTED);
  await commit(fake, run('run-1'));
  await commit(fake, benchmarkRun(100, { id: 'run-2', more: { deployment: 'other' } }));
  assert.equal(fake.git.pulls.length, 1);
  assert.match(fake.git.pulls[0]!.body, /2 boots wait/);
  for (const path of ['baselines/llm/', 'baselines/other/'])
    assert.ok(
      [...fake.git.find(`refs/heads/${OWN}`)!.files.keys()].some((file) => file.startsWith(path)),
      path,
    );
});

test('a run of before sent again adds nothing, and says where it is', async () => {
  await using fake = await scene();
  const first = await commit(fake, run('run-1'));
  fake.git.push('main', { 'serving.py': 'newer' });
  const again = await commit(fake, run('run-1'));
  assert.equal(again.url, first.url);
  assert.match(again.said, /already/);
  assert.deepEqual(bootsOn(fake, 'main'), ['run-1#1']);
  assert.deepEqual(fake.violations, []);
});

test('a commit whose answer was lost is found, not made twice', async () => {
  await using fake = await scene();
  fake.faults.push({ ...COMMIT, times: 1, status: 502, lost: true });
  const committed = await commit(fake, run('run-1'));
  assert.deepEqual(committed.warnings, []);
  assert.equal(committed.url, `https://github.com/octo/serving/commit/${fake.git.branches.get('main')}`);
  assert.deepEqual(bootsOn(fake, 'main'), ['run-1#1']);
});

test('a move of our branch and a pull request whose answers were lost are found, not made twice', async () => {
  await using fake = await scene();
  fake.git.rules.set('main', PROTECTED);
  fake.faults.push({ ...MOVE, times: 3, status: 502, lost: true });
  fake.faults.push({ method: 'POST', path: /\/pulls$/, times: 3, status: 502, lost: true });
  const committed = await commit(fake, run('run-1'));
  assert.deepEqual(committed.warnings, []);
  assert.equal(fake.git.pulls.length, 1);
  assert.deepEqual(bootsOn(fake, OWN), ['run-1#1']);
});

test('where the job may not write contents, the sentence names the permission', async () => {
  await using fake = await scene();
  fake.git.may.contents = false;
  const committed = await commit(fake, run('run-1'));
  assert.equal(committed.url, null);
  assert.match(committed.warnings.join(), /"contents: write".*Resource not accessible by integration/);
  assert.equal(fake.git.pulls.length, 0);
});

test('where it may not open pull requests, the branch is kept, and the sentence says what to grant and where to click', async () => {
  await using fake = await scene();
  fake.git.rules.set('main', PROTECTED);
  fake.git.may.pulls = false;
  const permission = await commit(fake, run('run-1'));
  assert.match(permission.warnings.join(), /"pull-requests: write"/);
  assert.match(permission.warnings.join(), /compare\/main\.\.\.plimsoll\/baseline\/main\?expand=1/);
  fake.git.may.pulls = true;
  fake.git.may.actionsOpenPulls = false;
  const setting = await commit(fake, run('run-2'));
  assert.match(setting.warnings.join(), /Settings → Actions → General/);
  assert.deepEqual(bootsOn(fake, OWN), ['run-1#1', 'run-2#1'], 'both wait there');
  fake.git.may.actionsOpenPulls = true;
  const opened = await commit(fake, run('run-3'));
  assert.deepEqual(opened.warnings, []);
  assert.match(fake.git.pulls[0]!.body, /3 boots wait/);
});

test('a rule for our own branch too is told, with both refusals', async () => {
  await using fake = await scene();
  fake.git.rules.set('main', PROTECTED);
  fake.git.rules.set(OWN, 'Cannot create ref due to creations being restricted.');
  const committed = await commit(fake, run('run-1'));
  assert.match(committed.warnings.join(), /Changes must be made.*creations being restricted/);
  assert.equal(fake.git.pulls.length, 0);
});

test('a branch that is gone is told', async () => {
  await using fake = await scene();
  const committed = await commit(fake, run('run-1'), 60_000, 'release/1.4');
  assert.match(committed.warnings.join(), /release\/1\.4 is not there/);
});

test('a damaged file on the branch is named and left as it is', async () => {
  await using fake = await scene();
  fake.git.push('main', { 'baselines/llm/machine.json': '{"cut' });
  const committed = await commit(fake, run('run-1'));
  assert.match(committed.warnings.join(), /baselines\/llm\/machine\.json is damaged/);
  assert.equal(fake.git.read('main', 'baselines/llm/machine.json'), '{"cut');
});

const steps: readonly [string, Partial<Fault>][] = [
  ['the look at the branch', { body: /object\(expression/ }],
  ['a content', { path: /git\/blobs/ }],
  ['the commit', COMMIT],
  ['the tree', { path: /git\/trees/ }],
  ['the commit of our branch', { path: /git\/commits/ }],
  ['the comparison', { path: /\/compare\// }],
  ['the move of our branch', MOVE],
  ['the search for a pull request', { method: 'GET', path: /\/pulls$/ }],
  ['the pull request', { method: 'POST', path: /\/pulls$/ }],
];
for (const [what, where] of steps) {
  test(`${what}: two bad answers are outlived; 403, 404, endless 5xx and a long limit are one warning each`, async () => {
    for (const [fault, words] of [
      [{ status: 502, times: 2 }, null],
      [{ status: 502, times: 2, lost: true }, null],
      [{ ...FORBIDDEN, times: 99 }, /permission|not accessible/],
      [{ status: 404, message: 'Not Found', times: 99 }, /not found|Not Found|not there/],
      [{ status: 503, times: 99 }, /503/],
      [
        {
          status: 403,
          message: 'You have exceeded a secondary rate limit.',
          headers: { 'retry-after': '900' },
          times: 99,
        },
        /rate limit/,
      ],
    ] as const) {
      await using fake = await scene(run('run-1'));
      // A pull request is open already, so that every step is taken.
      fake.git.rules.set('main', PROTECTED);
      if (what !== 'the pull request') await commit(fake, run('run-2'));
      fake.faults.push({ ...where, ...fault });
      const committed = await commit(fake, run('run-3'));
      const isTold = JSON.stringify([fault, committed]);
      assert.equal(committed.warnings.length, words === null ? 0 : 1, isTold);
      if (words !== null) assert.match(committed.warnings[0]!, words, isTold);
      assert.ok(fake.git.pulls.length <= 1, isTold);
      assert.deepEqual(bootsOn(fake, 'main'), ['run-1#1'], isTold);
      if (what !== 'the pull request') assert.ok(bootsOn(fake, OWN).includes('run-2#1'), isTold);
      if (words === null) assert.ok(bootsOn(fake, OWN).includes('run-3#1'), isTold);
    }
  });
}

test('a GitHub that takes too long is given up at the limit, in a sentence', async () => {
  await using fake = await scene();
  fake.faults.push({ ...COMMIT, times: 99, delayMs: 20_000 });
  const started = performance.now();
  const committed = await commit(fake, run('run-1'), 300);
  assert.ok(performance.now() - started < 5_000);
  assert.match(committed.warnings.join(), /in time/);
});

test('a GitHub that is not there is a warning', async () => {
  const fake = await scene();
  await fake[Symbol.asyncDispose]();
  const committed = await commit(fake, run('run-1'));
  assert.equal(committed.warnings.length, 1);
});

test('runs at the same moment, on a free or a protected branch, with faults anywhere: no boot is lost that was said to be kept, none doubled, and at most one pull request', async () => {
  const fault = fc.constantFrom<readonly [Partial<Fault>, Partial<Fault>]>(
    ...steps.flatMap(([, where]) => [
      [where, { status: 502 }] as const,
      [where, { status: 502, lost: true }] as const,
      [where, { delayMs: 5 }] as const,
      [where, { status: 404 }] as const,
    ]),
  );
  let number = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.tuple(fault, fc.integer({ min: 1, max: 4 })), { maxLength: 3 }),
      fc.constantFrom('free', 'protected', 'protected midway'),
      fc.boolean(),
      async (count, faults, rule, merges) => {
        await using fake = await scene(run('run-0'));
        if (rule === 'protected') fake.git.rules.set('main', PROTECTED);
        for (const [[where, what], times] of faults) fake.faults.push({ ...where, ...what, times });
        let requests = 0;
        fake.before = () => {
          requests += 1;
          if (rule === 'protected midway' && requests === 8) fake.git.rules.set('main', PROTECTED);
          const [pull] = openPulls(fake);
          if (merges && pull && requests % 17 === 0) fake.git.merge(pull);
        };
        const runs = Array.from({ length: count }, () => run(`p-${++number}`));
        const all = await Promise.all(runs.map((record) => commit(fake, record)));
        fake.before = null;
        const kept = new Set([...bootsOn(fake, 'main'), ...bootsOn(fake, OWN)]);
        for (const [index, committed] of all.entries()) {
          const isTold = JSON.stringify(committed);
          if (committed.url !== null) assert.ok(kept.has(`${runs[index]!.id}#1`), isTold);
          assert.equal(committed.url === null, committed.warnings.length > 0, isTold);
        }
        if (faults.length === 0)
          assert.deepEqual([...kept].sort(), idsOf(run('run-0'), ...runs).sort(), 'without faults every boot is kept');
        for (const branch of ['main', OWN])
          assert.equal(new Set(bootsOn(fake, branch)).size, bootsOn(fake, branch).length);
        assert.ok(openPulls(fake).length <= 1);
        assert.deepEqual(fake.violations, []);
        // Whatever was left over: the next run, undisturbed, takes all of it along.
        fake.faults.length = 0;
        fake.git.rules.set('main', PROTECTED);
        const last = run(`p-${++number}`);
        assert.deepEqual((await commit(fake, last)).warnings, []);
        const [pull] = openPulls(fake);
        assert.ok(fake.git.merge(pull!), 'without a conflict');
        assert.deepEqual([...bootsOn(fake, 'main')].sort(), [...kept, ...idsOf(last)].sort());
      },
    ),
    { numRuns: 60 },
  );
});
