// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders are what is tested

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { loadConfig, parseConfig, refuseUnavailable } from '../../src/config/load.ts';
import { PlimsollError } from '../../src/errors.ts';
import { BAD_FILES } from './bad-files.ts';
import { minimal, validConfig } from './valid.ts';

const env = { HF_TOKEN: 'hf_secret', API_KEY: 'abc' };
const parse = (value: unknown, extra: NodeJS.ProcessEnv = env) =>
  parseConfig(stringify(value), { file: 'plimsoll.yml', env: extra });

function errorOf(run: () => unknown): PlimsollError {
  try {
    run();
  } catch (error) {
    if (error instanceof PlimsollError) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: 'expected a PlimsollError, nothing was thrown' });
}

test('every bad file gets the messages of the golden file', () => {
  const path = join(import.meta.dirname, '..', 'golden', 'config-errors.txt');
  const text = BAD_FILES.map(({ name, yaml }) => {
    const error = errorOf(() => parseConfig(yaml, { file: 'plimsoll.yml', env }));
    return `--- ${name} [${error.code}]\n${error.message}\n`;
  }).join('\n');
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, text);
  assert.equal(text, readFileSync(path, 'utf8'));
  assert.ok(BAD_FILES.length >= 15);
});

test('every line of an error names the file, a line and a column inside it', () => {
  for (const { name, yaml } of BAD_FILES) {
    const lines = yaml.split('\n');
    for (const message of errorOf(() => parseConfig(yaml, { file: 'plimsoll.yml', env })).message.split('\n')) {
      const [, line, column] = /^plimsoll\.yml:(\d+):(\d+) /.exec(message) ?? assert.fail(`${name}: ${message}`);
      assert.ok(Number(line) >= 1 && Number(line) <= lines.length, `${name}: ${message}`);
      assert.ok(
        Number(column) >= 1 && Number(column) <= (lines[Number(line) - 1] ?? '').length + 1,
        `${name}: ${message}`,
      );
    }
  }
});

test('any valid configuration survives, and reading is a function of its text', () => {
  fc.assert(
    fc.property(validConfig, (value) => {
      const config = parse(value);
      assert.deepEqual(parse(value), config);
      assert.equal(config.deployment.name, value.deployment.name);
      assert.deepEqual(config.deployment.env, { ...value.deployment.env });
      assert.equal(config.workload.model, value.workload.model);
      assert.ok(Object.keys(config.stages).length > 0, 'something is run');
    }),
    { numRuns: 300 },
  );
});

test('whatever text it is given, it returns a configuration or a PlimsollError', () => {
  const text = stringify(minimal);
  const damaged = fc
    .tuple(fc.nat(text.length), fc.nat(12), fc.string({ unit: 'binary' }))
    .map(([at, drop, put]) => text.slice(0, at) + put + text.slice(at + drop));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), damaged), (input) => {
      try {
        parseConfig(input, { file: 'plimsoll.yml', env });
      } catch (error) {
        assert.ok(error instanceof PlimsollError, String(error));
        assert.match(error.message, /^plimsoll\.yml:\d+:\d+ /);
      }
    }),
    { numRuns: 1000 },
  );
});

test('whatever value stands in a known place, the message says so in words, never in the terms of the schema library', () => {
  const paths = [
    'deployment',
    'deployment.ready.timeout',
    'workload.prompts',
    'workload.output',
    'workload.temperature',
    'stages.linear',
    'stages.benchmark.rate',
    'sla',
    'comparison.gates',
    'failOn',
    'price',
    'slo.ttft',
  ];
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, junk) => {
      const value = structuredClone(minimal) as Record<string, unknown>;
      const parts = path.split('.');
      let node = value;
      for (const part of parts.slice(0, -1)) {
        node[part] ??= {};
        node = node[part] as Record<string, unknown>;
      }
      node[parts.at(-1)!] = junk;
      try {
        parse(value);
      } catch (error) {
        assert.ok(error instanceof PlimsollError, String(error));
        assert.doesNotMatch(error.message, /Invalid input|received|ZodError|invalid_|Too small|Too big|Unrecognized/);
      }
    }),
    { numRuns: 600 },
  );
});

test('the example of the documentation reads as it says', () => {
  const text = readFileSync(join(import.meta.dirname, 'full-example.yml'), 'utf8');
  const lineOf = (metric: string) => text.split('\n').findIndex((line) => line.includes(`metric: ${metric},`)) + 1;
  const config = parseConfig(text, {
    file: 'plimsoll.yml',
    env,
  });
  assert.deepEqual(config.deployment.env, { HF_TOKEN: 'hf_secret' });
  assert.deepEqual(config.deployment.headers, { authorization: 'Bearer abc' });
  assert.equal(config.deployment.ready.timeout, 900_000);
  assert.deepEqual(config.slo, { ttftMs: 500, tpotMs: 50, e2eMs: undefined });
  assert.deepEqual(config.stages['step-surge']?.surges, [{ perSecond: 16 }, { perSecond: 32 }]);
  assert.deepEqual(config.sla, [
    {
      metric: 'ttft.p99',
      stage: 'benchmark',
      gold: { op: '<', limit: 500, text: '< 500ms' },
      tolerance: { op: '<', limit: 1000, text: '< 1s' },
      line: lineOf('ttft.p99'),
    },
    {
      metric: 'saturation.rate',
      stage: 'linear',
      gold: { op: '>', limit: 20, text: '> 20/s' },
      tolerance: { op: '>', limit: 15, text: '> 15/s' },
      line: lineOf('saturation.rate'),
    },
    {
      metric: 'gpu.utilization.mean',
      stage: 'benchmark',
      gold: { op: '<', limit: 85, text: '< 85%' },
      tolerance: { op: '<', limit: 95, text: '< 95%' },
      line: lineOf('gpu.utilization.mean'),
    },
  ]);
  assert.deepEqual(config.comparison.gates.at(-1), { metric: 'knee.rate', stage: 'linear' });
  assert.deepEqual(config.failOn, ['breach', 'regression']);
  assert.deepEqual(config.price, { gpuHour: 2.5, gpus: 1, currency: 'USD' });
});

test('a few lines are enough: the functional preset, and gates for the stages there are', () => {
  const config = parse(minimal);
  assert.deepEqual(config.stages.benchmark?.rate, { perSecond: 10 });
  assert.deepEqual([config.stages.linear?.from, config.stages.linear?.to], [{ perSecond: 10 }, { perSecond: 100 }]);
  assert.deepEqual(
    config.comparison.gates.map((gate) => `${gate.metric}@${gate.stage}`),
    ['throughput.tokens@linear', 'ttft.p95@benchmark', 'tpot.p95@benchmark', 'knee.rate@linear'],
  );
  const only = parse({ ...minimal, stages: { benchmark: { rate: '3/s' } } });
  assert.deepEqual(Object.keys(only.stages), ['benchmark']);
  assert.deepEqual(
    only.comparison.gates.map((gate) => gate.metric),
    ['ttft.p95', 'tpot.p95'],
  );
});

test('fields that are written replace the preset’s, and users replace its rate', () => {
  const tuned = parse({ ...minimal, preset: 'tuning', stages: { linear: { steps: 4 }, benchmark: { users: 32 } } });
  assert.equal(tuned.stages.linear?.steps, 4);
  assert.deepEqual(tuned.stages.linear?.to, { perSecond: 1000 });
  assert.equal(tuned.stages.benchmark?.users, 32);
  assert.equal(tuned.stages.benchmark?.rate, undefined);
  assert.deepEqual(tuned.stages['step-surge']?.base, { perSecond: 100 });
  for (const [preset, from, to] of [
    ['functional', 10, 100],
    ['tuning', 100, 1000],
  ] as const) {
    assert.deepEqual(
      [parse({ ...minimal, preset }).stages.linear?.from, parse({ ...minimal, preset }).stages.linear?.to],
      [{ perSecond: from }, { perSecond: to }],
    );
  }
});

test('the engine decides where readiness is asked, unless the file does', () => {
  const ready = (deployment: object) =>
    parse({ ...minimal, deployment: { ...minimal.deployment, ...deployment } }).deployment.ready.path;
  assert.equal(ready({ engine: 'vllm' }), '/health');
  assert.equal(ready({ engine: 'ollama' }), '/api/version');
  assert.equal(ready({ engine: 'ollama', ready: { path: '/up' } }), '/up');
});

test('SLA limits are read in the unit of their metric', () => {
  const limit = (metric: string, gold: string, stage?: string) =>
    parse({ ...minimal, price: { gpuHour: 1 }, sla: [{ metric, gold, ...(stage && { stage }) }] }).sla[0];
  assert.equal(limit('ttft.p95', '< 0.5s')?.gold.limit, 500);
  assert.equal(limit('surge.recovery', '<= 1500ms')?.gold.limit, 1.5);
  assert.equal(limit('knee.rate', '> 120/min')?.gold.limit, 2);
  assert.equal(limit('throughput.tokens', '> 3000 tokens/s', 'linear')?.gold.limit, 3000);
  assert.equal(limit('errors.rate', '<= 1%')?.gold.limit, 0.01);
  assert.equal(limit('errors.rate', '< 0.01')?.gold.limit, 0.01);
  assert.equal(limit('gpu.memory.max', '< 85%')?.gold.limit, 85);
  assert.equal(limit('surge.backlog', '< 5')?.gold.limit, 5);
  assert.equal(limit('deployment.memory.max', '< 40GiB')?.gold.limit, 40 * 2 ** 30);
  assert.equal(limit('gpu.power.mean', '< 300 W')?.gold.limit, 300);
  assert.equal(limit('cost.per_request', '< 0.002')?.gold.limit, 0.002);
  assert.equal(limit('surge.recovery', '< 1s')?.stage, 'step-surge');
});

test('values of the environment are put in once, listed for masking, and never shown in an error', () => {
  const withEnv = (text: string, extra: NodeJS.ProcessEnv) =>
    parse({ ...minimal, deployment: { ...minimal.deployment, env: { A: text } } }, extra);
  const value = (text: string, extra: NodeJS.ProcessEnv = {}) => withEnv(text, extra).deployment.env.A;
  assert.equal(value('x-${T}-${T}', { T: '${U}' }), 'x-${U}-${U}');
  assert.equal(value('${T:-none}'), 'none');
  assert.equal(value('${T:-none}', { T: '' }), 'none');
  assert.equal(value('${T}', { T: '' }), '');
  assert.equal(value('$${T} \\${T} $T $$'), '${T} ${T} $T $$');
  assert.deepEqual(withEnv('${T} ${S} ${D:-default}', { T: 'secret', S: 'abc' }).secrets, ['secret']);
  assert.deepEqual(withEnv('${T} ${S} ${D:-default}', { T: 'secret', S: 'abc' }).secretNames, ['T', 'S']);
  assert.match(errorOf(() => withEnv('${T:?x}', {})).message, /has a "\$\{" that is not a variable/);
  const bad = { ...minimal, deployment: { ...minimal.deployment, ready: { timeout: '${T}' } } };
  const error = errorOf(() => parse(bad, { T: 'very "secret" \\ value' }));
  assert.doesNotMatch(error.message, /secret/);
  assert.match(error.message, /"\*\*\*" is not a duration/);
});

test('unset variables alone are ENV_MISSING, all of them; readers of the policy may do without', () => {
  const deployment = { ...minimal.deployment, url: 'http://${HOST}:80', env: { A: '${ONE}', B: '${TWO}' } };
  const error = errorOf(() => parse({ ...minimal, deployment }, {}));
  assert.equal(error.code, 'ENV_MISSING');
  assert.match(
    error.message,
    /deployment\.url: the environment variable HOST is not set\n.*deployment\.env\.A: .*ONE.*\n.*deployment\.env\.B: .*TWO/,
  );
  assert.equal(error.message.split('\n').length, 3, 'the empty URL is not a second problem');
  assert.equal(errorOf(() => parse({ ...minimal, deployment, sla: 5 }, {})).code, 'CONFIG_INVALID');
  const config = parseConfig(stringify({ ...minimal, deployment }), { env: {}, allowMissingEnv: true });
  assert.equal(config.deployment.url, 'http://HOST:80');
  assert.deepEqual(config.secrets, []);
});

test('what this version cannot do is refused by field, in a file and in a Config', () => {
  const config = parse(minimal);
  refuseUnavailable(config);
  const { deployment } = config;
  const error = errorOf(() =>
    refuseUnavailable({
      ...config,
      deployment: { ...deployment, kind: 'compose' },
    }),
  );
  assert.equal(error.code, 'CONFIG_INVALID');
  assert.match(error.message, /^plimsoll\.yml: deployment\.kind: "compose"/);
});

test('a file that is not there is CONFIG_NOT_FOUND and names the way out', () => {
  const error = errorOf(() => loadConfig('/nonexistent/plimsoll.yml'));
  assert.equal(error.code, 'CONFIG_NOT_FOUND');
  assert.match(error.hint ?? '', /plimsoll init/);
});
