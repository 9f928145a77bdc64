// What a sender asks of the system's scheduler: to be awakened when it is due, and to run before the threads that work
// for it: those that compile, collect garbage, write files, and the main one, which takes its rows. A thread that is put off
// by a slice (3 ms and more) sends and reads late by it.

import { readlinkSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { basename } from 'node:path';
import { HELPERS, threadsNamed } from './threads.ts';

/**
 * In nice values; each step is a quarter more of a core that both want. Five ahead of it, the main thread still gets what it
 * needs where the sender could use all of the core: at ten, rows of 12,000 requests a second piled up. The helpers are ten
 * behind the sender: nineteen behind, its code stays uncompiled for seconds, and it sends a third of what it could.
 */
const STEPS = 5;
const FIRST = -20;
const LAST = 19;

/**
 * Puts this thread before the others of its process, for good, and lets its sleeps end when they are due. Once for each
 * thread. Does nothing where the system does not show its threads (only Linux does), nor what this user may not do: what
 * that costs is in the delays that are recorded.
 */
export function takePrecedence(): void {
  const thread = ownThread();
  if (thread === null) return;
  // The main thread's too, which made this one.
  const base = getPriority(thread);
  // A privilege. The main thread never goes behind: what it starts, the deployment above all, inherits its priority.
  const isAhead = prioritise(thread, base - STEPS);
  for (const helper of threadsNamed(HELPERS)) prioritise(helper, base + (isAhead ? STEPS : 2 * STEPS));
  wakeOnTime(thread);
}

/** Of this thread: `self` would be the main one's. */
function ownThread(): number | null {
  try {
    return Number(basename(readlinkSync('/proc/thread-self')));
  } catch {
    return null;
  }
}

function prioritise(thread: number, nice: number): boolean {
  try {
    setPriority(thread, Math.min(LAST, Math.max(FIRST, nice)));
    return true;
  } catch {
    // It may not be touched, or has ended meanwhile.
    return false;
  }
}

/**
 * The kernel may lengthen each sleep by 50 µs, to end several at once (PR_SET_TIMERSLACK of prctl(2)): a third of a
 * sender's naps. To change that needs no privilege.
 */
function wakeOnTime(thread: number): void {
  try {
    writeFileSync(`/proc/${thread}/timerslack_ns`, '1');
  } catch {
    // No such file here.
  }
}
