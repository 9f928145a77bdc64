import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BaselineFile } from '../../src/baseline/schema.ts';
import { parseConfig } from '../../src/config/load.ts';
import { PlimsollError } from '../../src/errors.ts';
import { planStages, refuseUnbearable } from '../../src/runner/plans.ts';

const config = (stages: string) =>
  parseConfig(
    `deployment: { name: d, command: [x], url: "http://127.0.0.1:1" }\nworkload: { model: m }\nslo: { ttft: 1s }\nstages:\n${stages}\n`,
    { file: 'plimsoll.yml', env: {} },
  );
const LINEAR = '  linear: { from: 10/s, to: 20/s, steps: 2, hold: 10s }';
const none = { kind: 'none', reason: 'no baseline' } as const;
const withKnee = (kneeRate: number) => {
  const segment = {
    id: 's',
    since: '',
    commit: null,
    reason: '',
    pinned: { kneeRate },
    boots: [],
    histograms: {},
    curve: null,
    surge: null,
  };
  const file: BaselineFile = {
    schema: 'plimsoll/baseline',
    version: 1,
    deployment: 'd',
    environment: {},
    keep: 10,
    stages: { linear: [{ key: 'k', workload: {}, segments: [segment], ledger: {} }] },
  };
  return { kind: 'found', path: 'b.json', file } as const;
};

test('a share of the knee is resolved by what the baseline has pinned', () => {
  const { plans, waiting } = planStages(
    config(`  benchmark: { rate: 60%, duration: 100s }\n${LINEAR}`),
    withKnee(40),
    '.',
  );
  assert.deepEqual(waiting, []);
  const round = plans.get('benchmark')!.phases.find((phase) => phase.kind === 'round')!;
  assert.deepEqual(round.load, { kind: 'open', process: 'poisson', from: 24, to: 24 });
});

test('without a knee the stages that need one wait, and the others record it', () => {
  const { plans, waiting } = planStages(config(`  benchmark: { rate: 60% }\n${LINEAR}`), none, '.');
  assert.deepEqual([...plans.keys()], ['linear']);
  assert.deepEqual(waiting, ['benchmark']);
});

test('where every stage would wait, nothing can ever measure the knee: refused with what to do', () => {
  assert.throws(
    () => planStages(config('  benchmark: { rate: 60% }'), none, '.'),
    (error) => error instanceof PlimsollError && error.code === 'CONFIG_INVALID' && /linear/.test(error.hint ?? ''),
  );
});

test('a trace is read beside the configuration, as far as the stage goes; a short or a missing one is refused', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-plans-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const lines = Array.from({ length: 3_000 }, (_, i) =>
    JSON.stringify({ timestamp: i * 100, input_length: 100 + i, output_length: 10 }),
  );
  writeFileSync(join(folder, 'trace.jsonl'), lines.join('\n'));
  const replay = (fields: string) => config(`  benchmark: { replay: { file: trace.jsonl${fields} }, duration: 100s }`);
  const { plans } = planStages(replay(', speedup: 2'), none, folder);
  const { phases } = plans.get('benchmark')!;
  assert.deepEqual(
    phases.map(({ load }) => load.kind === 'replay' && [load.first, load.requests]),
    [[0, 200], ...[0, 1, 2, 3, 4].map((round) => [200 + 400 * round, 400])],
  );
  assert.throws(
    () => planStages(replay(', speedup: 10'), none, folder),
    (error) =>
      error instanceof PlimsollError && error.code === 'CONFIG_INVALID' && /round-2 .* trace/.test(error.message),
  );
  assert.throws(
    () => planStages(replay(''), none, join(folder, 'elsewhere')),
    (error) => error instanceof PlimsollError && error.code === 'INPUT_NOT_FOUND',
  );
});

test('a load that no machine has connections for is refused before the boot', {
  skip: process.platform !== 'linux' && 'limits are read from /proc',
}, async () => {
  const url = 'http://127.0.0.1:1';
  const withUsers = (users: number) =>
    planStages(
      parseConfig(
        `deployment: { name: d, command: [x], url: "${url}" }\nworkload: { model: m }\nclient: { maxInFlight: 100000000 }\nstages:\n  benchmark: { users: ${users}, duration: 60s }\n`,
        { file: 'plimsoll.yml', env: {} },
      ),
      none,
      '.',
    ).plans;
  await refuseUnbearable(withUsers(20), url);
  await assert.rejects(refuseUnbearable(withUsers(50_000_000), url), {
    name: 'PlimsollError',
    code: 'CLIENT_LIMITS',
    message: /^benchmark needs about 50000(100|000) .* left\.$/,
  });
});
