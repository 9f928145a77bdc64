// Uploads against a results service of ours, by the real library in a process of its own.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { artifactName, quotable, type UploadOptions, uploadArtifact } from '../../src/github/artifact.ts';
import { type FakeResults, startFakeResults } from './fake-results.ts';
import { temporaryFolder } from './repository.ts';

const event = { owner: 'octo', repo: 'serving', serverUrl: 'https://github.com', runId: 7 } as const;

function uploadOf(t: TestContext, { token, url }: FakeResults, more: Partial<UploadOptions> = {}): UploadOptions {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'run.json'), '{}');
  const signal = new AbortController().signal;
  return { folder, name: '', access: { token, resultsUrl: url }, event, signal, ...more };
}

test('an artifact holds what this process wrote, and neither an older file nor what a link leads to', async (t) => {
  await using results = await startFakeResults();
  const upload = uploadOf(t, results, { name: 'fp8: a/b' });
  const { folder } = upload;
  const outside = join(temporaryFolder(t), 'secret');
  for (const path of [outside, join(folder, 'of-an-earlier-run.log')]) writeFileSync(path, 'x');
  utimesSync(join(folder, 'of-an-earlier-run.log'), new Date(), new Date(performance.timeOrigin - 60_000));
  symlinkSync(outside, join(folder, 'link'));
  const { name, url, files } = await uploadArtifact(upload);
  assert.deepEqual(
    [name, files, url],
    ['plimsoll-fp8- a-b', 1, 'https://github.com/octo/serving/actions/runs/7/artifacts/4001'],
  );
  assert.deepEqual([...results.artifacts.get(name)!.keys()], ['run.json']);
  assert.equal(artifactName(''), 'plimsoll');
});

test('without a runner that takes artifacts, or without files, it says which', async (t) => {
  await using results = await startFakeResults();
  const none = { token: '', resultsUrl: results.url };
  await assert.rejects(uploadArtifact(uploadOf(t, results, { access: none })), /offers no artifacts/);
  const missing = join(temporaryFolder(t), 'out');
  await assert.rejects(uploadArtifact(uploadOf(t, results, { folder: missing })), /left no files in .*out\.$/);
  assert.deepEqual(results.requests, []);
});

test('a refusal is told in the words of the service', async (t) => {
  await using results = await startFakeResults();
  results.refuse(403);
  await assert.rejects(uploadArtifact(uploadOf(t, results)), /403/);
  const foreign = { token: results.token.replace(/\.x$/, '.y'), resultsUrl: results.url };
  results.refuse(401);
  await assert.rejects(uploadArtifact(uploadOf(t, results, { access: foreign })), /401|[Uu]nauthorized/);
});

test('a service that never answers is given up when the job is cancelled', async (t) => {
  await using results = await startFakeResults();
  results.refuse(null);
  const job = new AbortController();
  const cancel = setInterval(() => results.requests.length > 0 && job.abort(), 20);
  t.after(() => clearInterval(cancel));
  await assert.rejects(uploadArtifact(uploadOf(t, results, { signal: job.signal })), /cancelled/);
});

test('a blob that is refused is told without the signature of its address and the token', async (t) => {
  await using results = await startFakeResults();
  results.refuseBlobs(403);
  await assert.rejects(uploadArtifact(uploadOf(t, results)), ({ message }: Error) => {
    assert.ok(!message.includes('sig=') && !message.includes(results.token) && !/^::/m.test(message), message);
    return message !== '';
  });
});

test('connections that break off while the blob is sent are tried again, and a cancel ends that', async (t) => {
  await using results = await startFakeResults();
  results.refuseBlobs(null);
  const job = new AbortController();
  const cancel = setInterval(() => results.requests.some((each) => each.startsWith('PUT')) && job.abort(), 20);
  t.after(() => clearInterval(cancel));
  await assert.rejects(uploadArtifact(uploadOf(t, results, { signal: job.signal })), /cancelled/);
});

test('what is quoted has no commands to the runner, no queries of addresses and no token', () => {
  const said = [
    '::add-mask::s3cret',
    'RestError: PUT https://blob.example/a/b.zip?sig=abc&se=1 failed: "http://x/?y=1" and /a/b?sig=d, why?',
    '  ::debug::https://blob.example/a?sig=e',
    'with t0ken',
  ];
  assert.equal(
    quotable(said.join('\n'), 't0ken'),
    'RestError: PUT https://blob.example/a/b.zip failed: "http://x/" and /a/b why?\nwith ***',
  );
});

test('what the library throws out of a handler of an event is answered too', {
  skip: process.platform !== 'linux' && 'needs a file that nobody can read',
}, async () => {
  await using results = await startFakeResults();
  const job = { name: 'plimsoll', folder: '/proc/self', files: ['/proc/self/mem'] };
  const child = fork(new URL('../../src/github/upload.ts', import.meta.url), [JSON.stringify(job)], {
    env: { ...process.env, ACTIONS_RUNTIME_TOKEN: results.token, ACTIONS_RESULTS_URL: results.url },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ended = once(child, 'close');
  const [answer] = (await once(child, 'message')) as [{ problem: string }];
  assert.match(answer.problem, /zip creation/);
  await ended;
});
