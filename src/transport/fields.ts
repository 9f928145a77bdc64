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

/** Repeated fields become arrays, as undici gives them. */
export function readFields(block: string, start: number): Fields {
  const headers: Fields = Object.create(null);
  let at = start;
  // The block ends with an empty line.
  while (at < block.length - 2) {
    FIELD.lastIndex = at;
    const field = FIELD.exec(block);
    if (field === null) throw noHttp('bad header line');
    const name = field[1]!.toLowerCase();
    const value = field[2]!.trimEnd();
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else headers[name] = [before, value];
    at = FIELD.lastIndex;
  }
  return headers;
}

const FIELD = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)\r\n/y;
const CR = 13;
const LF = 10;
