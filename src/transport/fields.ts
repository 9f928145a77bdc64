// The lines of heads and trailers (RFC 9112, section 5): gathers them however they are cut, and reads them. Pure.

import { errors } from 'undici';
import { type Fields, HEAD_LIMIT_BYTES, noHttp } from './waist.ts';

/** Gathers lines up to an empty one, however they are cut. */
export class FieldBlock {
  length = 0;
  complete = false;
  /** How much of CR LF CR LF the last bytes are. */
  private matched = 0;
  private readonly held: Buffer[] = [];
  private text = '';

  start(matched: number): void {
    this.length = 0;
    this.complete = false;
    this.matched = matched;
  }

  /** @returns the place behind the empty line, or `length` */
  find(bytes: Buffer, start: number, length: number): number {
    let { matched } = this;
    let at = start;
    while (at < length && matched < 4) {
      const byte = bytes[at++]!;
      if (byte === CR) {
        if (matched === 1 || matched === 3) throw noHttp('a carriage return without line feed');
        matched += 1;
      } else if (byte === LF) {
        if (matched !== 1 && matched !== 3) throw noHttp('a line feed without carriage return');
        matched += 1;
      } else {
        if (matched === 1 || matched === 3) throw noHttp('a carriage return without line feed');
        matched = 0;
      }
    }
    this.matched = matched;
    this.length += at - start;
    if (this.length > HEAD_LIMIT_BYTES) throw new errors.HeadersOverflowError();
    this.complete = matched === 4;
    if (this.complete && this.held.length === 0) this.text = bytes.toString('latin1', start, at);
    else this.held.push(Buffer.from(bytes.subarray(start, at)));
    return at;
  }

  /** Gives it away: what comes behind a head may take minutes, and nobody needs the head meanwhile. */
  take(): string {
    const text = this.held.length === 0 ? this.text : Buffer.concat(this.held).toString('latin1');
    this.text = '';
    this.held.length = 0;
    return text;
  }
}

/**
 * Repeated fields become arrays, as undici gives them. By a walk over the characters: the arrays of a regular expression
 * would be a tenth of a sender's garbage.
 * @throws HTTPParserError where a line is no field
 */
export function readFields(block: string, start: number): Fields {
  const headers: Fields = Object.create(null);
  // The block ends with an empty line.
  for (let at = start; at < block.length - 2; ) {
    const colon = walk(block, at, NAME);
    const from = walk(block, colon + 1, BLANK);
    const end = walk(block, from, VALUE);
    const isField = colon > at && block.charCodeAt(colon) === COLON;
    if (!isField || block.charCodeAt(end) !== CR || block.charCodeAt(end + 1) !== LF) throw noHttp('bad header line');
    let to = end;
    while (to > from && isOf(BLANK, block.charCodeAt(to - 1))) to -= 1;
    const name = block.slice(at, colon).toLowerCase();
    const value = block.slice(from, to);
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else headers[name] = [before, value];
    at = end + 2;
  }
  return headers;
}

/** @returns where characters of this kind end */
function walk(text: string, from: number, kind: number): number {
  let at = from;
  while (isOf(kind, text.charCodeAt(at))) at += 1;
  return at;
}

/** Of a latin1 text; NaN, behind its end, is of none. */
const isOf = (kind: number, code: number): boolean => (KINDS[code]! & kind) !== 0;

const NAME = 1;
const VALUE = 2;
const BLANK = 4;
const KINDS = Uint8Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code);
  return (
    (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(char) ? NAME : 0) +
    (/[\t\x20-\x7e\x80-\xff]/.test(char) ? VALUE : 0) +
    (/[ \t]/.test(char) ? BLANK : 0)
  );
});
const CR = 13;
const LF = 10;
const COLON = 58;
