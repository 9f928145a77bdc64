// What is measured: the cases of every section, each a job and the tools that carry it. Pure.

import type { JobShape, PlainShape, StreamShape } from './contract.ts';

export type Section = 'cost' | 'distortion' | 'open-loop' | 'memory';
export const SECTIONS: readonly Section[] = ['cost', 'distortion', 'open-loop', 'memory'];

export interface Case {
  readonly section: Section;
  /** Unique; rows of the results refer to it. */
  readonly name: string;
  readonly shape: JobShape;
  /** Who runs in each alternation, beside the peers that are asked for. */
  readonly tools: readonly string[];
  /** Peers take part. */
  readonly peers: boolean;
  /** How many of the alternations asked for: all where a bar hangs on it, few (3) elsewhere, one where it takes long. */
  readonly rounds: 'all' | 'few' | 'one';
}

export interface Extent {
  /** Multiplies every length. */
  readonly scale: number;
}

/** @param only sections to keep; empty = all */
export function casesOf({ scale }: Extent, only: readonly Section[] = []): readonly Case[] {
  const cases = [...costCases(scale), ...distortionCases(scale), ...openLoopCases(scale), ...memoryCases(scale)];
  return cases.filter(({ section }) => only.length === 0 || only.includes(section));
}

const BARE = ['bare-data', 'bare-onread'];

/** So long that a compiler is done with the hot path in the first quarter, which does not count. */
function costCases(scale: number): readonly Case[] {
  const oneEventARead = [10_000, 50_000].flatMap((eventsPerSecond) =>
    [200, 1_000, 2_000].map(
      (streams): Case => ({
        section: 'cost',
        name: `cost ${streams} × ${eventsPerSecond}`,
        shape: held({
          streams,
          eventsPerSecond,
          seconds: (eventsPerSecond > 10_000 ? 9 : 12) * scale,
          eventsPerWrite: 1,
        }),
        tools: ['plimsoll', ...BARE],
        peers: false,
        rounds: streams <= 1_000 ? 'all' : 'few',
      }),
    ),
  );
  return [
    ...oneEventARead,
    {
      section: 'cost',
      name: 'cost 8 a write',
      shape: held({ streams: 200, eventsPerSecond: 200_000, seconds: 6 * scale, eventsPerWrite: 8 }),
      tools: ['plimsoll', ...BARE],
      peers: false,
      rounds: 'few',
    },
    {
      section: 'cost',
      name: 'cost coalesced',
      // As fast as it is taken, about 225 bytes an event.
      shape: {
        ...STREAM,
        rate: 1_000,
        requests: 20,
        concurrency: 20,
        eventsPerAnswer: Math.round(600_000 * scale),
        writeIntervalMs: 0,
        eventsPerWrite: 64,
      },
      tools: ['plimsoll', ...BARE],
      peers: false,
      rounds: 'all',
    },
  ];
}

function distortionCases(scale: number): readonly Case[] {
  const at = (streams: number, eventsPerSecond: number, rounds: 'all' | 'few'): Case => ({
    section: 'distortion',
    name: `distortion ${streams} × ${eventsPerSecond}`,
    shape: { ...rolling({ streams, eventsPerSecond, answerSeconds: 2 * scale, seconds: 8 * scale }), stamps: true },
    tools: ['plimsoll', 'bare-onread'],
    peers: rounds === 'all',
    rounds,
  });
  return [
    at(200, 1_000, 'few'),
    at(200, 10_000, 'few'),
    at(200, 50_000, 'few'),
    at(1_000, 1_000, 'few'),
    at(1_000, 10_000, 'all'),
    at(1_000, 50_000, 'all'),
    // On towards where the client, or the server's core, can do no more.
    at(1_000, 75_000, 'few'),
    at(1_000, 100_000, 'few'),
  ];
}

function openLoopCases(scale: number): readonly Case[] {
  const at = (rate: number, seconds: number, tools: readonly string[], rounds: 'all' | 'few'): Case => ({
    section: 'open-loop',
    name: `plain ${rate}`,
    shape: plain(rate, seconds * scale),
    tools: ['plimsoll', ...tools],
    peers: false,
    rounds,
  });
  return [
    at(10, 6, [], 'all'),
    at(200, 4, ['bare-pacer'], 'few'),
    at(1_000, 4, ['bare-pacer'], 'few'),
    at(3_500, 4, ['bare-pacer', 'bare-sender', 'vegeta'], 'all'),
    // The ceiling: the highest of these that is achieved.
    at(12_000, 3, [], 'few'),
    at(16_000, 3, [], 'few'),
    at(20_000, 3, ['bare-sender', 'vegeta', 'wrk'], 'all'),
    at(24_000, 3, [], 'few'),
    at(28_000, 3, [], 'few'),
    at(32_000, 3, [], 'few'),
  ];
}

function memoryCases(scale: number): readonly Case[] {
  const sizes = [1e4, 1e5, 1e6].map((requests) => Math.round(requests * Math.min(1, scale)));
  return sizes.map((requests) => ({
    section: 'memory',
    name: `memory ${requests}`,
    shape: { ...plain(MEMORY_RATE, requests / MEMORY_RATE), timeoutSeconds: 600 },
    tools: ['plimsoll'],
    peers: false,
    rounds: requests >= 1e6 ? 'one' : 'few',
  }));
}

/** Well below what one worker carries, so that what is held back does not count. */
const MEMORY_RATE = 12_000;

const COMMON = { promptTokens: 16, timeoutSeconds: 180 };
const STREAM = { ...COMMON, kind: 'stream', stamps: false } as const;

function plain(rate: number, seconds: number): PlainShape {
  return { ...COMMON, kind: 'plain', rate, requests: Math.max(10, Math.round(rate * seconds)), concurrency: 100 };
}

interface Streams {
  readonly streams: number;
  /** Over all streams, once they are open. */
  readonly eventsPerSecond: number;
  readonly seconds: number;
}

/** All streams opened within a second, then held open: events are nearly all that there is to do. */
export function held({
  streams,
  eventsPerSecond,
  seconds,
  eventsPerWrite,
}: Streams & { readonly eventsPerWrite: number }): StreamShape {
  const writeIntervalMs = (streams * eventsPerWrite * 1_000) / eventsPerSecond;
  const writesPerAnswer = Math.max(2, Math.round((seconds * 1_000) / writeIntervalMs));
  return {
    ...STREAM,
    rate: streams,
    requests: streams,
    concurrency: streams,
    eventsPerAnswer: writesPerAnswer * eventsPerWrite,
    writeIntervalMs,
    eventsPerWrite,
  };
}

/** One answer after the other: as many streams open as asked for, once the first answers end. */
export function rolling({
  streams,
  eventsPerSecond,
  seconds,
  answerSeconds,
}: Streams & { readonly answerSeconds: number }): StreamShape {
  const writeIntervalMs = (streams * 1_000) / eventsPerSecond;
  const eventsPerAnswer = Math.max(2, Math.round((answerSeconds * 1_000) / writeIntervalMs));
  const rate = (streams * 1_000) / (eventsPerAnswer * writeIntervalMs);
  return {
    ...STREAM,
    rate,
    requests: Math.round(rate * seconds),
    concurrency: streams,
    eventsPerAnswer,
    writeIntervalMs,
    eventsPerWrite: 1,
  };
}
