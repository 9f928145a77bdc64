// Flags of V8's that a load on few cores needs. They count only from a process's first moment, so that it starts over
// with them: the same process, its memory replaced. See docs/decisions/0017.

import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Of Node 24. Another V8 may know other flags, and Node does not start with one that it does not know. */
const TESTED_V8 = '13.6.';
const FLAGS = [
  // One thread collects a heap's garbage: its own.
  '--single-threaded-gc',
  // What lived through two collections of an exercise is garbage in the load all the same: to make it in the old space
  // from then on fills that, and makes each collection four times as long.
  '--no-allocation-site-pretenuring',
  // Looking through the old space begins when 70 % of its room are used, and not as soon as less is left than a young
  // generation: that much was left after the exercise, so that each load was looked through in its first seconds.
  '--incremental-marking-soft-trigger=70',
  // And that room is 48 MB, of which a load uses half: it is not looked through at all, unless it grows.
  '--initial-old-space-size=48',
  // Compiled after so many calls and not after 3,000: in the exercise before a load (load/limber.ts), not during it.
  '--invocation-count-for-turbofan=500',
  // By one thread, which keeps little in hand at a time; what the exercise has for it at once waits and is not sent away.
  '--v8-pool-size=1',
  '--concurrent-recompilation-queue-length=40',
];
/** V8's pool under Node without these flags: so many more threads would take part in each collection. */
const POOL = 4;

/**
 * Returns where nothing is to be gained, or where the system can't. Else never: the process runs the same script with
 * the same arguments again. Call it before anything is opened, and before modules that take long to load.
 *
 * @param cores that this process may use
 */
export function startOverForLoad(cores: number = availableParallelism()): void {
  const { execve, execPath, execArgv, argv, env, versions } = process;
  // With a core for each of them, helpers make a collection shorter. A channel to a parent would not survive.
  if (cores > POOL || execArgv.includes(FLAGS[0]!) || process.connected || execve === undefined) return;
  if (!versions.v8.startsWith(TESTED_V8)) return;
  try {
    // Node aborts where the system refuses: its file may have been replaced meanwhile, as updates do.
    accessSync(execPath, constants.X_OK);
    execve.call(process, execPath, [execPath, ...execArgv, ...FLAGS, ...argv.slice(1)], env);
  } catch {
    // Not on this system: a load whose tails are longer is still one, and says so of itself.
  }
}
