// The check run against a GitHub with state: never a success that was not one, never completed in words only.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from '../../src/config/schema.ts';
import { createApi } from '../../src/github/api.ts';
import {
  type Annotation,
  annotationsOf,
  type CheckResult,
  cancelCheck,
  checkName,
  completeCheck,
  conclusionOf,
  openCheck,
} from '../../src/github/check.ts';
import type { Inputs } from '../../src/github/inputs.ts';
import { gatedExit } from '../../src/github/leg.ts';
import type { SlaResult } from '../../src/judge/verdict.ts';
import { type FakeGitHub, REPOSITORY, startFakeGitHub } from './fake-github.ts';

const TARGET = {
  owner: REPOSITORY.owner,
  repo: REPOSITORY.repo,
  headSha: 'a'.repeat(40),
  name: checkName('llm', 'h100'),
  detailsUrl: 'https://github.com/octo/serving/actions/runs/100',
};
const RESULT: CheckResult = { conclusion: 'failure', title: 'SLA breached', summary: '# Report', annotations: [] };
const AT_ONCE = { key: () => ({ schedule: (_options: unknown, task: () => unknown) => task() }) };
const apiOf = (fake: FakeGitHub) =>
  createApi({ token: 't0ken', baseUrl: fake.url, secondMs: 5, pacing: { write: AT_ONCE, notifications: AT_ONCE } });
const annotations = (count: number): Annotation[] =>
  Array.from({ length: count }, (_, at) => ({ path: 'plimsoll.yml', line: at + 1, title: 't', message: `m${at}` }));

test('in progress on the commit under test first, then completed in place, with a link to the run', async () => {
  await using fake = await startFakeGitHub();
  const { id } = await openCheck(apiOf(fake), TARGET);
  const [check] = fake.checks;
  assert.deepEqual(
    [check!.name, check!.head_sha, check!.status],
    ['Plimsoll: llm (h100)', TARGET.headSha, 'in_progress'],
  );
  const done = await completeCheck(apiOf(fake), TARGET, id, { ...RESULT, annotations: annotations(1) });
  assert.deepEqual(done, { id, url: `https://github.com/octo/serving/runs/${id}`, completed: true, warnings: [] });
  assert.equal(fake.checks.length, 1);
  assert.deepEqual(
    [check!.status, check!.conclusion, check!.title, check!.summary, check!.details_url],
    ['completed', 'failure', 'SLA breached', '# Report', TARGET.detailsUrl],
  );
  assert.deepEqual(check!.annotations[0], {
    path: 'plimsoll.yml',
    start_line: 1,
    end_line: 1,
    annotation_level: 'failure',
    title: 't',
    message: 'm0',
  });
  assert.deepEqual(fake.violations, []);
});

test('more annotations than a request takes follow; where they cannot, the verdict stands all the same', async () => {
  await using fake = await startFakeGitHub();
  const { id } = await openCheck(apiOf(fake), TARGET);
  const all = { ...RESULT, annotations: annotations(101) };
  assert.equal((await completeCheck(apiOf(fake), TARGET, id, all)).completed, true);
  assert.deepEqual(
    fake.checks[0]!.annotations.map(({ message }) => message),
    all.annotations.map(({ message }) => message),
  );
  const again = await openCheck(apiOf(fake), { ...TARGET, name: 'second' });
  let updates = 0;
  fake.before = (method) => {
    if (method === 'PATCH' && ++updates === 2)
      fake.faults.push({ method: 'PATCH', times: 9, status: 403, message: 'Resource not accessible by integration' });
  };
  const cut = await completeCheck(apiOf(fake), { ...TARGET, name: 'second' }, again.id, all);
  assert.equal(cut.completed, true);
  assert.match(cut.warnings.join(), /all annotations.*checks: write/);
  assert.equal(fake.checks[1]!.conclusion, 'failure');
  assert.deepEqual(fake.violations, []);
});

test('what the API would not take is cut: title and summary', async () => {
  await using fake = await startFakeGitHub();
  const long = { ...RESULT, title: 'x'.repeat(400), summary: 'y'.repeat(70_000) };
  assert.equal((await completeCheck(apiOf(fake), TARGET, null, long)).completed, true);
  assert.deepEqual([fake.checks[0]!.title?.length, fake.checks[0]!.summary?.length], [255, 65_535]);
  assert.deepEqual(fake.violations, []);
});

test('one that could not be opened is created at the end, already completed', async () => {
  await using fake = await startFakeGitHub();
  fake.faults.push({ path: /check-runs/, times: 3, status: 503 });
  const opened = await openCheck(apiOf(fake), TARGET);
  assert.equal(opened.id, null);
  assert.match(opened.problem ?? '', /create the check run "Plimsoll: llm \(h100\)".*503/);
  const done = await completeCheck(apiOf(fake), TARGET, opened.id, RESULT);
  assert.equal(done.completed, true);
  assert.deepEqual(
    fake.checks.map(({ status, conclusion }) => [status, conclusion]),
    [['completed', 'failure']],
  );
  assert.deepEqual(fake.violations, []);
});

test('without permission there is a warning that names it, and nothing counts as completed', async () => {
  await using fake = await startFakeGitHub();
  fake.faults.push({ path: /check-runs/, times: 9, status: 403, message: 'Resource not accessible by integration' });
  const done = await completeCheck(apiOf(fake), TARGET, null, RESULT);
  assert.deepEqual([done.completed, done.url], [false, null]);
  assert.match(done.warnings.join(), /checks: write/);
});

test('an answer that says something else than was asked is not taken for completed', async () => {
  await using fake = await startFakeGitHub();
  const { id } = await openCheck(apiOf(fake), TARGET);
  const check = fake.checks[0]!;
  Object.defineProperty(check, 'conclusion', { get: () => 'neutral', set: () => {} });
  const done = await completeCheck(apiOf(fake), TARGET, id, RESULT);
  assert.equal(done.completed, false);
  assert.match(done.warnings.join(), /neutral, not failure/);
});

test('what a killed step left is completed as cancelled', async () => {
  await using fake = await startFakeGitHub();
  const { id } = await openCheck(apiOf(fake), TARGET);
  await cancelCheck(apiOf(fake), TARGET, id!);
  assert.deepEqual([fake.checks[0]!.status, fake.checks[0]!.conclusion], ['completed', 'cancelled']);
  assert.deepEqual(fake.violations, []);
});

test('green only where the report is green and the step succeeds; a cancel is neither', () => {
  assert.equal(conclusionOf('green', 0, false), 'success');
  assert.equal(conclusionOf('neutral', 0, false), 'neutral');
  assert.equal(conclusionOf('warn', 0, false), 'neutral');
  for (const exitCode of [1, 2, 3, 4])
    for (const tone of ['green', 'neutral', 'warn', 'fail', 'invalid'] as const)
      assert.equal(conclusionOf(tone, exitCode, false), 'failure');
  assert.equal(conclusionOf('invalid', 0, false), 'failure');
  assert.equal(conclusionOf('green', 0, true), 'cancelled');
  for (const tone of ['green', 'neutral', 'warn'] as const)
    assert.equal(conclusionOf(tone, 0, false, true), 'action_required', 'an untrusted run passes nothing');
  assert.equal(conclusionOf('green', 1, false, true), 'failure');
});

test('a verdict leaves the exit status only for a check run that was completed, errors never do', () => {
  const exit = (code: number, gate: Inputs['gate'], checkCompleted: boolean): number =>
    gatedExit(code, { gate }, { commentUrl: null, checkUrl: null, checkCompleted });
  for (const code of [0, 1, 2, 3, 4, 130, 143]) {
    assert.equal(exit(code, 'job', true), code);
    assert.equal(exit(code, 'check', false), code);
    assert.equal(exit(code, 'check', true), code === 1 || code === 4 ? 0 : code);
  }
});

test('annotations stand at the rules that failed, where their line is known', () => {
  const condition = (text: string): Condition => ({ op: '<', limit: 500, text });
  const rule = (status: SlaResult['status'], line: number | null, value: number | null = 1_204): SlaResult => ({
    metric: 'ttft.p99',
    stage: 'benchmark',
    gold: condition('< 500ms'),
    tolerance: condition('< 1s'),
    value,
    bound: 'exact',
    interval: null,
    status,
    note: status === 'not_measured' ? 'nothing was sent' : null,
    line,
  });
  const sla = [rule('gold', 3), rule('tolerated', 4), rule('breached', 5), rule('breached', null)];
  assert.deepEqual(annotationsOf([...sla, rule('not_measured', 7, null)], 'serving/plimsoll.yml'), [
    {
      path: 'serving/plimsoll.yml',
      line: 5,
      title: 'SLA breached',
      message: 'ttft.p99 in benchmark: 1.20 s; gold < 500ms, tolerated < 1s',
    },
    {
      path: 'serving/plimsoll.yml',
      line: 7,
      title: 'SLA not measured',
      message: 'ttft.p99 in benchmark: not measured; gold < 500ms, tolerated < 1s (nothing was sent)',
    },
  ]);
  assert.deepEqual(annotationsOf(sla, null), []);
});
