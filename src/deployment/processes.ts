// Who runs on this machine: the process table, the identity of a process (safe against reused pids), and which
// processes belong to something that Plimsoll spawned. Reads /proc; where there is none, `ps`.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** One letter, `Z` for a zombie. */
  readonly state: string;
  /** Clock ticks since the machine's boot, as text (on Linux); with the pid it names one process. */
  readonly startTime: string;
  /** User and system time of all threads, in clock ticks; 0 where the system can't say. */
  readonly cpuTicks: number;
  readonly residentPages: number;
}

export type ProcessTable = ReadonlyMap<number, ProcessInfo>;

/** A process that can be recognised later, by another Plimsoll too. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
  /** Boot of the machine and pid namespace: a pid means nothing outside of it. */
  readonly machineBoot: string;
  readonly pidSpace: string;
}

/** Environment variable that every spawned process inherits: `<owner id>/<number of the spawn>`. */
export const MARKER_NAME = 'PLIMSOLL_OWNER';

/** What is known of a spawned process group: its leader, and the marker in the environment of all it started. */
export interface SpawnedGroup {
  /** Pid of the leader, which is also the id of its group and session. */
  readonly pid: number;
  readonly startTime: string;
  readonly marker: string;
}

const HAS_PROC = existsSync('/proc/self/stat');

/** All processes that this user may see. */
export function processTable(): ProcessTable {
  const table = new Map<number, ProcessInfo>();
  if (!HAS_PROC) {
    for (const info of parsePs(execFileSync('ps', ['-A', '-o', PS_FORMAT], { encoding: 'utf8' })))
      table.set(info.pid, info);
    return table;
  }
  for (const name of readdirSync('/proc')) {
    const first = name.charCodeAt(0);
    if (first < 48 || first > 57) continue;
    const info = readProcess(Number(name));
    if (info) table.set(info.pid, info);
  }
  return table;
}

/** One process; undefined where there is none. */
export function readProcess(pid: number): ProcessInfo | undefined {
  try {
    if (HAS_PROC) return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return parsePs(
      execFileSync('ps', ['-p', String(pid), '-o', PS_FORMAT], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )[0];
  } catch {
    return undefined;
  }
}

/** proc(5): pid (comm) state ppid pgrp session …; comm may hold spaces and brackets, so the last ")" counts. */
export function parseStat(text: string): ProcessInfo | undefined {
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  if (close < 0 || fields.length < 22) return undefined;
  return {
    pid: Number.parseInt(text, 10),
    state: fields[0]!,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    startTime: fields[19]!,
    residentPages: Number(fields[21]),
  };
}

const PS_FORMAT = 'pid=,ppid=,pgid=,stat=,lstart=';

/** Lines of `ps -o pid=,ppid=,pgid=,stat=,lstart=`; the group stands in for the session that ps can't portably give. */
export function parsePs(text: string): ProcessInfo[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S)\S*\s+(.+?)\s*$/.exec(line);
    if (!match) return [];
    const [, pid, parent, group, state, startTime] = match as unknown as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    return [
      {
        pid: Number(pid),
        parent: Number(parent),
        group: Number(group),
        session: Number(group),
        state,
        startTime,
        cpuTicks: 0,
        residentPages: 0,
      },
    ];
  });
}

/** undefined where no such process runs. */
export function identify(pid: number): ProcessIdentity | undefined {
  const info = readProcess(pid);
  return info && { pid, startTime: info.startTime, machineBoot: machineBoot(), pidSpace: pidSpace() };
}

/** Whether pids noted by that process mean the same processes here and now. */
export function sharesPids(identity: ProcessIdentity): boolean {
  return identity.machineBoot === machineBoot() && identity.pidSpace === pidSpace();
}

/** `unknown`: it lives (or lived) in another container, whose processes can't be seen from here. */
export function isAlive(identity: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (identity.machineBoot !== machineBoot()) return HAS_PROC ? 'dead' : 'unknown';
  if (identity.pidSpace !== pidSpace()) return 'unknown';
  const info = readProcess(identity.pid);
  return info && info.state !== 'Z' && info.state !== 'X' && info.startTime === identity.startTime ? 'alive' : 'dead';
}

const machineBoot = (): string =>
  HAS_PROC ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : hostname();
const pidSpace = (): string => (HAS_PROC ? readlinkSync('/proc/self/ns/pid') : '');

/**
 * The living processes of a spawned group: its group and session, whoever carries its marker (a process that
 * left the session), and the descendants of all of these. Never this process or one above it.
 */
export function membersOf(spawned: SpawnedGroup, table: ProcessTable = processTable()): ProcessInfo[] {
  const members = new Map(groupOf(spawned, table).map((info) => [info.pid, info]));
  for (const info of table.values()) if (markerOf(info.pid) === spawned.marker) members.set(info.pid, info);
  return livingTree(members, table);
}

/** Like membersOf without looking into environments: cheap enough for every second of a run. */
export function treeOf(pid: number, table: ProcessTable = processTable()): ProcessInfo[] {
  const members = new Map<number, ProcessInfo>();
  for (const info of table.values())
    if (info.pid === pid || info.group === pid || info.session === pid) members.set(info.pid, info);
  return livingTree(members, table);
}

/** Everything, over all spawns, that carries a marker of this owner. */
export function markedBy(ownerId: string, table: ProcessTable = processTable()): ProcessInfo[] {
  const members = new Map<number, ProcessInfo>();
  for (const info of table.values()) if (markerOf(info.pid)?.startsWith(`${ownerId}/`)) members.set(info.pid, info);
  return livingTree(members, table);
}

// The number of a group is free for reuse once its last member is gone. So the group found under it is ours if
// its leader is the process that was spawned; with the leader gone, if a member carries the marker, or if no
// member's environment can be read (vLLM's workers, for one, overwrite theirs with a process title).
function groupOf(spawned: SpawnedGroup, table: ProcessTable): ProcessInfo[] {
  const group = [...table.values()].filter((info) => info.group === spawned.pid || info.session === spawned.pid);
  const leader = table.get(spawned.pid);
  if (leader) return leader.startTime === spawned.startTime ? group : [];
  const markers = group.map((info) => markerOf(info.pid));
  return markers.includes(spawned.marker) || markers.every((marker) => marker === undefined) ? group : [];
}

function livingTree(members: Map<number, ProcessInfo>, table: ProcessTable): ProcessInfo[] {
  const children = Map.groupBy(table.values(), (info) => info.parent);
  for (const info of members.values()) {
    // A Map's iterator also visits what is added while it runs.
    for (const child of children.get(info.pid) ?? []) if (!members.has(child.pid)) members.set(child.pid, child);
  }
  for (let pid = process.pid; pid > 0; pid = table.get(pid)?.parent ?? 0) members.delete(pid);
  return [...members.values()].filter((info) => info.state !== 'Z' && info.state !== 'X');
}

/** The marker in a process's environment; null = it has none; undefined = its environment can't be read. */
export function markerOf(pid: number): string | null | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return undefined;
  }
  if (!/(^|\0)[A-Za-z_][A-Za-z0-9_]*=/.test(text)) return undefined;
  const at = text.startsWith(`${MARKER_NAME}=`) ? 0 : text.indexOf(`\0${MARKER_NAME}=`) + 1;
  if (at === 0 && !text.startsWith(`${MARKER_NAME}=`)) return null;
  const end = text.indexOf('\0', at);
  return text.slice(at + MARKER_NAME.length + 1, end < 0 ? undefined : end);
}

/** The command line as people read it, whole and with its secrets; empty where it can't be read. */
export function commandLineOf(pid: number): string {
  try {
    if (!HAS_PROC) return execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' }).trim();
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
