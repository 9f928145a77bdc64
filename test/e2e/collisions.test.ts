// Runs that were killed or meet another: leftovers swept, files of a living run left alone.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { constants, gunzipSync } from 'node:zlib';
import { descendantsOf, makeProject } from './project.ts';

const ONE_STAGE = '\n  benchmark: { rate: 20/s, rounds: 2, duration: 8s, rampIn: 1s, drain: 3s }';

test('after kill -9 a fresh start sweeps the deployment that was left, and report shows what there was', async () => {
  await using project = await makeProject();
  project.config({ stages: ONE_STAGE });
  const run = project.start('run');
  await run.saw(/^\s*benchmark round-1/m);
  run.child.kill('SIGKILL');
  await run.finished;
  assert.equal(descendantsOf(project.dir).length > 0, true, 'the deployment outlives its killed owner');
  const rows = gunzipSync(readFileSync(project.path('plimsoll-out', 'requests.ndjson.gz')), {
    finishFlush: constants.Z_SYNC_FLUSH,
  }).toString();
  assert.ok(rows.split('\n').length > 5);

  const report = await project.plimsoll('report', 'plimsoll-out');
  assert.equal(report.code, 0, report.stderr);
  assert.match(report.stdout, /incomplete/i);

  const next = await project.plimsoll('run');
  assert.match(next.stderr, /earlier run left behind/);
  assert.equal(next.code, 0, next.stderr);
  assert.deepEqual(descendantsOf(project.dir), []);
});

test('two runs at once: the second waits, says who holds the machine, and gives up at its limit', async () => {
  await using project = await makeProject();
  project.config({ stages: ONE_STAGE });
  const first = project.start('run', '--out', 'one');
  await first.saw(/^\s*benchmark /m);
  const second = await project.plimsoll('run', '--out', 'two');
  assert.equal(second.code, 3);
  assert.match(second.stderr, /LOCK_TIMEOUT/);
  assert.match(second.stderr, new RegExp(`\\b${first.child.pid}\\b`));
  assert.equal((await first.finished).code, 0);
});

test('a second run into the same folder leaves the files of the first alone', async () => {
  await using project = await makeProject();
  project.config({ stages: ONE_STAGE });
  const first = project.start('run');
  await first.saw(/^\s*benchmark round-1/m);
  const second = await project.plimsoll('run');
  assert.equal(second.code, 3, second.stderr);
  assert.equal((await first.finished).code, 0);
  const rows = gunzipSync(readFileSync(project.path('plimsoll-out', 'requests.ndjson.gz')))
    .toString()
    .trim()
    .split('\n');
  const { boots } = JSON.parse(readFileSync(project.path('plimsoll-out', 'run.json'), 'utf8'));
  const sent = boots[0].stages[0].phases.reduce((sum: number, phase: { sent: number }) => sum + phase.sent, 0);
  assert.equal(rows.length, sent);
});
