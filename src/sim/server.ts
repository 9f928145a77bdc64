// The simulated engine as an OpenAI-compatible HTTP server in real time. In: options. Out: a URL, and a way to
// close it. What a request costs and when its tokens come is the model's business; this file only carries bytes.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PlimsollError } from '../errors.ts';
import {
  type Ask,
  answerBody,
  answerText,
  errorBody,
  readAsk,
  readTokenize,
  type StreamTexts,
  streamError,
  streamTexts,
} from './api.ts';
import { createFaults } from './faults.ts';
import { bootFactor, createEngine, type EngineEvent, type SimOptions, simOptions } from './model.ts';
import { metricsText } from './prometheus.ts';
import { runInRealTime } from './realtime.ts';

export interface SimServerOptions extends Partial<SimOptions> {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 (default) = any free port. */
  readonly port?: number;
  /** The engine crashed: connections are reset and nobody listens any more. A command line exits non-zero here. */
  readonly onCrash?: (reason: string) => void;
}

export interface SimServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** A request that the engine works on. */
interface Answer {
  readonly ask: Ask;
  readonly response: ServerResponse;
  readonly name: string;
  readonly id: number;
  /** null = not streamed. */
  readonly texts: StreamTexts | null;
  /** The token at which the connection is reset, or falls silent. */
  readonly breaksAt: number;
  readonly breaks: 'reset' | 'hang' | null;
  tokens: number;
  /** Text of the stream that is not written yet, and how many chunks it holds. */
  pending: string;
  held: number;
}

const LARGEST_BODY_BYTES = 64 * 1024 * 1024;

/**
 * Listens at once; /health and all else answer 503 until the boot time has passed.
 * @throws PlimsollError USAGE where an option is out of range, PORT_TAKEN where the port is
 */
export async function startSimServer(given: SimServerOptions = {}): Promise<SimServer> {
  const { host = '127.0.0.1', port = 0, onCrash, ...overrides } = given;
  const options = simOptions(overrides);
  const readyAtMs = performance.now() + options.bootMs * bootFactor(options);
  const nowMs = (): number => performance.now() - readyAtMs;
  const engine = runInRealTime(createEngine(options), nowMs, deliver);
  const nextFault = createFaults(options);
  const answers = new Map<number, Answer>();
  const eol = options.crlf ? '\r\n' : '\n';

  const server = createServer({ keepAliveTimeout: options.keepAliveMs, requestTimeout: 0 }, (request, response) => {
    route(request, response).catch(() => response.destroy());
  });

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0];
    if (nowMs() < 0) return sendError(response, 503, 'the engine is still booting');
    switch (`${request.method} ${path}`) {
      case 'GET /health':
        return send(response, 200, '', 'text/plain');
      case 'GET /metrics':
        return send(response, 200, metricsText(engine.gauges(), options), 'text/plain; version=0.0.4; charset=utf-8');
      case 'GET /version':
        return sendJson(response, { version: 'plimsoll-sim' });
      case 'GET /v1/models':
        return sendJson(response, {
          object: 'list',
          data: [
            {
              id: options.model,
              object: 'model',
              created: epochSeconds(),
              owned_by: 'plimsoll',
              max_model_len: options.maxModelTokens,
            },
          ],
        });
      case 'POST /tokenize':
        return tokenize(response, await readJson(request));
      case 'POST /v1/chat/completions':
        return answer(response, readAsk(true, await readJson(request), options));
      case 'POST /v1/completions':
        return answer(response, readAsk(false, await readJson(request), options));
      default:
        return sendError(response, 404, `no such path: ${request.method} ${path}`);
    }
  }

  function tokenize(response: ServerResponse, body: unknown) {
    const count = readTokenize(body);
    if (count === null) return sendError(response, 400, 'give prompt or messages');
    sendJson(response, {
      count,
      max_model_len: options.maxModelTokens,
      tokens: Array.from({ length: count }, (_, i) => i),
    });
  }

  function answer(response: ServerResponse, asked: Ask | string) {
    if (typeof asked === 'string') return sendError(response, 400, asked);
    // The client may have left while its body was read.
    if (response.destroyed) return;
    const fault = nextFault();
    if (fault === 'error') return sendError(response, 500, 'injected by --error-rate');
    const admission = engine.submit(asked);
    if (admission === 'rejected')
      return sendError(response, 429, `the queue is full (${options.queueLimit} requests)`, { 'retry-after': '1' });
    if (admission === 'too_long') {
      return sendError(
        response,
        400,
        `this engine's context is ${options.maxModelTokens} tokens; ${asked.promptTokens} of prompt and ${asked.outputTokens} of output do not fit`,
      );
    }
    if (admission === 'crashed') return void response.destroy();

    const ask = asked.model === '' ? { ...asked, model: options.model } : asked;
    const name = `${ask.chat ? 'chatcmpl' : 'cmpl'}-sim-${admission.id}`;
    const breaks = fault === 'reset' || fault === 'hang' ? fault : null;
    const texts = ask.stream ? streamTexts(ask, name, epochSeconds(), eol) : null;
    const state: Answer = {
      ask,
      response,
      name,
      id: admission.id,
      texts,
      breaks,
      breaksAt: breaks ? Math.ceil(ask.outputTokens / 2) : Infinity,
      tokens: 0,
      pending: texts?.role ?? '',
      held: 0,
    };
    answers.set(admission.id, state);
    response.once('close', () => {
      if (answers.delete(state.id)) engine.cancel(state.id);
    });
    if (!texts) return;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-request-id': name,
    });
    response.flushHeaders();
    if (options.earlyRole && state.pending !== '') flush(state);
  }

  /** What one waking of the model brings: per connection it becomes one write. */
  function deliver(events: readonly EngineEvent[]) {
    const touched = new Set<Answer>();
    for (const event of events) {
      if (event.kind === 'crash') return crash(event.reason);
      const state = answers.get(event.id);
      if (!state) continue;
      if (event.kind === 'tokens') {
        extend(state, event.count);
        touched.add(state);
      } else if (event.kind !== 'preempt') {
        answers.delete(state.id);
        touched.delete(state);
        if (event.kind === 'finish') finish(state, event.reason);
        else fail(state, 'CUDA out of memory (simulated)');
      }
    }
    for (const state of touched) if (state.texts && (state.held >= options.coalesce || state.breaks)) flush(state);
  }

  function extend(state: Answer, count: number): void {
    if (state.tokens >= state.breaksAt) return;
    if (state.texts) {
      state.pending += state.texts.content(answerText(state.id, state.tokens, count));
      state.held++;
    }
    state.tokens += count;
    if (state.tokens >= state.breaksAt) breakOff(state);
  }

  /** Silence needs no deed: the connection stays open until the client has had enough. */
  function breakOff(state: Answer): void {
    if (state.breaks === 'reset') setImmediate(() => state.response.socket?.resetAndDestroy());
  }

  function flush(state: Answer) {
    if (state.pending !== '') state.response.write(state.pending);
    state.pending = '';
    state.held = 0;
  }

  function finish(state: Answer, reason: 'stop' | 'length') {
    if (state.breaks) {
      // An answer that ended by itself may be over before the half of what it was allowed.
      if (state.tokens < state.breaksAt) breakOff(state);
      return flush(state);
    }
    const usage = { promptTokens: state.ask.promptTokens, completionTokens: state.tokens };
    if (state.texts) return void state.response.end(state.pending + state.texts.end(reason, usage));
    send(
      state.response,
      200,
      answerBody(state.ask, state.name, epochSeconds(), answerText(state.id, 0, state.tokens), reason, usage),
      'application/json',
    );
  }

  function fail(state: Answer, message: string): void {
    if (state.texts) state.response.end(state.pending + streamError(message, eol));
    else sendError(state.response, 500, message);
  }

  function crash(reason: string): void {
    engine.stop();
    for (const { response } of answers.values()) response.socket?.resetAndDestroy();
    answers.clear();
    server.close();
    server.closeAllConnections();
    onCrash?.(reason);
  }

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      engine.stop();
      answers.clear();
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return closing;
  };

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      engine.stop();
      reject(
        new PlimsollError('PORT_TAKEN', `The simulated engine cannot listen on ${host}:${port}: ${error.message}`, {
          hint: 'Choose another --port, or 0 for any free one.',
          cause: error,
        }),
      );
    });
    // The default backlog of 511 would drop connections of a surge before the model could refuse them.
    server.listen({ host, port, backlog: 4_096 }, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    port: bound,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** For people: when an answer was made. */
const epochSeconds = (): number => Math.floor(Date.now() / 1_000);

/** The body, or undefined where it is no JSON or too long; whoever reads the fields complains. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= LARGEST_BODY_BYTES) chunks.push(chunk);
  }
  try {
    return bytes > LARGEST_BODY_BYTES ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { ...headers, 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

const sendJson = (response: ServerResponse, body: unknown): void =>
  send(response, 200, JSON.stringify(body), 'application/json');
const sendError = (
  response: ServerResponse,
  status: number,
  message: string,
  headers?: Readonly<Record<string, string>>,
): void => send(response, status, errorBody(status, message), 'application/json', headers);
