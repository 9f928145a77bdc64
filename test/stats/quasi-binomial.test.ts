import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quasiBinomial } from '../../src/stats/quasi-binomial.ts';
import { createRandom } from '../../src/stats/random.ts';

const rounds = (failed: readonly number[], total = 500) => failed.map((one) => ({ failed: one, total }));

test('a worked case, computed with SciPy', () => {
  const result = quasiBinomial(rounds([2, 1, 3, 0, 2]), rounds([9, 14, 6, 20, 8]))!;
  const close = (a: number, b: number): void => assert.ok(Math.abs(a - b) <= 1e-6 * Math.abs(b), `${a} is not ${b}`);
  close(result.dispersion, 1.834832972070723);
  close(result.standardError, 0.004355847183652093);
  close(result.difference, 0.0196);
  close(result.pRise, 0.0010014449403917356);
  assert.ok(Math.abs(result.pRise + result.pFall - 1) < 1e-9);
});

test('no failures on either side: no difference, no certainty beyond what the numbers of requests bear', () => {
  const few = quasiBinomial(rounds([0, 0], 50), rounds([0, 0], 50))!;
  const many = quasiBinomial(rounds([0, 0, 0, 0, 0]), rounds([0, 0, 0, 0, 0]))!;
  assert.equal(many.difference, 0);
  assert.ok(Math.abs(many.pRise - 0.5) < 1e-9);
  assert.ok(many.standardError > 0 && few.standardError > many.standardError);
});

test('everything failing on both sides is no difference either', () => {
  const all = quasiBinomial(rounds([500, 500]), rounds([500, 500]))!;
  assert.equal(all.difference, 0);
  assert.ok(Number.isFinite(all.standardError) && all.pRise > 0.4);
});

test('no requests or too few rounds give no test', () => {
  assert.equal(quasiBinomial([], rounds([1, 2, 3])), null);
  assert.equal(quasiBinomial(rounds([0], 0), rounds([1, 2, 3])), null);
  assert.equal(quasiBinomial(rounds([1]), rounds([1])), null);
});

test('failures in clusters do not raise the false-alarm rate as a binomial test would', () => {
  const random = createRandom('clusters');
  // A third of the rounds has a burst of about 20 failures, on both sides alike.
  const side = (n: number) =>
    rounds(
      Array.from({ length: n }, () => (random.next() < 0.33 ? 10 + random.int(0, 20) : random.int(0, 1))),
      2_000,
    );
  let alarms = 0;
  for (let run = 0; run < 2_000; run++) if (quasiBinomial(side(25), side(5))!.pRise < 0.01) alarms++;
  assert.ok(alarms / 2_000 < 0.03, `${alarms} of 2000`);
});
