import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { detectableNoncentrality, noncentralUpperTail, upperQuantile, upperTail } from '../../src/stats/student-t.ts';

// Reference numbers: SciPy 1.17 (t.sf, t.isf, nct.sf).
const close = (actual: number, expected: number, relative = 1e-6): void =>
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected), `${actual} is not ${expected}`);

test('the upper tail agrees with SciPy, far out too', () => {
  const cases: [number, number, number][] = [
    [0, 5, 0.5],
    [1, 3, 0.19550110947788524],
    [2.5, 10, 0.01572342211830441],
    [4.5, 22, 8.893578212390933e-5],
    [30, 5, 3.8593243102480265e-7],
    [-2, 7, 0.957190335718512],
    [8, 40, 3.952542055052269e-10],
    [1.5, 1, 0.18716704181099886],
  ];
  for (const [t, df, expected] of cases) close(upperTail(t, df), expected);
});

test('the upper tail of what is not a number is never small, of infinities is certain', () => {
  assert.equal(upperTail(Number.NaN, 5), 1);
  assert.equal(upperTail(Number.POSITIVE_INFINITY, 5), 0);
  assert.equal(upperTail(Number.NEGATIVE_INFINITY, 5), 1);
});

test('the quantile agrees with SciPy', () => {
  const cases: [number, number, number][] = [
    [0.05, 5, 2.015048373333024],
    [0.025, 4, 2.7764451051977943],
    [1e-3, 22, 3.504992031084662],
    [7e-5, 22, 4.598083715234929],
    [0.9, 8, -1.3968153097438654],
    [1e-6, 40, 5.553969751815039],
    [0.025, 1, 12.706204736174705],
  ];
  for (const [p, df, expected] of cases) close(upperQuantile(p, df), expected);
});

test('tail and quantile are inverses, and the tail is symmetric', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }), fc.integer({ min: 1, max: 200 }), (p, df) => {
      close(upperTail(upperQuantile(p, df), df), p, 1e-5);
      const t = upperQuantile(p, df);
      assert.ok(Math.abs(upperTail(t, df) + upperTail(-t, df) - 1) < 1e-9);
    }),
  );
});

test('the noncentral tail agrees with SciPy, also where noncentrality is large', () => {
  const cases: [number, number, number, number][] = [
    [4.5, 22, 6, 0.9002124937965019],
    [11, 3, 20, 0.9789585091599424],
    [60, 2, 120, 0.981648733949906],
    [5, 40, 6, 0.8162421124009833],
    [2, 5, 0, 0.050969739414929174],
    [2, 8, -1, 0.0039003545315849097],
    [50, 4, 45, 0.4814441847104682],
    [5, 1, 3, 0.4437623589772785],
  ];
  for (const [t, df, ncp, expected] of cases) close(noncentralUpperTail(t, df, ncp), expected, 1e-5);
});

test('the detectable noncentrality agrees with a root found by SciPy', () => {
  const cases: [number, number, number, number][] = [
    [1e-3, 0.95, 22, 5.3284152354828],
    [7e-5, 0.95, 22, 6.553556331818462],
    [1e-4, 0.95, 4, 20.23353577935903],
    [0.05, 0.8, 10, 2.6735847082757105],
    [1e-3, 0.95, 40, 5.040706077506224],
  ];
  for (const [alpha, power, df, expected] of cases) close(detectableNoncentrality(alpha, power, df), expected, 1e-6);
});

test('at the detectable noncentrality the test has the power that was asked for', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-5, max: 0.2, noNaN: true }),
      fc.double({ min: 0.3, max: 0.99, noNaN: true }),
      fc.integer({ min: 3, max: 60 }),
      (alpha, power, df) => {
        const ncp = detectableNoncentrality(alpha, power, df);
        if (ncp > 1e-3) close(noncentralUpperTail(upperQuantile(alpha, df), df, ncp), power, 1e-3);
      },
    ),
    { numRuns: 60 },
  );
});
