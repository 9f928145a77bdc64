import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCondition, wrongTolerance } from '../../src/config/conditions.ts';
import type { Condition } from '../../src/config/schema.ts';
import { resolveMetric } from '../../src/metrics.ts';

const read = (text: string, metric = 'ttft.p95'): Condition | string => parseCondition(text, resolveMetric(metric)!);
const condition = (text: string, metric?: string): Condition => {
  const found = read(text, metric);
  assert.ok(typeof found !== 'string', String(found));
  return found;
};

test('a limit relative to the baseline: a share of it, or an amount on top', () => {
  assert.deepEqual(condition('< baseline + 10%'), { op: '<', limit: 0, ofBaseline: 1.1, text: '< baseline + 10%' });
  assert.deepEqual(condition('<=baseline+50ms'), { op: '<=', limit: 50, ofBaseline: 1, text: '<=baseline+50ms' });
  assert.deepEqual(condition('> baseline - 5%', 'knee.rate').ofBaseline, 0.95);
  assert.deepEqual(condition('> baseline − 2/s', 'knee.rate'), {
    op: '>',
    limit: -2,
    ofBaseline: 1,
    text: '> baseline − 2/s',
  });
  assert.deepEqual(condition('< baseline').limit, 0);
});

test('of a share the percentage is points', () => {
  assert.deepEqual(condition('< baseline + 1%', 'errors.rate'), {
    op: '<',
    limit: 0.01,
    ofBaseline: 1,
    text: '< baseline + 1%',
  });
});

test('what is no limit around the baseline is refused with what may stand there', () => {
  for (const text of ['< baseline * 2', '< baseline 10%', '< baseline + 10', '< baseline + 5/s', '< baseline +'])
    assert.match(
      String(read(text)),
      /expected "< baseline", or with "\+" or "-" and a share such as "10%" or a duration/,
    );
  assert.match(String(read('< baselines + 10%')), /does not fit ttft\.p95/);
  assert.match(String(read('> baseline - 10%')), /asks for a bad value/);
});

test('a tolerance is compared with gold where the two differ in one thing', () => {
  const wrong = (gold: string, tolerance: string) => wrongTolerance(condition(gold), condition(tolerance));
  assert.equal(wrong('< baseline + 5%', '< baseline + 10%'), null);
  assert.match(wrong('< baseline + 10%', '< baseline + 5%')!, /stricter than gold/);
  assert.match(wrong('< baseline + 50ms', '< baseline + 20ms')!, /stricter than gold/);
  assert.match(wrong('<= baseline', '< baseline')!, /stricter than gold/);
  assert.equal(wrong('< 500ms', '< baseline + 10%'), null, 'nobody knows before the run');
});
