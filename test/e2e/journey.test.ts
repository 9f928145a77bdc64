// The way of a user through the command line: first baseline, thin baseline, a full one, a regression caught; and
// everything rebuilt from the files of a run.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { test } from 'node:test';
import { saveBaseline } from '../../src/baseline/store.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import { makeProject, type Project } from './project.ts';
import { virtualBaseline } from './virtual-run.ts';

const STAGES = `
  benchmark: { rate: 40/s, rounds: 4, duration: 8s, rampIn: 1s, drain: 5s }
  step-surge: { base: 20/s, surges: [50/s], hold: 1s, recover: 2s, drain: 5s }`;
const SLA =
  '[{ metric: ttft.p95, stage: benchmark, gold: "< 1s" }, { metric: gpu.utilization.mean, gold: "< 85%", tolerance: "< 95%" }]';

const verdictIn = (project: Project, out: string): Verdict =>
  JSON.parse(readFileSync(project.path(out, 'verdict.json'), 'utf8')) as Verdict;

/** A baseline of 28 boots in virtual time, for the configuration that the project has now. */
function storeVirtualBaseline(project: Project): void {
  const config = loadConfig(project.path('plimsoll.yml'));
  mkdirSync(project.path('baselines', 'tiny'), { recursive: true });
  saveBaseline(project.path('baselines', 'tiny', 'simulated.json'), virtualBaseline(config, project.dir, 28));
}

test('the first run measures, stores, and the next one says what a thin baseline cannot see', async () => {
  await using project = await makeProject();
  project.config({ stages: STAGES });
  const first = await project.plimsoll('run', '--mode', 'baseline');
  assert.equal(first.code, 0, first.stderr);
  assert.ok(existsSync(project.path('baselines', 'tiny', 'simulated.json')), first.stderr);
  for (const file of [
    'run.json',
    'requests.ndjson.gz',
    'series.ndjson.gz',
    'verdict.json',
    'comment.md',
    'summary.md',
    'report.html',
    'deployment-1.log',
  ])
    assert.ok(existsSync(project.path('plimsoll-out', file)), file);
  assert.ok(readdirSync(project.path('plimsoll-out', 'charts')).length >= 4);

  const second = await project.plimsoll('run', '--out', 'second', '--json');
  assert.equal(second.code, 0, second.stderr);
  const verdict = JSON.parse(second.stdout) as Verdict;
  assert.equal(verdict.outcome, 'warn');
  assert.ok(verdict.findings.some((finding) => finding.kind === 'thin_baseline'));
  assert.ok(verdict.comparisons.every((comparison) => comparison.verdict !== 'unchanged'));

  const list = await project.plimsoll('baseline', 'list');
  assert.match(list.stdout, /tiny/);
  const added = await project.plimsoll('baseline', 'add', 'second/run.json');
  assert.equal(added.code, 0, added.stderr);
  const again = await project.plimsoll('baseline', 'add', 'second/run.json');
  assert.equal(again.code, 2);
  assert.match(again.stdout, /added before/);
});

test('a slower decode step is caught by two boots, and judge and report tell the same from the files', async () => {
  await using project = await makeProject();
  project.config({ stages: STAGES, sim: ['--decode-slowdown', '1.3'] });
  storeVirtualBaseline(project);
  const end = await project.plimsoll('run');
  assert.equal(end.code, 1, end.stdout + end.stderr);
  const verdict = verdictIn(project, 'plimsoll-out');
  assert.equal(verdict.outcome, 'fail');
  assert.ok(verdict.boots >= 2);
  const tpot = verdict.comparisons.find(({ metric, stage }) => metric === 'tpot.p95' && stage === 'benchmark');
  assert.equal(tpot?.verdict, 'regressed');
  assert.ok(tpot!.change! > 0.2 && tpot!.change! < 0.5, String(tpot!.change));
  assert.match(end.stdout, /TPOT p95/);

  const judged = await project.plimsoll(
    'judge',
    'plimsoll-out/run.json',
    '--baseline',
    'baselines/tiny/simulated.json',
    '--json',
  );
  assert.equal(judged.code, 1, judged.stderr);
  const again = JSON.parse(judged.stdout) as Verdict;
  assert.equal(again.headline, verdict.headline);
  assert.deepEqual(again.comparisons, verdict.comparisons);
  const explained = await project.plimsoll(
    'judge',
    'plimsoll-out/run.json',
    '--baseline',
    'baselines/tiny/simulated.json',
    '--explain',
    'tpot.p95@benchmark',
  );
  assert.equal(explained.code, 0, explained.stderr);
  assert.match(explained.stdout, /tpot\.p95/i);

  const comment = readFileSync(project.path('plimsoll-out', 'comment.md'), 'utf8');
  rmSync(project.path('plimsoll-out', 'comment.md'));
  const report = await project.plimsoll('report', 'plimsoll-out');
  assert.equal(report.code, 0, report.stderr);
  assert.equal(readFileSync(project.path('plimsoll-out', 'comment.md'), 'utf8'), comment);
});

test('the engine as it was recorded passes against a baseline of virtual boots', async () => {
  await using project = await makeProject();
  project.config({ stages: STAGES });
  storeVirtualBaseline(project);
  const end = await project.plimsoll('run');
  assert.equal(end.code, 0, end.stdout + end.stderr);
  const { outcome, comparisons } = verdictIn(project, 'plimsoll-out');
  assert.ok(outcome === 'pass' || outcome === 'warn', end.stdout);
  assert.ok(
    comparisons.every((comparison) => comparison.verdict !== 'regressed'),
    end.stdout,
  );
});

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

/** One GPU with this utilisation; answers -L, single queries and the -lms stream. */
const nvidiaSmi = (utilisation: number): string => `#!/bin/sh
case "$*" in
  -L) echo 'GPU 0: NVIDIA L4 (UUID: GPU-0)'; exit 0;;
  *-lms*) while :; do echo '${utilisation}, 12000, 23034, 60.5, 61, 2040'; sleep 0.25; done;;
  *) echo '${utilisation}, 12000, 23034, 60.5, 61, 2040';;
esac
`;

test('rounds too small to be judged are refused before anything boots', async () => {
  await using project = await makeProject();
  project.config({ stages: '\n  benchmark: { rate: 5/s, rounds: 5, duration: 10s }' });
  const end = await project.plimsoll('run');
  assert.equal(end.code, 2);
  assert.match(end.stderr, /10 requests .*64 are needed/);
});

test('init writes files that validate, and never over what is there', async () => {
  await using project = await makeProject();
  const end = await project.plimsoll('init', '--engine', 'vllm');
  assert.equal(end.code, 0, end.stderr);
  assert.equal((await project.plimsoll('validate')).code, 0);
  const again = await project.plimsoll('init', '--engine', 'sim');
  assert.equal(again.code, 2);
  assert.match(readFileSync(project.path('plimsoll.yml'), 'utf8'), /vllm/);
});
