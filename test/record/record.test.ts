import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Config } from '../../src/config/schema.ts';
import type { PlimsollError } from '../../src/errors.ts';
import { OUTCOMES } from '../../src/load/timeline.ts';
import { decodeRecord, encodeRecord, mergeRecords } from '../../src/record/codec.ts';
import { readableJson } from '../../src/record/json.ts';
import { compareFacts, environmentSlug, workloadFacts, workloadKey } from '../../src/record/keys.ts';
import { decodeRow, decodeSample, encodeRow, encodeSample } from '../../src/record/rows.ts';
import { type BootRecord, type Facts, RUN_VERSION, type RunRecord } from '../../src/record/schema.ts';
import { planBenchmark } from '../../src/stages/benchmark.ts';
import { planLinear } from '../../src/stages/linear.ts';
import { planStepSurge } from '../../src/stages/step-surge.ts';
import { common, measure, playQueue, row } from '../stages/scene.ts';

const BENCHMARK = {
  rate: { perSecond: 40 },
  think: { constantMs: 0 },
  arrivals: 'poisson' as const,
  rounds: 5,
  duration: 15_000,
  drain: 10_000,
};
const LINEAR = {
  from: { perSecond: 20 },
  to: { perSecond: 90 },
  steps: 4,
  hold: 4_000,
  arrivals: 'poisson' as const,
  stopWhen: { missed: 0.9, failed: 0.5 },
  drain: 1,
};
const SURGE = {
  base: { perSecond: 20 },
  surges: [{ perSecond: 90 }],
  hold: 4_000,
  recover: 8_000,
  arrivals: 'poisson' as const,
  drain: 1,
};
const PLANS = [planBenchmark(BENCHMARK, common), planLinear(LINEAR, common), planStepSurge(SURGE, common)];
const STAGES = PLANS.map((plan) =>
  measure(plan, playQueue(plan, { servers: 15, serviceMs: 300, firstTokenMs: 50 }), {
    config: { slo: { ttftMs: 300 } },
  }),
);

const boot = (index: number): BootRecord =>
  ({
    index,
    side: 'candidate',
    startedAt: '2025-01-01T00:00:00Z',
    bootMs: 1_234,
    end: 'complete',
    reason: null,
    subject: {},
    pair: null,
    stages: STAGES,
  }) as unknown as BootRecord;

const record = (part: Partial<RunRecord> = {}): RunRecord => ({
  schema: 'plimsoll/run',
  version: RUN_VERSION,
  id: 'a',
  name: '',
  createdAt: '2025-01-01T00:00:00Z',
  plimsoll: '0.1.0',
  mode: 'gate',
  status: 'complete',
  statusReason: null,
  deployment: 'd',
  environment: { gpu: 'H100', method: 1 },
  workloads: { benchmark: { key: 'k', facts: { seed: 1 } } },
  subject: { commit: 'abc' },
  slo: null,
  boots: [boot(1)],
  discarded: [],
  ...part,
});

/** A record as text holds it, to be broken. */
interface Damaged {
  deployment?: unknown;
  version?: unknown;
  boots: { stages: { metrics: Record<string, { value: unknown }> }[] }[];
}

const failsWith = (code: PlimsollError['code'], message: RegExp) => (error: PlimsollError) => {
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

test('a record of all three stages comes back from its text as it was, and the text is always the same', () => {
  const text = encodeRecord(record());
  const back = decodeRecord(text, 'run.json');
  assert.deepEqual(back, JSON.parse(JSON.stringify(record())));
  assert.equal(encodeRecord(back), text);
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([key, item]) => [key, reversed(item)]),
    );
  };
  assert.equal(encodeRecord(reversed(record()) as RunRecord), text);
  assert.ok(
    text.split('\n').every((line) => line.length < 200 || line.includes('HISTFA')),
    'lines that people can read',
  );
});

test('a record of before the SLO, the subject of a boot and its pair were in it is read, with nothing known of them', () => {
  const { slo: _, ...old } = record({ boots: [boot(1)].map(({ subject: _, pair: __, ...one }) => one as BootRecord) });
  const back = decodeRecord(JSON.stringify(old), 'run.json');
  assert.deepEqual([back.slo, back.boots[0]!.subject, back.boots[0]!.pair], [null, {}, null]);
});

test('a record that could not be read again is not written, and the field is named', () => {
  const broken = record({ boots: [{ ...boot(1), bootMs: Number.NaN }] });
  assert.throws(() => encodeRecord(broken), failsWith('INTERNAL', /boots\[0\]\.bootMs/));
});

test('a record cut short anywhere is refused as damaged, never read half', () => {
  const text = encodeRecord(record());
  fc.assert(
    fc.property(fc.integer({ min: 0, max: text.trimEnd().length - 1 }), (length) => {
      assert.throws(
        () => decodeRecord(text.slice(0, length), 'out/run.json'),
        failsWith('RECORD_DAMAGED', /out\/run\.json.*(empty|cut short|JSON)/s),
      );
    }),
    { numRuns: 60 },
  );
});

test('a damaged record names what is wrong: empty, not JSON, not a record, the first wrong field', () => {
  const wrong = (change: (value: Damaged) => void) => {
    const value = JSON.parse(encodeRecord(record()));
    change(value);
    return JSON.stringify(value);
  };
  const cases: [string, RegExp][] = [
    [' \n', /is empty/],
    ['<html></html>', /not JSON/],
    ['[]', /"schema" should be "plimsoll\/run"/],
    ['null', /"schema" should be/],
    ['{"schema":"plimsoll/baseline","version":1}', /"schema" should be/],
    [wrong((value: Damaged) => delete value.deployment), /deployment: /],
    [
      wrong((value: Damaged) => {
        value.boots[0]!.stages[0]!.metrics['ttft.p99']!.value = 'fast';
      }),
      /boots\[0\]\.stages\[0\]\.metrics\["ttft\.p99"\]\.value: /,
    ],
    [wrong((value: Damaged) => delete value.version), /version: /],
  ];
  for (const [text, message] of cases)
    assert.throws(() => decodeRecord(text, 'run.json'), failsWith('RECORD_DAMAGED', message), text.slice(0, 80));
});

test('another version is refused by name', () => {
  const other = JSON.stringify({ ...record(), version: 7 });
  assert.throws(
    () => decodeRecord(other, 'run.json'),
    failsWith('RECORD_VERSION', new RegExp(`version 7.*reads version ${RUN_VERSION}`)),
  );
});

test('readable JSON is JSON, with any keys and values', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      assert.deepEqual(JSON.parse(readableJson(value)), JSON.parse(JSON.stringify(value))),
    ),
  );
  assert.throws(() => readableJson({ a: { b: [1, Number.POSITIVE_INFINITY] } }), /a\.b\[1\] is Infinity/);
});

test('boots of several runs count together, numbered on', () => {
  const merged = mergeRecords([
    record({ boots: [boot(1), boot(3)], discarded: [{ index: 2, reason: 'client' }] }),
    record({ id: 'b', boots: [boot(1)], subject: { commit: 'def' }, status: 'incomplete', statusReason: 'cancelled' }),
  ]);
  assert.deepEqual(
    merged.boots.map((one) => one.index),
    [1, 3, 4],
  );
  assert.deepEqual(
    merged.discarded.map((one) => one.index),
    [2],
  );
  assert.deepEqual(
    [merged.status, merged.statusReason, merged.id, merged.subject],
    ['incomplete', 'cancelled', 'a+b', { commit: 'abc, def' }],
  );
  assert.deepEqual(decodeRecord(encodeRecord(merged), 'x').boots.length, 3);
});

test('pairs of several runs are numbered on, so that none has four boots', () => {
  const interleaved = { ref: 'main', commit: 'f00', seed: 1, problem: null };
  const pair = (number: number) => [
    { ...boot(2 * number - 1), side: 'base' as const, pair: number },
    { ...boot(2 * number), pair: number },
  ];
  const merged = mergeRecords([
    record({ interleaved, boots: [...pair(1), ...pair(2)] }),
    record({ interleaved, id: 'b', boots: pair(1) }),
  ]);
  assert.deepEqual(
    merged.boots.map(({ pair: number }) => number),
    [1, 1, 2, 2, 3, 3],
  );
  assert.equal(merged.interleaved?.commit, 'f00');
});

test('runs that are not of one kind are not merged, and the field is named', () => {
  const refused = (other: Partial<RunRecord>, message: RegExp) =>
    assert.throws(() => mergeRecords([record(), record({ id: 'b', ...other })]), failsWith('INPUT_INVALID', message));
  refused({ deployment: 'e' }, /deployment is d in one and e/);
  refused({ environment: { gpu: 'A100', method: 1 } }, /environment: gpu is H100 in one and A100/);
  refused(
    { workloads: { benchmark: { key: 'other', facts: { seed: 2 } } } },
    /workload of benchmark: seed is 1 in one and 2/,
  );
  refused(
    { interleaved: { ref: 'main', commit: 'f00', seed: 1, problem: null } },
    /one is compared with the store, the other with f00/,
  );
  refused({ id: 'a' }, /given twice/);
  assert.throws(() => mergeRecords([]), failsWith('INPUT_INVALID', /No run record/));
});

const CONFIG = { slo: { ttftMs: 500 } } as unknown as Config;
const WORKLOAD: Facts = { api: 'chat', stream: true, seed: 7, promptTokens: 'uniform 64–512' };

test('workload facts are per stage: what changes one stage’s load changes that stage’s key alone', () => {
  const facts = [
    workloadFacts('benchmark', CONFIG, PLANS[0]!, WORKLOAD),
    workloadFacts('linear', CONFIG, PLANS[1]!, WORKLOAD),
    workloadFacts('step-surge', CONFIG, PLANS[2]!, WORKLOAD),
  ] as const;
  assert.equal(new Set(facts.map(workloadKey)).size, 3);
  assert.equal(facts[0]['round.load'], 'poisson 40/s');
  assert.equal(facts[0]['round.count'], 5);
  assert.equal(facts[0]['round.seconds'], '3');
  assert.match(String(facts[1]['step.load']), /^poisson 20\/s, poisson 43\.33/);
  const looser = { ...CONFIG, slo: { ttftMs: 900 } };
  assert.equal(
    workloadKey(workloadFacts('benchmark', looser, PLANS[0]!, WORKLOAD)),
    workloadKey(facts[0]),
    'the SLO is the knee’s',
  );
  assert.deepEqual(compareFacts(facts[1], workloadFacts('linear', looser, PLANS[1]!, WORKLOAD)), [
    { field: 'slo.ttftMs', baseline: '500', candidate: '900' },
  ]);
  const faster = planBenchmark({ ...BENCHMARK, rate: { perSecond: 41 } }, common);
  assert.deepEqual(
    compareFacts(facts[0], workloadFacts('benchmark', CONFIG, faster, WORKLOAD)).map((difference) => difference.field),
    ['rampIn.load', 'round.load'],
  );
});

test('a replay’s facts are its trace, its speed-up and its cut; what the workload would draw is not among them', () => {
  const replay = (hash: string, speedup: number, more: Partial<typeof BENCHMARK> = {}) => {
    const lengths = new Int32Array(2_000).fill(10);
    const atMs = Float64Array.from(lengths, (_, i) => i * 10);
    return planBenchmark(
      { ...BENCHMARK, ...more, rate: undefined, replay: { file: 't', speedup } },
      { ...common, trace: () => ({ hash, speedup, atMs, promptTokens: lengths, outputTokens: lengths, blocks: null }) },
    );
  };
  const facts = (plan: ReturnType<typeof replay>, workload = WORKLOAD) =>
    workloadFacts('benchmark', CONFIG, plan, workload);
  const usual = facts(replay('abc', 2));
  assert.deepEqual(
    [usual.trace, usual['round.load'], usual.promptTokens, usual.output],
    ['abc', 'replay × 2', 'as traced', 'as traced'],
  );
  assert.equal(workloadKey(facts(replay('abc', 2), { ...WORKLOAD, output: 'constant 1' })), workloadKey(usual));
  const others = [replay('abd', 2), replay('abc', 3), replay('abc', 2, { duration: 10_000 })].map((plan) =>
    workloadKey(facts(plan)),
  );
  assert.equal(new Set([workloadKey(usual), ...others]).size, 4);
});

test('gamma arrivals are told by their burstiness', () => {
  const plan = planBenchmark({ ...BENCHMARK, arrivals: { gamma: { burstiness: 0.5 } } }, common);
  assert.equal(workloadFacts('benchmark', CONFIG, plan, WORKLOAD)['round.load'], 'gamma 0.5 40/s');
});

test('a share of the knee that resolves to the same rate is the same load, rounding noise and all', () => {
  const absolute = planLinear({ ...LINEAR, from: { perSecond: 30 }, to: { perSecond: 90 } }, common);
  const shares = planLinear({ ...LINEAR, from: { shareOfKnee: 0.1 * 3 }, to: { shareOfKnee: 0.9 } }, common);
  assert.equal(
    workloadKey(workloadFacts('linear', CONFIG, absolute, {})),
    workloadKey(workloadFacts('linear', CONFIG, shares, {})),
  );
});

const facts = fc.dictionary(
  fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
  fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)),
);

test('keys are equal exactly when no field differs, in whatever order fields stand', () => {
  fc.assert(
    fc.property(facts, facts, (a, b) => {
      assert.equal(workloadKey(a) === workloadKey(b), compareFacts(a, b).length === 0);
      assert.equal(workloadKey(Object.fromEntries(Object.entries(a).toReversed())), workloadKey(a));
      assert.deepEqual(compareFacts(a, a), []);
    }),
  );
});

test('a field that is missing differs from one that is null, and 1 from "1"', () => {
  assert.deepEqual(compareFacts({ a: 1 }, { a: '1' }).length, 1);
  assert.deepEqual(compareFacts({}, { driver: null }), [{ field: 'driver', baseline: 'absent', candidate: 'null' }]);
  assert.notEqual(workloadKey({}), workloadKey({ driver: null }));
});

test('an environment’s name is fit for a file, readable, and tells apart what differs', () => {
  assert.equal(environmentSlug({ kind: 'simulated', method: 1 }), 'simulated');
  const h100 = {
    kind: 'local',
    gpu: 'NVIDIA H100 80GB HBM3',
    gpuCount: 1,
    driverMajor: '550',
    gpuMemoryGiB: 80,
    cpu: 'AMD EPYC',
    runnerClass: null,
  };
  assert.match(environmentSlug(h100), /^nvidia-h100-80gb-hbm3-x1-driver550-[0-9a-f]{6}$/);
  assert.notEqual(environmentSlug(h100), environmentSlug({ ...h100, gpuMemoryGiB: 40 }));
  assert.match(
    environmentSlug({
      kind: 'local',
      gpu: null,
      gpuCount: 0,
      cpu: 'AMD EPYC 7B12',
      cpuCount: 8,
      runnerClass: 'c2/big',
    }),
    /^amd-epyc-7b12-x8-c2-big-\w{6}$/,
  );
  assert.match(
    environmentSlug({ kind: 'remote', host: 'gpu.example.com', runnerClass: null }),
    /^gpu-example-com-\w{6}$/,
  );
  fc.assert(fc.property(facts, (any) => assert.match(environmentSlug(any), /^[a-z0-9][a-z0-9-]*$/)));
});

test('a row and a sample come back from their line, times to the microsecond', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e7, noNaN: true }),
      fc.constantFrom(...OUTCOMES),
      fc.option(fc.string()),
      fc.option(fc.nat()),
      fc.boolean(),
      (plannedMs, outcome, error, outputTokens, reused) => {
        const one = row({ plannedMs, outcome, error, outputTokens, reused });
        const line = encodeRow(one, { boot: 2, stage: 'linear', phase: 'step-3' });
        assert.ok(!line.includes('\n'));
        const { boot, stage, phaseName, ...back } = decodeRow(line, 'x:1');
        assert.deepEqual([boot, stage, phaseName], [2, 'linear', 'step-3']);
        assert.ok(Math.abs(back.endMs - one.endMs) <= 0.0005);
        for (const key of ['outcome', 'error', 'outputTokens', 'reused', 'request', 'serverId'] as const)
          assert.equal(back[key], one[key]);
      },
    ),
  );
  const sample = { tMs: -12.3456789, metric: 'gpu.utilization', value: 0 };
  assert.deepEqual(decodeSample(encodeSample(sample, { boot: 1, stage: 'benchmark' }), 'x:1'), {
    boot: 1,
    stage: 'benchmark',
    ...sample,
    tMs: -12.346,
  });
});

test('a damaged line says where and which field', () => {
  const line = encodeRow(row({ plannedMs: 1 }), { boot: 1, stage: 'benchmark', phase: 'round-1' });
  assert.throws(
    () => decodeRow(line.slice(0, 50), 'requests.ndjson.gz:17'),
    failsWith('RECORD_DAMAGED', /requests\.ndjson\.gz:17/),
  );
  assert.throws(() => decodeRow(line.replace('"ok"', '"fine"'), 'r:1'), failsWith('RECORD_DAMAGED', /outcome: /));
});
