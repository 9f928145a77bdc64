// The body of one answer, read as it arrives: what failed in it, whether it is complete, how many tokens it bears.
// Knows the API, not the transport and no clock; exchange.ts puts times to what it reports.

import { createShaper, type Shape, type Shaper } from './shape.ts';
import { type SseListener, SseParser, utf8Of } from './sse.ts';
import { type Channel, type Reading, readBody, readError, readEvent, type Usage } from './stream.ts';
import type { Outcome, TokenSource } from './timeline.ts';

export interface Failure {
  readonly outcome: Outcome;
  readonly error: string;
}

export interface Answer {
  /** @param chunk may be reused by its owner afterwards */
  read(chunk: Buffer): void;
  /** The body ended as its framing says. */
  end(): void;
  /** The first thing that was wrong with it; judged in full only after end(). */
  readonly failure: Failure | null;
  /** [DONE] came: whatever happens to the connection now, nothing is missing. */
  readonly done: boolean;
  readonly finish: string | null;
  readonly id: string | null;
  readonly usage: Usage | null;
}

/** Of a body that is kept whole (not streamed, or an error): more is read and thrown away. */
const KEPT_BYTES = 64 * 1024 * 1024;
const KEPT_ERROR_BYTES = 8 * 1024;

export interface TokenListener {
  /** An event that bears tokens, inside read() or end() of its answer. */
  onToken(channel: Channel): void;
}

/**
 * @param streamed whether a stream was asked for
 * @param stream a new or cleared one: the answer, where that is a stream
 */
export function createAnswer(
  status: number,
  contentType: string,
  streamed: boolean,
  listener: TokenListener,
  stream: StreamAnswer,
): Answer {
  if (status >= 400) return createErrorAnswer(status);
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (status < 200 || status >= 300) return createOddAnswer(`status ${status}`);
  if (type === 'text/html') return createOddAnswer('HTML instead of an answer');
  // Servers that forget the content type of a stream are read as what was asked for.
  const isJson = type === 'application/json' || (!streamed && type !== 'text/event-stream');
  return isJson ? createWholeAnswer(streamed, listener) : stream;
}

interface AnswerState {
  failure: Failure | null;
  done: boolean;
  finish: string | null;
  id: string | null;
  usage: Usage | null;
}
const blank = (): AnswerState => ({ failure: null, done: false, finish: null, id: null, usage: null });

/** The hot path: most events are of a known shape, and never parsed. */
export class StreamAnswer implements Answer, AnswerState, SseListener {
  failure: Failure | null = null;
  done = false;
  finish: string | null = null;
  id: string | null = null;
  usage: Usage | null = null;
  /** Events that had to be parsed. */
  parsed = 0;
  private readonly listener: TokenListener;
  private readonly parser: SseParser;
  /** What came before its first event, to show where there is none. */
  private head: ReturnType<typeof keep> | null = null;
  private readonly shaper: Shaper;
  /** Of its last event that fitted one. */
  private shape: Shape | null = null;
  private hasChunks = false;

  constructor(listener: TokenListener, shaper = createShaper()) {
    this.listener = listener;
    this.shaper = shaper;
    this.parser = new SseParser(this);
  }

  /** For another answer. */
  clear(): void {
    this.failure = null;
    this.done = false;
    this.finish = null;
    this.id = null;
    this.usage = null;
    this.parsed = 0;
    this.head = null;
    this.shape = null;
    this.hasChunks = false;
    this.parser.clear();
  }

  read(chunk: Buffer): void {
    this.parser.push(chunk);
    if (this.hasChunks) return;
    this.head ??= keep(160);
    this.head.push(chunk);
  }

  end(): void {
    this.parser.end();
    if (this.failure !== null) return;
    if (!this.hasChunks) {
      this.failure = { outcome: 'malformed', error: `no event of an answer in the stream: ${this.head?.text() ?? ''}` };
    } else if (!this.done && this.finish === null) {
      this.failure = { outcome: 'truncated', error: 'the stream ended without finish reason or [DONE]' };
    }
  }

  skip(text: string, at: number): number {
    const { shape } = this;
    const end = shape === null ? at : shape.fit(text, at);
    if (end > at) this.bear(shape!);
    return end > at ? end : this.skipOther(text, at);
  }

  /** Its first event of a kind, or one that is of no known shape. */
  private skipOther(text: string, at: number): number {
    for (const shape of this.shaper.shapes) {
      if (shape === this.shape || !this.mayFit(shape)) continue;
      const end = shape.fit(text, at);
      if (end === at) continue;
      this.shape = shape;
      this.bear(shape);
      return end;
    }
    return at;
  }

  private mayFit({ bearsId }: Shape): boolean {
    return this.hasChunks && this.failure === null && (this.id !== null || !bearsId);
  }

  onEvent(data: string, event: string, raw: string | null): void {
    // What follows a failure is not worth a token; an event of nothing is a heartbeat of some proxies.
    if (this.failure !== null || data.trim() === '') return;
    // An event that came in pieces may be of the shape all the same.
    if (raw === null && this.shape?.fits(data, event)) {
      this.bear(this.shape);
      return;
    }
    this.parsed += 1;
    const reading = this.readingOf(data, event);
    take(this, reading, this.listener);
    if (reading.kind !== 'chunk') {
      if (reading.kind !== 'done') this.shape = null;
      return;
    }
    this.hasChunks = true;
    this.head = null;
    if (reading.token !== null && reading.finish === null) this.shaper.learn(data, event, raw);
  }

  /** Words are for people: where a reading holds any that are kept, it is read again from their letters. */
  private readingOf(data: string, event: string): Reading {
    const reading = readEvent(data, event);
    const isPlain =
      reading.kind === 'done' ||
      (reading.kind === 'chunk' && reading.finish === null && (reading.id === null || this.id !== null));
    return isPlain ? reading : readEvent(utf8Of(data), utf8Of(event));
  }

  private bear(shape: Shape): void {
    this.usage = shape.usage() ?? this.usage;
    this.listener.onToken(shape.channel);
  }
}

function createWholeAnswer(streamed: boolean, listener: TokenListener): Answer {
  const state = blank();
  const body = keep(KEPT_BYTES);
  return Object.assign(state, {
    read: body.push,
    end() {
      const reading = readBody(body.text());
      if (streamed && reading.kind === 'chunk') {
        state.failure = { outcome: 'malformed', error: 'a whole JSON body where a stream was asked for' };
        return;
      }
      take(state, reading, listener);
      if (state.failure === null && state.finish === null) {
        state.failure = { outcome: 'truncated', error: 'the answer has no finish reason' };
      }
    },
  });
}

function createErrorAnswer(status: number): Answer {
  const outcome = status === 429 || status === 503 ? 'rejected' : 'http_error';
  const body = keep(KEPT_ERROR_BYTES);
  // Known from the status on, so that a connection lost in the body does not turn it into something else.
  const state = { ...blank(), failure: { outcome, error: `HTTP ${status}` } as Failure };
  return Object.assign(state, {
    read: body.push,
    end() {
      const words = readError(body.text());
      if (words !== '') state.failure = { outcome, error: `HTTP ${status}: ${words}` };
    },
  });
}

function createOddAnswer(what: string): Answer {
  const body = keep(KEPT_ERROR_BYTES);
  const state = { ...blank(), failure: { outcome: 'malformed', error: what } as Failure };
  return Object.assign(state, {
    read: body.push,
    end() {
      state.failure = { outcome: 'malformed', error: `${what}: ${body.text().replace(/<[^>]*>/g, ' ')}` };
    },
  });
}

function take(state: AnswerState, reading: Reading, listener: TokenListener): void {
  switch (reading.kind) {
    case 'done':
      state.done = true;
      return;
    case 'error':
      state.failure = { outcome: 'error_event', error: reading.message };
      return;
    case 'malformed':
      state.failure = { outcome: 'malformed', error: reading.message };
      return;
    case 'chunk':
      state.finish = reading.finish ?? state.finish;
      state.usage = reading.usage ?? state.usage;
      state.id ??= reading.id;
      if (reading.token !== null) listener.onToken(reading.token);
  }
}

/** Output tokens of an answer and who counted them: the server's usage, else the events that bore tokens. */
export function countTokens(
  usage: Usage | null,
  chunks: number,
): { tokens: number | null; source: TokenSource | null } {
  if (usage?.outputTokens != null) return { tokens: usage.outputTokens, source: 'usage' };
  return chunks > 0 ? { tokens: chunks, source: 'chunks' } : { tokens: null, source: null };
}

/** The first `limit` bytes of a body. */
function keep(limit: number): { push(chunk: Uint8Array): void; text(): string } {
  const pieces: Uint8Array[] = [];
  let room = limit;
  return {
    push(chunk) {
      if (room <= 0) return;
      // Copied: a transport may use its buffer again.
      const piece = Uint8Array.prototype.slice.call(chunk, 0, room);
      pieces.push(piece);
      room -= piece.length;
    },
    text: () => Buffer.concat(pieces).toString('utf8'),
  };
}
