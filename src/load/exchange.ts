// One request's life, from its send to the end that becomes its Timeline: which moments are stamped when, the retry
// after a keep-alive race, and what each end is called. answer.ts reads the body, the transport moves the bytes.

import type { Connections, Controller, Handler } from '../transport/connections.ts';
import { type Answer, countTokens, createAnswer, type TokenListener } from './answer.ts';
import { type Shortage, shortageOf } from './limits.ts';
import type { Shaper } from './shape.ts';
import { type Channel, isVisible } from './stream.ts';
import { sanitise, sanitiseId, type Target } from './target.ts';
import type { Outcome, Timeline } from './timeline.ts';

export interface ClientRequest {
  readonly request: number;
  readonly phase: number;
  readonly plannedMs: number | null;
  readonly body: Uint8Array;
  readonly maxTokens: number;
  /** As the workload counts them; the server's usage wins. */
  readonly promptTokens: number;
}

export interface ClientOptions {
  readonly connections: Connections;
  readonly target: Target;
  /** Of the API, such as `/v1/chat/completions`. */
  readonly path: string;
  /** Whether the bodies ask for a stream. */
  readonly streamed: boolean;
  readonly requestTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly worker: number;
  /** Values that no row may hold, beside those of the target's headers. */
  readonly secrets?: readonly string[] | undefined;
  /** performance.now() of this thread at the load's time zero. */
  readonly originMs: number;
  /** A token-bearing event at tMs (load's clock), gapMs after the one before it in the same answer. */
  onToken?(request: number, phase: number, tMs: number, gapMs: number | null): void;
  /** This machine could not open a connection: its request ends as `cut`, for it says nothing of the deployment. */
  onShortage?(shortage: Shortage): void;
  /** The client itself failed over an answer, which says nothing of the deployment either. */
  onFault?(error: unknown): void;
  /** The request is over. Times of its token-bearing events are in `tokens`. */
  onEnd(row: Timeline, tokens: TokenTimes): void;
}

/** When the token-bearing events of one answer came: how many in each bucket of TOKEN_BUCKET_MS, from the first one on. */
export interface TokenTimes {
  readonly firstBucket: number;
  readonly counts: readonly number[];
}
export const TOKEN_BUCKET_MS = 100;

export interface Context extends ClientOptions {
  readonly origin: string;
  readonly fullPath: string;
  readonly headers: readonly string[];
  readonly secrets: readonly string[];
  readonly shaper: Shaper;
  leave(exchange: Exchange): void;
}

/**
 * A server may close an idle connection just when a request is on its way into it. That shows at once, within a
 * round trip; a connection that breaks later broke over the request, and counts.
 */
const IDLE_CLOSE_MS = 500;
/** No answer of a model is this long: a server that pours out more is broken. */
const BYTES_LIMIT = 256 * 1024 * 1024;

/** A request and all that is learnt about it. Times are performance.now() of this thread; NaN = not yet. */
export class Exchange implements Handler, TokenListener {
  private readonly context: Context;
  private readonly number: number;
  private readonly phase: number;
  private readonly plannedMs: number | null;
  private readonly promptTokens: number;
  private readonly maxTokens: number;
  /** null once nothing is to be sent again: an answer takes long, and a thousand bodies are much to carry about. */
  private body: Uint8Array | null;
  private readonly sentAt: number;
  private controller: Controller | null = null;
  private answer: Answer | null = null;
  private over = false;
  private retried = false;
  private reused = false;
  /** A byte of the response has come on this attempt, if only of a head that never became whole. */
  private heard = false;
  private attemptAt: number;
  private lastByteAt: number;
  private connectMs: number | null = null;
  private status: number | null = null;
  private serverId: string | null = null;
  private headersAt = Number.NaN;
  private firstByteAt = Number.NaN;
  private firstTokenAt = Number.NaN;
  private firstContentAt = Number.NaN;
  private lastTokenAt = Number.NaN;
  private chunks = 0;
  private coalesced = 0;
  private bytes = 0;
  private firstBucket = 0;
  private readonly counts: number[] = [];

  constructor(context: Context, request: ClientRequest) {
    this.context = context;
    this.number = request.request;
    this.phase = request.phase;
    this.plannedMs = request.plannedMs;
    this.promptTokens = request.promptTokens;
    this.maxTokens = request.maxTokens;
    this.body = request.body;
    this.sentAt = performance.now();
    this.attemptAt = this.sentAt;
    this.lastByteAt = this.sentAt;
  }

  dispatch(): void {
    const { connections, origin, fullPath, headers } = this.context;
    try {
      connections.dispatcher.dispatch(
        // Another idle connection may be closed too: what is sent again goes to a new one.
        { origin, path: fullPath, method: 'POST', headers, body: this.body, fresh: this.retried },
        this,
      );
    } catch (error) {
      this.onResponseError(null, error as Error);
    }
  }

  /** The connection is there and the request is about to be written to it. */
  onRequestStart(controller: Controller): void {
    if (this.over) {
      controller.abort(new Error('given up before it was sent'));
      return;
    }
    this.controller = controller;
    this.reused = !this.context.connections.isFresh();
    if (!this.reused) this.connectMs = performance.now() - this.attemptAt;
  }

  onResponseStarted(): void {
    this.heard = true;
    this.body = null;
  }

  onResponseStart(_controller: Controller, status: number, headers: Headers): void {
    // 1xx only announces.
    if (this.over || status < 200) return;
    this.headersAt = this.context.connections.readAt();
    this.lastByteAt = this.headersAt;
    this.status = status;
    this.serverId = textOf(headers['x-request-id']);
    const type = textOf(headers['content-type']) ?? '';
    this.answer = createAnswer(status, type, this.context.streamed, this, this.context.shaper);
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (this.over) return;
    const readAt = this.context.connections.readAt();
    if (this.bytes === 0) this.firstByteAt = readAt;
    this.lastByteAt = readAt;
    this.bytes += chunk.length;
    if (this.bytes > BYTES_LIMIT) {
      this.giveUp('malformed', `more than ${BYTES_LIMIT} bytes`);
      return;
    }
    try {
      this.answer!.read(chunk);
    } catch (error) {
      // A transport would take it for the connection's.
      this.context.onFault?.(error);
      this.giveUp('cut', 'the client failed');
    }
  }

  onResponseEnd(): void {
    if (this.over) return;
    this.complete(this.context.connections.readAt());
  }

  /** Nothing of the answer is to come: it is as good as it is. */
  private complete(endAt: number): void {
    const answer = this.answer!;
    answer.end();
    if (answer.failure === null) this.finish('ok', null, endAt);
    else this.finish(answer.failure.outcome, answer.failure.error, endAt);
  }

  /** The connection was closed while it was idle. A server that has begun to answer had taken the request. */
  private maySendAgain(error: Error, now: number): boolean {
    const isIdleClose = this.reused && !this.heard && outcomeOf(error) === 'reset';
    return isIdleClose && !this.retried && now - this.sentAt < IDLE_CLOSE_MS;
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.over) return;
    const now = performance.now();
    if (this.controller === null) {
      const shortage = shortageOf(error);
      this.finish(shortage === null ? 'connect_error' : 'cut', describe(error), now);
      if (shortage !== null) this.context.onShortage?.(shortage);
    } else if (this.answer !== null) {
      if (this.answer.failure !== null) this.finish(this.answer.failure.outcome, this.answer.failure.error, now);
      else if (this.answer.done) this.complete(this.lastByteAt);
      else this.finish(outcomeOf(error), describe(error), now);
    } else if (this.maySendAgain(error, now)) {
      this.retry(now);
    } else {
      this.finish(outcomeOf(error), describe(error), now);
    }
  }

  /** Ends the request where it passed a limit. */
  enforce(now: number): void {
    const { requestTimeoutMs, stallTimeoutMs } = this.context;
    if (now - this.sentAt >= requestTimeoutMs) this.giveUp('timeout', `no complete answer in ${requestTimeoutMs} ms`);
    else if (now - this.lastByteAt >= stallTimeoutMs) this.giveUp('stalled', `no byte for ${stallTimeoutMs} ms`);
  }

  giveUp(outcome: Outcome, error: string): void {
    if (this.over) return;
    const failure = this.answer?.failure ?? null;
    // An answer that has already failed keeps its name, however its body goes on; only a cut says nothing of it.
    if (failure !== null && outcome !== 'cut') this.finish(failure.outcome, failure.error, performance.now());
    // A body that is held open behind its [DONE] is whole all the same.
    else if (this.answer?.done && outcome !== 'malformed') this.complete(this.lastByteAt);
    // Whatever limit it passed: what it had no time to get was a connection.
    else if (this.controller === null && outcome !== 'cut') this.finish('connect_error', error, performance.now());
    else this.finish(outcome, error, performance.now());
    this.controller?.abort(new Error(error));
  }

  /** At once, and once. */
  private retry(now: number): void {
    this.retried = true;
    this.reused = false;
    this.heard = false;
    this.controller = null;
    this.attemptAt = now;
    this.dispatch();
  }

  /** Of the read that is being worked through. */
  onToken(channel: Channel): void {
    const at = this.lastByteAt;
    const tMs = at - this.context.originMs;
    if (this.chunks === 0) this.firstTokenAt = at;
    else if (at === this.lastTokenAt) this.coalesced += 1;
    if (Number.isNaN(this.firstContentAt) && isVisible(channel)) this.firstContentAt = at;
    const gapMs = this.chunks === 0 ? null : at - this.lastTokenAt;
    this.context.onToken?.(this.number, this.phase, tMs, gapMs);
    const bucket = Math.max(0, Math.floor(tMs / TOKEN_BUCKET_MS));
    if (this.chunks === 0) this.firstBucket = bucket;
    while (this.counts.length <= bucket - this.firstBucket) this.counts.push(0);
    this.counts[bucket - this.firstBucket]! += 1;
    this.chunks += 1;
    this.lastTokenAt = at;
  }

  private finish(outcome: Outcome, error: string | null, endAt: number): void {
    this.over = true;
    this.context.leave(this);
    const usage = this.answer?.usage ?? null;
    const { tokens, source } = countTokens(usage, this.chunks);
    const at = (time: number): number | null => (Number.isNaN(time) ? null : time - this.context.originMs);
    this.context.onEnd(
      {
        request: this.number,
        phase: this.phase,
        worker: this.context.worker,
        plannedMs: this.plannedMs,
        sentMs: this.sentAt - this.context.originMs,
        headersMs: at(this.headersAt),
        firstByteMs: at(this.firstByteAt),
        firstTokenMs: at(this.firstTokenAt),
        firstContentMs: at(this.firstContentAt),
        lastTokenMs: at(this.lastTokenAt),
        endMs: endAt - this.context.originMs,
        outcome,
        status: this.status,
        error: error === null ? null : sanitise(error, this.context.secrets),
        promptTokens: usage?.promptTokens ?? this.promptTokens,
        outputTokens: tokens,
        tokenSource: source,
        maxTokens: this.maxTokens,
        chunks: this.chunks,
        coalesced: this.coalesced,
        bytes: this.bytes,
        finish: sanitiseId(this.answer?.finish ?? null),
        reused: this.reused,
        connectMs: this.connectMs,
        retried: this.retried,
        serverId: sanitiseId(this.serverId ?? this.answer?.id ?? null),
      },
      { firstBucket: this.firstBucket, counts: this.counts },
    );
  }
}

type Headers = Parameters<NonNullable<Handler['onResponseStart']>>[2];

/** What the loss of an established connection is called. Only bytes that are not HTTP are the API's fault. */
function outcomeOf(error: Error): Outcome {
  // A chunked body that ends too early is a lost connection, though the parser is who notices.
  const isNoHttp = error.name === 'HTTPParserError' && !error.message.includes('EOF');
  return isNoHttp || (error as NodeJS.ErrnoException).code === 'UND_ERR_HEADERS_OVERFLOW' ? 'malformed' : 'reset';
}

function describe(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  // Several addresses of one name were tried: the last one's reason stands for all.
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors.at(-1) as Error);
  return code === undefined || error.message.includes(code) ? error.message : `${code}: ${error.message}`;
}

const textOf = (value: string | string[] | undefined): string | null =>
  Array.isArray(value) ? (value[0] ?? null) : (value ?? null);
