// The body of one answer, read as it arrives: what failed in it, whether it is complete, how many tokens it bears.
// Knows the API, not the transport and no clock; exchange.ts puts times to what it reports.

import { HeldBytes } from './held-bytes.ts';
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
/** Of a stream without an event, to show what it was. */
const SHOWN_BYTES = 160;

export interface TokenListener {
  /** An event that bears tokens, inside read() or end() of its answer. */
  onToken(channel: Channel): void;
}

/** The answers of one exchange, one after the other. What can be used again is: made anew, it would be garbage of every request. */
export class AnswerReader {
  private readonly streamed: boolean;
  private readonly stream: StreamAnswer;
  private readonly whole: WholeAnswer;

  /** @param streamed whether streams are asked for */
  constructor(streamed: boolean, listener: TokenListener, shaper: Shaper) {
    this.streamed = streamed;
    this.stream = new StreamAnswer(listener, shaper);
    this.whole = new WholeAnswer(streamed, listener);
  }

  /** New, or cleared since the last one. */
  open(status: number, contentType: string): Answer {
    if (status >= 400) {
      const outcome = status === 429 || status === 503 ? 'rejected' : 'http_error';
      return new FailedAnswer(outcome, `HTTP ${status}`, readError);
    }
    const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
    if (status < 200 || status >= 300) return new FailedAnswer('malformed', `status ${status}`, withoutTags);
    if (type === 'text/html') return new FailedAnswer('malformed', 'HTML instead of an answer', withoutTags);
    // Servers that forget the content type of a stream are read as what was asked for.
    const isJson = type === 'application/json' || (!this.streamed && type !== 'text/event-stream');
    return isJson ? this.whole : this.stream;
  }

  clear(): void {
    this.stream.clear();
    this.whole.clear();
  }
}

/** What is learnt of an answer as it is read. */
class Learnt {
  failure: Failure | null = null;
  done = false;
  finish: string | null = null;
  id: string | null = null;
  usage: Usage | null = null;

  /** For another answer. */
  clear(): void {
    this.failure = null;
    this.done = false;
    this.finish = null;
    this.id = null;
    this.usage = null;
  }
}

/** The hot path: most events are of a known shape, and never parsed. */
export class StreamAnswer extends Learnt implements Answer, SseListener {
  /** Events that had to be parsed. */
  parsed = 0;
  private readonly listener: TokenListener;
  private readonly parser: SseParser;
  /** What came before its first event, to show where there is none. */
  private readonly head = new HeldBytes(SHOWN_BYTES);
  private readonly shaper: Shaper;
  /** Of its last event that fitted one. */
  private shape: Shape | null = null;
  private hasChunks = false;

  constructor(listener: TokenListener, shaper = createShaper()) {
    super();
    this.listener = listener;
    this.shaper = shaper;
    this.parser = new SseParser(this);
  }

  override clear(): void {
    super.clear();
    this.parsed = 0;
    this.head.clear();
    this.shape = null;
    this.hasChunks = false;
    this.parser.clear();
  }

  read(chunk: Buffer): void {
    this.parser.push(chunk);
    if (!this.hasChunks) this.head.push(chunk);
  }

  end(): void {
    this.parser.end();
    if (this.failure !== null) return;
    if (!this.hasChunks) {
      const shown = this.head.text('utf8');
      this.failure = { outcome: 'malformed', error: `no event of an answer in the stream: ${shown}` };
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

class WholeAnswer extends Learnt implements Answer {
  private readonly streamed: boolean;
  private readonly listener: TokenListener;
  private readonly body = new HeldBytes(KEPT_BYTES);

  /** @param streamed whether a stream was asked for, which it is not */
  constructor(streamed: boolean, listener: TokenListener) {
    super();
    this.streamed = streamed;
    this.listener = listener;
  }

  override clear(): void {
    super.clear();
    this.body.clear();
  }

  read(chunk: Buffer): void {
    this.body.push(chunk);
  }

  end(): void {
    const reading = readBody(this.body.text('utf8'));
    if (this.streamed && reading.kind === 'chunk') {
      this.failure = { outcome: 'malformed', error: 'a whole JSON body where a stream was asked for' };
      return;
    }
    take(this, reading, this.listener);
    if (this.failure === null && this.finish === null)
      this.failure = { outcome: 'truncated', error: 'the answer has no finish reason' };
  }
}

/** An answer that is none: what failed is known from its head on, its body has the words. */
class FailedAnswer implements Answer {
  failure: Failure;
  readonly done = false;
  readonly finish = null;
  readonly id = null;
  readonly usage = null;
  private readonly wordsOf: (body: string) => string;
  private readonly body = new HeldBytes(KEPT_ERROR_BYTES);

  constructor(outcome: Outcome, error: string, wordsOf: (body: string) => string) {
    this.failure = { outcome, error };
    this.wordsOf = wordsOf;
  }

  read(chunk: Buffer): void {
    this.body.push(chunk);
  }

  end(): void {
    const words = this.wordsOf(this.body.text('utf8'));
    if (words !== '') this.failure = { ...this.failure, error: `${this.failure.error}: ${words}` };
  }
}

const withoutTags = (body: string): string => body.replace(/<[^>]*>/g, ' ');

function take(state: Learnt, reading: Reading, listener: TokenListener): void {
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
