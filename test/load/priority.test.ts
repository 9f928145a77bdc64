// Priorities of this process's threads, as the system sees them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
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

test('the thread that asks for it sleeps no longer than it said, and no other does', {
  skip: process.platform !== 'linux',
}, async () => {
  const slackNs = (thread: number): number => Number(readFileSync(`/proc/${thread}/timerslack_ns`, 'latin1'));
  const before = slackNs(process.pid);
  assert.ok(before > 1, 'the system’s own is longer');
  const priority = new URL('../../src/load/priority.ts', import.meta.url);
  const worker = new Worker(
    `import(${JSON.stringify(priority)}).then(({ wakeOnTime }) => {
      wakeOnTime();
      const { parentPort } = require('node:worker_threads');
      parentPort.postMessage(Number(require('node:fs').readlinkSync('/proc/thread-self').split('/').at(-1)));
      parentPort.once('message', () => {});
    })`,
    { eval: true },
  );
  const [thread] = (await once(worker, 'message')) as [number];
  assert.notEqual(thread, process.pid);
  assert.equal(slackNs(thread), 1);
  assert.equal(slackNs(process.pid), before);
  worker.postMessage('end');
  await once(worker, 'exit');
});
