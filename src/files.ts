// The one place that writes files: to a temporary name beside the target, then a rename, so that a reader
// (or a run killed half-way) never sees half a file.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { PlimsollError } from './errors.ts';

/**
 * Writes `content` to `path` atomically, making its folder where it is missing.
 * @throws PlimsollError OUT_NOT_WRITABLE, naming the path and the system's reason
 */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, content);
    renameSync(temporary, path);
  } catch (error) {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // The folder itself is what is wrong; the first error says so.
    }
    throw new PlimsollError('OUT_NOT_WRITABLE', `Cannot write ${path}: ${(error as Error).message}`, {
      hint: 'Check that the folder exists, belongs to this user and has room, or choose another with --out.',
      cause: error,
    });
  }
}
