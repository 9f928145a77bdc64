// Waits until the deployment answers 2xx at its readiness path: the one definition of "booted".

import { setTimeout as sleep } from 'node:timers/promises';
import { PlimsollError } from '../errors.ts';
import type { ExitReport } from './spawn.ts';
import type { TargetClient } from './target.ts';

export interface ReadyOptions {
  readonly path: string;
  readonly timeoutMs: number;
  readonly intervalMs: number;
  /** Settles when the deployment ends; never for an external one. */
  readonly onExit: Promise<ExitReport>;
  readonly signal: AbortSignal;
  /** Now and then, with the seconds waited and the last answer. */
  readonly onWait: (waitedMs: number, lastAnswer: string) => void;
  readonly mask: (text: string) => string;
}

export type Readiness =
  | { readonly kind: 'ready'; readonly atMs: number }
  | { readonly kind: 'exited'; readonly report: ExitReport }
  | { readonly kind: 'timeout'; readonly lastAnswer: string };

const ATTEMPT_LIMIT_MS = 10_000;
/** Even the last attempt gets this long: cut shorter, its silence would hide what the ones before it said. */
const LAST_ATTEMPT_MS = 1_000;
const TELL_EVERY_MS = 10_000;

/** @throws PlimsollError CANCELLED when the signal fires */
export async function waitUntilReady(client: TargetClient, options: ReadyOptions): Promise<Readiness> {
  const { signal, intervalMs } = options;
  const gone = new AbortController();
  let exited: ExitReport | null = null;
  void options.onExit.then((report) => {
    exited = report;
    gone.abort();
  });
  const stop = AbortSignal.any([signal, gone.signal]);
  const startMs = performance.now();
  const endMs = startMs + options.timeoutMs;
  let toldMs = startMs;
  let lastAnswer = 'nothing';
  for (;;) {
    const answer = await client.get(options.path, {
      timeoutMs: Math.min(ATTEMPT_LIMIT_MS, Math.max(endMs - performance.now(), LAST_ATTEMPT_MS)),
      signal: stop,
      maxBytes: 2_048,
    });
    const nowMs = performance.now();
    if (signal.aborted) throw new PlimsollError('CANCELLED', 'Cancelled while the deployment was booting.');
    if (exited) return { kind: 'exited', report: exited };
    if (answer.kind === 'answer' && answer.status >= 200 && answer.status < 300) return { kind: 'ready', atMs: nowMs };
    lastAnswer =
      answer.kind === 'failed' ? options.mask(answer.reason) : describeAnswer(answer.status, options.mask(answer.text));
    if (nowMs >= endMs) return { kind: 'timeout', lastAnswer };
    if (nowMs - toldMs >= TELL_EVERY_MS) {
      toldMs = nowMs;
      options.onWait(nowMs - startMs, lastAnswer);
    }
    await sleep(Math.min(intervalMs, endMs - nowMs), undefined, { signal: stop }).catch(() => {
      // Woken early: the next turn says by what.
    });
  }
}

function describeAnswer(status: number, text: string): string {
  const body = text.replaceAll(/\s+/g, ' ').trim().slice(0, 200);
  return body === '' ? `status ${status}` : `status ${status}: ${body}`;
}
