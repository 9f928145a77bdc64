// What several commands read from the command line and from the files it names.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { PlimsollError } from '../errors.ts';
import { decodeRecord } from '../record/codec.ts';
import type { RunRecord } from '../record/schema.ts';
import { RUN_FILES } from '../runner/folder.ts';

/** A run.json, or the folder of a run that holds one. @throws PlimsollError INPUT_NOT_FOUND, RECORD_* */
export function readRecord(path: string): RunRecord {
  const file = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, RUN_FILES.record) : path;
  return decodeRecord(readInput(file), file);
}

/** @throws PlimsollError INPUT_NOT_FOUND */
export function readInput(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new PlimsollError('INPUT_NOT_FOUND', `Cannot read ${path}: ${(error as Error).message}`, {
      hint: 'Give the run.json (or folder) that `plimsoll run --out` wrote.',
      cause: error,
    });
  }
}

/** Commander's parser of a whole number of at least 1. */
export function atLeastOne(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError(`"${text}" is not a whole number of at least 1`);
  return value;
}

/** As atLeastOne, of at least 2. */
export function atLeastTwo(text: string): number {
  const value = atLeastOne(text);
  if (value < 2) throw new InvalidArgumentError('one boot alone has nothing to differ from: at least 2');
  return value;
}

/** As atLeastOne, of at most `most`. */
export const wholeUpTo =
  (most: number) =>
  (text: string): number => {
    const value = atLeastOne(text);
    if (value > most) throw new InvalidArgumentError(`more than ${most} are of no use`);
    return value;
  };
