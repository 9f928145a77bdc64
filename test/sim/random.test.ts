import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRandom, deriveSeed } from '../../src/stats/random.ts';

test('the same seed gives the same numbers for ever', () => {
  const random = createRandom(7);
  // Pinned: a change of the generator would change every stored workload.
  assert.deepEqual([random.int(0, 999), random.int(0, 999), random.int(0, 999)], PINNED);
  assert.equal(deriveSeed(7, 'lengths', 3), PINNED_SEED);
});
const PINNED = [488, 463, 73];
const PINNED_SEED = 148375223806331;

/** MurmurHash3 x86_32 of `typelength:text` for each part, as a text. */
function plainSeed(parts: readonly (string | number)[]): number {
  const text = parts.map((part) => `${typeof part === 'number' ? 'n' : 's'}${String(part).length}:${part}`).join('');
  const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
  const hash = (seed: number): number => {
    let h = seed;
    for (let i = 0; i < text.length; i += 2) {
      const block = text.charCodeAt(i) | ((text.charCodeAt(i + 1) || 0) << 16);
      h ^= Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
      h = (Math.imul(rotate(h, 13), 5) + 0xe6546b64) | 0;
    }
    h ^= text.length * 2;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  };
  return (hash(4) & 0xffff) * 2 ** 32 + (hash(5) >>> 0);
}

test('a seed is that of its parts as a text, whatever they are and whatever was hashed before', () => {
  const edges = [0, -0, -1, 9, 10, 99, 100, 0.5, 1e21, Number.NaN, 2 ** 31, 2 ** 53, Number.MAX_SAFE_INTEGER];
  const part = fc.oneof(
    fc.constantFrom(...edges),
    fc.maxSafeInteger(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.string({ minLength: 200, maxLength: 600 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      assert.equal(deriveSeed(...parts), plainSeed(parts));
    }),
    { numRuns: 500 },
  );
});

test('seeds that differ only in type, order or where a part ends give different streams', () => {
  const seeds = [
    deriveSeed(1, 2),
    deriveSeed(12),
    deriveSeed('1', 2),
    deriveSeed('12'),
    deriveSeed(2, 1),
    deriveSeed('a', 'bc'),
    deriveSeed('ab', 'c'),
    deriveSeed('abc'),
  ];
  assert.equal(new Set(seeds).size, seeds.length);
  assert.notEqual(createRandom(7).next(), createRandom('7').next());
});

test('derived seeds are whole, safe to add to, and do not collide over 200,000 requests', () => {
  const seen = new Set<number>();
  for (let i = 0; i < 200_000; i++) seen.add(deriveSeed(1, 'request', i));
  assert.equal(seen.size, 200_000);
  for (const seed of seen) assert.ok(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 48);
});

test('moments of the distributions are those of the textbook', () => {
  const random = createRandom('moments');
  const n = 200_000;
  const mean = (draw: () => number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += draw();
    return sum / n;
  };
  const near = (actual: number, expected: number, tolerance: number) =>
    assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not near ${expected}`);
  near(
    mean(() => random.next()),
    0.5,
    0.005,
  );
  near(
    mean(() => random.next() ** 2),
    1 / 3,
    0.005,
  );
  near(
    mean(() => random.normal()),
    0,
    0.015,
  );
  near(
    mean(() => random.normal() ** 2),
    1,
    0.02,
  );
  near(
    mean(() => random.normal() ** 4),
    3,
    0.15,
  );
  near(
    mean(() => random.exponential()),
    1,
    0.015,
  );
  near(
    mean(() => random.exponential() ** 2),
    2,
    0.08,
  );
});

test('gamma draws have the mean and the variance of their shape, small, one and large', () => {
  for (const shape of [0.05, 0.5, 1, 1.5, 20, 1_000]) {
    const random = createRandom(deriveSeed('gamma', shape));
    const n = 100_000;
    const draws = Array.from({ length: n }, () => random.gamma(shape));
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / n;
    const variance = draws.reduce((sum, draw) => sum + (draw - shape) ** 2, 0) / n;
    const third = draws.reduce((sum, draw) => sum + (draw - shape) ** 3, 0) / n;
    // Standard errors: √(k/n) of the mean, √((2k² + 6k)/n) of the variance; the third moment is 2k, with the widest.
    assert.ok(Math.abs(mean - shape) < 5 * Math.sqrt(shape / n), `${shape}: mean ${mean}`);
    assert.ok(Math.abs(variance - shape) < 5 * Math.sqrt((2 * shape ** 2 + 6 * shape) / n), `${shape}: ${variance}`);
    if (shape <= 20) assert.ok(Math.abs(third / (2 * shape) - 1) < 0.2, `${shape}: third moment ${third}`);
    assert.ok(draws.every((draw) => draw >= 0 && Number.isFinite(draw)));
  }
});

test('gamma of shape 1 is exponential: Kolmogorov–Smirnov', () => {
  const random = createRandom('gamma 1');
  const n = 20_000;
  const draws = Array.from({ length: n }, () => random.gamma(1)).sort((a, b) => a - b);
  const distance = Math.max(...draws.map((x, i) => Math.abs((i + 0.5) / n - (1 - Math.exp(-x)))));
  assert.ok(distance < 1.95 / Math.sqrt(n), `${distance}`);
});

test('neighbouring seeds are not correlated', () => {
  const n = 50_000;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += (createRandom(i).next() - 0.5) * (createRandom(i + 1).next() - 0.5);
  assert.ok(Math.abs((sum / n) * 12) < 0.02);
});

test('int stays inside its bounds, reaches both, and next stays below 1', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: -1_000, max: 1_000 }), fc.nat(20), (seed, lo, width) => {
      const random = createRandom(seed);
      const drawn = Array.from({ length: 50 * (width + 1) }, () => random.int(lo, lo + width));
      assert.ok(drawn.every((value) => Number.isInteger(value) && value >= lo && value <= lo + width));
      assert.ok(drawn.includes(lo) && drawn.includes(lo + width));
      assert.ok(random.next() < 1);
    }),
    { numRuns: 50 },
  );
});
