// Floors, each a process: `data` and `onread` read an answer's bytes off a bare socket and parse nothing; `pace` keeps
// a schedule and sends nothing; `send` keeps it, writes the same bytes each time and takes any read for an answer. In:
// the kind, and a folder with job.json. Out: result.json in it.

import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { pace } from '../../src/load/pacer.ts';
import { takePrecedence } from '../../src/load/priority.ts';
import { startOverForLoad } from '../../src/start-over.ts';
import type { Answer, Job, StreamJob, ToolResult } from './contract.ts';
import { quantilesOf } from './quantiles.ts';

/** The product's pacer with nothing, or nearly nothing, to do at each planned time: what is late here is the machine. */
async function keepTime(job: Job, send: () => void = () => {}): Promise<ToolResult> {
  const delays = new Float64Array(job.requests);
  const startMs = performance.now() + 20;
  let index = 0;
  await pace({
    next: () => (index < job.requests ? startMs + (index * 1_000) / job.rate : null),
    fire() {
      delays[index] = performance.now() - (startMs + (index * 1_000) / job.rate);
      index += 1;
      send();
    },
    now: () => performance.now(),
    signal: new AbortController().signal,
  });
  return { ...NOTHING, done: index, durationMs: performance.now() - startMs, dispatchDelayMs: quantilesOf(delays) };
}

/** What an open loop of plain requests costs at least in Node: no plan, no parser, no books. */
async function sendAll(job: Job): Promise<ToolResult> {
  const { hostname, port } = new URL(job.url);
  const request = requestOf(job, `{"model":"${job.model}","messages":[{"role":"user","content":"word"}]}`);
  const idle: Socket[] = [];
  let answered = 0;
  const open = (): Socket => {
    const onAnswer = (): boolean => {
      answered += 1;
      idle.push(socket);
      return true;
    };
    const onread = { buffer: SHARED, callback: onAnswer };
    const socket = connect({ host: hostname, port: Number(port), onread }).setNoDelay(true);
    return socket;
  };
  const result = await keepTime(job, () => void (idle.pop() ?? open()).write(request));
  while (answered < job.requests) await new Promise((resolve) => setTimeout(resolve, 1));
  for (const socket of idle) socket.destroy();
  return { ...result, done: answered };
}

async function readAll(job: StreamJob, kind: 'data' | 'onread'): Promise<ToolResult> {
  const answers: Answer[] = [];
  const idle: Stream[] = [];
  const finished = Promise.withResolvers<void>();
  const { hostname, port } = new URL(job.url);
  const body = JSON.stringify({
    model: job.model,
    messages: [{ role: 'user', content: 'word '.repeat(job.promptTokens).trim() }],
    max_tokens: job.eventsPerAnswer,
    stream: true,
    stream_options: { include_usage: true },
  });
  const request = requestOf(job, body);
  const startMs = performance.now();
  let done = 0;
  const onEnd = (stream: Stream): void => {
    idle.push(stream);
    if (job.stamps) answers.push(stream.answer());
    done += 1;
    if (done === job.requests) finished.resolve();
  };
  const send = (): void => {
    const stream = idle.pop() ?? openStream(kind, hostname, Number(port), job, onEnd);
    stream.send(request);
  };
  // No precision is needed: who comes late sends all that is due.
  for (let sent = 0; sent < job.requests; ) {
    for (
      const due = Math.floor(((performance.now() - startMs) / 1_000) * job.rate) + 1;
      sent < Math.min(due, job.requests);
      sent++
    )
      send();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await finished.promise;
  const durationMs = performance.now() - startMs;
  for (const stream of idle) stream.close();
  return { ...NOTHING, done, durationMs, answers };
}

interface Stream {
  send(request: Buffer): void;
  answer(): Answer;
  close(): void;
}

/** One connection, one answer after the other. The end of a chunked body is told by the last five bytes of a read. */
function openStream(
  kind: 'data' | 'onread',
  host: string,
  port: number,
  job: StreamJob,
  onEnd: (stream: Stream) => void,
): Stream {
  let bytes = 0;
  let lastFour = 0;
  let sentMs = 0;
  let endMs = 0;
  let head = '';
  const eventsAtMs: number[] = [];
  const onBytes = (buffer: Buffer, length: number): void => {
    bytes += length;
    if (job.stamps) stamp(buffer, length);
    if (!isLast(buffer, length)) return;
    endMs = monotonicMs();
    onEnd(stream);
  };
  const isLast = (buffer: Buffer, length: number): boolean => {
    if (length < 5) {
      const joined = Buffer.concat([lastFourBytes(lastFour), buffer.subarray(0, length)]);
      lastFour = joined.readInt32BE(joined.length - 4);
      return joined.toString('latin1', joined.length - 5) === LAST_CHUNK;
    }
    lastFour = buffer.readInt32BE(length - 4);
    return lastFour === CRLF_CRLF && buffer[length - 5] === ZERO;
  };
  /** All events have the same size, after a head that is read once; what came before an event's end is no event. */
  const stamp = (buffer: Buffer, length: number): void => {
    const now = monotonicMs();
    if (head === '') head = buffer.toString('latin1', 0, length);
    const { headBytes, eventBytes } = job.sizes;
    const events = Math.min(job.eventsPerAnswer, Math.floor((bytes - headBytes) / eventBytes));
    while (eventsAtMs.length < events) eventsAtMs.push(now);
  };
  const socket: Socket =
    kind === 'data'
      ? connect({ host, port }).on('data', (chunk) => onBytes(chunk as Buffer, chunk.length))
      : connect({
          host,
          port,
          onread: {
            buffer: SHARED,
            callback(length, buffer) {
              onBytes(buffer as Buffer, length);
              return true;
            },
          },
        });
  socket.setNoDelay(true);
  const stream: Stream = {
    send(request) {
      bytes = 0;
      head = '';
      eventsAtMs.length = 0;
      sentMs = monotonicMs();
      socket.write(request);
    },
    answer: () => ({
      id: /\r\nx-request-id: (\S+)\r\n/i.exec(head)?.[1] ?? null,
      ttftMs: eventsAtMs.length === 0 ? null : eventsAtMs[0]! - sentMs,
      e2eMs: endMs - sentMs,
      meanGapMs: null,
      eventsAtMs: eventsAtMs.slice(),
    }),
    close: () => void socket.destroy(),
  };
  return stream;
}

function requestOf({ url }: Job, body: string): Buffer {
  const { host } = new URL(url);
  return Buffer.from(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\naccept: text/event-stream\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}

const LAST_CHUNK = '0\r\n\r\n';
const ZERO = LAST_CHUNK.charCodeAt(0);
const CRLF_CRLF = Buffer.from(LAST_CHUNK).readInt32BE(1);
function lastFourBytes(word: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(word);
  return bytes;
}

const SHARED = Buffer.alloc(65_536);
const NOTHING: ToolResult = {
  done: 0,
  failed: 0,
  durationMs: null,
  answers: [],
  gapsMs: [],
  quantiles: {},
  dispatchDelayMs: null,
  notes: [],
};
const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

// As the client does: what differs is what they do, not how Node was started.
startOverForLoad();
takePrecedence();
const [kind, folder] = process.argv.slice(2) as ['data' | 'onread' | 'pace' | 'send', string];
const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8')) as Job;
const result = await (kind === 'pace'
  ? keepTime(job)
  : kind === 'send'
    ? sendAll(job)
    : readAll(job as StreamJob, kind));
writeFileSync(join(folder, 'result.json'), JSON.stringify(result));
