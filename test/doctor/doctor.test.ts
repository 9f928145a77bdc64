import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { clientSchema } from '../../src/config/schema.ts';
import { ceilingOf, distortionOf, judgeLevel, type Level } from '../../src/doctor/ceiling.ts';
import { checkMachine } from '../../src/doctor/checks.ts';
import { type MachineFacts, readMachine, readSlowdowns } from '../../src/doctor/machine.ts';
import { diagnose, renderDiagnosis } from '../../src/doctor/verdict.ts';

const limits = clientSchema.parse({});
const FIT: MachineFacts = {
  node: '24.11.0',
  cpu: 'AMD EPYC 7763',
  cores: 16,
  loadAverage: 0.42,
  governors: ['performance'],
  turbo: true,
  quotaCores: null,
  freeBytes: 61.2e9,
  openFilesLimit: 1_048_576,
  openFilesLeft: 1_048_540,
  portsLeft: 28_232,
  clockSource: 'tsc',
  clockStepNs: 10,
  clockReadNs: 28,
  folder: '/home/me/plimsoll-out',
  folderProblem: null,
  diskFreeBytes: 812e9,
  gpus: ['0: NVIDIA A100-SXM4-80GB'],
  locks: [],
};
const STEADY = { thermal: 0, quota: 0 };

const level = (perSecond: number, change: Partial<Omit<Level, 'health'>> & { health?: object } = {}): Level => ({
  perSecond,
  failed: 0,
  lateShare: 0,
  server: { cpuShare: 0.3, writeDelayP99Ms: 0.2 },
  ...change,
  health: {
    dispatchDelayMs: { p50: 0.06, p99: 0.4, p99AtLeast: 0.3, max: 1.2 },
    eventLoopDelayP99Ms: 0.5,
    planned: 1_000,
    sent: 1_000,
    sentAfter: 0,
    dropped: 0,
    ...change.health,
  },
});
const late = { dispatchDelayMs: { p50: 1, p99: 40, p99AtLeast: 30, max: 50 } };
const busyServer = { cpuShare: 0.97, writeDelayP99Ms: 0.2 };

describe('a level of load', () => {
  test('holds where a phase of a real stage would be valid and no answer is late', () => {
    assert.equal(judgeLevel(level(1), limits), 'held');
  });
  for (const [what, change] of Object.entries({
    'sent late': { health: late },
    'read late': { health: { eventLoopDelayP99Ms: 11 } },
    'sent too little': { health: { sent: 980 } },
    'dropped at the cap': { health: { dropped: 1 } },
    'failed requests': { failed: 1 },
    'answers that came late': { lateShare: 0.06 },
  }))
    test(`is broken by ${what}: by the server where that was busy or late itself, else by the client`, () => {
      assert.equal(judgeLevel(level(1, change), limits), 'client');
      assert.equal(judgeLevel(level(1, { ...change, server: busyServer }), limits), 'server');
      const slow = { cpuShare: 0.1, writeDelayP99Ms: 6 };
      assert.equal(judgeLevel(level(1, { ...change, server: slow }), limits), 'server');
    });
});

describe('the ceiling', () => {
  const broken = (perSecond: number) => level(perSecond, { health: late });
  test('is the highest level before two that broke', () => {
    const levels = [level(1), broken(2), level(3), broken(4), broken(5), level(6)];
    assert.deepEqual(ceilingOf(levels, limits), { perSecond: 3, bound: 'client' });
  });
  test('says by what the next level was broken', () => {
    const levels = [level(1), level(2, { health: late, server: busyServer }), broken(3)];
    assert.deepEqual(ceilingOf(levels, limits), { perSecond: 1, bound: 'server' });
    assert.deepEqual(ceilingOf([level(1), broken(2)], limits), { perSecond: 1, bound: 'client' });
    assert.deepEqual(ceilingOf([level(1), broken(2), level(3)], limits), { perSecond: 3, bound: 'untried' });
    assert.deepEqual(ceilingOf([broken(1), broken(2)], limits), { perSecond: 0, bound: 'client' });
  });
});

test('distortion is client minus server, answer by answer', () => {
  const rows = [
    { serverId: 'a', sentMs: 100, firstTokenMs: 112.5, lastTokenMs: 131 },
    { serverId: 'b', sentMs: 200, firstTokenMs: 211, lastTokenMs: 230.5 },
    { serverId: 'unknown', sentMs: 1, firstTokenMs: 2, lastTokenMs: 3 },
    { serverId: 'c', sentMs: 300, firstTokenMs: null, lastTokenMs: null },
  ];
  const stamps = [
    { id: 'a', arrivalMs: 101, writesMs: [10, 20, 29] },
    { id: 'b', arrivalMs: 200.5, writesMs: [10, 20, 30] },
    { id: 'c', arrivalMs: 300.5, writesMs: [10] },
  ];
  assert.deepEqual(distortionOf(5_000, rows, stamps), {
    eventsPerSecond: 5_000,
    ttftMs: { p50: 1, p99: 2.5, max: 2.5 },
    readMs: { p50: 0.5, p99: 1.5, max: 1.5 },
  });
  assert.equal(distortionOf(1, [], stamps), null);
});

describe('the machine', () => {
  const standings = (change: Partial<MachineFacts>, slowed = STEADY): string[] =>
    checkMachine({ ...FIT, ...change }, slowed)
      .filter(({ standing }) => standing !== 'ok')
      .map(({ id, standing, advice }) => `${id} ${standing}${advice === undefined ? '' : ' with advice'}`);

  test('that is fit gets no advice', () => {
    assert.deepEqual(standings({}), []);
  });
  for (const [change, said] of [
    [{ node: '22.1.0' }, 'node bad with advice'],
    [{ cores: 1 }, 'processors warn with advice'],
    [{ quotaCores: 0.5 }, 'processors warn with advice'],
    [{ loadAverage: 9 }, 'load warn with advice'],
    [{ governors: ['performance', 'powersave'] }, 'frequency warn with advice'],
    [{ governors: [] }, 'frequency unknown'],
    [{ freeBytes: 300e6 }, 'memory warn with advice'],
    [{ freeBytes: 100e6 }, 'memory bad with advice'],
    [{ openFilesLimit: 1_024, openFilesLeft: 1_000 }, 'files warn with advice'],
    [{ openFilesLimit: null }, 'files unknown'],
    [{ portsLeft: 100 }, 'ports warn with advice'],
    [{ clockSource: 'hpet' }, 'clock warn with advice'],
    [{ clockReadNs: 2_000 }, 'clock warn with advice'],
    [{ clockStepNs: 1e6 }, 'clock warn with advice'],
    [{ folderProblem: 'EACCES' }, 'disk bad with advice'],
    [{ diskFreeBytes: 5e8 }, 'disk warn with advice'],
    [{ diskFreeBytes: 5e7 }, 'disk bad with advice'],
    [{ gpus: [] }, 'gpu unknown'],
    [{ locks: ['GPU 0: process 4 (x) since now'] }, 'locks warn with advice'],
  ] as const)
    test(`with ${JSON.stringify(change)} is told: ${said}`, () => {
      assert.deepEqual(standings(change), [said]);
    });
  test('that was slowed down meanwhile is told so', () => {
    assert.deepEqual(standings({}, { thermal: 3, quota: 0 }), ['throttling warn with advice']);
    assert.deepEqual(standings({}, { thermal: 0, quota: 2 }), ['throttling warn with advice']);
  });

  test('of this test is read without an error', async () => {
    const facts = await readMachine('plimsoll-out');
    assert.ok(facts.cores >= 1 && facts.clockStepNs > 0 && facts.clockReadNs > 0 && facts.freeBytes > 0);
    assert.equal(facts.folderProblem, null);
    assert.ok(checkMachine(facts, readSlowdowns()).length >= 10);
  });
  test('cannot write a folder below a file', async () => {
    const { folderProblem } = await readMachine(`${fileURLToPath(import.meta.url)}/out`);
    assert.match(folderProblem!, /ENOTDIR/);
  });
});

describe('the diagnosis', () => {
  const carried = {
    workers: 1,
    calm: { requestsPerSecond: 200, dispatchDelayMs: { p50: 0.062, p99: 0.31, p99AtLeast: 0.2, max: 0.94 } },
    requests: { perSecond: 17_000, bound: 'client' },
    events: { perSecond: 76_000, bound: 'server' },
    distortion: {
      eventsPerSecond: 5_000,
      ttftMs: { p50: 0.11, p99: 0.62, max: 1.3 },
      readMs: { p50: 0.024, p99: 0.41, max: 1.1 },
    },
  } as const;

  function golden(name: string, text: string): void {
    const path = fileURLToPath(new URL(`../golden/doctor-${name}.txt`, import.meta.url));
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text);
    assert.equal(text, readFileSync(path, 'utf8'), `${name} changed; look at it, then UPDATE_GOLDEN=1`);
  }

  test('of a fit machine reads as its golden file', () => {
    const diagnosis = diagnose(checkMachine(FIT, STEADY), carried, limits);
    assert.deepEqual([diagnosis.fit, diagnosis.reasons], [true, []]);
    golden('fit', renderDiagnosis(diagnosis, 15));
  });

  test('of an unfit one reads as its golden file', () => {
    const facts = {
      ...FIT,
      cores: 2,
      loadAverage: 7.5,
      governors: [],
      gpus: [],
      folderProblem: "EACCES: permission denied, access '/home/me'",
      diskFreeBytes: null,
    };
    const unfit = {
      ...carried,
      workers: 2,
      calm: { requestsPerSecond: 200, dispatchDelayMs: { p50: 2.1, p99: 44, p99AtLeast: 21, max: 62 } },
      requests: { perSecond: 0, bound: 'client' },
      events: { perSecond: 10_000, bound: 'untried' },
      distortion: null,
    } as const;
    const diagnosis = diagnose(checkMachine(facts, { thermal: null, quota: 12 }), unfit, limits);
    assert.equal(diagnosis.fit, false);
    assert.equal(diagnosis.reasons.length, 3);
    golden('unfit', renderDiagnosis(diagnosis, 15));
  });
});
