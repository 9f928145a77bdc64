import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { spreadOfEntries } from '../../src/baseline/ledger.ts';
import { learnPairs, type StagePair, spreadOfPairs } from '../../src/baseline/pairs.ts';
import type { History } from '../../src/baseline/schema.ts';
import { formatBaseline, parseBaseline } from '../../src/baseline/store.ts';
import { addRun } from '../../src/baseline/update.ts';
import type { RunRecord } from '../../src/record/schema.ts';
import { benchmarkRun, measured, metric, record } from './records.ts';

type Stage = RunRecord['boots'][number]['stages'][number];
const stage = (ms: number): Stage => measured('benchmark', { 'ttft.p95': metric([ms, ms, ms]) }) as Stage;
const pairsOf = (levels: readonly (readonly [number, number])[]): StagePair[] =>
  levels.map(([candidate, base]) => [stage(candidate), stage(base)]);

/** A run of such pairs, base first. */
function interleaved(levels: readonly (readonly [number, number])[], id: string): RunRecord {
  const run = record(
    levels.flatMap(([candidate, base]) => [[stage(base)], [stage(candidate)]]),
    { id, more: { mode: 'gate', interleaved: { ref: 'main', commit: null, seed: 1, problem: null } } },
  );
  return {
    ...run,
    boots: run.boots.map((boot, index) => ({
      ...boot,
      side: index % 2 === 0 ? 'base' : 'candidate',
      pair: Math.floor(index / 2) + 1,
    })),
  };
}

const level = fc.double({ min: 1, max: 1_000, noNaN: true });

test('what a run teaches is the scatter of its differences about their mean: neither a change nor what pairs share counts', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(level, level), { minLength: 2, maxLength: 6 }),
      fc.double({ min: 0.5, max: 2, noNaN: true }),
      fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: 6, maxLength: 6 }),
      (levels, change, shared) => {
        const plain = spreadOfPairs(learnPairs({}, 'a', pairsOf(levels))['ttft.p95'], 3);
        const moved = levels.map(([here, there], index): [number, number] => [
          here * change * shared[index]!,
          there * shared[index]!,
        ]);
        const same = spreadOfPairs(learnPairs({}, 'a', pairsOf(moved))['ttft.p95'], 3);
        assert.ok(Math.abs(plain.ss - same.ss) < 1e-9 * Math.max(1, plain.ss));
        const differences = levels.map(([here, there]) => Math.log(here) - Math.log(there));
        const mean = differences.reduce((sum, one) => sum + one, 0) / differences.length;
        const ss = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0);
        assert.ok(Math.abs(plain.ss - ss) < 1e-9 * Math.max(1, ss));
        assert.equal(plain.df, levels.length - 1);
      },
    ),
    { numRuns: 100 },
  );
});

test('runs add up, none counts twice, and a long ledger keeps its sums', () => {
  let ledger: History['ledger'] = {};
  const levels = [
    [100, 101],
    [110, 104],
    [97, 99],
  ] as const;
  for (let run = 0; run < 50; run++) {
    ledger = learnPairs(ledger, `run ${run}`, pairsOf(levels));
    ledger = learnPairs(ledger, `run ${run}`, pairsOf(levels));
  }
  const one = spreadOfPairs(learnPairs({}, 'x', pairsOf(levels))['ttft.p95'], 3);
  const all = spreadOfPairs(ledger['ttft.p95'], 3);
  assert.equal(all.df, 100);
  assert.ok(Math.abs(all.ss - 50 * one.ss) < 1e-9);
  assert.equal(ledger['ttft.p95']!.length, 21);
});

test('pairs and boots are kept apart', () => {
  const ledger = learnPairs(
    { 'ttft.p95': [{ kind: 'boots', segment: null, rounds: 3, ss: 5, df: 7 }] },
    'a',
    pairsOf([
      [100, 90],
      [80, 90],
    ]),
  );
  assert.deepEqual(spreadOfEntries(ledger['ttft.p95'], 3), { ss: 5, df: 7 });
  assert.equal(spreadOfPairs(ledger['ttft.p95'], 3).df, 1);
  assert.equal(spreadOfPairs(ledger['ttft.p95'], 5).df, 0);
});

test('an interleaved run teaches the ledger of pairs and adds no boot to the level, once', () => {
  const before = addRun(null, benchmarkRun(100), { keep: 10 }).file;
  const run = interleaved(
    [
      [150, 100],
      [152, 99],
      [149, 102],
    ],
    'pr',
  );
  const { file, added, refused } = addRun(before, run, { keep: 10 });
  assert.deepEqual([added, refused], [['pr benchmark: how much its 3 pairs differ'], []]);
  const [history] = file.stages.benchmark!;
  assert.equal(history!.segments.at(-1)!.boots.length, 1);
  assert.equal(spreadOfPairs(history!.ledger['ttft.p95'], 3).df, 2);
  assert.deepEqual(parseBaseline(formatBaseline(file), 'x'), file);
  const again = addRun(file, run, { keep: 10 });
  assert.deepEqual(again.added, []);
  assert.match(again.refused.join(), /pr benchmark: this run was added before/);
});

test('without a stored level a history is made for the ledger alone, behind the others', () => {
  const { file } = addRun(
    null,
    interleaved(
      [
        [150, 100],
        [152, 99],
      ],
      'first',
    ),
    { keep: 10 },
  );
  assert.deepEqual(file.stages.benchmark![0]!.segments, []);
  const other = addRun(file, benchmarkRun(100, { keys: { benchmark: 'other' } }), { keep: 10 }).file;
  const third = addRun(
    other,
    {
      ...interleaved(
        [
          [150, 100],
          [152, 99],
        ],
        'third',
      ),
      workloads: { benchmark: { key: 'third', facts: {} } },
    },
    { keep: 10 },
  ).file;
  assert.deepEqual(
    third.stages.benchmark!.map(({ key }) => key),
    ['third', 'key-benchmark', 'other'],
  );
});

test('a run of one pair teaches nothing and says so', () => {
  const { added, refused } = addRun(null, interleaved([[150, 100]], 'short'), { keep: 10 });
  assert.deepEqual(added, []);
  assert.match(refused.join(), /it takes two pairs to see how much pairs differ, and the run has one/);
});
