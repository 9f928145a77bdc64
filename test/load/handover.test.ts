// When rows leave the thread that sends, and when it sleeps: what the main thread and the sockets are owed.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadPlan } from '../../src/load/plan.ts';
import { runShard, type ShardUpdate } from '../../src/load/shard.ts';
import { openConnections } from '../../src/transport/connections.ts';
import { planOf } from './plans.ts';
import { type Script, startTorture, stream } from './torture.ts';

const steady = (perSecond: number, durationMs: number): LoadPlan =>
  planOf([[durationMs, { kind: 'open', process: 'constant', from: perSecond, to: perSecond }]]);

/** One shard in this thread, server beside it; the request with the number `breakAt` can't be made. */
async function run(
  plan: LoadPlan,
  script: Script,
  breakAt = Number.POSITIVE_INFINITY,
): Promise<{ updates: ShardUpdate[]; error: unknown }> {
  await using server = await startTorture(script);
  const target = { url: server.url, headers: {} };
  const connections = openConnections(target);
  const never = new AbortController().signal;
  const updates: ShardUpdate[] = [];
  let asked = 0;
  const workload = {
    path: '/v1/chat/completions',
    facts: () => ({}),
    request() {
      if (++asked === breakAt) throw new Error('no text for this one');
      return { body: '{}', maxTokens: 1, promptTokens: 1 };
    },
  };
  const job = { plan, target, streamed: true, worker: 0, workers: 1 };
  const control = { halt: never, cut: never };
  const error = await runShard(job, workload, connections, performance.now(), control, (update) =>
    updates.push(update),
  ).then(
    () => null,
    (reason: unknown) => reason,
  );
  await connections.destroy();
  return { updates, error };
}

const rowsOf = (updates: readonly ShardUpdate[]): number => updates.reduce((sum, { rows }) => sum + rows.length, 0);

describe('a shard', () => {
  test('tells of its rows several times a second where few come, and where many do in small parts', async () => {
    const few = await run(steady(20, 1_500), stream(1));
    assert.equal(rowsOf(few.updates), 30);
    // Every 400 ms, and at the end; fewer where this machine stood still.
    assert.ok(few.updates.length >= 3 && few.updates.length <= 6, `${few.updates.length} updates in 1.5 s`);
    const many = await run(steady(1_000, 1_000), stream(1));
    assert.equal(rowsOf(many.updates), 1_000);
    const sizes = many.updates.map(({ rows }) => rows.length);
    assert.ok(Math.max(...sizes) <= 64, `${Math.max(...sizes)} rows at once`);
    assert.ok(many.updates.length >= 16, `${many.updates.length} updates of 1,000 rows`);
  });

  test('hands over what it has before it fails', async () => {
    const { updates, error } = await run(steady(100, 1_000), stream(1), 11);
    assert.match(String(error), /no text for this one/);
    assert.equal(rowsOf(updates), 10);
  });

  test('takes long naps only where it awaits no answer', async (t) => {
    const naps = t.mock.method(Atomics, 'wait');
    const long = (): number => naps.mock.calls.filter(({ arguments: given }) => given[3]! > 0.2).length;
    await run(steady(50, 500), stream(1));
    assert.ok(long() >= 5, `${long()} long naps before 25 sends of which nothing was in flight`);
    naps.mock.resetCalls();
    const slow: Script = async (connection) => {
      await pause(50);
      await stream(1)(connection);
    };
    await run(steady(50, 500), slow);
    // Before the first send nothing is in flight either.
    assert.ok(long() <= 2, `${long()} long naps while answers were awaited`);
    assert.ok(naps.mock.callCount() > 50, `${naps.mock.callCount()} naps in all`);
  });
});
