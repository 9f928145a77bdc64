// The body of one answer, read as it arrives: what failed in it, whether it is complete, how many tokens it bears.
// Knows the API, not the transport and no clock; client.ts puts times to what it reports.

import { createSseParser } from './sse.ts';
import { type Channel, type Reading, readBody, readError, readEvent, type Usage } from './stream.ts';
import type { Outcome, TokenSource } from './timeline.ts';

export interface Failure {
  readonly outcome: Outcome;
  readonly error: string;
}

export interface Answer {
  read(chunk: Uint8Array): void;
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

/**
 * @param streamed whether a stream was asked for
 * @param onToken called for every event that bears tokens, inside read() or end()
 */
export function createAnswer(
  status: number,
  contentType: string,
  streamed: boolean,
  onToken: (channel: Channel) => void,
): Answer {
  if (status >= 400) return createErrorAnswer(status);
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (status < 200 || status >= 300) return createOddAnswer(`status ${status}`);
  if (type === 'text/html') return createOddAnswer('HTML instead of an answer');
  // Servers that forget the content type of a stream are read as what was asked for.
  const isJson = type === 'application/json' || (!streamed && type !== 'text/event-stream');
  return isJson ? createWholeAnswer(streamed, onToken) : createStreamAnswer(onToken);
}

interface AnswerState {
  failure: Failure | null;
  done: boolean;
  finish: string | null;
  id: string | null;
  usage: Usage | null;
}
const blank = (): AnswerState => ({ failure: null, done: false, finish: null, id: null, usage: null });

function createStreamAnswer(onToken: (channel: Channel) => void): Answer {
  const state = blank();
  const head = keep(160);
  let chunks = 0;
  const parser = createSseParser((data, event) => {
    // What follows a failure is not worth a token; an event of nothing is a heartbeat of some proxies.
    if (state.failure !== null || data.trim() === '') return;
    const reading = readEvent(data, event);
    if (reading.kind === 'chunk') chunks += 1;
    take(state, reading, onToken);
  });
  return Object.assign(state, {
    read(chunk: Uint8Array) {
      if (chunks === 0) head.push(chunk);
      parser.push(chunk);
    },
    end() {
      parser.end();
      if (state.failure !== null) return;
      if (chunks === 0) {
        state.failure = { outcome: 'malformed', error: `no event of an answer in the stream: ${head.text()}` };
      } else if (!state.done && state.finish === null) {
        state.failure = { outcome: 'truncated', error: 'the stream ended without finish reason or [DONE]' };
      }
    },
  });
}

function createWholeAnswer(streamed: boolean, onToken: (channel: Channel) => void): Answer {
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
      take(state, reading, onToken);
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

function take(state: AnswerState, reading: Reading, onToken: (channel: Channel) => void): void {
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
      if (reading.token !== null) onToken(reading.token);
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
