// A/A boots by the judge's rules, and what a ledger lets a gate see before and after a baseline is recorded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootValue, spreadOfEntries } from '../../src/baseline/ledger.ts';
import type { BaselineFile, History, StoredBoot } from '../../src/baseline/schema.ts';
import { leastLedgerDf, sightsOf, spreadsOf, untaughtGates } from '../../src/judge/aa.ts';
import { judge } from '../../src/judge/judge.ts';
import { powerOf } from '../../src/judge/power.ts';
import { splitLedger } from '../../src/judge/variance.ts';
import { boughtSentence, sightLine, untaughtSentence } from '../../src/report/ledger.ts';
import { upperTailF } from '../../src/stats/f-test.ts';
import { createRandom } from '../../src/stats/random.ts';
import { spreadOf } from '../../src/stats/summary.ts';
import { found, history, ledgerFor, type Metrics, metricsOf, policy, value, world } from './fixture.ts';

const boots = (list: readonly Metrics[]) =>
  list.map((metrics, index) => ({ name: `boot ${index}`, slo: null, metrics }));
const noise = { boot: 0.01, round: 0.005 };
const draw = (count: number, seed: string): Metrics[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => metricsOf('benchmark', random, noise));
};
const fileOf = (histories: BaselineFile['stages']): BaselineFile => {
  const lookup = found(histories);
  return lookup.kind === 'found' ? lookup.file : assert.fail();
};
const onlyLedger = (df: number): History => ({
  ...history('benchmark', [], { ledger: ledgerFor('benchmark', df, noise) }),
  segments: [],
});
const KEYS = { benchmark: 'b' };

test('the spread of boots is that of the numbers that the judge makes of them', () => {
  const list = draw(6, 'plain');
  const stored = list.map((metrics) => ({ metrics }) as unknown as StoredBoot);
  const spreads = spreadsOf(boots(list));
  for (const id of ['ttft.p95', 'tpot.p95', 'goodput.share']) {
    const expected = spreadOf(stored.map((boot) => bootValue(boot, id)!));
    assert.deepEqual([spreads[id]![0]!.rounds, spreads[id]![0]!.df], [5, 5]);
    assert.ok(Math.abs(spreads[id]![0]!.ss - expected.ss) <= 1e-6 * expected.ss + 1e-15, id);
  }
  assert.equal(spreads['gpu.utilization.mean'], undefined, 'what is never compared is not learnt');
});

test('a round that stands apart in all metrics is left out', () => {
  const list = draw(6, 'tainted');
  const spoilt = Object.fromEntries(
    Object.entries(list[2]!).map(([id, one]) => [
      id,
      /^(ttft|tpot|icl|e2e)/.test(id) ? value(one.rounds.map((round, index) => round! * (index === 1 ? 3 : 1))) : one,
    ]),
  );
  const without = spreadsOf(boots(list.with(2, spoilt)))['tpot.p95']![0]!;
  const same = list.with(
    2,
    Object.fromEntries(Object.entries(list[2]!).map(([id, one]) => [id, value(one.rounds.toSpliced(1, 1, null))])),
  );
  assert.ok(Math.abs(without.ss / spreadsOf(boots(same))['tpot.p95']![0]!.ss - 1) < 1e-6);
});

test('censored boots give no square, and boots of other numbers of rounds an entry of their own', () => {
  const at = (rounds: number[], bound: 'exact' | 'above' = 'exact'): Metrics => ({
    'knee.rate': value(rounds, { bound }),
  });
  const spreads = spreadsOf(boots([at([40]), at([41]), at([50], 'above'), at([40, 42]), at([41, 43])]));
  assert.deepEqual(
    spreads['knee.rate']!.map(({ rounds, df }) => [rounds, df]),
    [
      [1, 1],
      [2, 1],
    ],
  );
  assert.deepEqual(spreadsOf(boots([at([50], 'above'), at([50], 'above')])), {});
});

test('a ledger without a recorded boot reads as no baseline, and the run is judged without it', () => {
  const input = world({ seed: 'waiting', stages: ['benchmark'] });
  const verdict = judge({ ...input, lookup: found({ benchmark: [onlyLedger(18)] }) });
  assert.equal(verdict.outcome, 'warn');
  assert.match(verdict.headline, /^No baseline for benchmark: its history has a ledger, but no recorded boot yet/);
  assert.equal(verdict.baseline, null);
  assert.deepEqual(verdict.comparisons, []);
  assert.equal(verdict.stages[0]!.standing, 'unbaselined');
});

test('with a ledger alone the power table begins with the first boots to record, as if they were there', () => {
  const file = fileOf({ benchmark: [onlyLedger(18)] });
  const [gate] = powerOf(file, policy(), { boots: 3, more: [4, 10], all: false });
  assert.equal(gate!.boots, 0);
  assert.deepEqual(
    gate!.rows.map(({ more }) => more),
    [4, 10],
  );
  // Four boots that differ exactly as much as the ledger says.
  const four = (sd: number) => [-1.5, -0.5, 0.5, 1.5].map((z) => Math.exp(sd * z * Math.sqrt(3 / 5)));
  const { ss, df } = spreadOfEntries(file.stages.benchmark![0]!.ledger['ttft.p95'], 5);
  const there = four(Math.sqrt(ss / df)).map((share): Metrics => ({ 'ttft.p95': value(Array(5).fill(240 * share)) }));
  const withBoots = fileOf({ benchmark: [history('benchmark', there, { ledger: ledgerFor('benchmark', 18, noise) })] });
  const [same] = powerOf(withBoots, policy(), { boots: 3, more: [], all: false });
  for (const [index, detectable] of gate!.rows[0]!.detectable.entries())
    assert.ok(Math.abs(detectable / same!.rows[0]!.detectable[index]! - 1) < 1e-9, `${index + 1} boots`);
});

test('sights are of the history that the run will look up, of gates first, of all that is compared without them', () => {
  const file = fileOf({
    benchmark: [history('benchmark', draw(4, 'a')), { ...history('benchmark', draw(9, 'b')), key: 'c' }],
  });
  const sights = sightsOf(file, KEYS, policy());
  assert.deepEqual(
    sights.map(({ metric, listed, boots: most }) => [metric, listed, most]),
    [
      ['ttft.p95', 4, 3],
      ['tpot.p95', 4, 3],
    ],
  );
  const none = policy({ comparison: { ...policy().comparison, gates: [] } });
  assert.ok(sightsOf(file, KEYS, none).length > 5);
  assert.deepEqual(sightsOf(file, { linear: 'l' }, policy()), []);
});

test('the goal waits for every gate, but not for one of which four boots taught nothing', () => {
  const ledger = { 'ttft.p95': ledgerFor('benchmark', 7, noise)['ttft.p95']! };
  const least = (file: BaselineFile, count: number, keys: Parameters<typeof sightsOf>[1] = KEYS): number =>
    leastLedgerDf(sightsOf(file, keys, policy()), keys, policy(), count);
  const some = fileOf({ benchmark: [history('benchmark', draw(2, 'c'), { ledger })] });
  assert.equal(least(some, 0), 0, 'TPOT has none yet');
  assert.equal(least(some, 3), 0);
  assert.equal(least(some, 4), 7);
  const all = fileOf({ benchmark: [history('benchmark', [], { ledger: ledgerFor('benchmark', 9, noise) })] });
  assert.equal(least(all, 0), 9);
  assert.equal(least(all, 0, { ...KEYS, linear: 'l' }), 0, 'a stage without any history is asked for too');
  const untaught = (file: BaselineFile, keys: Parameters<typeof sightsOf>[1]) =>
    untaughtGates(sightsOf(file, keys, policy()), keys, policy());
  assert.match(
    untaughtSentence(untaught(some, KEYS))!,
    /^Nothing is learnt of TPOT p95 in benchmark: it takes two boots/,
  );
  assert.match(
    untaughtSentence(untaught(all, { ...KEYS, linear: 'l' }))!,
    /^Nothing is learnt of Load line in linear:/,
  );
  assert.equal(untaughtSentence(untaught(all, KEYS)), null);
  assert.equal(least(fileOf({}), 0), 0);
  assert.equal(least(fileOf({}), 9), 0, 'where nothing teaches there is nothing to leave out');
});

test('what more A/A boots would buy is what the gate sees once the ledger has learnt from boots that differ as much', () => {
  const list = draw(5, 'f');
  const { ss, df } = spreadOf(list.map((metrics) => bootValue({ metrics } as unknown as StoredBoot, 'ttft.p95')!));
  const options = { boots: 3, more: [5], all: false };
  const [foreseen] = powerOf(fileOf({ benchmark: [history('benchmark', list)] }), policy(), { ...options, learnt: 18 });
  const ledger = { 'ttft.p95': [{ kind: 'aa', segment: null, rounds: 5, ss: (18 * ss) / df, df: 18 }] };
  const [seen] = powerOf(fileOf({ benchmark: [history('benchmark', list, { ledger })] }), policy(), options);
  for (const [row, { detectable }] of seen!.rows.entries())
    for (const [index, change] of detectable.entries())
      assert.ok(Math.abs(foreseen!.rows[row]!.detectable[index]! / change - 1) < 1e-9);
});

test('with few recorded boots a change is suspected at most; A/A boots of the same deployment let it be called', () => {
  const slower = world({
    seed: 'called',
    noise,
    baselines: 2,
    ledgerDf: 0,
    boots: 2,
    stages: ['benchmark'],
    factor: (id) => (id.startsWith('tpot') ? 1.12 : 1),
  });
  const verdictOf = (ledger: History['ledger']) => {
    const [stored] = slower.lookup.file.stages.benchmark!;
    const lookup = found({ benchmark: [{ ...stored!, ledger }] });
    return judge({ ...slower, lookup }).comparisons.find(({ metric }) => metric === 'tpot.p95')!;
  };
  const learnt = spreadsOf(boots(draw(19, 'night')));
  const ledger = Object.fromEntries(
    Object.entries(learnt).map(([id, list]) => [
      id,
      list.map((one) => ({ kind: 'aa', segment: null, run: 'night', ...one })),
    ]),
  );
  assert.equal(verdictOf({}).df.ledger, 0);
  assert.notEqual(verdictOf({}).verdict, 'regressed');
  const called = verdictOf(ledger);
  assert.deepEqual([called.df.ledger, called.df.prior, called.verdict], [18, 0, 'regressed']);
});

test('A/A boots that differ clearly less than recorded ones do not count, and the sight says so; others do', () => {
  const aaOf = (sd: number): History['ledger'] => ({
    'tpot.p95': [{ kind: 'aa', segment: null, run: 'night', rounds: 5, ss: 18 * sd ** 2, df: 18 }],
  });
  const list = draw(6, 'days');
  const { ss, df } = spreadOf(list.map((metrics) => bootValue({ metrics } as unknown as StoredBoot, 'tpot.p95')!));
  const sd = Math.sqrt(ss / df);
  const split = (ledger: History['ledger']) => splitLedger(history('benchmark', list, { ledger }), 'tpot.p95');
  // F(5, 18) is exceeded with 5 % at 2.773.
  const less = split(aaOf(sd / Math.sqrt(2.78)));
  assert.deepEqual([less.counted.df, less.aside.df], [0, 18]);
  assert.equal(split(aaOf(sd / Math.sqrt(2.76))).counted.df, 18);
  assert.equal(split(aaOf(3 * sd)).counted.df, 18, 'a larger spread is careful already');
  const pruned = {
    ...aaOf(sd / 5),
    'tpot.p95': [...aaOf(sd / 5)['tpot.p95']!, ...ledgerFor('benchmark', 9, noise)['tpot.p95']!],
  };
  assert.equal(split(pruned).counted.df, 9, 'what was recorded stays');
  const file = fileOf({ benchmark: [history('benchmark', list, { ledger: aaOf(sd / 5) })] });
  const sight = sightsOf(file, KEYS, policy()).find(({ metric }) => metric === 'tpot.p95')!;
  assert.deepEqual([sight.df.ledger, sight.aside], [0, 18]);
  assert.match(
    sightLine(sight),
    /; 18 degrees of freedom of A\/A boots do not count: recorded boots differ clearly more/,
  );
  assert.match(
    boughtSentence({ boots: 19, minutes: 90, before: [], after: [sight], further: { boots: 10, sights: [sight] } }),
    /^Bought nothing that counts with 19 boots in 90 minutes: recorded boots differ clearly more/,
  );
  const alone = { ...history('benchmark', list.slice(0, 1), { ledger: aaOf(sd / 5) }) };
  assert.equal(splitLedger(alone, 'tpot.p95').counted.df, 18, 'one boot does not differ from anything');
});

test('A/A boots are judged without what they themselves taught', () => {
  const input = world({ seed: 'own', ledgerDf: 0, boots: 3, stages: ['benchmark'] });
  const ledgerOf = (run: string): History['ledger'] => ({
    'tpot.p95': [{ kind: 'aa', segment: null, run, rounds: 5, ss: 1e-4, df: 2 }],
  });
  const [stored] = input.lookup.file.stages.benchmark!;
  const dfWith = (run: string) =>
    judge({ ...input, lookup: found({ benchmark: [{ ...stored!, ledger: ledgerOf(run) }] }) }).comparisons.find(
      ({ metric }) => metric === 'tpot.p95',
    )!.df.ledger;
  assert.deepEqual([dfWith('another'), dfWith(input.record.id)], [2, 0]);
});

test('A/A boots estimate the variance of boots without bias', () => {
  let [ss, df] = [0, 0];
  for (let session = 0; session < 300; session++) {
    const [spread] = spreadsOf(boots(draw(4, `bias ${session}`)))['tpot.p95']!;
    ss += spread!.ss;
    df += spread!.df;
  }
  // A boot's own effect, and what five rounds leave of theirs; Hodges–Lehmann is a little less efficient than the mean.
  const expected = noise.boot ** 2 + (noise.round ** 2 / 5) * (Math.PI / 3);
  assert.equal(df, 900);
  assert.ok(Math.abs(ss / df / expected - 1) < 0.12, `${ss / df} ≠ ${expected}`);
});

test('what was bought is said against what was seen before, and what more would buy until nothing is left to buy', () => {
  const listed = draw(4, 'e');
  const withAa = (df: number): BaselineFile => {
    const ledger = Object.fromEntries(
      Object.entries(ledgerFor('benchmark', df, noise)).map(([id, entries]) => [
        id,
        entries.map((entry) => ({ ...entry, kind: 'aa', run: 'night' })),
      ]),
    );
    return fileOf({ benchmark: [history('benchmark', listed, { ledger })] });
  };
  const before = sightsOf(fileOf({ benchmark: [history('benchmark', listed)] }), KEYS, policy());
  const sentence = (df: number): string => {
    const file = withAa(df);
    const further = { boots: 10, sights: sightsOf(file, KEYS, policy(), 10) };
    return boughtSentence({ boots: df + 1, minutes: 42.4, before, after: sightsOf(file, KEYS, policy()), further });
  };
  assert.match(
    sentence(3),
    /^Bought 3 degrees of freedom with 4 boots in 42 minutes: TTFT p95 in benchmark is caught from \+\d+\.\d % on instead of \+\d+\.\d %, by 3 boots against the 4 recorded; 10 more boots would make that \+\d+\.\d %\.$/,
  );
  assert.match(
    sentence(24),
    /; more A\/A boots would buy next to nothing \(no more than 24 degrees of freedom count\), recorded boots/,
  );
  assert.match(
    sightLine(sightsOf(withAa(3), KEYS, policy())[0]!),
    /\(3 degrees of freedom in the ledger, the rest assumed\)/,
  );
  assert.doesNotMatch(sightLine(sightsOf(withAa(18), KEYS, policy())[0]!), /assumed/);
  assert.match(
    boughtSentence({ boots: 1, minutes: 0.2, before, after: before, further: { boots: 10, sights: before } }),
    /^Bought nothing with 1 boot in less than a minute: it takes two/,
  );
  const full = sightsOf(withAa(18), KEYS, policy());
  assert.match(
    boughtSentence({ boots: 0, minutes: 0, before: full, after: full, further: { boots: 10, sights: full } }),
    /^Nothing was booted: the ledger has 18 degrees of freedom already; TTFT p95 in benchmark is caught from/,
  );
});

test('the tail of F is that of the tables', () => {
  // Upper quantiles as printed: F(3, 18), F(1, 10), F(5, 20), F(20, 5).
  for (const [f, over, under, p] of [
    [3.1599, 3, 18, 0.05],
    [4.9646, 1, 10, 0.05],
    [4.1027, 5, 20, 0.01],
    [4.5581, 20, 5, 0.05],
  ] as const)
    assert.ok(Math.abs(upperTailF(f, over, under) - p) < 2e-5, `F(${over}, ${under})`);
  assert.deepEqual([upperTailF(0, 3, 4), upperTailF(Number.POSITIVE_INFINITY, 3, 4)], [1, 0]);
});
