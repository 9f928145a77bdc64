import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { type LimberOptions, limberUp } from '../../src/load/limber.ts';
import type { LoadPlan, OfferedLoad } from '../../src/load/plan.ts';
import type { Timeline } from '../../src/load/timeline.ts';
import { openRaw } from '../../src/transport/pool.ts';
import { openUndici } from '../../src/transport/undici.ts';
import type { Workload } from '../../src/workload/workload.ts';

const loadOf = (requests: number): OfferedLoad => ({ kind: 'open', process: 'constant', from: requests, to: requests });

/** Over one second. */
const planOf = (load: OfferedLoad): LoadPlan => ({
  stage: 'benchmark',
  seed: 1,
  phases: [{ name: 'round-1', kind: 'round', startMs: 0, durationMs: 1_000, load, pattern: 1 }],
  drainMs: 1_000,
  maxInFlight: 1_000,
  requestTimeoutMs: 10_000,
  stallTimeoutMs: 10_000,
});

const closedLoop: OfferedLoad = { kind: 'closed', users: 1, think: { constantMs: 0 } };
const replay: OfferedLoad = {
  kind: 'replay',
  trace: {
    hash: '',
    speedup: 1,
    atMs: Float64Array.of(0, 1),
    promptTokens: Int32Array.of(1, 1),
    outputTokens: Int32Array.of(1, 1),
    blocks: null,
  },
  fromMs: 0,
  first: 0,
  requests: 2,
};

const NOWHERE = 'http://127.0.0.1:9';

async function limber(
  options: Partial<LimberOptions> & { readonly load?: OfferedLoad; readonly streamed?: boolean } = {},
) {
  const { load = loadOf(100), streamed = true, workload = texts(), transport = openRaw } = options;
  const rows: Timeline[] = [];
  const job = { plan: planOf(load), target: { url: NOWHERE, headers: {} }, streamed, worker: 1, workers: 2 };
  const onUpdate: LimberOptions['onUpdate'] = (update) => rows.push(...update.rows);
  const started = performance.now();
  await limberUp({ job, workload, transport, onUpdate, ...options });
  return { rows, tookMs: performance.now() - started };
}

const texts = (bodyBytes = 1_000, maxTokens = 10): Workload => ({
  path: '/v1/chat/completions',
  facts: () => ({}),
  request: () => ({ body: `{"stream":true,"x":"${'x'.repeat(bodyBytes)}"}`, maxTokens, promptTokens: 1 }),
});

describe('limbering up', () => {
  for (const [name, transport] of [
    ['raw sockets', openRaw],
    ['undici', openUndici],
  ] as const)
    for (const streamed of [true, false])
      test(`sends what the load will send and reads whole answers (${name}, ${streamed ? 'streams' : 'whole answers'})`, async () => {
        const { rows, tookMs } = await limber({ transport, streamed });
        const good = rows.filter(({ outcome }) => outcome === 'ok');
        // What is in flight when a round's time is over is cut.
        assert.ok(good.length >= 20, `${good.length} of ${rows.length} rows are good`);
        assert.ok(rows.every(({ outcome }) => outcome === 'ok' || outcome === 'cut'));
        assert.deepEqual(new Set(good.map(({ outputTokens }) => outputTokens)), new Set([streamed ? 6 : 1]));
        assert.ok(tookMs < 5_000, `${tookMs} ms`);
      });

  test('answers a body that comes in many pieces once', async () => {
    const { rows } = await limber({ workload: texts(300_000), streamed: false });
    assert.ok(rows.filter(({ outcome }) => outcome === 'ok').length >= 20);
    assert.ok(rows.every(({ outcome }) => outcome === 'ok' || outcome === 'cut'));
  });

  for (const second of [loadOf(50), closedLoop, replay])
    test(`goes from one phase to the next where the load will (${second.kind})`, async () => {
      const [phase] = planOf(loadOf(100)).phases;
      const plan = {
        ...planOf(loadOf(100)),
        phases: [phase!, { ...phase!, name: 'round-2', startMs: 1_000, load: second }, { ...phase!, startMs: 2_000 }],
      };
      const rows: Timeline[] = [];
      const job = { plan, target: { url: NOWHERE, headers: {} }, streamed: false, worker: 0, workers: 1 };
      await limberUp({ job, workload: texts(), transport: openRaw, onUpdate: (update) => rows.push(...update.rows) });
      for (const phase of [0, 1])
        assert.ok(rows.filter((row) => row.phase === phase && row.outcome === 'ok').length >= 20, `phase ${phase}`);
      assert.ok(rows.every((row) => row.phase < 2));
    });

  test('goes on while the compiler has to do, for the longer the more often the load repeats itself', async () => {
    let ranMs = 0;
    const busy = {
      compiler() {
        ranMs += 20;
        return { ranMs, waitedMs: 0 };
      },
    };
    const few = await limber({ ...busy, load: loadOf(50), workload: texts(10, 2) });
    const many = await limber({ ...busy, load: loadOf(50), workload: texts(10, 20_000) });
    const users = await limber({ ...busy, load: closedLoop });
    const tooMany = await limber({ ...busy, load: loadOf(1_000_000) });
    for (const { tookMs } of [many, users, tooMany]) assert.ok(few.tookMs + 500 < tookMs, `${few.tookMs}, ${tookMs}`);
    for (const { tookMs } of [many, users, tooMany]) assert.ok(tookMs < 8_000, `${tookMs}`);
  });

  test('ends soon after the compiler has nothing to do any more', async () => {
    const load = loadOf(1_000_000);
    const done = await limber({ load, compiler: () => ({ ranMs: 0, waitedMs: 0 }) });
    const unseen = await limber({ load, compiler: () => null });
    assert.ok(done.tookMs + 500 < unseen.tookMs, `${done.tookMs}, ${unseen.tookMs}`);
    assert.ok(unseen.tookMs < 5_000, `${unseen.tookMs}`);
  });

  test('rests for a compiler that waits for a core as for one that has it', async () => {
    const load = loadOf(50);
    let waitedMs = 0;
    const starved = await limber({
      load,
      workload: texts(10, 2),
      compiler() {
        waitedMs += 20;
        return { ranMs: 0, waitedMs };
      },
    });
    const idle = await limber({ load, workload: texts(10, 2), compiler: () => ({ ranMs: 0, waitedMs: 0 }) });
    assert.ok(idle.tookMs + 1_000 < starved.tookMs, `${idle.tookMs}, ${starved.tookMs}`);
    assert.ok(starved.tookMs < 6_000, `${starved.tookMs}`);
  });

  test('hands over updates without rows too, as the first half-second of long answers does', async () => {
    const updates: number[] = [];
    await limber({ onUpdate: ({ rows }) => updates.push(rows.length) });
    assert.ok(updates.includes(0) && updates.some((rows) => rows > 0), updates.join());
  });

  test('leaves the deployment alone', async () => {
    const sockets: Socket[] = [];
    const deployment = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => deployment.once('listening', resolve));
    const { port } = deployment.address() as { port: number };
    const target = { url: `http://127.0.0.1:${port}`, headers: { authorization: 'Bearer secret' } };
    const job = { plan: planOf(loadOf(100)), target, streamed: true, worker: 0, workers: 1 };
    await limberUp({ job, workload: texts(), transport: openRaw, onUpdate: () => {} });
    deployment.close();
    assert.equal(sockets.length, 0);
  });

  test('never fails: a load that starts cold is still a load', async () => {
    const broken = (): never => {
      throw new Error('broken');
    };
    await limber({ transport: broken });
    await limber({ workload: { ...texts(), request: broken } });
    await limber({ onUpdate: broken });
  });
});
