// The machine and the deployment's process tree, from /proc: busy cores, what a hypervisor keeps of them, memory, and
// what of it is the deployment's. Other systems have no /proc: their problem is reported in words.

import { existsSync, readFileSync } from 'node:fs';
import { type ProcessInfo, readProcess, treeOf } from '../deployment/processes.ts';
import { every, type Reading, type Sampler } from './sampler.ts';

export function createHostSampler(intervalMs: number): Sampler {
  let cancel = () => {};
  return {
    source: 'host',
    metrics: ['host.cpu', 'host.steal', 'host.memory'],
    start(report) {
      if (!existsSync('/proc/stat')) return report({ kind: 'failed', reason: 'this system has no /proc/stat' });
      let before = readCpu();
      const read = (): Reading => {
        const now = readCpu();
        const memory = parseMemory(readFileSync('/proc/meminfo', 'utf8'));
        const values: Record<string, number> = memory === undefined ? {} : { 'host.memory': memory };
        const total = now.total - before.total;
        if (total > 0) {
          values['host.cpu'] = (100 * (now.busy - before.busy)) / total;
          values['host.steal'] = (100 * (now.stolen - before.stolen)) / total;
          before = now;
        }
        return { kind: 'values', atMs: performance.now(), values };
      };
      cancel = every(intervalMs, read, report);
    },
    stop: () => cancel(),
  };
}

const readCpu = () => parseCpu(readFileSync('/proc/stat', 'utf8'));

/** Of all cores together since the machine started, in ticks. */
export interface CpuTicks {
  readonly total: number;
  /** Stolen time is in it: the cores had work. */
  readonly busy: number;
  /** A core had work, and the hypervisor gave its time to somebody else. */
  readonly stolen: number;
}

/** First line of /proc/stat: user nice system idle iowait irq softirq steal (guest times are inside user). */
export function parseCpu(text: string): CpuTicks {
  const fields = text.slice(0, text.indexOf('\n')).trim().split(/\s+/).slice(1, 9).map(Number);
  const total = fields.reduce((sum, ticks) => sum + ticks, 0);
  return { total, busy: total - (fields[3] ?? 0) - (fields[4] ?? 0), stolen: fields[7] ?? 0 };
}

/** Percent of memory that is not available; undefined where /proc/meminfo does not say. */
export function parseMemory(text: string): number | undefined {
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  const share = 1 - kib('MemAvailable') / kib('MemTotal');
  return Number.isFinite(share) ? 100 * share : undefined;
}

/** New processes are looked for every so many readings; in between only known ones are read. */
const RESCAN_EVERY = 5;

/** @param pid leader of the deployment's group; null where Plimsoll did not start it */
export function createDeploymentSampler(pid: number | null, intervalMs: number): Sampler {
  let cancel = () => {};
  return {
    source: 'deployment',
    metrics: ['deployment.cpu', 'deployment.memory'],
    start(report) {
      const fail = (reason: string) => report({ kind: 'failed', reason });
      if (pid === null) return fail('Plimsoll did not start this deployment, so its processes are not known');
      const system = readAuxiliary();
      if (!system) return fail('this system has no /proc');
      cancel = every(intervalMs, createTreeReader(pid, system), report);
    },
    stop: () => cancel(),
  };
}

function createTreeReader(pid: number, system: SystemUnits): () => Reading {
  let members: readonly ProcessInfo[] = [];
  let ticksBefore = new Map<string, number>();
  let beforeMs: number | null = null;
  let turns = 0;
  return () => {
    members = turns % RESCAN_EVERY === 0 ? treeOf(pid) : members.flatMap((known) => sameProcess(known) ?? []);
    turns += 1;
    if (members.length === 0)
      return { kind: 'failed', reason: `no process of the deployment (group ${pid}) is running` };
    const atMs = performance.now();
    const pages = members.reduce((sum, info) => sum + info.residentPages, 0);
    const values: Record<string, number> = { 'deployment.memory': pages * system.pageBytes };
    const ticksNow = new Map(members.map((info) => [`${info.pid}@${info.startTime}`, info.cpuTicks]));
    if (beforeMs !== null) {
      let ticks = 0;
      // What is new since the last reading counts from its birth; what ended takes its last ticks with it.
      for (const [key, value] of ticksNow) ticks += value - (ticksBefore.get(key) ?? 0);
      values['deployment.cpu'] = ticks / system.ticksPerSecond / ((atMs - beforeMs) / 1_000);
    }
    ticksBefore = ticksNow;
    beforeMs = atMs;
    return { kind: 'values', atMs, values };
  };
}

function sameProcess(known: ProcessInfo): ProcessInfo | undefined {
  const now = readProcess(known.pid);
  return now?.startTime === known.startTime && now.state !== 'Z' ? now : undefined;
}

interface SystemUnits {
  readonly pageBytes: number;
  readonly ticksPerSecond: number;
}

/** Page size and clock ticks from the ELF auxiliary vector (getauxval(3)), in which pairs of words stand. */
export function readAuxiliary(): SystemUnits | undefined {
  let buffer: Buffer;
  try {
    buffer = readFileSync('/proc/self/auxv');
  } catch {
    return undefined;
  }
  const AT_PAGESZ = 6n;
  const AT_CLKTCK = 17n;
  const values = new Map<bigint, number>();
  for (let at = 0; at + 16 <= buffer.length; at += 16)
    values.set(buffer.readBigUInt64LE(at), Number(buffer.readBigUInt64LE(at + 8)));
  return { pageBytes: values.get(AT_PAGESZ) ?? 4_096, ticksPerSecond: values.get(AT_CLKTCK) ?? 100 };
}
