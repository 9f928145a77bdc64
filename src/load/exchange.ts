// One request's life, from its send to the end that becomes its Timeline: which moments are stamped when, the retry
// after a keep-alive race, and what each end is called. answer.ts reads the body, the transport moves the bytes.

import { PlimsollError } from '../errors.ts';
import type { Connections, Controller, Handler } from '../transport/connections.ts';
import { type Answer, AnswerReader, countTokens, type TokenListener } from './answer.ts';
import { type Shortage, shortageOf } from './limits.ts';
import type { Shaper } from './shape.ts';
import type { Channel } from './stream.ts';
import { sanitise, sanitiseId, type Target } from './target.ts';
import type { Outcome, Timeline } from './timeline.ts';
import { TokenMarks, type TokenTimes } from './token-marks.ts';

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
  /** The request is over. Times of its token-bearing events are in `tokens`, until the call returns. */
  onEnd(row: Timeline, tokens: TokenTimes): void;
}

export interface Context extends ClientOptions {
  readonly origin: string;
  readonly fullPath: string;
  readonly headers: readonly string[];
  readonly secrets: readonly string[];
  readonly shaper: Shaper;
  /** Its row is made. */
  leave(exchange: Exchange): void;
  /** Its answer has ended, and nothing calls it any more: it may begin() again. One that broke off is given up. */
  rest(exchange: Exchange): void;
}

/**
 * A server may close an idle connection just when a request is on its way into it. That shows at once, within a
 * round trip; a connection that breaks later broke over the request, and counts.
 */
const IDLE_CLOSE_MS = 500;
/** No answer of a model is this long: a server that pours out more is broken. */
const BYTES_LIMIT = 256 * 1024 * 1024;

/**
 * A request and all that is learnt about it, and after it another one: made anew for each, a thousand in flight would be
 * copied by every collection of garbage, while all of them wait. Times are performance.now() of this thread; NaN = not
 * yet.
 */
export class Exchange implements Handler, TokenListener {
  private readonly context: Context;
  private number = 0;
  private phase = 0;
  private plannedMs: number | null = null;
  private promptTokens = 0;
  private maxTokens = 0;
  /** null once nothing is to be sent again: an answer takes long, and a thousand bodies are much to carry about. */
  private body: Uint8Array | null = null;
  private sentAt = Number.NaN;
  private controller: Controller | null = null;
  private answer: Answer | null = null;
  private over = true;
  private retried = false;
  private reused = false;
  /** A byte of the response has come on this attempt, if only of a head that never became whole. */
  private heard = false;
  private attemptAt = Number.NaN;
  private lastByteAt = Number.NaN;
  private connectMs: number | null = null;
  private status: number | null = null;
  private serverId: string | null = null;
  private headersAt = Number.NaN;
  private firstByteAt = Number.NaN;
  private bytes = 0;
  private readonly tokens = new TokenMarks();
  /** Clear between two answers. */
  private readonly reader: AnswerReader;

  constructor(context: Context) {
    this.context = context;
    this.reader = new AnswerReader(context.streamed, this, context.shaper);
  }

  /**
   * Sends the request. A new exchange may, and one at rest.
   * @throws PlimsollError INTERNAL where another request is on its way in it
   */
  begin(request: ClientRequest): void {
    if (!this.over)
      throw new PlimsollError('INTERNAL', 'an exchange was given a second request before its first was over');
    const now = performance.now();
    this.number = request.request;
    this.phase = request.phase;
    this.plannedMs = request.plannedMs;
    this.promptTokens = request.promptTokens;
    this.maxTokens = request.maxTokens;
    this.body = request.body;
    this.sentAt = now;
    this.over = false;
    this.retried = false;
    this.connectMs = null;
    this.status = null;
    this.headersAt = Number.NaN;
    this.firstByteAt = Number.NaN;
    this.lastByteAt = now;
    this.bytes = 0;
    this.tokens.clear();
    this.attempt(now);
  }

  private attempt(now: number): void {
    this.controller = null;
    this.reused = false;
    this.heard = false;
    this.attemptAt = now;
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
    this.serverId = ownText(textOf(headers['x-request-id']));
    this.answer = this.reader.open(status, textOf(headers['content-type']) ?? '');
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
    if (!this.over) this.complete(this.context.connections.readAt());
    // At rest it would keep all that from the collector until its next request.
    this.controller = null;
    this.answer = null;
    this.serverId = null;
    this.reader.clear();
    this.context.rest(this);
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
      this.retried = true;
      this.attempt(now);
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

  /** Of the read that is being worked through. */
  onToken(channel: Channel): void {
    const tMs = this.lastByteAt - this.context.originMs;
    const gapMs = this.tokens.mark(tMs, channel);
    this.context.onToken?.(this.number, this.phase, tMs, gapMs);
  }

  private finish(outcome: Outcome, error: string | null, endAt: number): void {
    this.over = true;
    this.context.leave(this);
    const { tokens: marks } = this;
    const usage = this.answer?.usage ?? null;
    const { tokens, source } = countTokens(usage, marks.chunks);
    const { originMs } = this.context;
    this.context.onEnd(
      {
        request: this.number,
        phase: this.phase,
        worker: this.context.worker,
        plannedMs: this.plannedMs,
        sentMs: this.sentAt - originMs,
        headersMs: known(this.headersAt - originMs),
        firstByteMs: known(this.firstByteAt - originMs),
        firstTokenMs: known(marks.firstMs),
        firstContentMs: known(marks.firstContentMs),
        lastTokenMs: known(marks.lastMs),
        endMs: endAt - originMs,
        outcome,
        status: this.status,
        error: error === null ? null : sanitise(error, this.context.secrets),
        promptTokens: usage?.promptTokens ?? this.promptTokens,
        outputTokens: tokens,
        tokenSource: source,
        maxTokens: this.maxTokens,
        chunks: marks.chunks,
        coalesced: marks.coalesced,
        bytes: this.bytes,
        finish: sanitiseId(this.answer?.finish ?? null),
        reused: this.reused,
        connectMs: this.connectMs,
        retried: this.retried,
        serverId: sanitiseId(this.serverId ?? this.answer?.id ?? null),
      },
      marks,
    );
  }
}

const known = (value: number): number | null => (Number.isNaN(value) ? null : value);

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

/** A piece that was cut out of a text keeps all of it alive: here the whole head, for as long as the answer takes. */
const ownText = (part: string | null): string | null =>
  part === null ? null : Buffer.from(part, 'latin1').toString('latin1');

const textOf = (value: string | string[] | undefined): string | null =>
  Array.isArray(value) ? (value[0] ?? null) : (value ?? null);
