// Runs a small load of its own before time zero, so that the first requests of the real one do not pay for compiling
// the sender: pacer, transport, parser, books. Against a server in this thread; the deployment sees nothing of it.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Transport } from '../transport/connections.ts';
import { openRaw } from '../transport/pool.ts';
import type { Workload } from '../workload/workload.ts';
import type { LoadPlan } from './plan.ts';
import { packRows } from './rows.ts';
import { runShard } from './shard.ts';

const DURATION_MS = 400;
const DRAIN_MS = 100;
const STREAMS_PER_SECOND = 400;
const ANSWERS_PER_SECOND = 3_000;

/** About half a second, over the transport that the load will use. Never fails: a load that starts cold is still one. */
export async function limberUp(transport: Transport = openRaw, streamed = true, workload?: Workload): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    // The client writes a request in one piece, and this one is short.
    socket.on('data', () => (streamed ? pour(socket, 0) : socket.write(WHOLE)));
  });
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const target = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, headers: {} };
    const connections = transport(target, {});
    const job = {
      plan: planOf(streamed ? STREAMS_PER_SECOND : ANSWERS_PER_SECOND),
      target,
      streamed,
      worker: 0,
      workers: 1,
    };
    const control = { halt: AbortSignal.timeout(DURATION_MS), cut: AbortSignal.timeout(DURATION_MS + DRAIN_MS) };
    await runShard(job, briefly(workload), connections, performance.now(), control, ({ rows }) => void packRows(rows));
    await connections.destroy();
  } catch {
    // Cold, then: the delays that this costs are recorded.
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const planOf = (rate: number): LoadPlan => ({
  stage: 'benchmark',
  seed: 1,
  phases: [
    {
      name: 'limber',
      kind: 'rampIn',
      startMs: 0,
      durationMs: DURATION_MS,
      load: { kind: 'open', process: 'constant', from: rate, to: rate },
      pattern: 0,
    },
  ],
  drainMs: DRAIN_MS,
  maxInFlight: 100,
  requestTimeoutMs: DURATION_MS,
  stallTimeoutMs: DURATION_MS,
});

/** Makes the workload's text, whatever it costs, and sends a few bytes. */
const briefly = (workload: Workload | undefined): Workload => ({
  path: '/v1/chat/completions',
  request(slot) {
    workload?.request(slot);
    return { body: '{"stream":true}', maxTokens: EVENTS, promptTokens: 1 };
  },
  facts: () => ({}),
});

/** One event in each turn of the event loop: the client reads them one by one. */
function pour(socket: Socket, written: number): void {
  if (socket.destroyed) return;
  if (written === 0) socket.write(HEAD);
  if (written === EVENTS) socket.write(LAST);
  else {
    socket.write(EVENT);
    setImmediate(pour, socket, written + 1);
  }
}

const EVENTS = 40;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const event = (choice: string): string =>
  `data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,${choice}}]}\n\n`;
const HEAD = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: x\r\ntransfer-encoding: chunked\r\n\r\n`,
);
const EVENT = Buffer.from(chunk(event('"delta":{"content":" word"},"finish_reason":null')));
const LAST = Buffer.from(
  `${chunk(`${event('"delta":{},"finish_reason":"stop"')}data: {"id":"x","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":40}}\n\ndata: [DONE]\n\n`)}0\r\n\r\n`,
);
const ANSWER =
  '{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"word"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}';
const WHOLE = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: x\r\ncontent-length: ${ANSWER.length}\r\n\r\n${ANSWER}`,
);
