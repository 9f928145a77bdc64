// The way of a new user through the command line: files to start from, a first baseline, and a thin one.

import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { BaselineFile } from '../../src/baseline/schema.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import { makeProject } from './project.ts';

const STAGES = `
  benchmark: { rate: 40/s, rounds: 4, duration: 8s, rampIn: 1s, drain: 5s }
  step-surge: { base: 20/s, surges: [50/s], hold: 1s, recover: 2s, drain: 5s }`;

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

test('answers that became shorter for good begin a new segment, and later runs are compared with it', async () => {
  await using project = await makeProject();
  const serve = (...sim: readonly string[]): void => {
    project.config({ sim, stages: '\n  benchmark: { rate: 50/s, rounds: 2, duration: 4s, rampIn: 1s, drain: 5s }' });
    const text = readFileSync(project.path('plimsoll.yml'), 'utf8');
    project.write('plimsoll.yml', text.replace('{ uniform: [8, 24] }', '{ uniform: [8, 24], ignoreEos: false }'));
  };
  const segments = (store: string): readonly { reason: string; boots: readonly unknown[] }[] =>
    (JSON.parse(readFileSync(project.path(store, 'tiny', 'simulated.json'), 'utf8')) as BaselineFile).stages
      .benchmark![0]!.segments;
  serve('--eos-median-tokens', '1000');
  const first = await project.plimsoll('run', '--mode', 'baseline');
  assert.equal(first.code, 0, first.stderr);
  cpSync(project.path('baselines'), project.path('by-hand'), { recursive: true });

  serve('--eos-median-tokens', '6');
  const recorded = await project.plimsoll('run', '--mode', 'baseline', '--json');
  assert.equal(recorded.code, 0, recorded.stdout + recorded.stderr);
  assert.match(recorded.stderr, /a new segment begins: the workload drifted: answers are [\d.]+ % shorter/);
  const verdict = JSON.parse(recorded.stdout) as Verdict;
  assert.equal(verdict.outcome, 'pass');
  assert.ok(verdict.findings.some(({ message }) => message.includes('with this run a new segment begins')));
  const added = await project.plimsoll('baseline', 'add', 'plimsoll-out/run.json', '--baselines', 'by-hand');
  assert.match(added.stdout, /a new segment begins: the workload drifted/);
  for (const store of ['baselines', 'by-hand'])
    assert.deepEqual(
      segments(store).map(({ reason, boots }) => [reason.split(':')[0], boots.length]),
      [
        ['first baseline', 1],
        ['the workload drifted', 1],
      ],
    );

  const later = JSON.parse((await project.plimsoll('run', '--json')).stdout) as Verdict;
  assert.deepEqual(
    later.stages.map(({ standing }) => standing),
    ['compared'],
  );
});

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
