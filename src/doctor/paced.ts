// The paced server as a process of its own, and what it is asked.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { PlimsollError } from '../errors.ts';
import type { AnswerStamps, PacedAccount } from './books.ts';

export interface PacedProcess extends AsyncDisposable {
  readonly url: string;
  /** What it did since the last lap. */
  lap(): Promise<PacedAccount>;
  stamps(): Promise<readonly AnswerStamps[]>;
}

/** @param stream null = short answers in one piece */
export async function startPaced(
  stream: { readonly events: number; readonly intervalMs: number } | null,
): Promise<PacedProcess> {
  // The bundle has doctor-server.js beside it, the checkout server.ts.
  const entry = new URL(import.meta.url.endsWith('.ts') ? './server.ts' : './doctor-server.js', import.meta.url);
  const words =
    stream === null
      ? []
      : [
          '--stamps',
          `--events=${stream.events}`,
          `--interval-ms=${stream.intervalMs}`,
          `--first-ms=${stream.intervalMs}`,
        ];
  const child = fork(entry, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
  const url = await readyOf(child);
  const ask = async (method: string, path: string): Promise<string> => (await fetch(url + path, { method })).text();
  return {
    url,
    lap: async () => JSON.parse(await ask('POST', '/reset')) as PacedAccount,
    stamps: async () =>
      (await ask('GET', '/stamps'))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as AnswerStamps),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}

async function readyOf(child: ChildProcess): Promise<string> {
  const [what] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code, signal]) => {
      throw new PlimsollError('INTERNAL', `The built-in server did not start (${signal ?? `exit code ${code}`}).`);
    }),
  ])) as [{ url: string }];
  return what.url;
}
