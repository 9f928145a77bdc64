import { type Schedule, type Slot, shard } from '../../src/load/arrivals.ts';

/** The slots of shard k of n, one after the other. */
export function* slotsOf(schedule: Schedule, k = 0, n = 1): Generator<Slot, undefined> {
  const next = shard(schedule, k, n);
  for (let slot = next(); slot !== null; slot = next()) yield slot;
}
