// Boots of base and candidate beside each other: what a pair shares cancels, the base's faults are not the change's, and
// what pairs taught is kept apart from what single boots did.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import jstat from 'jstat';
import { mean } from 'simple-statistics';
import type { BaselineLookup, History } from '../../src/baseline/schema.ts';
import { explain } from '../../src/judge/explain.ts';
import { type JudgeInput, judge } from '../../src/judge/judge.ts';
import type { Comparison, Verdict } from '../../src/judge/verdict.ts';
import type { BootRecord } from '../../src/record/schema.ts';
import { createRandom } from '../../src/stats/random.ts';
import { boot, found, history, type Metrics, metricsOf, policy, record, STAGES, stageOf, value } from './fixture.ts';

const INTERLEAVED = { ref: 'main', commit: '3f2c1ab0'.repeat(5), seed: 1, problem: null };
const NONE: BaselineLookup = { kind: 'none', reason: 'nothing is stored' };
const GATE = [{ metric: 'tpot.p95', stage: 'benchmark' as const }];

/** Pairs of boots with one benchmark each; odd pairs have the base first. */
function paired(pairs: readonly (readonly [base: Metrics, candidate: Metrics])[]): BootRecord[] {
  return pairs.flatMap(([base, candidate], index) => {
    const sides = [
      { side: 'base' as const, metrics: base },
      { side: 'candidate' as const, metrics: candidate },
    ];
    return (index % 2 === 0 ? sides : sides.toReversed()).map(({ side, metrics }, place) =>
      boot(2 * index + place + 1, [stageOf('benchmark', metrics)], { side, pair: index + 1 }),
    );
  });
}

const inputOf = (boots: BootRecord[], options: Partial<JudgeInput> = {}): JudgeInput => ({
  record: record(boots, { interleaved: INTERLEAVED }),
  lookup: NONE,
  policy: policy({ comparison: { ...policy().comparison, against: 'interleaved', gates: GATE } }),
  expected: ['benchmark'],
  ...options,
});

const tpot = (level: number): Metrics => ({ 'tpot.p95': value(Array.from({ length: 5 }, () => level)) });
const comparisonOf = (verdict: Verdict, metric: string): Comparison =>
  verdict.comparisons.find((one) => one.metric === metric)!;

/** What earlier pairs taught about every metric. */
const ledgerOfPairs = (sd: number, df: number): BaselineLookup => {
  const ledger: History['ledger'] = Object.fromEntries(
    Object.keys(metricsOf('benchmark', createRandom(1), { boot: 0, round: 0 })).map((id) => [
      id,
      [{ kind: 'pairs', segment: 'earlier', rounds: 5, ss: df * sd ** 2, df }],
    ]),
  );
  return found({ benchmark: [{ ...history('benchmark', [], { ledger }), segments: [] }] });
};

test('the test is the paired t of the differences of logs, over pairs, ledger of pairs and twice the prior', () => {
  const levels = [
    [20, 21.1],
    [24, 24.9],
    [18, 18.6],
  ] as const;
  const boots = paired(levels.map(([base, candidate]) => [tpot(base), tpot(candidate)]));
  const differences = levels.map(([base, candidate]) => Math.log(candidate / base));
  const d = mean(differences);
  const ss = differences.reduce((sum, one) => sum + (one - d) ** 2, 0);
  const s = Math.sqrt((4 * 2 * 0.03 ** 2 + ss + 6 * 0.01 ** 2) / (4 + 2 + 6));
  const t = d / (s / Math.sqrt(3));
  const one = comparisonOf(judge(inputOf(boots, { lookup: ledgerOfPairs(0.01, 6) })), 'tpot.p95');
  assert.deepEqual(one.df, { total: 12, baseline: 0, candidate: 2, ledger: 6, prior: 4 });
  assert.ok(Math.abs(one.sd! - s) < 1e-12);
  assert.ok(Math.abs(one.p!.worse - jstat.jStat.ibeta(12 / (12 + t ** 2), 6, 0.5) / 2) < 1e-9);
  assert.ok(Math.abs(one.change! - Math.expm1(d)) < 1e-12);
});

test('what a pair shares cancels, however much it is', () => {
  const [calm, wild] = [
    [20, 20, 20],
    [20, 31, 14],
  ].map((levels) =>
    comparisonOf(
      judge(
        inputOf(paired(levels.map((level) => [tpot(level), tpot(1.04 * level)])), { lookup: ledgerOfPairs(0.008, 18) }),
      ),
      'tpot.p95',
    ),
  );
  for (const key of ['change', 'sd', 'verdict', 'because'] as const) {
    if (typeof calm![key] === 'number') assert.ok(Math.abs(calm![key] - (wild![key] as number)) < 1e-9, key);
    else assert.equal(wild![key], calm![key]);
  }
  assert.deepEqual([wild!.verdict, wild!.because], ['regressed', 'confirmed by 3 pairs']);
});

test('the ledger of boots says nothing of pairs, nor the other way round', () => {
  const boots = paired([
    [tpot(20), tpot(21)],
    [tpot(20), tpot(21)],
  ]);
  const ofBoots = ledgerOfPairs(0.001, 20);
  for (const entries of Object.values(
    (ofBoots as { file: { stages: Record<string, History[]> } }).file.stages.benchmark![0]!.ledger,
  ))
    for (const entry of entries) entry.kind = 'boots';
  assert.equal(comparisonOf(judge(inputOf(boots, { lookup: ofBoots })), 'tpot.p95').df.ledger, 0);
  const stored = judge(
    inputOf(boots, {
      record: record([boot(1, [stageOf('benchmark', tpot(21))])]),
      lookup: found({
        benchmark: [
          history('benchmark', [tpot(20), tpot(20.1)], {
            ledger: { 'tpot.p95': [{ kind: 'pairs', segment: 'r', rounds: 5, ss: 1, df: 20 }] },
          }),
        ],
      }),
    }),
  );
  assert.equal(comparisonOf(stored, 'tpot.p95').df.ledger, 0);
});

test('one pair suspects where pairs are known, two confirm; without a ledger three do, and the report says what is assumed', () => {
  const slower = (count: number): BootRecord[] =>
    paired(Array.from({ length: count }, () => [tpot(20), tpot(23)] as const));
  const known = { lookup: ledgerOfPairs(0.01, 18) };
  const first = judge(inputOf(slower(1), known));
  assert.deepEqual(comparisonOf(first, 'tpot.p95').because, 'one pair only');
  assert.match(first.climb.reason, /suspected after one pair: a second pair decides/);
  assert.equal(comparisonOf(judge(inputOf(slower(2), known)), 'tpot.p95').verdict, 'regressed');

  const much = (count: number): BootRecord[] =>
    paired(Array.from({ length: count }, () => [tpot(20), tpot(40)] as const));
  const two = judge(inputOf(much(2)));
  assert.equal(comparisonOf(two, 'tpot.p95').verdict, 'suspected');
  assert.match(
    comparisonOf(two, 'tpot.p95').because,
    /2 pairs; how much pairs differ is assumed \(±4\.3 %\), not measured/,
  );
  assert.equal(two.climb.again, true);
  const three = judge(inputOf(much(3)));
  assert.equal(comparisonOf(three, 'tpot.p95').because, 'confirmed by 3 pairs');
  assert.equal(three.outcome, 'fail');
  assert.deepEqual(three.interleaved, {
    base: 'main (3f2c1ab)',
    commit: INTERLEAVED.commit,
    pairs: 3,
    ledgerDf: 0,
    priorUsed: true,
  });

  const thin = judge(inputOf(paired([[tpot(20), tpot(20.1)]])));
  assert.match(
    thin.findings.find(({ kind }) => kind === 'thin_baseline')!.message,
    /^Inconclusive: one pair; how much pairs differ is assumed/,
  );
  assert.equal(thin.climb.again, true, 'pairs cure their own thinness');
});

test('identical sides are unchanged against the base, and the headline says against what', () => {
  const random = createRandom('identical');
  const same = () => metricsOf('benchmark', random, { boot: 0.005, round: 0.005 });
  const verdict = judge(inputOf(paired([[same(), same()]]), { lookup: ledgerOfPairs(0.008, 18) }));
  assert.equal(verdict.outcome, 'pass', verdict.headline);
  assert.match(verdict.headline, /unchanged against main \(3f2c1ab\) on the same machine, one pair/);
  assert.equal(verdict.baseline, null);
});

test('rules are judged on the candidate alone, and relative ones against the base of the same run', () => {
  const rule = (gold: object) => ({
    metric: 'tpot.p95',
    stage: 'benchmark' as const,
    gold: gold as never,
    tolerance: gold as never,
    line: null,
  });
  const verdict = judge(
    inputOf(paired([[tpot(30), tpot(20)]]), {
      policy: policy({
        comparison: { ...policy().comparison, gates: GATE },
        sla: [
          rule({ op: '<', limit: 25, text: '< 25ms' }),
          rule({ op: '<', limit: 0, ofBaseline: 0.9, text: '< baseline - 10%' }),
        ],
      }),
    }),
  );
  assert.deepEqual(
    verdict.sla.map(({ status, value: measured }) => [status, measured]),
    [
      ['gold', 20],
      ['gold', 20],
    ],
  );
  assert.equal(verdict.sla[1]!.gold.limit, 27);
});

const dead = (side: BootRecord['side'], index: number, pair: number): BootRecord =>
  boot(index, [], { side, pair, end: 'not_ready', reason: 'it ended with exit code 7.', bootMs: null });

test('a base that never became ready is no comparison and no fault of the change', () => {
  const verdict = judge(inputOf([dead('base', 1, 1), boot(2, [stageOf('benchmark', tpot(20))], { pair: 1 })]));
  assert.equal(verdict.outcome, 'warn');
  assert.equal(verdict.stages[0]!.standing, 'unbaselined');
  assert.match(
    verdict.headline,
    /^No comparison of benchmark: the base, main \(3f2c1ab\), never became ready in boot 1: it ended with exit code 7/,
  );
  assert.equal(verdict.climb.again, false);
  assert.equal(verdict.boots, 1);
});

test('a base that could not even be tried says why', () => {
  const verdict = judge(
    inputOf([boot(1, [stageOf('benchmark', tpot(20))])], {
      record: record([boot(1, [stageOf('benchmark', tpot(20))])], {
        interleaved: { ref: null, commit: null, seed: 0, problem: 'this job has no base' },
      }),
    }),
  );
  assert.match(verdict.headline, /^No comparison of benchmark: this job has no base/);
});

test('a candidate that never became ready fails, and the base that did is not blamed', () => {
  const base = boot(1, [stageOf('benchmark', tpot(20))], { side: 'base', pair: 1 });
  const verdict = judge({
    ...inputOf([base, dead('candidate', 2, 1)]),
    record: record([base, dead('candidate', 2, 1)], {
      interleaved: INTERLEAVED,
      status: 'incomplete',
      statusReason: 'boot 2 never became ready',
    }),
  });
  assert.equal(verdict.outcome, 'fail');
  assert.match(verdict.headline, /^The deployment never became ready in boot 2/);
});

test('a lost boot of the base leaves the other pairs, and is told', () => {
  const boots = paired([
    [tpot(20), tpot(20)],
    [tpot(20), tpot(20)],
  ]);
  const spoilt = boots.map((one) =>
    one.side === 'base' && one.pair === 2
      ? {
          ...one,
          stages: one.stages.map((stage) => ({
            ...stage,
            invalid: [{ code: 'client_achieved' as const, message: 'the client sent 80 %.', advice: 'a', phase: null }],
          })),
        }
      : one,
  );
  const verdict = judge(inputOf(spoilt));
  assert.equal(verdict.interleaved!.pairs, 1);
  assert.ok(
    verdict.findings.some(({ message }) =>
      /^Lost: benchmark of boot 4 \(the base\) does not count: the client sent 80 %\.$/.test(message),
    ),
    verdict.findings.map(({ message }) => message).join('\n'),
  );
});

test('a surge that killed the candidate and not its base is a failure', () => {
  const surge = metricsOf('step-surge', createRandom(3), { boot: 0, round: 0 });
  const benchmark = stageOf('benchmark', tpot(20));
  const verdict = judge(
    inputOf(
      [
        boot(1, [benchmark, stageOf('step-surge', surge)], { side: 'base', pair: 1 }),
        boot(2, [benchmark, stageOf('step-surge', {}, { status: 'aborted', reason: 'out of memory' })], {
          pair: 1,
          end: 'died',
          reason: 'out of memory',
        }),
      ],
      { expected: ['benchmark', 'step-surge'] },
    ),
  );
  assert.match(verdict.headline, /died in step-surge .*the baseline came through the same surge/);
});

test('tokens that another source counted are not compared', () => {
  const [base, candidate] = paired([[tpot(20), tpot(20)]]);
  const other = {
    ...candidate!,
    stages: candidate!.stages.map((stage) => ({ ...stage, stream: { ...stage.stream, tokenSource: 'chunks' } })),
  };
  const { stages } = judge(inputOf([base!, other]));
  assert.equal(stages[0]!.standing, 'incomparable');
  assert.deepEqual(stages[0]!.differences, [{ field: 'tokenSource', baseline: 'usage', candidate: 'chunks' }]);
});

test('a machine that was slowed under the base is noted as the base, and with strict the pair does not count', () => {
  const boots = paired([
    [tpot(20), tpot(20)],
    [tpot(20), tpot(20)],
  ]);
  const message = 'the host gave 12 % of a core to others';
  boots[0]!.stages[0] = {
    ...boots[0]!.stages[0]!,
    invalid: [{ code: 'stolen', message, advice: 'Wait.', phase: null }],
  };
  const notes = (strict: boolean): string[] =>
    judge(inputOf(boots, { policy: policy({ strict }) }))
      .findings.filter((one) => one.message.includes(message))
      .map((one) => `${one.kind}: ${one.message}`);
  assert.deepEqual(notes(false), [`note: benchmark of the base: ${message}`]);
  assert.deepEqual(notes(true), [`invalid: Lost: benchmark of boot 1 (the base) does not count: ${message}.`]);
});

test('explain prints pairs with their differences', () => {
  const text = explain(inputOf(paired([[tpot(20), tpot(22)]])), 'tpot.p95@benchmark');
  assert.match(text, /pairs, base before candidate:\n {2}boot 1: 20 .*\n {2}boot 2: 22 .*\n {4}difference 0\.09531/);
  assert.match(text, /sd of a difference of two boots: .* from 0 \(pairs\) \+ 0 \(ledger\) \+ 4 \(assumed 0\.04243\)/);
});

test('every stage of a whole run is paired', () => {
  const random = createRandom('whole');
  const side = (index: number, of: BootRecord['side']) =>
    boot(
      index,
      STAGES.map((stage) => stageOf(stage, metricsOf(stage, random, { boot: 0.002, round: 0.002 }))),
      { side: of, pair: 1 },
    );
  const verdict = judge(inputOf([side(1, 'candidate'), side(2, 'base')], { expected: STAGES }));
  assert.deepEqual(
    verdict.stages.map(({ standing }) => standing),
    ['compared', 'compared', 'compared'],
  );
  assert.equal(verdict.loadLine!.interval, null);
  assert.notEqual(verdict.loadLine!.baselineRate, null);
});
