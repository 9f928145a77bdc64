// What Plimsoll's load generator is held to, checked against results. Pure.

import type { Section } from './cases.ts';
import {
  ceilingsOf,
  cpuShare,
  eventsPerCpuSecond,
  lost,
  ratioOf,
  runsOf,
  type Spread,
  spreadOf,
  type Value,
} from './compare.ts';
import type { Errors, Figure, Measured } from './contract.ts';
import type { Line } from './store.ts';

export interface Bar {
  readonly what: string;
  readonly limit: string;
  /** What was found; null = not measured. */
  readonly found: string | null;
  readonly isHeld: boolean | null;
}

type Sessions = readonly (readonly Line[])[];

/** What is measured, and shown, together. */
export type Part = Section | 'peers';

/** The bars of one part; `sessions` hold nothing else. */
export function checkBars(
  part: Part,
  sessions: Sessions,
  pythonPeers: readonly string[],
  allPeers: readonly string[] = pythonPeers,
): readonly Bar[] {
  const own: Readonly<Record<Part, () => readonly Bar[]>> = {
    cost: () => [...costBars(sessions), coalescedBar(sessions)],
    distortion: () => distortionBars(sessions, allPeers),
    'open-loop': () => openLoopBars(sessions),
    memory: () => memoryBars(sessions),
    peers: () => [peerCostBar(sessions, pythonPeers)],
  };
  return [...own[part](), lossBar(sessions)];
}

export const BARE = ['bare-data', 'bare-onread'];
/** The case of the highest rates of plain requests; the highest that is achieved is the ceiling. */
export const CEILING_RATES = [12_000, 16_000, 20_000, 24_000, 28_000, 32_000];

function costBars(sessions: Sessions): readonly Bar[] {
  return [200, 1_000].flatMap((streams) =>
    [10_000, 50_000].map((rate) => {
      const ratio = ratioOf(
        runsOf(sessions, `cost ${streams} × ${rate}`),
        'plimsoll',
        BARE,
        eventsPerCpuSecond,
        'highest',
      );
      return atLeast(
        `events per CPU-second ÷ bare reader, ${streams} streams, ${thousands(rate)} events/s`,
        ratio,
        0.75,
      );
    }),
  );
}

function coalescedBar(sessions: Sessions): Bar {
  const found = spreadOf(runsOf(sessions, 'cost coalesced'), 'plimsoll', eventsPerCpuSecond);
  return atLeast(
    'events per CPU-second, coalesced reads',
    found,
    1e6,
    (value) => `${(value / 1e6).toFixed(2)} million`,
  );
}

function peerCostBar(sessions: Sessions, pythonPeers: readonly string[]): Bar {
  const ratios = ceilingsOf(sessions)
    .filter(({ tool, found }) => found !== null && pythonPeers.includes(tool))
    .map(({ tool }) => ({
      tool,
      ratio: ratioOf(runsOf(sessions, `ceiling ${tool}`), 'plimsoll', [tool], eventsPerCpuSecond, 'highest'),
    }))
    .filter((entry): entry is { tool: string; ratio: Spread } => entry.ratio !== null)
    .sort((a, b) => a.ratio.median - b.ratio.median);
  const closest = ratios[0];
  const what = 'CPU-seconds per event of the best Python peer, at its highest rate, ÷ ours at that rate';
  const bar = atLeast(what, closest?.ratio ?? null, 5, (value) => value.toFixed(1));
  return closest === undefined ? bar : { ...bar, found: `${bar.found} (${closest.tool})` };
}

function distortionBars(sessions: Sessions, peers: readonly string[]): readonly Bar[] {
  return [10_000, 50_000].flatMap((rate) => {
    const runs = runsOf(sessions, `distortion 1000 × ${rate}`);
    const nameOf = (figure: string): string => `${figure} error p99, 1,000 streams, ${thousands(rate)} events/s`;
    const besideBare = (figure: 'ttft' | 'gap', name: string): Bar =>
      atMost(
        `${nameOf(name)} ÷ bare reader`,
        ratioOf(runs, 'plimsoll', ['bare-onread'], p99(figure, 'errors'), 'lowest'),
        1.5,
      );
    const tellsMeans = (tool: string): boolean => spreadOf(runs, tool, p99('gap', 'ranked')) === null;
    return [
      besideBare('ttft', 'TTFT'),
      smallerThanPeers(nameOf('TTFT'), 'ttft', runs, peers),
      besideBare('gap', 'ICL'),
      smallerThanPeers(nameOf('ICL'), 'gap', runs, peers),
      // A mean of many gaps errs less than each of them: who tells no more is compared by that.
      smallerThanPeers(nameOf('mean ICL of an answer'), 'meanGap', runs, peers.filter(tellsMeans)),
    ];
  });
}

/** Everybody's lists paired by rank: what a tool that keeps no ids can be held to. */
function smallerThanPeers(
  name: string,
  figure: Figure,
  runs: ReturnType<typeof runsOf>,
  peers: readonly string[],
): Bar {
  const errorOf = (tool: string): Spread | null => spreadOf(runs, tool, p99(figure, 'ranked'));
  const ours = errorOf('plimsoll');
  const theirs = peers
    .map((tool) => ({ tool, error: errorOf(tool) }))
    .filter((entry): entry is { tool: string; error: Spread } => entry.error !== null)
    .sort((a, b) => a.error.median - b.error.median);
  const best = theirs[0];
  return {
    what: `${name}, paired by rank`,
    limit: best === undefined ? 'below every peer’s' : `< ${ms(best.error.median)} (${best.tool})`,
    found: ours === null ? null : ms(ours.median),
    isHeld: ours === null || best === undefined ? null : ours.median < best.error.median,
  };
}

function openLoopBars(sessions: Sessions): readonly Bar[] {
  const runs = runsOf(sessions, 'plain 3500');
  const of = (value: Value): Spread | null => spreadOf(runs, 'plimsoll', value);
  return [
    atMost(
      'dispatch delay p50 at 3,500 requests/s',
      of(({ result }) => result.dispatchDelayMs?.p50 ?? null),
      0.1,
      ms,
    ),
    atMost(
      'dispatch delay p99 at 3,500 requests/s ÷ bare pacing loop',
      ratioOf(runs, 'plimsoll', ['bare-pacer'], ({ result }) => result.dispatchDelayMs?.p99 ?? null, 'lowest'),
      1.5,
    ),
    atLeast(
      'achieved ÷ planned at 3,500 requests/s',
      of(({ achieved }) => achieved),
      0.999,
      (value) => percent(value, 2),
    ),
    atMost('CPU at 3,500 requests/s', of(cpuShare), 0.5, percent),
    atMost('CPU at 10 requests/s', spreadOf(runsOf(sessions, 'plain 10'), 'plimsoll', cpuShare), 0.03, (value) =>
      percent(value, 1),
    ),
    ceilingBar(sessions),
  ];
}

const CEILING_BAR = 20_000;

/** The highest rate of plain requests that was achieved to 99 % in the median, of those that were tried. */
function ceilingBar(sessions: Sessions): Bar {
  const tried = CEILING_RATES.flatMap((rate) => {
    const found = spreadOf(runsOf(sessions, `plain ${rate}`), 'plimsoll', ({ achieved }) => achieved);
    return found === null ? [] : [{ rate, isHeld: found.median >= 0.99 }];
  });
  const highest = tried.findLast(({ isHeld }) => isHeld)?.rate ?? null;
  const lowest = tried[0]?.rate ?? null;
  return {
    what: 'plain requests/s of one worker',
    limit: `≥ ${thousands(CEILING_BAR)}`,
    found: highest !== null ? thousands(highest) : lowest !== null ? `below ${thousands(lowest)}` : null,
    // A rate above the bar that was missed says nothing of the bar.
    isHeld: highest !== null ? highest >= CEILING_BAR : lowest !== null && lowest <= CEILING_BAR ? false : null,
  };
}

function memoryBars(sessions: Sessions): readonly Bar[] {
  const peak: Value = ({ cost }) => cost.peakMemoryBytes;
  const [most, fewer] = [1e6, 1e5].map((requests) =>
    spreadOf(runsOf(sessions, `memory ${requests}`), 'plimsoll', peak),
  );
  const growth: Spread | null =
    most == null || fewer == null
      ? null
      : { median: most.median / fewer.median, min: most.min / fewer.max, max: most.max / fewer.min, count: most.count };
  return [
    atMost('peak memory at 1,000,000 requests ÷ at 100,000', growth, 1.15),
    atMost('peak memory at 1,000,000 requests', most ?? null, 200e6, (bytes) => `${(bytes / 1e6).toFixed(0)} MB`),
  ];
}

function lossBar(sessions: Sessions): Bar {
  const runs = sessions.flat().filter((line) => line.kind === 'run' && line.tool === 'plimsoll');
  const measured = runs.flatMap((line) => (line.kind === 'run' && line.measured !== null ? [line.measured] : []));
  const missing = measured.reduce((sum, each) => sum + lost(each), 0);
  return {
    what: `requests or events lost in ${thousands(measured.length)} runs`,
    limit: '0',
    found: measured.length === 0 ? null : String(missing),
    isHeld: measured.length === 0 ? null : missing === 0,
  };
}

export const p99 =
  (figure: keyof Errors, from: 'errors' | 'ranked'): Value =>
  (measured: Measured) =>
    measured[from][figure]?.p99 ?? null;

type Show = (value: number) => string;

const atLeast = (what: string, found: Spread | null, limit: number, show: Show = two): Bar => ({
  ...bar(what, `≥ ${show(limit)}`, found, show),
  isHeld: found === null ? null : found.median >= limit,
});

const atMost = (what: string, found: Spread | null, limit: number, show: Show = two): Bar => ({
  ...bar(what, `≤ ${show(limit)}`, found, show),
  isHeld: found === null ? null : found.median <= limit,
});

const bar = (what: string, limit: string, found: Spread | null, show: Show): Omit<Bar, 'isHeld'> => ({
  what,
  limit,
  found: found === null ? null : `${show(found.median)} [${show(found.min)}–${show(found.max)}], n = ${found.count}`,
});

const two: Show = (value) => value.toFixed(2);
export const ms: Show = (value) => `${value < 1 ? value.toFixed(3) : value.toFixed(2)} ms`;
export const percent = (value: number, digits = 0): string => `${(value * 100).toFixed(digits)} %`;
export const thousands: Show = (value) => Math.round(value).toLocaleString('en-US');
