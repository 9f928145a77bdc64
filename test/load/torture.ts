// A real HTTP server that does to a client whatever a script says, down to single packets. Raw sockets, so that it
// can break HTTP too. Each request takes the next script; the last one repeats.

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export interface Connection {
  write(data: string | Uint8Array): void;
  /** One chunk of a chunked body. */
  chunk(data: string | Uint8Array): void;
  wait(ms: number): Promise<void>;
  /** FIN. */
  end(): void;
  /** RST. */
  reset(): void;
  readonly socket: Socket;
  /** Which request of this connection it is, 1-based. */
  readonly nth: number;
  /** The request as it came. */
  readonly head: string;
  readonly body: string;
}
export type Script = (connection: Connection) => void | Promise<void>;

export interface TortureServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Requests received so far. */
  readonly requests: number;
  readonly connections: number;
  /** performance.now() at each request's arrival. */
  readonly arrivals: readonly number[];
  /** Every write, in order. */
  readonly writes: readonly Write[];
}

export interface Write {
  /** Which request of all, 0-based. */
  readonly request: number;
  readonly bytes: number;
  /** process.hrtime.bigint() just before it: the clock that all processes share. */
  readonly atNs: bigint;
}

export interface TortureOptions {
  /** In PEM; speaks TLS then, on `localhost`. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Further ones are closed as soon as they are there. */
  readonly maxConnections?: number;
}

export const startTorture = (...scripts: readonly Script[]): Promise<TortureServer> => startTortureWith({}, ...scripts);

export async function startTortureWith(
  { tls, maxConnections }: TortureOptions,
  ...scripts: readonly Script[]
): Promise<TortureServer> {
  const sockets = new Set<Socket>();
  const arrivals: number[] = [];
  const writes: Write[] = [];
  let connections = 0;
  const onSocket = (socket: Socket): void => {
    connections += 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let nth = 0;
    readRequests(socket, (head, body) => {
      const request = arrivals.push(performance.now()) - 1;
      nth += 1;
      const write = (data: string | Uint8Array): void => {
        writes.push({ request, bytes: Buffer.byteLength(data), atNs: process.hrtime.bigint() });
        socket.write(data);
      };
      const script = scripts[Math.min(request, scripts.length - 1)]!;
      void script({
        write,
        chunk: (data) => write(chunked(data)),
        wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
        end: () => void socket.end(),
        reset: () => void socket.resetAndDestroy(),
        socket,
        nth,
        head,
        body,
      });
    });
  };
  const server: Server = tls === undefined ? createServer(onSocket) : createTlsServer(tls, onSocket);
  // A handshake that the client gives up is no fault of the test.
  server.on('tlsClientError', () => {});
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    port,
    get requests() {
      return arrivals.length;
    },
    get connections() {
      return connections;
    },
    arrivals,
    writes,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function readRequests(socket: Socket, onRequest: (head: string, body: string) => void): void {
  let held = Buffer.alloc(0);
  socket.on('data', (data) => {
    held = Buffer.concat([held, data]);
    for (;;) {
      const headEnd = held.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const head = held.subarray(0, headEnd).toString('latin1');
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (held.length < headEnd + 4 + length) return;
      const body = held.subarray(headEnd + 4, headEnd + 4 + length).toString('utf8');
      held = held.subarray(headEnd + 4 + length);
      onRequest(head, body);
    }
  });
}

function chunked(data: string | Uint8Array): Buffer {
  const bytes = Buffer.from(data as string);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

// ---- pieces that scripts are made of -----------------------------------------------------------------------

export const SSE_HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-1\r\ntransfer-encoding: chunked\r\n\r\n';
export const LAST_CHUNK = '0\r\n\r\n';

export const event = (value: unknown, eol = '\n'): string => `data: ${JSON.stringify(value)}${eol}${eol}`;
export const delta = (fields: object, finish: string | null = null): object => ({
  id: 'chatcmpl-7',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta: fields, finish_reason: finish }],
  usage: null,
});
export const content = (text: string): object => delta({ content: text });
export const finish = delta({}, 'stop');
export const usage = (prompt: number, completion: number): object => ({
  id: 'chatcmpl-7',
  object: 'chat.completion.chunk',
  choices: [],
  usage: { prompt_tokens: prompt, completion_tokens: completion },
});
export const DONE = 'data: [DONE]\n\n';

/** A well-behaved stream of `tokens` events. */
export const stream =
  (tokens = 3, gapMs = 0): Script =>
  async ({ write, chunk, wait }) => {
    write(SSE_HEAD);
    chunk(event(delta({ role: 'assistant', content: '' })));
    for (let i = 0; i < tokens; i++) {
      if (gapMs > 0) await wait(gapMs);
      chunk(event(content(`word${i} `)));
    }
    chunk(event(finish) + event(usage(11, tokens)) + DONE);
    write(LAST_CHUNK);
  };

/** A whole answer with a length. */
export const answer =
  (status: string, body: string, type = 'application/json', headers = ''): Script =>
  ({ write }) =>
    write(
      `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
