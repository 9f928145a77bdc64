// The sticky comment against a GitHub with state: found on any page, never doubled, never overwritten by an older run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Api, createApi } from '../../src/github/api.ts';
import { publishComment } from '../../src/github/comment.ts';
import { compareAge, formatMarker, type Marker, parseMarker } from '../../src/github/marker.ts';
import { ACTIONS_BOT, type FakeGitHub, REPOSITORY, startFakeGitHub } from './fake-github.ts';

const TARGET = { owner: REPOSITORY.owner, repo: REPOSITORY.repo, prNumber: REPOSITORY.pull };
const MARKER: Marker = { config: 'plimsoll.yml', name: '', run: 100, attempt: 1 };
const STRANGER = { login: 'mallory', type: 'User' } as const;
const AT_ONCE = { key: () => ({ schedule: (_options: unknown, task: () => unknown) => task() }) };
const apiOf = (fake: FakeGitHub): Api =>
  createApi({ token: 't0ken', baseUrl: fake.url, secondMs: 5, pacing: { write: AT_ONCE, notifications: AT_ONCE } });
const publish = (fake: FakeGitHub, marker: Marker, body: string) => publishComment(apiOf(fake), TARGET, marker, body);

test('the first run creates the comment and says where it is', async () => {
  await using fake = await startFakeGitHub();
  const published = await publish(fake, MARKER, 'first');
  assert.equal(fake.comments.length, 1);
  assert.equal(fake.comments[0]!.body, `${formatMarker(MARKER)}\nfirst`);
  assert.equal(published.url, `https://github.com/octo/serving/pull/7#issuecomment-${fake.comments[0]!.id}`);
  assert.deepEqual(published.warnings, []);
  assert.deepEqual(fake.violations, []);
});

test('a second run updates it, also where it is on the third page', async () => {
  await using fake = await startFakeGitHub();
  for (let i = 0; i < 230; i++) fake.add(STRANGER, `talk ${i}`);
  const ours = fake.add(ACTIONS_BOT, `${formatMarker(MARKER)}\r\nold`);
  for (let i = 0; i < 40; i++) fake.add(STRANGER, `more talk ${i}`);
  const published = await publish(fake, { ...MARKER, run: 101 }, 'new');
  assert.equal(fake.comments.length, 271);
  assert.match(ours.body, /\nnew$/);
  assert.match(published.url ?? '', new RegExp(`${ours.id}$`));
  assert.deepEqual(fake.violations, []);
});

test('other configurations and other matrix legs have comments of their own', async () => {
  await using fake = await startFakeGitHub();
  await publish(fake, MARKER, 'a');
  await publish(fake, { ...MARKER, name: 'h100' }, 'b');
  await publish(fake, { ...MARKER, config: 'other.yml' }, 'c');
  assert.deepEqual(
    fake.comments.map((comment) => comment.body.split('\n')[1]),
    ['a', 'b', 'c'],
  );
});

test('a stranger who writes our marker keeps the comment that they wrote', async () => {
  await using fake = await startFakeGitHub();
  const forged = fake.add(STRANGER, `${formatMarker({ ...MARKER, run: 9_999_999 })}\nPASS`);
  await publish(fake, MARKER, 'real');
  assert.match(forged.body, /PASS$/);
  assert.equal(fake.comments.length, 2);
});

test('where the API will not say who we are, a bot with our marker is taken to be us, a person is not', async () => {
  await using fake = await startFakeGitHub();
  fake.viewer = null;
  fake.add(STRANGER, `${formatMarker(MARKER)}\nforged`);
  const ours = fake.add(ACTIONS_BOT, `${formatMarker(MARKER)}\nold`);
  await publish(fake, MARKER, 'new');
  assert.match(ours.body, /new$/);
  assert.equal(fake.comments.length, 2);
});

test('a marker that is quoted below the first line is not a marker', async () => {
  await using fake = await startFakeGitHub();
  const quoting = fake.add(ACTIONS_BOT, `look:\n${formatMarker(MARKER)}\nold`);
  await publish(fake, MARKER, 'new');
  assert.match(quoting.body, /old$/);
  assert.equal(fake.comments.length, 2);
});

for (const [what, older] of [
  ['an older run', { ...MARKER, run: 99, attempt: 3 }],
  ['an older attempt', { ...MARKER, attempt: 1 }],
] as const) {
  test(`${what} leaves what a newer one wrote, and says so`, async () => {
    await using fake = await startFakeGitHub();
    const newer = fake.add(ACTIONS_BOT, `${formatMarker({ ...MARKER, attempt: 2 })}\nnewer`);
    const published = await publish(fake, older, 'older');
    assert.match(newer.body, /newer$/);
    assert.equal(fake.comments.length, 1);
    assert.match(published.warnings.join(), /newer run/);
    assert.match(published.url ?? '', new RegExp(`${newer.id}$`));
  });
}

test('two jobs that create at the same time end with one comment, the oldest, with the newer content', async () => {
  await using fake = await startFakeGitHub();
  // The other job's comment appears between our search and our creation.
  fake.before = (method) => {
    if (method !== 'POST' || fake.comments.length > 0) return;
    const listed = fake.requests.some((request) => request.method === 'GET');
    if (listed) fake.add(ACTIONS_BOT, `${formatMarker({ ...MARKER, run: 99 })}\ntheirs`);
  };
  const published = await publish(fake, MARKER, 'ours');
  assert.equal(fake.comments.length, 1);
  assert.match(fake.comments[0]!.body, /ours$/);
  assert.match(published.url ?? '', new RegExp(`${fake.comments[0]!.id}$`));
  assert.deepEqual(fake.violations, []);
});

test('the older of two racing jobs takes its own comment away again', async () => {
  await using fake = await startFakeGitHub();
  fake.before = (method, path) => {
    if (method === 'POST' && path.endsWith('/comments') && fake.comments.length === 0)
      fake.add(ACTIONS_BOT, `${formatMarker({ ...MARKER, run: 101 })}\nnewer`);
  };
  await publish(fake, MARKER, 'older');
  assert.deepEqual(
    fake.comments.map((comment) => comment.body.split('\n')[1]),
    ['newer'],
  );
});

test('jobs that really run at once leave one comment that one of the newest wrote', async () => {
  await using fake = await startFakeGitHub();
  await Promise.all([103, 101, 102].map((run) => publish(fake, { ...MARKER, run }, `by ${run}`)));
  // Whatever the interleaving left over, the next run cleans up.
  await publish(fake, { ...MARKER, run: 104 }, 'by 104');
  assert.deepEqual(
    fake.comments.map((comment) => comment.body.split('\n')[1]),
    ['by 104'],
  );
});

test('duplicates of an earlier race are removed, the oldest stays', async () => {
  await using fake = await startFakeGitHub();
  const oldest = fake.add(ACTIONS_BOT, `${formatMarker({ ...MARKER, run: 98 })}\na`);
  fake.add(ACTIONS_BOT, `${formatMarker({ ...MARKER, run: 99 })}\nb`);
  await publish(fake, MARKER, 'c');
  assert.deepEqual(
    fake.comments.map(({ id }) => id),
    [oldest.id],
  );
  assert.match(oldest.body, /c$/);
});

test('a comment that someone deletes between search and update is created anew', async () => {
  await using fake = await startFakeGitHub();
  fake.add(ACTIONS_BOT, `${formatMarker(MARKER)}\nold`);
  fake.before = (method) => {
    if (method === 'PATCH') fake.comments.length = 0;
  };
  const published = await publish(fake, MARKER, 'new');
  assert.equal(fake.comments.length, 1);
  assert.notEqual(published.url, null);
});

test('without permission there is a warning that names it, and no exception', async () => {
  await using fake = await startFakeGitHub();
  fake.faults.push({
    method: 'POST',
    path: /comments$/,
    times: 9,
    status: 403,
    message: 'Resource not accessible by integration',
  });
  const published = await publish(fake, MARKER, 'x');
  assert.equal(published.url, null);
  assert.match(published.warnings.join(), /pull-requests: write/);
  assert.equal(fake.requests.filter((request) => request.status === 403).length, 1, 'a 403 is not asked again');
});

test('an outage of two answers is outlived, a longer one is a warning', async () => {
  await using fake = await startFakeGitHub();
  fake.faults.push({ path: /comments$/, times: 2, status: 502 });
  assert.notEqual((await publish(fake, MARKER, 'x')).url, null);
  fake.faults.push({ path: /comments/, times: 99, status: 503 });
  const failed = await publish(fake, MARKER, 'y');
  assert.equal(failed.url, null);
  assert.match(failed.warnings.join(), /503/);
});

test('a short rate limit is waited for, a long one is a warning', async () => {
  await using fake = await startFakeGitHub();
  const limited = (seconds: number) => ({
    path: /comments$/,
    times: 1,
    status: 429,
    message: 'You have exceeded a secondary rate limit.',
    headers: { 'retry-after': String(seconds) },
  });
  fake.faults.push(limited(3));
  assert.notEqual((await publish(fake, MARKER, 'x')).url, null);
  fake.faults.push({ ...limited(900), times: 9 });
  const failed = await publish(fake, MARKER, 'y');
  assert.equal(failed.url, null);
  assert.match(failed.warnings.join(), /rate limit/);
});

test('a GitHub that is not there is a warning', async () => {
  const fake = await startFakeGitHub();
  await fake[Symbol.asyncDispose]();
  const published = await publish(fake, MARKER, 'x');
  assert.equal(published.url, null);
  assert.match(published.warnings.join(), /comment on pull request #7/);
});

test('any configuration path and name survive the marker, and none can end it early', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.oneof(fc.string(), fc.constantFrom('-->', '--><!-- plimsoll {}', '<b>', '--', '"', '\n')),
      fc.integer({ min: 1, max: 2 ** 40 }),
      (config, name, run) => {
        const marker = { config, name, run, attempt: 1 };
        const text = formatMarker(marker);
        assert.equal(text.indexOf('-->'), text.length - 3);
        assert.ok(!text.includes('\n'));
        assert.ok(!text.slice(4, -3).includes('--'), 'HTML comments may hold no "--"');
        assert.deepEqual(parseMarker(`${text}\n# rest`), marker);
      },
    ),
  );
});

test('age is the run first, then the attempt', () => {
  assert.ok(compareAge({ ...MARKER, run: 99, attempt: 9 }, MARKER) < 0);
  assert.ok(compareAge({ ...MARKER, attempt: 2 }, MARKER) > 0);
  assert.equal(compareAge(MARKER, MARKER), 0);
});

test('what is no marker of ours is read as none', () => {
  for (const body of [
    '',
    'plimsoll',
    '<!-- plimsoll -->',
    '<!-- plimsoll {"config":1} -->',
    '<!-- plimsoll {broken} -->',
    ' <!-- plimsoll {} -->',
    `x${formatMarker(MARKER)}`,
  ])
    assert.equal(parseMarker(body), null, body);
});

test('this fake notices what GitHub would not take or does not have', async () => {
  await using fake = await startFakeGitHub();
  const api = apiOf(fake);
  const comments = '/repos/{owner}/{repo}/issues/{issue_number}/comments';
  const where = { owner: REPOSITORY.owner, repo: REPOSITORY.repo, issue_number: REPOSITORY.pull };
  await assert.rejects(api.request(`POST ${comments}`, { ...where, body: { not: 'text' } as unknown as string }));
  assert.match(fake.violations.join(), /body.*must be string/);
  await assert.rejects(api.request(`GET ${comments}`, { ...where, colour: 'red' }));
  assert.match(fake.violations.join(), /no query parameter colour/);
  await assert.rejects(api.request('GET /nonsense'));
  assert.match(fake.violations.join(), /no such operation/);
  await assert.rejects(api.graphql('query { viewer { nickname } }'));
  assert.match(fake.violations.join(), /nickname/);
});
