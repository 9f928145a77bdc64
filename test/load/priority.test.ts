// Priorities of this process's threads, as the system sees them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { putHelpersBehind } from '../../src/load/priority.ts';

test('V8’s threads come behind, the sending thread and what it starts keep their priority', {
  skip: process.platform !== 'linux',
}, async () => {
  const before = getPriority(process.pid);
  putHelpersBehind();
  const threads = readdirSync('/proc/self/task').map((id) => ({
    name: readFileSync(`/proc/self/task/${id}/comm`, 'latin1').trim(),
    nice: getPriority(Number(id)),
  }));
  const helpers = threads.filter(({ name }) => name === 'V8Worker');
  assert.ok(helpers.length > 0);
  for (const { nice } of helpers) assert.equal(nice, 10);
  assert.equal(getPriority(process.pid), before);
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 10_000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  assert.equal(getPriority(child.pid!), before);
  child.kill();
});
