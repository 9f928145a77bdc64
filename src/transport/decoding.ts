// Undoes the content-encoding of an answer (RFC 9110, section 8.4) between a transport and its handler. Nobody asks for
// one, but some proxies compress all the same. zlib works on other threads, so what it gives out comes later than the
// read it came with: each piece keeps the stamp of its read.

import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib';
import { errors } from 'undici';
import { type Controller, type Fields, type Handler, noHttp } from './waist.ts';

/** Where a transport keeps the stamp that readAt() gives. */
export interface Stamp {
  readAtMs: number;
}

/** For the final head of an answer: the handler that the transport must call from now on. */
export function decoded(handler: Handler, headers: Fields, stamp: Stamp): Handler {
  const encoding = headers['content-encoding'];
  if (encoding === undefined) return handler;
  const name = String(encoding).trim().toLowerCase();
  return name === '' || name === 'identity' ? handler : new Decoding(handler, name, stamp);
}

class Decoding implements Handler {
  private readonly handler: Handler;
  private readonly encoding: string;
  private readonly stamp: Stamp;
  private stream: Transform | null = null;
  /** Of the pieces that zlib has not finished yet, oldest first. */
  private readonly readsAtMs: number[] = [];
  private lastReadAtMs = 0;
  /** Why the transport ended, while zlib is still at work. */
  private lost: Error | null = null;
  private over = false;

  constructor(handler: Handler, encoding: string, stamp: Stamp) {
    this.handler = handler;
    this.encoding = encoding;
    this.stamp = stamp;
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.over) return;
    this.stream ??= this.open(controller, chunk[0]!);
    this.lastReadAtMs = this.stamp.readAtMs;
    this.readsAtMs.push(this.lastReadAtMs);
    // Copied: the transport uses its buffer again before zlib has read it. All that a piece gives comes before its
    // callback, since zlib's decoders give out what they have after every write.
    this.stream.write(Buffer.from(chunk), () => {
      this.readsAtMs.shift();
      if (this.lost !== null && this.readsAtMs.length === 0) this.fail(controller, this.lost);
    });
  }

  onResponseEnd(controller: Controller, trailers: Fields): void {
    if (this.over) return;
    if (this.stream === null) {
      this.over = true;
      this.handler.onResponseEnd?.(controller, trailers);
      return;
    }
    const { readAtMs } = this.stamp;
    this.stream.end();
    this.stream.on('end', () => {
      if (this.over) return;
      this.over = true;
      this.at(readAtMs, () => this.handler.onResponseEnd?.(controller, trailers));
    });
  }

  onResponseError(controller: Controller, error: Error): void {
    // What was received before the connection was lost was received, though zlib still has it.
    if (this.readsAtMs.length === 0 || controller.aborted) this.fail(controller, error);
    else this.lost = error;
  }

  private fail(controller: Controller, error: Error): void {
    if (this.over) return;
    this.over = true;
    this.stream?.destroy();
    this.handler.onResponseError?.(controller, error);
  }

  private open(controller: Controller, firstByte: number): Transform {
    const stream = createDecoder(this.encoding, firstByte);
    if (stream === null) throw noHttp(`unknown content-encoding ${this.encoding}`);
    stream.on('data', (data: Buffer) => {
      if (this.over) return;
      // Aborted after the transport's own end, when nothing of the transport would tell.
      if (controller.aborted) this.fail(controller, controller.reason ?? new errors.RequestAbortedError());
      else this.at(this.readsAtMs[0] ?? this.lastReadAtMs, () => this.handler.onResponseData?.(controller, data));
    });
    stream.on('error', (error) => {
      this.fail(controller, noHttp(`bad ${this.encoding}: ${error.message}`));
      controller.abort(error);
    });
    return stream;
  }

  private at(readAtMs: number, deliver: () => void): void {
    const { stamp } = this;
    const now = stamp.readAtMs;
    stamp.readAtMs = readAtMs;
    try {
      deliver();
    } finally {
      stamp.readAtMs = now;
    }
  }
}

function createDecoder(encoding: string, firstByte: number): Transform | null {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      // With zlib's header, as the standard says, or without, as some servers have it.
      return (firstByte & 0x0f) === 8 ? createInflate() : createInflateRaw();
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress();
    default:
      return null;
  }
}
