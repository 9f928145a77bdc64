import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BaselineLookup, baselineFileSchema } from '../../src/baseline/schema.ts';
import type { StageName } from '../../src/config/schema.ts';
import { explain } from '../../src/judge/explain.ts';
import { type JudgeInput, judge } from '../../src/judge/judge.ts';
import { allMetricIds } from '../../src/metrics.ts';
import { type RunRecord, runRecordSchema } from '../../src/record/schema.ts';
import { INVALID_CODES } from '../../src/stages/measurement.ts';
import {
  boot,
  condition,
  curvePoint,
  found,
  history,
  type Metrics,
  phaseOf,
  policy,
  record,
  STAGES,
  stageOf,
  type Value,
} from './fixture.ts';

// Anything that fits the schemas, however unlikely: nulls, zeros, negatives, numbers at the ends of the range,
// rounds that do not match n, deaths, missing stages, foreign keys.

const number = fc.oneof(
  fc.constantFrom(0, -1, 1, 1e-300, 1e300, -1e300, Number.MAX_VALUE),
  fc.double({ min: 0.01, max: 1_000, noNaN: true }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const maybe = fc.option(number, { nil: null });
const bound = fc.constantFrom('exact' as const, 'exact' as const, 'above' as const, 'below' as const);
const metricValue: fc.Arbitrary<Value> = fc.record(
  {
    value: maybe,
    bound,
    n: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50_000 }), number),
    thin: fc.boolean(),
    rounds: fc.array(maybe, { maxLength: 7 }),
    roundBounds: fc.array(bound, { maxLength: 7 }),
    note: fc.constant(null),
  },
  { requiredKeys: ['value', 'bound', 'n', 'thin', 'rounds', 'note'] },
);
const metrics = (ids: readonly string[]): fc.Arbitrary<Metrics> =>
  fc.array(fc.tuple(fc.constantFrom(...ids), metricValue), { maxLength: 12 }).map((list) => Object.fromEntries(list));
const IDS = [
  'ttft.p95',
  'ttft.p99',
  'tpot.p95',
  'errors.rate',
  'goodput.share',
  'output.tokens.mean',
  'knee.rate',
  'saturation.rate',
  'throughput.tokens',
  'surge.recovery',
  'surge.errors',
  'surge.peak_p95',
  ...allMetricIds(),
];

const stage = (name: StageName) =>
  fc
    .record({
      metrics: metrics(IDS),
      status: fc.constantFrom(
        'complete' as const,
        'complete' as const,
        'stopped' as const,
        'aborted' as const,
        'cancelled' as const,
      ),
      bad: fc.boolean(),
      code: fc.constantFrom(...INVALID_CODES),
      rate: maybe,
      sent: fc.integer({ min: 0, max: 3 }),
      errorRate: number,
    })
    .map((one) =>
      stageOf(name, one.metrics, {
        status: one.status,
        reason: one.status === 'complete' ? null : 'it ended',
        invalid: one.bad && one.rate === null ? [{ code: one.code, message: 'm', advice: 'a', phase: null }] : [],
        phases: [phaseOf('round', { offeredRate: one.rate, sent: one.sent, users: one.rate === null ? 3 : null })],
        curve:
          name === 'linear'
            ? [
                curvePoint({
                  offeredRate: one.rate ?? 1,
                  achievedRate: 1,
                  tokensPerSecond: 1,
                  errorRate: one.errorRate,
                }),
              ]
            : null,
      }),
    );
const boots = fc
  .array(
    fc.record({
      benchmark: fc.option(stage('benchmark')),
      linear: fc.option(stage('linear')),
      surge: fc.option(stage('step-surge')),
      end: fc.constantFrom(
        'complete' as const,
        'complete' as const,
        'died' as const,
        'cancelled' as const,
        'not_ready' as const,
      ),
      side: fc.constantFrom('candidate' as const, 'candidate' as const, 'base' as const),
      pair: fc.constantFrom(1, 1, 2, null),
    }),
    { maxLength: 4 },
  )
  .map((list) =>
    list.map((one, index) =>
      boot(
        index + 1,
        [one.benchmark, one.linear, one.surge].filter((each) => each !== null),
        { end: one.end, side: one.side, pair: one.pair },
      ),
    ),
  );
const run: fc.Arbitrary<RunRecord> = fc
  .record({
    boots,
    mode: fc.constantFrom('gate' as const, 'gate' as const, 'baseline' as const, 'measure' as const),
    status: fc.constantFrom('complete' as const, 'complete' as const, 'incomplete' as const),
    key: fc.constantFrom('b', 'b', 'other'),
    interleaved: fc.option(
      fc.record({
        ref: fc.constantFrom('main', null),
        commit: fc.constantFrom('3f2c1ab', null),
        seed: fc.nat(),
        problem: fc.constantFrom(null, null, 'there is none'),
      }),
      { nil: undefined },
    ),
  })
  .map(({ key, ...one }) =>
    record(one.boots, {
      mode: one.mode,
      status: one.status,
      ...(one.interleaved && { interleaved: one.interleaved }),
      workloads: {
        benchmark: { key, facts: { rate: '8/s' } },
        linear: { key: 'l', facts: {} },
        'step-surge': { key: 's', facts: {} },
      },
    }),
  );
const oneHistory = (name: StageName) =>
  fc
    .record({
      boots: fc.array(metrics(IDS), { maxLength: 9 }),
      older: fc.array(metrics(IDS), { maxLength: 4 }),
      onlyLedger: fc.boolean(),
      ledger: fc.dictionary(
        fc.constantFrom(...IDS.slice(0, 12)),
        fc.array(
          fc.record({
            kind: fc.constantFrom('boots', 'aa', 'pairs', 'of a later version'),
            segment: fc.constantFrom(null, 's1'),
            rounds: fc.integer({ min: 1, max: 6 }),
            ss: fc.double({ min: 0, max: 10, noNaN: true }),
            df: fc.integer({ min: 0, max: 60 }),
          }),
          { maxLength: 3 },
        ),
      ),
    })
    .map((one) => {
      const newest = history(name, one.boots, { ledger: one.ledger });
      const segments = [...history(name, one.older).segments, ...newest.segments];
      return { ...newest, segments: one.onlyLedger && one.boots.length === 0 ? [] : segments };
    });
const lookup: fc.Arbitrary<BaselineLookup> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        benchmark: fc.option(oneHistory('benchmark')),
        linear: fc.option(oneHistory('linear')),
        surge: fc.option(oneHistory('step-surge')),
      })
      .map((one) =>
        found({
          ...(one.benchmark && { benchmark: [one.benchmark] }),
          ...(one.linear && { linear: [one.linear] }),
          ...(one.surge && { 'step-surge': [one.surge] }),
        }),
      ),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'none' as const, reason: 'nothing is stored' }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'incomparable' as const, path: 'b.json', differences: [] }) },
);
const input: fc.Arbitrary<JudgeInput> = fc
  .record({
    run,
    lookup,
    ids: fc.array(fc.constantFrom(...IDS), { maxLength: 4 }),
    op: fc.constantFrom('<' as const, '>' as const),
    limit: number,
    maxBoots: fc.integer({ min: 1, max: 5 }),
    strict: fc.boolean(),
  })
  .map((one) => ({
    record: one.run,
    lookup: one.lookup,
    expected: STAGES,
    policy: policy({
      strict: one.strict,
      sla: one.ids.map((metric, index) => ({
        metric,
        stage: STAGES[index % 3]!,
        gold: condition('gold', one.op, one.limit),
        tolerance: condition('tolerance', one.op, one.limit),
        line: null,
      })),
      comparison: {
        ...policy().comparison,
        maxBoots: one.maxBoots,
        gates: one.ids.map((metric, index) => ({ metric, stage: STAGES[index % 3]! })),
      },
    }),
  }));

/** Paths of numbers that JSON would silently turn into null. */
function unstorable(at: unknown, path = ''): string[] {
  if (typeof at === 'number') return Number.isFinite(at) ? [] : [path];
  if (at === null || typeof at !== 'object') return [];
  return Object.entries(at).flatMap(([key, each]) => unstorable(each, `${path}.${key}`));
}

test('any record and baseline that fit their schemas: no throw, no number that JSON loses, never green without every stage compared', () => {
  fc.assert(
    fc.property(input, (each) => {
      runRecordSchema.parse(each.record);
      if (each.lookup.kind === 'found') baselineFileSchema.parse(each.lookup.file);
      const verdict = judge(each);
      assert.deepEqual(unstorable(verdict), []);
      assert.equal(
        /NaN|undefined/.test(
          `${verdict.headline} ${verdict.findings.map((one) => one.message + one.advice).join(' ')}`,
        ),
        false,
        verdict.headline,
      );
      assert.equal(verdict.exitCode, { pass: 0, warn: 0, fail: 1, invalid: 4 }[verdict.outcome]);
      if (each.record.mode === 'gate' && verdict.stages.some((one) => one.standing !== 'compared'))
        assert.notEqual(verdict.outcome, 'pass');
      if (
        each.record.mode === 'gate' &&
        verdict.comparisons.some((one) => one.gate && one.verdict !== 'unchanged' && one.verdict !== 'improved')
      )
        assert.notEqual(verdict.outcome, 'pass');
      if (verdict.stages.some((one) => one.standing === 'invalid' || one.standing === 'missing'))
        assert.ok(verdict.outcome !== 'pass');
      for (const one of verdict.comparisons) {
        if (one.verdict === 'regressed') assert.ok(one.candidateBoots >= 2);
        if (one.thin) assert.notEqual(one.verdict, 'unchanged');
        if (one.interval !== null) assert.ok(one.interval[0] <= one.interval[1]);
      }
      for (const rule of verdict.sla) if (rule.status !== 'not_measured') assert.notEqual(rule.value, null);
      explain(each, 'errors.rate');
    }),
    { numRuns: 250 },
  );
});

test('the verdict is the same for the same input, and judging does not change it', () => {
  fc.assert(
    fc.property(input, (each) => {
      const before = JSON.stringify(each);
      assert.deepEqual(judge(each), judge(each));
      assert.equal(JSON.stringify(each), before);
    }),
    { numRuns: 40 },
  );
});
