// The arithmetic of bench/load: CPU accounts, pairing with the server's stamps, ratios, and the shape of the loads.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkBars } from '../../bench/load/bars.ts';
import { casesOf, held, rolling } from '../../bench/load/cases.ts';
import { eventsPerCpuSecond, ratioOf, runsOf, spreadOf, voidOf } from '../../bench/load/compare.ts';
import {
  eventRate,
  type Measured,
  plannedSeconds,
  type StreamJob,
  type ToolResult,
} from '../../bench/load/contract.ts';
import { costOf, type Reading } from '../../bench/load/cost.ts';
import {
  cpuAt,
  cpuSecondsIn,
  createMeter,
  familyOf,
  parseCores,
  parsePeakBytes,
  parseStat,
  stolenShare,
} from '../../bench/load/cpu.ts';
import { median, quantilesOf } from '../../bench/load/quantiles.ts';
import { renderReport } from '../../bench/load/report.ts';
import type { Line, Run } from '../../bench/load/store.ts';
import { errorsOf, rankedErrors } from '../../bench/load/truth.ts';

const STAT =
  '42 (a ) (b) c) S 7 42 40 0 -1 4194304 100 200 0 0 150 50 30 20 20 0 1 0 99 1000 10 18446744073709551615 0';

test('a process’s CPU is read past a name with brackets and blanks, with and without its children', () => {
  const ticks = { ownTicks: 200, childTicks: 50, systemTicks: 70 };
  assert.deepEqual(parseStat(STAT), { pid: 42, parent: 7, session: 40, ...ticks });
  assert.equal(cpuSecondsIn(STAT), 2.5);
  assert.equal(parsePeakBytes('Name:\tx\nVmHWM:\t    1000 kB\nVmRSS:\t 900 kB\n'), 1_024_000);
  assert.equal(parsePeakBytes('Name:\tzombie\n'), 0);
});

test('the time that a host kept from a core is read core by core, and the core that lost most counts', () => {
  const before = 'cpu  30 0 30 130 0 0 0 10 0 0\ncpu0 10 0 10 70 0 0 0 10 0 0\ncpu1 20 0 20 60 0 0 0 0 5 0\nintr 7\n';
  const after = 'cpu  90 0 40 230 0 0 0 40 0 0\ncpu0 60 0 10 120 0 0 0 10 0 0\ncpu1 30 0 30 110 0 0 0 30 9 0\nintr 9\n';
  assert.deepEqual(parseCores(before), [
    { stolen: 10, ticks: 100 },
    { stolen: 0, ticks: 100 },
  ]);
  assert.equal(stolenShare(parseCores(before), parseCores(after)), 0.3);
  assert.equal(stolenShare(parseCores(before), parseCores(before)), 0);
  assert.equal(stolenShare([], []), 0);
});

test('the family of a tool is its session and all descendants, also those that left the session or lost their parent', () => {
  const ticks = { ownTicks: 0, childTicks: 0, systemTicks: 0 };
  const stat = (pid: number, parent: number, session: number) => ({ pid, parent, session, ...ticks });
  const all = [stat(10, 1, 10), stat(11, 10, 10), stat(12, 1, 10), stat(13, 11, 13), stat(14, 13, 14), stat(20, 1, 20)];
  assert.deepEqual(
    familyOf(10, all)
      .map(({ pid }) => pid)
      .sort(),
    [10, 11, 12, 13, 14],
  );
});

test('the CPU time of a child of a child is counted while it runs', {
  skip: process.platform !== 'linux',
}, async () => {
  const burn =
    'for (const end = Date.now() + 300; Date.now() < end; );console.log("done");setTimeout(() => {}, 60_000)';
  const shell = spawn('sh', ['-c', `"$0" -e '${burn}' & wait`, process.execPath], { detached: true });
  try {
    await once(shell.stdout, 'data');
    const { cpuSeconds, systemSeconds, memoryBytes } = createMeter(shell.pid!).sample();
    assert.ok(cpuSeconds > 0.02, `${cpuSeconds} s`);
    assert.ok(systemSeconds <= cpuSeconds + 0.02, `${systemSeconds} of ${cpuSeconds} s`);
    assert.ok(memoryBytes > 10e6, `${memoryBytes} bytes`);
  } finally {
    process.kill(-shell.pid!, 'SIGKILL');
  }
});

const reading = (nowMs: number, cpuSeconds: number, events: number, lateMs = 1): Reading => ({
  atMs: nowMs,
  lateMs,
  cpuSeconds,
  systemSeconds: cpuSeconds / 4,
  memoryBytes: 1,
  account: {
    requests: 1,
    answered: 0,
    events,
    writes: events,
    firstRequestMs: 100,
    lastWriteMs: 900,
    writeDelayMs: null,
    cpuMs: 0,
    nowMs,
  },
});

test('steady cost leaves out what came before a quarter of the events and after the last', () => {
  const readings = [
    reading(0, 1, 0),
    reading(200, 3, 10),
    reading(400, 4, 30),
    reading(600, 4.5, 60),
    reading(800, 5, 90),
    reading(1_000, 9, 100),
  ];
  const cost = costOf(readings, 'stream', 12, readings.at(-1)!.account);
  assert.equal(cost.steadyUnits, 60);
  assert.equal(cost.steadyCpuSeconds, 1);
  assert.equal(cost.steadySystemSeconds, 0.25);
  assert.equal(cost.steadySeconds, 0.4);
  // From 100 ms (2 s by interpolation) to 900 ms (7 s).
  assert.equal(cost.loadCpuSeconds, 5);
  assert.equal(cost.totalCpuSeconds, 12);
});

test('a reading whose parts are of different moments prices nothing', () => {
  const readings = [reading(0, 1, 0), reading(200, 3, 30), reading(400, 4, 60), reading(600, 0, 90, 900)];
  const cost = costOf(readings, 'stream', 12, reading(1_000, 0, 100).account);
  assert.equal(cost.steadyUnits, 30);
  assert.equal(cost.steadyCpuSeconds, 1);
  const none = costOf([reading(600, 0, 90, 900)], 'stream', 12, reading(1_000, 0, 100).account);
  assert.deepEqual([none.steadyCpuSeconds, none.steadyUnits, none.loadCpuSeconds], [Number.NaN, 0, Number.NaN]);
});

test('CPU between two readings is interpolated, and outside of them that of the nearest', () => {
  const samples = [
    { atMs: 10, cpuSeconds: 1, systemSeconds: 0, memoryBytes: 0 },
    { atMs: 20, cpuSeconds: 3, systemSeconds: 0, memoryBytes: 0 },
  ];
  assert.deepEqual(
    [0, 10, 15, 20, 99].map((atMs) => cpuAt(samples, atMs)),
    [1, 1, 2, 3, 3],
  );
});

const STAMPS = [
  { id: 'a', arrivalMs: 1_000, writesMs: [10, 20, 40] },
  { id: 'b', arrivalMs: 2_000, writesMs: [5, 25, 30] },
];
const told = (answers: ToolResult['answers'], rest: Partial<ToolResult> = {}): ToolResult => ({
  done: answers.length,
  failed: 0,
  durationMs: null,
  answers,
  gapsMs: [],
  quantiles: {},
  dispatchDelayMs: null,
  notes: [],
  ...rest,
});

test('answers with ids are paired with their own stamps, event by event', () => {
  const errors = errorsOf(
    STAMPS,
    told([
      { id: 'b', ttftMs: 6, e2eMs: 33, meanGapMs: null, eventsAtMs: [2_006, 2_025, 2_032] },
      { id: 'a', ttftMs: 11, e2eMs: 41, meanGapMs: null, eventsAtMs: [1_010, 1_020, 1_041] },
    ]),
  );
  assert.deepEqual(errors.event, { p50: 0, p99: 2, max: 2, paired: 'id' });
  // Gaps of b are 1 too short and 2 too long, of a 0 and 1 too long.
  assert.deepEqual(errors.gap, { p50: 1, p99: 2, max: 2, paired: 'id' });
  assert.deepEqual(errors.ttft, { p50: 1, p99: 1, max: 1, paired: 'id' });
  assert.deepEqual(errors.e2e, { p50: 1, p99: 3, max: 3, paired: 'id' });
});

test('several events of one write have that write’s stamp', () => {
  const errors = errorsOf(
    [{ id: 'a', arrivalMs: 0, writesMs: [10, 20] }],
    told([{ id: 'a', ttftMs: 10, e2eMs: 20, meanGapMs: null, eventsAtMs: [11, 11, 21, 21] }]),
  );
  assert.deepEqual(errors.event, { p50: 1, p99: 1, max: 1, paired: 'id' });
});

test('answers without ids are paired by rank, and quantiles with quantiles', () => {
  const ranked = rankedErrors(
    STAMPS,
    told(
      [
        { id: null, ttftMs: 12, e2eMs: null, meanGapMs: 15 },
        { id: null, ttftMs: 5, e2eMs: null, meanGapMs: 12.5 },
      ],
      { quantiles: { e2e: { p50: 31, p99: 50, max: null } } },
    ),
  );
  assert.deepEqual(ranked.ttft, { p50: 0, p99: 2, max: 2, paired: 'rank' });
  assert.deepEqual(ranked.meanGap, { p50: 0, p99: 0, max: 0, paired: 'rank' });
  assert.deepEqual(ranked.e2e, { p50: 1, p99: 10, max: null, paired: 'quantile' });
  assert.equal(ranked.gap, undefined);
});

test('a tool that tells the truth has no error, whatever the order of its answers', () => {
  const answer = fc.array(fc.double({ min: 0.001, max: 100, noNaN: true }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(answer, { minLength: 1, maxLength: 8 }), (all) => {
      const stamps = all.map((gaps, index) => {
        let at = 0;
        return { id: String(index), arrivalMs: index * 50, writesMs: gaps.map((gap) => (at += gap)) };
      });
      const answers = stamps
        .map(({ id, arrivalMs, writesMs }) => ({
          id,
          ttftMs: writesMs[0]!,
          e2eMs: writesMs.at(-1)!,
          meanGapMs: null,
          eventsAtMs: writesMs.map((ms) => ms + arrivalMs),
        }))
        .toReversed();
      const errors = errorsOf(stamps, told(answers));
      const ranked = rankedErrors(stamps, told(answers.map(({ eventsAtMs: _, ...rest }) => ({ ...rest, id: null }))));
      for (const error of [...Object.values(errors), ...Object.values(ranked)]) assert.ok(error.max! < 1e-6);
    }),
  );
});

test('quantiles are of nearest rank', () => {
  assert.equal(quantilesOf([]), null);
  assert.deepEqual(quantilesOf(Array.from({ length: 200 }, (_, i) => 200 - i)), { p50: 100, p99: 198, max: 200 });
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

function run(tool: string, alternation: number, perCpuSecond: number, rest: Partial<Run> = {}): Run {
  const measured = {
    tool,
    job: { requests: 10 },
    cost: { steadyUnits: perCpuSecond, steadyCpuSeconds: 1, steadySeconds: 1, peakMemoryBytes: 1 },
    result: told([], { done: 10 }),
    achieved: 1,
    errors: {},
    ranked: {},
  } as unknown as Measured;
  return {
    kind: 'run',
    case: 'cost 200 × 10000',
    tool,
    version: '1',
    alternation,
    isVoid: false,
    measured,
    failure: null,
    ...rest,
  };
}

test('ratios are taken within an alternation, against the best floor in it, and void or failed runs are left out', () => {
  const runs = [
    run('plimsoll', 0, 75),
    run('bare-data', 0, 90),
    run('bare-onread', 0, 100),
    // Everything is twice as slow: the ratio is not.
    run('plimsoll', 1, 50),
    run('bare-data', 1, 50),
    run('bare-onread', 1, 40),
    run('plimsoll', 2, 1, { isVoid: true }),
    run('bare-data', 2, 100, { isVoid: true }),
    run('plimsoll', 3, 70),
    run('bare-data', 3, 1, { measured: null, failure: 'broken' }),
  ];
  const ratio = ratioOf(runs, 'plimsoll', ['bare-data', 'bare-onread'], eventsPerCpuSecond, 'highest');
  assert.deepEqual(ratio, { median: 0.875, min: 0.75, max: 1, count: 2 });
  assert.deepEqual(spreadOf(runs, 'plimsoll', eventsPerCpuSecond), { median: 70, min: 50, max: 75, count: 3 });
  assert.equal(voidOf(runs), 1);
});

test('a case is read from the newest session that measured it', () => {
  const old: Line[] = [run('plimsoll', 0, 1)];
  const newer: Line[] = [run('plimsoll', 0, 2)];
  const failed: Line[] = [run('plimsoll', 0, 3, { measured: null, failure: 'no' })];
  assert.deepEqual(runsOf([old, newer, failed], 'cost 200 × 10000'), newer);
  assert.deepEqual(runsOf([old], 'another'), []);
});

test('a table is in the order of what its cases are named by, whichever session ran them', () => {
  const memory = (...sizes: number[]): Line[] =>
    sizes.map((requests) => {
      const one = run('plimsoll', 0, 1, { case: `memory ${requests}` });
      return { ...one, measured: { ...one.measured!, job: { ...one.measured!.job, requests } } };
    });
  const table = renderReport([memory(1_000_000, 10_000), memory(100_000)]);
  assert.deepEqual(table.match(/^\| [\d,]+(?= )/gm), ['| 10,000', '| 100,000', '| 1,000,000']);
});

test('a bar is held, missed or not measured; a lost request misses one', () => {
  const verdicts = (lines: Line[]) => checkBars('cost', [lines], []).map(({ isHeld }) => isHeld);
  assert.ok(verdicts([]).every((isHeld) => isHeld === null));
  const [first] = checkBars('cost', [[run('plimsoll', 0, 76), run('bare-data', 0, 100)]], []);
  assert.equal(first!.isHeld, true);
  const [missed] = checkBars('cost', [[run('plimsoll', 0, 74), run('bare-data', 0, 100)]], []);
  assert.equal(missed!.isHeld, false);
  const losing = run('plimsoll', 0, 76);
  const lossy = { ...losing, measured: { ...losing.measured!, job: { ...losing.measured!.job, requests: 11 } } };
  assert.equal(verdicts([losing]).at(-1), true);
  assert.equal(verdicts([lossy]).at(-1), false);
});

test('each peer is held to the figure that it tells: single gaps, or the mean of an answer’s', () => {
  const distorted = (tool: string, ranked: Record<string, number>): Run => {
    const one = run(tool, 0, 1, { case: 'distortion 1000 × 50000' });
    const errors = Object.fromEntries(Object.entries(ranked).map(([figure, p99]) => [figure, { p50: 0, p99, max: 9 }]));
    return { ...one, measured: { ...one.measured!, ranked: errors } as unknown as Measured };
  };
  const lines = [
    distorted('plimsoll', { gap: 3, meanGap: 0.5 }),
    distorted('exact', { gap: 4, meanGap: 0.1 }),
    distorted('coarse', { meanGap: 0.6 }),
  ];
  const bars = checkBars('distortion', [lines], [], ['exact', 'coarse']);
  const verdictOf = (name: string) => {
    const { limit, isHeld } = bars.find(
      ({ what }) => what.startsWith(name) && what.includes('50,000 events/s, paired'),
    )!;
    return [limit, isHeld];
  };
  assert.deepEqual(verdictOf('ICL'), ['< 4.00 ms (exact)', true]);
  assert.deepEqual(verdictOf('mean ICL'), ['< 0.600 ms (coarse)', true]);
  assert.deepEqual(verdictOf('TTFT'), ['below every peer’s', null]);
});

test('the ceiling is the highest rate that was achieved; where none was it is told as missed, not as unmeasured', () => {
  const plain = (rate: number, achieved: number): Run => {
    const one = run('plimsoll', 0, 1, { case: `plain ${rate}` });
    return { ...one, measured: { ...one.measured!, achieved } };
  };
  const ceiling = (...lines: Run[]) => {
    const bar = checkBars('open-loop', [lines], []).find(({ what }) => what === 'plain requests/s of one worker')!;
    return [bar.found, bar.isHeld];
  };
  assert.deepEqual(ceiling(), [null, null]);
  assert.deepEqual(ceiling(plain(16_000, 1), plain(20_000, 0.995), plain(24_000, 0.9)), ['20,000', true]);
  assert.deepEqual(ceiling(plain(16_000, 1), plain(20_000, 0.5)), ['16,000', false]);
  assert.deepEqual(ceiling(plain(20_000, 0.5), plain(24_000, 0.4)), ['below 20,000', false]);
  assert.deepEqual(ceiling(plain(24_000, 0.4)), ['below 24,000', null]);
});

const asJob = (shape: object): StreamJob =>
  ({ url: '', model: '', sizes: { headBytes: 0, eventBytes: 0 }, ...shape }) as StreamJob;

test('loads come to the streams, the rate and the length that they are named by', () => {
  const streams = fc.integer({ min: 2, max: 2_000 });
  const rates = fc.integer({ min: 1_000, max: 100_000 });
  fc.assert(
    fc.property(streams, rates, (streams, eventsPerSecond) => {
      fc.pre(eventsPerSecond / streams >= 1);
      const long = asJob(held({ streams, eventsPerSecond, seconds: 3, eventsPerWrite: 1 }));
      assert.equal(long.requests, streams);
      assert.ok(Math.abs(eventRate(long) / eventsPerSecond - 1) < 1e-9);
      const short = asJob(rolling({ streams, eventsPerSecond, seconds: 4, answerSeconds: 2 }));
      assert.ok(Math.abs(short.rate * short.eventsPerAnswer - eventsPerSecond) < 1e-6 * eventsPerSecond);
      assert.ok(plannedSeconds(short) > 0);
    }),
  );
});

test('every case has a name of its own', () => {
  const names = casesOf({ scale: 1 }).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(casesOf({ scale: 1 }, ['memory']).every(({ section }) => section === 'memory'));
});
