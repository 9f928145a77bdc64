import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pava } from '../../src/stats/pava.ts';

const close = (a: number, b: number, tolerance = 1e-9): boolean =>
  Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));
const values = fc.array(fc.tuple(fc.double({ min: -100, max: 100, noNaN: true }), fc.integer({ min: 1, max: 9 })), {
  minLength: 1,
  maxLength: 14,
});

/** The min–max formula: fit_i = max over a ≤ i of min over b ≥ i of mean(a..b). */
function minMax(y: readonly number[], w: readonly number[]): number[] {
  const mean = (a: number, b: number): number => {
    let total = 0;
    let weight = 0;
    for (let i = a; i <= b; i++) {
      total += y[i]! * w[i]!;
      weight += w[i]!;
    }
    return total / weight;
  };
  return y.map((_, i) =>
    Math.max(
      ...Array.from({ length: i + 1 }, (__, a) =>
        Math.min(...Array.from({ length: y.length - i }, (___, b) => mean(a, i + b))),
      ),
    ),
  );
}

test('the weighted fit of SciPy', () => {
  const fit = pava([1, 3, 2, 4, 3.5, 6, 5, 5.5], [1, 2, 1, 1, 3, 1, 1, 2]);
  const expected = [1, 2.6666666666666665, 2.6666666666666665, 3.625, 3.625, 5.5, 5.5, 5.5];
  for (const [index, value] of fit.entries()) assert.ok(close(value, expected[index]!), `${fit}`);
});

test('the fit equals the min–max formula, rises, and keeps the weighted mean', () => {
  fc.assert(
    fc.property(values, (pairs) => {
      const y = pairs.map(([value]) => value);
      const w = pairs.map(([, weight]) => weight);
      const fit = pava(y, w);
      const oracle = minMax(y, w);
      for (const [index, value] of fit.entries()) {
        assert.ok(close(value, oracle[index]!), `${index}: ${value} ${oracle[index]}`);
        if (index > 0) assert.ok(value >= fit[index - 1]!);
      }
      const sum = (list: readonly number[]): number =>
        list.reduce((total, value, index) => total + value * w[index]!, 0);
      assert.ok(close(sum(fit), sum(y), 1e-7));
    }),
  );
});

test('a rising sequence is its own fit; lengths and weights that cannot be are refused', () => {
  assert.deepEqual(pava([1, 2, 2, 5]), [1, 2, 2, 5]);
  assert.deepEqual(pava([]), []);
  assert.throws(() => pava([1, 2], [1]), RangeError);
  assert.throws(() => pava([1, 2], [1, 0]), RangeError);
  assert.throws(() => pava([1, 2], [1, Number.NaN]), RangeError);
});

test('a hundred thousand falling values are pooled at once', () => {
  const fit = pava(Array.from({ length: 100_000 }, (_, index) => -index));
  assert.equal(fit.length, 100_000);
  assert.ok(fit.every((value) => close(value, -49_999.5)));
});
