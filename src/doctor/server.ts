// A paced streaming server that costs little: the ruler by which a client is measured. Answers on raw sockets from
// bytes made beforehand, each write on an absolute schedule and stamped with CLOCK_MONOTONIC. It is a process of its
// own (`node src/doctor/server.ts --events 100 …`), so that its work is not the client's.
//
// POST anything: a stream where the body says `"stream": true`, else a short whole answer. GET /health, /v1/models,
// /account (counts, lateness, CPU), /stamps (a line of JSON per answer, with --stamps); POST /reset gives the account once more and forgets all.

import { createServer, type Server, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { type Books, createBooks, type Entry } from './books.ts';
import { createDueQueue } from './due.ts';
import { type AnswerShape, createTexts, eventsOfLast, MODEL, type ParsedRequest, readRequests } from './wire.ts';

export interface PacedOptions extends AnswerShape {
  /** 0 = any free one. */
  readonly port: number;
  /** From the request to the first event. */
  readonly firstMs: number;
  /** Between two writes of an answer; 0 = as fast as the client takes them. */
  readonly intervalMs: number;
  /** Keep the time of every write. */
  readonly stamps: boolean;
  /**
   * Where in the interval an answer writes is the server's choice and not the request's: the writes of all answers are
   * then evenly spread however their requests came, and clients that send in bursts don't have an easier time.
   */
  readonly spread: boolean;
  /** Never nap while answers are under way: the most precise, at the price of a whole core. */
  readonly spin: boolean;
}

export const PACED_DEFAULTS: PacedOptions = {
  port: 0,
  events: 100,
  firstMs: 0,
  intervalMs: 20,
  eventsPerWrite: 1,
  eventBytes: 0,
  stamps: false,
  spread: false,
  spin: false,
};

export interface PacedServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Bytes of one event, without HTTP's framing. */
  readonly eventBytes: number;
}

/** No tokenizer: 404, as where an engine hides it, so that nobody takes an answer for tokens. */
const INFORMING: ReadonlySet<string> = new Set(['/reset', '/tokenize', '/detokenize']);

/** An interval of 0: writes of one answer in one turn, so that other sockets have theirs. */
const WRITES_PER_TURN = 16;

export async function startPacedServer(given: Partial<PacedOptions> = {}): Promise<PacedServer> {
  const options = { ...PACED_DEFAULTS, ...given };
  const texts = createTexts(options);
  const books = createBooks(options.stamps, Math.ceil(options.events / options.eventsPerWrite));
  const sockets = new Set<Socket>();
  const due = createDueQueue<Stream>(options.spin, (stream, dueMs) => {
    const { events, intervalMs, eventsPerWrite } = options;
    for (let writes = 0; ; ) {
      if (stream.socket.destroyed) return null;
      const first = stream.written === 0;
      stream.written = Math.min(events, stream.written + eventsPerWrite);
      const last = stream.written === events;
      books.write(stream.entry, last ? eventsOfLast(options) : eventsPerWrite, intervalMs > 0 || first ? dueMs : null);
      if (!last) stream.block ??= texts.middle(stream.number);
      const taken = stream.socket.write(last ? texts.last(stream.number) : stream.block!);
      if (last) {
        books.answered(stream.entry);
        stream.done();
        return null;
      }
      if (intervalMs > 0) return dueMs + intervalMs;
      if (!taken) {
        stream.socket.once('drain', () => due.add(stream, performance.now()));
        return null;
      }
      if (++writes === WRITES_PER_TURN) return performance.now();
    }
  });

  let number = 0;
  function answer(socket: Socket, request: ParsedRequest, done: () => void): void {
    if (request.method === 'GET' || INFORMING.has(request.path)) {
      inform(socket, request.path, books, done);
      return;
    }
    const entry = books.arrived(request.id ?? texts.idOf(number));
    if (request.streamed) {
      socket.write(texts.head(number));
      const earliestMs = performance.now() + options.firstMs;
      const firstMs = options.spread ? earliestMs + untilShare(earliestMs, options.intervalMs, number) : earliestMs;
      due.add({ number, socket, written: 0, block: null, entry, done }, firstMs);
    } else {
      books.write(entry, 1, null);
      socket.write(texts.whole(number));
      books.answered(entry);
      done();
    }
    number += 1;
  }

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    readRequests(socket, (request, done) => answer(socket, request, done));
  });
  await listen(server, options.port);
  const { port } = server.address() as { port: number };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    eventBytes: texts.eventBytes,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** From `atMs` to the time in the interval that is the n-th answer's: multiples of the golden ratio fill it evenly. */
function untilShare(atMs: number, intervalMs: number, n: number): number {
  if (intervalMs === 0) return 0;
  const share = (n * GOLDEN) % 1;
  return ((((share - atMs / intervalMs) % 1) + 1) % 1) * intervalMs;
}
const GOLDEN = (Math.sqrt(5) - 1) / 2;

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', backlog: 4_096 }, resolve);
  });
}

interface Stream {
  readonly number: number;
  readonly socket: Socket;
  /** Events so far. */
  written: number;
  /** The bytes of each write but the last, made at the first. */
  block: Buffer | null;
  readonly entry: Entry;
  done(): void;
}

function inform(socket: Socket, path: string, books: Books, done: () => void): void {
  const send = (status: string, body: string): void => {
    socket.write(
      `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    done();
  };
  switch (path) {
    case '/health':
      send('200 OK', '{}');
      break;
    case '/v1/models':
      send('200 OK', `{"object":"list","data":[{"id":"${MODEL}","object":"model","owned_by":"plimsoll"}]}`);
      break;
    case '/account':
      send('200 OK', JSON.stringify(books.account()));
      break;
    case '/stamps':
      send('200 OK', books.stamps());
      break;
    case '/reset':
      send('200 OK', JSON.stringify(books.account()));
      books.reset();
      break;
    default:
      send('404 Not Found', '{"error":{"message":"no such path"}}');
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      events: { type: 'string' },
      'first-ms': { type: 'string' },
      'interval-ms': { type: 'string' },
      'events-per-write': { type: 'string' },
      'event-bytes': { type: 'string' },
      stamps: { type: 'boolean' },
      spread: { type: 'boolean' },
      spin: { type: 'boolean' },
    },
  });
  const number = (text: string | undefined, or: number): number => (text === undefined ? or : Number(text));
  const server = await startPacedServer({
    port: number(values.port, PACED_DEFAULTS.port),
    events: number(values.events, PACED_DEFAULTS.events),
    firstMs: number(values['first-ms'], PACED_DEFAULTS.firstMs),
    intervalMs: number(values['interval-ms'], PACED_DEFAULTS.intervalMs),
    eventsPerWrite: number(values['events-per-write'], PACED_DEFAULTS.eventsPerWrite),
    eventBytes: number(values['event-bytes'], PACED_DEFAULTS.eventBytes),
    stamps: values.stamps ?? false,
    spread: values.spread ?? false,
    spin: values.spin ?? false,
  });
  const ready = { url: server.url, port: server.port, eventBytes: server.eventBytes };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  process.send?.(ready);
  // Whoever started it is gone.
  process.on('disconnect', () => process.exit(0));
}
