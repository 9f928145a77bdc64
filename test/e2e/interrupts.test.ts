// Runs that are cut short or collide: files kept, nothing left running, the next start clean.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { constants, gunzipSync } from 'node:zlib';
import { descendantsOf, makeProject } from './project.ts';

const ONE_STAGE = '\n  benchmark: { rate: 20/s, rounds: 2, duration: 8s, rampIn: 1s, drain: 3s }';

for (const stage of ['benchmark', 'linear', 'step-surge']) {
  test(`SIGINT during ${stage} keeps the files, ends the deployment and exits 130`, async () => {
    await using project = await makeProject();
    project.config();
    const run = project.start('run');
    await run.saw(new RegExp(`^\\s*${stage} (?!draining)\\S`, 'm'), 90_000);
    run.child.kill('SIGINT');
    const end = await run.finished;
    assert.equal(end.code, 130, end.stderr);
    const record = JSON.parse(readFileSync(project.path('plimsoll-out', 'run.json'), 'utf8'));
    assert.equal(record.status, 'incomplete');
    assert.ok(existsSync(project.path('plimsoll-out', 'comment.md')));
    assert.deepEqual(descendantsOf(project.dir), []);
    assert.doesNotMatch(end.stdout, /✅/);
  });
}

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
