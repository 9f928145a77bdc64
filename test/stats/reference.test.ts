// The judge's statistics against other people's: fixed cases, their answers computed by scripts/reference/statistics.py.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { weightedHolm } from '../../src/stats/holm.ts';
import { detectableNoncentrality, upperQuantile, upperTail } from '../../src/stats/student-t.ts';
import { spreadOf } from '../../src/stats/summary.ts';
import { mannKendall, mannKendallWithin, theilSen } from '../../src/stats/theil-sen.ts';
import { tost } from '../../src/stats/tost.ts';
import reference from './reference.json' with { type: 'json' };

const close = (actual: number, expected: number, what: unknown): void =>
  assert.ok(
    Math.abs(actual - expected) <= 1e-6 * Math.max(1e-300, Math.abs(expected)),
    `${JSON.stringify(what)}: ${actual} is not ${expected}`,
  );

test(`tails and quantiles of t are those of ${reference.by}`, () => {
  for (const one of reference.t) close(upperTail(one.t, one.df), one.upper, one);
  for (const one of reference.quantile)
    assert.ok(
      Math.abs(upperQuantile(one.p, one.df) - one.t) <= 1e-6 * Math.max(1, Math.abs(one.t)),
      JSON.stringify(one),
    );
});

test('the detectable effect is the root that SciPy finds in its noncentral t', () => {
  for (const one of reference.power) close(detectableNoncentrality(one.alpha, one.power, one.df), one.ncp, one);
});

test('the test of two groups of boots and its equivalence test are SciPy’s two-sample t tests', () => {
  for (const one of reference.twoSamples) {
    const sides = [one.baseline, one.candidate].map(spreadOf);
    const df = sides[0]!.df + sides[1]!.df;
    const sd = Math.sqrt((sides[0]!.ss + sides[1]!.ss) / df);
    const se = sd * Math.sqrt(1 / one.baseline.length + 1 / one.candidate.length);
    assert.equal(df, one.df);
    close(se, one.standardError, 'standard error');
    close(upperTail(one.difference / se, df), one.worse, 'worse');
    close(upperTail(-one.difference / se, df), one.better, 'better');
    close(tost(one.difference, se, df, one.margin), one.equivalent, 'equivalent');
  }
});

test('Holm rejects what statsmodels rejects; weighted, what closed testing rejects', () => {
  for (const one of reference.holm) assert.deepEqual(weightedHolm(one.p, one.weights, one.alpha), one.rejected);
  assert.ok(reference.holm.some(({ rejected }) => rejected.includes(true) && rejected.includes(false)));
});

test('Mann–Kendall and Theil–Sen agree: exact without ties, corrected for ties, and over several levels', () => {
  for (const one of reference.trend) {
    close(mannKendall(one.y), one.p, one.y);
    close(theilSen(one.y), one.slope, one.y);
  }
  for (const one of reference.levels) close(mannKendallWithin(one.series), one.p, one.series);
});
