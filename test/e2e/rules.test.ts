// SLA rules on a monitored metric, from the command line to the verdict: gold, tolerated, breached, not measured.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { test } from 'node:test';
import type { Verdict } from '../../src/judge/verdict.ts';
import { makeProject, type Project } from './project.ts';

const SLA =
  '[{ metric: ttft.p95, stage: benchmark, gold: "< 1s" }, { metric: gpu.utilization.mean, gold: "< 85%", tolerance: "< 95%" }]';

const verdictIn = (project: Project, out: string): Verdict =>
  JSON.parse(readFileSync(project.path(out, 'verdict.json'), 'utf8')) as Verdict;

test('a rule that cannot be measured fails in its own words', async () => {
  await using project = await makeProject();
  project.config({
    stages: '\n  benchmark: { rate: 40/s, rounds: 2, duration: 4s, rampIn: 1s, drain: 5s }',
    sla: SLA,
    extra: 'monitor: { nvidiaSmi: false }',
  });
  const end = await project.plimsoll('run');
  assert.equal(end.code, 1, end.stdout + end.stderr);
  const rule = verdictIn(project, 'plimsoll-out').sla.find(({ metric }) => metric === 'gpu.utilization.mean');
  assert.equal(rule?.status, 'not_measured');
  assert.ok((rule?.note ?? '').length > 10, String(rule?.note));
});

for (const [utilisation, status, code] of [
  [70, 'gold', 0],
  [90, 'tolerated', 0],
  [99, 'breached', 1],
] as const) {
  test(`GPU utilisation of ${utilisation} % is ${status} under gold < 85 %, tolerance < 95 %`, async () => {
    await using project = await makeProject();
    project.config({
      stages: '\n  benchmark: { rate: 40/s, rounds: 2, duration: 4s, rampIn: 1s, drain: 5s }',
      sla: SLA,
      extra: 'monitor: { interval: 500ms }',
    });
    mkdirSync(project.path('bin'));
    writeFileSync(project.path('bin', 'nvidia-smi'), nvidiaSmi(utilisation), { mode: 0o755 });
    project.env.PATH = `${project.path('bin')}${delimiter}${process.env.PATH}`;
    const end = await project.plimsoll('run');
    assert.equal(end.code, code, end.stdout + end.stderr);
    const rule = verdictIn(project, 'plimsoll-out').sla.find(({ metric }) => metric === 'gpu.utilization.mean');
    assert.equal(rule?.status, status);
    assert.equal(rule?.value, utilisation);
  });
}

const nvidiaSmi = (utilisation: number): string => `#!/bin/sh
case "$*" in
  -L) echo 'GPU 0: NVIDIA L4 (UUID: GPU-0)'; exit 0;;
  *-lms*) while :; do echo '${utilisation}, 12000, 23034, 60.5, 61, 2040, Not Active, Not Active'; sleep 0.25; done;;
  *) echo '${utilisation}, 12000, 23034, 60.5, 61, 2040, Not Active, Not Active';;
esac
`;
