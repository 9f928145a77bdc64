import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatBaseline, parseBaseline } from '../../src/baseline/codec.ts';
import { learnPairs, spreadOfPairs } from '../../src/baseline/pairs.ts';
import { prune } from '../../src/baseline/prune.ts';
import type { BaselineFile, BaselineLookup } from '../../src/baseline/schema.ts';
import { spreadsOf } from '../../src/judge/aa.ts';
import { explain } from '../../src/judge/explain.ts';
import { assess, type JudgeInput, judge } from '../../src/judge/judge.ts';
import { atMatchedLoads } from '../../src/judge/matched-loads.ts';
import { powerOf } from '../../src/judge/power.ts';
import { resolveMetric } from '../../src/metrics.ts';
import { createRandom, type Random } from '../../src/stats/random.ts';
import { boot, found, history, learnt, type Metrics, policy, record, stageOf, value } from './fixture.ts';

/** TTFT p95 rises with load; TPOT a little. */
const TTFT = [100, 105, 112, 124, 145, 190, 320, 900];
const TPOT = [20, 20, 21, 22, 24, 27, 31, 40];
const KNEE = 41.2;

interface Ramp {
  readonly factor?: number;
  readonly held?: number;
  readonly sd?: number;
  readonly knee?: number;
}

/** A boot whose steps share its own factor, each with a little of its own. */
function ramp(random: Random, { factor = 1, held = 6, sd = 0.01, knee = KNEE }: Ramp = {}): Metrics {
  const own = factor * Math.exp(sd * random.normal());
  const along = (levels: readonly number[]) =>
    value(levels.map((level, step) => (step < held ? level * own * Math.exp(0.5 * sd * random.normal()) : null)));
  const single = (level: number) => value([level * Math.exp(sd * random.normal())]);
  return {
    'knee.rate': value([knee * Math.exp(sd * random.normal())], { spacing: 5 }),
    'saturation.rate': single(50),
    'throughput.tokens': single(9_000),
    'curve.ttft_p95': along(TTFT),
    'curve.tpot_p95': along(TPOT),
  };
}

const LEDGER = Object.fromEntries(
  ['knee.rate', 'saturation.rate', 'throughput.tokens'].map((id) => [id, learnt(1, 18 * 0.01 ** 2, 18)]),
);
type Input = JudgeInput & { readonly lookup: Extract<BaselineLookup, { kind: 'found' }> };

function inputOf(
  baseline: readonly Metrics[],
  candidate: readonly Metrics[],
  gates: readonly string[] = ['knee.rate'],
) {
  return {
    record: record(candidate.map((metrics, index) => boot(index + 1, [stageOf('linear', metrics)]))),
    lookup: found({ linear: [history('linear', baseline, { ledger: structuredClone(LEDGER) })] }),
    policy: policy({
      comparison: { ...policy().comparison, gates: gates.map((metric) => ({ metric, stage: 'linear' as const })) },
    }),
    expected: ['linear'],
  } as Input;
}
const ramps = (random: Random, count: number, of: Ramp = {}): Metrics[] =>
  Array.from({ length: count }, () => ramp(random, of));
const verdictOf = (input: JudgeInput, metric: string) => judge(input).comparisons.find((one) => one.metric === metric);

test('slower by a tenth at every step below an unchanged knee is regressed with two boots', () => {
  const random = createRandom('slower');
  const baseline = ramps(random, 10);
  const candidate = ramps(random, 2, { factor: 1.1 });
  const verdict = judge(inputOf(baseline, candidate));
  const of = (metric: string) => verdict.comparisons.find((one) => one.metric === metric)!;
  assert.equal(verdict.outcome, 'fail');
  assert.notEqual(of('knee.rate').verdict, 'regressed');
  for (const [id, levels] of [
    ['curve.ttft_p95', TTFT],
    ['curve.tpot_p95', TPOT],
  ] as const) {
    assert.equal(of(id).verdict, 'regressed', of(id).because);
    assert.ok(Math.abs(of(id).change! - 0.1) < 0.03, String(of(id).change));
    const middle = Math.exp(levels.slice(0, 6).reduce((sum, level) => sum + Math.log(level), 0) / 6);
    assert.ok(Math.abs(of(id).baseline! / middle - 1) < 0.02, 'the geometric mean over the steps');
    assert.match(of(id).because, /^confirmed by 2 boots, at the 6 steps that every boot held$/);
  }
  assert.match(verdict.findings[0]!.message, /^Regressed: T[TP][FO]T p95 at held loads in linear is /);
});

test('with one boot it is suspected at most, and another boot is begun for it', () => {
  const random = createRandom('suspected');
  const verdict = judge(inputOf(ramps(random, 10), ramps(random, 1, { factor: 1.2 })));
  assert.deepEqual(
    verdict.comparisons.filter(({ metric }) => metric.startsWith('curve.')).map(({ verdict }) => verdict),
    ['suspected', 'suspected'],
  );
  assert.match(verdict.climb.reason, /^T[TP][FO]T p95 at held loads in linear is suspected/);
  assert.ok(verdict.climb.again);
});

test('identical deployments are not accused', () => {
  let accused = 0;
  const reports = 400;
  for (let report = 0; report < reports; report++) {
    const random = createRandom(`identical ${report}`);
    // Boots that hold five, six or seven steps, as a knee near a step has it; the quicker ones hold more.
    const one = (): Metrics => ramp(random, { held: random.int(5, 7), sd: 0.02 });
    // Every other baseline has a ledger of pruned boots.
    const { file } = inputOf(Array.from({ length: report % 2 === 0 ? 10 : 30 }, one), []).lookup;
    const candidate = Array.from({ length: 3 }, one);
    for (let boots = 1; boots <= 3; boots++) {
      const { comparisons, climb } = judge({
        ...inputOf([], candidate.slice(0, boots)),
        lookup: found(prune(file, 10).stages),
      });
      if (climb.again) continue;
      const curve = comparisons.filter(({ metric }) => metric.startsWith('curve.'));
      assert.equal(curve.length, 2);
      accused += Number(curve.some(({ verdict }) => verdict === 'regressed' || verdict === 'suspected'));
      break;
    }
  }
  // 1 % of reports is promised for all comparisons together: 10 of 400 have a chance of less than 1 %.
  assert.ok(accused < 10, `${accused} of ${reports}`);
});

test('a candidate that held fewer steps is compared at the common ones only, with nobody’s higher loads', () => {
  const random = createRandom('fewer');
  const baseline = ramps(random, 10, { held: 7 });
  const candidate = ramps(random, 2, { held: 4 });
  const input = inputOf(baseline, candidate);
  const one = verdictOf(input, 'curve.ttft_p95')!;
  assert.notEqual(one.verdict, 'improved');
  assert.ok(Math.abs(one.change!) < 0.03, 'at four steps both sides are alike; over all of its own it would be −25 %');
  assert.match(one.because, /at the 4 steps that every boot held$/);
  const slower = inputOf(baseline, ramps(random, 2, { held: 4, factor: 1.12 }));
  assert.equal(verdictOf(slower, 'curve.ttft_p95')!.verdict, 'regressed');
  const text = explain(input, 'curve.ttft_p95@linear');
  assert.match(text, /matched loads: steps 1, 2, 3, 4 of the ramp/);
  assert.match(text, /boot 1: [\d,.]+ from steps [\d,.]+ [\d,.]+ [\d,.]+ [\d,.]+ – – – –/);
  assert.doesNotMatch(text, /tainted|rounds/);
});

test('one step in common is enough, and said', () => {
  const random = createRandom('one');
  const one = verdictOf(inputOf(ramps(random, 10), ramps(random, 1, { held: 1 })), 'curve.tpot_p95')!;
  assert.match(one.because, /, at the one step that every boot held$/);
});

test('without a common step nothing is said of the curve: a gate is inconclusive, others are left out', () => {
  const random = createRandom('none');
  const baseline = ramps(random, 10);
  const candidate = ramps(random, 2, { held: 0 }).map((metrics) => ({
    ...metrics,
    'curve.ttft_p95': value(TTFT.map(() => null)),
  }));
  const input = inputOf(baseline, candidate, ['knee.rate', 'curve.ttft_p95']);
  const gate = verdictOf(input, 'curve.ttft_p95')!;
  assert.equal(gate.verdict, 'inconclusive');
  assert.equal(gate.because, 'no step of the ramp has a value of it in every boot of both sides');
  assert.equal(verdictOf(inputOf(baseline, candidate), 'curve.ttft_p95'), undefined);
  assert.match(explain(input, 'curve.ttft_p95@linear'), /matched loads: none[\s\S]*not tested: no step of the ramp/);
  // Steps that only some have, each another one.
  const apart = candidate.map((metrics, index) => ({
    ...metrics,
    'curve.ttft_p95': value(TTFT.map((level, step) => (step === index ? level : null))),
  }));
  assert.equal(verdictOf(inputOf(baseline, apart, ['curve.ttft_p95']), 'curve.ttft_p95')!.verdict, 'inconclusive');
});

test('boots stored before the metric existed take no part, and make no baseline thin', () => {
  const random = createRandom('old');
  const withoutCurve = ({ 'curve.ttft_p95': _, 'curve.tpot_p95': __, ...metrics }: Metrics): Metrics => metrics;
  const old = ramps(random, 10).map(withoutCurve);
  const candidate = ramps(random, 1);
  const before = judge(inputOf(old, candidate));
  assert.deepEqual(
    before.comparisons.map(({ metric }) => metric),
    ['knee.rate', 'saturation.rate', 'throughput.tokens'],
  );
  const mixed = judge(inputOf([...old.slice(2), ...ramps(random, 2)], candidate));
  const curve = mixed.comparisons.find(({ metric }) => metric === 'curve.ttft_p95')!;
  assert.deepEqual([curve.baselineBoots, curve.thin, curve.verdict], [2, true, 'inconclusive']);
  assert.deepEqual(
    mixed.findings.filter(({ kind }) => kind === 'thin_baseline'),
    [],
  );
  assert.equal(mixed.baseline!.priorUsed, false, 'of the rest nothing is assumed');
  assert.equal(mixed.outcome, before.outcome);
});

const squares = (values: readonly number[]): number => {
  const middle = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
};
const over = (metrics: Metrics, id: string, steps: number): number =>
  metrics[id]!.rounds.slice(0, steps).reduce<number>((sum, value) => sum + Math.log(value!), 0) / steps;

test('a pruned boot leaves its squares over the steps that all had; at other steps they do not count', () => {
  const random = createRandom('ledger');
  const boots = ramps(random, 12);
  const kept: BaselineFile = prune(inputOf(boots, []).lookup.file, 5);
  const [linear] = kept.stages.linear!;
  const [entry, ...others] = linear!.ledger['curve.ttft_p95']!;
  assert.deepEqual(
    [entry!.kind, entry!.rounds, entry!.steps, entry!.df, others.length],
    ['boots', 6, [1, 2, 3, 4, 5, 6], 7, 0],
  );
  const values = boots.map((metrics) => over(metrics, 'curve.ttft_p95', 6));
  const together = squares(values.slice(-5)) + entry!.ss;
  assert.ok(Math.abs(together / squares(values) - 1) < 1e-9, 'list and ledger carry the squares of all boots');
  assert.deepEqual(parseBaseline(formatBaseline(kept), 'x').stages.linear![0]!.ledger, linear!.ledger);
  assert.deepEqual(
    Object.keys(linear!.trail!.at(-1)!.values).filter((id) => id.startsWith('curve.')),
    [],
    'one number of one boot says nothing',
  );
  const against = (candidate: Metrics) =>
    verdictOf({ ...inputOf([], [candidate]), lookup: found(kept.stages) }, 'curve.ttft_p95')!.df;
  assert.deepEqual([against(ramp(random)).ledger, against(ramp(random, { held: 7 })).ledger], [7, 7]);
  assert.deepEqual([against(ramp(random, { held: 5 })).ledger, against(ramp(random, { held: 5 })).prior], [0, 4]);
});

test('A/A boots teach of the steps that all of them held, and power reckons with it', () => {
  const random = createRandom('aa');
  const held = [6, 7, 6, 8, 6];
  const aa = held.map((held, index) => ({ name: `boot ${index}`, slo: null, metrics: ramp(random, { held }) }));
  const [spread] = spreadsOf(aa)['curve.tpot_p95']!;
  const expected = squares(aa.map(({ metrics }) => over(metrics, 'curve.tpot_p95', 6)));
  assert.deepEqual([spread!.rounds, spread!.steps, spread!.df], [6, [1, 2, 3, 4, 5, 6], 4]);
  assert.ok(Math.abs(spread!.ss / expected - 1) < 1e-6);
  const { file } = inputOf(ramps(random, 10), []).lookup;
  file.stages.linear![0]!.ledger['curve.tpot_p95'] = [{ kind: 'aa', segment: null, run: 'r', ...spread! }];
  const curve = powerOf(file, policy(), { boots: 3, more: [10], all: true, learnt: 18 }).find(
    ({ metric }) => metric === 'curve.tpot_p95',
  )!;
  assert.deepEqual([curve.boots, curve.df.ledger], [10, 4]);
  const [now, later] = curve.rows;
  assert.ok(now!.detectable.every((change, index) => Number.isFinite(change) && change >= later!.detectable[index]!));
});

test('with a ledger a tenth is suspected from the first boot', () => {
  const random = createRandom('first look');
  const { file } = inputOf(ramps(random, 30), []).lookup;
  const input = { ...inputOf([], ramps(random, 1, { factor: 1.1 })), lookup: found(prune(file, 10).stages) };
  const curve = judge(input).comparisons.filter(({ metric }) => metric.startsWith('curve.'));
  assert.deepEqual(
    curve.map(({ verdict, df }) => [verdict, df.ledger, df.prior]),
    [
      ['suspected', 20, 0],
      ['suspected', 20, 0],
    ],
  );
});

test('pairs teach of the steps that all of their boots have', () => {
  const random = createRandom('pairs teach');
  const pairs = [6, 5, 7].map((held) => {
    const [here, there] = [
      stageOf('linear', ramp(random, { held: 7, factor: 1.2 })),
      stageOf('linear', ramp(random, { held })),
    ];
    return [here, there] as const;
  });
  const ledger = learnPairs(learnPairs({}, 'a', pairs), 'a', pairs);
  const [entry, ...others] = ledger['curve.ttft_p95']!;
  const differences = pairs.map(
    ([here, there]) => over(here.metrics, 'curve.ttft_p95', 5) - over(there.metrics, 'curve.ttft_p95', 5),
  );
  assert.deepEqual([entry!.rounds, entry!.steps, entry!.df, others.length], [5, [1, 2, 3, 4, 5], 2, 0]);
  assert.ok(Math.abs(entry!.ss / squares(differences) - 1) < 1e-9);
  assert.equal(spreadOfPairs(ledger['curve.ttft_p95'], [1, 2, 3, 4, 5]).df, 2);
  assert.equal(spreadOfPairs(ledger['curve.ttft_p95'], [1, 2, 3, 4]).df, 0);
  // Old runs are added up, each to those of the same steps.
  const shorter = pairs.map(
    ([here, there]) => [here, stageOf('linear', { ...there.metrics, ...ramp(random, { held: 4 }) })] as const,
  );
  let many = ledger;
  for (let run = 0; run < 25; run++) many = learnPairs(many, `run ${run}`, run % 2 === 0 ? pairs : shorter);
  assert.equal(spreadOfPairs(many['curve.ttft_p95'], [1, 2, 3, 4, 5]).df, 2 + 2 * 13);
  assert.equal(spreadOfPairs(many['curve.ttft_p95'], [1, 2, 3, 4]).df, 2 * 12);
});

test('pairs are matched over all of their boots', () => {
  const random = createRandom('pairs');
  const boots = [6, 5, 7].flatMap((held, index) => [
    boot(2 * index + 1, [stageOf('linear', ramp(random, { held }))], { side: 'base', pair: index + 1 }),
    boot(2 * index + 2, [stageOf('linear', ramp(random, { held: 7, factor: 1.3 }))], { pair: index + 1 }),
  ]);
  const input: JudgeInput = {
    ...inputOf([], []),
    record: record(boots, { interleaved: { ref: 'main', commit: 'abc', seed: 1, problem: null } as never }),
  };
  const { evidence, comparison } = assess(input).decisions.find((one) => one.evidence.metric.id === 'curve.ttft_p95')!;
  assert.deepEqual(evidence.steps, [1, 2, 3, 4, 5]);
  assert.equal(comparison.df.ledger, 0);
  assert.ok(Math.abs(comparison.change! - 0.3) < 0.05, String(comparison.change));
});

test('matching: every boot is left with the same steps, those that all have, and other metrics are untouched', () => {
  const metric = resolveMetric('curve.ttft_p95')!;
  const rounds = fc.array(fc.option(fc.double({ min: 1, max: 1e4, noNaN: true }), { nil: null }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(fc.option(rounds, { nil: undefined }), { minLength: 1, maxLength: 6 }), (all) => {
      const boots = all.map((one, index) => ({
        name: `boot ${index}`,
        slo: null,
        metrics: { 'knee.rate': value([40]), ...(one && { [metric.id]: value(one) }) } as Metrics,
      }));
      const matched = atMatchedLoads(metric, boots);
      const present = all.filter((one) => one !== undefined);
      for (const [index, { metrics }] of matched.entries()) {
        assert.equal(metrics['knee.rate'], boots[index]!.metrics['knee.rate']);
        const before = all[index];
        if (before === undefined) assert.equal(metrics[metric.id], undefined);
        else
          assert.deepEqual(
            metrics[metric.id]!.rounds,
            before.map((one, step) => (present.every((other) => (other[step] ?? null) !== null) ? one : null)),
          );
      }
      assert.equal(atMatchedLoads(resolveMetric('knee.rate')!, boots), boots);
    }),
  );
});
