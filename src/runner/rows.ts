// Reads the row files of a run back, in a stream: a million requests are more text than memory should hold at once.
// In: the folder and its record. Out: the digest for the page, of what could be read.

import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { PlimsollError } from '../errors.ts';
import { decodeRow, decodeSample } from '../record/rows.ts';
import type { RunRecord } from '../record/schema.ts';
import { createDigest, type RunDigest } from '../report/digest.ts';
import { RUN_FILES } from './folder.ts';

/** Never throws: what is missing or damaged is named in the digest, and what stands before it is used. */
export async function readDigest(folder: string, record: RunRecord): Promise<RunDigest> {
  const digest = createDigest(record);
  const problems = [
    await eachLine(folder, RUN_FILES.requests, (line, where) => digest.addRow(decodeRow(line, where))),
    await eachLine(folder, RUN_FILES.series, (line, where) => digest.addSample(decodeSample(line, where))),
  ].filter((problem) => problem !== null);
  return digest.result(problems.length > 0 ? problems.join(' ') : null);
}

/** @returns what kept it from reading on; null = it read to the end */
async function eachLine(
  folder: string,
  name: string,
  take: (line: string, where: string) => void,
): Promise<string | null> {
  const path = join(folder, name);
  if (!existsSync(path)) return `${name} is not there.`;
  // pipeline: whatever fails, reading or unpacking, ends the lines with it.
  const text = pipeline(createReadStream(path), createGunzip(), () => {});
  let number = 0;
  try {
    for await (const line of createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (line !== '') take(line, `${name}:${number}`);
    }
    return null;
  } catch (error) {
    // A killed run leaves a stream without its end.
    return error instanceof PlimsollError
      ? error.message
      : `${name} breaks off after line ${number}: ${(error as Error).message}.`;
  } finally {
    text.destroy();
  }
}
