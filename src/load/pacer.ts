// The one place that sleeps until a planned time. In: an absolute schedule and a clock. Out: `fire` at each planned
// time, or as soon after as can be; a late pacer catches up and fires everything.

export interface PaceOptions {
  /** The next planned time in ms of `now`'s clock, null at the end. Called ahead of time: prepare here. */
  next(): number | null;
  fire(): void;
  /** No answer is awaited that a nap would keep from being read. Absent: one always may be. */
  idle?(): boolean;
  now(): number;
  signal: AbortSignal;
}

/** setTimeout is up to a millisecond and more late; from here on naps take over. */
const NAP_FROM_MS = 1.5;
/** How long a nap may keep the event loop from reading sockets, where answers are awaited. */
const NAP_MS = 0.15;
/** And where none are: a connection that is closed by then, or an order to end, is still heard of before the send. */
const IDLE_NAP_MS = 1;
/** Catching up may not starve the sockets either. */
const BURST_MS = 2;

/**
 * Fires at every planned time; resolves after the last one, or at once when `signal` aborts. Rejects with what `next` or
 * `fire` throws.
 *
 * Sleeps with setTimeout until 1.5 ms before the time, then alternates one turn of the event loop with a nap of at
 * most 150 µs (Atomics.wait on memory that nobody wakes): sub-millisecond precision without burning a core. With nothing
 * to read they are of a millisecond: at low rates most of the cost is to be woken. After a turn
 * that took longer than a nap it takes another one instead: as much as was read then has come meanwhile, and would wait
 * behind the nap. What falls due in that turn waits for its end, as it does for any. A turn is a callback and not a
 * promise: at thousands of turns a second those would be most of the garbage.
 */
export function pace({ next, fire, idle = () => false, now, signal }: PaceOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let due: number | null = null;
    let timer: NodeJS.Timeout | undefined;
    let over = signal.aborted;
    /** When the loop was given its turn; NaN = it sleeps by a timer. */
    let leftAt = Number.NaN;
    const end = (): void => {
      over = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const turn = (): void => {
      if (over) return;
      try {
        go();
      } catch (error) {
        reject(error);
        end();
      }
    };
    const letTurn = (at: number): void => {
      leftAt = at;
      setImmediate(turn);
    };
    function go(): void {
      const turnedAt = now();
      let mayNap = !(turnedAt - leftAt > NAP_MS);
      leftAt = Number.NaN;
      for (let at = turnedAt; due !== null; at = now()) {
        const left = due - at;
        if (left <= 0) {
          if (at - turnedAt > BURST_MS) {
            letTurn(at);
            return;
          }
          fire();
          if (over) return;
          due = next();
        } else if (left > NAP_FROM_MS + 1) {
          timer = setTimeout(turn, Math.floor(left - NAP_FROM_MS));
          return;
        } else if (mayNap) {
          nap(Math.min(idle() ? IDLE_NAP_MS : NAP_MS, left));
          mayNap = false;
        } else {
          letTurn(at);
          return;
        }
      }
      end();
    }
    if (over) return end();
    signal.addEventListener('abort', end);
    try {
      due = next();
    } catch (error) {
      reject(error);
      return end();
    }
    turn();
  });
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

const cell = new Int32Array(new SharedArrayBuffer(4));
function nap(ms: number): void {
  if (ms > 0) Atomics.wait(cell, 0, 0, ms);
}
