// Many things that are due at their own times, in one thread, as precisely as the event loop allows; no timer when idle.

/** setTimeout may be this late. */
const TIMER_MS = 1.5;
const NAP_MS = 0.1;

/**
 * Calls `step` for every item when it is due; `step` returns when it is due next, null = never.
 * @param spin never naps while something is due within a few ms: the most precise, at the price of a whole core
 */
export function createDueQueue<T>(
  spin: boolean,
  step: (item: T, dueMs: number) => number | null,
): { add(item: T, dueMs: number): void } {
  const heap = createHeap<T>();
  let timer: NodeJS.Timeout | null = null;
  let timerDueMs = Number.POSITIVE_INFINITY;
  let turning = false;

  function turn(): void {
    turning = false;
    const nowMs = performance.now();
    while (heap.topKey() <= nowMs) {
      const dueMs = heap.topKey();
      const item = heap.pop();
      const next = step(item, dueMs);
      if (next !== null) heap.push(next, item);
    }
    rest();
  }
  function rest(): void {
    if (turning || heap.topKey() === Number.POSITIVE_INFINITY) return;
    const leftMs = heap.topKey() - performance.now();
    if (leftMs > TIMER_MS + 1) {
      if (timer !== null && timerDueMs <= heap.topKey()) return;
      if (timer !== null) clearTimeout(timer);
      timerDueMs = heap.topKey();
      timer = setTimeout(
        () => {
          timer = null;
          if (!turning) turn();
        },
        Math.floor(leftMs - TIMER_MS),
      );
      return;
    }
    if (!spin && leftMs > 0) Atomics.wait(CELL, 0, 0, Math.min(NAP_MS, leftMs));
    turning = true;
    setImmediate(turn);
  }
  return {
    add(item: T, dueMs: number): void {
      heap.push(dueMs, item);
      rest();
    },
  };
}

const CELL = new Int32Array(new SharedArrayBuffer(4));

/** Binary min-heap by key. */
function createHeap<T>() {
  const keys: number[] = [];
  const items: T[] = [];
  function swap(a: number, b: number): void {
    [keys[a], keys[b]] = [keys[b]!, keys[a]!];
    [items[a], items[b]] = [items[b]!, items[a]!];
  }
  return {
    topKey: (): number => keys[0] ?? Number.POSITIVE_INFINITY,
    push(key: number, item: T): void {
      let at = keys.push(key) - 1;
      items.push(item);
      for (let up = (at - 1) >> 1; at > 0 && keys[at]! < keys[up]!; up = (at - 1) >> 1) {
        swap(at, up);
        at = up;
      }
    },
    pop(): T {
      swap(0, keys.length - 1);
      keys.pop();
      const top = items.pop()!;
      for (let at = 0; ; ) {
        let least = at;
        for (const child of [2 * at + 1, 2 * at + 2])
          if (child < keys.length && keys[child]! < keys[least]!) least = child;
        if (least === at) return top;
        swap(at, least);
        at = least;
      }
    },
  };
}
