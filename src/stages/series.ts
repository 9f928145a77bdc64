// Arithmetic on counts by equal buckets of time: what fell into a span, and how many requests were in flight.

/** Adds to the bucket that holds `position` (in buckets), filling the gap before it with zeros. */
export function addAt(series: number[], position: number, amount: number): void {
  const index = Math.max(0, Math.floor(position));
  while (series.length <= index) series.push(0);
  series[index]! += amount;
}

/** What fell into [fromMs, toMs); a bucket that the span only touches counts by its share. */
export function sumWithin(series: readonly number[], bucketMs: number, fromMs: number, toMs: number): number {
  const first = Math.max(0, Math.floor(fromMs / bucketMs));
  const last = Math.min(series.length, Math.ceil(toMs / bucketMs));
  let sum = 0;
  for (let index = first; index < last; index++) {
    const overlap = Math.min(toMs, (index + 1) * bucketMs) - Math.max(fromMs, index * bucketMs);
    if (overlap > 0) sum += series[index]! * Math.min(1, overlap / bucketMs);
  }
  return sum;
}

/** Requests in flight at the end of each bucket: those sent so far less those ended. */
export function inFlight(sent: readonly number[], ended: readonly number[]): number[] {
  const levels: number[] = [];
  let level = 0;
  for (let index = 0; index < Math.max(sent.length, ended.length); index++) {
    level += (sent[index] ?? 0) - (ended[index] ?? 0);
    levels.push(level);
  }
  return levels;
}

/** The levels seen within [fromMs, toMs); at least one, so that a span below a bucket has a level too. */
export function levelsWithin(levels: readonly number[], bucketMs: number, fromMs: number, toMs: number): number[] {
  const first = Math.max(0, Math.floor(fromMs / bucketMs));
  const count = Math.max(1, Math.floor(toMs / bucketMs) - first);
  return Array.from({ length: count }, (_, index) => levels[first + index] ?? 0);
}
