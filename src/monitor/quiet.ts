// Waits until the engine has nothing to do, by its own gauges: what a stage begins from must not be the tail of
// the warm-up before it.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Monitor } from './monitor.ts';

export interface Quiet {
  /** `unknown`: the engine has no gauges to tell by. */
  readonly state: 'quiet' | 'busy' | 'unknown';
  /** How it was known, in words. */
  readonly how: string;
  readonly waitedMs: number;
}

const POLL_MS = 100;
/** A gauge is read between two steps of the engine: one zero may be the moment between two batches. */
const ZEROS_IN_A_ROW = 2;
const FAILURES_IN_A_ROW = 3;

/** Returns as soon as running and waiting are 0, when `timeoutMs` passed, or when `signal` fired. Never rejects. */
export async function waitForQuiet(
  monitor: Pick<Monitor, 'readEngine'>,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<Quiet> {
  const startMs = performance.now();
  const limit = AbortSignal.any([
    AbortSignal.timeout(Math.max(1, Math.ceil(options.timeoutMs))),
    ...(options.signal ? [options.signal] : []),
  ]);
  const result = (state: Quiet['state'], how: string): Quiet => ({ state, how, waitedMs: performance.now() - startMs });
  let zeros = 0;
  let failures = 0;
  let last = 'the engine did not answer in time';
  while (!limit.aborted) {
    const reading = await monitor.readEngine(limit);
    if (limit.aborted) break;
    if (reading.kind === 'failed') {
      failures += 1;
      last = reading.reason;
      if (failures >= FAILURES_IN_A_ROW) return result('unknown', last);
    } else {
      const running = reading.values['engine.running'];
      const waiting = reading.values['engine.waiting'] ?? 0;
      if (running === undefined) return result('unknown', 'the engine has no gauge of running requests');
      failures = 0;
      last = `the engine still had ${running} running and ${waiting} waiting requests`;
      zeros = running + waiting === 0 ? zeros + 1 : 0;
      if (zeros >= ZEROS_IN_A_ROW) return result('quiet', 'the engine’s gauges of running and waiting requests were 0');
    }
    await sleep(POLL_MS, undefined, { signal: limit }).catch(() => {
      // The loop's condition says why.
    });
  }
  return result('busy', last);
}
