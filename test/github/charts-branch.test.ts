// Charts on their branch, against a GitHub that keeps refs, commits and trees.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Api, createApi } from '../../src/github/api.ts';
import { chartsFolder, pushCharts } from '../../src/github/charts-branch.ts';
import { renderCharts } from '../../src/report/charts.ts';
import { renderComment } from '../../src/report/comment.ts';
import { toHtml } from '../pages/github.ts';
import { inputOf } from '../report/fixtures.ts';
import { type FakeGitHub, REPOSITORY, startFakeGitHub } from './fake-github.ts';

const AT_ONCE = { key: () => ({ schedule: (_options: unknown, task: () => unknown) => task() }) };
const apiOf = (fake: FakeGitHub, signal = AbortSignal.timeout(60_000)): Api =>
  createApi({
    token: 't0ken',
    baseUrl: fake.url,
    signal,
    secondMs: 5,
    pacing: { write: AT_ONCE, notifications: AT_ONCE },
  });
const CHARTS = renderCharts(inputOf());
const BRANCH = 'plimsoll/charts';
const push = (fake: FakeGitHub, run: number, what = 'sim', api = apiOf(fake)) =>
  pushCharts(
    api,
    {
      owner: REPOSITORY.owner,
      repo: REPOSITORY.repo,
      serverUrl: 'https://github.com',
      branch: BRANCH,
      folder: chartsFolder(run, 1, what),
    },
    CHARTS,
  );
const head = ({ git }: FakeGitHub) => git.find(`refs/heads/${BRANCH}`)!;
const files = (fake: FakeGitHub) => head(fake).files;
const runs = (fake: FakeGitHub): number[] =>
  [...new Set([...files(fake).keys()].flatMap((path) => (path.includes('/') ? [Number.parseInt(path, 10)] : [])))].sort(
    (a, b) => a - b,
  );

test('the first run makes an orphan branch of charts, and addresses that private repositories show', async () => {
  await using fake = await startFakeGitHub();
  const drawn = await push(fake, 100, 'qwen 7b/x');
  assert.deepEqual(head(fake).parents, []);
  assert.equal(fake.git.read(BRANCH, `100-1-qwen-7b-x/${CHARTS[0]!.name}`), CHARTS[0]!.svg);
  assert.equal(drawn.length, CHARTS.length / 2);
  const at = 'https://github.com/octo/serving/blob/plimsoll/charts/100-1-qwen-7b-x/load-curve';
  assert.deepEqual([drawn[0]!.light, drawn[0]!.dark], [`${at}-light.svg?raw=true`, `${at}-dark.svg?raw=true`]);
  for (const { light, dark } of drawn)
    for (const address of [light, dark])
      assert.ok(files(fake).has(decodeURIComponent(/charts\/(.*)\?raw=true$/.exec(address)![1]!)), address);
  assert.deepEqual(fake.violations, []);
});

test('the comment shows them in the reader’s theme, with words for those who do not see them', async () => {
  await using fake = await startFakeGitHub();
  const comment = renderComment(inputOf(), { charts: await push(fake, 100) });
  assert.equal(
    comment.match(
      /<picture><source media="\(prefers-color-scheme: dark\)" srcset="[^"]+-dark\.svg\?raw=true"><img alt="[^"]{20,}" src="[^"]+-light\.svg\?raw=true" width="760"><\/picture>/g,
    )?.length,
    CHARTS.length / 2,
  );
  assert.doesNotMatch(comment, /```mermaid/);
});

test('what GitHub’s sanitiser lets through is still a picture with both addresses', async () => {
  await using fake = await startFakeGitHub();
  const html = toHtml(renderComment(inputOf(), { charts: await push(fake, 100) }));
  assert.equal(
    html.match(
      /<picture><source media="\(prefers-color-scheme: dark\)" srcset="[^"]+-dark\.svg\?raw=true"><img [^>]*src="[^"]+-light\.svg\?raw=true"/g,
    )?.length,
    CHARTS.length / 2,
    html.slice(html.indexOf('<picture'), html.indexOf('<picture') + 400),
  );
});

test('an API that answers too slowly is given up at the limit, before anything has moved', async () => {
  await using fake = await startFakeGitHub();
  fake.faults.push({ times: 99, delayMs: 400 });
  await assert.rejects(push(fake, 1, 'sim', apiOf(fake, AbortSignal.timeout(500))));
  assert.equal(fake.git.branches.size, 0);
});

test('further runs are one commit each on top; runs at once lose nothing', async () => {
  await using fake = await startFakeGitHub();
  await Promise.all([101, 102, 103, 104].map((run) => push(fake, run)));
  assert.deepEqual(runs(fake), [101, 102, 103, 104]);
  assert.equal(head(fake).parents.length, 1);
  assert.deepEqual(fake.violations, []);
});

test('at a hundred runs the oldest go, and history begins anew', async () => {
  await using fake = await startFakeGitHub();
  const old: Record<string, string> = { 'plimsoll-charts.md': 'sign' };
  for (let run = 901; run <= 1_000; run++) old[`${run}-1-sim/load-curve-light.svg`] = '<svg/>';
  fake.git.push(BRANCH, { 'plimsoll-charts.md': 'sign' });
  fake.git.push(BRANCH, old);
  await push(fake, 1_001);
  assert.deepEqual(head(fake).parents, []);
  assert.deepEqual(
    runs(fake),
    Array.from({ length: 51 }, (_, index) => 951 + index),
  );
  assert.ok(files(fake).has('plimsoll-charts.md'));
  assert.deepEqual(fake.violations, []);
});

test('a branch that holds anything else is left alone', async () => {
  await using fake = await startFakeGitHub();
  fake.git.push(BRANCH, { 'src/main.ts': 'x' });
  await assert.rejects(push(fake, 1), /not one of charts/);
  assert.ok(fake.requests.every(({ method }) => method === 'GET'));
});

for (const [path, status] of [
  [/git\/ref\//, 403],
  [/git\/trees$/, 403],
  [/git\/commits$/, 404],
  [/git\/refs$/, 403],
  [/git\/refs$/, 422],
  [/git\/trees$/, 503],
] as const) {
  test(`${status} at ${path.source} is thrown, for the caller to tell, and asked for a bounded number of times`, async () => {
    await using fake = await startFakeGitHub();
    fake.faults.push({ path, times: 99, status, message: 'no' });
    await assert.rejects(push(fake, 1), (error) => (error as { status?: number }).status === status);
    assert.ok(fake.requests.length < 40);
    assert.equal(fake.git.branches.size, 0);
  });
}
