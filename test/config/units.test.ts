import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatDurationMs,
  formatRatePerSecond,
  formatShare,
  parseBytes,
  parseDurationMs,
  parseRatePerSecond,
  parseShare,
} from '../../src/config/units.ts';

test('durations, rates and shares that are written parse back', () => {
  fc.assert(
    fc.property(fc.nat(100_000_000), (ms) => {
      assert.equal(parseDurationMs(formatDurationMs(ms)), ms);
    }),
  );
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 9999, noNaN: true }), (value) => {
      assert.ok(Math.abs(parseRatePerSecond(formatRatePerSecond(value))! / value - 1) < 1e-5);
      assert.ok(Math.abs(parseShare(formatShare(value))! / value - 1) < 1e-5);
    }),
  );
});

test('what has no unit, or another, is not read', () => {
  for (const text of ['60', '', 's', '1 d', '-5s', '1e3s', '5 s s', 'NaNs', '5ms/s'])
    assert.equal(parseDurationMs(text), undefined, text);
  for (const text of ['8', '8/d', '/s', '8s', '-8/s', '8/ms']) assert.equal(parseRatePerSecond(text), undefined, text);
  for (const text of ['8', '8%%', '%', '-8%']) assert.equal(parseShare(text), undefined, text);
  for (const text of ['8', '8 gb', '8Gi']) assert.equal(parseBytes(text), undefined, text);
});
