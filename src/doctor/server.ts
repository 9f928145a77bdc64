// A paced streaming server that costs little: the ruler by which a client is measured. Answers on raw sockets from
// bytes made beforehand, each write on an absolute schedule and stamped with CLOCK_MONOTONIC. It is a process of its
// own (`node src/doctor/server.ts --events 100 …`), so that its work is not the client's.
//
// POST anything: a stream where the body says `"stream": true`, else a short whole answer. GET /health, /v1/models,
// /account (counts, lateness, CPU), /stamps (a line of JSON per answer, with --stamps); POST /reset gives the account once more and forgets all.

import { createServer, type Server, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { createHistogram, type Histogram, recordMs } from '../stats/histogram.ts';
import { monotonicOffsetMs } from './clock.ts';
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
  spin: false,
};

/** What it says of itself since the start or the last reset. Times in ms of CLOCK_MONOTONIC. */
export interface PacedAccount {
  readonly requests: number;
  readonly answered: number;
  /** Token-bearing events written. */
  readonly events: number;
  readonly writes: number;
  readonly firstRequestMs: number | null;
  readonly lastWriteMs: number | null;
  /** From due to written, of paced writes. High = the server was the limit. */
  readonly writeDelayMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  /** Of its process, since the first request. */
  readonly cpuMs: number;
  readonly nowMs: number;
}

/** One line of /stamps. */
export interface AnswerStamps {
  /** The request's x-request-id, else the answer's. */
  readonly id: string;
  /** The read that completed the request. */
  readonly arrivalMs: number;
  /** Just before each write that bears events (plain: the only write), ms after the arrival. */
  readonly writesMs: readonly number[];
}

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
  const books = createBooks(options);
  const sockets = new Set<Socket>();
  const due = createDueQueue<Stream>(options.spin, (stream, dueMs) => {
    const { events, intervalMs, eventsPerWrite } = options;
    for (let writes = 0; ; ) {
      if (stream.socket.destroyed) return null;
      const first = stream.written === 0;
      stream.written = Math.min(events, stream.written + eventsPerWrite);
      const last = stream.written === events;
      books.write(stream.stamps, last ? eventsOfLast(options) : eventsPerWrite, intervalMs > 0 || first ? dueMs : null);
      if (!last) stream.block ??= texts.middle(stream.number);
      const taken = stream.socket.write(last ? texts.last(stream.number) : stream.block!);
      if (last) {
        books.answered();
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
    const stamps = books.arrived(request.id ?? texts.idOf(number));
    if (request.streamed) {
      socket.write(texts.head(number));
      due.add({ number, socket, written: 0, block: null, stamps, done }, performance.now() + options.firstMs);
    } else {
      books.write(stamps, 1, null);
      socket.write(texts.whole(number));
      books.answered();
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
  readonly stamps: Stamps | null;
  done(): void;
}

interface Stamps {
  readonly id: string;
  readonly arrivalMs: number;
  readonly writes: Float64Array;
  count: number;
}

type Books = ReturnType<typeof createBooks>;

function createBooks(options: PacedOptions) {
  const toMonotonic = monotonicOffsetMs();
  const writesPerAnswer = Math.ceil(options.events / options.eventsPerWrite);
  const blank = () => ({
    requests: 0,
    answered: 0,
    events: 0,
    writes: 0,
    firstRequestMs: null as number | null,
    lastWriteMs: null as number | null,
    delays: createHistogram(),
    kept: [] as Stamps[],
    cpu: process.cpuUsage(),
  });
  let state = blank();
  return {
    arrived(id: string): Stamps | null {
      const arrivalMs = performance.now();
      state.requests += 1;
      if (state.firstRequestMs === null) {
        state.firstRequestMs = arrivalMs;
        state.cpu = process.cpuUsage();
      }
      if (!options.stamps) return null;
      const stamps = { id, arrivalMs, writes: new Float64Array(writesPerAnswer), count: 0 };
      state.kept.push(stamps);
      return stamps;
    },
    /** Call just before the write. `dueMs`: when it should have been, null = as soon as it could. */
    write(stamps: Stamps | null, events: number, dueMs: number | null): void {
      const nowMs = performance.now();
      state.events += events;
      state.writes += 1;
      state.lastWriteMs = nowMs;
      if (dueMs !== null) recordMs(state.delays, nowMs - dueMs);
      if (stamps !== null) stamps.writes[stamps.count++] = nowMs - stamps.arrivalMs;
    },
    answered(): void {
      state.answered += 1;
    },
    account(): PacedAccount {
      const { requests, answered, events, writes, firstRequestMs, lastWriteMs, delays, cpu } = state;
      const used = process.cpuUsage(cpu);
      return {
        requests,
        answered,
        events,
        writes,
        firstRequestMs: firstRequestMs === null ? null : firstRequestMs + toMonotonic,
        lastWriteMs: lastWriteMs === null ? null : lastWriteMs + toMonotonic,
        writeDelayMs: quantilesOf(delays),
        cpuMs: (used.user + used.system) / 1_000,
        nowMs: performance.now() + toMonotonic,
      };
    },
    stamps: (): string =>
      state.kept
        .map(({ id, arrivalMs, writes, count }) => {
          const line: AnswerStamps = {
            id,
            arrivalMs: arrivalMs + toMonotonic,
            writesMs: Array.from(writes.subarray(0, count), (ms) => Math.round(ms * 1e4) / 1e4),
          };
          return `${JSON.stringify(line)}\n`;
        })
        .join(''),
    reset(): void {
      state = blank();
    },
  };
}

function quantilesOf(delays: Histogram): PacedAccount['writeDelayMs'] {
  const ms = (percentile: number): number => delays.getValueAtPercentile(percentile) / 1_000;
  return delays.totalCount === 0 ? null : { p50: ms(50), p99: ms(99), max: delays.maxValue / 1_000 };
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
    spin: values.spin ?? false,
  });
  const ready = { url: server.url, port: server.port, eventBytes: server.eventBytes };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  process.send?.(ready);
  // Whoever started it is gone.
  process.on('disconnect', () => process.exit(0));
}
