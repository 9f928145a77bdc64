// A file of lines that grows while a load runs: gzip'd NDJSON, flushed twice a second, so that it can be read up to where
// it broke off. Takes no more memory than a slow disk is behind, and says so when the disk is too far behind.

import { createWriteStream } from 'node:fs';
import { constants, Gzip } from 'minizlib';
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
/** Speed over size: the row path shares the cores with the load. */
const LEVEL = 1;
/** Written at once from so many on, or with the time: each write is a trip to another thread and back. */
const WRITE_BYTES = 64 * 1024;
/** Of 10,000 requests a second half a minute and more: a plain one's row is 40 bytes, a streamed one's about 100. */
const MOST_WAITING_BYTES = 32 * 1024 * 1024;

export function openRowFile(path: string, mostWaitingBytes = MOST_WAITING_BYTES): RowFile {
  const file = createWriteStream(path);
  // In this thread, unlike node:zlib's: to pass rows to zlib's threads and to hear back costs as much as to compress them,
  // and those keep the sender from its core more often (docs/decisions/0019).
  const gzip = new Gzip({ level: LEVEL });
  let packed: Buffer[] = [];
  let packedBytes = 0;
  /** Handed to the stream, and not on disk. It knows too, but its state changes its shape with the first write. */
  let waitingBytes = 0;
  let failure: Error | null = null;
  let flushing: NodeJS.Timeout | null = null;
  const fail = (error: Error): void => {
    failure ??= error;
    file.destroy();
  };
  file.on('error', fail);
  gzip.on('error', (error) => fail(error as Error));
  gzip.on('data', (bytes) => {
    packed.push(bytes);
    packedBytes += bytes.length;
  });
  const check = (): void => {
    if (failure === null) return;
    throw new PlimsollError('OUT_NOT_WRITABLE', `Cannot write ${path}: ${failure.message}`, {
      hint: 'Is the disk full? Choose another folder with --out.',
      cause: failure,
    });
  };
  const write = (): void => {
    if (packedBytes === 0 || failure !== null) return;
    const bytes = Buffer.concat(packed, packedBytes);
    packed = [];
    packedBytes = 0;
    waitingBytes += bytes.length;
    file.write(bytes, () => {
      waitingBytes -= bytes.length;
    });
  };
  return {
    append(lines) {
      check();
      if (lines.length === 0) return;
      gzip.write(`${lines.join('\n')}\n`);
      if (packedBytes >= WRITE_BYTES) write();
      if (waitingBytes > mostWaitingBytes)
        fail(new Error(`the disk is too slow: ${(waitingBytes / 1e6).toFixed(1)} MB are waiting for it`));
      check();
      flushing ??= setTimeout(() => {
        flushing = null;
        gzip.flush(constants.Z_SYNC_FLUSH);
        write();
      }, FLUSH_MS);
    },
    async close() {
      if (flushing !== null) clearTimeout(flushing);
      gzip.end();
      write();
      if (failure === null) {
        await new Promise<void>((resolve) => {
          file.once('close', resolve);
          file.end();
        });
      }
      check();
    },
  };
}
