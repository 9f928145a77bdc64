import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../../src/judge/judge.ts';
import { powerOf } from '../../src/judge/power.ts';
import { found, history, type Metrics, policy, value, world } from './fixture.ts';

const options = { boots: 5, more: [5, 20], all: false };
const one = policy({ comparison: { ...policy().comparison, maxBoots: 1 } });

test('after one boot it is what the judge prints beside a delta of such a run', () => {
  const input = world({ seed: 'power' });
  const { comparisons } = judge({ ...input, policy: one });
  const gates = powerOf(input.lookup.file, one, options);
  assert.deepEqual(
    gates.map(({ metric, stage }) => `${metric}@${stage}`),
    ['ttft.p95@benchmark', 'tpot.p95@benchmark', 'knee.rate@linear'],
  );
  for (const gate of gates) {
    const printed = comparisons.find((each) => each.metric === gate.metric && each.stage === gate.stage)!;
    const [now] = gate.rows;
    assert.ok(Math.abs(now!.detectable[0]! / printed.smallestDetectable! - 1) < 1e-9, gate.metric);
    assert.equal(gate.minimumEffect, printed.minimumEffect);
    assert.equal(gate.df.total, printed.df.total);
  }
});

test('more boots of a pull request, and more recorded ones, see smaller changes, never below the minimum effect', () => {
  for (const gate of powerOf(world({ seed: 'more', baselines: 4, ledgerDf: 0 }).lookup.file, policy(), options)) {
    for (const { detectable } of gate.rows)
      for (const [index, change] of detectable.entries()) {
        if (index > 0) assert.ok(Math.abs(change) <= Math.abs(detectable[index - 1]!), gate.metric);
        assert.ok(Math.abs(change) > gate.minimumEffect);
      }
    for (const boots of [0, 1, 2, 3, 4]) {
      const sizes = gate.rows.map(({ detectable }) => Math.abs(detectable[boots]!));
      assert.deepEqual(
        sizes,
        sizes.toSorted((a, b) => b - a),
        `${gate.metric} after ${boots + 1}`,
      );
    }
  }
});

test('a rate is worse downwards, and metrics that are no gates have their share of the error rate', () => {
  const { file } = world({ seed: 'all' }).lookup;
  const all = powerOf(file, policy(), { ...options, all: true });
  const rate = all.find(({ metric, stage }) => metric === 'throughput.tokens' && stage === 'linear')!;
  assert.equal(rate.gate, false);
  assert.ok(rate.rows[0]!.detectable.every((change) => change < 0));
  assert.ok(all.length > powerOf(file, policy(), options).length);
});

test('one boot that was ever recorded has only what is assumed; none has nothing', () => {
  const metrics: Metrics = { 'tpot.p95': value([20, 21, 20, 21]) };
  const lookup = found({ benchmark: [history('benchmark', [metrics])] });
  const gates = powerOf(lookup.kind === 'found' ? lookup.file : assert.fail(), policy(), options);
  assert.deepEqual(
    gates.map(({ metric, boots, df }) => [metric, boots, df.prior, df.total]),
    [['tpot.p95', 1, 4, 4]],
  );
  assert.ok(Math.abs(gates[0]!.sd - Math.expm1(0.03)) < 1e-9);
});
