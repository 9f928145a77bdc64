// Reads one HTTP/1.1 response after another out of whatever pieces the socket gave. In: bytes; out: head, payload, end.
// RFC 9112 without its leniencies: what could be read in two ways (two lengths, a length beside chunks, bare line
// feeds, folded headers) is refused, since a wrong guess would give one request the answer of another.

import { errors } from 'undici';
import { FieldBlock, readFields } from './fields.ts';
import { type Fields, HEAD_LIMIT_BYTES, noHttp } from './waist.ts';

export interface ResponseSink {
  /** Of a 1xx too, which only announces. */
  onHead(status: number, headers: Fields, reason: string): void;
  /** All payload of one read; the view is valid only inside the call. */
  onPayload(view: Buffer): void;
}

const HEAD = 0;
const FIXED = 1;
const UNTIL_CLOSE = 2;
const CHUNK_SIZE = 3;
const CHUNK_EXTENSION = 4;
const CHUNK_SIZE_LF = 5;
const CHUNK = 6;
const CHUNK_CR = 7;
const CHUNK_LF = 8;
const TRAILERS = 9;
const DONE = 10;

/** In the end either `done`, or read() has thrown: an HTTPParserError, or a HeadersOverflowError. */
export class ResponseReader {
  /** The connection may carry another request; known with the head. */
  keepAlive = true;
  /** What the server said of idle connections; null = nothing. */
  idleTimeoutMs: number | null = null;
  trailers = NO_FIELDS;
  private readonly sink: ResponseSink;
  private state = HEAD;
  /** Bytes still to come of the body or chunk. */
  private left = 0;
  private digits = 0;
  private extension = 0;
  private readonly block = new FieldBlock();

  constructor(sink: ResponseSink) {
    this.sink = sink;
  }

  get done(): boolean {
    return this.state === DONE;
  }

  /** Begins with the next response of the same connection. */
  next(): void {
    this.state = HEAD;
    this.block.start(0);
  }

  /**
   * Moves payload inside `bytes`, so that the chunks of one read become one view.
   *
   * @returns bytes used; fewer than `length` only when the response is complete and something follows it
   */
  read(bytes: Buffer, length: number): number {
    let at = 0;
    // The payload of this read: bytes[from, to).
    let from = 0;
    let to = 0;
    try {
      while (at < length && this.state !== DONE) {
        switch (this.state) {
          case HEAD:
            at = this.readHead(bytes, at, length);
            break;
          case FIXED:
          case CHUNK: {
            const end = Math.min(length, at + this.left);
            this.left -= end - at;
            if (to === from) {
              from = at;
              to = end;
            } else {
              bytes.copyWithin(to, at, end);
              to += end - at;
            }
            at = end;
            if (this.left === 0) this.state = this.state === FIXED ? DONE : CHUNK_CR;
            break;
          }
          case UNTIL_CLOSE:
            from = at;
            to = length;
            at = length;
            break;
          case TRAILERS:
            at = this.readTrailers(bytes, at, length);
            break;
          default:
            at = this.readFraming(bytes, at, length);
        }
      }
    } finally {
      // What came before a fault came all the same.
      if (to > from) this.sink.onPayload(bytes.subarray(from, to));
    }
    return at;
  }

  /** The connection has ended. @returns whether that completes the response */
  end(): boolean {
    if (this.state === UNTIL_CLOSE) this.state = DONE;
    return this.state === DONE;
  }

  private readHead(bytes: Buffer, at: number, length: number): number {
    for (let seen = this.block.length, i = at; seen < START.length && i < length; seen++, i++)
      if (bytes[i] !== START.charCodeAt(seen)) throw noHttp('it does not begin with HTTP/');
    const end = this.block.find(bytes, at, length);
    if (!this.block.complete) return end;
    const text = this.block.take();
    const status = STATUS_LINE.exec(text);
    if (status === null) throw noHttp('bad status line');
    this.begin(Number(status[2]), readFields(text, status[0].length), status[1] === '1', status[3] ?? '');
    return end;
  }

  /** Decides how long the body is (RFC 9112, section 6.3) and whether the connection persists (section 9.3). */
  private begin(status: number, headers: Fields, isHttp11: boolean, reason: string): void {
    const length = headers['content-length'] as string | string[] | undefined;
    const coding = headers['transfer-encoding'] as string | string[] | undefined;
    const options = headers.connection?.toString().toLowerCase();
    if (length !== undefined && (Array.isArray(length) || !LENGTH.test(length))) throw noHttp('bad Content-Length');
    if (coding !== undefined && (Array.isArray(coding) || coding.toLowerCase() !== 'chunked' || !isHttp11))
      throw noHttp('a Transfer-Encoding other than chunked');
    if (length !== undefined && coding !== undefined) throw noHttp('Content-Length beside Transfer-Encoding');
    // Nothing was asked for that could be switched to.
    if (status === 101) throw new errors.SocketError('bad upgrade');
    this.keepAlive = isHttp11 ? !hasOption(options, 'close') : hasOption(options, 'keep-alive');
    this.idleTimeoutMs = idleTimeoutOf(headers['keep-alive']);
    this.trailers = NO_FIELDS;
    this.block.start(0);
    if (status < 200) this.state = HEAD;
    else if (status === 204 || status === 304) this.state = DONE;
    else if (coding !== undefined) this.expectChunk();
    else if (length === undefined) {
      this.state = UNTIL_CLOSE;
      this.keepAlive = false;
    } else {
      this.left = Number(length);
      this.state = this.left === 0 ? DONE : FIXED;
    }
    this.sink.onHead(status, headers, reason);
  }

  private expectChunk(): void {
    this.state = CHUNK_SIZE;
    this.left = 0;
    this.digits = 0;
    this.extension = 0;
  }

  /** What stands between the payloads: `\r\n<size>;extension\r\n`. */
  private readFraming(bytes: Buffer, start: number, length: number): number {
    let at = start;
    while (at < length) {
      const byte = bytes[at++]!;
      switch (this.state) {
        case CHUNK_CR:
          if (byte !== CR) throw noHttp('a chunk is longer than its size');
          this.state = CHUNK_LF;
          break;
        case CHUNK_LF:
          if (byte !== LF) throw noHttp('a chunk is longer than its size');
          this.expectChunk();
          break;
        case CHUNK_SIZE: {
          const digit = byte < 128 ? HEX[byte]! : -1;
          if (digit >= 0) {
            if (++this.digits > 12) throw noHttp('a chunk size beyond all measure');
            this.left = this.left * 16 + digit;
          } else if (this.digits === 0) throw noHttp('bad chunk size');
          else if (byte === CR) this.state = CHUNK_SIZE_LF;
          else if (byte === SEMICOLON || byte === SPACE || byte === TAB) this.state = CHUNK_EXTENSION;
          else throw noHttp('bad chunk size');
          break;
        }
        case CHUNK_EXTENSION:
          if (byte === CR) this.state = CHUNK_SIZE_LF;
          else if (byte < SPACE && byte !== TAB) throw noHttp('bad chunk extension');
          else if (++this.extension > HEAD_LIMIT_BYTES) throw new errors.HeadersOverflowError('chunk extension');
          break;
        default:
          if (byte !== LF) throw noHttp('bad end of a chunk size');
          if (this.left > 0) this.state = CHUNK;
          else {
            this.state = TRAILERS;
            // The line of the last chunk's size has just ended: an empty line more is the end.
            this.block.start(2);
          }
          return at;
      }
    }
    return at;
  }

  private readTrailers(bytes: Buffer, at: number, length: number): number {
    const end = this.block.find(bytes, at, length);
    if (this.block.complete) {
      this.trailers = readFields(this.block.take(), 0);
      this.state = DONE;
    }
    return end;
  }
}

const hasOption = (options: string | undefined, option: string): boolean =>
  options !== undefined && (options === option || options.split(',').some((one) => one.trim() === option));

function idleTimeoutOf(keepAlive: string | string[] | undefined): number | null {
  const seconds = keepAlive === undefined ? null : /timeout=(\d{1,9})/i.exec(String(keepAlive));
  return seconds === null ? null : Number(seconds[1]) * 1_000;
}

const NO_FIELDS: Fields = Object.freeze({});
const START = 'HTTP/';
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?\r\n/;
const LENGTH = /^\d{1,15}$/;
const CR = 13;
const LF = 10;
const TAB = 9;
const SPACE = 32;
const SEMICOLON = 59;
/** By byte: the value of a hexadecimal digit, or -1. */
const HEX = Int8Array.from({ length: 128 }, (_, byte) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase()),
);
