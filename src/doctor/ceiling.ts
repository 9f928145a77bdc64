// What the levels of a climb say: which of them held, what the others were broken by, how far the client's times are from
// the server's. Figures in, judgements out. Pure.

import type { Config } from '../config/schema.ts';
import type { ClientPhaseHealth } from '../load/result.ts';
import type { Timeline } from '../load/timeline.ts';
import type { AnswerStamps } from './books.ts';

export interface Ceiling {
  /** The highest level that held; 0 = none. */
  readonly perSecond: number;
  /** What the next level was broken by; `untried`: all levels held. But for `client` it may carry more. */
  readonly bound: 'client' | 'server' | 'untried';
}

export interface Distortion {
  readonly eventsPerSecond: number;
  /** From send to first token, minus what the server took between the request and that write. */
  readonly ttftMs: Quantiles;
  /** From the write of an event to its time in the row. */
  readonly readMs: Quantiles;
}
export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** A level of load, as it went. */
export interface Level {
  /** Requests or events. */
  readonly perSecond: number;
  readonly health: Pick<
    ClientPhaseHealth,
    'dispatchDelayMs' | 'eventLoopDelayP99Ms' | 'planned' | 'sent' | 'sentAfter' | 'dropped'
  >;
  readonly failed: number;
  /** Share of the answers that took LATE_MS longer than the server had in mind. */
  readonly lateShare: number;
  readonly server: { readonly cpuShare: number; readonly writeDelayP99Ms: number };
}

export const LATE_MS = 10;
const LATE_SHARE = 0.05;
/** Past either the server itself is the limit. */
const SERVER_CPU_SHARE = 0.9;
const SERVER_DELAY_MS = 5;

/** By the rules that make a phase of a real stage invalid (stages/client.ts), and answers that come late. */
export function judgeLevel(
  { health, failed, lateShare, server }: Level,
  limits: Config['client'],
): 'held' | 'client' | 'server' {
  const { dispatchDelayMs, eventLoopDelayP99Ms, planned, sent, sentAfter, dropped } = health;
  const held =
    (dispatchDelayMs?.p99AtLeast ?? 0) <= limits.dispatchDelayP99 &&
    (eventLoopDelayP99Ms ?? 0) <= limits.eventLoopDelayP99 &&
    sent - sentAfter >= limits.achievedShare * planned &&
    dropped === 0 &&
    failed === 0 &&
    lateShare <= LATE_SHARE;
  if (held) return 'held';
  return server.cpuShare >= SERVER_CPU_SHARE || server.writeDelayP99Ms > SERVER_DELAY_MS ? 'server' : 'client';
}

/** One level may break by chance; two in a row are the end. */
export function ceilingOf(levels: readonly Level[], limits: Config['client']): Ceiling {
  let perSecond = 0;
  let broken: Ceiling['bound'][] = [];
  for (const level of levels) {
    const verdict = judgeLevel(level, limits);
    if (verdict === 'held') {
      perSecond = level.perSecond;
      broken = [];
    } else if (broken.push(verdict) === 2) break;
  }
  return { perSecond, bound: broken[0] ?? 'untried' };
}

/** Times in ms of the clock that the server stamps with. */
export interface CalmRow extends Pick<Timeline, 'serverId' | 'sentMs' | 'firstTokenMs' | 'lastTokenMs'> {}

/** Rows and stamps of the same answers, by the server's id. */
export function distortionOf(
  eventsPerSecond: number,
  rows: readonly CalmRow[],
  stamps: readonly AnswerStamps[],
): Distortion | null {
  const byId = new Map(stamps.map((one) => [one.id, one]));
  const ttft: number[] = [];
  const reads: number[] = [];
  for (const { serverId, sentMs, firstTokenMs, lastTokenMs } of rows) {
    const stamped = byId.get(serverId ?? '');
    const first = stamped?.writesMs[0];
    const last = stamped?.writesMs.at(-1);
    if (!stamped || first === undefined || last === undefined || firstTokenMs === null || lastTokenMs === null)
      continue;
    ttft.push(firstTokenMs - sentMs - first);
    reads.push(firstTokenMs - (stamped.arrivalMs + first), lastTokenMs - (stamped.arrivalMs + last));
  }
  return ttft.length === 0 ? null : { eventsPerSecond, ttftMs: quantilesOf(ttft), readMs: quantilesOf(reads) };
}

function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number): number => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
