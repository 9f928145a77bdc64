// Inputs: defaults as action.yml says them, words that mean nothing refused.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { PlimsollError } from '../../src/errors.ts';
import { readInputs } from '../../src/github/inputs.ts';

const manifest = parse(readFileSync(new URL('../../action.yml', import.meta.url), 'utf8')) as {
  inputs: Record<string, { description: string; default?: string }>;
  outputs: Record<string, { description: string }>;
  runs: Record<string, string>;
};

test('with nothing set, the defaults are those of action.yml', () => {
  const asRunner = Object.fromEntries(
    Object.entries(manifest.inputs).map(([name, input]) => [
      `INPUT_${name.toUpperCase()}`,
      input.default?.startsWith('$') ? '' : (input.default ?? ''),
    ]),
  );
  assert.deepEqual(readInputs({}), readInputs(asRunner));
});

test('every input of action.yml is read, and is described', () => {
  const asked = new Set<string>();
  readInputs(new Proxy({}, { get: (_, name: string) => void asked.add(name) }));
  assert.deepEqual(
    [...asked].sort(),
    Object.keys(manifest.inputs)
      .map((name) => `INPUT_${name.toUpperCase()}`)
      .sort(),
  );
  for (const described of [...Object.values(manifest.inputs), ...Object.values(manifest.outputs)])
    assert.ok(described.description.length > 20);
});

for (const [name, value, words] of [
  ['MODE', 'comments', /"gate", "baseline", "measure", "comment", "command"/],
  ['MODE', 'Gate', /mode is "Gate"/],
  ['CHARTS', 'svg', /"mermaid", "branch", "none"/],
  ['CHARTS-BRANCH', 'refs/heads/main', /name of a branch/],
  ['CHARTS-BRANCH', '-f main', /name of a branch/],
  ['ARTIFACT', 'plimsoll', /"true" or "false"/],
  ['GATE', 'status', /"job", "check"/],
  ['COMMENT', 'yes', /"true" or "false"/],
  ['ALLOW-FORKS', '1', /allow-forks/],
  ['CONFIG', 'a.yml\nb.yml\n a.yml', /a\.yml stands there twice/],
  ['OUT', 'a\nb', /one line/],
  ['NAME', 'a\nb', /one line/],
] as const) {
  test(`${name.toLowerCase()}: ${JSON.stringify(value)} is refused`, () => {
    assert.throws(
      () => readInputs({ [`INPUT_${name}`]: value }),
      (error) => error instanceof PlimsollError && error.code === 'USAGE' && words.test(error.message),
    );
  });
}

test('white space around values and TRUE are taken as meant', () => {
  const inputs = readInputs({
    INPUT_CONFIG: ' perf/plimsoll.yml\n',
    'INPUT_ALLOW-FORKS': 'TRUE',
    INPUT_SUMMARY: 'false',
  });
  assert.deepEqual([inputs.configs, inputs.allowForks, inputs.summary], [['perf/plimsoll.yml'], true, false]);
});

test('several configurations are several lines, without the empty ones', () => {
  assert.deepEqual(readInputs({ INPUT_CONFIG: 'a/plimsoll.yml\n\n  b/plimsoll.yml\r\n' }).configs, [
    'a/plimsoll.yml',
    'b/plimsoll.yml',
  ]);
});

test('a check run that carries the verdict is created without asking for it twice', () => {
  const checks = (env: Record<string, string>): boolean => readInputs(env).check;
  assert.deepEqual(
    [checks({}), checks({ INPUT_CHECK: 'true' }), checks({ INPUT_GATE: 'check', INPUT_CHECK: 'false' })],
    [false, true, true],
  );
});
