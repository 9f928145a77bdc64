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
export function createRandom(seed: number | string): Random {
  text.clear();
  text.add(seed);
  return new Sfc32(text);
}

/** A class, and no closures: a load makes several for each of its requests. */
class Sfc32 implements Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: SeedText) {
    this.a = seed.hash(1);
    this.b = seed.hash(2);
    this.c = seed.hash(3);
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
  text.clear();
  for (let i = 0; i < parts.length; i++) text.add(parts[i]!);
  return (text.hash(4) & 0xffff) * 4_294_967_296 + (text.hash(5) >>> 0);
}

/**
 * What a seed is hashed from: its parts, typed and length-prefixed, so that ('a', 'bc'), ('ab', 'c') and (1), ('1')
 * part. UTF-16 code units in a buffer that is used again: as strings they were a third of a sender's garbage.
 */
class SeedText {
  private units = new Uint16Array(256);
  private length = 0;

  clear(): void {
    this.length = 0;
  }

  add(part: string | number): void {
    if (typeof part === 'string') this.string(STRING, part);
    // Mostly an index, a seed or a phase.
    else if (Number.isSafeInteger(part) && part >= 0) this.whole(part);
    else this.string(NUMBER, String(part));
  }

  /** MurmurHash3 x86_32, two code units to a block. */
  hash(seed: number): number {
    const { units, length } = this;
    let hash = seed;
    for (let i = 0; i < length; i += 2) {
      let block = units[i]! | ((i + 1 < length ? units[i + 1]! : 0) << 16);
      block = Math.imul(block, 0xcc9e2d51);
      block = (block << 15) | (block >>> 17);
      hash ^= Math.imul(block, 0x1b873593);
      hash = (hash << 13) | (hash >>> 19);
      hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
    }
    hash ^= length * 2;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  private string(type: number, value: string): void {
    this.prefix(type, value.length);
    for (let i = 0; i < value.length; i++) this.units[this.length++] = value.charCodeAt(i);
  }

  private whole(value: number): void {
    const digits = digitsOf(value);
    this.prefix(NUMBER, digits);
    this.digits(value, digits);
  }

  private prefix(type: number, length: number): void {
    this.reserve(length + PREFIX);
    this.units[this.length++] = type;
    this.digits(length, digitsOf(length));
    this.units[this.length++] = COLON;
  }

  private digits(value: number, count: number): void {
    let left = value;
    for (let at = this.length + count - 1; at >= this.length; at--) {
      const rest = Math.floor(left / 10);
      this.units[at] = ZERO + (left - rest * 10);
      left = rest;
    }
    this.length += count;
  }

  private reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.units.length) return;
    const larger = new Uint16Array(Math.max(needed, this.units.length * 2));
    larger.set(this.units);
    this.units = larger;
  }
}

function digitsOf(value: number): number {
  let count = 1;
  for (let limit = 10; limit <= value; limit *= 10) count += 1;
  return count;
}

const NUMBER = 'n'.charCodeAt(0);
const STRING = 's'.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);
/** Room for a part's type, its length and the colon. */
const PREFIX = 20;

/** One for all of a thread: whoever uses it clears it first, and is done with it when it returns. */
const text = new SeedText();
