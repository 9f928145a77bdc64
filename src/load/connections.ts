// The transport: undici's pool to one origin, through a proxy where the environment asks for one, and the two
// facts that its Dispatcher shape does not tell: when the socket was read, and whether a connection is new.
// Another transport (raw sockets) takes its place by giving the same four members.

import diagnosticsChannel from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici';
import { proxiesFor, trustOf } from '../deployment/target.ts';
import type { Target } from './target.ts';

export interface Connections {
  readonly dispatcher: Dispatcher;
  /** performance.now() of the socket read being delivered; means something inside response callbacks only. */
  readAt(): number;
  /** Inside onRequestStart: this request waited for its connection to be opened. */
  isFresh(): boolean;
  /** Closes every connection, and with it what still runs. */
  destroy(): Promise<void>;
}

export const CONNECT_TIMEOUT_MS = 10_000;

export function openConnections(target: Target, env: NodeJS.ProcessEnv = process.env): Connections {
  watchSockets();
  const options = {
    // One connection per request in flight: a pool with a limit would turn the open loop closed.
    connections: null,
    pipelining: 1,
    // Ours alone: undici's would end requests under the name of an error.
    headersTimeout: 0,
    bodyTimeout: 0,
    // As long as the server allows: at low rates 4 s (the default) means a handshake in every TTFT.
    keepAliveTimeout: 30_000,
    maxHeaderSize: 64 * 1024,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...trustOf(target) },
  };
  const proxies = proxiesFor(target.url, env);
  const dispatcher =
    proxies === null
      ? new Pool(new URL(target.url).origin, options)
      : new EnvHttpProxyAgent({ ...options, ...proxies, requestTls: options.connect });
  return {
    dispatcher,
    readAt: () => readAtMs,
    isFresh: () => fresh,
    destroy: () => dispatcher.destroy(),
  };
}

// undici publishes `connected` right before it writes the request that waited, in the same turn. One subscription
// serves all pools of a thread: the read being delivered is a fact of the thread.
let readAtMs = 0;
let fresh = false;
let watching = false;

function watchSockets(): void {
  if (watching) return;
  watching = true;
  diagnosticsChannel.subscribe('undici:client:connected', (message) => {
    fresh = true;
    queueMicrotask(() => {
      fresh = false;
    });
    // In front of undici's own listener, so that the stamp is older than the parsing. Node emits `readable` once
    // for each read of the socket, and undici gives out the whole read inside it.
    (message as { socket: Socket }).socket.prependListener('readable', () => {
      readAtMs = performance.now();
    });
  });
}
