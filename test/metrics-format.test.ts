import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatChange,
  formatChangeInterval,
  formatInterval,
  formatMetricValue,
  formatNumber,
  formatValue,
} from '../src/metrics-format.ts';

test('values carry their unit and three digits', () => {
  const cases: [string, string][] = [
    [formatValue('ms', 24.123), '24.1 ms'],
    [formatValue('ms', 412.3), '412 ms'],
    [formatValue('ms', 999.6), '1.00 s'],
    [formatValue('ms', 1_234), '1.23 s'],
    [formatValue('ms', 120_000, 'above'), '≥ 120 s'],
    [formatValue('ms', 0), '0 ms'],
    [formatValue('s', 4_320), '72 min'],
    [formatValue('share', 0.0021), '0.210 %'],
    [formatValue('share', 0.07), '7 %'],
    [formatValue('per_second', 41.234), '41.2 req/s'],
    [formatValue('tokens_per_second', 12_345.6), '12,346 tok/s'],
    [formatValue('per_second', Math.exp(Math.log(60))), '60 req/s'],
    [formatValue('percent', 71.25), '71.3 %'],
    [formatValue('bytes', 3.5 * 1024 ** 3), '3.50 GiB'],
    [formatValue('per_second', 2, 'below'), '≤ 2 req/s'],
    [formatValue('money', 0.001234), '0.00123'],
    [formatValue('ms', null), '–'],
    [formatMetricValue('gpu.power.mean', 312.4), '312 W'],
    [formatMetricValue('no.such', 3), '3'],
  ];
  for (const [actual, expected] of cases) assert.equal(actual, expected);
});

test('changes carry a sign, shares of change in percent, differences of shares in points', () => {
  assert.equal(formatChange(0.102, 'share', 'ms'), '+10.2 %');
  assert.equal(formatChange(-0.05, 'share', 'per_second'), '−5.0 %');
  assert.equal(formatChange(0.0001, 'share', 'ms'), '0.0 %');
  assert.equal(formatChange(2.5, 'share', 'ms'), '+250 %');
  assert.equal(formatChange(0.003, 'difference', 'share'), '+0.300 points');
  assert.equal(formatChange(-1.5, 'difference', 's'), '−1.50 s');
  assert.equal(formatChange(0, 'difference', 'count'), '0');
  assert.equal(formatChange(null, 'share', 'ms'), '–');
});

test('intervals say their unit once where both ends share it', () => {
  assert.equal(formatChangeInterval([0.091, 0.113], 'share', 'ms'), '+9.1…+11.3 %');
  assert.equal(formatInterval('ms', [23.94, 24.42]), '23.9…24.4 ms');
  assert.equal(formatInterval('ms', [980, 1_200]), '980 ms…1.20 s');
  assert.equal(formatInterval('ms', null), '–');
});

test('a number reads back within half of its third digit, and never with an exponent', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 1e7, noNaN: true }), fc.boolean(), (size, negative) => {
      const value = negative ? -size : size;
      const text = formatNumber(value);
      assert.doesNotMatch(text, /e/i);
      const back = Number(text.replaceAll(',', '').replace('−', '-'));
      assert.ok(Math.abs(back - value) <= Math.max(0.0051 * size, 1e-8), `${value} → ${text}`);
    }),
  );
});

test('any number renders as something', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      for (const text of [
        formatNumber(value),
        formatValue('ms', value),
        formatChange(value, 'share', 'ms'),
        formatChange(value, 'difference', 'bytes'),
      ]) {
        assert.ok(text.length > 0);
        assert.doesNotMatch(text, /NaN|undefined/);
      }
    }),
  );
});
