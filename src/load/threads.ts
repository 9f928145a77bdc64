// The threads of this process that no program starts, as the system shows them. Only Linux does (proc(5)): elsewhere
// there are none to be seen.

import { readdirSync, readFileSync } from 'node:fs';

/** As Node and V8 name them (pthread_setname_np cuts at 15 characters): who compiles, and who reads and writes files. */
export const COMPILERS = /^V8Worker/;
export const HELPERS = /^(V8Worker|libuv-worker|DelayedTaskSche)/;

/** Ids of the threads with such a name. */
export function threadsNamed(name: RegExp): number[] {
  return ids().filter((id) => name.test(read(id, 'comm') ?? ''));
}

export interface ThreadTimes {
  /** On a core. */
  readonly ranMs: number;
  /** Ready for one that others had. */
  readonly waitedMs: number;
}

/** Of those threads together, since each began; null where the system does not tell. */
export function timesOf(threads: readonly number[]): ThreadTimes | null {
  const lines = threads.flatMap((id) => read(id, 'schedstat') ?? []);
  if (lines.length === 0) return null;
  const sumMs = (field: number): number => lines.reduce((sum, line) => sum + Number(line.split(' ')[field]) / 1e6, 0);
  return { ranMs: sumMs(0), waitedMs: sumMs(1) };
}

function ids(): number[] {
  try {
    return readdirSync('/proc/self/task').map(Number);
  } catch {
    return [];
  }
}

/** Null also where the thread has ended meanwhile. */
function read(id: number, file: 'comm' | 'schedstat'): string | null {
  try {
    return readFileSync(`/proc/self/task/${id}/${file}`, 'latin1');
  } catch {
    return null;
  }
}
