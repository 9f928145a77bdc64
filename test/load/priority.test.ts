// Priorities of this process's threads, as the system sees them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

const LINUX = { skip: process.platform !== 'linux' };
const slackNs = (thread: number): number => Number(readFileSync(`/proc/${thread}/timerslack_ns`, 'latin1'));

/** A thread that has taken precedence, until it is told to end. */
async function startSender(): Promise<{ thread: number; end(): Promise<void> }> {
  const priority = new URL('../../src/load/priority.ts', import.meta.url);
  const worker = new Worker(
    `import(${JSON.stringify(priority)}).then(({ takePrecedence }) => {
      takePrecedence();
      const { parentPort } = require('node:worker_threads');
      parentPort.postMessage(Number(require('node:fs').readlinkSync('/proc/thread-self').split('/').at(-1)));
      parentPort.once('message', () => {});
    })`,
    { eval: true },
  );
  const [thread] = (await once(worker, 'message')) as [number];
  return {
    thread,
    async end() {
      worker.postMessage('end');
      await once(worker, 'exit');
    },
  };
}

function niceOf(name: string): readonly number[] {
  return readdirSync('/proc/self/task')
    .filter((id) => readFileSync(`/proc/self/task/${id}/comm`, 'latin1').trim() === name)
    .map((id) => getPriority(Number(id)));
}

test(
  'a sender runs ten steps before V8’s threads, and before the main one where it may; what that starts is as it was',
  LINUX,
  async () => {
    const before = getPriority(process.pid);
    const { thread, end } = await startSender();
    assert.notEqual(thread, process.pid);
    const nice = getPriority(thread);
    assert.equal(nice, mayGoAhead() ? Math.max(-20, before - 5) : before);
    const helpers = niceOf('V8Worker');
    assert.ok(helpers.length > 0);
    for (const helper of helpers) assert.equal(helper, Math.min(19, nice + 10));
    assert.equal(getPriority(process.pid), before);
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 10_000)'], { stdio: 'ignore' });
    await once(child, 'spawn');
    assert.equal(getPriority(child.pid!), before);
    child.kill();
    await end();
  },
);

/** Asked of a process of its own, which may be left as it is then. */
function mayGoAhead(): boolean {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 10_000)'], { stdio: 'ignore' });
  try {
    setPriority(child.pid!, getPriority(child.pid!) - 1);
    return true;
  } catch {
    return false;
  } finally {
    child.kill();
  }
}

test('the thread that asks for it sleeps no longer than it said, and no other does', LINUX, async () => {
  const before = slackNs(process.pid);
  assert.ok(before > 1, 'the system’s own is longer');
  const { thread, end } = await startSender();
  assert.equal(slackNs(thread), 1);
  assert.equal(slackNs(process.pid), before);
  await end();
});
