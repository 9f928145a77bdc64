// Reads a text file line by line, whatever its size. In: a path. Out: each line to a callback, and the sha256 of all.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { PlimsollError } from '../errors.ts';

const CHUNK_BYTES = 256 * 1_024;

/**
 * Calls `take` with each line (1-based), without its end; a byte order mark is left out.
 * @param field of the configuration that names the file, for the hint
 * @returns sha256 of the bytes, hex
 * @throws PlimsollError INPUT_NOT_FOUND; what `take` throws
 */
export function eachLine(path: string, take: (text: string, line: number) => void, field: string): string {
  let line = 0;
  let rest = '';
  const hash = eachChunk(
    path,
    (text) => {
      const lines = text.split('\n');
      lines[0] = rest + lines[0];
      rest = lines.pop()!;
      for (const each of lines) take(each, ++line);
    },
    field,
  );
  if (rest !== '') take(rest, line + 1);
  return hash;
}

/** Calls `take` with the decoded text of the file, piece by piece. Otherwise as eachLine. */
export function eachChunk(path: string, take: (text: string) => void, field: string): string {
  const hash = createHash('sha256');
  const decoder = new StringDecoder('utf8');
  const buffer = Buffer.alloc(CHUNK_BYTES);
  const file = attempt(() => openSync(path, 'r'), path, field);
  let first = true;
  try {
    for (;;) {
      const bytes = buffer.subarray(
        0,
        attempt(() => readSync(file, buffer), path, field),
      );
      if (bytes.length === 0) break;
      hash.update(bytes);
      const text = decoder.write(bytes);
      take(first ? text.replace(/^\uFEFF/, '') : text);
      first = false;
    }
    take(decoder.end());
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

/** A folder opens, and only its reading fails. */
function attempt<T>(action: () => T, path: string, field: string): T {
  try {
    return action();
  } catch (cause) {
    throw new PlimsollError('INPUT_NOT_FOUND', `Cannot read ${path}: ${(cause as Error).message}`, {
      hint: `${field} is looked for beside the configuration file.`,
      cause,
    });
  }
}
