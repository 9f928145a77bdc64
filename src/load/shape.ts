// Events that need no parse. The events of one server are alike: what two of them have in common is their shape, a
// text cut at the strings and counts in which they differ. In: events as they came. Out: what an event of a known
// shape bears. Pure.
//
// Why it is the same as parsing: a shape is cut only around whole JSON tokens, a string that is no key or a count,
// and fits only where valid tokens of the same kinds, no string empty, stand in the cuts. JSON.parse of a text that
// fits gives the same object but for those values. The reading of an event looks at the value of few strings
// (READ_BY_VALUE), which are never cut out; of all others it asks only whether they are empty. So whatever fits reads
// like a specimen with any words in the strings, and like it in its counts; the specimen is read in full, once.

import { type Channel, READ_BY_VALUE, readEvent, type Usage } from './stream.ts';

/** What an event of this shape bears: tokens, and nothing else that an answer keeps but its usage and its id. */
export interface Shape {
  readonly channel: Channel;
  /** It has an id, which differs from answer to answer: the first event of an answer must be parsed for it. */
  readonly bearsId: boolean;
  /** @returns where the event that begins at `at` ends; `at` where it is not of this shape */
  fit(text: string, at: number): number;
  /** The same for an event whose text came in several chunks. */
  fits(data: string, event: string): boolean;
  /** Of the event that fitted last; null where its server does not count as it goes. */
  usage(): Usage | null;
}

/** What the answers of one server have in common. Shared by all of a thread: each tells the next what to expect. */
export interface Shaper {
  /** Known by now, the latest first. */
  readonly shapes: readonly Shape[];
  /** Takes an event that bore a token and had to be parsed; `raw` as it came. */
  learn(data: string, event: string, raw: string | null): void;
}

/** Streams whose events differ in more than values would be studied at every one: so often, and then once in … */
const STUDIES = 64;
const EVENTS_PER_STUDY = 16;
/** A longer event is parsed: that costs less than learning its text by heart. */
const LONGEST = 8_192;
/** Kinds of token-bearing events that are kept: reasoning, content, a tool's name, its arguments. */
const FORMS = 8;

export function createShaper(): Shaper {
  let forms: readonly Form[] = [];
  let shapes: readonly Shape[] = [];
  let credit = STUDIES * EVENTS_PER_STUDY;
  return {
    get shapes() {
      return shapes;
    },
    learn(data, event, raw) {
      credit += 1;
      if (raw === null || data.length > LONGEST || credit < EVENTS_PER_STUDY) return;
      credit -= EVENTS_PER_STUDY;
      // A copy: slices of a chunk would keep all of it in memory.
      const seen = dissect(data, event, Buffer.from(raw, 'latin1').toString('latin1'));
      if (seen === null) return;
      const grown = grow(forms, seen);
      forms = [grown, ...forms.filter((form) => form !== grown && form !== grown.before)].slice(0, FORMS);
      shapes = forms.flatMap(({ shape }) => shape ?? []);
    },
  };
}

interface Form {
  readonly pattern: Pattern;
  /** Null after one event: what two have in common is not known yet. */
  readonly shape: Shape | null;
  /** That this one stands for from now on. */
  readonly before: Form | null;
}

/** The form that the event belongs to, widened by it; a new one where it is like none. */
function grow(forms: readonly Form[], seen: Pattern): Form {
  for (const form of forms) {
    const pattern = join(form.pattern, seen);
    if (pattern !== null) return { pattern, shape: shapeOf(pattern) ?? form.shape, before: form };
  }
  return { pattern: seen, shape: null, before: null };
}

/** An event's text: pieces between its tokens, one more than tokens; the first holds its name, if it has one. */
interface Pattern {
  readonly event: string;
  readonly between: readonly string[];
  readonly tokens: readonly string[];
  /** Tokens that differ between events of this pattern. */
  readonly cut: readonly boolean[];
}

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
/** A count is a number without sign, fraction or exponent that stays exact: up to so many digits. */
const COUNT_DIGITS = 15;
const COUNT = /^(?:0|[1-9]\d{0,14})$/;

function dissect(data: string, event: string, raw: string): Pattern | null {
  const body = raw.replace(/[\r\n]+$/, '');
  // Several data lines, or anything behind them.
  if (!body.endsWith(data)) return null;
  const lead = body.slice(0, body.length - data.length);
  const between: string[] = [];
  const tokens: string[] = [];
  let from = 0;
  for (const { 0: token, index } of data.matchAll(TOKEN)) {
    between.push(data.slice(from, index));
    tokens.push(token);
    from = index + token.length;
  }
  between.push(data.slice(from) + raw.slice(body.length));
  between[0] = lead + between[0]!;
  return { event, between, tokens, cut: tokens.map(() => false) };
}

/** The pattern of both; null where they differ in more than tokens that may be cut out. */
function join(pattern: Pattern, other: Pattern): Pattern | null {
  const { event, between, tokens, cut } = pattern;
  if (tokens.length !== other.tokens.length) return null;
  if (between.some((piece, index) => piece !== other.between[index])) return null;
  const joined: boolean[] = [];
  for (const [index, token] of tokens.entries()) {
    const same = token === other.tokens[index];
    if (!same && !mayBeCut(pattern, index, other.tokens[index]!)) return null;
    joined.push(cut[index]! || !same);
  }
  return { event, between, tokens, cut: joined };
}

function mayBeCut({ between, tokens }: Pattern, index: number, other: string): boolean {
  const token = tokens[index]!;
  if (!token.startsWith('"')) return COUNT.test(token) && COUNT.test(other);
  if (!other.startsWith('"') || isKey(between, index)) return false;
  // Elements of arrays have no key; none is read by value.
  return !(index > 0 && isKey(between, index - 1) && READ_BY_VALUE.has(JSON.parse(tokens[index - 1]!) as string));
}

const isKey = (between: readonly string[], index: number): boolean => /^\s*:/.test(between[index + 1]!);

/** Counts of a specimen: this one stands in the first cut, the next in the second. What is cut out stays below. */
const SPECIMEN_COUNT = 1_000_000_000_000_000;

function shapeOf({ event, between, tokens, cut }: Pattern): Shape | null {
  const pieces: string[] = [];
  const areStrings: boolean[] = [];
  const counts: number[] = [];
  let piece = '';
  let specimen = '';
  const add = (text: string): void => {
    piece += text;
    specimen += text;
  };
  for (const [index, token] of tokens.entries()) {
    add(between[index]!);
    if (!cut[index]) {
      add(token);
      continue;
    }
    const isString = token.startsWith('"');
    if (isString) add('"');
    pieces.push(piece);
    areStrings.push(isString);
    counts.push(0);
    specimen += isString ? 'x' : String(SPECIMEN_COUNT + counts.length - 1);
    piece = '';
    if (isString) add('"');
  }
  add(between.at(-1)!);
  pieces.push(piece);

  const lead = pieces[0]!.slice(0, pieces[0]!.indexOf('{'));
  const tail = /[\r\n]*$/.exec(piece)![0];
  const reading = readEvent(specimen.slice(lead.length, specimen.length - tail.length), event);
  if (reading.kind !== 'chunk' || reading.token === null || reading.finish !== null) return null;
  // A count of the text itself must not pass for one that was cut out.
  if (tokens.some((token, index) => !cut[index] && Number(token) >= SPECIMEN_COUNT)) return null;
  return new Fit(event, flat(pieces), areStrings, counts, reading, lead, tail);
}

/** Not ropes, which every comparison would walk. */
const flat = (pieces: readonly string[]): string[] =>
  pieces.map((text) => Buffer.from(text, 'latin1').toString('latin1'));

class Fit implements Shape {
  readonly channel: Channel;
  readonly bearsId: boolean;
  private readonly event: string;
  private readonly pieces: readonly string[];
  private readonly areStrings: readonly boolean[];
  /** The counts of the event that fitted last, at the places of their cuts. */
  private readonly counts: number[];
  private readonly specimenUsage: Usage | null;
  private readonly lead: string;
  private readonly tail: string;

  constructor(
    event: string,
    pieces: readonly string[],
    areStrings: readonly boolean[],
    counts: number[],
    specimen: { readonly token: Channel | null; readonly usage: Usage | null; readonly id: string | null },
    lead: string,
    tail: string,
  ) {
    this.event = event;
    this.pieces = pieces;
    this.areStrings = areStrings;
    this.counts = counts;
    this.channel = specimen.token!;
    this.bearsId = specimen.id !== null;
    this.specimenUsage = specimen.usage;
    this.lead = lead;
    this.tail = tail;
  }

  fit(text: string, at: number): number {
    const { pieces, areStrings } = this;
    let end = at;
    for (let index = 0; ; index++) {
      const piece = pieces[index]!;
      // Quicker than startsWith or indexOf: slices are compared eight bytes at a time.
      if (text.substring(end, end + piece.length) !== piece) return at;
      end += piece.length;
      if (index === areStrings.length) return end;
      const from = end;
      end = areStrings[index] ? endOfString(text, from) : this.endOfCount(text, from, index);
      if (end === from) return at;
    }
  }

  fits(data: string, event: string): boolean {
    if (event !== this.event) return false;
    const text = this.lead + data + this.tail;
    return this.fit(text, 0) === text.length;
  }

  usage(): Usage | null {
    if (this.specimenUsage === null) return null;
    const { promptTokens, outputTokens } = this.specimenUsage;
    return { promptTokens: this.actual(promptTokens), outputTokens: this.actual(outputTokens) };
  }

  private actual(count: number | null): number | null {
    return count !== null && count >= SPECIMEN_COUNT ? this.counts[count - SPECIMEN_COUNT]! : count;
  }

  /** `from` where no count is there. */
  private endOfCount(text: string, from: number, index: number): number {
    let value = 0;
    let at = from;
    for (; at - from < COUNT_DIGITS; at++) {
      const digit = text.charCodeAt(at) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    // No number begins with a zero but zero itself.
    if (text.charCodeAt(from) === 48 && at > from + 1) return from;
    this.counts[index] = value;
    return at;
  }
}

const QUOTE = 34;
const BACKSLASH = 92;

/** Where the string's body ends, at its quote; `from` where it is empty or not valid. */
function endOfString(text: string, from: number): number {
  for (let at = from; ; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) {
      const length = escapeLength(text, at);
      if (length === 0) return from;
      at += length;
    } else if (code >= 32) {
      at += 1;
    } else {
      // A control character; or NaN, the text's end.
      return from;
    }
  }
}

function escapeLength(text: string, at: number): number {
  const code = text[at + 1];
  if (code === 'u') return /^[\da-fA-F]{4}$/.test(text.substring(at + 2, at + 6)) ? 6 : 0;
  return code !== undefined && '"\\/bfnrt'.includes(code) ? 2 : 0;
}
