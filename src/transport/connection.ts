// A raw connection and the request on it: from the handshake over write and reads to the answer's end, and what each way of
// losing it is called. In: the events of a socket. Out: the handler's calls, and the connection back to its pool.

import { connect, type Socket } from 'node:net';
import { errors } from 'undici';
import { decoded, type Stamp } from './decoding.ts';
import type { RequestBytes } from './request.ts';
import { ResponseReader, type ResponseSink } from './response.ts';
import {
  CONNECT_TIMEOUT_MS,
  type Controller,
  type Fields,
  type Handler,
  IDLE_MARGIN_MS,
  IDLE_TIMEOUT_MS,
} from './waist.ts';

/** The pool, as its connections see it. */
export interface ConnectionOwner extends Stamp {
  readonly host: string;
  readonly port: number;
  /** All sockets read into it, one after the other: what is in it is good until the next read. */
  readonly buffer: Buffer;
  /** While a request begins on a connection that was opened for it. */
  fresh: boolean;
  open: number;
  /** The connection is idle from now on; `idleTimeoutMs` is the server's word on how long it may be. */
  give(connection: Connection, idleTimeoutMs: number | null): void;
  /** The connection is closed. */
  leave(connection: Connection): void;
}

/** A socket, and the one request that is on it. */
export class Connection implements ResponseSink {
  idleUntilMs = 0;
  readonly closed: Promise<void>;
  isAlive = true;
  private readonly pool: ConnectionOwner;
  private readonly socket: Socket;
  private readonly reader = new ResponseReader(this);
  private pending: PendingRequest | null;

  constructor(pool: ConnectionOwner, pending: PendingRequest | null, onOutcome: (isOpen: boolean) => void) {
    this.pool = pool;
    this.pending = pending;
    const { host, port, buffer } = pool;
    this.socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      onread: { buffer, callback: (length) => this.onRead(length) },
    });
    const timer = setTimeout(() => this.socket.destroy(connectTimeout(this.socket, host, port)), CONNECT_TIMEOUT_MS);
    let isOpen = false;
    this.socket.on('connect', () => {
      isOpen = true;
      pool.open += 1;
      clearTimeout(timer);
      this.onConnect();
      onOutcome(true);
    });
    this.socket.on('end', () => this.onEnd());
    this.socket.on('error', (error) => this.drop(error));
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        clearTimeout(timer);
        if (isOpen) pool.open -= 1;
        else onOutcome(false);
        this.drop(null);
        pool.leave(this);
        resolve();
      });
    });
  }

  start(pending: PendingRequest): void {
    this.pending = pending;
    const bytes = pending.begin(this);
    if (bytes !== null) this.socket.write(bytes);
    // Given up before a byte was written: the connection is as good as it was.
    else if (this.isAlive) {
      this.pending = null;
      this.pool.give(this, null);
    }
  }

  onHead(status: number, headers: Fields, reason: string): void {
    this.pending?.head(status, headers, reason, this.pool);
  }

  onPayload(view: Buffer): void {
    const { pending } = this;
    // The handler may have given up at the head.
    if (pending !== null) pending.handler.onResponseData?.(pending, view);
  }

  /** Closes the connection; the request on it, if there is one, ends with the error. */
  drop(error: Error | null): void {
    const { pending } = this;
    this.isAlive = false;
    this.pending = null;
    this.socket.destroy();
    if (pending !== null) pending.fail(error ?? new errors.SocketError('closed'));
  }

  pause(isPaused: boolean): void {
    if (isPaused) this.socket.pause();
    else this.socket.resume();
  }

  private onConnect(): void {
    const { pending, pool } = this;
    if (pending === null) {
      pool.give(this, null);
      return;
    }
    pool.fresh = true;
    try {
      this.start(pending);
    } finally {
      pool.fresh = false;
    }
  }

  private onRead(length: number): true {
    const { pending, pool, reader } = this;
    pool.readAtMs = performance.now();
    if (pending === null) {
      // Nobody asked: what comes now would be taken for the answer to the next request.
      this.drop(null);
      return true;
    }
    pending.hear();
    let used: number;
    try {
      used = reader.read(pool.buffer, length);
    } catch (error) {
      this.drop(error as Error);
      return true;
    }
    if (reader.done && this.pending === pending) this.complete(pending, used === length);
    return true;
  }

  private onEnd(): void {
    const { pending, pool, reader } = this;
    pool.readAtMs = performance.now();
    this.isAlive = false;
    if (pending === null) return;
    if (reader.end()) this.complete(pending, false);
    else this.drop(new errors.SocketError('other side closed'));
  }

  /** Given back before the handler hears of it, so that the request it sends next finds the connection. */
  private complete(pending: PendingRequest, isClean: boolean): void {
    const { reader, socket, pool } = this;
    const { trailers } = reader;
    this.pending = null;
    // An answer that came before the request was written leaves the rest of the request in the way of the next.
    const isWritten = socket.writableLength === 0;
    const isKept = reader.keepAlive && pending.keepAlive && (reader.idleTimeoutMs ?? IDLE_TIMEOUT_MS) > IDLE_MARGIN_MS;
    if (isClean && isWritten && isKept && !pending.paused) {
      reader.next();
      pool.give(this, reader.idleTimeoutMs);
    } else this.drop(null);
    pending.end(trailers);
  }
}

/** One request, and what its handler can do about it. */
export class PendingRequest implements Controller {
  handler: Handler;
  aborted = false;
  paused = false;
  reason: Error | null = null;
  isOver = false;
  private isHeard = false;
  readonly keepAlive: boolean;
  private bytes: Buffer;
  private connection: Connection | null = null;

  constructor({ bytes, keepAlive }: RequestBytes, handler: Handler) {
    this.bytes = bytes;
    this.keepAlive = keepAlive;
    this.handler = handler;
  }

  /** @returns what must be written now; null = the handler has given up */
  begin(connection: Connection): Buffer | null {
    try {
      this.handler.onRequestStart?.(this, null);
    } catch (error) {
      this.fail(error as Error);
    }
    if (this.isOver) return null;
    this.connection = connection;
    const { bytes } = this;
    this.bytes = NO_BYTES;
    return bytes;
  }

  /** Bytes of the response have come. */
  hear(): void {
    if (this.isHeard) return;
    this.isHeard = true;
    this.handler.onResponseStarted?.();
  }

  head(status: number, headers: Fields, reason: string, stamp: Stamp): void {
    this.handler.onResponseStart?.(this, status, headers, reason);
    if (status >= 200) this.handler = decoded(this.handler, headers, stamp);
  }

  end(trailers: Fields): void {
    this.isOver = true;
    this.handler.onResponseEnd?.(this, trailers);
  }

  fail(error: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    this.handler.onResponseError?.(this, error);
  }

  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    // Once it is over, the connection may be another request's.
    if (this.isOver) return;
    if (this.connection === null) this.fail(reason);
    else this.connection.drop(reason);
  }

  pause(): void {
    this.paused = true;
    if (!this.isOver) this.connection?.pause(true);
  }

  resume(): void {
    this.paused = false;
    if (!this.isOver) this.connection?.pause(false);
  }
}

const NO_BYTES = Buffer.alloc(0);

/** In undici's words, since it is undici's error. */
function connectTimeout(socket: Socket, host: string, port: number): Error {
  const tried = socket.autoSelectFamilyAttemptedAddresses?.join(', ') ?? `${host}:${port}`;
  return new errors.ConnectTimeoutError(
    `Connect Timeout Error (attempted address: ${tried}, timeout: ${CONNECT_TIMEOUT_MS}ms)`,
  );
}
