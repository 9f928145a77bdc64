import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { ShardAccounts } from '../../src/load/accounts.ts';
import { schedule } from '../../src/load/arrivals.ts';
import { mergeAccounts } from '../../src/load/merge.ts';
import type { LoadPlan, OfferedLoad } from '../../src/load/plan.ts';
import { newInFlight, runShard } from '../../src/load/shard.ts';
import type { Timeline } from '../../src/load/timeline.ts';
import { openConnections } from '../../src/transport/connections.ts';
import { UNHURRIED } from './plans.ts';
import { slotsOf } from './slots.ts';
import { type Script, startTorture, stream } from './torture.ts';

const workload = {
  path: '/v1/chat/completions',
  facts: () => ({}),
  request: () => ({ body: '{}', maxTokens: 1, promptTokens: 1 }),
};

function planOf(...loads: readonly OfferedLoad[]): LoadPlan {
  return {
    ...UNHURRIED,
    phases: loads.map((load, index) => ({
      name: `round-${index + 1}`,
      kind: 'round',
      startMs: index * 200,
      durationMs: 200,
      load,
      pattern: index,
    })),
  };
}

/** What two workers really bring home from a plan, here in one thread. */
async function bring(
  plan: LoadPlan,
  script: Script = stream(1),
): Promise<{ accounts: ShardAccounts[]; rows: Timeline[] }> {
  await using server = await startTorture(script);
  const target = { url: server.url, headers: {} };
  const never = new AbortController().signal;
  const rows: Timeline[] = [];
  const originMs = performance.now();
  const accounts = await Promise.all(
    [0, 1].map(async (worker) => {
      const connections = openConnections(target);
      const job = { plan, target, streamed: true, worker, workers: 2 };
      const control = { halt: never, cut: never };
      const account = await runShard(job, workload, connections, originMs, control, (update) =>
        rows.push(...update.rows),
      );
      await connections.destroy();
      return account;
    }),
  );
  return { accounts, rows };
}

const byPhase = (plan: LoadPlan, rows: readonly Timeline[]): number[] =>
  plan.phases.map((_, phase) => rows.filter((row) => row.phase === phase).length);
const open: OfferedLoad = { kind: 'open', process: 'poisson', from: 100, to: 100 };
const closed: OfferedLoad = { kind: 'closed', users: 4, think: { constantMs: 10 } };

describe('the books of a load', () => {
  test('plan what the schedule says, and a closed loop what it sent', async () => {
    const plan = planOf(open, closed);
    const { accounts, rows } = await bring(plan);
    const { phases } = mergeAccounts(plan, null, accounts, byPhase(plan, rows));
    const users = rows.filter((row) => row.phase === 1).length;
    assert.ok(users > 0);
    assert.deepEqual(
      phases.map(({ planned, sent, dropped }) => [planned, sent, dropped]),
      [
        [20, 20, 0],
        [users, users, 0],
      ],
    );
  });

  test('do not close where a row is missing, whether on its way, from a worker’s account, or in a closed loop', async () => {
    const plan = planOf(open, closed);
    const { accounts, rows } = await bring(plan);
    const received = byPhase(plan, rows);
    const lost = (stoppedMs: number | null, counts: readonly number[], from: readonly ShardAccounts[] = accounts) =>
      mergeAccounts(plan, stoppedMs, from, counts);
    const internal = (message: RegExp) => (error: Error & { code?: string }) => {
      assert.equal(error.code, 'INTERNAL');
      assert.match(error.message, message);
      return true;
    };
    assert.throws(
      () => lost(null, received.with(0, 19)),
      internal(/Phase "round-1" lost requests: 20 were sent, and 19 rows came\./),
    );
    assert.throws(() => lost(null, received.with(1, received[1]! - 1)), internal(/Phase "round-2" lost/));
    // The same row missing everywhere: a request that was never sent and of which nobody knows.
    const forgetful = [
      { ...accounts[0]!, phases: accounts[0]!.phases.with(0, { ...accounts[0]!.phases[0]!, sent: 9 }) },
      accounts[1]!,
    ];
    assert.throws(
      () => lost(null, received.with(0, 19), forgetful),
      internal(/20 were planned, but 19 rows and 0 dropped slots are 19\./),
    );
    // One too many is as wrong.
    assert.throws(() => lost(null, received.with(0, 21)), internal(/20 were sent, and 21 rows came/));
    // Ended early, too: what was sent has its row.
    assert.throws(() => lost(300, received.with(0, 19)), internal(/20 were sent, and 19 rows came/));
    // What was not is for the client's own account to judge.
    assert.deepEqual(
      lost(300, received.with(0, 19), forgetful).phases.map(({ planned, sent }) => [planned, sent])[0],
      [20, 19],
    );
  });

  test('of a load that ended early plan the slots due by then, and no fewer than were taken', async () => {
    const plan = planOf(open, open);
    const { accounts, rows } = await bring(plan);
    const times = Array.from(slotsOf(schedule(plan)), ({ plannedMs }) => plannedMs);
    const due = times.filter((dueMs) => dueMs >= 200 && dueMs <= 300).length;
    assert.ok(due > 0 && due < 20);
    const none = accounts.map((account) => ({
      ...account,
      phases: account.phases.with(1, { ...account.phases[1]!, sent: 0, dropped: 0 }),
    }));
    const planned = (stoppedMs: number, from: readonly ShardAccounts[], received: readonly number[]) =>
      mergeAccounts(plan, stoppedMs, from, received).phases.map((phase) => phase.planned);
    assert.deepEqual(planned(300, none, [20, 0]), [20, due]);
    assert.deepEqual(planned(300, accounts, byPhase(plan, rows)), [20, 20]);
  });

  test('count requests that a server cost a second attempt by closing kept-alive connections on them', async () => {
    const plan = planOf(open, open);
    // Each connection answers once, and breaks as soon as it is used again.
    const { accounts, rows } = await bring(plan, (connection) =>
      connection.nth === 1 ? stream(1)(connection) : connection.reset(),
    );
    const { retries } = mergeAccounts(plan, null, accounts, byPhase(plan, rows));
    assert.ok(rows.every((row) => row.outcome === 'ok'));
    assert.ok(retries > 5, `${retries}`);
    assert.equal(retries, rows.filter((row) => row.retried).length);
  });

  /** One worker's part of an open phase of 100 requests/s, held up for so long over its tenth request. */
  async function holdUp(
    busyMs: number,
    { halt, ...part }: { halt?: AbortController; inFlight?: Int32Array; maxInFlight?: number } = {},
    script: Script = stream(1),
  ) {
    await using server = await startTorture(script);
    const plan = { ...planOf({ kind: 'open', process: 'constant', from: 100, to: 100 }), drainMs: 500, ...part };
    const target = { url: server.url, headers: {} };
    const connections = openConnections(target);
    const never = new AbortController().signal;
    let rows = 0;
    let asked = 0;
    const slow = {
      ...workload,
      request() {
        if (++asked === 10) {
          for (const until = performance.now() + busyMs; performance.now() < until; );
          halt?.abort();
        }
        return workload.request();
      },
    };
    const job = { plan, target, streamed: true, worker: 0, workers: 1, inFlight: part.inFlight };
    const control = { halt: halt?.signal ?? never, cut: never };
    const account = await runShard(job, slow, connections, performance.now(), control, (update) => {
      rows += update.rows.length;
    });
    await connections.destroy();
    return { rows, health: mergeAccounts(plan, halt ? 100 : null, [account], [rows]).phases[0]! };
  }

  test('tell slots that were due when the load was ended from those that found the cap reached', async () => {
    const { rows, health } = await holdUp(50, { halt: new AbortController() });
    assert.ok(health.unsent >= 4, `${health.unsent} came due within 50 ms at 100/s`);
    assert.equal(health.dropped, 0);
    assert.equal(health.planned, rows + health.unsent);
  });

  test('tell what was sent when its phase was over from what was sent in it, however late', async () => {
    const late = await holdUp(90);
    assert.deepEqual([late.health.sent, late.health.sentAfter], [20, 0]);
    const behind = await holdUp(400);
    assert.deepEqual([behind.health.sent, behind.health.sentAfter], [20, 11], 'all but the nine before');
  });

  test('have one cap for all workers, whoever holds what is in flight', async () => {
    const silent: Script = () => pause(10_000, undefined, { ref: false });
    const alone = await holdUp(0, { maxInFlight: 6 }, silent);
    assert.deepEqual([alone.rows, alone.health.dropped], [6, 14]);
    const inFlight = newInFlight();
    inFlight[0] = 4;
    const beside = await holdUp(0, { maxInFlight: 6, inFlight }, silent);
    assert.deepEqual([beside.rows, beside.health.dropped], [2, 18], 'four of others are in flight');
    assert.equal(inFlight[0], 4, 'its own are given back');
  });
});
