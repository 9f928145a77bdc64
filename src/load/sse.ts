// Server-sent events from bytes as they arrive. In: chunks cut anywhere. Out: events. Pure, linear in the bytes.
// After the WHATWG HTML standard, section 9.2.6 "Interpreting an event stream", with one widening: a last event
// without its blank line (or even line end) counts, because servers that end so have said what they had to say.
//
// Text is Latin-1 throughout: one character a byte, so that UTF-8 may be split anywhere and JSON reads the same in
// it; utf8Of() makes it what people read.

import { HeldBytes } from './held-bytes.ts';

export interface SseListener {
  /**
   * @param event the field of that name, '' where there was none
   * @param raw the event as it came, its blank line included; null where it came in several chunks
   */
  onEvent(data: string, event: string, raw: string | null): void;
  /**
   * Where an event begins, the listener may know it from its text alone.
   * @returns where the event ends, behind its blank line; `at` where the parser is to read it
   */
  skip(text: string, at: number): number;
}

const LF = 10;

export const utf8Of = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');

export class SseParser {
  private readonly listener: SseListener;
  /** The unfinished line of earlier chunks. */
  private readonly held = new HeldBytes();
  private afterCr = false;
  private first = true;
  private data: string | null = null;
  private event = '';

  constructor(listener: SseListener) {
    this.listener = listener;
  }

  /** For another stream. */
  clear(): void {
    this.held.clear();
    this.afterCr = false;
    this.first = true;
    this.data = null;
    this.event = '';
  }

  /** Reads a chunk, which may be reused by its owner afterwards. */
  push(chunk: Buffer): void {
    const text = chunk.toString('latin1');
    const { length } = text;
    let at = 0;
    if (this.afterCr && length > 0) {
      this.afterCr = false;
      if (text.charCodeAt(0) === LF) at = 1;
    }
    // Each terminator is searched for once: a chunk without CR is not scanned for CR again at every line.
    let lf = -2;
    let cr = -2;
    let eventAt = -1;
    while (at < length) {
      if (this.isBetweenEvents()) {
        const next = this.listener.skip(text, at);
        if (next > at) {
          at = next;
          continue;
        }
        eventAt = at;
      }
      if (lf !== -1 && lf < at) lf = text.indexOf('\n', at);
      if (cr !== -1 && cr < at) cr = text.indexOf('\r', at);
      if (lf === -1 && cr === -1) break;
      const atCr = cr !== -1 && (lf === -1 || cr < lf);
      const end = atCr ? cr : lf;
      let next = end + 1;
      if (atCr) {
        // A chunk that ends so may have its LF in the next one.
        if (next === length) this.afterCr = true;
        else if (text.charCodeAt(next) === LF) next += 1;
      }
      if (this.held.length > 0) this.line(this.release(chunk.subarray(at, end)));
      else if (end > at || this.first) this.line(text.slice(at, end));
      else this.dispatch(eventAt === -1 ? null : text.slice(eventAt, next));
      at = next;
    }
    if (at < length) this.held.push(chunk.subarray(at));
  }

  /** The stream is over: gives the event that lacks its terminator. */
  end(): void {
    if (this.held.length > 0) this.line(this.release());
    this.dispatch(null);
  }

  private isBetweenEvents(): boolean {
    return this.held.length === 0 && this.data === null && this.event === '';
  }

  private line(text: string): void {
    if (this.first) {
      this.first = false;
      // The byte order mark.
      if (text.startsWith('\xef\xbb\xbf')) text = text.slice(3);
    }
    if (text === '') {
      this.dispatch(null);
    } else if (text.startsWith('data') && (text.length === 4 || text[4] === ':')) {
      const value = text.slice(text[5] === ' ' ? 6 : 5);
      this.data = this.data === null ? value : `${this.data}\n${value}`;
    } else if (text.startsWith('event') && (text.length === 5 || text[5] === ':')) {
      this.event = text.slice(text[6] === ' ' ? 7 : 6);
    } else if (text.startsWith('error') && (text.length === 5 || text[5] === ':')) {
      // No field of the standard. Builds of llama.cpp up to the spring of 2025 tell a failure so, and then [DONE].
      this.event = 'error';
      this.data = text.slice(text[6] === ' ' ? 7 : 6);
    }
    // A colon in front is a comment; id, retry and unknown fields mean nothing here.
  }

  private dispatch(raw: string | null): void {
    const { data, event } = this;
    this.data = null;
    this.event = '';
    if (data !== null) this.listener.onEvent(data, event, raw);
  }

  /** The line whose end has come. */
  private release(rest?: Buffer): string {
    if (rest !== undefined) this.held.push(rest);
    const text = this.held.text('latin1');
    this.held.clear();
    return text;
  }
}
