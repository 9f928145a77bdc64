import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mser5 } from '../../src/stats/mser5.ts';
import { createRandom } from '../../src/stats/random.ts';

/** By the definition, in O(n²). */
function naive(series: readonly number[]): { d: number; n: number; scores: number[] } {
  const batches: number[] = [];
  for (let i = 0; i + 5 <= series.length; i += 5)
    batches.push(series.slice(i, i + 5).reduce((sum, value) => sum + value, 0) / 5);
  const n = batches.length;
  const scores: number[] = [];
  for (let d = 0; d <= Math.floor(n / 2); d++) {
    const tail = batches.slice(d);
    const mean = tail.reduce((sum, value) => sum + value, 0) / tail.length;
    scores.push(tail.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - d) ** 2);
  }
  return { d: scores.indexOf(Math.min(...scores)), n, scores };
}

test('the cut minimises the definition', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1_000, noNaN: true }), { minLength: 10, maxLength: 200 }),
      (series) => {
        const { cut, hitLimit } = mser5(series);
        const oracle = naive(series);
        const best = oracle.scores[oracle.d]!;
        assert.ok(oracle.scores[cut / 5]! <= best + 1e-9 * Math.max(1, best));
        assert.equal(hitLimit, cut / 5 === Math.floor(oracle.n / 2));
      },
    ),
  );
});

test('a warm-up of 30 of 300 seconds is cut, near its end', () => {
  const random = createRandom('warm-up');
  const series = Array.from(
    { length: 300 },
    (_, second) => 100 + (second < 30 ? 80 * (1 - second / 30) : 0) + 2 * random.normal(),
  );
  const { cut, hitLimit } = mser5(series);
  assert.ok(cut >= 20 && cut <= 50, `cut ${cut}`);
  assert.equal(hitLimit, false);
});

test('a series that never settles hits the half-way limit', () => {
  assert.equal(mser5(Array.from({ length: 100 }, (_, second) => 100 - second)).hitLimit, true);
});

test('a constant series needs no cut; one too short for two batches gets none', () => {
  assert.deepEqual(mser5(new Array(100).fill(7)), { cut: 0, hitLimit: false });
  assert.deepEqual(mser5([9, 1, 1, 1, 1, 1, 1]), { cut: 0, hitLimit: false });
  assert.deepEqual(mser5([]), { cut: 0, hitLimit: false });
});
