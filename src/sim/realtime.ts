// Gives the model real time: wakes when its next step ends and hands over what happened. Late wake-ups delay
// events but never the model, which keeps its own axis. Sleeps coarsely, then naps: no core burns while it waits.

import type { Admission, Engine, EngineEvent, Gauges, Submission } from './model.ts';

export interface RealtimeEngine {
  submit(submission: Submission): Admission;
  cancel(id: number): void;
  gauges(): Gauges;
  stop(): void;
}

/** Timers are good to a millisecond or so; the rest of the way goes in naps. */
const COARSE_MS = 2;
const NAP_MS = 0.2;
/** What waking from a nap and going round the event loop take. */
const WAKE_MS = 0.06;
const LONGEST_TIMER_MS = 1_000_000;

/** @param nowMs the engine's clock: 0 when it is ready. Events are never delivered from inside a call. */
export function runInRealTime(
  engine: Engine,
  nowMs: () => number,
  deliver: (events: readonly EngineEvent[]) => void,
): RealtimeEngine {
  const nap = new Int32Array(new SharedArrayBuffer(4));
  let wakeMs = Infinity;
  let timer: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;

  function plan(): void {
    const next = engine.nextStepEndMs() ?? Infinity;
    if (next === wakeMs) return;
    stop();
    wakeMs = next;
    if (next !== Infinity) wait();
  }

  function wait(): void {
    const left = wakeMs - nowMs();
    if (left > COARSE_MS + 1) timer = setTimeout(wait, Math.min(left - COARSE_MS, LONGEST_TIMER_MS));
    else immediate = setImmediate(approach);
  }

  function approach() {
    const left = wakeMs - nowMs();
    if (left <= 0) return fire();
    if (left > WAKE_MS) Atomics.wait(nap, 0, 0, Math.min(NAP_MS, left - WAKE_MS));
    immediate = setImmediate(approach);
  }

  function fire(): void {
    wakeMs = Infinity;
    deliver(engine.advance(nowMs()));
    plan();
  }

  function stop(): void {
    clearTimeout(timer);
    clearImmediate(immediate);
    wakeMs = Infinity;
  }

  plan();
  return {
    submit(submission) {
      const admission = engine.submit(nowMs(), submission);
      plan();
      return admission;
    },
    cancel(id) {
      engine.cancel(id, nowMs());
      plan();
    },
    gauges: engine.gauges,
    stop,
  };
}
