// What must be alike before two values are compared: the SLO that goodput was counted by, who counted the tokens, how
// long the answers were; and what a boot lost on the way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoredBoot } from '../../src/baseline/schema.ts';
import type { StageName } from '../../src/config/schema.ts';
import { type JudgeInput, judge } from '../../src/judge/judge.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import { found, type Metrics, policy, STAGES, type Value, value, world } from './fixture.ts';

type World = ReturnType<typeof world>;
const healthy = (options: Partial<Parameters<typeof world>[0]> = {}): World => world({ seed: 'healthy', ...options });
const standing = (verdict: Verdict, stage: string) => verdict.stages.find((one) => one.stage === stage);
const comparison = (verdict: Verdict, metric: string, stage: string) =>
  verdict.comparisons.find((one) => one.metric === metric && one.stage === stage);

const withBaseline = (input: World, change: (boot: StoredBoot, index: number) => StoredBoot): World => ({
  ...input,
  lookup: found(
    Object.fromEntries(
      Object.entries(input.lookup.file.stages).map(([stage, histories]) => [
        stage,
        histories.map((history) => ({
          ...history,
          segments: history.segments.map((segment) => ({ ...segment, boots: segment.boots.map(change) })),
        })),
      ]),
    ),
  ) as World['lookup'],
});
type Stage = World['record']['boots'][number]['stages'][number];
const withStages = (input: World, change: (stage: Stage, boot: number) => Stage): World => ({
  ...input,
  record: {
    ...input.record,
    boots: input.record.boots.map((boot) => ({
      ...boot,
      stages: boot.stages.map((stage) => change(stage, boot.index)),
    })),
  },
});

// ---- SLO -------------------------------------------------------------------------------------------------------

const slo = (ttftMs: number) => ({ ttftMs, tpotMs: null, e2eMs: null });
const gatedGoodput = policy({
  comparison: { ...policy().comparison, gates: [{ metric: 'goodput.share', stage: 'benchmark' }] },
});

test('a stricter SLO in the pull request is no regression of goodput: it is not compared, and a gate on it says why', () => {
  const base = withBaseline(healthy({ boots: 2 }), (boot) => ({ ...boot, slo: slo(500) }));
  const fell = withStages(base, (stage) =>
    'goodput.share' in stage.metrics
      ? { ...stage, metrics: { ...stage.metrics, 'goodput.share': value([0.6, 0.6, 0.6, 0.6, 0.6]) } }
      : stage,
  );
  const under = (ttftMs: number): World => ({ ...fell, record: { ...fell.record, slo: slo(ttftMs) } });
  assert.equal(comparison(judge(under(500)), 'goodput.share', 'benchmark')?.verdict, 'regressed');
  assert.equal(comparison(judge(under(500)), 'goodput.share', 'step-surge')?.verdict, 'regressed');

  const edited = judge(under(200));
  assert.equal(
    edited.comparisons.some((one) => one.metric === 'goodput.share'),
    false,
  );
  assert.equal(edited.outcome, 'pass', edited.headline);
  const gated = judge({ ...under(200), policy: gatedGoodput });
  const gate = comparison(gated, 'goodput.share', 'benchmark')!;
  assert.deepEqual([gate.verdict, gate.because], ['inconclusive', 'the baseline counted it by another SLO']);
  assert.equal(gated.outcome, 'warn');
  assert.equal(gated.climb.again, false);
});

test('goodput is compared with the baseline boots of the same SLO only', () => {
  const base = withBaseline(healthy(), (boot, index) => ({ ...boot, slo: index < 4 ? slo(500) : slo(200) }));
  const input = { ...base, record: { ...base.record, slo: slo(200) } };
  const verdict = judge(input);
  assert.equal(comparison(verdict, 'goodput.share', 'benchmark')?.baselineBoots, 6);
  assert.equal(comparison(verdict, 'ttft.p95', 'benchmark')?.baselineBoots, 10);
});

// ---- token source ------------------------------------------------------------------------------------------------

test('of a baseline whose tokens were counted in two ways, the boots of the same and of an unknown source count', () => {
  const sources = ['chunks', 'chunks', 'chunks', null, 'usage', 'usage', 'usage', 'usage', 'usage', 'chunks'];
  const mixed = withBaseline(healthy(), (boot, index) => ({
    ...boot,
    tokenSource: sources[index]!,
    metrics: Object.fromEntries(
      Object.entries(boot.metrics).map(([id, one]) => [
        id,
        // Chunks of several tokens: TPOT is another number.
        sources[index] === 'chunks' && id.startsWith('tpot')
          ? { ...one, rounds: one.rounds.map((round) => round! * 2) }
          : one,
      ]),
    ),
  }));
  const verdict = judge(mixed);
  assert.equal(comparison(verdict, 'tpot.p95', 'benchmark')?.baselineBoots, 6);
  assert.equal(comparison(verdict, 'tpot.p95', 'benchmark')?.verdict, 'unchanged');
  const chunks = withStages(mixed, (stage) => ({ ...stage, stream: { ...stage.stream, tokenSource: 'tokenizer' } }));
  assert.equal(comparison(judge(chunks), 'tpot.p95', 'benchmark')?.baselineBoots, 1, 'only the unknown one');
  const none = withBaseline(chunks, (boot) => ({ ...boot, tokenSource: 'usage' }));
  assert.equal(standing(judge(none), 'benchmark')?.standing, 'incomparable');
});

// ---- boots that lost a stage ----------------------------------------------------------------------------------------

const invalid = [
  { code: 'client_achieved' as const, message: 'the client sent 80 %', advice: 'Help it.', phase: null },
];

test('a stage that is invalid in one boot does not vanish behind the others: named, and never a pass', () => {
  assert.equal(judge(healthy({ boots: 2 })).outcome, 'pass');
  for (const stage of STAGES) {
    const verdict = judge(
      withStages(healthy({ boots: 2 }), (one, boot) => (boot === 1 && one.stage === stage ? { ...one, invalid } : one)),
    );
    assert.equal(verdict.outcome, 'warn', stage);
    const lost = verdict.findings.filter((finding) => finding.message.startsWith('Lost: '));
    assert.deepEqual(
      lost.map(({ message, severity }) => [message, severity]),
      [[`Lost: ${stage} of boot 1 does not count: the client sent 80 %.`, 'warn']],
    );
  }
});

test('one finding for each boot and stage that was lost, also where the stage is not there at all', () => {
  const input = withStages(healthy({ boots: 3 }), (one, boot) =>
    boot === 2 && one.stage !== 'linear' ? { ...one, invalid } : one,
  );
  const boots = input.record.boots.map((boot) =>
    boot.index === 3 ? { ...boot, stages: boot.stages.slice(0, 2) } : boot,
  );
  const verdict = judge({ ...input, record: { ...input.record, boots } });
  assert.deepEqual(
    verdict.findings.map(({ message }) => /^Lost: (\S+) of boot (\d)/.exec(message)?.slice(1).join()).filter(Boolean),
    ['benchmark,2', 'step-surge,2', 'step-surge,3'],
  );
});

// ---- length of answers -------------------------------------------------------------------------------------------------

/** The share of what was asked for on both sides, in one stage; null = that side's version did not measure it. */
function withShares(stage: StageName, baseline: number | null, candidate: number, factor = 1, n = 1_000_000): World {
  const add = <T extends Metrics | StoredBoot['metrics']>(metrics: T, share: number | null): T =>
    share === null ? metrics : { ...metrics, 'output.share': value([share], { n }) };
  const better = (id: string): number =>
    id === 'knee.rate' || id === 'saturation.rate' || id === 'throughput.tokens' ? factor : 1;
  const input = healthy({ stages: [stage], boots: 2, factor: better });
  return withStages(
    withBaseline(input, (boot) => ({ ...boot, metrics: add(boot.metrics, baseline) })),
    (one) => ({ ...one, metrics: add(one.metrics as Record<string, Value>, candidate) }),
  );
}

test('answers that end early are another workload in every stage, on a ramp too', () => {
  for (const stage of STAGES) {
    const verdict = judge(withShares(stage, 1, 0.8));
    assert.equal(standing(verdict, stage)?.standing, 'invalid', stage);
    assert.match(
      verdict.headline,
      /answers are 20\.0 % shorter than the baseline's \(100 % → 80 % of the tokens asked for\)/,
    );
    assert.equal(judge(withShares(stage, 1, 0.99)).outcome, 'pass', stage);
  }
});

test('a run that records a level takes answers of another length as news: a note that a new segment begins', () => {
  for (const stage of STAGES) {
    const input = withShares(stage, 1, 0.8);
    const verdict = judge({ ...input, record: { ...input.record, mode: 'baseline' } });
    assert.equal(verdict.outcome, 'pass', stage);
    assert.equal(standing(verdict, stage)?.standing, 'measured');
    assert.deepEqual(verdict.comparisons, [], 'nothing is compared with answers of another length');
    assert.match(verdict.headline, /^Measured for the baseline/);
    assert.deepEqual(
      verdict.findings.map(({ severity, message }) => [severity, message]),
      [
        [
          'info',
          `${stage} is not compared: the workload drifted: answers are 20.0 % shorter than the baseline's (100 % → 80 % of the tokens asked for); with this run a new segment begins.`,
        ],
      ],
    );
  }
});

test('a baseline that has no output share is compared as before', () => {
  assert.equal(standing(judge(withShares('linear', null, 0.8)), 'linear')?.standing, 'compared');
  assert.equal(judge(withShares('benchmark', null, 0.8)).outcome, 'pass');
});

test('a ramp that went on longer drew other requests: the limit is wider for few', () => {
  assert.equal(standing(judge(withShares('linear', 0.5, 0.46, 1, 400)), 'linear')?.standing, 'compared');
  assert.equal(standing(judge(withShares('linear', 0.5, 0.46)), 'linear')?.standing, 'invalid');
});

test('a knee, a plateau and a throughput that improve because answers got shorter are no improvement', () => {
  const verdicts = (input: JudgeInput) => judge(input).comparisons.map((one) => one.verdict);
  assert.deepEqual(verdicts(withShares('linear', 1, 1, 1.2)), ['improved', 'improved', 'improved']);
  const shorter = withShares('linear', 1, 0.96, 1.2);
  assert.deepEqual(verdicts(shorter), ['inconclusive', 'inconclusive', 'inconclusive']);
  const verdict = judge(shorter);
  assert.ok(
    verdict.findings.some(
      (one) =>
        one.kind === 'load_shed' && one.message.includes('answers got shorter (100 % → 96 % of the tokens asked for)'),
    ),
    verdict.headline,
  );
  assert.notEqual(verdict.outcome, 'pass');
});
