// The machine for one run at a time: what dead ones left is ended, and the deployment's place and the folder of the
// files are locked until the caller lets go.

import type { Config } from '../config/schema.ts';
import { acquireLocks, type Lock, lockNames } from '../deployment/lock.ts';
import { type Swept, sweep } from '../deployment/sweep.ts';
import { folderLock } from './folder.ts';
import type { Progress } from './progress.ts';

export interface MachineOptions {
  readonly config: Config;
  /** Deployments that are booted in turn with it. */
  readonly others?: readonly Config['deployment'][];
  /** Tells others who has it. */
  readonly label: string;
  readonly out: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** @throws PlimsollError LOCK_TIMEOUT, CANCELLED */
export async function takeMachine(options: MachineOptions): Promise<Lock> {
  const { config, others = [], label, out, progress, signal } = options;
  for (const swept of await sweep()) progress.warn(describeSwept(swept));
  // The folder too: a second run must not clear the files of one that is still writing them.
  const named = await Promise.all([config.deployment, ...others].map(lockNames));
  const locks = [...new Set(named.flat()), folderLock(out)];
  return acquireLocks(locks, {
    label,
    waitMs: config.lock.wait,
    onWait: (message) => progress.note(message),
    signal,
  });
}

function describeSwept({ label, ownerPid, commands, found, left }: Swept): string {
  const whose = ownerPid === null ? 'a damaged state file' : `run "${label}" (process ${ownerPid})`;
  const what = commands.length > 0 ? `: ${commands.join(', ')}` : '';
  const stuck =
    left.length > 0 ? `; still alive: ${left.map((process) => `${process.pid} ${process.command}`).join(', ')}` : '';
  return `ended what an earlier run left behind: ${found} process${found === 1 ? '' : 'es'} of ${whose}${what}${stuck}`;
}
