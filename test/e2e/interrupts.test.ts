// Runs that the user ends: files kept, nothing left running.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { descendantsOf, makeProject } from './project.ts';

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
