// Cleans up after Plimsoll processes that could not do it themselves: kill -9, a cancelled job, a lost runner.
// Touches only what the state folder or the marker shows to belong to an owner that is dead.

import { readlinkSync, rmSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { isAlive, markedBy, membersOf, type ProcessInfo, processTable, readProcess, sharesPids } from './processes.ts';
import { type OwnerRecord, readOwner, type StoredOwner, storedOwners } from './state.ts';
import { type Teardown, terminateAll } from './teardown.ts';

/** What was done about one owner. */
export interface Swept extends Teardown {
  /** The owner's label and pid; empty and null where its file was damaged. */
  readonly label: string;
  readonly ownerPid: number | null;
  readonly commands: readonly string[];
}

/** A leftover has had no one to serve for a while: it gets less time than a deployment that is stopped in order. */
const LONGEST_GRACE_MS = 5_000;

/**
 * Ends the leftovers of dead owners and forgets them; owners that live (or may live, elsewhere) are left alone, and so
 * are files of other versions.
 */
export async function sweep(): Promise<readonly Swept[]> {
  const swept = await Promise.all(
    storedOwners().map((stored) => {
      if (stored.kind === 'whole') return isAlive(stored.record.process) === 'dead' ? cleanUp(stored) : undefined;
      const owner = idOf(stored.path);
      return owner !== undefined && !runs(owner.pid) ? cleanUp(stored) : undefined;
    }),
  );
  return swept.filter((each) => each !== undefined);
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

async function cleanUp({ kind, path, record }: StoredOwner): Promise<Swept | undefined> {
  if (kind !== 'whole') return kind === 'damaged' ? cleanUpDamaged(path) : undefined;
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

/** An owner's file is written anew at every spawn; one that has been damaged for so long has no owner any more. */
const FORGOTTEN_MS = 86_400_000;

/** What a damaged file still tells is in its name: whose marker to look for. */
async function cleanUpDamaged(path: string): Promise<Swept | undefined> {
  const owner = idOf(path);
  if (owner === undefined) return undefined;
  const teardown = await terminateAll(() => markedBy(owner.id).filter(isOfHere), LONGEST_GRACE_MS);
  // Nothing found: it may be the file of an owner in another container, that lives.
  const isForgotten = teardown.found > 0 || ageMs(path) > FORGOTTEN_MS;
  if (teardown.left.length === 0 && isForgotten) rmSync(path, { force: true });
  return teardown.found === 0 ? undefined : { label: '', ownerPid: null, commands: [], ...teardown };
}

function idOf(path: string): { readonly id: string; readonly pid: number } | undefined {
  const match = /^owner-((\d+)-[a-z0-9]+)\.json$/.exec(basename(path));
  return match ? { id: match[1]!, pid: Number(match[2]) } : undefined;
}

function runs(pid: number): boolean {
  const info = readProcess(pid);
  return info !== undefined && info.state !== 'Z' && info.state !== 'X';
}

/** In our own pid namespace, so that the pid in the file's name means what it means here. */
function isOfHere({ pid }: ProcessInfo): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync('/proc/self/ns/pid');
  } catch {
    return false;
  }
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
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
