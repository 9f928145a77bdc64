// The one clock that threads and processes of a machine share. performance.now() has a zero of its own in each of them.

/**
 * What to add to this thread's performance.now() for CLOCK_MONOTONIC in ms. Read several times: the pair that was read
 * closest together is off by least.
 */
export function monotonicOffsetMs(): number {
  let best = Number.NaN;
  let closest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    const before = performance.now();
    const ns = process.hrtime.bigint();
    const after = performance.now();
    if (after - before < closest) {
      closest = after - before;
      best = Number(ns) / 1e6 - (before + after) / 2;
    }
  }
  return best;
}
