// A worker's books: per phase what was sent and dropped, how late, gaps between tokens, how busy this thread was;
// over time the tokens received. Fixed in size but for one number per 100 ms. load.ts merges those of all workers.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createHistogram, encodeHistogram, recordMs } from '../stats/histogram.ts';
import { provenPercentile } from '../stats/sample-size.ts';
import { type LoadPlan, steadyFromMs } from './plan.ts';
import type { Timeline } from './timeline.ts';
import type { TokenTimes } from './token-marks.ts';

/** Plain data that crosses to the main thread. Histograms are encoded. */
export interface ShardAccounts {
  readonly phases: readonly {
    readonly sent: number;
    readonly sentAfter: number;
    readonly dropped: number;
    readonly droppedSteady: number;
    readonly unsent: number;
    readonly dispatchDelayUs: string;
    readonly gapsUs: string;
    /** null = the phase was too short to say. */
    readonly eventLoopDelayP99Ms: number | null;
    readonly cpuShare: number | null;
    readonly retries: number;
    readonly socketsPeak: number;
  }[];
  /** Tokens in each bucket of TOKEN_BUCKET_MS. */
  readonly tokens: Float64Array;
}

export interface Accounts {
  /** A slot that found the cap reached. */
  dropped(phase: number, plannedMs: number): void;
  /** A slot that was due when the load was ended early. */
  unsent(phase: number): void;
  gap(phase: number, gapMs: number): void;
  /** @param times good only until the call returns */
  ended(row: Timeline, times: TokenTimes): void;
  /** Reads this thread's meters; call about every 100 ms with the load's time and the connections that are open. */
  tick(nowMs: number, sockets: number): void;
  close(): ShardAccounts;
}

/**
 * Of the monitor's timer; subtracted, since an idle loop shows it as delay. Seldom: a timer that is due before the
 * scheduler's next tick is armed anew at every wait for a socket, which costs about 10 µs on a virtual machine.
 */
const RESOLUTION_MS = 50;
/** The last slot of a phase may be sent right after its end; who is later than this was behind. */
const BEHIND_MS = 100;

export function createAccounts(plan: LoadPlan): Accounts {
  const phases = plan.phases.map(() => ({
    sent: 0,
    sentAfter: 0,
    dropped: 0,
    droppedSteady: 0,
    unsent: 0,
    delays: createHistogram(),
    gaps: createHistogram(),
    eventLoopDelayP99Ms: null as number | null,
    cpuMs: 0,
    wallMs: 0,
    retries: 0,
    socketsPeak: 0,
  }));
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let tokens = new Float64Array(1_024);
  let bucketsUsed = 0;
  let current = -1;
  let cpu = process.threadCpuUsage();
  let wallAt = performance.now();

  function addTokens(bucket: number, count: number): void {
    if (bucket >= tokens.length) {
      const larger = new Float64Array(Math.max(bucket + 1, tokens.length * 2));
      larger.set(tokens);
      tokens = larger;
    }
    tokens[bucket]! += count;
    bucketsUsed = Math.max(bucketsUsed, bucket + 1);
  }

  /** Time since the last tick belongs to the phase in force then. */
  function tick(nowMs: number, sockets: number): void {
    const now = performance.now();
    const used = process.threadCpuUsage(cpu);
    const before = phases[current];
    if (before !== undefined) {
      before.cpuMs += (used.user + used.system) / 1_000;
      before.wallMs += now - wallAt;
      before.socketsPeak = Math.max(before.socketsPeak, sockets);
    }
    cpu = process.threadCpuUsage();
    wallAt = now;
    const phase = plan.phases.findIndex(({ startMs, durationMs }) => nowMs >= startMs && nowMs < startMs + durationMs);
    if (phase === current) return;
    if (before !== undefined && delay.count > 0) {
      before.eventLoopDelayP99Ms = Math.max(
        0,
        delay.percentile(provenPercentile(delay.count, 0.99)) / 1e6 - RESOLUTION_MS,
      );
    }
    delay.reset();
    current = phase;
  }

  return {
    dropped(phase, plannedMs) {
      phases[phase]!.dropped += 1;
      if (plannedMs >= steadyFromMs(plan.phases[phase]!)) phases[phase]!.droppedSteady += 1;
    },
    unsent(phase) {
      phases[phase]!.unsent += 1;
    },
    gap(phase, gapMs) {
      recordMs(phases[phase]!.gaps, gapMs);
    },
    ended(row, times) {
      const phase = phases[row.phase]!;
      phase.sent += 1;
      if (row.plannedMs !== null) {
        const delayMs = row.sentMs - row.plannedMs;
        const { startMs, durationMs } = plan.phases[row.phase]!;
        recordMs(phase.delays, delayMs);
        if (delayMs > BEHIND_MS && row.sentMs > startMs + durationMs) phase.sentAfter += 1;
      }
      if (row.retried) phase.retries += 1;
      // Events of several tokens: the server's count is spread over the events as they came.
      const perChunk = row.chunks === 0 ? 0 : (row.outputTokens ?? row.chunks) / row.chunks;
      for (let i = 0; i < times.buckets; i++) addTokens(times.firstBucket + i, times.counts[i]! * perChunk);
    },
    tick,
    close() {
      tick(Number.POSITIVE_INFINITY, 0);
      delay.disable();
      return {
        phases: phases.map(({ delays, gaps, cpuMs, wallMs, ...counts }) => ({
          ...counts,
          dispatchDelayUs: encodeHistogram(delays),
          gapsUs: encodeHistogram(gaps),
          cpuShare: wallMs > 0 ? cpuMs / wallMs : null,
        })),
        tokens: tokens.slice(0, bucketsUsed),
      };
    },
  };
}
