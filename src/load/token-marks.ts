// When the token-bearing events of one answer came. Times are the load's, in ms; NaN = not yet.

import { type Channel, isVisible } from './stream.ts';

/** How many came in each bucket of TOKEN_BUCKET_MS. */
export interface TokenTimes {
  readonly firstBucket: number;
  readonly buckets: number;
  /** Of each bucket from the first on; behind them may stand what earlier answers left. */
  readonly counts: readonly number[];
}
export const TOKEN_BUCKET_MS = 100;

/** Made once and cleared for each answer: see Exchange. */
export class TokenMarks implements TokenTimes {
  firstMs = Number.NaN;
  firstContentMs = Number.NaN;
  lastMs = Number.NaN;
  chunks = 0;
  /** Those that came with the read of the one before. */
  coalesced = 0;
  firstBucket = 0;
  buckets = 0;
  readonly counts: number[] = [];

  clear(): void {
    this.firstMs = Number.NaN;
    this.firstContentMs = Number.NaN;
    this.lastMs = Number.NaN;
    this.chunks = 0;
    this.coalesced = 0;
    this.firstBucket = 0;
    this.buckets = 0;
  }

  /** @returns how long after the one before; null for the first */
  mark(tMs: number, channel: Channel): number | null {
    const bucket = Math.max(0, Math.floor(tMs / TOKEN_BUCKET_MS));
    let gapMs: number | null = null;
    if (this.chunks === 0) {
      this.firstMs = tMs;
      this.firstBucket = bucket;
    } else {
      gapMs = tMs - this.lastMs;
      if (gapMs === 0) this.coalesced += 1;
    }
    if (Number.isNaN(this.firstContentMs) && isVisible(channel)) this.firstContentMs = tMs;
    this.count(bucket - this.firstBucket);
    this.chunks += 1;
    this.lastMs = tMs;
    return gapMs;
  }

  private count(bucket: number): void {
    while (this.buckets <= bucket) this.counts[this.buckets++] = 0;
    this.counts[bucket]! += 1;
  }
}
