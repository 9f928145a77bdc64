// What a sender asks of the system's scheduler: to be awakened when it is due, and to run before the threads that
// compile, collect garbage and compress for it. A thread that is put off by a slice (3 ms and more) sends and reads late
// by it.

import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';

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

/**
 * Lets this thread's sleeps end when they are due. The kernel may lengthen each by 50 µs, to end several at once
 * (PR_SET_TIMERSLACK of prctl(2)), a third of a sender's naps. Needs no privilege; does nothing where
 * there is no such file (only Linux has it).
 */
export function wakeOnTime(): void {
  try {
    // Of this thread: `self` would be the main one's.
    writeFileSync(`/proc/${basename(readlinkSync('/proc/thread-self'))}/timerslack_ns`, '1');
  } catch {
    // As it was, then: what that costs is in the delays that are recorded.
  }
}

function threads(): string[] {
  try {
    return readdirSync('/proc/self/task');
  } catch {
    return [];
  }
}
