// CPU time and memory of a tool's whole process tree, from Linux's /proc. In: the pid that it was started as. Out:
// samples over time, so that any part of a run can be priced, whatever the tool did before it or after.

import { readdirSync, readFileSync } from 'node:fs';

export interface Sample {
  /** performance.now() of this process. */
  readonly atMs: number;
  /** User and system time of all processes so far, children that were waited for included. */
  readonly cpuSeconds: number;
  /** Of it, what the kernel took for them; to 10 ms a process. */
  readonly systemSeconds: number;
  /** Largest resident memory so far (VmHWM), added up over the processes that are there now, `root` left out. */
  readonly memoryBytes: number;
}

export interface Meter {
  sample(): Sample;
}

/** Follows `root`, a shell that leads a session and waits for the tool, and all that is in its session or descends. */
export function createMeter(root: number): Meter {
  return {
    sample() {
      const atMs = performance.now();
      const all = readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((name) => readProc(`${name}/stat`, parseStat))
        .filter((stat) => stat !== null);
      const ours = familyOf(root, all);
      return {
        atMs,
        cpuSeconds: ours.reduce((sum, stat) => sum + cpuSecondsOf(stat), 0),
        systemSeconds: ours.reduce((sum, { systemTicks }) => sum + systemTicks, 0) / TICKS_PER_SECOND,
        memoryBytes: ours.reduce(
          (sum, { pid }) => sum + (pid === root ? 0 : (readProc(`${pid}/status`, parsePeakBytes) ?? 0)),
          0,
        ),
      };
    },
  };
}

/** CPU seconds by interpolation between samples; outside of them the nearest one. NaN where there is none. */
export function cpuAt(samples: readonly Sample[], atMs: number): number {
  const after = samples.findIndex((sample) => sample.atMs >= atMs);
  if (after === -1) return samples.at(-1)?.cpuSeconds ?? Number.NaN;
  if (after === 0) return samples[0]!.cpuSeconds;
  const [a, b] = [samples[after - 1]!, samples[after]!];
  return a.cpuSeconds + ((b.cpuSeconds - a.cpuSeconds) * (atMs - a.atMs)) / (b.atMs - a.atMs);
}

/**
 * Watches what a hypervisor keeps from this machine. @returns the stolen share of the core that lost most since then; 0
 * where the system does not say
 */
export function watchSteal(): () => number {
  const before = readProc('stat', parseCores) ?? [];
  return () => stolenShare(before, readProc('stat', parseCores) ?? []);
}

export interface CoreTicks {
  readonly stolen: number;
  readonly ticks: number;
}

export const stolenShare = (before: readonly CoreTicks[], after: readonly CoreTicks[]): number =>
  Math.max(
    0,
    ...after.map(({ stolen, ticks }, index) => {
      const passed = ticks - (before[index]?.ticks ?? 0);
      return passed > 0 ? (stolen - (before[index]?.stolen ?? 0)) / passed : 0;
    }),
  );

/** proc(5), /proc/stat, a line a core: user nice system idle iowait irq softirq steal; guests are in user. */
export const parseCores = (text: string): CoreTicks[] =>
  Array.from(text.matchAll(/^cpu\d+ (.+)$/gm), (match) => {
    const fields = match[1]!.split(' ').map(Number).slice(0, 8);
    return { stolen: fields[7] ?? 0, ticks: fields.reduce((sum, field) => sum + field, 0) };
  });

/** Those of `root`'s session (a parent may have died), and their descendants in sessions of their own. */
export function familyOf(root: number, all: readonly Stat[]): readonly Stat[] {
  const ours = new Set(all.filter(({ pid, session }) => pid === root || session === root));
  for (let before = -1; before !== ours.size; ) {
    before = ours.size;
    const pids = new Set(Array.from(ours, ({ pid }) => pid));
    for (const stat of all) if (pids.has(stat.parent)) ours.add(stat);
  }
  return [...ours];
}

/** USER_HZ, which Linux fixes for user space on all platforms that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  /** utime and stime. */
  readonly ownTicks: number;
  /** cutime and cstime: children that it has waited for. */
  readonly childTicks: number;
  /** stime and cstime. */
  readonly systemTicks: number;
}

/** proc(5), /proc/pid/stat. The name in brackets may hold anything, brackets and blanks too. */
export function parseStat(text: string): Stat {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return {
    pid: Number.parseInt(text, 10),
    parent: fields[1]!,
    session: fields[3]!,
    ownTicks: fields[11]! + fields[12]!,
    childTicks: fields[13]! + fields[14]!,
    systemTicks: fields[12]! + fields[14]!,
  };
}

/** CPU seconds in the /proc/pid/stat of a process that has waited for all its children. */
export function cpuSecondsIn(stat: string): number {
  const { ownTicks, childTicks } = parseStat(stat);
  return (ownTicks + childTicks) / TICKS_PER_SECOND;
}

/** A tick is 10 ms. The scheduler counts in ns, but for threads that live; whichever is more has missed less. */
function cpuSecondsOf({ pid, ownTicks, childTicks }: Stat): number {
  let threadsNs = 0;
  for (const thread of threadsOf(pid))
    threadsNs += readProc(`${pid}/task/${thread}/schedstat`, (text) => Number.parseInt(text, 10)) ?? 0;
  return Math.max(ownTicks / TICKS_PER_SECOND, threadsNs / 1e9) + childTicks / TICKS_PER_SECOND;
}

/** proc(5), /proc/pid/status. A zombie has no memory. */
export function parsePeakBytes(text: string): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? 0 : Number(kib) * 1_024;
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** null = gone. */
function readProc<T>(path: string, parse: (text: string) => T): T | null {
  try {
    return parse(readFileSync(`/proc/${path}`, 'latin1'));
  } catch {
    return null;
  }
}
