import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storedFile } from '../../src/baseline/lookup.ts';
import { driftOfRun } from '../../src/baseline/output-length.ts';
import { standsOf } from '../../src/judge/accept.ts';
import { type JudgeInput, judge, type Policy } from '../../src/judge/judge.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import { mergeRecords } from '../../src/record/codec.ts';
import { createRandom } from '../../src/stats/random.ts';
import {
  boot,
  condition,
  found,
  history,
  metricsOf,
  phaseOf,
  policy,
  record,
  STAGES,
  stageOf,
  type Value,
  value,
  world,
} from './fixture.ts';

const kinds = (verdict: Verdict): string[] => verdict.findings.map((finding) => finding.kind);
const standing = (verdict: Verdict, stage: string): string | undefined =>
  verdict.stages.find((one) => one.stage === stage)?.standing;
const slower = (id: string, stage: string): number => (stage === 'benchmark' && id.startsWith('tpot') ? 1.1 : 1);
const healthy = (options: Partial<Parameters<typeof world>[0]> = {}) => world({ seed: 'healthy', ...options });

/** Replaces one stage of every candidate boot. */
const withStage = (
  input: JudgeInput,
  stage: string,
  change: (one: ReturnType<typeof stageOf>) => ReturnType<typeof stageOf> | null,
): JudgeInput => ({
  ...input,
  record: {
    ...input.record,
    boots: input.record.boots.map((one) => ({
      ...one,
      stages: one.stages.flatMap((each) => (each.stage === stage ? (change(each) ?? []) : [each])),
    })),
  },
});

// ---- rows of the outcome table ------------------------------------------------------------------------------

test('pass: gates unchanged, rules met; exit 0', () => {
  const input = {
    ...healthy(),
    policy: policy({
      sla: [
        {
          metric: 'ttft.p99',
          stage: 'benchmark' as const,
          gold: condition('< 500ms', '<', 500),
          tolerance: condition('< 1s', '<', 1_000),
          line: 3,
        },
      ],
    }),
  };
  const verdict = judge(input);
  assert.equal(verdict.outcome, 'pass', verdict.headline);
  assert.equal(verdict.exitCode, 0);
  assert.equal(verdict.actionNeeded, false);
  assert.match(
    verdict.headline,
    /^Passed: all 3 gates are unchanged against 10 baseline boots; the SLA rule is met; the load line is [\d.]+ req\/s/,
  );
  assert.deepEqual(
    verdict.stages.map((one) => one.standing),
    ['compared', 'compared', 'compared'],
  );
  assert.equal(verdict.climb.again, false);
  assert.equal(verdict.baseline?.boots, 10);
  assert.equal(verdict.baseline?.ledgerDf, 18);
  assert.equal(verdict.baseline?.priorUsed, false);
});

test('fail: a regression seen in two boots; exit 1, with its numbers in the headline', () => {
  const verdict = judge(healthy({ boots: 2, factor: slower }));
  assert.equal(verdict.outcome, 'fail');
  assert.equal(verdict.exitCode, 1);
  assert.equal(verdict.actionNeeded, true);
  assert.match(
    verdict.headline,
    /^Regressed: TPOT p95 in benchmark is 1\d\.\d % worse \(2[34]\.\d → 26\.\d ms, 95 % interval \+\d+\.\d…\+1\d\.\d %\), confirmed by 2 boots; 2 more regressions\.$/,
  );
});

test('warn: the same regression seen in one boot is suspected, and asks for a second', () => {
  const verdict = judge(healthy({ boots: 1, factor: slower }));
  assert.equal(verdict.outcome, 'warn');
  assert.equal(verdict.exitCode, 0);
  assert.equal(verdict.comparisons.find((one) => one.metric === 'tpot.p95')?.verdict, 'suspected');
  assert.equal(verdict.climb.again, true);
  assert.match(verdict.climb.reason, /TPOT p95 in benchmark is suspected after one boot: a second boot/);
});

test('a metric that is no gate asks for a second boot too, once it is suspected: only two boots can fail the job', () => {
  const onlyIcl = (id: string): number => (id.startsWith('icl') ? 1.3 : 1);
  const first = judge(healthy({ boots: 1, factor: onlyIcl }));
  assert.ok(first.comparisons.some((one) => !one.gate && one.verdict === 'suspected'));
  assert.ok(first.comparisons.filter((one) => one.gate).every((one) => one.verdict === 'unchanged'));
  assert.equal(first.climb.again, true);
  assert.match(first.climb.reason, /ICL p95 in benchmark is suspected after one boot/);
  const second = judge(healthy({ boots: 2, factor: onlyIcl }));
  assert.equal(second.outcome, 'fail');
  assert.match(second.climb.reason, /confirmed as regressed/);
});

test('failOn moves every row: suspected, tolerated, inconclusive and unbaselined fail where it lists them', () => {
  const suspected = { ...healthy({ factor: slower }), policy: policy({ failOn: ['suspected'] }) };
  assert.equal(judge(suspected).outcome, 'fail');
  const rule = {
    metric: 'ttft.p99',
    stage: 'benchmark' as const,
    gold: condition('< 100ms', '<', 100),
    tolerance: condition('< 1s', '<', 1_000),
    line: null,
  };
  assert.equal(judge({ ...healthy(), policy: policy({ sla: [rule] }) }).outcome, 'warn');
  assert.equal(judge({ ...healthy(), policy: policy({ sla: [rule], failOn: ['tolerated'] }) }).outcome, 'fail');
  const none = { ...healthy(), lookup: { kind: 'none' as const, reason: 'no baseline is stored for demo' } };
  assert.equal(judge(none).outcome, 'warn');
  assert.equal(judge({ ...none, policy: policy({ failOn: ['unbaselined'] }) }).outcome, 'fail');
  assert.equal(
    judge({ ...none, policy: policy({ comparison: { ...policy().comparison, onMissingBaseline: 'fail' } }) }).outcome,
    'fail',
  );
  const noisy = healthy({ noise: { boot: 0.08, round: 0.02 }, seed: 'noisy' });
  assert.equal(judge(noisy).outcome, 'warn');
  assert.equal(judge({ ...noisy, policy: policy({ failOn: ['inconclusive'] }) }).outcome, 'fail');
  const regressed = healthy({ boots: 2, factor: slower });
  assert.equal(judge({ ...regressed, policy: policy({ failOn: [] }) }).outcome, 'warn');
});

test('fail: a breached rule, named with its numbers', () => {
  const rule = {
    metric: 'ttft.p99',
    stage: 'benchmark' as const,
    gold: condition('< 100ms', '<', 100),
    tolerance: condition('< 200ms', '<', 200),
    line: 7,
  };
  const verdict = judge({ ...healthy(), policy: policy({ sla: [rule] }) });
  assert.equal(verdict.outcome, 'fail');
  assert.match(verdict.headline, /^Breached: TTFT p99 in benchmark is [34]\d\d ms, the limit is < 200ms/);
  assert.equal(verdict.sla[0]?.line, 7);
});

test('fail: a rule whose metric no sampler could give, in the sampler’s own words', () => {
  const rule = {
    metric: 'gpu.power.mean',
    stage: 'benchmark' as const,
    gold: condition('< 300', '<', 300),
    tolerance: condition('< 300', '<', 300),
    line: null,
  };
  const input = withStage({ ...healthy(), policy: policy({ sla: [rule] }) }, 'benchmark', (one) => ({
    ...one,
    unmeasured: [{ metric: 'gpu.power', reason: 'nvidia-smi was not found' }],
  }));
  const verdict = judge(input);
  assert.equal(verdict.outcome, 'fail');
  assert.equal(verdict.sla[0]?.status, 'not_measured');
  assert.match(verdict.headline, /nvidia-smi was not found/);
});

test('invalid: the client spoilt a stage; exit 4, and its rules do not turn that into a breach', () => {
  const rule = {
    metric: 'ttft.p99',
    stage: 'benchmark' as const,
    gold: condition('< 1ms', '<', 1),
    tolerance: condition('< 1ms', '<', 1),
    line: null,
  };
  const invalid = [
    {
      code: 'client_dispatch_delay' as const,
      message: 'requests were sent 40 ms late (p99)',
      advice: 'Use more workers.',
      phase: null,
    },
  ];
  const verdict = judge(
    withStage({ ...healthy(), policy: policy({ sla: [rule] }) }, 'benchmark', (one) => ({ ...one, invalid })),
  );
  assert.equal(verdict.outcome, 'invalid');
  assert.equal(verdict.exitCode, 4);
  assert.equal(standing(verdict, 'benchmark'), 'invalid');
  assert.match(verdict.headline, /sent 40 ms late/);
  assert.equal(
    verdict.comparisons.some((one) => one.stage === 'benchmark'),
    false,
  );
});

test('a proven failure outranks what could not be judged', () => {
  const input = healthy({ boots: 2, factor: slower });
  const verdict = judge(withStage(input, 'linear', () => null));
  assert.equal(standing(verdict, 'linear'), 'missing');
  assert.equal(verdict.outcome, 'fail');
});

// ---- never green ---------------------------------------------------------------------------------------------

test('never green: a stage that is invalid in every boot', () => {
  const invalid = [
    { code: 'no_steady_state' as const, message: 'no steady state', advice: 'Hold longer.', phase: null },
  ];
  for (const stage of STAGES)
    assert.equal(judge(withStage(healthy(), stage, (one) => ({ ...one, invalid }))).outcome, 'invalid', stage);
});

test('never green: a stage that is missing', () => {
  for (const stage of STAGES) {
    const verdict = judge(withStage(healthy(), stage, () => null));
    assert.equal(verdict.outcome, 'invalid', stage);
    assert.equal(standing(verdict, stage), 'missing');
  }
});

test('never green: a stage whose workload differs from the stored one, with the field named', () => {
  const input = healthy();
  const changed = {
    ...input.record,
    workloads: { ...input.record.workloads, linear: { key: 'other', facts: { to: '80/s' } } },
  };
  const verdict = judge({ ...input, record: changed });
  assert.equal(verdict.outcome, 'warn');
  assert.equal(standing(verdict, 'linear'), 'incomparable');
  assert.deepEqual(verdict.stages.find((one) => one.stage === 'linear')?.differences, [
    { field: 'to', baseline: '60/s', candidate: '80/s' },
  ]);
  assert.ok(verdict.findings.some((finding) => finding.message.includes('to (60/s → 80/s)')));
  assert.equal(standing(verdict, 'benchmark'), 'compared');
});

test('never green: tokens that another source counted', () => {
  const input = healthy();
  const boots = input.record.boots.map((boot) => ({
    ...boot,
    stages: boot.stages.map((stage) => ({ ...stage, stream: { ...stage.stream, tokenSource: 'chunks' } })),
  }));
  const verdict = judge({ ...input, record: { ...input.record, boots } });
  assert.equal(verdict.outcome, 'warn');
  assert.ok(STAGES.every((stage) => standing(verdict, stage) === 'incomparable'));
  assert.deepEqual(verdict.stages[0]?.differences, [{ field: 'tokenSource', baseline: 'usage', candidate: 'chunks' }]);
});

test('never green: another environment', () => {
  const differences = [{ field: 'gpu', baseline: 'L4', candidate: 'A100' }];
  const verdict = judge({ ...healthy(), lookup: { kind: 'incomparable', path: 'b.json', differences } });
  assert.equal(verdict.outcome, 'warn');
  assert.ok(STAGES.every((stage) => standing(verdict, stage) === 'incomparable'));
  assert.match(verdict.headline, /gpu \(L4 → A100\)/);
});

test('never green: a stage without history, and one whose new segment is still empty', () => {
  const input = healthy();
  const { linear: _, ...others } = input.lookup.file.stages;
  const without = judge({ ...input, lookup: found(others) });
  assert.equal(without.outcome, 'warn');
  assert.equal(standing(without, 'linear'), 'unbaselined');
  const empty = judge({ ...input, lookup: found({ ...input.lookup.file.stages, linear: [history('linear', [])] }) });
  assert.equal(empty.outcome, 'warn');
  assert.equal(standing(empty, 'linear'), 'unbaselined');
});

test('never green: a history without one metric in common', () => {
  const input = healthy();
  const verdict = judge({
    ...input,
    lookup: found({ ...input.lookup.file.stages, linear: [history('linear', [{ 'surge.backlog': value([1]) }])] }),
  });
  assert.equal(standing(verdict, 'linear'), 'unbaselined');
  assert.notEqual(verdict.outcome, 'pass');
});

test('never green: a gate that neither side has, or whose p99 the rounds cannot bear', () => {
  const gates = (metric: string) =>
    policy({ comparison: { ...policy().comparison, gates: [{ metric, stage: 'benchmark' }] } });
  assert.notEqual(judge({ ...healthy(), policy: gates('ttfc.p95') }).outcome, 'pass');
  assert.notEqual(judge({ ...healthy(), policy: gates('gpu.utilization.mean') }).outcome, 'pass');
  assert.match(
    judge({ ...healthy(), policy: gates('no.such') }).headline,
    /the gate no.such@benchmark was not compared/,
  );
  const input = { ...healthy(), policy: gates('ttft.p99') };
  const small = withStage(input, 'benchmark', (one) => ({
    ...one,
    metrics: { ...one.metrics, 'ttft.p99': { ...one.metrics['ttft.p99']!, n: 3_000 } },
  }));
  const verdict = judge(small);
  assert.notEqual(verdict.outcome, 'pass');
  assert.match(
    verdict.comparisons.find((one) => one.metric === 'ttft.p99')!.because,
    /a round has 600 requests, p99 needs 2,000/,
  );
  assert.equal(verdict.climb.again, false);
});

test('never green: a run that was cancelled', () => {
  const input = healthy();
  const verdict = judge({ ...input, record: { ...input.record, status: 'incomplete', statusReason: 'cancelled' } });
  assert.equal(verdict.outcome, 'invalid');
  assert.match(verdict.headline, /cancelled/);
  assert.equal(verdict.climb.again, false);
});

test('never green: no boot at all', () => {
  const verdict = judge({ ...healthy(), record: record([]) });
  assert.equal(verdict.outcome, 'invalid');
  assert.equal(verdict.boots, 0);
});

test('never green: answers of another length', () => {
  const verdict = judge(
    withStage(healthy(), 'benchmark', (one) => ({
      ...one,
      metrics: { ...one.metrics, 'output.tokens.mean': value([160]) },
    })),
  );
  assert.equal(verdict.outcome, 'invalid');
  assert.match(verdict.headline, /answers are 11\.1 % shorter than the baseline's \(180 → 160 tokens\)/);
});

test('answers of another length mean nothing on a ramp, which may stop elsewhere, nor in small closed loops, which draw others', () => {
  const ramp = withStage(healthy(), 'linear', (one) => ({
    ...one,
    metrics: { ...one.metrics, 'output.tokens.mean': value([160]) },
  }));
  assert.equal(standing(judge(ramp), 'linear'), 'compared');
  const closed = (n: number) =>
    withStage(healthy(), 'benchmark', (one) => ({
      ...one,
      phases: [phaseOf('round', { users: 4, offeredRate: null })],
      metrics: { ...one.metrics, 'output.tokens.mean': value([160], { n }) },
    }));
  assert.equal(standing(judge(closed(100)), 'benchmark'), 'compared');
  assert.equal(standing(judge(closed(100_000)), 'benchmark'), 'invalid');
});

// ---- deployments that die ------------------------------------------------------------------------------------

const dead = (
  stage: 'benchmark' | 'linear' | 'step-surge',
  rate: number,
  options: { baseline?: boolean; lookup?: JudgeInput['lookup'] } = {},
) => {
  const random = createRandom('dead');
  const noise = { boot: 0.005, round: 0.005 };
  const before = STAGES.slice(0, STAGES.indexOf(stage)).map((one) => stageOf(one, metricsOf(one, random, noise)));
  const died = stageOf(stage, metricsOf(stage, random, noise), {
    status: 'aborted',
    reason: 'the deployment ended (SIGKILL)',
    phases: [phaseOf('step', { offeredRate: rate }), phaseOf('step', { offeredRate: rate + 20, sent: 0 })],
  });
  const base = healthy();
  return judge({
    ...base,
    record: record([boot(1, [...before, died], { end: 'died', reason: 'the deployment ended (SIGKILL)' })]),
    lookup: options.baseline === false ? { kind: 'none', reason: 'none' } : (options.lookup ?? base.lookup),
  });
};

test('a death in benchmark fails, with a baseline and without', () => {
  for (const baseline of [true, false]) {
    const verdict = dead('benchmark', 8, { baseline });
    assert.equal(verdict.outcome, 'fail');
    assert.equal(verdict.findings[0]?.kind, 'deployment_failed');
    assert.match(
      verdict.headline,
      /^The deployment died in benchmark at 8 req\/s \(boot 1\): the deployment ended \(SIGKILL\)/,
    );
    assert.equal(verdict.climb.again, false);
  }
});

test('a death on the ramp below the knee that the baseline held fails; past it, it is the cliff', () => {
  assert.equal(dead('linear', 30).findings[0]?.kind, 'deployment_failed');
  const past = {
    ...healthy({ stages: ['linear'] }),
    policy: policy({ comparison: { ...policy().comparison, gates: [] } }),
  };
  const invalid = [
    { code: 'incomplete' as const, message: 'the stage ended after 50 of 60 s', advice: 'x', phase: null },
  ];
  const stages = past.record.boots[0]!.stages.map((one) => ({
    ...one,
    invalid,
    status: 'aborted' as const,
    reason: 'out of memory',
    phases: [phaseOf('step', { offeredRate: 58 })],
  }));
  const verdict = judge({ ...past, record: record([boot(1, stages, { end: 'died', reason: 'out of memory' })]) });
  assert.equal(
    verdict.findings.some((finding) => finding.kind === 'deployment_failed'),
    false,
  );
  assert.equal(standing(verdict, 'linear'), 'compared');
  assert.ok(verdict.findings.some((finding) => finding.kind === 'note' && finding.message.includes('its cliff')));
});

/** A baseline whose ramps held so much of their first step; a knee was pinned when it still held more. */
const neverHeld = (knees: readonly Value[]): JudgeInput['lookup'] => {
  const ramp = history(
    'linear',
    knees.map((knee) => ({ 'knee.rate': knee })),
  );
  const [segment] = ramp.segments;
  return found({ linear: [{ ...ramp, segments: [{ ...segment!, pinned: { kneeRate: 41 } }] }] });
};

test('a knee below the first step is no load that the baseline held', () => {
  const below = value([10], { bound: 'below' });
  const never = dead('linear', 10, { lookup: neverHeld([below, below]) });
  assert.equal(
    never.findings.some(({ kind }) => kind === 'deployment_failed'),
    false,
    never.headline,
  );
  assert.ok(never.findings.some(({ message }) => message.includes('its cliff')));
  assert.match(
    dead('linear', 10, { lookup: neverHeld([below, value([30])]) }).headline,
    /held the SLO up to 30 req\/s/,
  );
  assert.match(dead('linear', 10, { lookup: neverHeld([]) }).headline, /held the SLO up to 41 req\/s/);
});

test('a death in a surge that the baseline came through fails', () => {
  assert.equal(dead('step-surge', 80).findings[0]?.kind, 'deployment_failed');
});

test('failing requests on steps that the baseline held are a failure of the deployment', () => {
  const step = (offeredRate: number, errorRate: number) => ({
    phase: 's',
    offeredRate,
    achievedRate: offeredRate,
    goodputShare: 1 - errorRate,
    ttftP50Ms: 1,
    ttftP95Ms: 2,
    tpotP50Ms: 1,
    tpotP95Ms: 2,
    e2eP95Ms: 3,
    tokensPerSecond: 1,
    errorRate,
    inFlightMean: 1,
    backlogGrowing: false,
    held: errorRate < 0.05,
  });
  const verdict = judge(
    withStage(healthy(), 'linear', (one) => ({ ...one, curve: [step(10, 0), step(20, 0.3), step(60, 0.9)] })),
  );
  assert.equal(verdict.findings[0]?.kind, 'deployment_failed');
  assert.match(verdict.headline, /30 % of the requests failed at 20 req\/s/);
  const beyond = judge(
    withStage(healthy(), 'linear', (one) => ({ ...one, curve: [step(10, 0), step(20, 0), step(60, 0.9)] })),
  );
  assert.equal(beyond.outcome, 'pass');
});

/** The benchmark of each boot fails such a share of its requests. */
const failing = (shares: readonly number[], borne: number, failOn: Policy['failOn'] = []) => {
  const input = healthy({ boots: shares.length, stages: ['benchmark'] });
  const boots = input.record.boots.map((one, index) => ({
    ...one,
    stages: one.stages.map((stage) => ({
      ...stage,
      metrics: { ...stage.metrics, 'errors.rate': value([shares[index]!]) },
    })),
  }));
  const [base] = input.lookup.file.stages.benchmark!;
  const segments = base!.segments.map((segment) => ({
    ...segment,
    boots: segment.boots.map((one) => ({ ...one, metrics: { ...one.metrics, 'errors.rate': value([borne]) } })),
  }));
  return {
    ...input,
    record: { ...input.record, boots },
    lookup: found({ benchmark: [{ ...base!, segments }] }),
    policy: policy({ failOn, comparison: { ...policy().comparison, gates: [] } }),
  };
};

test('failing requests in benchmark fail the run, whatever failOn says, and nobody can accept that', () => {
  const failed = judge(failing([0.08, 0.1], 0.02));
  assert.equal(failed.outcome, 'fail');
  assert.equal(
    failed.findings[0]?.message,
    '9 % of the requests failed in benchmark; the baseline bore the same load with 2 %.',
  );
  assert.equal(standsOf(failed), 'final');
  assert.notEqual(judge(failing([0.08, 0.065], 0.02)).outcome, 'fail', 'one boot is within 5 points');

  const unbaselined = (share: number) =>
    judge({ ...failing([share], 0), lookup: { kind: 'none', reason: 'nothing is stored yet' } });
  assert.equal(unbaselined(0.6).outcome, 'fail');
  assert.equal(unbaselined(0.6).findings[0]?.message, '60 % of the requests failed in benchmark.');
  assert.notEqual(unbaselined(0.4).outcome, 'fail');
});

// ---- modes and provenance ------------------------------------------------------------------------------------

test('measure mode judges rules and validity and compares nothing', () => {
  const input = healthy({ boots: 1, factor: slower });
  const verdict = judge({ ...input, record: { ...input.record, mode: 'measure' } });
  assert.equal(verdict.outcome, 'pass');
  assert.deepEqual(verdict.comparisons, []);
  assert.ok(verdict.stages.every((one) => one.standing === 'measured'));
  assert.match(verdict.headline, /^Measured, not compared/);
});

test('baseline mode shows a regression and does not fail for it; a first baseline passes; breaches still fail', () => {
  const input = healthy({ boots: 2, factor: slower });
  const shown = judge({ ...input, record: { ...input.record, mode: 'baseline' } });
  assert.equal(shown.outcome, 'pass');
  assert.ok(shown.findings.some((finding) => finding.kind === 'regression' && finding.severity === 'info'));
  const first = judge({
    ...input,
    record: { ...input.record, mode: 'baseline' },
    lookup: { kind: 'none', reason: 'nothing is stored yet' },
  });
  assert.equal(first.outcome, 'pass');
  const rule = {
    metric: 'ttft.p95',
    stage: 'benchmark' as const,
    gold: condition('< 1ms', '<', 1),
    tolerance: condition('< 1ms', '<', 1),
    line: null,
  };
  assert.equal(
    judge({ ...input, record: { ...input.record, mode: 'baseline' }, policy: policy({ sla: [rule] }) }).outcome,
    'fail',
  );
});

test('changed and missing policies are said, and do not decide', () => {
  const verdict = judge({
    ...healthy(),
    provenance: { policyChanges: ['sla: ttft.p99 was < 500ms, is < 900ms'], noPolicyAtBase: true },
  });
  assert.equal(verdict.outcome, 'pass');
  assert.deepEqual(kinds(verdict).sort(), ['no_policy_at_base', 'policy_changed']);
});

for (const [code, message] of [
  ['throttled', 'the GPU throttled for 12 s'],
  ['stolen', 'the host gave 12 % of its CPU time to others'],
] as const)
  test(`a machine that was slowed (${code}) is a note, and invalid only under strict`, () => {
    const invalid = [{ code, message, advice: 'Run it on a quiet machine.', phase: null }];
    const input = withStage(healthy({ boots: 2 }), 'benchmark', (one) => ({ ...one, invalid }));
    const { outcome, findings } = judge(input);
    assert.equal(outcome, 'pass');
    assert.deepEqual(
      findings.filter((finding) => finding.message.includes(message)).map(({ kind, severity }) => [kind, severity]),
      [['note', 'info']],
      'once, however many boots',
    );
    assert.equal(judge({ ...input, policy: policy({ strict: true }) }).outcome, 'invalid');
  });

test('a boot in which a stage is invalid lends nothing to it, the other boots do', () => {
  const input = healthy({ boots: 2 });
  const invalid = [{ code: 'client_achieved' as const, message: 'x', advice: 'y', phase: null }];
  const boots = input.record.boots.map((one) =>
    one.index === 1
      ? { ...one, stages: one.stages.map((each) => (each.stage === 'benchmark' ? { ...each, invalid } : each)) }
      : one,
  );
  const verdict = judge({ ...input, record: { ...input.record, boots } });
  assert.equal(standing(verdict, 'benchmark'), 'compared');
  assert.equal(verdict.comparisons.find((one) => one.metric === 'ttft.p95')?.candidateBoots, 1);
  assert.equal(verdict.comparisons.find((one) => one.metric === 'knee.rate')?.candidateBoots, 2);
});

/** The first stored boots under the ids given. */
const storedAs = (input: ReturnType<typeof healthy>, ids: readonly string[]) =>
  found(
    Object.fromEntries(
      Object.entries(input.lookup.file.stages).map(([stage, histories]) => [
        stage,
        histories!.map((one) => ({
          ...one,
          segments: one.segments.map((segment) => ({
            ...segment,
            boots: segment.boots.map((each, index) => ({ ...each, id: ids[index] ?? each.id })),
          })),
        })),
      ]),
    ),
  );

test('a run is not compared with its own boots in the store', () => {
  const input = healthy();
  assert.equal(judge({ ...input, lookup: storedAs(input, ['run#1']) }).baseline?.boots, 9);
});

test('runs that are judged together are compared with the boots and the ledger of none of them', () => {
  const input = healthy();
  const merged = mergeRecords([input.record, { ...input.record, id: 'other' }]);
  const lookup = storedAs(input, ['run#1', 'other#1', 'another#1']);
  for (const { ledger } of Object.values(lookup.kind === 'found' ? lookup.file.stages : {}).flat())
    for (const entries of Object.values(ledger)) Object.assign(entries[0]!, { kind: 'aa', run: 'other' });
  const { baseline } = judge({ ...input, record: merged, lookup });
  assert.deepEqual([baseline?.boots, baseline?.ledgerDf], [8, 0]);
});

test('the length of their answers is not compared with that of their own stored boots either', () => {
  const answers = (tokens: number) => ({ 'output.tokens.mean': value([tokens]) });
  const run = record([boot(1, [stageOf('benchmark', answers(180))])]);
  const merged = mergeRecords([run, { ...run, id: 'other' }]);
  const stored = history('benchmark', [answers(180), answers(120)]);
  const lookup = found({ benchmark: [stored] });
  const drift = () => driftOfRun(storedFile(lookup)!, merged);
  assert.match(drift()!, /answers are 20.0 % longer/);
  stored.segments[0]!.boots[1]!.id = 'other#1';
  assert.equal(drift(), null);
});
