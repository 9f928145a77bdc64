import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { weightedHolm } from '../../src/stats/holm.ts';

/** Closed testing by definition: reject i where every subset that contains it is rejected by weighted Bonferroni. */
function closedTest(p: readonly number[], weights: readonly number[], alpha: number): boolean[] {
  const n = p.length;
  const rejectsSubset = (mask: number): boolean => {
    let total = 0;
    for (let i = 0; i < n; i++) if (mask & (1 << i)) total += weights[i]!;
    for (let i = 0; i < n; i++) if (mask & (1 << i) && p[i]! <= (alpha * weights[i]!) / total) return true;
    return false;
  };
  return p.map((_, i) => {
    for (let mask = 1; mask < 1 << n; mask++) if (mask & (1 << i) && !rejectsSubset(mask)) return false;
    return true;
  });
}

test('weighted Holm equals closed testing with weighted Bonferroni, by brute force', () => {
  const p = fc.oneof(fc.double({ min: 0, max: 0.05, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(fc.array(fc.tuple(p, fc.integer({ min: 1, max: 9 })), { minLength: 1, maxLength: 8 }), (pairs) => {
      const values = pairs.map(([value]) => value);
      const weights = pairs.map(([, weight]) => weight);
      assert.deepEqual(weightedHolm(values, weights, 0.05), closedTest(values, weights, 0.05));
    }),
    { numRuns: 500 },
  );
});

test('with equal weights it is Holm: 0.01, 0.02, 0.03, 0.04 at 5 % rejects only the first', () => {
  assert.deepEqual(weightedHolm([0.02, 0.01, 0.04, 0.03], [1, 1, 1, 1], 0.05), [false, true, false, false]);
  assert.deepEqual(weightedHolm([0.01, 0.015, 0.02, 0.04], [1, 1, 1, 1], 0.05), [true, true, true, true]);
});

test('nothing to test rejects nothing, and p = NaN is never rejected', () => {
  assert.deepEqual(weightedHolm([], [], 0.05), []);
  assert.deepEqual(weightedHolm([Number.NaN, 0], [1, 1], 0.05)[0], false);
});
