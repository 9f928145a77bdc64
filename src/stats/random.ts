// Seeded random numbers: same seed, same numbers, on every machine. In: a number or a string. Out: a generator.
// sfc32 (C. Doty-Humphrey, PractRand, 2010), its state filled by MurmurHash3 x86_32 (A. Appleby, 2011).

export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  next(): number;
  /** Standard normal. */
  normal(): number;
  /** Exponential with mean 1. */
  exponential(): number;
  /** Gamma with this shape (above 0) and scale 1: its mean is `shape`. */
  gamma(shape: number): number;
  /** Whole number from `lo` to `hi`, both included. */
  int(lo: number, hi: number): number;
}

/** A generator; 7 and '7' are different seeds. Not for cryptography. */
export const createRandom = (seed: number | string): Random => new Sfc32(encode([seed]));

/** A class, and no closures: a load makes several for each of its requests. */
class Sfc32 implements Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: string) {
    this.a = murmur3(seed, 1);
    this.b = murmur3(seed, 2);
    this.c = murmur3(seed, 3);
    for (let i = 0; i < 12; i++) this.bits();
  }

  /** 32 of them, as a whole number with a sign. */
  private bits(): number {
    const { a, b, c, counter } = this;
    const t = (((a + b) | 0) + counter) | 0;
    this.counter = (counter + 1) | 0;
    this.a = b ^ (b >>> 9);
    this.b = (c + (c << 3)) | 0;
    this.c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t;
  }

  next(): number {
    return ((this.bits() >>> 5) * 67_108_864 + (this.bits() >>> 6)) / 9_007_199_254_740_992;
  }

  /** Box–Muller (1958), second value thrown away: every call takes the same number of bits. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  exponential(): number {
    return Math.abs(Math.log(1 - this.next()));
  }

  /**
   * For shapes from 1 on: G. Marsaglia, W. W. Tsang, A Simple Method for Generating Gamma Variables, ACM TOMS 26 (2000),
   * 363–372; below 1 the boost of its section 6 multiplies a draw of shape + 1 by U^(1/shape).
   */
  gamma(shape: number): number {
    return shape < 1 ? this.gammaFromOne(shape + 1) * (1 - this.next()) ** (1 / shape) : this.gammaFromOne(shape);
  }

  private gammaFromOne(shape: number): number {
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v <= 0) continue;
      const u = this.next();
      if (u < 1 - 0.0331 * x ** 4 || Math.log(u) < (x * x) / 2 + d * (1 - v + Math.log(v))) return d * v;
    }
  }

  int(lo: number, hi: number): number {
    return lo + Math.floor(this.next() * (hi - lo + 1));
  }
}

/** A seed (whole, below 2⁴⁸) for one purpose, from what names it: `deriveSeed(seed, 'lengths', phase, i)`. */
export function deriveSeed(...parts: readonly (string | number)[]): number {
  const text = encode(parts);
  return (murmur3(text, 4) & 0xffff) * 4_294_967_296 + (murmur3(text, 5) >>> 0);
}

/** Typed and length-prefixed, so that ('a', 'bc'), ('ab', 'c') and (1), ('1') part. */
function encode(parts: readonly (string | number)[]): string {
  let all = '';
  for (const part of parts) {
    const text = typeof part === 'number' ? digits(part) : part;
    all += `${typeof part === 'number' ? 'n' : 's'}${text.length}:${text}`;
  }
  return all;
}

/** As String(value), which V8 keeps in its old space: at thousands of seeds a second memory would fill up with them. */
const digits = (value: number): string => (Number.isSafeInteger(value) && value > 0 ? value.toFixed(0) : String(value));

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
