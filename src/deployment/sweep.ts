// Cleans up after Plimsoll processes that could not do it themselves: kill -9, a cancelled job, a lost runner.
// Touches only what the state folder or the marker shows to belong to an owner that is dead.

import { rmSync } from 'node:fs';
import { isAlive, markedBy, membersOf, type ProcessInfo, processTable, sharesPids } from './processes.ts';
import { type OwnerRecord, readOwner, type StoredOwner, storedOwners } from './state.ts';
import { type Teardown, terminateAll } from './teardown.ts';

/** What was done about one owner. */
export interface Swept extends Teardown {
  /** The owner's label and pid; empty and null where its file was damaged and was only removed. */
  readonly label: string;
  readonly ownerPid: number | null;
  readonly commands: readonly string[];
}

/** A leftover has had no one to serve for a while: it gets less time than a deployment that is stopped in order. */
const LONGEST_GRACE_MS = 5_000;

/** Ends the leftovers of dead owners and forgets them; owners that live (or may live, elsewhere) are left alone. */
export async function sweep(): Promise<readonly Swept[]> {
  const dead = storedOwners().filter(({ record }) => record === null || isAlive(record.process) === 'dead');
  return Promise.all(dead.map(cleanUp));
}

/**
 * Ends what one owner left running, dead or not: for the action's post step, where the main step was killed.
 * @param idOrStatePath the owner's id or the path of its state file; one that left nothing gives undefined
 */
export async function cleanUpOwner(idOrStatePath: string): Promise<Swept | undefined> {
  const stored = readOwner(idOrStatePath);
  // An owner in another container has its processes there.
  if (!stored || (stored.record && isAlive(stored.record.process) === 'unknown')) return undefined;
  return cleanUp(stored);
}

async function cleanUp({ path, record }: StoredOwner): Promise<Swept> {
  if (!record) {
    rmSync(path, { force: true });
    return { label: '', ownerPid: null, commands: [], found: 0, forced: false, left: [] };
  }
  const graceMs = Math.min(LONGEST_GRACE_MS, Math.max(0, ...record.children.map((child) => child.stopTimeoutMs)));
  const teardown = await terminateAll(() => leftoversOf(record), graceMs);
  // Kept where something would not die, so that the next start tries again.
  if (teardown.left.length === 0) rmSync(path, { force: true });
  return {
    label: record.label,
    ownerPid: record.process.pid,
    commands: record.children.map((child) => child.command),
    ...teardown,
  };
}

function leftoversOf(record: OwnerRecord): ProcessInfo[] {
  // Pids of an earlier boot of the machine mean nothing now.
  if (!sharesPids(record.process)) return [];
  const table = processTable();
  const found = new Map<number, ProcessInfo>();
  // By marker too: a child may have been spawned and not yet noted when its owner was killed.
  for (const info of markedBy(record.id, table)) found.set(info.pid, info);
  for (const child of record.children) for (const info of membersOf(child, table)) found.set(info.pid, info);
  return [...found.values()];
}
