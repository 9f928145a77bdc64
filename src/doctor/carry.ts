// What the client of this machine can carry, measured: real loads from real workers against the paced server in a
// process of its own, level by level until one does not hold. What a level that broke was broken by, client or server,
// stands beside it.

import { type Config, workloadSchema } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { monotonicOffsetMs } from '../load/clock.ts';
import { readRoom } from '../load/foresee.ts';
import { runLoad } from '../load/load.ts';
import type { LoadPlan } from '../load/plan.ts';
import type { ClientPhaseHealth } from '../load/result.ts';
import type { Timeline } from '../load/timeline.ts';
import type { AnswerStamps, PacedAccount } from './books.ts';
import {
  type CalmRow,
  type Ceiling,
  ceilingOf,
  type Distortion,
  distortionOf,
  LATE_MS,
  type Level,
} from './ceiling.ts';
import { startPaced } from './paced.ts';

export interface Carried {
  readonly workers: number;
  /** How late it sends when little is asked. */
  readonly calm: { readonly requestsPerSecond: number; readonly dispatchDelayMs: ClientPhaseHealth['dispatchDelayMs'] };
  /** Short answers in one piece. */
  readonly requests: Ceiling;
  /** Token-bearing events of streams, one in each write. */
  readonly events: Ceiling;
  /** Client minus server, at a load that it carries easily; null = no answer came. */
  readonly distortion: Distortion | null;
}

const CALM_RATE = 200;
const CALM_EVENTS = 5_000;
const STEP = 1.5;
const LOWEST_REQUESTS = 1_000;
const REQUEST_LEVELS = 10;
const LOWEST_EVENTS = 10_000;
const EVENT_LEVELS = 8;
/** A stream: so many events, so far apart. */
const EVENTS = 25;
const INTERVAL_MS = 10;
/** Shares of the whole time. */
const CALM_SHARE = 0.1;
const REQUESTS_SHARE = 0.3;
const EVENTS_SHARE = 0.45;

export interface CarryOptions {
  readonly limits: Config['client'];
  /** Of load, about; starting and ending come on top. */
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** @throws PlimsollError CANCELLED; CLIENT_LIMITS where this process may open too few files for any load */
export async function measureClient(options: CarryOptions): Promise<Carried> {
  const { limits, seconds } = options;
  const ms = (share: number, levels: number): number => Math.round((1_000 * seconds * share) / levels);
  const calmMs = ms(CALM_SHARE, 1);
  const requests = await climb(options, null, [
    { perSecond: CALM_RATE, durationMs: calmMs },
    ...ladder(LOWEST_REQUESTS, REQUEST_LEVELS, ms(REQUESTS_SHARE, REQUEST_LEVELS)),
  ]);
  const events = await climb(options, { events: EVENTS, intervalMs: INTERVAL_MS }, [
    { perSecond: CALM_EVENTS, durationMs: calmMs },
    ...ladder(LOWEST_EVENTS, EVENT_LEVELS, ms(EVENTS_SHARE, EVENT_LEVELS)),
  ]);
  return {
    workers: limits.workers,
    calm: { requestsPerSecond: CALM_RATE, dispatchDelayMs: requests.levels[0]?.health.dispatchDelayMs ?? null },
    requests: ceilingOf(requests.levels.slice(1), limits),
    events: ceilingOf(events.levels.slice(1), limits),
    distortion: distortionOf(CALM_EVENTS, events.calmRows, events.stamps),
  };
}

interface LevelPlan {
  readonly perSecond: number;
  readonly durationMs: number;
}

const ladder = (lowest: number, count: number, durationMs: number): LevelPlan[] =>
  Array.from({ length: count }, (_, i) => ({ perSecond: Number((lowest * STEP ** i).toPrecision(2)), durationMs }));

interface Climb {
  /** Those that were gone through whole. */
  readonly levels: readonly Level[];
  /** Of the first level; times in ms of the clock that the server stamps with. */
  readonly calmRows: readonly CalmRow[];
  readonly stamps: readonly AnswerStamps[];
}

interface PhaseCounts {
  rows: number;
  failed: number;
  late: number;
  lateSent: number;
}

/** One continuous load, level after level, until two in a row are clearly too much. */
async function climb(
  { limits, signal }: CarryOptions,
  stream: { readonly events: number; readonly intervalMs: number } | null,
  levels: readonly LevelPlan[],
): Promise<Climb> {
  await using server = await startPaced(stream);
  const plan = await planOf(levels, stream?.events ?? 1, server.url, limits);
  const answerMs = stream === null ? 0 : stream.events * stream.intervalMs;
  const counts = levels.map((): PhaseCounts => ({ rows: 0, failed: 0, late: 0, lateSent: 0 }));
  const calmRows: Timeline[] = [];
  const laps: Promise<PacedAccount>[] = [];
  const timers: NodeJS.Timeout[] = [];
  let stamps: Promise<readonly AnswerStamps[]> = Promise.resolve([]);
  let offsetMs = 0;
  const load = await runLoad(
    {
      plan,
      target: { url: server.url, headers: {} },
      workload: { config: WORKLOAD(stream !== null), engine: 'openai', baseDir: '/', stage: plan.stage },
      workers: limits.workers,
      answerMs: Math.max(1, answerMs),
    },
    {
      onStart(originMs) {
        offsetMs = originMs + monotonicOffsetMs();
        for (const [index, { startMs }] of plan.phases.entries()) {
          if (index === 0) continue;
          timers.push(
            setTimeout(
              () => {
                if (index === 1) stamps = heardLater(server.stamps());
                // A lap forgets the stamps that have not been told yet.
                laps.push(heardLater(stamps.then(() => server.lap())));
              },
              Math.max(0, originMs + startMs - performance.now()),
            ),
          );
        }
      },
      onRows(rows) {
        for (const row of rows) {
          const count = counts[row.phase]!;
          count.rows += 1;
          if (row.outcome !== 'ok') count.failed += 1;
          if (row.endMs - row.sentMs > answerMs + LATE_MS) count.late += 1;
          if (row.sentMs - row.plannedMs! > limits.dispatchDelayP99) count.lateSent += 1;
          if (row.phase === 0) calmRows.push(row);
        }
      },
      shouldStop: ({ phase }) =>
        phase > 2 && [counts[phase - 1]!, counts[phase - 2]!].every(({ rows, lateSent }) => lateSent > rows / 20)
          ? 'two levels in a row were too much'
          : null,
      signal,
    },
  ).finally(() => {
    for (const timer of timers) clearTimeout(timer);
  });
  if (signal.aborted) throw new PlimsollError('CANCELLED', 'Cancelled while the client was measured.');
  laps.push(server.lap());
  const accounts = await Promise.all(laps);
  const whole = levels.filter((_, i) => plan.phases[i]!.startMs + plan.phases[i]!.durationMs <= load.offeredMs);
  return {
    levels: whole.map(({ perSecond, durationMs }, index) => ({
      perSecond,
      health: load.phases[index]!,
      failed: counts[index]!.failed,
      lateShare: counts[index]!.late / Math.max(1, counts[index]!.rows),
      server: {
        cpuShare: (accounts[index]?.cpuMs ?? 0) / durationMs,
        writeDelayP99Ms: accounts[index]?.writeDelayMs?.p99 ?? 0,
      },
    })),
    calmRows: calmRows.map(({ serverId, sentMs, firstTokenMs, lastTokenMs }) => ({
      serverId,
      sentMs: sentMs + offsetMs,
      firstTokenMs: firstTokenMs === null ? null : firstTokenMs + offsetMs,
      lastTokenMs: lastTokenMs === null ? null : lastTokenMs + offsetMs,
    })),
    // Those that were still being written when they were asked for have no last event yet.
    stamps: (await stamps).filter(({ writesMs }) => writesMs.length === stream?.events),
  };
}

/** Waited for when the load is over; where that failed, its own error is told and nobody waits. */
function heardLater<T>(answer: Promise<T>): Promise<T> {
  answer.catch(() => {});
  return answer;
}

const WORKLOAD = (stream: boolean) =>
  workloadSchema.parse({
    model: 'paced',
    stream,
    prompts: { kind: 'synthetic', tokens: { constant: 8 } },
    output: { constant: 8 },
  });

async function planOf(
  levels: readonly LevelPlan[],
  unitsPerRequest: number,
  url: string,
  limits: Config['client'],
): Promise<LoadPlan> {
  const room = await readRoom(url);
  // No more than the machine has room for: a level that needs more shows as dropped, and ends the climb.
  const most = Math.min(room.openFiles ?? limits.maxInFlight, room.ports ?? limits.maxInFlight) - SPARE;
  let startMs = 0;
  const phases = levels.map(({ perSecond, durationMs }, index) => {
    const rate = perSecond / unitsPerRequest;
    const load = { kind: 'open', process: 'constant', from: rate, to: rate } as const;
    const phase = { name: `level-${index}`, kind: 'step', startMs, durationMs, load, pattern: index } as const;
    startMs += durationMs;
    return phase;
  });
  return {
    stage: 'linear',
    seed: 1,
    phases,
    drainMs: 2_000,
    maxInFlight: Math.max(1, Math.min(limits.maxInFlight, most)),
    requestTimeoutMs: 10_000,
    stallTimeoutMs: 10_000,
  };
}

const SPARE = 100;
