// A regression is caught in real time against a baseline of virtual boots, a healthy engine is not; and everything is
// rebuilt from the files of a run.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { saveBaseline } from '../../src/baseline/store.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import type { SimOptions } from '../../src/sim/model.ts';
import { makeProject, type Project } from './project.ts';
import { virtualBaseline } from './virtual-run.ts';

const STAGES = `
  benchmark: { rate: 40/s, rounds: 4, duration: 8s, rampIn: 1s, drain: 5s }
  step-surge: { base: 20/s, surges: [50/s], hold: 1s, recover: 2s, drain: 5s }`;

const verdictIn = (project: Project, out: string): Verdict =>
  JSON.parse(readFileSync(project.path(out, 'verdict.json'), 'utf8')) as Verdict;

/** A baseline of 28 boots in virtual time, for the configuration that the project has now. */
function storeVirtualBaseline(project: Project, engine: Partial<SimOptions> = {}): void {
  const config = loadConfig(project.path('plimsoll.yml'));
  mkdirSync(project.path('baselines', 'tiny'), { recursive: true });
  saveBaseline(project.path('baselines', 'tiny', 'simulated.json'), virtualBaseline(config, project.dir, 28, engine));
}

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

/**
 * A step of 80 ms: virtual time knows no host that takes the core away for some milliseconds, and where that is a tenth
 * of a step the judge, rightly, calls it a change.
 */
const SLOW = { stepBaseMs: 80 };
const SLOW_STAGES = `
  benchmark: { rate: 20/s, rounds: 4, duration: 14s, rampIn: 3s, drain: 5s }
  step-surge: { base: 10/s, surges: [30/s], hold: 3s, recover: 4s, drain: 5s }`;

test('the engine as it was recorded passes against a baseline of virtual boots', async () => {
  await using project = await makeProject();
  const sim = ['--step-base-ms', String(SLOW.stepBaseMs)];
  project.config({ stages: SLOW_STAGES, slo: '{ ttft: 1s, tpot: 250ms }', sim });
  storeVirtualBaseline(project, SLOW);
  const end = await project.plimsoll('run');
  assert.equal(end.code, 0, end.stdout + end.stderr);
  const { outcome, comparisons } = verdictIn(project, 'plimsoll-out');
  assert.ok(outcome === 'pass' || outcome === 'warn', end.stdout);
  assert.ok(
    comparisons.every((comparison) => comparison.verdict !== 'regressed'),
    end.stdout,
  );
});
