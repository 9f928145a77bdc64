// Server-sent events from bytes as they arrive. In: chunks cut anywhere. Out: events. Pure, linear in the bytes.
// After the WHATWG HTML standard, section 9.2.6 "Interpreting an event stream", with one widening: a last event
// without its blank line (or even line end) counts, because servers that end so have said what they had to say.

/** `event` is the field of that name, '' where there was none. */
export type OnEvent = (data: string, event: string) => void;

export interface SseParser {
  /** Reads a chunk, which may be reused by its owner afterwards. */
  push(chunk: Uint8Array): void;
  /** The stream is over: gives the event that lacks its terminator. */
  end(): void;
}

const LF = 10;
const CR = 13;
const COLON = 58;
const SPACE = 32;

export function createSseParser(onEvent: OnEvent): SseParser {
  // The unfinished line of earlier chunks: a buffer that doubles, so that a line of a megabyte in one-byte packets
  // is copied a few times and not once a packet.
  let held: Buffer = Buffer.alloc(0);
  let heldLength = 0;
  let afterCr = false;
  let first = true;
  let data: string | undefined;
  let event = '';

  function hold(bytes: Buffer): void {
    const needed = heldLength + bytes.length;
    if (needed > held.length) {
      const larger = Buffer.allocUnsafe(Math.max(256, needed, held.length * 2));
      held.copy(larger, 0, 0, heldLength);
      held = larger;
    }
    bytes.copy(held, heldLength);
    heldLength = needed;
  }

  function takeLine(chunk: Buffer, from: number, to: number): void {
    if (heldLength === 0) {
      line(chunk, from, to);
      return;
    }
    hold(chunk.subarray(from, to));
    const length = heldLength;
    heldLength = 0;
    line(held, 0, length);
    if (held.length > 65_536) held = Buffer.alloc(0);
  }

  function line(bytes: Buffer, from: number, to: number): void {
    if (first) {
      first = false;
      if (bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf && to - from >= 3) from += 3;
    }
    if (from === to) {
      dispatch();
      return;
    }
    const colon = colonOf(bytes, from, to);
    const nameLength = colon - from;
    if (nameLength !== 4 && nameLength !== 5) return;
    const value = bytes[colon + 1] === SPACE ? colon + 2 : colon + 1;
    const name = bytes.toString('latin1', from, colon);
    if (name === 'data') {
      const text = bytes.toString('utf8', Math.min(value, to), to);
      data = data === undefined ? text : `${data}\n${text}`;
    } else if (name === 'event') {
      event = bytes.toString('utf8', Math.min(value, to), to);
    }
    // A colon in front is a comment; id, retry and unknown fields mean nothing here.
  }

  function dispatch(): void {
    const complete = data;
    const name = event;
    data = undefined;
    event = '';
    if (complete !== undefined) onEvent(complete, name);
  }

  return {
    push(bytes) {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      let position = 0;
      if (afterCr && chunk.length > 0) {
        afterCr = false;
        if (chunk[0] === LF) position = 1;
      }
      // Each terminator is searched for once: a chunk without CR is not scanned for CR again at every line.
      let lf = chunk.indexOf(LF, position);
      let cr = chunk.indexOf(CR, position);
      while (lf !== -1 || cr !== -1) {
        const atCr = cr !== -1 && (lf === -1 || cr < lf);
        const end = atCr ? cr : lf;
        takeLine(chunk, position, end);
        position = end + 1;
        if (atCr) {
          if (position === chunk.length) afterCr = true;
          else if (chunk[position] === LF) position += 1;
          cr = chunk.indexOf(CR, position);
        }
        if (lf !== -1 && lf < position) lf = chunk.indexOf(LF, position);
      }
      if (position < chunk.length) hold(chunk.subarray(position));
    },
    end() {
      if (heldLength > 0) takeLine(Buffer.alloc(0), 0, 0);
      dispatch();
    },
  };
}

/** Where the field's name ends: at its colon, or at the line's end. Never looks past the line. */
function colonOf(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== COLON) at += 1;
  return at;
}
