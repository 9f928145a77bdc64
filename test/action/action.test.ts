// The action as the runner starts it: the bundled file as a process, in a clone, against a fake GitHub.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaselineFile } from '../../src/baseline/schema.ts';
import { formatMarker } from '../../src/github/marker.ts';
import { createRandom, type Random } from '../../src/stats/random.ts';
import { PROTECTED } from '../github/fake-git.ts';
import { ACTIONS_BOT, type FakeGitHub, type Fault, REPOSITORY, startFakeGitHub } from '../github/fake-github.ts';
import { type FakeResults, startFakeResults } from '../github/fake-results.ts';
import { createRepository, type Repository, shallowClone, temporaryFolder } from '../github/repository.ts';
import { buildBundles, type Ended, freePort, runStep, type Step, startStep } from './runner.ts';

let dist: ReturnType<typeof buildBundles>;
before(() => {
  dist = buildBundles();
});
after(() => dist.remove());

interface Settings {
  readonly port: number;
  readonly limit?: string;
  readonly command?: readonly string[];
  readonly duration?: string;
}
const config = ({
  port,
  limit = '10s',
  duration = '2800ms',
  command = [process.execPath, join(dist.path, 'cli.js'), 'sim', '--port', String(port)],
}: Settings): string => `deployment:
  name: sim
  command: ${JSON.stringify(command)}
  url: http://127.0.0.1:${port}
  ready: { path: /health, timeout: 20s }
  engine: sim
workload:
  model: simulated
  prompts: { kind: synthetic, tokens: { uniform: [20, 40] } }
  output: { uniform: [4, 8], ignoreEos: true }
slo: { ttft: 10s }
stages:
  benchmark: { rate: 50/s, rounds: 2, duration: ${duration}, rampIn: 1500ms }
sla:
  - { metric: ttft.p50, stage: benchmark, gold: "< ${limit}" }
comparison: { maxBoots: 1 }
client: { dispatchDelayP99: 5s, dispatchDelayShareOfTtft: 1000, achievedShare: 0.5, eventLoopDelayP99: 5s }
`;

interface Scene {
  readonly fake: FakeGitHub;
  readonly origin: Repository;
  readonly clone: Repository;
  readonly baseSha: string;
  readonly headSha: string;
}

/** An origin with main and a change on it, and a clone of the change as actions/checkout makes it. */
async function scene(t: TestContext, base: Record<string, string>, head: Record<string, string>): Promise<Scene> {
  const fake = await startFakeGitHub();
  t.after(() => fake[Symbol.asyncDispose]());
  const origin = createRepository(t);
  const baseSha = origin.commit(base);
  origin.git('checkout', '-q', '-b', 'change');
  const headSha = origin.commit(head);
  return { fake, origin, baseSha, headSha, clone: shallowClone(t, origin, 'change') };
}

const pullRequest = ({ baseSha, headSha }: Scene, headRepo = `${REPOSITORY.owner}/${REPOSITORY.repo}`) => ({
  pull_request: {
    number: REPOSITORY.pull,
    head: { sha: headSha, ref: 'change', repo: { full_name: headRepo } },
    base: { ref: 'main', sha: baseSha, repo: { full_name: `${REPOSITORY.owner}/${REPOSITORY.repo}` } },
  },
});
const stepOf = (stage: Scene, more: Partial<Step> = {}): Step => ({
  bundle: join(dist.path, 'action.js'),
  cwd: stage.clone.path,
  event: 'pull_request',
  payload: pullRequest(stage),
  apiUrl: stage.fake.url,
  ...more,
});
const keeping = ({ token, url }: FakeResults): Partial<Step> => ({
  inputs: { artifact: 'true' },
  env: { ACTIONS_RUNTIME_TOKEN: token, ACTIONS_RESULTS_URL: `${url}/` },
});
/** A clone of main, and the step that records its baseline after a push. */
function onMain(
  t: TestContext,
  stage: Scene,
): { readonly main: Repository; push(more?: Partial<Step>): Promise<Ended> } {
  const main = shallowClone(t, stage.origin, 'main');
  const given = { cwd: main.path, event: 'push', payload: { after: stage.baseSha }, inputs: { mode: 'baseline' } };
  return { main, push: (more) => runStep(t, stepOf(stage, { ...given, ...more })) };
}
const says = (ended: Ended, code: number, verdict: string): void => {
  assert.equal(ended.code, code, ended.log);
  assert.equal(ended.outputs.verdict, verdict, ended.log);
};

const isListening = async (port: number): Promise<boolean> => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health`)).ok;
  } catch {
    return false;
  }
};
const until = async (what: string, check: () => boolean | Promise<boolean>, log: () => string): Promise<void> => {
  const end = performance.now() + 30_000;
  while (!(await check())) {
    if (performance.now() > end) assert.fail(`${what} did not happen\n${log()}`);
    await sleep(50);
  }
};

// Mostly waiting: each scene has its own port, clone and state folder.
suite('the bundled action', { concurrency: 3 }, () => {
  test('pull_request: judged by the base’s rules, commented once, and updated by the next attempt', async (t) => {
    const port = await freePort();
    const stage = await scene(
      t,
      { 'plimsoll.yml': config({ port, limit: '10s' }) },
      {
        'plimsoll.yml': config({ port, limit: '1ms' }).replace(
          '  engine: sim',
          '  build: ["true", "##[error]forged"]\n  engine: sim',
        ),
      },
    );
    const first = await runStep(t, stepOf(stage));
    says(first, 0, 'warn');
    assert.match(first.log, /build: .*# #\[error\]forged/, 'what the change says is no command to the runner');
    assert.doesNotMatch(first.log, /##\[/);
    assert.equal(stage.fake.comments.length, 1);
    const [comment] = stage.fake.comments;
    assert.match(
      comment!.body,
      /^<!-- plimsoll \{"config":"plimsoll\.yml","name":"","run":100,"attempt":1,"head":"[0-9a-f]{40}","since":"[^"]+","stands":"clean","check":null\} -->\n/,
    );
    assert.match(comment!.body, /1ms/, 'the change of the rules is said');
    assert.equal(
      comment!.body.slice(comment!.body.indexOf('\n') + 1),
      readFileSync(join(stage.clone.path, 'plimsoll-out/comment.md'), 'utf8'),
    );
    assert.match(first.outputs['comment-url'] ?? '', new RegExp(`issuecomment-${comment!.id}$`));
    assert.ok(first.summary.length > 200);
    assert.equal(first.outputs.report, 'plimsoll-out');
    assert.equal(
      (
        JSON.parse(readFileSync(join(stage.clone.path, first.outputs.record!), 'utf8')) as {
          subject: { commit: string };
        }
      ).subject.commit,
      stage.headSha,
    );

    const second = await runStep(t, stepOf(stage, { env: { GITHUB_RUN_ATTEMPT: '2' }, inputs: { charts: 'none' } }));
    says(second, 0, 'warn');
    assert.equal(stage.fake.comments.length, 1);
    assert.match(comment!.body, /"attempt":2/);
    assert.ok(!comment!.body.includes('```mermaid'));
    assert.deepEqual(stage.fake.violations, []);
  });

  test('a breach of the base’s rules fails the job, whatever the head says and whatever the API does', async (t) => {
    const port = await freePort();
    const stage = await scene(
      t,
      { 'plimsoll.yml': config({ port, limit: '1us' }) },
      { 'plimsoll.yml': config({ port, limit: '10s' }) },
    );
    stage.fake.faults.push({
      path: /comments/,
      times: 99,
      status: 403,
      message: 'Resource not accessible by integration',
    });
    const ended = await runStep(t, stepOf(stage));
    says(ended, 1, 'fail');
    assert.equal(stage.fake.comments.length, 0);
    assert.match(ended.log, /::warning.*pull-requests: write/);
    assert.match(ended.log, /::error title=Plimsoll/);
    assert.equal(ended.outputs['comment-url'], '');
  });

  test('the exit status is the run’s, in random settings, whether GitHub works, answers at random, refuses everything or is gone', async (t) => {
    const pick = <T>(random: Random, values: readonly T[]): T => values[random.int(0, values.length - 1)]!;
    const answers: readonly Omit<Fault, 'times'>[] = [
      { status: 401 },
      { status: 403, message: 'Resource not accessible by integration' },
      { status: 404 },
      { status: 409 },
      { status: 422 },
      { status: 500, lost: true },
      { delayMs: 300 },
      {},
    ];
    const weathers: Record<string, (random: Random) => Fault[]> = {
      fair: () => [],
      random: (random) => Array.from({ length: 300 }, () => ({ ...pick(random, answers), times: 1 })),
      refused: (random) => [{ ...pick(random, answers.slice(0, 5)), times: Number.POSITIVE_INFINITY }],
      gone: () => [],
    };
    const play = async (seed: number): Promise<void> => {
      const random = createRandom(`weather ${seed}`);
      const name = Object.keys(weathers)[seed % 4]!;
      const breach = random.next() < 0.5;
      const mode = pick(random, ['gate', 'gate', 'baseline']);
      const inputs = {
        mode,
        check: pick(random, ['true', 'false']),
        charts: pick(random, ['mermaid', 'branch', 'none']),
        comment: pick(random, ['true', 'false']),
        summary: pick(random, ['true', 'false']),
      };
      const port = await freePort();
      const stage = await scene(
        t,
        { 'plimsoll.yml': config({ port, limit: breach ? '1us' : '10s' }) },
        { 'serving.txt': 'change' },
      );
      stage.fake.git.push('main', { 'plimsoll.yml': '' }, stage.baseSha);
      stage.fake.faults.push(...weathers[name]!(random));
      const given = { inputs, ...(name === 'gone' ? { apiUrl: 'http://127.0.0.1:1' } : {}) };
      const ended = mode === 'baseline' ? await onMain(t, stage).push(given) : await runStep(t, stepOf(stage, given));
      const told = `${name}, ${JSON.stringify(inputs)}, ${breach ? 'a breach' : 'no breach'}\n${ended.log}`;
      assert.equal(ended.code, breach ? 1 : 0, told);
      assert.equal(ended.outputs.verdict === 'fail', breach, told);
      assert.deepEqual(stage.fake.violations, [], told);
    };
    for (let seed = 0; seed < 8; seed += 2) await Promise.all([play(seed), play(seed + 1)]);
  });

  test('gate: check moves the verdict to the check run, with its rule annotated; where that cannot be written, the job fails', async (t) => {
    const port = await freePort();
    const rules = config({ port, limit: '1us' });
    const stage = await scene(t, { 'plimsoll.yml': rules }, { 'plimsoll.yml': `# moved\n${rules}` });
    const inputs = { gate: 'check', name: 'l4' };
    const carried = await runStep(t, stepOf(stage, { inputs }));
    says(carried, 0, 'fail');
    const [check] = stage.fake.checks;
    assert.deepEqual(
      [check!.name, check!.head_sha, check!.status, check!.conclusion],
      ['Plimsoll: sim (l4)', stage.headSha, 'completed', 'failure'],
    );
    assert.match(check!.details_url ?? '', /actions\/runs\/100$/);
    assert.ok(stage.fake.comments[0]!.body.endsWith(check!.summary!));
    const [annotation] = check!.annotations;
    assert.equal(annotation!.path, 'plimsoll.yml');
    assert.match(`# moved\n${rules}`.split('\n')[annotation!.start_line - 1]!, /ttft\.p50/);
    assert.equal(carried.outputs['check-url'], `https://github.com/octo/serving/runs/${check!.id}`);
    assert.equal(carried.state.checks, '', 'nothing is left for the post step');

    stage.fake.faults.push({ path: /check-runs/, times: 99, status: 403, message: 'Resource not accessible' });
    const refused = await runStep(t, stepOf(stage, { inputs }));
    says(refused, 1, 'fail');
    assert.equal(refused.log.match(/^::warning.*checks: write/gm)?.length, 1, refused.log);
    assert.equal(refused.outputs['check-url'], '');
    assert.deepEqual(stage.fake.violations, []);
  });

  test('charts: branch commits them and links them; where it may not, they are drawn in the comment, and the exit status is the same', async (t) => {
    const port = await freePort();
    const stage = await scene(t, { 'plimsoll.yml': config({ port, limit: '1us' }) }, { 'serving.txt': 'change' });
    const drawn = await runStep(t, stepOf(stage, { inputs: { charts: 'branch' } }));
    says(drawn, 1, 'fail');
    const [comment] = stage.fake.comments;
    const address =
      /<img [^>]*src="https:\/\/github\.com\/octo\/serving\/blob\/plimsoll-charts\/([^"]+)\?raw=true"/.exec(
        comment!.body,
      );
    const { git } = stage.fake;
    const drawnFile = git.read('plimsoll-charts', address?.[1] ?? '') ?? '';
    assert.match(drawnFile, /^<svg /, comment!.body.slice(0, 500));
    assert.match(address![1]!, /^100-1-sim\//);
    assert.ok(!comment!.body.includes('```mermaid'));

    stage.fake.faults.push({
      path: /\/git\//,
      times: 99,
      status: 403,
      message: 'Resource not accessible by integration',
    });
    const refused = await runStep(t, stepOf(stage, { inputs: { charts: 'branch' } }));
    says(refused, 1, 'fail');
    assert.match(refused.log, /::warning.*put the charts on their branch.*contents: write/);
    assert.ok(comment!.body.includes('```mermaid'));
    assert.deepEqual(stage.fake.violations, []);
  });

  test('several configurations: each is run and told on its own, and the worst decides', async (t) => {
    const port = await freePort();
    const named = (name: string, settings: Partial<Settings> = {}): string =>
      config({ port, ...settings }).replace('name: sim', `name: ${name}`);
    const files = {
      'a.yml': named('broken', { command: [process.execPath, '-e', 'process.exit(7)'] }),
      'b.yml': named('slow', { limit: '1us' }),
      'c.yml': named('broken'),
    };
    const stage = await scene(t, files, { 'serving.txt': 'change' });
    const ended = await runStep(t, stepOf(stage, { inputs: { config: 'a.yml\nb.yml\nc.yml\n', gate: 'check' } }));
    says(ended, 3, 'fail');
    assert.equal(ended.outputs.report, 'plimsoll-out/broken\nplimsoll-out/slow\n');
    assert.deepEqual(readdirSync(join(stage.clone.path, 'plimsoll-out')).sort(), ['broken', 'slow']);
    assert.deepEqual(
      stage.fake.checks.map(({ name, conclusion }) => [name, conclusion]),
      [
        ['Plimsoll: broken', 'failure'],
        ['Plimsoll: slow', 'failure'],
      ],
    );
    assert.match(stage.fake.checks[0]!.title ?? '', /BOOT_EXITED/);
    assert.deepEqual(
      stage.fake.comments.map(({ body }) => /"config":"(\w\.yml)"/.exec(body)?.[1]),
      ['a.yml', 'b.yml', 'c.yml'],
    );
    assert.match(stage.fake.comments[2]!.body, /of the deployment "broken", as a\.yml/);
    for (const word of ['BOOT_EXITED', 'TTFT', 'USAGE']) assert.ok(ended.summary.includes(word), word);
    assert.deepEqual(stage.fake.violations, []);
  });

  test('outputs, state and summary that cannot be written are warnings; the verdict keeps its exit status', async (t) => {
    const port = await freePort();
    const rules = { 'plimsoll.yml': config({ port, limit: '1us' }) };
    const stage = await scene(t, rules, { 'serving.txt': 'change' });
    const missing = join(temporaryFolder(t), 'missing');
    const env = { GITHUB_OUTPUT: missing, GITHUB_STATE: missing, GITHUB_STEP_SUMMARY: missing };
    const ended = await runStep(t, stepOf(stage, { env }));
    assert.equal(ended.code, 1, ended.log);
    assert.equal(ended.log.match(/^::warning title=Plimsoll::Could not/gm)?.length, 3, ended.log);
    assert.equal(stage.fake.comments.length, 1);
  });

  test('a checkout that is not the pull request is not measured for it: exit 4, and nothing was booted', async (t) => {
    const port = await freePort();
    const stage = await scene(t, { 'plimsoll.yml': config({ port }) }, { 'serving.txt': 'change' });
    const main = shallowClone(t, stage.origin, 'main');
    const ended = await runStep(t, stepOf(stage, { cwd: main.path }));
    says(ended, 4, 'invalid');
    assert.match(stage.fake.comments[0]!.body, /neither the change to be judged/);
    assert.ok(!existsSync(join(main.path, 'plimsoll-out')));
  });

  test('push in mode baseline commits the run; the pull request after it is compared with the base’s store', async (t) => {
    const port = await freePort();
    const rules = config({ port });
    const stage = await scene(t, { 'plimsoll.yml': rules }, { 'serving.txt': 'change' });
    const { git } = stage.fake;
    git.push('main', { 'plimsoll.yml': rules }, stage.baseSha);
    const main = shallowClone(t, stage.origin, 'main');
    const push = await runStep(
      t,
      stepOf(stage, { cwd: main.path, event: 'push', payload: { after: stage.baseSha }, inputs: { mode: 'baseline' } }),
    );
    assert.equal(push.code, 0, push.log);
    const [file] = readdirSync(join(main.path, 'baselines/sim'));
    assert.ok(file?.endsWith('.json'), push.log);
    const committed = git.find('refs/heads/main')!;
    assert.deepEqual(committed.parents, [stage.baseSha]);
    assert.equal(push.outputs['baseline-url'], `https://github.com/octo/serving/commit/${committed.oid}`);
    assert.equal(push.outputs['baseline-changed'], 'true');
    assert.equal(
      git.read('main', `baselines/sim/${file}`),
      readFileSync(join(main.path, 'baselines/sim', file!), 'utf8'),
    );
    assert.equal(stage.fake.comments.length, 0);
    assert.deepEqual(stage.fake.violations, []);

    stage.origin.git('checkout', '-q', 'main');
    stage.origin.commit({ [`baselines/sim/${file}`]: readFileSync(join(main.path, 'baselines/sim', file!), 'utf8') });
    const gate = await runStep(t, stepOf(stage));
    assert.equal(gate.code, 0, gate.log);
    const verdict = JSON.parse(readFileSync(join(stage.clone.path, 'plimsoll-out/verdict.json'), 'utf8')) as {
      stages: { standing: string }[];
      baseline: { boots: number } | null;
    };
    assert.deepEqual(
      verdict.stages.map(({ standing }) => standing),
      ['compared'],
    );
    assert.equal(verdict.baseline?.boots, 1);
    assert.ok(!existsSync(join(stage.clone.path, 'baselines')), 'gating stores nothing');
  });

  test('the first baseline after the merge of an accepted change begins a segment with its reason, the next one joins it', async (t) => {
    const port = await freePort();
    const stage = await scene(t, { 'plimsoll.yml': config({ port }) }, { 'serving.txt': 'change' });
    const { git } = stage.fake;
    git.push('main', {}, stage.baseSha);
    const { main, push } = onMain(t, stage);
    assert.equal((await push()).code, 0);
    const at = (hour: number): string => `2026-05-01T0${hour}:00:00Z`;
    const marker = { config: 'plimsoll.yml', name: '', run: 9, attempt: 1, head: stage.headSha, since: at(1) };
    stage.fake.add(ACTIONS_BOT, formatMarker({ ...marker, stands: 'acceptable' }));
    stage.fake.add({ login: 'grace', type: 'User' }, '/plimsoll accept FP8', at(2));
    stage.fake.permissions.grace = 'write';
    git.pulls.push({
      number: REPOSITORY.pull,
      head: { owner: 'octo', repositoryId: 1, branch: 'change', sha: stage.headSha },
      base: { branch: 'main', sha: stage.baseSha },
      state: 'closed',
      merged: { commit: stage.baseSha, at: at(3) },
      title: 'Change',
      body: '',
    });
    for (const run of [await push(), await push()]) assert.equal(run.code, 0, run.log);
    const [file] = readdirSync(join(main.path, 'baselines/sim'));
    const text = readFileSync(join(main.path, 'baselines/sim', file!), 'utf8');
    assert.equal(git.read('main', `baselines/sim/${file}`), text, 'the branch has it too');
    const stored = JSON.parse(text) as BaselineFile;
    assert.deepEqual(
      stored.stages.benchmark![0]!.segments.map(({ reason, boots }) => [reason, boots.length]),
      [
        ['first baseline', 1],
        [`accepted by grace in #${REPOSITORY.pull}: FP8`, 2],
      ],
    );
    assert.deepEqual(stage.fake.violations, []);
  });

  test('a push after which the answers are shorter is committed too, as a new level', async (t) => {
    const port = await freePort();
    const rules = (eosMedian: number): string =>
      config({
        port,
        command: [
          ...[process.execPath, join(dist.path, 'cli.js'), 'sim', '--port', String(port)],
          ...['--eos-median-tokens', String(eosMedian)],
        ],
      }).replace('ignoreEos: true', 'ignoreEos: false');
    const stage = await scene(t, { 'plimsoll.yml': rules(1_000) }, { 'plimsoll.yml': rules(2) });
    const { git } = stage.fake;
    git.push('main', {}, stage.baseSha);
    const { main, push } = onMain(t, stage);
    assert.equal((await push()).code, 0);
    writeFileSync(join(main.path, 'plimsoll.yml'), rules(2));
    const second = await push();
    says(second, 0, 'pass');
    assert.match(second.log, /a new segment begins: the workload drifted: answers are [\d.]+ % shorter/);
    const [file] = readdirSync(join(main.path, 'baselines/sim'));
    const stored = JSON.parse(git.read('main', `baselines/sim/${file}`)!) as BaselineFile;
    assert.deepEqual(
      stored.stages.benchmark![0]!.segments.map(({ reason, boots }) => [reason.split(':')[0], boots.length]),
      [
        ['first baseline', 1],
        ['the workload drifted', 1],
      ],
    );
  });

  test('mode baseline: what the branch or the token does not allow is told, and the exit status stays the run’s', async (t) => {
    const port = await freePort();
    const rules = config({ port });
    const stage = await scene(t, { 'plimsoll.yml': rules }, { 'plimsoll.yml': config({ port, limit: '1us' }) });
    const { git } = stage.fake;
    git.push('main', { 'plimsoll.yml': rules }, stage.baseSha);
    git.push('change', { 'plimsoll.yml': rules }, stage.headSha);
    git.rules.set('main', PROTECTED);
    const main = shallowClone(t, stage.origin, 'main');
    const step = (more: Partial<Step> = {}): Step =>
      stepOf(stage, {
        cwd: main.path,
        event: 'push',
        payload: { after: stage.baseSha },
        ...more,
        inputs: { mode: 'baseline', ...more.inputs },
      });
    const proposed = await runStep(t, step());
    assert.equal(proposed.code, 0, proposed.log);
    assert.equal(proposed.outputs['baseline-url'], 'https://github.com/octo/serving/pull/100');
    assert.match(proposed.log, /takes no commits \(Repository rule violations found/);
    assert.match(git.pulls[0]!.body, /1 boot waits/);

    git.may.contents = false;
    const refused = await runStep(t, step());
    assert.equal(refused.code, 0, refused.log);
    assert.equal(refused.outputs['baseline-url'], '');
    assert.equal(refused.outputs['baseline-changed'], 'true');
    assert.match(refused.log, /^::warning title=Plimsoll::.*contents: write/m);
    assert.match(refused.log, /plimsoll baseline add plimsoll-out\/run\.json/);
    git.may.contents = true;

    const asked = stage.fake.requests.length;
    const breach = await runStep(
      t,
      step({ cwd: stage.clone.path, payload: { after: stage.headSha }, env: { GITHUB_REF: 'refs/heads/change' } }),
    );
    says(breach, 1, 'fail');
    assert.match(breach.log, /not committed: the run did not pass/);
    assert.deepEqual(
      stage.fake.requests.slice(asked).map(({ method, path }) => `${method} ${path}`),
      [`GET /repos/octo/serving/commits/${stage.headSha}/pulls`],
      'only whether the change was accepted; nothing of the branch',
    );
    assert.deepEqual(stage.fake.violations, []);
  });

  for (const [event, mode] of [
    ['workflow_dispatch', 'measure'],
    ['schedule', 'gate'],
    ['merge_group', 'gate'],
  ] as const) {
    test(`${event} in mode ${mode}: a summary and outputs, no comment`, async (t) => {
      const port = await freePort();
      const stage = await scene(t, { 'plimsoll.yml': config({ port }) }, { 'serving.txt': 'change' });
      const payload =
        event === 'merge_group'
          ? {
              merge_group: {
                head_sha: stage.headSha,
                head_ref: 'refs/heads/gh-readonly-queue/main/pr-7-0',
                base_sha: stage.baseSha,
                base_ref: 'refs/heads/main',
              },
            }
          : {};
      const ended = await runStep(t, stepOf(stage, { event, payload, inputs: { mode } }));
      assert.equal(ended.code, 0, ended.log);
      assert.ok(['pass', 'warn'].includes(ended.outputs.verdict!), ended.outputs.verdict);
      assert.ok(ended.summary.length > 200);
      const methods = stage.fake.requests.map(({ method }) => method);
      // The queue's entry is asked whether its change was accepted; nothing is written.
      assert.deepEqual(methods, event === 'merge_group' ? ['GET', 'GET', 'GET'] : []);
      assert.deepEqual(stage.fake.violations, []);
    });
  }

  test('artifact: true keeps what the step has written, once; what cannot be kept is a warning, and the exit status is the same', async (t) => {
    const port = await freePort();
    const stage = await scene(t, { 'plimsoll.yml': config({ port }) }, { x: '1' });
    await using results = await startFakeResults();
    const first = await runStep(t, stepOf(stage, keeping(results)));
    says(first, 0, 'warn');
    const url = 'https://github.com/octo/serving/actions/runs/100/artifacts/4001';
    assert.equal(first.outputs['artifact-url'], url);
    assert.ok(first.log.includes(url), first.log);
    const folder = join(stage.clone.path, 'plimsoll-out');
    const kept = results.artifacts.get('plimsoll')!;
    for (const name of ['run.json', 'verdict.json', 'comment.md', 'report.html', 'requests.ndjson.gz'])
      assert.deepEqual(kept.get(name), readFileSync(join(folder, name)), name);

    const second = await runStep(t, stepOf(stage, keeping(results)));
    says(second, 0, 'warn');
    assert.match(
      second.log,
      /::warning.*No artifact was uploaded: the workflow run has an artifact "plimsoll" already/,
    );
    assert.equal(second.outputs['artifact-url'], undefined);
  });

  test('a fork’s code is not run: invalid, explained, and nothing was booted', async (t) => {
    const port = await freePort();
    const stage = await scene(t, { 'plimsoll.yml': config({ port }) }, { x: '1' });
    const ended = await runStep(t, stepOf(stage, { payload: pullRequest(stage, 'mallory/serving') }));
    says(ended, 4, 'invalid');
    assert.match(ended.summary, /fork/);
    assert.match(stage.fake.comments[0]?.body ?? '', /FORK_REFUSED/);
    assert.ok(!existsSync(join(stage.clone.path, 'plimsoll-out')));
  });

  test('a deployment that does not come up: exit 3, said in comment and summary with its last words, never as a pass', async (t) => {
    const port = await freePort();
    const broken = config({
      port,
      command: [
        process.execPath,
        '-e',
        'console.error(JSON.stringify(process.env)); console.error("no such model <b>x</b>"); process.exit(7)',
      ],
    });
    const stage = await scene(t, { 'plimsoll.yml': config({ port }) }, { 'plimsoll.yml': broken });
    await using results = await startFakeResults();
    const ended = await runStep(t, stepOf(stage, keeping(results)));
    says(ended, 3, 'error');
    assert.ok(results.artifacts.get('plimsoll')!.has('deployment-1.log'), 'a run that failed is the one to look into');
    const deploymentLog = readFileSync(join(stage.clone.path, 'plimsoll-out/deployment-1.log'), 'utf8');
    assert.match(deploymentLog, /GITHUB_REPOSITORY/);
    assert.doesNotMatch(deploymentLog, /t0ken/, 'the code under review gets no credentials of the runner');
    assert.ok(!deploymentLog.includes(results.token));
    for (const text of [stage.fake.comments[0]!.body, ended.summary]) {
      assert.match(text, /BOOT_EXITED/);
      assert.match(text, /no such model/);
      assert.doesNotMatch(text.split('\n')[1]!, /✅|pass/i);
    }
  });

  test('a configuration that is wrong: exit 2, with file and line', async (t) => {
    const port = await freePort();
    const stage = await scene(
      t,
      { 'plimsoll.yml': config({ port }) },
      { 'plimsoll.yml': `${config({ port })}nonsense: 1\n` },
    );
    const ended = await runStep(t, stepOf(stage));
    says(ended, 2, 'error');
    assert.match(ended.log, /plimsoll\.yml:\d+:\d+/);
    assert.match(stage.fake.comments[0]!.body, /nonsense/);
  });

  test('wrong inputs and events that have no meaning here: exit 2, in words', async (t) => {
    const port = await freePort();
    const stage = await scene(t, { 'plimsoll.yml': config({ port }) }, {});
    const refusals: readonly [Partial<Step>, RegExp][] = [
      [{ inputs: { mode: 'judge' } }, /mode is .*it takes/],
      [{ inputs: { mode: 'command' } }, /issue_comment events only/],
      [{ event: 'issue_comment', payload: { issue: { number: 7, pull_request: {} } } }, /issue_comment/],
      [{ event: 'pull_request_target' }, /base's code would be measured/],
      [{ inputs: { mode: 'baseline' } }, /mode: baseline/],
      [{ event: 'release', payload: {} }, /"release"/],
    ];
    for (const [more, words] of refusals) {
      const ended = await runStep(t, stepOf(stage, more));
      says(ended, 2, 'error');
      assert.match(ended.log, words);
    }
  });

  test('cancelled (SIGINT): exit 130, the deployment is gone, what was measured is kept, the comment is left alone', async (t) => {
    const port = await freePort();
    const stage = await scene(t, { 'plimsoll.yml': config({ port, duration: '60s' }), 'next.yml': '' }, {});
    const started = startStep(t, stepOf(stage, { inputs: { check: 'true', config: 'plimsoll.yml\nnext.yml' } }));
    await until('the load', () => /benchmark.*req\/s/.test(started.log()), started.log);
    started.process.kill('SIGINT');
    const ended = await started.ended;
    assert.equal(ended.code, 130, ended.log);
    assert.equal(await isListening(port), false);
    assert.ok(existsSync(join(stage.clone.path, 'plimsoll-out/sim/run.json')));
    assert.doesNotMatch(ended.log, /next\.yml/, 'what comes after it is not begun');
    assert.deepEqual(
      stage.fake.checks.map(({ status, conclusion }) => [status, conclusion]),
      [['completed', 'cancelled']],
    );
    assert.notEqual(ended.outputs.verdict, 'pass');
    assert.equal(stage.fake.comments.length, 0);
  });

  test('killed (SIGKILL): the post step ends what was left', async (t) => {
    const port = await freePort();
    const stage = await scene(t, { 'plimsoll.yml': config({ port, duration: '60s' }) }, {});
    const stateDir = temporaryFolder(t);
    const started = startStep(t, stepOf(stage, { env: { PLIMSOLL_STATE_DIR: stateDir }, inputs: { check: 'true' } }));
    await until('the deployment', () => isListening(port), started.log);
    const state = started.state();
    started.process.kill('SIGKILL');
    await started.ended;
    assert.equal(await isListening(port), true, 'children outlive a killed parent');
    const post = await runStep(
      t,
      stepOf(stage, { bundle: join(dist.path, 'post.js'), state, env: { PLIMSOLL_STATE_DIR: stateDir } }),
    );
    assert.equal(post.code, 0, post.log);
    assert.match(post.log, /ended what the main step left behind/);
    assert.equal(await isListening(port), false);
    assert.equal(stage.fake.checks[0]!.conclusion, 'cancelled');
  });

  test('the post step of a run that ended well finds nothing to do', async (t) => {
    const stage = await scene(t, {}, {});
    const post = await runStep(
      t,
      stepOf(stage, {
        bundle: join(dist.path, 'post.js'),
        state: { owner: join(temporaryFolder(t), 'owner-1-abc.json') },
      }),
    );
    assert.equal(post.code, 0);
    assert.equal(post.log, '');
  });
});
