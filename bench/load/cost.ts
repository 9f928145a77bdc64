// What a run cost. In: readings of the tool's processes and of the server's books, taken together while it ran. Out:
// CPU seconds of the whole and of the steady part. Pure.

import type { PacedAccount } from '../../src/doctor/books.ts';
import type { Cost, Job } from './contract.ts';
import { cpuAt, type Sample } from './cpu.ts';

export interface Reading extends Sample {
  readonly account: PacedAccount;
  /** How long after the books the processes were read: on full cores the bench waits, and a load may end meanwhile. */
  readonly lateMs: number;
}

/** Such a reading would set the events of one moment beside the CPU time of another. */
const LATE_MS = 50;

/** What came before is the tool's warming up (compiling, opening connections), which a real load pays once. */
const WARM_SHARE = 0.25;

/**
 * @param totalCpuSeconds from the tool's start to its exit
 * @param end the server's books after that
 */
export function costOf(
  readings: readonly Reading[],
  kind: Job['kind'],
  totalCpuSeconds: number,
  end: PacedAccount,
): Cost {
  const unitsOf = (account: PacedAccount): number => (kind === 'plain' ? account.answered : account.events);
  const total = unitsOf(end);
  const timely = readings.filter(({ lateMs }) => lateMs <= LATE_MS);
  // Both from readings themselves, since CPU and events were read at one moment in those.
  const from = timely.find(({ account }) => unitsOf(account) >= total * WARM_SHARE);
  const to =
    timely.findLast(({ account }) => unitsOf(account) < total) ??
    timely.find(({ account }) => unitsOf(account) === total);
  const isUsable = from !== undefined && to !== undefined && to.account.nowMs > from.account.nowMs;
  const at = (ms: number | null): number =>
    cpuAt(
      timely.map(({ account, ...sample }) => ({ ...sample, atMs: account.nowMs })),
      ms ?? 0,
    );
  return {
    steadyCpuSeconds: isUsable ? to.cpuSeconds - from.cpuSeconds : Number.NaN,
    steadySystemSeconds: isUsable ? to.systemSeconds - from.systemSeconds : Number.NaN,
    steadyUnits: isUsable ? unitsOf(to.account) - unitsOf(from.account) : 0,
    steadySeconds: isUsable ? (to.account.nowMs - from.account.nowMs) / 1_000 : 0,
    loadCpuSeconds: at(end.lastWriteMs) - at(end.firstRequestMs),
    totalCpuSeconds,
    peakMemoryBytes: Math.max(0, ...readings.map(({ memoryBytes }) => memoryBytes)),
  };
}
