// A server in a process of its own that never accepts: once its queue is full, handshakes hang. Ends with the test.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

/** @returns its URL */
export async function startDeaf(t: TestContext): Promise<string> {
  const deaf = fork(new URL('./deaf.ts', import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.after(() => deaf.kill('SIGKILL'));
  const [port] = (await once(deaf, 'message')) as [number];
  return `http://127.0.0.1:${port}`;
}
