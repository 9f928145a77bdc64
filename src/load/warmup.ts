// Requests before the load that nobody counts: they wake the engine (graphs, caches, adapters). Closed loop, with
// text that the load never repeats.

import { openConnections } from '../transport/connections.ts';
import { openWorkload, type WorkloadRef } from '../workload/workload.ts';
import { createClient } from './client.ts';
import { limitError, readLimits } from './limits.ts';
import type { Target } from './target.ts';

export interface WarmUpOptions {
  readonly target: Target;
  readonly workload: WorkloadRef;
  readonly requests: number;
  readonly concurrency: number;
  /** For each request. */
  readonly timeoutMs: number;
  /** As in LoadJob. */
  readonly secrets?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface WarmUpResult {
  readonly ok: number;
  readonly failed: number;
  readonly firstError: string | null;
  /** Mean time from send to end of those that went well, but for the first of each connection; null = too few did. */
  readonly answerMs: number | null;
}

/**
 * Resolves when all have ended; on abort at once, with what has ended by then. Never throws for what the deployment does.
 * @throws PlimsollError what opening the workload throws; CLIENT_LIMITS where this machine ran out of open files or ports
 */
export async function warmUp(options: WarmUpOptions): Promise<WarmUpResult> {
  const { target, requests, timeoutMs, signal } = options;
  const workload = openWorkload(options.workload);
  const connections = openConnections(target);
  const limits = readLimits();
  const result = { ok: 0, failed: 0, firstError: null as string | null };
  let answersMs = 0;
  let answers = 0;
  let sent = 0;
  let cancelled = signal?.aborted ?? false;
  const over = Promise.withResolvers<void>();
  const client = createClient({
    connections,
    target,
    path: workload.path,
    streamed: options.workload.config.stream,
    requestTimeoutMs: timeoutMs,
    stallTimeoutMs: timeoutMs,
    worker: 0,
    secrets: options.secrets,
    originMs: performance.now(),
    onShortage(shortage) {
      over.reject(limitError(shortage, limits, options.concurrency, client.inFlight + 1));
      cancel();
    },
    onEnd(row) {
      if (row.outcome === 'ok') {
        result.ok += 1;
        // The very first ones wake the engine.
        if (row.reused) {
          answersMs += row.endMs - row.sentMs;
          answers += 1;
        }
      } else if (row.outcome !== 'cut') {
        result.failed += 1;
        result.firstError ??= `${row.outcome}${row.error === null ? '' : `: ${row.error}`}`;
      }
      next();
    },
  });
  function next(): void {
    if (sent < requests && !cancelled) {
      const index = sent++;
      const slot = { kind: 'warmup', phase: 'warm-up', pattern: 0, index, progress: index / requests } as const;
      const { body, maxTokens, promptTokens } = workload.request(slot);
      client.send({ request: index, phase: 0, plannedMs: null, body: Buffer.from(body), maxTokens, promptTokens });
    } else if (client.inFlight === 0) over.resolve();
  }
  const cancel = (): void => {
    cancelled = true;
    client.cut('cancelled');
  };
  signal?.addEventListener('abort', cancel);
  try {
    for (let i = 0; i < Math.max(1, Math.min(options.concurrency, requests)); i++) next();
    await over.promise;
  } finally {
    signal?.removeEventListener('abort', cancel);
    client.close();
    await connections.destroy();
  }
  return { ...result, answerMs: answers === 0 ? null : answersMs / answers };
}
