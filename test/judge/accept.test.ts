// An accept covers changes of level, and nothing else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { standsOf, withAccept } from '../../src/judge/accept.ts';
import type { Finding, Verdict } from '../../src/judge/verdict.ts';
import { STORIES, verdictOf } from '../report/fixtures.ts';

const BY = { by: 'grace', reason: 'FP8', url: 'https://github.com/octo/serving/pull/7#issuecomment-1' };
const failing = (...findings: Pick<Finding, 'kind' | 'severity'>[]): Verdict =>
  verdictOf({
    outcome: 'fail',
    exitCode: 1,
    actionNeeded: true,
    headline: 'Regressed: much.',
    findings: findings.map((one) => ({ ...one, message: 'm', advice: 'a' })),
  });
const REGRESSED = { kind: 'regression', severity: 'fail' } as const;

test('regressions become warnings that name who accepted them; nothing turns green', () => {
  const accepted = withAccept(failing(REGRESSED, { kind: 'suspected', severity: 'fail' }), BY);
  assert.deepEqual([accepted.outcome, accepted.exitCode, accepted.actionNeeded], ['warn', 0, false]);
  assert.equal(accepted.headline, 'Accepted by grace (FP8): Regressed: much.');
  assert.ok(accepted.findings.every(({ severity }) => severity === 'warn'));
  assert.equal(accepted.climb.again, false);
  assert.equal(standsOf(accepted), 'clean');
});

for (const other of [
  { kind: 'breach', severity: 'fail' },
  { kind: 'not_measured', severity: 'fail' },
  { kind: 'tolerated', severity: 'fail' },
  { kind: 'unbaselined', severity: 'fail' },
  { kind: 'inconclusive', severity: 'fail' },
  { kind: 'deployment_failed', severity: 'fail' },
  { kind: 'invalid', severity: 'invalid' },
] as const) {
  test(`beside a finding of ${other.kind} nothing is accepted`, () => {
    const verdict = failing(REGRESSED, other);
    assert.equal(standsOf(verdict), 'final');
    assert.equal(withAccept(verdict, BY), verdict);
  });
}

test('what does not fail, and what was not judged, stays as it is', () => {
  const clean = STORIES['clean-pass']!().verdict;
  assert.equal(standsOf(clean), 'clean');
  assert.equal(withAccept(clean, BY), clean);
  const invalid = STORIES['invalid-client']!().verdict;
  assert.equal(standsOf(invalid), 'final');
  assert.equal(withAccept(invalid, BY), invalid);
  assert.equal(standsOf(STORIES.regression!().verdict), 'acceptable');
});
