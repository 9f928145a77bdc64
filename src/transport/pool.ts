// Plain HTTP/1.1 over raw sockets: one connection for each request in flight, without a limit, the last one used first.
// What a read costs is what the load generator costs, so all sockets of a pool read into one buffer, and all payload of
// a read is one call.

import { errors } from 'undici';
import type { Target } from '../deployment/target.ts';
import { PlimsollError } from '../errors.ts';
import { Connection, type ConnectionOwner, PendingRequest } from './connection.ts';
import { objectList } from './object-list.ts';
import { createRequestWriter, type RequestWriter } from './request.ts';
import {
  type Connections,
  type Handler,
  IDLE_MARGIN_MS,
  IDLE_TIMEOUT_MS,
  openMissing,
  type RequestOptions,
  WARM_AT_ONCE,
} from './waist.ts';

/**
 * @param target of plain HTTP, reached without a proxy
 * @throws PlimsollError INTERNAL for any other protocol: the request would be sent in the clear
 */
export function openRaw(target: Target): Connections {
  const url = new URL(target.url);
  if (url.protocol !== 'http:') throw new PlimsollError('INTERNAL', `raw sockets do not speak ${url.protocol}`);
  return new Pool(url);
}

const READ_BUFFER_BYTES = 128 * 1024;
const SWEEP_MS = 1_000;
/** One for all: a closure made over a request would keep it as long as its connection lives. */
const NOBODY_WAITS = (): void => {};

class Pool implements Connections, ConnectionOwner {
  readonly dispatcher = this;
  readonly host: string;
  readonly port: number;
  readonly buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  readAtMs = 0;
  fresh = false;
  open = 0;
  destroyed = false;
  private readonly writer: RequestWriter;
  private readonly all = new Set<Connection>();
  private readonly idle = objectList<Connection>();
  private readonly sweep: NodeJS.Timeout;

  constructor(url: URL) {
    this.host = url.hostname.replace(/^\[|\]$/g, '');
    this.port = url.port === '' ? 80 : Number(url.port);
    this.writer = createRequestWriter(url.host);
    this.sweep = setInterval(() => this.retire(), SWEEP_MS).unref();
  }

  readAt(): number {
    return this.readAtMs;
  }

  isFresh(): boolean {
    return this.fresh;
  }

  /** @throws InvalidArgumentError of undici: the request cannot be written */
  dispatch(options: RequestOptions, handler: Handler): boolean {
    const pending = new PendingRequest(this.writer(options), handler);
    if (this.destroyed) queueMicrotask(() => pending.fail(new errors.ClientDestroyedError()));
    else {
      const idle = options.fresh === true ? null : this.takeIdle();
      if (idle === null) this.connect(pending, NOBODY_WAITS);
      else idle.start(pending);
    }
    return true;
  }

  async warm(count: number): Promise<number> {
    await openMissing(count, {
      size: () => this.all.size,
      openOne: async () => !this.destroyed && (await new Promise<boolean>((resolve) => this.connect(null, resolve))),
      atOnce: WARM_AT_ONCE,
    });
    return this.open;
  }

  async destroy(): Promise<void> {
    this.destroyed = true;
    clearInterval(this.sweep);
    const closings = [...this.all].map((connection) => connection.closed);
    for (const connection of this.all) connection.drop(new errors.ClientDestroyedError());
    await Promise.all(closings);
  }

  give(connection: Connection, idleTimeoutMs: number | null): void {
    connection.idleUntilMs =
      performance.now() + (idleTimeoutMs === null ? IDLE_TIMEOUT_MS : idleTimeoutMs - IDLE_MARGIN_MS);
    this.idle.push(connection);
  }

  leave(connection: Connection): void {
    this.all.delete(connection);
  }

  private connect(pending: PendingRequest | null, onOutcome: (isOpen: boolean) => void): void {
    this.all.add(new Connection(this, pending, onOutcome));
  }

  private takeIdle(): Connection | null {
    const now = performance.now();
    for (let connection = this.idle.pop(); connection !== undefined; connection = this.idle.pop()) {
      if (connection.isAlive && now < connection.idleUntilMs) return connection;
      connection.drop(null);
    }
    return null;
  }

  private retire(): void {
    const now = performance.now();
    let kept = 0;
    for (const connection of this.idle) {
      if (connection.isAlive && now < connection.idleUntilMs) this.idle[kept++] = connection;
      else connection.drop(null);
    }
    this.idle.length = kept;
  }
}
