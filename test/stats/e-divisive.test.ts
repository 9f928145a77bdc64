import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { changePoints } from '../../src/stats/e-divisive.ts';
import { createRandom } from '../../src/stats/random.ts';

const ALPHA = 0.001;

function series(seed: string, ...levels: readonly (readonly [level: number, length: number])[]): number[] {
  const random = createRandom(seed);
  return levels.flatMap(([level, length]) => Array.from({ length }, () => level + random.normal()));
}

test('steps are found where they are, several of them too', () => {
  assert.deepEqual(changePoints(series('one', [0, 15], [8, 10]), ALPHA), [15]);
  assert.deepEqual(changePoints(series('three', [0, 12], [9, 10], [-2, 8], [12, 9]), ALPHA), [12, 22, 30]);
});

test('a step of two and a half deviations five values before the end is located in most histories', () => {
  let found = 0;
  for (let run = 0; run < 100; run++)
    if (changePoints(series(`late ${run}`, [0, 25], [2.5, 5]), ALPHA).some((at) => Math.abs(at - 25) <= 1)) found++;
  assert.ok(found >= 60, `${found} of 100`);
});

test('noise alone is hardly ever split', () => {
  let split = 0;
  for (let run = 0; run < 400; run++) if (changePoints(series(`noise ${run}`, [0, 30]), ALPHA).length > 0) split++;
  assert.ok(split <= 14, `${split} of 400`);
});

test('shifting and scaling change nothing; short and constant series have no change point', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1_000 }),
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      fc.integer({ min: -50, max: 50 }),
      (seed, scale, shift) => {
        const values = series(`${seed}`, [0, 10], [5, 8]);
        const moved = values.map((value) => scale * value + shift);
        assert.deepEqual(changePoints(moved, ALPHA), changePoints(values, ALPHA));
      },
    ),
    { numRuns: 50 },
  );
  assert.deepEqual(changePoints([], ALPHA), []);
  assert.deepEqual(changePoints([1, 9, 1, 9, 1], ALPHA), []);
  assert.deepEqual(changePoints(new Array<number>(20).fill(3), ALPHA), []);
  assert.deepEqual(changePoints([1, 1, 1, 1, 2, 2, 2, 2], ALPHA), [4], 'two levels without any noise');
});
