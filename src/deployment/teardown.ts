// Ends a spawned group and proves it: SIGTERM, a grace period, SIGKILL, and a look at what is still there.

import { setTimeout as sleep } from 'node:timers/promises';
import { maskCommandLine } from './mask.ts';
import { commandLineOf, membersOf, type ProcessInfo, readProcess, type SpawnedGroup } from './processes.ts';

export interface Teardown {
  /** Processes that were alive when it began. */
  readonly found: number;
  /** Some of them needed SIGKILL. */
  readonly forced: boolean;
  /** Alive after SIGKILL too (another user's, or stuck in the kernel). */
  readonly left: readonly { readonly pid: number; readonly command: string }[];
}

const KILL_LIMIT_MS = 5_000;
const POLL_MS = 50;

/** Ends the group and everything it started; `graceMs` is how long they may take after SIGTERM. */
export function terminate(spawned: SpawnedGroup, graceMs: number): Promise<Teardown> {
  return terminateAll(() => membersOf(spawned), graceMs);
}

/**
 * The same for whatever `find` gives; it is asked again until it gives nothing. What it once gave stays known:
 * a process that left the session is only found as long as its parent lives.
 */
export async function terminateAll(find: () => readonly ProcessInfo[], graceMs: number): Promise<Teardown> {
  const known = new Map<string, ProcessInfo>();
  const look = (): readonly ProcessInfo[] => {
    for (const info of find()) known.set(nameOf(info), info);
    for (const [name, info] of known) if (!isRunning(info)) known.delete(name);
    return [...known.values()];
  };
  const first = look();
  if (first.length === 0) return { found: 0, forced: false, left: [] };
  const stubborn = await signalUntilGone(first, look, 'SIGTERM', graceMs);
  if (stubborn.length === 0) return { found: first.length, forced: false, left: [] };
  const left = await signalUntilGone(stubborn, look, 'SIGKILL', KILL_LIMIT_MS);
  return {
    found: first.length,
    forced: true,
    left: left.map(({ pid }) => ({ pid, command: maskCommandLine(commandLineOf(pid), []) })),
  };
}

const nameOf = (info: ProcessInfo): string => `${info.pid}@${info.startTime}`;

function isRunning(info: ProcessInfo): boolean {
  const now = readProcess(info.pid);
  return now !== undefined && now.startTime === info.startTime && now.state !== 'Z' && now.state !== 'X';
}

async function signalUntilGone(
  first: readonly ProcessInfo[],
  look: () => readonly ProcessInfo[],
  signal: 'SIGTERM' | 'SIGKILL',
  limitMs: number,
): Promise<readonly ProcessInfo[]> {
  const end = performance.now() + limitMs;
  const signalled = new Set<string>();
  let members = first;
  for (;;) {
    // Each process once: a second SIGTERM makes many servers drop their clean shutdown. Late forks get theirs too.
    const fresh = members.filter((info) => !signalled.has(nameOf(info)));
    for (const info of fresh) {
      signalled.add(nameOf(info));
      send(info.pid, signal);
    }
    if (performance.now() >= end) return members;
    await sleep(Math.min(POLL_MS, Math.max(1, end - performance.now())));
    members = look();
    if (members.length === 0) return members;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already, or not ours to signal: the next look at the table decides which.
  }
}
