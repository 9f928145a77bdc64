// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders are what is tested

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { combineConfigs, parseConfig } from '../../src/config/load.ts';
import { minimal, validConfig } from './valid.ts';

const parse = (value: unknown, env: NodeJS.ProcessEnv = {}) =>
  parseConfig(stringify(value), { file: 'plimsoll.yml', env });
const changes = (base: object, head: object) =>
  combineConfigs(parse({ ...minimal, ...base }), parse({ ...minimal, ...head })).changes;

test('the deployment is the head’s, the rest the base’s, and equal configurations have no changes', () => {
  fc.assert(
    fc.property(validConfig, validConfig, (a, b) => {
      const [base, head] = [parse(a), parse(b)];
      const { config } = combineConfigs(base, head);
      const { runnerClass: _, ...deployment } = head.deployment;
      const { name, runnerClass } = base.deployment;
      const mixed = { ...deployment, name, ...(runnerClass !== undefined && { runnerClass }) };
      assert.deepEqual(config, { ...base, deployment: mixed });
      assert.deepEqual(combineConfigs(base, { ...base, deployment: mixed, file: 'elsewhere.yml' }).changes, []);
    }),
    { numRuns: 60 },
  );
});

test('a change is listed exactly when a field that is the base’s differs', () => {
  fc.assert(
    fc.property(validConfig, validConfig, (a, b) => {
      const [base, head] = [parse(a), parse(b)];
      const policy = ({ deployment: { name, runnerClass }, ...rest }: typeof base) =>
        JSON.stringify([name, runnerClass, rest]);
      assert.equal(combineConfigs(base, head).changes.length > 0, policy(base) !== policy(head));
    }),
    { numRuns: 100 },
  );
});

test('changes read as they would be written', () => {
  const sla = [{ metric: 'ttft.p99', gold: '< 500ms', tolerance: '< 1s' }];
  assert.deepEqual(changes({ sla }, { sla: [{ ...sla[0], tolerance: '< 5s' }] }), [
    'sla[0].tolerance: "< 1s" → "< 5s"',
  ]);
  assert.deepEqual(changes({ sla }, {}), [
    'sla[0]: {metric: "ttft.p99", stage: "benchmark", gold: "< 500ms", tolerance: "< 1s"} → none',
  ]);
  const linear = { from: '2/s', to: '40/s' };
  assert.deepEqual(changes({ stages: { linear } }, { stages: { linear: { ...linear, to: '60%', hold: '30s' } } }), [
    'stages.linear.to: 40/s → 60%',
    'stages.linear.hold: 60s → 30s',
  ]);
  assert.deepEqual(changes({ comparison: { gates: ['ttft.p95'] } }, { comparison: { gates: [], budget: '5m' } }), [
    'comparison.gates: [ttft.p95@benchmark] → []',
    'comparison.budget: 45m → 5m',
  ]);
  assert.deepEqual(changes({ slo: { ttft: '1s' } }, { slo: {} }), ['slo.ttftMs: 1s → none']);
  assert.deepEqual(changes({ failOn: ['breach'] }, {}), ['failOn: ["breach"] → ["breach", "regression"]']);
  const workload = (extra: object) => ({ workload: { model: 'tiny', ...extra } });
  assert.deepEqual(changes(workload({}), workload({ seed: 9, output: { constant: 5 } })), [
    'workload.seed: 1 → 9',
    'workload.output.uniform: [32, 256] → none',
    'workload.output.constant: none → 5',
  ]);
});

test('a pull request cannot leave the comparison by another name or another runner class', () => {
  const named = (deployment: object) => parse({ ...minimal, deployment: { ...minimal.deployment, ...deployment } });
  const base = named({ runnerClass: 'a100' });
  const renamed = combineConfigs(base, named({ name: 'other', runnerClass: 'h100', command: ['new'] }));
  assert.equal(renamed.config.deployment.name, 'tiny');
  assert.equal(renamed.config.deployment.runnerClass, 'a100');
  assert.deepEqual(renamed.config.deployment.command, ['new']);
  assert.deepEqual(renamed.changes, ['deployment.name: "tiny" → "other"', 'deployment.runnerClass: "a100" → "h100"']);
  assert.deepEqual(combineConfigs(base, named({})).changes, ['deployment.runnerClass: "a100" → none']);
  const added = combineConfigs(named({}), base);
  assert.ok(!('runnerClass' in added.config.deployment));
  assert.deepEqual(added.changes, ['deployment.runnerClass: none → "a100"']);
});

test('secrets of both sides stay masked', () => {
  const withToken = { ...minimal, deployment: { ...minimal.deployment, env: { A: '${T}' } } };
  const { config } = combineConfigs(parse(withToken, { T: 'base-secret' }), parse(withToken, { T: 'head-secret' }));
  assert.deepEqual(config.secrets, ['head-secret', 'base-secret']);
  assert.deepEqual(config.secretNames, ['T']);
});
