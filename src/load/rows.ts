// Rows on their way from a worker's thread to the main one: numbers in one array that is handed over, not copied, so
// that a row costs a third of a microsecond and not the five of cloning an object of 26 fields. Pure.

import { OUTCOMES, type Timeline, type TokenSource } from './timeline.ts';

/** Plain data that crosses threads; `numbers.buffer` may be transferred. */
export interface PackedRows {
  readonly count: number;
  /** WIDTH for each row; NaN = null. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** For each row: error, finish, serverId. */
  readonly texts: readonly (string | null)[];
}

const WIDTH = 19;
const TEXTS = 3;
const SOURCES: readonly (TokenSource | null)[] = [null, 'usage', 'chunks'];

/** All of one worker. */
export function packRows(rows: readonly Timeline[]): PackedRows {
  const numbers = new Float64Array(rows.length * WIDTH);
  const texts = new Array<string | null>(rows.length * TEXTS);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const at = i * WIDTH;
    numbers[at] = row.request;
    numbers[at + 1] = row.phase;
    numbers[at + 2] = row.plannedMs ?? Number.NaN;
    numbers[at + 3] = row.sentMs;
    numbers[at + 4] = row.headersMs ?? Number.NaN;
    numbers[at + 5] = row.firstByteMs ?? Number.NaN;
    numbers[at + 6] = row.firstTokenMs ?? Number.NaN;
    numbers[at + 7] = row.firstContentMs ?? Number.NaN;
    numbers[at + 8] = row.lastTokenMs ?? Number.NaN;
    numbers[at + 9] = row.endMs;
    numbers[at + 10] = row.status ?? Number.NaN;
    numbers[at + 11] = row.promptTokens ?? Number.NaN;
    numbers[at + 12] = row.outputTokens ?? Number.NaN;
    numbers[at + 13] = row.maxTokens;
    numbers[at + 14] = row.chunks;
    numbers[at + 15] = row.coalesced;
    numbers[at + 16] = row.bytes;
    numbers[at + 17] = row.connectMs ?? Number.NaN;
    numbers[at + 18] =
      OUTCOMES.indexOf(row.outcome) * 16 +
      SOURCES.indexOf(row.tokenSource) * 4 +
      (row.reused ? 2 : 0) +
      (row.retried ? 1 : 0);
    texts[i * TEXTS] = row.error;
    texts[i * TEXTS + 1] = row.finish;
    texts[i * TEXTS + 2] = row.serverId;
  }
  return { count: rows.length, numbers, texts };
}

export function unpackRows({ count, numbers, texts }: PackedRows, worker: number): Timeline[] {
  const rows = new Array<Timeline>(count);
  for (let i = 0; i < count; i++) {
    const at = i * WIDTH;
    const packed = numbers[at + 18]!;
    rows[i] = {
      request: numbers[at]!,
      phase: numbers[at + 1]!,
      worker,
      plannedMs: known(numbers[at + 2]!),
      sentMs: numbers[at + 3]!,
      headersMs: known(numbers[at + 4]!),
      firstByteMs: known(numbers[at + 5]!),
      firstTokenMs: known(numbers[at + 6]!),
      firstContentMs: known(numbers[at + 7]!),
      lastTokenMs: known(numbers[at + 8]!),
      endMs: numbers[at + 9]!,
      outcome: OUTCOMES[packed >> 4]!,
      status: known(numbers[at + 10]!),
      error: texts[i * TEXTS]!,
      promptTokens: known(numbers[at + 11]!),
      outputTokens: known(numbers[at + 12]!),
      tokenSource: SOURCES[(packed >> 2) & 3]!,
      maxTokens: numbers[at + 13]!,
      chunks: numbers[at + 14]!,
      coalesced: numbers[at + 15]!,
      bytes: numbers[at + 16]!,
      finish: texts[i * TEXTS + 1]!,
      reused: (packed & 2) !== 0,
      connectMs: known(numbers[at + 17]!),
      retried: (packed & 1) !== 0,
      serverId: texts[i * TEXTS + 2]!,
    };
  }
  return rows;
}

const known = (number: number): number | null => (Number.isNaN(number) ? null : number);
