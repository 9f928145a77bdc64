// The one place that sleeps until a planned time. In: an absolute schedule and a clock. Out: `fire` at each planned
// time, or as soon after as can be; a late pacer catches up and fires everything.

export interface PaceOptions {
  /** The next planned time in ms of `now`'s clock, null at the end. Called ahead of time: prepare here. */
  next(): number | null;
  fire(): void;
  now(): number;
  signal: AbortSignal;
}

/** setTimeout is up to a millisecond and more late; from here on naps take over. */
const NAP_FROM_MS = 1.5;
/** How long a nap may keep the event loop from reading sockets. */
const NAP_MS = 0.1;
/** Catching up may not starve the sockets either. */
const BURST_MS = 2;
/** Longest sleep, so that an abort is seen soon. */
const SLEEP_MS = 50;

/**
 * Fires at every planned time; resolves after the last one, or soon after `signal` aborts.
 *
 * Sleeps with setTimeout until 1.5 ms before the time, then alternates one turn of the event loop with a nap of at
 * most 100 µs (Atomics.wait on memory that nobody wakes): sub-millisecond precision without burning a core.
 */
export async function pace({ next, fire, now, signal }: PaceOptions): Promise<void> {
  let turnedAt = now();
  for (let due = next(); due !== null; due = next()) {
    if (now() - turnedAt > BURST_MS) {
      await turn();
      turnedAt = now();
    }
    for (let left = due - now(); left > 0 && !signal.aborted; left = due - turnedAt) {
      if (left > NAP_FROM_MS + 1) await sleep(Math.min(SLEEP_MS, left - NAP_FROM_MS));
      else {
        await turn();
        nap(Math.min(NAP_MS, due - now()));
      }
      turnedAt = now();
    }
    if (signal.aborted) return;
    fire();
  }
}

/** Sleeps for at least `ms`, to the timer's precision, or until `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, Math.ceil(ms));
    signal.addEventListener('abort', wake);
  });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.floor(ms)));

const cell = new Int32Array(new SharedArrayBuffer(4));
function nap(ms: number): void {
  if (ms > 0) Atomics.wait(cell, 0, 0, ms);
}
