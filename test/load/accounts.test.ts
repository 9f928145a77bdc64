import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAccounts } from '../../src/load/accounts.ts';
import { mergeAccounts } from '../../src/load/merge.ts';
import type { LoadPlan } from '../../src/load/plan.ts';
import type { Timeline } from '../../src/load/timeline.ts';

const open = { kind: 'open', process: 'constant', from: 2, to: 2 } as const;
const plan: LoadPlan = {
  stage: 'step-surge',
  seed: 1,
  phases: [0, 1].map((i) => ({
    name: `base-${i}`,
    kind: 'base',
    startMs: i * 1_000,
    durationMs: 1_000,
    load: open,
    pattern: 1,
  })),
  drainMs: 0,
  maxInFlight: 10,
  requestTimeoutMs: 1,
  stallTimeoutMs: 1,
};
const row = (phase: number, retried: boolean): Timeline =>
  ({ phase, plannedMs: 0, sentMs: 0.5, retried, chunks: 0, outputTokens: null }) as Timeline;
const NO_TOKENS = { firstBucket: 0, buckets: 0, counts: [] };

test('each phase has its own retries, peak of connections and open files, and their limits', () => {
  const books = [0, 1].map((worker) => {
    const accounts = createAccounts(plan);
    accounts.tick(10, 3);
    accounts.tick(500, 40 + worker);
    accounts.tick(900, 7);
    accounts.ended(row(0, false), NO_TOKENS);
    accounts.tick(1_100, 9);
    accounts.tick(1_500, 11);
    accounts.ended(row(1, true), NO_TOKENS);
    return accounts.close();
  });
  const openFiles = [{ peak: 99, limit: 1_024 }, null];
  const { phases, retries } = mergeAccounts(plan, 1_600, books, [2, 2], { ports: 28_000, openFiles });
  assert.equal(retries, 2);
  assert.deepEqual(
    phases.map((phase) => [phase.retries, phase.sockets, phase.openFiles]),
    [
      [0, { peak: 81, limit: 28_000 }, { peak: 99, limit: 1_024 }],
      [2, { peak: 22, limit: 28_000 }, undefined],
    ],
  );
});
