// What the paced server writes down of itself. In: arrivals, writes and ends as they happen. Out: its account since the
// start or the last reset, and the times of single writes where they are kept.

import { monotonicOffsetMs } from '../load/clock.ts';
import { createHistogram, type Histogram, recordMs } from '../stats/histogram.ts';

/** What it says of itself since the start or the last reset. Times in ms of CLOCK_MONOTONIC. */
export interface PacedAccount {
  readonly requests: number;
  readonly answered: number;
  /** Token-bearing events written. */
  readonly events: number;
  readonly writes: number;
  readonly firstRequestMs: number | null;
  readonly lastWriteMs: number | null;
  /** From due to written, of paced writes. High = the server was the limit. */
  readonly writeDelayMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  /** Of its process, since the first request. */
  readonly cpuMs: number;
  readonly nowMs: number;
}

/** One line of /stamps. */
export interface AnswerStamps {
  /** The request's x-request-id, else the answer's. */
  readonly id: string;
  /** The read that completed the request. */
  readonly arrivalMs: number;
  /** Just before each write that bears events (plain: the only write), ms after the arrival. */
  readonly writesMs: readonly number[];
}

interface Stamps {
  readonly id: string;
  readonly arrivalMs: number;
  readonly writes: Float64Array;
  count: number;
}

export type Books = ReturnType<typeof createBooks>;

/** Where a request is written down: what began before a reset goes on in the books that were thrown away. */
export interface Entry {
  readonly page: Page;
  readonly stamps: Stamps | null;
}

interface Page {
  requests: number;
  answered: number;
  events: number;
  writes: number;
  firstRequestMs: number | null;
  lastWriteMs: number | null;
  readonly delays: Histogram;
  readonly kept: Stamps[];
  cpu: NodeJS.CpuUsage;
}

/** @param keepsStamps whether the time of every write is kept */
export function createBooks(keepsStamps: boolean, writesPerAnswer: number) {
  const toMonotonic = monotonicOffsetMs();
  const blank = (): Page => ({
    requests: 0,
    answered: 0,
    events: 0,
    writes: 0,
    firstRequestMs: null,
    lastWriteMs: null,
    delays: createHistogram(),
    kept: [],
    cpu: process.cpuUsage(),
  });
  let state = blank();
  return {
    arrived(id: string): Entry {
      const arrivalMs = performance.now();
      state.requests += 1;
      if (state.firstRequestMs === null) {
        state.firstRequestMs = arrivalMs;
        state.cpu = process.cpuUsage();
      }
      if (!keepsStamps) return { page: state, stamps: null };
      const stamps = { id, arrivalMs, writes: new Float64Array(writesPerAnswer), count: 0 };
      state.kept.push(stamps);
      return { page: state, stamps };
    },
    /** Call just before the write. `dueMs`: when it should have been, null = as soon as it could. */
    write({ page, stamps }: Entry, events: number, dueMs: number | null): void {
      const nowMs = performance.now();
      page.events += events;
      page.writes += 1;
      page.lastWriteMs = nowMs;
      if (dueMs !== null) recordMs(page.delays, nowMs - dueMs);
      if (stamps !== null) stamps.writes[stamps.count++] = nowMs - stamps.arrivalMs;
    },
    answered({ page }: Entry): void {
      page.answered += 1;
    },
    account(): PacedAccount {
      const { requests, answered, events, writes, firstRequestMs, lastWriteMs, delays, cpu } = state;
      const used = process.cpuUsage(cpu);
      return {
        requests,
        answered,
        events,
        writes,
        firstRequestMs: firstRequestMs === null ? null : firstRequestMs + toMonotonic,
        lastWriteMs: lastWriteMs === null ? null : lastWriteMs + toMonotonic,
        writeDelayMs: quantilesOf(delays),
        cpuMs: (used.user + used.system) / 1_000,
        nowMs: performance.now() + toMonotonic,
      };
    },
    stamps: (): string =>
      state.kept
        .map(({ id, arrivalMs, writes, count }) => {
          const line: AnswerStamps = {
            id,
            arrivalMs: arrivalMs + toMonotonic,
            writesMs: Array.from(writes.subarray(0, count), (ms) => Math.round(ms * 1e4) / 1e4),
          };
          return `${JSON.stringify(line)}\n`;
        })
        .join(''),
    reset(): void {
      state = blank();
    },
  };
}

function quantilesOf(delays: Histogram): PacedAccount['writeDelayMs'] {
  const ms = (percentile: number): number => delays.getValueAtPercentile(percentile) / 1_000;
  return delays.totalCount === 0 ? null : { p50: ms(50), p99: ms(99), max: delays.maxValue / 1_000 };
}
