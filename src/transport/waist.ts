// The waist of the load path: what the load knows of connections, a dispatch in undici's shape and the few facts that
// this shape does not tell. Two transports give it (pool.ts and undici.ts) and pass one suite of tests.

import type { Dispatcher } from 'undici';

/**
 * Calls come as undici's: onRequestStart when the connection is there and the request about to be written;
 * onResponseStarted, once, with the response's first byte; onResponseStart for the head (of each 1xx too);
 * onResponseData for payload, of which the view is valid only inside the call: keep a copy, not the view; then
 * onResponseEnd or onResponseError, once, and nothing after it. Compressed bodies are given out decoded.
 */
export type Handler = Dispatcher.DispatchHandler;
export type Controller = Dispatcher.DispatchController;
/** By lower-case name; a repeated field is an array. */
export type Fields = Parameters<NonNullable<Handler['onResponseStart']>>[2];

export interface RequestOptions {
  /** Of the target. */
  readonly origin: string;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  /** Flat: name, value, name, value. The same array for every request is the cheapest. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | null;
  /** Over a connection that nothing was sent on yet. */
  readonly fresh?: boolean;
}

export interface Connections {
  readonly dispatcher: { dispatch(options: RequestOptions, handler: Handler): boolean };
  /** performance.now() of the socket read being delivered; means something inside response callbacks only. */
  readAt(): number;
  /** Inside onRequestStart: this request waited for its connection to be opened. */
  isFresh(): boolean;
  /** Connections that are open now. */
  readonly open: number;
  /**
   * Opens connections that nobody uses yet until `count` are open; resolves with how many are. Never rejects: the
   * first that can't be opened ends it.
   */
  warm(count: number): Promise<number>;
  /** Closes every connection, and with it what still runs. */
  destroy(): Promise<void>;
}

export const CONNECT_TIMEOUT_MS = 10_000;
/** How long a connection may be idle where the server says nothing: at low rates a handshake would be in every TTFT. */
export const IDLE_TIMEOUT_MS = 30_000;
/** This much earlier than the server says: a request must not meet its closing on the way. */
export const IDLE_MARGIN_MS = 1_000;
/** Opened at the same time by warm(): servers hold few that they have not accepted yet. */
export const WARM_AT_ONCE = 64;
/** Of an answer's head, and of its trailers. */
export const HEAD_LIMIT_BYTES = 64 * 1024;

/** For an answer that is not HTTP. It has the name of undici's error, so that nobody above needs to know who found it. */
export const noHttp = (what: string): Error =>
  Object.assign(new Error(`Response does not match the HTTP/1.1 protocol (${what})`), { name: 'HTTPParserError' });

export interface Opening {
  /** Connections that are open or being opened. */
  size(): number;
  /** Opens one; false where it could not, and no more are to be tried. */
  openOne(): Promise<boolean>;
  /** So many at the same time. */
  readonly atOnce: number;
}

/** Opens what is missing to `count`, what the load opens meanwhile included. Rejects with what `openOne` does. */
export async function openMissing(count: number, { size, openOne, atOnce }: Opening): Promise<void> {
  let left = count - size();
  const openSome = async (): Promise<void> => {
    while (left-- > 0 && size() < count) if (!(await openOne())) left = 0;
  };
  await Promise.all(Array.from({ length: Math.max(0, Math.min(atOnce, left)) }, openSome));
}
