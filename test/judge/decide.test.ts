import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookOf } from '../../src/judge/decide.ts';
import { explain } from '../../src/judge/explain.ts';
import { assess, type JudgeInput, judge } from '../../src/judge/judge.ts';
import { taintedRounds } from '../../src/judge/taint.ts';
import type { Comparison } from '../../src/judge/verdict.ts';
import { createRandom } from '../../src/stats/random.ts';
import {
  boot,
  curvePoint,
  found,
  history,
  learnt,
  type Metrics,
  metricsOf,
  PER_ROUND,
  phaseOf,
  policy,
  record,
  stageOf,
  type Value,
  value,
  world,
} from './fixture.ts';

const only = (input: JudgeInput, metric: string, stage = 'benchmark'): Comparison => {
  const one = judge(input).comparisons.find((each) => each.metric === metric && each.stage === stage);
  assert.ok(one, `${metric} is not compared`);
  return one;
};
const calm = { boot: 0.005, round: 0.005 };

/** A run of one stage: K baseline boots and n candidate boots with the metrics given, 18 df of ledger by hand. */
function duel(
  stage: 'benchmark' | 'linear' | 'step-surge',
  baseline: readonly Metrics[],
  candidate: readonly Metrics[],
  options: { gates?: string[]; ledger?: ReturnType<typeof history>['ledger'] } = {},
): JudgeInput {
  const gates = (options.gates ?? []).map((metric) => ({ metric, stage }));
  return {
    record: record(candidate.map((metrics, index) => boot(index + 1, [stageOf(stage, metrics)]))),
    lookup: found({ [stage]: [history(stage, baseline, { ledger: options.ledger ?? {} })] }),
    policy: policy({ comparison: { ...policy().comparison, gates } }),
    expected: [stage],
  };
}
const repeat = <T>(n: number, make: (index: number) => T): T[] => Array.from({ length: n }, (_, index) => make(index));
const wobble = (level: number, index: number, share = 0.01): number =>
  level * (1 + share * (((index * 7) % 5) - 2) * 0.5);

// ---- values ----------------------------------------------------------------------------------------------------

test('an identical run is unchanged in its gates, with interval and smallest detectable change on the worse side', () => {
  const one = only(world({ seed: 1 }), 'ttft.p95');
  assert.equal(one.verdict, 'unchanged');
  assert.ok(one.interval![0] < one.change! && one.change! < one.interval![1]);
  assert.ok(one.smallestDetectable! > 0.03 && one.smallestDetectable! < 0.1);
  assert.deepEqual([one.df.baseline, one.df.ledger, one.df.total], [9, 18, 24], 'no more than 24 count');
  const rate = only(world({ seed: 1 }), 'saturation.rate', 'linear');
  assert.ok(rate.smallestDetectable! < -0.03, 'a throughput can only be worse downwards');
});

test('better and worse follow the metric: a lower rate regresses, a lower latency improves', () => {
  const factor = (id: string, stage: string): number => (stage === 'linear' || id.startsWith('tpot') ? 0.8 : 1);
  const input = world({ seed: 2, boots: 2, factor });
  assert.equal(only(input, 'saturation.rate', 'linear').verdict, 'regressed');
  assert.ok(only(input, 'saturation.rate', 'linear').change! < -0.15);
  assert.equal(only(input, 'tpot.p95').verdict, 'improved');
  const verdict = judge(input);
  assert.match(verdict.headline, /the load line fell|Load line in linear is \d+\.\d % worse/);
  assert.equal(verdict.loadLine?.verdict, 'regressed');
  assert.ok(
    verdict.loadLine!.interval![0] < verdict.loadLine!.rate! &&
      verdict.loadLine!.rate! < verdict.loadLine!.interval![1],
  );
});

test('a change below the minimum effect is not a regression however sure it is; the configuration may lower it', () => {
  const tiny = { boot: 0.0005, round: 0.0005 };
  const input = world({ seed: 3, boots: 2, noise: tiny, factor: (id) => (id === 'e2e.p95' ? 1.02 : 1) });
  assert.equal(only(input, 'e2e.p95').verdict, 'unchanged');
  const lowered = {
    ...input,
    policy: policy({ comparison: { ...policy().comparison, minimumEffects: { 'e2e.p95@benchmark': 0.01 } } }),
  };
  assert.equal(only(lowered, 'e2e.p95').verdict, 'regressed');
});

test('a change that the client itself could cause is not a regression: 5 ms TTFT may move by 2 ms', () => {
  const at = (level: number): Metrics => ({ 'ttft.p95': value(repeat(5, () => level)) });
  const input = duel(
    'benchmark',
    repeat(6, (i) => at(wobble(5, i))),
    [at(6), at(6.01)],
    { gates: ['ttft.p95'] },
  );
  assert.notEqual(only(input, 'ttft.p95').verdict, 'regressed');
  assert.ok(only(input, 'ttft.p95').minimumEffect > 0.39);
});

test('p99 is compared only where every round has 2,000 requests', () => {
  const at = (n: number): Metrics => ({
    'ttft.p95': value(
      repeat(5, () => 100),
      { n },
    ),
    'ttft.p99': value(
      repeat(5, () => 200),
      { n },
    ),
  });
  const metrics = (n: number): string[] =>
    judge(
      duel(
        'benchmark',
        repeat(6, () => at(n)),
        [at(n)],
      ),
    ).comparisons.map((one) => one.metric);
  assert.deepEqual(metrics(10_000), ['ttft.p95', 'ttft.p99']);
  assert.deepEqual(metrics(9_000), ['ttft.p95']);
});

test('throughput in open loop is no comparison, in closed loop it is', () => {
  const metrics: Metrics = {
    'ttft.p95': value(repeat(5, () => 100)),
    'throughput.tokens': value(repeat(5, () => 900)),
  };
  const open = duel(
    'benchmark',
    repeat(6, () => metrics),
    [metrics],
  );
  assert.deepEqual(
    judge(open).comparisons.map((one) => one.metric),
    ['ttft.p95'],
  );
  const closed = {
    ...open,
    record: record([
      boot(1, [stageOf('benchmark', metrics, { phases: [phaseOf('round', { users: 8, offeredRate: null })] })]),
    ]),
  };
  assert.deepEqual(
    judge(closed).comparisons.map((one) => one.metric),
    ['ttft.p95', 'throughput.tokens'],
  );
});

// ---- zero, and metrics compared as differences ---------------------------------------------------------------------

test('zero is a value: no errors against no errors is unchanged, and a rise of errors regresses', () => {
  const at = (share: number): Metrics => ({ 'errors.rate': value(repeat(5, (i) => share * (1 + 0.1 * (i - 2)))) });
  assert.equal(
    only(
      duel(
        'benchmark',
        repeat(5, () => at(0)),
        [at(0)],
      ),
      'errors.rate',
    ).verdict,
    'unchanged',
  );
  const risen = only(
    duel(
      'benchmark',
      repeat(5, () => at(0)),
      [at(0.02), at(0.02)],
    ),
    'errors.rate',
  );
  assert.equal(risen.verdict, 'regressed');
  assert.equal(risen.changeIs, 'difference');
  assert.ok(Math.abs(risen.change! - 0.02) < 1e-9);
  assert.equal(risen.baseline, 0);
});

test('a rise of errors below 0.2 points is not a regression', () => {
  const at = (share: number): Metrics => ({
    'errors.rate': value(
      repeat(5, () => share),
      { n: 5_000_000 },
    ),
  });
  const one = only(
    duel(
      'benchmark',
      repeat(5, () => at(0)),
      [at(0.001), at(0.001)],
    ),
    'errors.rate',
  );
  assert.ok(one.change! > 0.0009);
  assert.equal(one.verdict, 'unchanged');
});

test('few requests without an error do not prove that nothing changed', () => {
  const at = (): Metrics => ({
    'errors.rate': value(
      repeat(5, () => 0),
      { n: 100 },
    ),
  });
  assert.equal(only(duel('benchmark', repeat(4, at), [at()]), 'errors.rate').verdict, 'inconclusive');
});

test('recovery of 0 s is compared as a difference', () => {
  const at = (seconds: number): Metrics => ({ 'surge.recovery': value([seconds]) });
  const ledger = { 'surge.recovery': learnt(1, 18 * 0.01, 18) };
  const input = (seconds: number) =>
    duel(
      'step-surge',
      repeat(6, (i) => at(i % 2 === 0 ? 0 : 0.1)),
      [at(seconds), at(seconds)],
      { ledger },
    );
  assert.equal(only(input(0), 'surge.recovery', 'step-surge').verdict, 'unchanged');
  const slow = only(input(8), 'surge.recovery', 'step-surge');
  assert.equal(slow.verdict, 'regressed');
  assert.ok(Math.abs(slow.change! - 7.95) < 1e-9);
});

test('values that come in steps: one boot that is one window later is no regression, and no variance of nothing', () => {
  const at = (seconds: number): Metrics => ({ 'surge.recovery': value([seconds]) });
  const judged = (candidate: readonly number[], ledger: ReturnType<typeof history>['ledger'] = {}) =>
    only(
      duel(
        'step-surge',
        repeat(10, () => at(2.5)),
        candidate.map(at),
        { ledger, gates: ['surge.recovery'] },
      ),
      'surge.recovery',
      'step-surge',
    );
  const still = { 'surge.recovery': learnt(1, 0, 30) };
  for (const ledger of [{}, still]) {
    assert.notEqual(judged([2.5, 5], ledger).verdict, 'regressed');
    assert.notEqual(judged([5], ledger).verdict, 'suspected');
    assert.ok(judged([2.5, 5], ledger).sd! >= 2.5 / Math.sqrt(12) - 1e-9);
  }
  assert.equal(judged([2.5], still).df.prior, 4, 'thirty times the same number is no knowledge of the spread');
  assert.equal(judged([25, 27.5], still).verdict, 'regressed');
  assert.ok(judged([2.5 + 1e-9, 5]).sd! >= 2.49 / Math.sqrt(12), 'a rounding error is no step');
});

test('a load line that stays on one step of the load and then falls to the next knows no more than the steps', () => {
  // Steps of 8 req/s, all misses on one of them: boots that differ by 2 % stay at 64.5, and a slow one drops to 58.
  const at = (rate: number, spacing?: number): Metrics => ({ 'knee.rate': value([rate], { spacing }) });
  const judged = (spacing: number | undefined, ...rates: number[]) =>
    only(
      duel(
        'linear',
        repeat(10, (i) => at(64.4 + 0.02 * i, spacing)),
        rates.map((rate) => at(rate, spacing)),
        { gates: ['knee.rate'], ledger: { 'knee.rate': learnt(1, 18 * 0.015 ** 2, 18) } },
      ),
      'knee.rate',
      'linear',
    );
  assert.equal(judged(undefined, 64.5, 58, 60.5).verdict, 'regressed');
  assert.equal(judged(8, 64.5, 58, 60.5).verdict, 'unchanged');
  assert.equal(judged(8, 64.5).verdict, 'unchanged', 'and that takes no second boot');
  assert.ok(judged(8, 64.5).sd! >= Math.log(72.5 / 64.5) / Math.sqrt(12) - 1e-9);
  assert.equal(judged(8, 64.5, 64.4, 64.6).verdict, 'unchanged');
  assert.equal(judged(8, 52.5, 50.5, 52.5).verdict, 'regressed');
  // Fine steps read it as well as before.
  assert.equal(judged(1, 64.5, 58, 60.5).verdict, 'regressed');
});

// ---- censored values ---------------------------------------------------------------------------------------------

const knee = (rate: number, bound: Value['bound'] = 'exact'): Metrics => ({ 'knee.rate': value([rate], { bound }) });
const kneeLedger = { 'knee.rate': learnt(1, 18 * 0.01 ** 2, 18) };
const kneeDuel = (baseline: readonly Metrics[], candidate: readonly Metrics[]): Comparison =>
  only(duel('linear', baseline, candidate, { gates: ['knee.rate'], ledger: kneeLedger }), 'knee.rate', 'linear');

test('output throughput of ramps that nothing saturated: unchanged at the same end, open at another, never a loss', () => {
  const most = (tokens: number, bound: Value['bound'] = 'above'): Metrics => ({
    'throughput.tokens': value([tokens], { bound }),
  });
  const judged = (...candidate: Metrics[]): Comparison =>
    only(
      duel(
        'linear',
        [698, 700, 701, 699, 703].map((tokens) => most(tokens)),
        candidate,
        {
          gates: ['throughput.tokens@linear'],
          ledger: { 'throughput.tokens': learnt(1, 18 * 0.01 ** 2, 18) },
        },
      ),
      'throughput.tokens',
      'linear',
    );
  const same = judged(most(705));
  assert.equal(same.verdict, 'unchanged');
  assert.match(same.because, /past the end of what was measured .*would not show/);
  // Its ramp ended a step earlier.
  assert.equal(judged(most(612), most(610)).verdict, 'inconclusive');
  // It saturated below what the baseline still bore.
  assert.equal(judged(most(612, 'exact'), most(610, 'exact')).verdict, 'regressed');
});

test('knee past the last step on both sides: unchanged, and it says what it cannot see', () => {
  const one = kneeDuel(
    repeat(5, () => knee(60, 'above')),
    [knee(60, 'above')],
  );
  assert.equal(one.verdict, 'unchanged');
  assert.equal(one.bound, 'above');
  assert.equal(one.interval, null);
  assert.match(one.because, /past the end of what was measured \(baseline ≥ 60 req\/s, this run ≥ 60 req\/s\)/);
});

test('knee past the last step only in the baseline: a loss is at least what is seen, and never unchanged', () => {
  assert.equal(
    kneeDuel(
      repeat(5, () => knee(60, 'above')),
      [knee(40), knee(40.2)],
    ).verdict,
    'regressed',
  );
  assert.equal(
    kneeDuel(
      repeat(5, () => knee(60, 'above')),
      [knee(40)],
    ).verdict,
    'suspected',
  );
  assert.equal(
    kneeDuel(
      repeat(5, () => knee(60, 'above')),
      [knee(59.5), knee(59.6)],
    ).verdict,
    'inconclusive',
  );
});

test('knee past the last step only in this run: an improvement where it is sure, else at least not worse', () => {
  assert.equal(
    kneeDuel(
      repeat(5, (i) => knee(wobble(40, i))),
      [knee(60, 'above')],
    ).verdict,
    'improved',
  );
  assert.equal(
    kneeDuel(
      repeat(5, (i) => knee(wobble(59, i))),
      [knee(60, 'above')],
    ).verdict,
    'unchanged',
  );
});

test('knee below the first step: a loss where the baseline had one, nothing where both are', () => {
  assert.equal(
    kneeDuel(
      repeat(5, (i) => knee(wobble(40, i))),
      [knee(2, 'below'), knee(2, 'below')],
    ).verdict,
    'regressed',
  );
  assert.equal(
    kneeDuel(
      repeat(5, () => knee(2, 'below')),
      [knee(2, 'below')],
    ).verdict,
    'inconclusive',
  );
});

/** A p99 that may have fallen among failures. */
const failing = (ms: number, share: number, bound: Value['bound'] = 'exact'): Metrics => ({
  'ttft.p99': value(
    repeat(5, () => ms),
    { bound },
  ),
  'errors.rate': value(repeat(5, () => share)),
});

test('a quantile among failed requests regresses only where the rise of failures is shown', () => {
  const p99 = (baseline: Metrics[], candidate: Metrics[]): Comparison =>
    only(duel('benchmark', baseline, candidate, { gates: ['ttft.p99'] }), 'ttft.p99');
  const calmBase = repeat(6, (i) => failing(wobble(400, i), 0));
  assert.equal(p99(calmBase, [failing(30_000, 0.012, 'above'), failing(30_000, 0.012, 'above')]).verdict, 'regressed');
  assert.equal(p99(calmBase, [failing(30_000, 0.012, 'above')]).verdict, 'suspected');
  assert.equal(
    p99(
      repeat(6, () => failing(400, 0.011)),
      [failing(30_000, 0.0112, 'above'), failing(30_000, 0.0112, 'above')],
    ).verdict,
    'inconclusive',
  );
  const both = p99(
    repeat(6, () => failing(30_000, 0.02, 'above')),
    [failing(30_000, 0.02, 'above')],
  );
  assert.equal(both.verdict, 'inconclusive');
  assert.equal(
    judge(
      duel(
        'benchmark',
        repeat(6, () => failing(30_000, 0.02, 'above')),
        [failing(30_000, 0.02, 'above')],
        { gates: ['ttft.p99'] },
      ),
    ).climb.again,
    false,
  );
});

test('failures of one boot among two are no more than suspected; of both they are confirmed', () => {
  const surge = (errors: number): Metrics => ({ 'surge.errors': value([errors]) });
  const ledger = { 'surge.errors': learnt(1, 1e-6, 30) };
  const of = (...candidate: number[]) => {
    const clean = repeat(6, () => surge(0));
    return only(duel('step-surge', clean, candidate.map(surge), { ledger }), 'surge.errors', 'step-surge');
  };
  assert.deepEqual([of(0.12, 0).verdict, of(0.12, 0).because], ['suspected', 'seen in one of 2 boots']);
  assert.equal(of(0.12, 0.1).verdict, 'regressed');
  assert.equal(of(0.12, 0, 0.1).verdict, 'regressed');
});

test('a quantile among the failures of one boot among two is no more than suspected', () => {
  const calmBase = repeat(6, (i) => failing(wobble(400, i), 0));
  const input = duel('benchmark', calmBase, [failing(30_000, 0.05, 'above'), failing(400, 0)], {
    gates: ['ttft.p99'],
    ledger: { 'errors.rate': learnt(5, 1e-6, 30) },
  });
  for (const metric of ['ttft.p99', 'errors.rate']) assert.equal(only(input, metric).verdict, 'suspected', metric);
});

test('a quantile among failed requests is at most suspected against a baseline whose noise is assumed', () => {
  const verdict = judge(
    duel(
      'benchmark',
      [failing(400, 0)],
      repeat(2, () => failing(30_000, 0.5, 'above')),
      { gates: ['ttft.p99'] },
    ),
  );
  const p99 = verdict.comparisons.find((one) => one.metric === 'ttft.p99')!;
  assert.equal(p99.verdict, 'suspected');
  assert.match(p99.because, /have risen; one baseline boot; boot noise is assumed/);
});

test('a bound on the better side of the baseline is worse by no percentage', () => {
  const verdict = judge(
    duel(
      'benchmark',
      repeat(6, (i) => failing(wobble(6_990, i), 0)),
      repeat(2, () => failing(4_000, 0.05, 'above')),
      { gates: ['ttft.p99'] },
    ),
  );
  assert.ok(
    verdict.findings.some(({ message }) =>
      message.startsWith('Regressed: TTFT p99 in benchmark is worse (6.98 → ≥ 4 s), it falls among failed requests'),
    ),
    JSON.stringify(verdict.findings),
  );
});

test('a censored round is worse than any number: one of five is outvoted, two make the boot censored', () => {
  const at = (ms: number, censored: number): Metrics => ({
    'ttft.p95': value(
      repeat(5, (i) => (i < censored ? 30_000 : ms)),
      { value: ms, ...(censored > 0 && { roundBounds: repeat(5, (i) => (i < censored ? 'above' : 'exact')) }) },
    ),
    'errors.rate': value(repeat(5, (i) => (i < censored ? 0.06 : 0))),
  });
  const base = repeat(6, (i) => at(wobble(400, i), 0));
  const p95 = (candidate: Metrics[], baseline = base): Comparison =>
    only(duel('benchmark', baseline, candidate, { gates: ['ttft.p95'] }), 'ttft.p95');
  const outvoted = p95([at(400, 1), at(400, 1)]);
  assert.equal(outvoted.bound, 'exact');
  assert.ok(Math.abs(outvoted.candidate! - 400) < 20, `${outvoted.candidate}: the time-out is no value to average`);
  const two = p95([at(400, 2), at(400, 2)]);
  assert.equal(two.bound, 'above');
  assert.equal(two.p!.better, 1);
  assert.notEqual(two.verdict, 'unchanged');
  // The same in the baseline: a candidate without failures is not "unchanged" against it, and its noise is not learnt.
  const open = p95([at(400, 0), at(400, 0)], [...base, { ...at(400, 0), 'ttft.p95': at(400, 2)['ttft.p95']! }]);
  assert.equal(open.df.baseline, 5);
  assert.notEqual(open.verdict, 'unchanged');
});

test('what a bound does not admit is not claimed: no loss against a baseline that may be worse, no gain over one that may be better', () => {
  const recovery = (seconds: number, bound: Value['bound'] = 'exact'): Metrics => ({
    'surge.recovery': value([seconds], { bound }),
  });
  const ledger = { 'surge.recovery': learnt(1, 18 * 0.01, 18) };
  const base = repeat(5, () => recovery(12, 'above'));
  const slow = duel('step-surge', base, [recovery(40), recovery(40)], { ledger, gates: ['surge.recovery'] });
  assert.equal(only(slow, 'surge.recovery', 'step-surge').verdict, 'inconclusive');
  const fast = duel('step-surge', base, [recovery(2), recovery(2)], { ledger, gates: ['surge.recovery'] });
  assert.equal(only(fast, 'surge.recovery', 'step-surge').verdict, 'improved');
  assert.equal(
    kneeDuel(
      repeat(5, () => knee(40, 'above')),
      [knee(60), knee(60)],
    ).verdict,
    'inconclusive',
  );
});

// ---- shed load ---------------------------------------------------------------------------------------------------

test('latency that improves while failures rise is not an improvement, and the verdict names it', () => {
  const at = (ms: number, errors: number): Metrics => ({
    'ttft.p95': value(repeat(5, () => ms)),
    'errors.rate': value(repeat(5, () => errors)),
  });
  const input = duel(
    'benchmark',
    repeat(6, (i) => at(wobble(400, i), 0)),
    [at(200, 0.03), at(201, 0.03)],
    { gates: ['ttft.p95'] },
  );
  const verdict = judge(input);
  assert.equal(verdict.comparisons.find((one) => one.metric === 'ttft.p95')?.verdict, 'inconclusive');
  assert.equal(verdict.comparisons.find((one) => one.metric === 'errors.rate')?.verdict, 'regressed');
  assert.equal(verdict.outcome, 'fail');
  assert.ok(
    verdict.findings.some(
      (one) =>
        one.kind === 'load_shed' &&
        /TTFT p95 \(−\d+\.\d %\) moved because load was shed: failed requests rose from 0 % to 3 %/.test(one.message),
    ),
  );
  assert.equal(
    judge(
      duel(
        'benchmark',
        repeat(6, (i) => at(wobble(400, i), 0)),
        [at(200, 0), at(201, 0)],
        { gates: ['ttft.p95'] },
      ),
    ).outcome,
    'pass',
  );
});

test('a rate that improves while failures rise is not an improvement either', () => {
  const at = (rate: number, errors: number): Metrics => ({
    'throughput.tokens': value(repeat(5, () => rate)),
    'errors.rate': value(repeat(5, () => errors)),
  });
  const { comparisons } = judge(
    duel(
      'benchmark',
      repeat(6, (i) => at(wobble(9_000, i), 0)),
      [at(12_000, 0.03), at(12_100, 0.03)],
      { gates: ['throughput.tokens'] },
    ),
  );
  const rate = comparisons.find((one) => one.metric === 'throughput.tokens')!;
  assert.equal(rate.verdict, 'inconclusive');
  assert.match(rate.because, /better because load was shed: failed requests rose/);
});

test('latency that improves because answers got shorter is not an improvement', () => {
  const at = (ms: number, tokens: number): Metrics => ({
    'e2e.p95': value(repeat(5, () => ms)),
    'output.tokens.mean': value([tokens]),
  });
  const verdict = judge(
    duel(
      'benchmark',
      repeat(6, (i) => at(wobble(4_000, i), 180)),
      [at(3_000, 173), at(3_010, 173)],
      { gates: ['e2e.p95'] },
    ),
  );
  assert.notEqual(verdict.outcome, 'pass');
  assert.ok(
    verdict.findings.some(
      (one) => one.kind === 'load_shed' && one.message.includes('answers got shorter (180 → 173 tokens)'),
    ),
  );
});

/** A ramp in steps of 2 req/s that holds up to a load and fails shares of its requests below and above it. */
const ramp = (knee: number, to: number, failed: { held: number; beyond: number }, i = 0) => {
  const curve = repeat(to / 2, (step) => {
    const offeredRate = 2 * (step + 1);
    const held = offeredRate <= knee;
    return curvePoint({ offeredRate, held, errorRate: held ? failed.held : failed.beyond });
  });
  const sum = (pick: (point: (typeof curve)[number]) => number) => curve.reduce((all, point) => all + pick(point), 0);
  const errors = sum((point) => point.errorRate * point.offeredRate) / sum((point) => point.offeredRate);
  const metrics: Metrics = {
    'knee.rate': value([wobble(knee, i)]),
    'saturation.rate': value([wobble(knee * 1.2, i)]),
    'errors.rate': value([errors], { n: 30 * sum((point) => point.offeredRate) }),
  };
  return { curve, metrics };
};

/** Ramps against stored ones, of whose last the segment keeps the curve. */
function ramps(
  candidate: readonly ReturnType<typeof ramp>[],
  baseline: readonly ReturnType<typeof ramp>[],
  keepsCurve = true,
): JudgeInput {
  const stored = history(
    'linear',
    baseline.map(({ metrics }) => metrics),
  );
  if (keepsCurve) stored.segments[0]!.curve = baseline.at(-1)!.curve;
  const boots = candidate.map(({ metrics, curve }, index) => boot(index + 1, [stageOf('linear', metrics, { curve })]));
  return {
    record: record(boots),
    lookup: found({ linear: [stored] }),
    policy: policy({ comparison: { ...policy().comparison, gates: [{ metric: 'knee.rate', stage: 'linear' }] } }),
    expected: ['linear'],
  };
}
const verdictsOf = (input: JudgeInput): Record<string, string> =>
  Object.fromEntries(judge(input).comparisons.map(({ metric, verdict }) => [metric, verdict]));

test('a load line that rises while requests fail at loads that were held is not an improvement', () => {
  const stored = repeat(6, (i) => ramp(24, 30, { held: 0, beyond: 0.3 }, i));
  const input = ramps([ramp(34, 40, { held: 0.03, beyond: 0.03 }), ramp(34, 40, { held: 0.03, beyond: 0.03 })], stored);
  assert.deepEqual(verdictsOf(input), { 'knee.rate': 'inconclusive', 'saturation.rate': 'inconclusive' });
  const shed = judge(input).findings.find(({ kind }) => kind === 'load_shed');
  assert.match(
    shed!.message,
    /Load line \(\+40\.5 %\).* because load was shed: failed requests at loads that were held rose from 0 % to 3 %/,
  );
});

test('what a ramp loses below the load that the baseline held is shed too, though the candidate held nothing', () => {
  const stored = repeat(6, (i) => ramp(24, 30, { held: 0, beyond: 0.3 }, i));
  const failing = ramp(0, 30, { held: 0, beyond: 0.2 });
  const metrics = { 'saturation.rate': value([40]), 'errors.rate': failing.metrics['errors.rate']! };
  const input = ramps(
    repeat(2, () => ({ ...failing, metrics })),
    stored,
  );
  assert.equal(verdictsOf(input)['saturation.rate'], 'inconclusive');
});

test('a ramp that ran further into saturation is not accused of shedding for what failed there', () => {
  const stored = repeat(6, (i) => ramp(24, 26, { held: 0, beyond: 0.1 }, i));
  const further = repeat(2, () => ramp(34, 60, { held: 0, beyond: 0.5 }));
  for (const keepsCurve of [true, false])
    assert.deepEqual(verdictsOf(ramps(further, stored, keepsCurve)), {
      'knee.rate': 'improved',
      'saturation.rate': 'improved',
    });
});

test('without a stored curve the whole of the stored ramps stands for it', () => {
  const shedding = repeat(2, () => ramp(34, 40, { held: 0.03, beyond: 0.03 }));
  const clean = repeat(6, (i) => ramp(24, 30, { held: 0, beyond: 0 }, i));
  assert.equal(verdictsOf(ramps(shedding, clean, false))['knee.rate'], 'inconclusive');
});

// ---- a trade -----------------------------------------------------------------------------------------------------

test('latency bought with throughput is one sentence with both sides, and with the cost where a price is given', () => {
  const trade = (id: string, stage: string): number =>
    stage === 'linear' && id === 'throughput.tokens' ? 1.4 : id.startsWith('e2e') ? 1.18 : 1;
  const input = world({ seed: 'trade', boots: 2, factor: trade });
  const notes = (price?: JudgeInput['policy']['price']): string[] =>
    judge({ ...input, policy: policy({ price }) })
      .findings.filter((one) => one.message.startsWith('A trade'))
      .map((one) => one.message);
  assert.match(
    notes()[0]!,
    /^A trade: E2E p\d\d in benchmark \+1\d\.\d %, Output throughput in linear \+\d\d\.\d %\.$/,
  );
  assert.match(
    notes({ gpuHour: 3.6, gpus: 1, currency: 'USD' })[0]!,
    /, cost of a million tokens −2[789]\.\d % \(0\.11\d* → 0\.07\d* USD\)\.$/,
  );
  assert.deepEqual(
    judge(world({ seed: 'no trade', boots: 2, factor: (id) => (id.startsWith('e2e') ? 1.18 : 1) })).findings.filter(
      (one) => one.message.startsWith('A trade'),
    ),
    [],
  );
});

// ---- outlying rounds ---------------------------------------------------------------------------------------------

const bump = (metrics: Metrics, round: number, factor: number): Metrics =>
  Object.fromEntries(
    Object.entries(metrics).map(([id, one]) => [
      id,
      id.includes('.p') ? value(one.rounds.map((v, i) => (i === round && v !== null ? v * factor : v))) : one,
    ]),
  );

test('one round of a neighbour’s making does not make a regression, in the candidate or in the baseline', () => {
  const random = createRandom('outlier');
  const baseline = repeat(10, () => metricsOf('benchmark', random, calm));
  const good = metricsOf('benchmark', random, calm);
  const also = metricsOf('benchmark', random, calm);
  const ledger = history('benchmark', []).ledger;
  const judged = duel('benchmark', baseline, [bump(good, 2, 1.3), bump(also, 0, 1.3)], {
    gates: ['ttft.p95', 'tpot.p95'],
    ledger,
  });
  const verdict = judge(judged);
  assert.equal(verdict.outcome, 'pass', verdict.headline);
  assert.match(explain(judged, 'ttft.p95@benchmark'), /boot 1: .* tainted /);
  const spoiltBase = duel(
    'benchmark',
    baseline.map((one, i) => (i === 3 ? bump(one, 1, 1.3) : one)),
    [good, also],
    { gates: ['ttft.p95', 'tpot.p95'], ledger },
  );
  assert.equal(judge(spoiltBase).outcome, 'pass');
});

test('how far a tainted round stands apart does not matter: it is left out', () => {
  const random = createRandom('left out');
  const baseline = repeat(10, () => metricsOf('benchmark', random, calm));
  const good = metricsOf('benchmark', random, calm);
  const at = (factor: number): number | null =>
    only(duel('benchmark', baseline, [bump(good, 2, factor)]), 'ttft.p95').candidate;
  const without = value(good['ttft.p95']!.rounds.filter((_, index) => index !== 2));
  assert.equal(at(0.7), at(3));
  assert.ok(Math.abs(at(3)! - without.value!) < 1);
});

test('the run is told which rounds to repeat: the client’s first, then those that stand apart', () => {
  const random = createRandom('taint');
  const stored = history(
    'benchmark',
    repeat(4, () => metricsOf('benchmark', random, calm)),
  );
  const invalid = [{ code: 'client_dispatch_delay' as const, message: 'late', advice: 'x', phase: 'round-5' }];
  const rounds = repeat(5, (i) => phaseOf('round', { name: `round-${i + 1}`, invalid: i === 4 ? invalid : [] }));
  const fresh = (metrics: Metrics) =>
    stageOf('benchmark', metrics, { phases: [phaseOf('rampIn'), ...rounds] }) as Parameters<typeof taintedRounds>[0];
  assert.deepEqual(taintedRounds(fresh(bump(metricsOf('benchmark', random, calm), 1, 1.3)), stored), [4, 1]);
  assert.deepEqual(taintedRounds(fresh(metricsOf('benchmark', random, calm)), stored), [4]);
  assert.deepEqual(taintedRounds(fresh(bump(metricsOf('benchmark', random, calm), 1, 1.3)), null), [4]);
});

// ---- thin baselines ------------------------------------------------------------------------------------------------

test('thin baseline, golden: one boot, noise assumed, what it cannot see and what would help', () => {
  const at = (ms: number): Metrics => ({ 'tpot.p95': value(repeat(5, () => ms)) });
  const verdict = judge(duel('benchmark', [at(24)], [at(24.2)], { gates: ['tpot.p95'] }));
  assert.equal(verdict.outcome, 'warn');
  const thin = verdict.findings.find((one) => one.kind === 'thin_baseline')!;
  assert.equal(
    thin.message,
    'Inconclusive: one baseline boot; boot noise is assumed (±3.0 %), not measured. The smallest detectable change of TPOT p95 in benchmark is +68.8 %.',
  );
  assert.equal(
    thin.advice,
    'Record 3 more baseline boots; with 10 it would be about +21.0 %. How much boots differ can be measured at once: plimsoll ledger.',
  );
  assert.equal(verdict.comparisons[0]?.verdict, 'inconclusive');
  assert.equal(verdict.climb.again, false, 'more boots of the candidate do not thicken the baseline');
});

test('a thin baseline never says unchanged, and suspects at most, whatever the boots', () => {
  const at = (ms: number): Metrics => ({ 'tpot.p95': value(repeat(5, () => ms)) });
  for (const k of [1, 2, 3]) {
    const base = repeat(k, (i) => at(wobble(24, i, 0.001)));
    assert.equal(
      only(
        duel(
          'benchmark',
          base,
          repeat(3, () => at(24)),
        ),
        'tpot.p95',
      ).verdict,
      'inconclusive',
      `K = ${k}`,
    );
    const doubled = only(
      duel(
        'benchmark',
        base,
        repeat(3, (i) => at(wobble(48, i, 0.001))),
      ),
      'tpot.p95',
    );
    assert.equal(doubled.verdict, 'suspected', `K = ${k}`);
    assert.equal(doubled.thin, true);
  }
  const four = only(
    duel(
      'benchmark',
      repeat(4, (i) => at(wobble(24, i, 0.001))),
      repeat(3, (i) => at(wobble(48, i, 0.001))),
    ),
    'tpot.p95',
  );
  assert.equal(four.verdict, 'regressed');
});

test('with a ledger one baseline boot is enough to regress, but not to be unchanged', () => {
  const at = (ms: number): Metrics => ({ 'tpot.p95': value(repeat(5, () => ms)) });
  const ledger = { 'tpot.p95': learnt(5, 18 * 0.005 ** 2, 18) };
  assert.equal(only(duel('benchmark', [at(24)], [at(30), at(30)], { ledger }), 'tpot.p95').verdict, 'regressed');
  assert.equal(only(duel('benchmark', [at(24)], [at(24), at(24)], { ledger }), 'tpot.p95').verdict, 'inconclusive');
});

test('a ledger of boots with another number of rounds is not used', () => {
  const at = (ms: number): Metrics => ({ 'tpot.p95': value(repeat(5, () => ms)) });
  const ledger = { 'tpot.p95': learnt(3, 1, 18) };
  assert.equal(
    only(
      duel(
        'benchmark',
        repeat(5, () => at(24)),
        [at(24)],
        { ledger },
      ),
      'tpot.p95',
    ).df.ledger,
    0,
  );
});

test('older segments lend their variance and never their level', () => {
  const at = (ms: number): Metrics => ({ 'tpot.p95': value(repeat(5, () => ms)) });
  const input = duel(
    'benchmark',
    repeat(5, (i) => at(wobble(24, i))),
    [at(24)],
  );
  const lookup = input.lookup as Extract<JudgeInput['lookup'], { kind: 'found' }>;
  const newest = lookup.file.stages.benchmark![0]!;
  const old = {
    ...newest.segments[0]!,
    id: 's0',
    boots: history(
      'benchmark',
      repeat(14, (i) => at(wobble(50, i))),
    ).segments[0]!.boots,
  };
  const one = only(
    { ...input, lookup: found({ benchmark: [{ ...newest, segments: [old, newest.segments[0]!] }] }) },
    'tpot.p95',
  );
  assert.equal(one.df.ledger, 13);
  assert.equal(one.df.prior, 0);
  assert.equal(one.verdict, 'unchanged');
  assert.ok(one.baseline! < 25);
});

// ---- ladder ------------------------------------------------------------------------------------------------------

test('the looks of a ladder spend the error rate once, more of it the later', () => {
  for (const most of [1, 2, 3, 5, 9]) {
    const looks = repeat(most, (i) => lookOf(i + 1, most));
    assert.ok(Math.abs(looks.reduce((sum, look) => sum + look.alpha, 0) - 0.01) < 1e-12);
    for (const [i, look] of looks.entries())
      if (i > 0) assert.ok(look.alpha > looks[i - 1]!.alpha && look.equivalenceAlpha > looks[i - 1]!.equivalenceAlpha);
  }
  assert.deepEqual(lookOf(7, 3), lookOf(3, 3));
});

test('gates share 80 % of the error rate, whatever else is compared', () => {
  const { decisions } = assess(world({ seed: 1 }));
  const levels = (gate: boolean): number[] =>
    decisions.filter(({ evidence }) => evidence.gate === gate).map(({ level }) => level);
  assert.equal(levels(true).length, 3);
  assert.ok(levels(false).length > 10);
  const total = lookOf(1, 3).alpha;
  for (const level of levels(true)) assert.ok(Math.abs(level - (0.8 * total) / 3) < 1e-12);
  for (const level of levels(false)) assert.ok(Math.abs(level - (0.2 * total) / levels(false).length) < 1e-12);
});

test('a gate that is still open after the last boot of the ladder asks for no more', () => {
  const verdict = judge(world({ seed: 'open to the end', boots: 3, noise: { boot: 0.08, round: 0.02 } }));
  assert.ok(verdict.comparisons.some((one) => one.gate && one.verdict === 'inconclusive'));
  assert.deepEqual(verdict.climb, { again: false, reason: 'all 3 boots of the ladder are taken' });
});

test('no further boot once a regression is confirmed: the job fails whatever the open gate turns out to be', () => {
  const factor = (id: string): number => (id === 'tpot.p95' ? 1.3 : id === 'ttft.p95' ? 1.07 : 1);
  const input = world({ seed: 'both', boots: 2, noise: { boot: 0.025, round: 0.01 }, factor });
  const verdict = judge(input);
  const gates = verdict.comparisons.filter((one) => one.gate);
  assert.ok(
    gates.some((one) => one.verdict === 'regressed'),
    verdict.headline,
  );
  assert.ok(
    gates.some((one) => one.verdict === 'inconclusive' || one.verdict === 'suspected'),
    'another gate is open',
  );
  assert.equal(verdict.climb.again, false);
  assert.match(verdict.climb.reason, /TPOT p95 in benchmark is confirmed as regressed/);
  const tolerant = judge({ ...input, policy: policy({ failOn: ['breach'] }) });
  assert.equal(tolerant.climb.again, true, 'where regressions do not fail the job the open gate is worth a boot');
});

test('the budget never withholds the second boot that a suspicion needs, but every later one', () => {
  const factor = (id: string): number => (id === 'tpot.p95' ? 1.3 : 1);
  const overBudget = 'the budget of 45 min has no room for another boot';
  const first = judge({ ...world({ seed: 'owed', boots: 1, factor }), overBudget });
  assert.ok(
    first.comparisons.some((one) => one.gate && one.verdict === 'suspected'),
    first.headline,
  );
  assert.equal(first.climb.again, true);
  const open = world({
    seed: 'open',
    boots: 2,
    noise: { boot: 0.02, round: 0.01 },
    factor: (id) => (id === 'tpot.p95' ? 1.06 : 1),
  });
  const second = judge({ ...open, overBudget });
  assert.equal(second.climb.again, false);
});

test('no further boot: at the end of the ladder, over budget, when every gate is decided', () => {
  const slower = (id: string): number => (id === 'tpot.p95' ? 1.06 : 1);
  const noise = { boot: 0.02, round: 0.01 };
  const open = world({ seed: 'open', noise, factor: slower });
  assert.equal(judge(open).climb.again, true, judge(open).headline);
  assert.deepEqual(judge({ ...open, overBudget: 'the budget of 45 min has no room for another boot' }).climb, {
    again: false,
    reason: 'the budget of 45 min has no room for another boot',
  });
  const last = judge({ ...open, policy: policy({ comparison: { ...policy().comparison, maxBoots: 1 } }) });
  assert.equal(last.climb.again, false);
  assert.deepEqual(judge(world({ seed: 1 })).climb, { again: false, reason: 'every gate is decided' });
});

// ---- the rest ----------------------------------------------------------------------------------------------------

test('a drifting baseline is said', () => {
  const at = (ms: number): Metrics => ({ 'tpot.p95': value(repeat(5, () => ms)) });
  const drifting = judge(
    duel(
      'benchmark',
      repeat(10, (i) => at(24 * 1.01 ** i)),
      [at(24 * 1.05)],
      { gates: ['tpot.p95'] },
    ),
  );
  assert.ok(
    drifting.findings.some((one) =>
      one.message.startsWith('The baseline drifts: TPOT p95 in benchmark moved by +9.4 %'),
    ),
  );
  const still = judge(
    duel(
      'benchmark',
      repeat(10, (i) => at(wobble(24, i, 0.2))),
      [at(24)],
      { gates: ['tpot.p95'] },
    ),
  );
  assert.equal(
    still.findings.some((one) => one.message.includes('drifts')),
    false,
  );
});

test('a drift shows in all boots that are remembered, each about its own level, before ten boots of one gate show it', () => {
  const random = createRandom('slow drift');
  const at = (run: number, level: number): Metrics => {
    const shared = random.normal();
    return Object.fromEntries(
      ['tpot.p95', 'ttft.p95', 'e2e.p95'].map((id) => [
        id,
        value(repeat(5, () => level * 1.003 ** run * Math.exp(0.007 * (shared + random.normal())))),
      ]),
    );
  };
  const gates = ['tpot.p95', 'ttft.p95', 'e2e.p95'];
  const file = found({
    benchmark: [
      {
        ...history(
          'benchmark',
          repeat(10, (i) => at(12 + i, 24)),
        ),
        trail: repeat(12, (i) => ({
          id: `old${i}`,
          at: '2025-12-01T00:00:00Z',
          commit: null,
          segment: i < 6 ? 's0' : 's1',
          values: Object.fromEntries(
            Object.entries(at(i, i < 6 ? 30 : 24)).map(([id, { value: whole }]) => [id, whole!]),
          ),
        })),
      },
    ],
  });
  const verdict = judge({
    record: record([boot(1, [stageOf('benchmark', at(22, 24))])]),
    lookup: file,
    policy: policy({
      comparison: {
        ...policy().comparison,
        gates: gates.map((metric) => ({ metric, stage: 'benchmark' as const })),
      },
    }),
    expected: ['benchmark'],
  });
  assert.equal(verdict.findings.filter((one) => one.message.startsWith('The baseline drifts')).length, 1);
});

test('a level that changed inside the segment is proposed as a new one, in place of a drift', () => {
  const at = (ms: number, index: number): Metrics => ({ 'tpot.p95': value(repeat(5, () => wobble(ms, index))) });
  const notes = (levels: readonly number[]): string[] =>
    judge(
      duel(
        'benchmark',
        levels.map((ms, index) => at(ms, index)),
        [at(levels.at(-1)!, 1)],
        { gates: ['tpot.p95'] },
      ),
    )
      .findings.filter((one) => one.kind === 'note')
      .map((one) => `${one.message} ${one.advice}`);
  const [step, ...others] = notes([...repeat(6, () => 24), ...repeat(4, () => 26.4)]);
  assert.match(
    step!,
    /^The baseline holds two levels: TPOT p95 in benchmark moved by \+\d+\.\d % at boot base6#1 \(2026-01-01\), so its false-alarm rate cannot be held\. .* baseline split FILE --at base6#1/,
  );
  assert.deepEqual(others, []);
  assert.deepEqual(notes(repeat(10, () => 24)), []);
});

test('explain shows each step, and what is compared where the metric is not', () => {
  const input = world({ seed: 1 });
  const text = explain(input, 'ttft.p95@benchmark');
  for (const part of [
    /baseline boots:\n {2}base0#1: 2\d\d from rounds/,
    /candidate boots:\n {2}boot 1/,
    /sd of a boot: .* 18 \(ledger\)/,
    /sums of squares: \S+ \(baseline\) \+ 0 \(candidate\) \+ \S+ \(ledger\) \+ 0 \(assumed\)/,
    /look 1 of 3/,
    /Holm's order for the worse: place \d+ of 21; 0 rejected before it/,
    /verdict: unchanged/,
  ])
    assert.match(text, part);
  assert.match(explain(input, 'ttft.max@benchmark'), /is not compared in this report/);
  assert.equal(
    explain(input, 'goodput.share').split('verdict:').length - 1,
    2,
    'without a stage: every stage that compares it',
  );
});

test('judging a whole report takes milliseconds', () => {
  const input = world({ seed: 'speed', boots: 3 });
  judge(input);
  const startedMs = performance.now();
  for (let i = 0; i < 5; i++) judge(input);
  const eachMs = (performance.now() - startedMs) / 5;
  assert.ok(eachMs < 250, `${eachMs} ms`);
  assert.ok(PER_ROUND > 2_000);
});
