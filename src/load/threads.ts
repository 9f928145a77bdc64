// The threads of this process that no program starts, as the system shows them. Only Linux does (proc(5)): elsewhere
// there are none to be seen.

import { readdirSync, readFileSync } from 'node:fs';

/** As Node and V8 name them (pthread_setname_np cuts at 15 characters): who compiles, and who reads and packs files. */
export const COMPILERS = /^V8Worker/;
export const HELPERS = /^(V8Worker|libuv-worker|DelayedTaskSche)/;

/** Ids of the threads with such a name. */
export function threadsNamed(name: RegExp): number[] {
  return ids().filter((id) => name.test(read(id, 'comm') ?? ''));
}

/** CPU time that those threads have had, in ms; null where the system does not tell. */
export function cpuMsOf(threads: readonly number[]): number | null {
  const used = threads.flatMap((id) => read(id, 'schedstat') ?? []);
  return used.length === 0 ? null : used.reduce((sum, text) => sum + Number(text.split(' ', 1)[0]) / 1e6, 0);
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
