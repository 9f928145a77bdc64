// The transport for what is not plain HTTP: undici's clients of one origin, for TLS and through the proxies of the
// environment. What undici's Dispatcher shape does not tell (when the socket was read, whether a connection is new, how
// many are open) comes from its diagnostics channel.

import diagnosticsChannel from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { type Client, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { proxiesFor, type Target, trustOf } from '../deployment/target.ts';
import { Clients } from './clients.ts';
import { decoded, type Stamp } from './decoding.ts';
import {
  CONNECT_TIMEOUT_MS,
  type Connections,
  type Controller,
  type Fields,
  type Handler,
  HEAD_LIMIT_BYTES,
  IDLE_MARGIN_MS,
  IDLE_TIMEOUT_MS,
  openMissing,
} from './waist.ts';

/** By warm(). Fewer than of sockets that send nothing: each is a handshake and a request to a server at work. */
const ASK_AT_ONCE = 32;

/**
 * `open` counts the connections of this thread to the target's host, whoever opened them. A client of undici opens its
 * connection only for a request: warm() asks for the target's own address over each, whatever that answers.
 */
export function openUndici(target: Target, env: NodeJS.ProcessEnv = process.env): Connections {
  watchSockets();
  const { host } = new URL(target.url);
  const once = new Set<Dispatcher>();
  let isDestroyed = false;
  /** Known from the first request on: a proxy's agent makes them then. */
  let clients: Clients | null = null;
  const dispatcher = createDispatcher(target, env, (made) => {
    clients = made;
  });
  const connections: Connections = {
    dispatcher: {
      dispatch({ fresh: mustBeFresh = false, headers, ...options }, handler) {
        const dispatching = { ...options, headers: headers as string[] };
        if (!mustBeFresh) return dispatcher.dispatch(dispatching, new Decoded(handler));
        // Clients of its own, gone with their only request: those of the load are handed out when they are idle.
        const own = createDispatcher(target, env);
        once.add(own);
        own.dispatch(dispatching, new Decoded(handler));
        void own.close().finally(() => once.delete(own));
        return true;
      },
    },
    readAt: () => stamp.readAtMs,
    isFresh: () => fresh,
    get open() {
      return opened.get(host) ?? 0;
    },
    async warm(count) {
      await openMissing(count, {
        size: () => clients?.size ?? 0,
        openOne: async () => !isDestroyed && (await ask(clients?.extra() ?? dispatcher, target)),
        atOnce: ASK_AT_ONCE,
      });
      return connections.open;
    },
    async destroy() {
      isDestroyed = true;
      await Promise.all([dispatcher, ...once].map((each) => each.destroy()));
    },
  };
  return connections;
}

/** @param onMade gets the clients of the target */
function createDispatcher(
  target: Target,
  env: NodeJS.ProcessEnv,
  onMade: (clients: Clients) => void = () => {},
): Dispatcher {
  const options = {
    pipelining: 1,
    // Ours alone: undici's would end requests under the name of an error.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    keepAliveTimeoutThreshold: IDLE_MARGIN_MS,
    maxHeaderSize: HEAD_LIMIT_BYTES,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...trustOf(target) },
  };
  const factory = (origin: string | URL, given: Client.Options): Clients => {
    const clients = new Clients(origin, given);
    onMade(clients);
    return clients;
  };
  const proxies = proxiesFor(target.url, env);
  return proxies === null
    ? factory(new URL(target.url).origin, options)
    : new EnvHttpProxyAgent({ ...options, ...proxies, requestTls: options.connect, factory });
}

/**
 * @returns whether an answer came, all of it and in time. Never rejects: a connection that can't be opened is the load's
 *   to find.
 */
async function ask(dispatcher: Dispatcher, { url, headers }: Target): Promise<boolean> {
  const { origin, pathname } = new URL(url);
  try {
    const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
    const { body } = await request(`${origin}${pathname}`, { dispatcher, headers, signal });
    await body.dump();
    // undici takes a connection back a turn after its answer.
    await turn();
    return true;
  } catch {
    return false;
  }
}

/** Between undici and the handler of one request. */
class Decoded implements Handler {
  private handler: Handler;

  constructor(handler: Handler) {
    this.handler = handler;
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.handler.onRequestStart?.(controller, context);
  }

  onResponseStarted(): void {
    this.handler.onResponseStarted?.();
  }

  onResponseStart(controller: Controller, status: number, headers: Fields, reason?: string): void {
    this.handler.onResponseStart?.(controller, status, headers, reason);
    if (status >= 200) this.handler = decoded(this.handler, headers, stamp);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(controller: Controller, trailers: Fields): void {
    this.handler.onResponseEnd?.(controller, trailers);
  }

  onResponseError(controller: Controller, error: Error): void {
    this.handler.onResponseError?.(controller, error);
  }
}

// undici publishes `connected` right before it writes the request that waited, in the same turn. One subscription
// serves all pools of a thread: the read being delivered is a fact of the thread.
const stamp: Stamp = { readAtMs: 0 };
const opened = new Map<string, number>();
let fresh = false;
let watching = false;

function watchSockets(): void {
  if (watching) return;
  watching = true;
  diagnosticsChannel.subscribe('undici:client:connected', (message) => {
    const { socket, connectParams } = message as { socket: Socket; connectParams: { host: string } };
    fresh = true;
    queueMicrotask(() => {
      fresh = false;
    });
    // In front of undici's own listener, so that the stamp is older than the parsing. Node emits `readable` once
    // for each read of the socket, and undici gives out the whole read inside it.
    socket.prependListener('readable', () => {
      stamp.readAtMs = performance.now();
    });
    const { host } = connectParams;
    opened.set(host, (opened.get(host) ?? 0) + 1);
    socket.once('close', () => opened.set(host, opened.get(host)! - 1));
  });
}
