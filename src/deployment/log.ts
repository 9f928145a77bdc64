// The log file that a spawned command writes into directly: its last lines for messages, and the masking of
// what it kept of secrets.

import {
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { stripVTControlCharacters } from 'node:util';
import { PlimsollError } from '../errors.ts';

/** An empty log to hand to a child. Appending: both of its streams share the file, and it may be rotated. */
export function openLog(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND, 0o644);
  } catch (error) {
    throw new PlimsollError(
      'OUT_NOT_WRITABLE',
      `Cannot write the deployment's log ${path}: ${(error as Error).message}`,
      {
        hint: 'Choose another folder with --out.',
        cause: error,
      },
    );
  }
}

const TAIL_BYTES = 16_384;
const LINE_LENGTH = 500;

/**
 * The last lines with something in them, without colours and control characters; empty where there is no log.
 * Masked before they are cut: half a secret is not recognised any more.
 */
export function lastLines(path: string, count = 20, mask = (text: string): string => text): string[] {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(0, size - TAIL_BYTES);
    const buffer = Buffer.alloc(size - start);
    const text = buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, start));
    const lines = text.split(/\r\n|\n|\r/);
    // The first one is cut anywhere when the log is longer.
    return (start > 0 ? lines.slice(1) : lines)
      .map((line) =>
        mask(
          stripVTControlCharacters(line)
            .replaceAll(/\p{Cc}/gu, ' ')
            .trimEnd(),
        ).slice(0, LINE_LENGTH),
      )
      .filter((line) => line !== '')
      .slice(-count);
  } finally {
    closeSync(file);
  }
}

/** "\nLast lines of LOG:\n  | …", or that it is empty. */
export function quoteLog(path: string, lines: readonly string[]): string {
  if (lines.length === 0) return `\nIts log (${path}) is empty.`;
  return `\nLast lines of its log (${path}):\n${lines.map((line) => `  | ${line}`).join('\n')}`;
}

/**
 * Rewrites a finished log with `mask` over every line: logs become artifacts, and engines print their arguments. Where
 * that can't be done (a full disk), a note takes the place of a log that holds secrets.
 * Rejects where the log can't be read.
 */
export async function maskLog(path: string, mask: (text: string) => string): Promise<void> {
  if (!(await holdsSecrets(path, mask))) return;
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await pipeline(async function* () {
      for await (const line of linesOf(path)) yield `${mask(line)}\n`;
    }, createWriteStream(temporary));
    renameSync(temporary, path);
  } catch (error) {
    const reason = (error as Error).message;
    writeFileSync(path, `[plimsoll] This log held secrets that could not be masked (${reason}), so it was emptied.\n`);
  } finally {
    rmSync(temporary, { force: true });
  }
}

async function holdsSecrets(path: string, mask: (text: string) => string): Promise<boolean> {
  for await (const line of linesOf(path)) if (mask(line) !== line) return true;
  return false;
}

const linesOf = (path: string) =>
  createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
