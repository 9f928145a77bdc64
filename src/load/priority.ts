// Who runs first where cores are few: the threads that send and read, before those that compile, collect garbage and
// compress for them. A thread that is put off by a slice of the scheduler (3 ms and more) sends and reads late by it.

import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** As Node and V8 name them (pthread_setname_np cuts at 15 characters). */
const HELPERS = /^(V8Worker|libuv-worker|DelayedTaskSche)/;
/**
 * A tenth of a sender's share where both want the core. At the lowest (19: a seventieth) the code of a sender that needs
 * all of its core stays uncompiled for seconds, and it sends a third of what it could. No way back: raising a priority
 * needs a privilege.
 */
const BEHIND = 10;

/**
 * Lowers the priority of this process's helper threads for good. Not that of the main thread: what it starts, the
 * deployment above all, inherits it. Does nothing where the system does not name threads (only Linux does).
 */
export function putHelpersBehind(): void {
  for (const id of threads()) {
    try {
      if (HELPERS.test(readFileSync(`/proc/self/task/${id}/comm`, 'latin1'))) setPriority(Number(id), BEHIND);
    } catch {
      // It has ended meanwhile, or may not be touched: then it stays as it is.
    }
  }
}

function threads(): string[] {
  try {
    return readdirSync('/proc/self/task');
  } catch {
    return [];
  }
}
