// A file of lines that grows while a load runs: gzip'd NDJSON, of members that are complete (RFC 1952 allows several),
// written twice a second, so that it can be read up to where it broke off. Takes no more memory than a slow disk is
// behind, and says so when the disk is too far behind.

import { createWriteStream } from 'node:fs';
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
/** What becomes one member, in characters: smaller ones cost and take up more, larger ones hold this thread up for longer. */
const MEMBER_LENGTH = 64 * 1024;
/**
 * Speed over size: the row path shares the cores with the load. In this thread: to pass them to zlib's and to hear back
 * costs as much, and those keep the sender from its core more often (docs/decisions/0019).
 */
const GZIP = { level: 1 };
/** What is written at once, at most: each write is a trip to another thread and back. */
const WRITE_BYTES = 64 * 1024;
/** Half a minute of 10,000 requests a second. */
const MOST_WAITING_BYTES = 16 * 1024 * 1024;

export function openRowFile(path: string, mostWaitingBytes = MOST_WAITING_BYTES): RowFile {
  const file = createWriteStream(path);
  let text = '';
  let members: Buffer[] = [];
  let memberBytes = 0;
  let isEmpty = true;
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
    const member = gzipSync(text, GZIP);
    text = '';
    members.push(member);
    memberBytes += member.length;
    isEmpty = false;
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
    if (waitingBytes > mostWaitingBytes)
      fail(new Error(`the disk is too slow: ${(waitingBytes / 1e6).toFixed(1)} MB are waiting for it`));
  };
  return {
    append(lines) {
      check();
      if (lines.length === 0) return;
      text += `${lines.join('\n')}\n`;
      if (text.length >= MEMBER_LENGTH) compress();
      if (memberBytes >= WRITE_BYTES) write();
      writing ??= setTimeout(() => {
        writing = null;
        if (text !== '') compress();
        write();
      }, WRITE_MS);
    },
    async close() {
      if (writing !== null) clearTimeout(writing);
      // Without a line, too: a file without a member is not gzip's.
      if (text !== '' || isEmpty) compress();
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
