// A file of lines that grows while a load runs: gzip'd NDJSON, flushed twice a second, so that it can be read up to
// where it broke off. Takes no more memory than a slow disk is behind, and says so when the disk is too far behind.

import { createWriteStream } from 'node:fs';
import { constants, createGzip } from 'node:zlib';
import { PlimsollError } from '../errors.ts';

export interface RowFile {
  /**
   * Lines without their line feed.
   * @throws PlimsollError OUT_NOT_WRITABLE where an earlier one could not be written, or too many are waiting
   */
  append(lines: readonly string[]): void;
  /**
   * Resolves once all is on disk.
   * @throws PlimsollError OUT_NOT_WRITABLE
   */
  close(): Promise<void>;
}

const FLUSH_MS = 500;
/** What is written at once, in characters: each piece is a trip to another thread and back. */
const PIECE_LENGTH = 16 * 1024;
/** Half a minute of 10,000 requests a second. */
const MOST_WAITING_BYTES = 128 * 1024 * 1024;

export function openRowFile(path: string, mostWaitingBytes = MOST_WAITING_BYTES): RowFile {
  const file = createWriteStream(path);
  // Speed over size: the row path shares the cores with the load.
  const gzip = createGzip({ level: 1 });
  let piece = '';
  /** Handed to gzip, and not through it. The stream knows too, but its state changes its shape with the first write. */
  let waitingBytes = 0;
  let failure: Error | null = null;
  let flushing: NodeJS.Timeout | null = null;
  const fail = (error: Error): void => {
    failure ??= error;
    gzip.destroy();
    file.destroy();
  };
  file.on('error', fail);
  gzip.on('error', fail);
  gzip.pipe(file);
  const check = (): void => {
    if (failure === null) return;
    throw new PlimsollError('OUT_NOT_WRITABLE', `Cannot write ${path}: ${failure.message}`, {
      hint: 'Is the disk full? Choose another folder with --out.',
      cause: failure,
    });
  };
  const write = (): void => {
    if (piece === '' || failure !== null) return;
    const bytes = Buffer.from(piece);
    piece = '';
    waitingBytes += bytes.length;
    gzip.write(bytes, () => {
      waitingBytes -= bytes.length;
    });
  };
  return {
    append(lines) {
      check();
      if (lines.length === 0) return;
      piece += `${lines.join('\n')}\n`;
      if (piece.length >= PIECE_LENGTH) write();
      if (waitingBytes > mostWaitingBytes) {
        fail(new Error(`the disk is too slow: ${Math.round(waitingBytes / 1e6)} MB are waiting for it`));
        check();
      }
      flushing ??= setTimeout(() => {
        flushing = null;
        write();
        // What the disk has no time for now is flushed with what comes after it.
        if (failure === null && !gzip.writableNeedDrain) gzip.flush(constants.Z_SYNC_FLUSH);
      }, FLUSH_MS);
    },
    async close() {
      if (flushing !== null) clearTimeout(flushing);
      write();
      if (failure === null) {
        await new Promise<void>((resolve) => {
          file.once('close', resolve);
          gzip.end();
        });
      }
      check();
    },
  };
}
