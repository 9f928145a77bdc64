// A file of lines that grows while a load runs: gzip'd NDJSON, of members that are complete (RFC 1952 allows several),
// written twice a second, so that it can be read up to where it broke off; an empty member says that it did not. Takes no
// more memory than a slow disk is behind, and says so when the disk is too far behind.

import { closeSync, createWriteStream, fstatSync, openSync, readSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
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

const WRITE_MS = 500;
/** From so many characters on they become a member: smaller ones cost and take up more, larger ones hold this thread up. */
const MEMBER_LENGTH = 64 * 1024;
/**
 * Speed over size: the row path shares the cores with the load. In this thread: to pass them to zlib's and to hear back
 * costs as much, and those keep the sender from its core more often (docs/decisions/0019).
 */
const GZIP = { level: 1 };
/** Written at once from so many on, or with the time: each write is a trip to another thread and back. */
const WRITE_BYTES = 64 * 1024;
/** Of 10,000 requests a second half a minute and more: a plain one's row is 40 bytes, a streamed one's about 100. */
const MOST_WAITING_BYTES = 32 * 1024 * 1024;
/** What a member ends with: checksum and length. Both are 0 in an empty one, and in no other. */
const TRAILER_BYTES = 8;

/** Whether it was closed, and nothing of it was lost. @throws what reading it throws */
export function isWhole(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const trailer = Buffer.alloc(TRAILER_BYTES, 1);
    const { size } = fstatSync(file);
    readSync(file, trailer, 0, TRAILER_BYTES, Math.max(0, size - TRAILER_BYTES));
    return trailer.every((byte) => byte === 0);
  } finally {
    closeSync(file);
  }
}

export function openRowFile(path: string, mostWaitingBytes = MOST_WAITING_BYTES): RowFile {
  const file = createWriteStream(path);
  let text = '';
  let members: Buffer[] = [];
  let memberBytes = 0;
  /** Handed to the stream, and not on disk. It knows too, but its state changes its shape with the first write. */
  let waitingBytes = 0;
  let failure: Error | null = null;
  let writing: NodeJS.Timeout | null = null;
  const fail = (error: Error): void => {
    failure ??= error;
    file.destroy();
  };
  file.on('error', fail);
  const check = (): void => {
    if (failure === null) return;
    throw new PlimsollError('OUT_NOT_WRITABLE', `Cannot write ${path}: ${failure.message}`, {
      hint: 'Is the disk full? Choose another folder with --out.',
      cause: failure,
    });
  };
  const compress = (): void => {
    const lines = text;
    text = '';
    try {
      const member = gzipSync(lines, GZIP);
      members.push(member);
      memberBytes += member.length;
    } catch (error) {
      fail(error as Error);
    }
  };
  const write = (): void => {
    if (memberBytes === 0 || failure !== null) return;
    const bytes = Buffer.concat(members, memberBytes);
    members = [];
    memberBytes = 0;
    waitingBytes += bytes.length;
    file.write(bytes, () => {
      waitingBytes -= bytes.length;
    });
  };
  return {
    append(lines) {
      check();
      if (lines.length === 0) return;
      text += `${lines.join('\n')}\n`;
      if (text.length >= MEMBER_LENGTH) compress();
      if (memberBytes >= WRITE_BYTES) write();
      if (waitingBytes > mostWaitingBytes)
        fail(new Error(`the disk is too slow: ${(waitingBytes / 1e6).toFixed(1)} MB are waiting for it`));
      check();
      writing ??= setTimeout(() => {
        writing = null;
        if (text !== '') compress();
        write();
      }, WRITE_MS);
    },
    async close() {
      if (writing !== null) clearTimeout(writing);
      if (text !== '') compress();
      // Of no text: the empty member that says that nothing is missing.
      compress();
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
