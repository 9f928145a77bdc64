// Traces of real traffic: when requests came and how long prompts and answers were. In: a file of one of three published
// formats. Out: columns in shared memory, at the speed asked for, so that a million lines cost 16 MB once and not once
// a worker. Formats: Mooncake (Qin et al., FAST 2025), Azure LLM inference (Patel et al., ISCA 2024), BurstGPT (Wang
// et al., KDD 2025).

import { PlimsollError } from '../errors.ts';
import { eachLine } from './lines.ts';

export interface Trace {
  /** sha256 of the file, hex. */
  readonly hash: string;
  readonly speedup: number;
  /** ms since the trace's first request ÷ speedup, in order. */
  readonly atMs: Float64Array;
  readonly promptTokens: Int32Array;
  readonly outputTokens: Int32Array;
  /** Ids of the prompts' blocks, all in a row: those of request i end before `ends[i]`. null = the trace has none. */
  readonly blocks: { readonly ids: Int32Array; readonly ends: Int32Array } | null;
}

/** One request of a trace, as its prompt and answer are to be. */
export interface TracedRequest {
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Prompts share the text of the blocks whose ids they share; BLOCK_TOKENS each, the last what is left. */
  readonly blocks: Int32Array;
}

/** Of Mooncake's `hash_ids`. */
export const BLOCK_TOKENS = 512;
const NO_BLOCKS = new Int32Array(0);

export function tracedRequest({ promptTokens, outputTokens, blocks }: Trace, index: number): TracedRequest {
  return {
    promptTokens: promptTokens[index]!,
    outputTokens: outputTokens[index]!,
    blocks: blocks === null ? NO_BLOCKS : blocks.ids.subarray(blocks.ends[index - 1] ?? 0, blocks.ends[index]),
  };
}

/** The first request at `ms` of the sped-up trace or later; the number of requests where there is none. */
export function firstFrom({ atMs }: Trace, ms: number): number {
  let low = 0;
  let high = atMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (atMs[middle]! < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Reads what comes in the first `untilMs` of the trace at that speed; the format is told by the first line.
 * Lengths of 0 become 1: a request was made, and none can ask for less.
 * @throws PlimsollError INPUT_NOT_FOUND; WORKLOAD_INVALID naming file and line, also where times go back
 */
export function readTrace(path: string, speedup: number, untilMs: number): Trace {
  const atMs = column(Float64Array);
  const promptTokens = column(Int32Array);
  const outputTokens = column(Int32Array);
  const ids = column(Int32Array);
  const ends = column(Int32Array);
  let format: Format | null = null;
  let startMs = Number.NaN;
  let beforeMs = Number.NEGATIVE_INFINITY;
  let over = false;

  function take(text: string, line: number): void {
    if (over || text.trim() === '') return;
    const wrong = (what: string): PlimsollError => invalid(`${path}:${line}: ${what}`);
    if (format === null) {
      const told = formatOf(text);
      if (told === null) throw wrong(`expected a trace, found ${shown(text)}`);
      format = told.format;
      if (told.isHeader) return;
    }
    const entry = format(text);
    if (typeof entry === 'string') throw wrong(entry);
    if (entry.ms < beforeMs) throw wrong('this request came before the one above it; a trace is in order of time');
    beforeMs = entry.ms;
    if (Number.isNaN(startMs)) startMs = entry.ms;
    const at = (entry.ms - startMs) / speedup;
    over = at >= untilMs;
    if (over) return;
    atMs.push(at);
    promptTokens.push(Math.max(1, entry.promptTokens));
    outputTokens.push(Math.max(1, entry.outputTokens));
    for (const id of entry.blocks) ids.push(id);
    ends.push(ids.length);
  }

  const hash = eachLine(path, take, 'stages.benchmark.replay.file');
  if (atMs.length === 0) throw invalid(`${path} has no requests`);
  return {
    hash,
    speedup,
    atMs: atMs.shared(),
    promptTokens: promptTokens.shared(),
    outputTokens: outputTokens.shared(),
    blocks: ids.length === 0 ? null : { ids: ids.shared(), ends: ends.shared() },
  };
}

const invalid = (message: string): PlimsollError =>
  new PlimsollError('WORKLOAD_INVALID', message, {
    hint: 'A trace is Mooncake JSONL ({"timestamp", "input_length", "output_length"}), or CSV with the columns of Azure (TIMESTAMP,ContextTokens,GeneratedTokens) or of BurstGPT (Timestamp,…,Request tokens,Response tokens,…).',
  });

const shown = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text);

interface Entry {
  readonly ms: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly blocks: readonly number[];
}

/** A line's entry, or what is wrong with it. */
type Format = (text: string) => Entry | string;

function formatOf(first: string): { readonly format: Format; readonly isHeader: boolean } | null {
  if (first.trimStart().startsWith('{')) return { format: readMooncake, isHeader: false };
  const header = first.trim().split(',');
  const csv = (columns: readonly [string, string, string], toMs: (text: string) => number) => {
    const places = columns.map((name) => header.indexOf(name));
    return places.includes(-1) ? null : { format: readCsv(columns, places, toMs), isHeader: true };
  };
  return (
    csv(['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'], readDate) ??
    csv(['Timestamp', 'Request tokens', 'Response tokens'], (text) => Number(text) * 1_000)
  );
}

function readMooncake(text: string): Entry | string {
  let line: Record<string, unknown>;
  try {
    line = JSON.parse(text);
  } catch (error) {
    return `not JSON (${(error as Error).message})`;
  }
  const { timestamp, input_length: promptTokens, output_length: outputTokens, hash_ids: blocks = [] } = line ?? {};
  if (typeof timestamp !== 'number') return wrongField('timestamp', timestamp, 'milliseconds');
  if (!isLength(promptTokens)) return wrongField('input_length', promptTokens, LENGTH);
  if (!isLength(outputTokens)) return wrongField('output_length', outputTokens, LENGTH);
  if (!Array.isArray(blocks) || !blocks.every(isLength))
    return wrongField('hash_ids', blocks, `a list, each ${LENGTH}`);
  return { ms: timestamp, promptTokens, outputTokens, blocks };
}

function readCsv(
  columns: readonly [string, string, string],
  places: readonly number[],
  toMs: (text: string) => number,
): Format {
  const [atPlace, promptPlace, outputPlace] = places as [number, number, number];
  return (text) => {
    const cells = text.trimEnd().split(',');
    const at = cells[atPlace] ?? '';
    const ms = at === '' ? Number.NaN : toMs(at);
    if (!Number.isFinite(ms)) return wrongField(columns[0], at, 'a time');
    const promptTokens = lengthIn(cells[promptPlace]);
    if (!isLength(promptTokens)) return wrongField(columns[1], cells[promptPlace], LENGTH);
    const outputTokens = lengthIn(cells[outputPlace]);
    if (!isLength(outputTokens)) return wrongField(columns[2], cells[outputPlace], LENGTH);
    return { ms, promptTokens, outputTokens, blocks: [] };
  };
}

const LENGTH = 'a whole number from 0 to 2147483647';
const isLength = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0x7fffffff;
const lengthIn = (cell: string | undefined): number => (cell === undefined || cell === '' ? Number.NaN : Number(cell));
const wrongField = (name: string, value: unknown, expected: string): string =>
  `"${name}" is ${value === undefined ? 'missing' : JSON.stringify(value)}; expected ${expected}`;

/** "2023-11-16 18:17:03.9799600", in UTC unless it says otherwise; finer than a Date is. */
function readDate(text: string): number {
  const [, date, time, fraction = '0', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  return date === undefined ? Number.NaN : Date.parse(`${date}T${time}${zone}`) + Number(`0.${fraction}`) * 1_000;
}

type Numbers = Float64Array | Int32Array;

interface Column<Kind extends Numbers> {
  readonly length: number;
  push(value: number): void;
  /** What was pushed, in memory that threads share. */
  shared(): Kind;
}

function column<Kind extends Numbers>(kind: {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike): Kind;
}): Column<Kind> {
  const make = (length: number): Kind => new kind(new SharedArrayBuffer(length * kind.BYTES_PER_ELEMENT));
  let values = make(1_024);
  let length = 0;
  return {
    get length() {
      return length;
    },
    push(value) {
      if (length === values.length) {
        const larger = make(2 * length);
        larger.set(values);
        values = larger;
      }
      values[length++] = value;
    },
    shared: () => values.subarray(0, length) as Kind,
  };
}
