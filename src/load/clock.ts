// The clock that client and server share, whatever process they are in.

/** What to add to performance.now() for CLOCK_MONOTONIC in ms, which all processes of a machine share. */
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
