import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hodgesLehmann } from '../../src/stats/hodges-lehmann.ts';
import {
  addSpread,
  fromScale,
  type Scaled,
  spreadOf,
  summariseBoot,
  summariseRounds,
  toScale,
} from '../../src/stats/summary.ts';
import { mannKendall, theilSen } from '../../src/stats/theil-sen.ts';
import { notAbove, tost } from '../../src/stats/tost.ts';
import { woodruff } from '../../src/stats/woodruff.ts';

const number = fc.double({ min: -1e3, max: 1e3, noNaN: true });
const close = (a: number, b: number, relative = 1e-6): void =>
  assert.ok(Math.abs(a - b) <= relative * Math.max(1e-12, Math.abs(b)), `${a} is not ${b}`);

test('Hodges–Lehmann: a known case, the naive median of pairwise means, and one wild round in five', () => {
  close(hodgesLehmann([10.1, 9.8, 10.4, 12.9, 10.0]), 10.2);
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 12 }), (x) => {
      const means = x.flatMap((a, i) => x.slice(i).map((b) => (a + b) / 2)).sort((a, b) => a - b);
      const middle =
        means.length % 2 === 1
          ? means[(means.length - 1) / 2]!
          : (means[means.length / 2 - 1]! + means[means.length / 2]!) / 2;
      assert.ok(Math.abs(hodgesLehmann(x) - middle) < 1e-9);
    }),
  );
  assert.ok(Math.abs(hodgesLehmann([1, 1, 1, 1, 1e9]) - 1) < 1e-12);
  assert.throws(() => hodgesLehmann([]), RangeError);
});

test('a boot is summarised by Hodges–Lehmann from four rounds, the median of three, the mean of fewer', () => {
  assert.equal(summariseRounds([1, 1, 1, 1, 100]), 1);
  assert.equal(summariseRounds([1, 2, 100]), 2);
  assert.equal(summariseRounds([1, 3]), 2);
  assert.equal(summariseRounds([null, 5, null]), 5);
  assert.equal(summariseRounds([null]), null);
  assert.equal(summariseRounds([]), null);
});

test('on the scale of comparison more is worse, and the way back gives the value', () => {
  const metrics: Scaled[] = [
    { scale: 'log', better: 'lower' },
    { scale: 'log', better: 'higher' },
    { scale: 'difference', better: 'lower' },
    { scale: 'difference', better: 'higher' },
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...metrics),
      fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      fc.double({ min: 1.001, max: 5, noNaN: true }),
      (metric, value, factor) => {
        const [one, more] = [toScale(metric, value)!, toScale(metric, value * factor)!];
        assert.ok(metric.better === 'higher' ? more < one : more > one);
        close(fromScale(metric, one), value, 1e-9);
      },
    ),
  );
  assert.equal(toScale({ scale: 'difference', better: 'lower' }, 0), 0);
  assert.equal(toScale({ scale: 'log', better: 'lower' }, 0), null);
  assert.equal(toScale({ scale: 'log', better: 'lower' }, -1), null);
  assert.equal(toScale({ scale: 'log', better: 'lower' }, null), null);
  assert.equal(toScale({ scale: 'difference', better: 'lower' }, Number.POSITIVE_INFINITY), null);
});

test('a censored round is worse than any number; where it decides, the boot is at least what its rounds are', () => {
  const of = (better: 'lower' | 'higher', rounds: readonly number[], censored: number, bound: 'above' | 'below') =>
    summariseBoot(
      { scale: 'difference', better, summary: 'robust' },
      { value: 1, bound: 'exact', rounds, roundBounds: rounds.map((_, i) => (i < censored ? bound : 'exact')) },
    );
  const rounds = [90, 80, 1, 2, 3];
  for (const [n, most] of [
    [1, 0],
    [2, 0],
    [3, 1],
    [4, 1],
    [5, 1],
  ] as const) {
    for (let censored = 0; censored <= n; censored++) {
      const summary = of('lower', rounds.slice(0, n), censored, 'above')!;
      assert.equal(summary.bound, censored <= most ? 'exact' : 'above', `${censored} of ${n}`);
      assert.ok(Number.isFinite(summary.summary));
    }
  }
  assert.deepEqual(of('lower', rounds, 1, 'above'), of('lower', [1e9, 80, 1, 2, 3], 1, 'above'));
  assert.equal(of('higher', [5, 6, 7], 2, 'below')!.bound, 'below');
  assert.equal(of('higher', [5, 6, 7], 2, 'above')!.bound, 'exact', 'better than its number: counted at it');
  const old = { value: 30, bound: 'above', rounds: [1, 30, 30] } as const;
  assert.deepEqual(summariseBoot({ scale: 'difference', better: 'lower', summary: 'robust' }, old), {
    summary: 30,
    bound: 'above',
  });
});

test('spreads add up, each about its own mean', () => {
  assert.deepEqual(spreadOf([4]), { ss: 0, df: 0 });
  assert.deepEqual(addSpread(spreadOf([1, 3]), spreadOf([10, 14])), { ss: 10, df: 2 });
});

test('Theil–Sen and Mann–Kendall agree with SciPy', () => {
  const rising = [3.1, 2.9, 3.4, 3.6, 3.3, 4.0, 4.2, 3.9];
  close(theilSen(rising), 0.18166666666666667);
  close(mannKendall(rising), 0.03115079365079365);
  const tied = [1, 2, 2, 3, 5, 4, 4, 6, 7, 7];
  close(theilSen(tied), 2 / 3);
  close(mannKendall(tied), 0.0008086333048041412);
});

test('the exact Mann–Kendall distribution equals enumeration of all orders', () => {
  const orders = (list: readonly number[]): number[][] =>
    list.length <= 1
      ? [[...list]]
      : list.flatMap((first, i) => orders([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [first, ...rest]));
  const s = (y: readonly number[]): number =>
    y.flatMap((a, i) => y.slice(i + 1).map((b) => Math.sign(b - a))).reduce((sum, sign) => sum + sign, 0);
  const all = orders([1, 2, 3, 4, 5, 6]);
  for (const order of [
    [1, 2, 3, 4, 5, 6],
    [2, 1, 3, 4, 6, 5],
    [3, 1, 2, 6, 5, 4],
    [6, 5, 4, 3, 2, 1],
  ]) {
    const expected = all.filter((one) => Math.abs(s(one)) >= Math.abs(s(order))).length / all.length;
    close(mannKendall(order), expected, 1e-9);
  }
});

test('a trend needs values: none, two, or all equal give no trend', () => {
  assert.ok(Number.isNaN(theilSen([])));
  assert.ok(Number.isNaN(theilSen([1, 2], [3, 3])));
  assert.equal(theilSen([5, 5, 5]), 0);
  assert.equal(mannKendall([1, 2]), 1);
  assert.equal(mannKendall([5, 5, 5, 5]), 1);
});

test('TOST agrees with SciPy, is symmetric, and says equivalent only inside the margin', () => {
  close(tost(0.01, 0.02, 12, 0.0953), 0.0005488783559516978);
  fc.assert(
    fc.property(
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.double({ min: 0.001, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 60 }),
      (d, se, df) => {
        const p = tost(d, se, df, 0.1);
        close(p, tost(-d, se, df, 0.1), 1e-9);
        if (Math.abs(d) >= 0.1) assert.ok(p >= 0.5);
        assert.ok(notAbove(d, se, df, 0.1) <= p + 1e-12);
      },
    ),
  );
  assert.equal(tost(0, 0, 5, 0.1), 0);
  assert.equal(tost(0.2, 0, 5, 0.1), 1);
});

test('Woodruff: limits of a worked case, and never narrower than independent requests', () => {
  const identity = (p: number): number => p;
  const [low, high] = woodruff({
    q: 0.99,
    sharesBelow: [0.9885, 0.9912, 0.9897, 0.9903, 0.9893],
    n: 10_000,
    quantileAt: identity,
  })!;
  close(low, 0.986823764724063);
  close(high, 0.9924164626625338);
  const agreeing = woodruff({ q: 0.99, sharesBelow: [0.99, 0.99, 0.99, 0.99, 0.99], n: 10_000, quantileAt: identity })!;
  assert.ok(agreeing[0] < 0.988 && agreeing[1] > 0.991);
  assert.equal(woodruff({ q: 0.5, sharesBelow: [0.5], n: 100, quantileAt: identity }), null);
});
