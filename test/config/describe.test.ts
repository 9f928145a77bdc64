import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { describeConfig, renderDescription } from '../../src/config/describe.ts';
import { parseConfig } from '../../src/config/load.ts';
import { STAGES } from '../../src/config/schema.ts';
import { planStage } from '../../src/stages/plan.ts';
import { minimumSample } from '../../src/stats/sample-size.ts';
import { minimal, validConfig } from './valid.ts';

const parse = (value: unknown) => parseConfig(stringify(value), { env: {} });

test('what is described is what the stages plan: phases, durations and expected requests', () => {
  fc.assert(
    fc.property(validConfig, (value) => {
      const config = parse(value);
      const description = describeConfig(config);
      assert.deepEqual(
        description.stages.map(({ stage }) => stage),
        STAGES.filter((stage) => config.stages[stage]),
      );
      for (const stage of description.stages) {
        const plan = planStage(stage.stage, config, {
          rates: (rate) => ('perSecond' in rate ? rate.perSecond : assert.fail('no shares here')),
          trace: () => assert.fail('no traces here'),
        });
        assert.deepEqual(
          stage.phases.map(({ name }) => name),
          plan.phases.map(({ name }) => name),
        );
        for (const [index, phase] of plan.phases.entries()) {
          const described = stage.phases[index]!;
          assert.ok(Math.abs(described.durationMs - phase.durationMs) < 1e-6);
          const expected = phase.load.kind === 'open' ? (phase.load.from * phase.durationMs) / 1000 : null;
          assert.ok(
            expected === null
              ? described.requests === null
              : Math.abs(described.requests! - expected) < 1e-6 * (1 + expected),
          );
        }
      }
      assert.ok(renderDescription(description).includes(config.workload.model));
    }),
    { numRuns: 150 },
  );
});

test('a percentile is borne from its minimum sample on, and a rule on a thin one is warned of', () => {
  const at = (duration: string) =>
    describeConfig(
      parse({
        ...minimal,
        stages: { benchmark: { rate: '1/s', duration } },
        sla: [{ metric: 'ttft.p99', gold: '< 1s' }],
      }),
    );
  assert.deepEqual(at('662s').stages[0]?.bears, ['p50', 'p90', 'p95', 'p99']);
  assert.deepEqual(at('661s').stages[0]?.bears, ['p50', 'p90', 'p95']);
  assert.deepEqual(at('662s').warnings, []);
  assert.deepEqual(at('661s').warnings, [
    'ttft.p99@benchmark needs 662 requests for 99 % confidence, about 661 are expected: raise stages.benchmark.duration or its rate',
  ]);
  assert.deepEqual(at('60s').stages[0]?.bears, ['p50']);
});

test('users, traces and shares of the knee promise no number of requests', () => {
  const [users] = describeConfig(parse({ ...minimal, stages: { benchmark: { users: 8 } } })).stages;
  assert.deepEqual(
    [users?.requests, users?.sample, users?.bears, users?.phases[0]?.load],
    [null, null, null, '8 users'],
  );
  const [replay] = describeConfig(
    parse({ ...minimal, stages: { benchmark: { replay: { file: 'day.csv', speedup: 2 } } } }),
  ).stages;
  assert.deepEqual([replay?.requests, replay?.phases[0]?.load], [null, 'day.csv, 2 times as fast']);
  const [share] = describeConfig(
    parse({ ...minimal, stages: { linear: { from: '50%', to: '150%', steps: 3 } } }),
  ).stages;
  assert.deepEqual(
    share?.phases.map(({ load }) => load),
    ['50% of the knee', '100% of the knee', '150% of the knee'],
  );
  const [mixed] = describeConfig(
    parse({ ...minimal, stages: { linear: { from: '2/s', to: '150%', steps: 3 } } }),
  ).stages;
  assert.equal(mixed?.phases[1]?.load, '50% of the way from 2/s to 150% of the knee');
});

test('a budget that no second boot fits into is warned of', () => {
  const warnings = (budget: string, deployment: object = { ready: { timeout: '15m' } }, maxBoots = 3) =>
    describeConfig(
      parse({
        ...minimal,
        deployment: { ...minimal.deployment, ...deployment },
        stages: { benchmark: { rate: '9/s', duration: '10m', rampIn: '0s' } },
        comparison: { budget, maxBoots },
      }),
    ).warnings;
  assert.match(warnings('9m')[0] ?? '', /one boot takes 10 minutes/);
  assert.match(warnings('29m')[0] ?? '', /a second boot does not fit .* 10 minutes of load and perhaps 5 until/);
  assert.deepEqual(warnings('30m'), [], 'two boots of 10 minutes and 5 to get ready');
  assert.deepEqual(warnings('29m', undefined, 1), []);
  const external = { kind: 'external', command: undefined };
  const pairs = describeConfig(
    parse({
      ...minimal,
      stages: { benchmark: { rate: '9/s', duration: '10m', rampIn: '0s' } },
      comparison: { against: 'interleaved' },
    }),
  );
  assert.match(
    pairs.warnings[0] ?? '',
    /a second pair does not fit .* \(45 minutes\): one takes 20 minutes of load and/,
  );
  assert.match(renderDescription(pairs), /Up to 3 pairs of base and candidate until it is clear/);
  assert.match(warnings('19m', external)[0] ?? '', /a second boot does not fit .* 10 minutes of load, and/);
  assert.deepEqual(warnings('20m', external), [], 'what runs already takes no time to boot');
});

test('the text names stages, loads and what they bear', () => {
  assert.equal(
    renderDescription(
      describeConfig(
        parse({
          ...minimal,
          stages: {
            benchmark: { rate: '8/s', rounds: 5, duration: '90s' },
            'step-surge': { base: '2/s', surges: ['9/s'], hold: '60s' },
          },
        }),
      ),
    ),
    `tiny: tiny on an OpenAI-compatible server at http://127.0.0.1:8000

benchmark: 99s, about 792 requests
  ramp-in            9s       8/s, 72 requests
  round-1 … round-5  18s      8/s, 144 requests
  percentiles: p50, p90, p95, p99 (720 requests in all rounds together)

step-surge: 4m, about 900 requests
  base               60s      2/s, 120 requests
  surge-1            60s      9/s, 540 requests
  recover-1          2m       2/s, 240 requests
  percentiles: p50, p90 (120 requests in the smallest phase)

One boot takes about 5.7 minutes of load (at most 7.7), beside booting and warm-up.
Up to 3 boots until it is clear, within 45 minutes.

Gates:
  ttft.p95@benchmark
  tpot.p95@benchmark`,
  );
});

test('the minimum sample is the smallest that leaves two observations beyond the quantile at 99 % confidence', () => {
  assert.deepEqual(
    [0.9, 0.95, 0.99].map((q) => minimumSample(q)),
    [64, 130, 662],
  );
  const atMostOne = (n: number, q: number) => q ** n + n * (1 - q) * q ** (n - 1);
  fc.assert(
    fc.property(
      fc.double({ min: 0.05, max: 0.999, noNaN: true }),
      fc.double({ min: 0.5, max: 0.999, noNaN: true }),
      (q, confidence) => {
        const n = minimumSample(q, confidence);
        assert.ok(n >= 2 && atMostOne(n, q) <= 1 - confidence);
        assert.ok(n === 2 || atMostOne(n - 1, q) > 1 - confidence);
      },
    ),
  );
});
