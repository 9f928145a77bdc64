// Seeded random numbers: same seed, same numbers, on every machine. In: a number or a string. Out: a generator.
// sfc32 (C. Doty-Humphrey, PractRand, 2010), its state filled by MurmurHash3 x86_32 (A. Appleby, 2011).

export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  next(): number;
  /** Standard normal. */
  normal(): number;
  /** Exponential with mean 1. */
  exponential(): number;
  /** Whole number from `lo` to `hi`, both included. */
  int(lo: number, hi: number): number;
}

/** A generator; 7 and '7' are different seeds. Not for cryptography. */
export function createRandom(seed: number | string): Random {
  const text = encode([seed]);
  let a = murmur3(text, 1);
  let b = murmur3(text, 2);
  let c = murmur3(text, 3);
  let counter = 1;

  function bits(): number {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  }
  for (let i = 0; i < 12; i++) bits();

  const next = (): number => ((bits() >>> 5) * 67_108_864 + (bits() >>> 6)) / 9_007_199_254_740_992;
  return {
    next,
    // Box–Muller (1958), second value thrown away: every call takes the same number of bits.
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    exponential: () => Math.abs(Math.log(1 - next())),
    int: (lo, hi) => lo + Math.floor(next() * (hi - lo + 1)),
  };
}

/** A seed (whole, below 2⁴⁸) for one purpose, from what names it: `deriveSeed(seed, 'lengths', phase, i)`. */
export function deriveSeed(...parts: readonly (string | number)[]): number {
  const text = encode(parts);
  return (murmur3(text, 4) & 0xffff) * 4_294_967_296 + (murmur3(text, 5) >>> 0);
}

/** Typed and length-prefixed, so that ('a', 'bc'), ('ab', 'c') and (1), ('1') part. */
const encode = (parts: readonly (string | number)[]): string =>
  parts.map((part) => `${typeof part === 'number' ? 'n' : 's'}${String(part).length}:${part}`).join('');

/** MurmurHash3 x86_32 over UTF-16 code units, two to a block. */
function murmur3(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i += 2) {
    let block = text.charCodeAt(i) | ((i + 1 < text.length ? text.charCodeAt(i + 1) : 0) << 16);
    block = Math.imul(block, 0xcc9e2d51);
    block = (block << 15) | (block >>> 17);
    hash ^= Math.imul(block, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= text.length * 2;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
