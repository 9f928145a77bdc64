import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Condition, SlaRule } from '../../src/config/schema.ts';
import { judge } from '../../src/judge/judge.ts';
import { holds, judgeSla } from '../../src/judge/sla.ts';
import { standStage } from '../../src/judge/standing.ts';
import type { SlaResult } from '../../src/judge/verdict.ts';
import {
  boot,
  condition,
  found,
  history,
  type Metrics,
  policy,
  record,
  type Stage,
  stageOf,
  value,
} from './fixture.ts';

const rule = (metric: string, gold: Condition, tolerance: Condition = gold): SlaRule => ({
  metric,
  stage: 'benchmark',
  gold,
  tolerance,
  line: null,
});
const below = (limit: number): Condition => condition(`< ${limit}`, '<', limit);
const above = (limit: number): Condition => condition(`> ${limit}`, '>', limit);

function result(one: SlaRule, boots: readonly Metrics[], options: Partial<Stage> = {}): SlaResult {
  const run = record(boots.map((metrics, index) => boot(index + 1, [stageOf('benchmark', metrics, options)])));
  return judgeSla(one, standStage('benchmark', { record: run, lookup: { kind: 'none', reason: '' }, strict: false }));
}

test('gold, tolerated, breached, each by its own condition', () => {
  const status = (ms: number): string =>
    result(rule('ttft.p99', below(500), below(1_000)), [{ 'ttft.p99': value([ms]) }]).status;
  assert.equal(status(499), 'gold');
  assert.equal(status(500), 'tolerated');
  assert.equal(status(999), 'tolerated');
  assert.equal(status(1_000), 'breached');
  assert.equal(result(rule('ttft.p99', condition('<= 500', '<=', 500)), [{ 'ttft.p99': value([500]) }]).status, 'gold');
  assert.equal(result(rule('knee.rate', condition('>= 20', '>=', 20)), [{ 'knee.rate': value([20]) }]).status, 'gold');
  assert.equal(result(rule('knee.rate', above(20)), [{ 'knee.rate': value([20]) }]).status, 'breached');
});

test('zero is a value, not a missing one', () => {
  const one = result(rule('errors.rate', below(0.01)), [{ 'errors.rate': value([0, 0, 0]) }]);
  assert.equal(one.status, 'gold');
  assert.equal(one.value, 0);
});

test('a censored value decides what its bound decides, and is not measured where it does not', () => {
  const at = (bound: 'above' | 'below', one: SlaRule): SlaResult =>
    result(one, [{ [one.metric]: value([120_000], { bound, value: one.metric === 'knee.rate' ? 40 : 120_000 }) }]);
  assert.equal(at('above', rule('ttft.p99', below(500), below(1_000))).status, 'breached');
  assert.equal(at('above', rule('ttft.p99', below(200_000))).status, 'not_measured');
  assert.match(at('above', rule('ttft.p99', below(200_000))).note!, /≥ 120 s does not tell whether "< 200000" holds/);
  assert.equal(at('above', rule('knee.rate', above(20))).status, 'gold');
  const tolerated = at('above', rule('knee.rate', above(50), above(30)));
  assert.equal(tolerated.status, 'tolerated');
  assert.match(tolerated.note!, /does not tell whether "> 50" holds/);
  assert.equal(at('below', rule('knee.rate', above(40))).status, 'breached');
  assert.equal(at('below', rule('knee.rate', above(20))).status, 'not_measured');
});

test('what a bound settles is true of every value that the bound admits', () => {
  const op = fc.constantFrom<Condition['op']>('<', '<=', '>', '>=');
  fc.assert(
    fc.property(
      op,
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 20 }),
      fc.constantFrom<'above' | 'below'>('above', 'below'),
      (each, limit, bound, side) => {
        const met = condition('', each, limit);
        const answer = holds(met, bound, side);
        const admitted = Array.from({ length: 100 }, (_, i) => (side === 'above' ? bound + i / 2 : bound - i / 2));
        const truths = new Set(admitted.map((v) => holds(met, v, 'exact')));
        assert.equal(answer, truths.size === 1 ? [...truths][0] : null);
      },
    ),
  );
});

test('over boots the value is the geometric mean of a latency, the mean of a share; the interval comes from rounds, then from boots', () => {
  const p99 = (rounds: number[]): Metrics => ({ 'ttft.p99': value(rounds, { value: rounds[0]! }) });
  const two = result(rule('ttft.p99', below(500)), [p99([100, 110, 90]), p99([400, 410, 390])]);
  assert.ok(Math.abs(two.value! - 200) < 1e-9);
  assert.ok(two.interval![0] < 200 && two.interval![1] > 200);
  const three = result(rule('ttft.p99', below(500)), [p99([100]), p99([101]), p99([99])]);
  assert.ok(three.interval![0] > 95 && three.interval![1] < 105);
  assert.equal(result(rule('ttft.p99', below(500)), [p99([100])]).interval, null);
  assert.ok(
    Math.abs(
      result(rule('gpu.utilization.mean', below(85)), [
        { 'gpu.utilization.mean': value([60]) },
        { 'gpu.utilization.mean': value([80]) },
      ]).value! - 70,
    ) < 1e-9,
  );
});

test('a value within its uncertainty of the limit says so', () => {
  const near = result(rule('ttft.p99', below(500)), [{ 'ttft.p99': value([480, 510, 470, 500, 490]) }]);
  assert.match(near.note!, /within its uncertainty of the limit "< 500"/);
  assert.equal(result(rule('ttft.p99', below(900)), [{ 'ttft.p99': value([480, 510, 470, 500, 490]) }]).note, null);
});

test('not measured: in the words of the sampler, of the value, of the stage', () => {
  const gpu = rule('gpu.utilization.mean', below(85));
  assert.equal(
    result(gpu, [{}], { unmeasured: [{ metric: 'gpu.utilization', reason: 'nvidia-smi was not found' }] }).note,
    'nvidia-smi was not found',
  );
  assert.equal(
    result(rule('tpot.p95', below(85)), [{ 'tpot.p95': value([], { value: null, note: 'answers have one token' }) }])
      .note,
    'answers have one token',
  );
  assert.match(result(gpu, []).note!, /the stage is missing/);
  assert.match(result(rule('cost.per_request', below(1)), [{}]).note!, /no price is configured/);
  assert.match(result(rule('no.such', below(1)), [{}]).note!, /there is no metric "no.such"/);
  assert.equal(judgeSla(gpu, undefined).status, 'not_measured');
});

test('boot time comes from the boot, thin percentiles say so', () => {
  assert.equal(result(rule('boot.duration', below(60)), [{}]).value, 41);
  assert.match(
    result(rule('ttft.p99', below(500)), [{ 'ttft.p99': value([1], { thin: true }) }]).note!,
    /too few requests to bear this percentile/,
  );
});

// ---- relative to the baseline ------------------------------------------------------------------------------------

const relative = (text: string, op: Condition['op'], ofBaseline: number, limit = 0): Condition => ({
  op,
  text,
  limit,
  ofBaseline,
});
const overBaseline = relative('< baseline + 10%', '<', 1.1);
const sla = [rule('ttft.p95', overBaseline)];

test('a limit relative to the baseline is that of its newest segment, and is shown as a number', () => {
  const at = (ms: number): Metrics => ({ 'ttft.p95': value([ms, ms]) });
  const lookup = found({ benchmark: [history('benchmark', [at(200), at(800)])] });
  const judged = (ms: number): SlaResult =>
    judgeSla(
      sla[0]!,
      standStage('benchmark', { record: record([boot(1, [stageOf('benchmark', at(ms))])]), lookup, strict: false }),
    );
  assert.equal(judged(439).status, 'gold', '1.1 times the geometric mean of 200 and 800');
  assert.equal(judged(441).status, 'breached');
  assert.deepEqual(Math.round(judged(441).tolerance.limit), 440);
  assert.equal(judged(441).tolerance.text, '< baseline + 10% (440 ms)');
});

test('without a baseline such a rule waits for one: as severe as the missing baseline, no breach', () => {
  const run = record([boot(1, [stageOf('benchmark', { 'ttft.p95': value([200]) })])]);
  const verdictOf = (options: Parameters<typeof policy>[0], mode: 'gate' | 'baseline' = 'gate') =>
    judge({
      record: { ...run, mode },
      lookup: { kind: 'none', reason: 'there is none' },
      policy: policy({ sla, ...options }),
      expected: ['benchmark'],
    });
  const warned = verdictOf({});
  assert.equal(warned.outcome, 'warn');
  assert.equal(warned.sla[0]!.status, 'not_measured');
  assert.equal(warned.sla[0]!.awaitsBaseline, true);
  assert.match(
    warned.findings.find((one) => one.kind === 'not_measured')!.message,
    /rule < baseline \+ 10%\): there is no baseline to take the limit from/,
  );
  assert.equal(verdictOf({ failOn: ['unbaselined'] }).outcome, 'fail');
  const first = verdictOf({}, 'baseline');
  assert.equal(first.outcome, 'pass');
  assert.match(first.headline, /one SLA rule waits for a baseline/);
});

test('a baseline of which only a bound is known decides what the bound decides, and else the rule is not measured', () => {
  const p95 = (ms: number, bound: 'exact' | 'above' | 'below' = 'exact'): Metrics => ({
    'ttft.p95': value([ms], { bound }),
  });
  const judged = (ms: number, baseline: Metrics[], one: SlaRule = sla[0]!): SlaResult => {
    const run = record([boot(1, [stageOf('benchmark', p95(ms))])]);
    const lookup = found({ benchmark: [history('benchmark', baseline)] });
    return judgeSla(one, standStage('benchmark', { record: run, lookup, strict: false }));
  };
  const bounded = [p95(200), p95(800, 'above')];
  const met = judged(200, bounded);
  assert.deepEqual([met.status, met.tolerance.text], ['gold', '< baseline + 10% (≥ 440 ms)']);
  const open = judged(500, bounded);
  assert.deepEqual([open.status, open.awaitsBaseline], ['not_measured', undefined]);
  assert.match(open.note!, /^the baseline is only known as ≥ 400 ms, which does not tell whether/);
  const slower = rule('ttft.p95', relative('> baseline', '>', 1));
  assert.equal(judged(300, bounded, slower).status, 'breached');
  assert.equal(judged(500, bounded, slower).status, 'not_measured');
  assert.match(judged(500, [p95(1, 'below'), p95(900, 'above')]).note!, /the baseline's boots lie past different ends/);
});

test('a limit that is a bound settles what is true of every limit that it admits', () => {
  const side = fc.constantFrom<'above' | 'below'>('above', 'below');
  const number = fc.integer({ min: 0, max: 20 });
  fc.assert(
    fc.property(
      fc.constantFrom<Condition['op']>('<', '<=', '>', '>='),
      number,
      number,
      side,
      (op, limit, at, bound) => {
        const answer = holds(condition('', op, limit), at, 'exact', bound);
        const admitted = Array.from({ length: 100 }, (_, i) => (bound === 'above' ? limit + i / 2 : limit - i / 2));
        const truths = new Set(admitted.map((one) => holds(condition('', op, one), at, 'exact')));
        assert.equal(answer, truths.size === 1 ? [...truths][0] : null);
      },
    ),
  );
});
