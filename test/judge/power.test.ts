import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../../src/judge/judge.ts';
import { powerOf } from '../../src/judge/power.ts';
import { boot, found, history, type Metrics, policy, record, stageOf, value, world } from './fixture.ts';

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

/** Three pairs whose benchmark has one gate; the base's boots are what the minimum effect's floor is taken from. */
const interleaved = policy({
  comparison: {
    ...policy().comparison,
    against: 'interleaved',
    maxBoots: 3,
    gates: [{ metric: 'tpot.p95', stage: 'benchmark' }],
  },
});
/** Beside the gate one other metric, which has its share of the error rate. */
const tpot = (level: number): Metrics => {
  const alike = value(Array.from({ length: 5 }, () => level));
  return { 'tpot.p95': alike, 'ttft.p95': alike };
};
const ofPairs = (sd: number, df: number) => ({
  'tpot.p95': [{ kind: 'pairs', segment: null, rounds: 5, ss: df * sd ** 2, df }],
});

test('by pairs it is what the judge prints beside the delta of an interleaved run, with the same ledger of pairs', () => {
  const lookup = found({ benchmark: [history('benchmark', [tpot(20)], { ledger: ofPairs(0.01, 18) })] });
  const file = lookup.kind === 'found' ? lookup.file : assert.fail();
  const [gate, ...others] = powerOf(file, interleaved, { ...options, boots: 3 });
  assert.equal(others.length, 0);
  const boots = [1, 2, 3].flatMap((pair) => [
    // Two of three pairs a little apart, by as much as the ledger says on the whole.
    boot(2 * pair - 1, [stageOf('benchmark', tpot(20))], { side: 'base', pair }),
    boot(2 * pair, [stageOf('benchmark', tpot(20 * Math.exp(0.01 * (pair - 2))))], { pair }),
  ]);
  const run = record(boots, { interleaved: { ref: 'main', commit: null, seed: 1, problem: null } });
  const verdict = judge({ record: run, lookup, policy: interleaved, expected: ['benchmark'] });
  const printed = verdict.comparisons.find(({ metric }) => metric === 'tpot.p95')!;
  assert.equal(gate!.by, 'pairs');
  assert.deepEqual([gate!.df.ledger, gate!.df.prior, gate!.df.baseline], [18, 0, 0]);
  assert.equal(gate!.rows.length, 1);
  assert.ok(Math.abs(gate!.rows[0]!.detectable[2]! / printed.smallestDetectable! - 1) < 1e-9);
});

test('pairs that nobody has measured are taken to differ as two strange boots do, and a ledger of boots does not count', () => {
  const ledger = { 'tpot.p95': [{ kind: 'boots', segment: null, rounds: 5, ss: 20 * 0.001 ** 2, df: 20 }] };
  const lookup = found({ benchmark: [history('benchmark', [tpot(20)], { ledger })] });
  const file = lookup.kind === 'found' ? lookup.file : assert.fail();
  const [assumed] = powerOf(file, interleaved, options);
  assert.deepEqual([assumed!.df.ledger, assumed!.df.prior], [0, 4]);
  assert.ok(Math.abs(assumed!.sd - Math.expm1(Math.SQRT2 * 0.03)) < 1e-9);
  const [learnt] = powerOf(file, interleaved, { ...options, learnt: 18 });
  for (const [index, change] of learnt!.rows[0]!.detectable.entries())
    assert.ok(change < assumed!.rows[0]!.detectable[index]!, `${index + 1} pairs`);
  const [byBoots] = powerOf(file, policy({ comparison: { ...interleaved.comparison, against: 'stored' } }), options);
  assert.equal(byBoots!.by, 'boots');
  assert.equal(byBoots!.df.ledger, 20);
});
