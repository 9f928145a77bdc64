import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { provenPercentile } from '../../src/stats/sample-size.ts';

/** P(Binomial(n, p) ≥ k), summed term by term. */
function atLeast(n: number, p: number, k: number): number {
  let term = (1 - p) ** n;
  let below = 0;
  for (let count = 0; count < k; count++) {
    below += term;
    term *= ((n - count) / (count + 1)) * (p / (1 - p));
  }
  return 1 - below;
}

test('of 80 values the fourth largest is what proves a p99, of 1,000 the nineteenth', () => {
  assert.equal(Math.round((provenPercentile(80, 0.99) / 100) * 80), 77);
  assert.equal(Math.round((provenPercentile(1_000, 0.99) / 100) * 1_000), 982);
});

test('the proven percentile is the smallest count of exceedances that chance explains at most once in a hundred', () => {
  fc.assert(
    fc.property(fc.integer({ min: 10, max: 5_000 }), (n) => {
      const k = n + 1 - Math.round((provenPercentile(n, 0.99) / 100) * n);
      assert.ok(atLeast(n, 0.01, k) <= 0.01 + 1e-9 || k === n);
      assert.ok(k === 1 || atLeast(n, 0.01, k - 1) > 0.01 - 1e-9);
    }),
  );
});

test('so it is of a million values, where 0.99 to that power is 0', () => {
  for (const n of [50_000, 80_000, 1_000_000]) {
    // The normal approximation is good to a few counts there: mean 0.01 n, 2.326 standard deviations above it.
    const about = 0.01 * n + 2.326 * Math.sqrt(n * 0.01 * 0.99);
    const k = n + 1 - (provenPercentile(n, 0.99) / 100) * n;
    assert.ok(Math.abs(k - about) < 4, `${n}: ${k} against ${about}`);
  }
});
