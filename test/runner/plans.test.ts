import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BaselineFile } from '../../src/baseline/schema.ts';
import { parseConfig } from '../../src/config/load.ts';
import { PlimsollError } from '../../src/errors.ts';
import { planStages } from '../../src/runner/plans.ts';

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
  const { plans, waiting } = planStages(config(`  benchmark: { rate: 60%, duration: 100s }\n${LINEAR}`), withKnee(40));
  assert.deepEqual(waiting, []);
  const round = plans.get('benchmark')!.phases.find((phase) => phase.kind === 'round')!;
  assert.deepEqual(round.load, { kind: 'open', process: 'poisson', from: 24, to: 24 });
});

test('without a knee the stages that need one wait, and the others record it', () => {
  const { plans, waiting } = planStages(config(`  benchmark: { rate: 60% }\n${LINEAR}`), none);
  assert.deepEqual([...plans.keys()], ['linear']);
  assert.deepEqual(waiting, ['benchmark']);
});

test('where every stage would wait, nothing can ever measure the knee: refused with what to do', () => {
  assert.throws(
    () => planStages(config('  benchmark: { rate: 60% }'), none),
    (error) => error instanceof PlimsollError && error.code === 'CONFIG_INVALID' && /linear/.test(error.hint ?? ''),
  );
});
