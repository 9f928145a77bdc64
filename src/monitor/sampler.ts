// What all samplers share: a timer on an absolute schedule that never runs a reading twice at once and never
// keeps the process alive, and the account of what could not be read.

import type { SamplerProblem } from './sample.ts';

/** Values by metric id, without statistic. */
export type Values = Readonly<Record<string, number>>;

/** One reading: the values it gave (and why others are missing), or why it could not be made. */
export type Reading =
  | {
      readonly kind: 'values';
      readonly atMs: number;
      readonly values: Values;
      readonly missing?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'failed'; readonly reason: string };

export interface Sampler {
  readonly source: SamplerProblem['source'];
  /** What it gives when it works. */
  readonly metrics: readonly string[];
  /** Begins sampling; `report` takes each reading. */
  start(report: (reading: Reading) => void): void;
  /** The stage's counters (preemptions) begin anew. */
  mark?(): void;
  stop(): void | Promise<void>;
}

/**
 * Reads at start + k × intervalMs until the returned function is called. A reading that takes longer makes it
 * skip turns, not queue them; one that throws is a failed reading.
 */
export function every(
  intervalMs: number,
  read: () => Reading | Promise<Reading>,
  report: (reading: Reading) => void,
): () => void {
  const startMs = performance.now();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const turn = async () => {
    let reading: Reading;
    try {
      reading = await read();
    } catch (error) {
      reading = { kind: 'failed', reason: (error as Error).message };
    }
    if (stopped) return;
    report(reading);
    const elapsedMs = performance.now() - startMs;
    const nextMs = (Math.floor(elapsedMs / intervalMs) + 1) * intervalMs;
    timer = setTimeout(turn, nextMs - elapsedMs);
    timer.unref();
  };
  void turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
