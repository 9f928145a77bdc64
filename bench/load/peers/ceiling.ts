// Finds the highest event rate that a tool still achieves: doubling from a start, then halving the bracket on a
// logarithmic scale. In: a tool and how to run it. Out: the rate, the run at it, and everything that was tried.

import { type Ceiling, isStolen, type JobShape, type Measure, type Measured, type Tool } from '../contract.ts';

/** Streams open at once, whatever the rate: what changes is how quickly each of them goes. */
const STREAMS = 100;
const EVENTS_PER_ANSWER = 100;
/** How long requests are sent; the last answers come after. A share of 0.99 then means 0.1 s late at most. */
const LOAD_SECONDS = 8;
/** Peers take up to half a minute to start, and some as long to write their report. */
const OVERHEAD_SECONDS = 120;

const FIRST_RATE = 4_000;
const LOWEST_RATE = 250;
/** Above it the server may be the limit. A tool that holds it holds at least that. */
const HIGHEST_RATE = 50_000;
/** The bracket is narrow enough. */
const RESOLUTION = 1.1;
const MOST_RUNS = 8;
const ACHIEVED = 0.99;
/** Writes this late (p99) say that the server was held up: what was missed then is not the tool's fault. Void, and again. */
const SERVER_LATE_MS = 20;
const MOST_VOID = 2;

/** @throws Error where it holds no rate at all, with what it did at the lowest */
export async function findCeiling(tool: Tool, measure: Measure): Promise<Ceiling> {
  const tried: { eventsPerSecond: number; achieved: number }[] = [];
  let held: { eventsPerSecond: number; measured: Measured } | null = null;
  let missed: number | null = null;
  let why = '';
  let voids = 0;
  while (tried.length < MOST_RUNS) {
    const eventsPerSecond = nextRate(held?.eventsPerSecond ?? null, missed);
    if (eventsPerSecond === null) break;
    const measured = await measure(tool, ceilingJob(eventsPerSecond)).catch((error: Error) => error);
    const achieved = measured instanceof Error ? 0 : shareOf(measured);
    const isHeldUp =
      !(measured instanceof Error) && ((measured.server.writeDelayMs?.p99 ?? 0) > SERVER_LATE_MS || isStolen(measured));
    if (achieved < ACHIEVED && isHeldUp && voids < MOST_VOID) {
      voids += 1;
      continue;
    }
    tried.push({ eventsPerSecond, achieved });
    if (!(measured instanceof Error) && achieved >= ACHIEVED) held = { eventsPerSecond, measured };
    else {
      missed = eventsPerSecond;
      why = measured instanceof Error ? measured.message : `achieved ${(achieved * 100).toFixed(1)} %`;
    }
  }
  if (held === null) throw new Error(`holds no rate down to ${tried.at(-1)!.eventsPerSecond} events/s: ${why}`);
  return { ...held, tried };
}

export function ceilingJob(eventsPerSecond: number): JobShape {
  const rate = eventsPerSecond / EVENTS_PER_ANSWER;
  return {
    kind: 'stream',
    rate,
    requests: Math.max(STREAMS, Math.round(rate * LOAD_SECONDS)),
    concurrency: STREAMS,
    promptTokens: 16,
    timeoutSeconds: OVERHEAD_SECONDS + LOAD_SECONDS + STREAMS / rate,
    eventsPerAnswer: EVENTS_PER_ANSWER,
    writeIntervalMs: (STREAMS * 1_000) / eventsPerSecond,
    eventsPerWrite: 1,
    stamps: false,
  };
}

/**
 * @param held highest rate that it held, if any
 * @param missed lowest rate that it missed, if any
 * @returns the next one to try; null = found, or none is left
 */
export function nextRate(held: number | null, missed: number | null): number | null {
  if (held === null && missed === null) return FIRST_RATE;
  if (missed === null) return held! < HIGHEST_RATE ? Math.min(2 * held!, HIGHEST_RATE) : null;
  if (held === null) return missed / 2 >= LOWEST_RATE ? missed / 2 : null;
  return missed / held <= RESOLUTION ? null : roundTo50(Math.sqrt(held * missed));
}

/** The planned share of its rate that it achieved; requests that it lost or failed count against it. */
const shareOf = ({ achieved, result, job }: Measured): number => achieved * Math.min(1, result.done / job.requests);

const roundTo50 = (rate: number): number => Math.round(rate / 50) * 50;
