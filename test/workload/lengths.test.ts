import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lengthSchema } from '../../src/config/schema.ts';
import { createRandom } from '../../src/stats/random.ts';
import { describeLengths, drawLength, lengthBounds } from '../../src/workload/lengths.ts';
import { lengths } from '../config/valid.ts';

const draws = (value: unknown, n: number, seed = 1): number[] => {
  const random = createRandom(seed);
  const distribution = lengthSchema.parse(value);
  return Array.from({ length: n }, () => drawLength(distribution, random));
};
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

test('every draw is a whole number inside the bounds, and a function of the seed', () => {
  fc.assert(
    fc.property(lengths, fc.nat(), (value, seed) => {
      const { min, max } = lengthBounds(lengthSchema.parse(value));
      const drawn = draws(value, 30, seed);
      for (const length of drawn)
        assert.ok(
          Number.isInteger(length) && length >= 1 && length >= min && length <= max,
          `${length} of ${min}…${max}`,
        );
      assert.deepEqual(draws(value, 30, seed), drawn);
    }),
  );
});

test('uniform reaches both ends, evenly', () => {
  const drawn = draws({ uniform: [3, 6] }, 4000);
  for (const length of [3, 4, 5, 6]) {
    const share = drawn.filter((each) => each === length).length / drawn.length;
    assert.ok(share > 0.2 && share < 0.3, `${length}: ${share}`);
  }
});

test('normal and lognormal have the centre and the spread that was asked for', () => {
  const normal = draws({ normal: { mean: 500, sd: 50, max: 5000 } }, 4000);
  assert.ok(Math.abs(mean(normal) - 500) < 5);
  assert.ok(Math.abs(Math.sqrt(mean(normal.map((each) => (each - 500) ** 2))) - 50) < 3);
  const logs = draws({ lognormal: { median: 1500, sigma: 0.4, max: 100_000 } }, 4000).map(Math.log);
  assert.ok(Math.abs(mean(logs) - Math.log(1500)) < 0.03);
  assert.ok(Math.abs(Math.sqrt(mean(logs.map((each) => (each - Math.log(1500)) ** 2))) - 0.4) < 0.03);
});

test('a mix draws its parts by weight', () => {
  const drawn = draws(
    {
      mix: [
        { weight: 3, constant: 10 },
        { weight: 1, constant: 1000 },
      ],
    },
    4000,
  );
  assert.ok(Math.abs(drawn.filter((each) => each === 10).length / 4000 - 0.75) < 0.03);
  assert.deepEqual(
    lengthBounds(
      lengthSchema.parse({
        mix: [
          { weight: 3, constant: 10 },
          { weight: 1, uniform: [2, 50] },
        ],
      }),
    ),
    { min: 2, max: 50 },
  );
});

test('two distributions have one description only when they are equal', () => {
  fc.assert(
    fc.property(lengths, lengths, (a, b) => {
      const [first, second] = [lengthSchema.parse(a), lengthSchema.parse(b)];
      assert.equal(
        describeLengths(first) === describeLengths(second),
        JSON.stringify(first) === JSON.stringify(second),
      );
    }),
  );
});
