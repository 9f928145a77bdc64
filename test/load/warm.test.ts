import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { workloadSchema } from '../../src/config/schema.ts';
import type { Limits } from '../../src/load/limits.ts';
import { runLoad } from '../../src/load/load.ts';
import type { LoadPlan, OfferedLoad } from '../../src/load/plan.ts';
import type { Timeline } from '../../src/load/timeline.ts';
import { createWarmer } from '../../src/load/warm.ts';
import type { Connections } from '../../src/transport/connections.ts';
import { content, DONE, event, finish, LAST_CHUNK, SSE_HEAD, startTorture } from './torture.ts';

const FREE: Limits = { openFiles: null, systemFiles: null, ports: null };
const rate = (perSecond: number): OfferedLoad => ({
  kind: 'open',
  process: 'constant',
  from: perSecond,
  to: perSecond,
});

function planOf(loads: readonly OfferedLoad[], durationMs: number, maxInFlight = 1_000): LoadPlan {
  return {
    stage: 'step-surge',
    seed: 1,
    phases: loads.map((load, i) => ({
      name: `step-${i}`,
      kind: 'step',
      startMs: i * durationMs,
      durationMs,
      load,
      pattern: i,
    })),
    drainMs: 5_000,
    maxInFlight,
    requestTimeoutMs: 10_000,
    stallTimeoutMs: 10_000,
  };
}

/** Notes what it is asked to open. */
function notebook(): { asked: number[]; connections: Connections } {
  const asked: number[] = [];
  const warm = async (count: number): Promise<number> => asked.push(count);
  return { asked, connections: { warm } as unknown as Connections };
}
const answered = (phase: number, tookMs: number): Timeline =>
  ({ phase, outcome: 'ok', sentMs: 5, endMs: 5 + tookMs }) as Timeline;

describe('connections opened ahead of a phase', () => {
  test('are as many as Little’s law expects of the warm-up’s answer time, this worker’s share', async () => {
    const { asked, connections } = notebook();
    await createWarmer({ plan: planOf([rate(100)], 1_000), workers: 4, answerMs: 500 }, connections, FREE).first();
    assert.deepEqual(asked, [12]);
  });

  test('are none where nothing is known of the answers', async () => {
    const { asked, connections } = notebook();
    await createWarmer({ plan: planOf([rate(100)], 1_000), workers: 1, answerMs: null }, connections, FREE).first();
    assert.deepEqual(asked, []);
  });

  test('follow what the last phase’s answers took, a second before the next one begins, once', () => {
    const { asked, connections } = notebook();
    const plan = planOf([rate(10), rate(100), rate(10)], 10_000);
    const warmer = createWarmer({ plan, workers: 1, answerMs: 9_999 }, connections, FREE);
    for (let i = 0; i < 20; i++) warmer.ended(answered(0, 200));
    warmer.tick(8_900);
    assert.deepEqual(asked, []);
    warmer.tick(9_050);
    warmer.tick(9_150);
    assert.deepEqual(asked, [20]);
    for (let i = 0; i < 20; i++) warmer.ended(answered(1, 3_000));
    warmer.ended(answered(0, 50_000));
    warmer.tick(19_000);
    assert.deepEqual(asked, [20, 30]);
  });

  test('never pass the cap on requests in flight, nor four fifths of the open files', async () => {
    const capped = notebook();
    await createWarmer(
      { plan: planOf([rate(1_000)], 1, 40), workers: 2, answerMs: 500 },
      capped.connections,
      FREE,
    ).first();
    assert.deepEqual(capped.asked, [20]);
    const scarce = notebook();
    const limits = { ...FREE, openFiles: 100 };
    await createWarmer(
      { plan: planOf([rate(1_000)], 1), workers: 2, answerMs: 500 },
      scarce.connections,
      limits,
    ).first();
    assert.deepEqual(scarce.asked, [40]);
  });

  test('of users are those that are not thinking', async () => {
    const { asked, connections } = notebook();
    const load = { kind: 'closed', users: 100, think: { fromMs: 500, toMs: 2_500 } } as const;
    await createWarmer({ plan: planOf([load], 1_000), workers: 1, answerMs: 500 }, connections, FREE).first();
    assert.deepEqual(asked, [25]);
  });
});

test('the requests of a surge find their connections open', async () => {
  await using server = await startTorture(async ({ write, chunk, wait }) => {
    write(SSE_HEAD);
    await wait(200);
    chunk(event(content('x')) + event(finish) + DONE);
    write(LAST_CHUNK);
  });
  const rows: Timeline[] = [];
  const plan = planOf([rate(20), rate(100)], 1_500);
  const { phases } = await runLoad(
    {
      plan,
      target: { url: server.url, headers: {} },
      workload: {
        config: workloadSchema.parse({
          model: 'm',
          prompts: { kind: 'synthetic', tokens: { constant: 8 } },
          output: { constant: 8 },
        }),
        engine: 'openai',
        baseDir: '/',
        stage: 'step-surge',
      },
      workers: 1,
      answerMs: 200,
    },
    { onRows: (batch) => rows.push(...batch) },
  );
  await sleep(0);
  const [first] = rows.filter(({ phase }) => phase === 0);
  assert.equal(first!.connectMs, null, 'the very first one too');
  const surge = rows.filter(({ phase }) => phase === 1);
  // By Little's law 20 connections at 100/s: the first twenty requests need no other.
  const early = surge.filter(({ sentMs }) => sentMs < 1_500 + 150);
  assert.ok(early.length >= 10);
  assert.ok(early.filter(({ reused }) => reused).length >= early.length - 2, early.map(({ reused }) => reused).join());
  assert.ok(phases[1]!.sockets!.peak >= 15 && phases[1]!.sockets!.peak <= 100, `${phases[1]!.sockets!.peak}`);
  assert.ok(phases[1]!.openFiles!.peak > phases[1]!.sockets!.peak);
});
