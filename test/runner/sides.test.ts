import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config/schema.ts';
import { orderOf, type Side, type Sides } from '../../src/runner/sides.ts';

const side = (of: Side['side']): Side => ({ side: of, config: {} as Config, folder: of });
const both: Sides = { candidate: side('candidate'), base: side('base'), [Symbol.asyncDispose]: async () => {} };
const orders = (seed: number, pairs: number): string[] =>
  Array.from({ length: pairs }, (_, index) =>
    orderOf(both, seed, index + 1)
      .map((one) => one.side[0])
      .join(''),
  );

test('each second pair is in the reverse order, the first of two is drawn, and the seed tells all', () => {
  let baseFirst = 0;
  for (let seed = 0; seed < 400; seed++) {
    const drawn = orders(seed, 6);
    assert.deepEqual(orders(seed, 6), drawn);
    for (const first of [0, 2, 4])
      assert.deepEqual([drawn[first], drawn[first + 1]].toSorted(), ['bc', 'cb'], `seed ${seed}`);
    baseFirst += Number(drawn[0] === 'bc');
  }
  // 400 fair coins: three standard deviations are 30.
  assert.ok(Math.abs(baseFirst - 200) < 30, String(baseFirst));
  assert.ok(new Set(Array.from({ length: 40 }, (_, seed) => orders(seed, 6).join())).size > 4);
});

test('alone, the candidate is booted alone', () => {
  assert.deepEqual(orderOf({ ...both, base: null }, 1, 1), [both.candidate]);
});
