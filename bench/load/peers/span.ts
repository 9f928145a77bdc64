// How long a load lasted, from its requests. Pure.

/** From the first start to the last end, in the unit given; 0 where there is none. */
export function spanOf(starts: readonly number[], ends: readonly number[]): number {
  if (starts.length === 0) return 0;
  const first = starts.reduce((a, b) => Math.min(a, b));
  return ends.reduce((a, b) => Math.max(a, b)) - first;
}
