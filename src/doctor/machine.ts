// What this machine is, as far as it matters to a client that measures: read once, judged by checks.ts.

import { accessSync, constants, readdirSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, freemem, loadavg } from 'node:os';
import { dirname, resolve } from 'node:path';
import { listGpus } from '../deployment/gpus.ts';
import { heldLocks } from '../deployment/lock.ts';
import { readRoom } from '../load/foresee.ts';
import { read, readLimits } from '../load/limits.ts';

/** null = this system does not say. */
export interface MachineFacts {
  readonly node: string;
  readonly cpu: string | null;
  readonly cores: number;
  /** Runnable threads on average over the last minute. */
  readonly loadAverage: number;
  /** Distinct frequency governors; empty = can't be read. */
  readonly governors: readonly string[];
  readonly turbo: boolean | null;
  /** Processors that the container may use. */
  readonly quotaCores: number | null;
  readonly freeBytes: number;
  readonly openFilesLimit: number | null;
  readonly openFilesLeft: number | null;
  readonly portsLeft: number | null;
  readonly clockSource: string | null;
  /** Smallest step of the monotonic clock that was seen, and what reading it costs. */
  readonly clockStepNs: number;
  readonly clockReadNs: number;
  readonly folder: string;
  /** Why it can't be written; null = it can. */
  readonly folderProblem: string | null;
  readonly diskFreeBytes: number | null;
  readonly gpus: readonly string[];
  /** Held by other runs of Plimsoll, in words. */
  readonly locks: readonly string[];
}

/** @param folder where a run's files would go; need not exist */
export async function readMachine(folder: string): Promise<MachineFacts> {
  const limits = readLimits();
  const room = await readRoom('http://127.0.0.1', limits);
  const disk = readDisk(folder);
  return {
    node: process.versions.node,
    cpu: cpus()[0]?.model.trim() ?? null,
    cores: availableParallelism(),
    loadAverage: loadavg()[0]!,
    governors: readGovernors(),
    turbo: readTurbo(),
    quotaCores: readQuota(),
    freeBytes: readFreeMemory(),
    openFilesLimit: limits.openFiles,
    openFilesLeft: room.openFiles,
    portsLeft: room.ports,
    clockSource: text('/sys/devices/system/clocksource/clocksource0/current_clocksource'),
    ...readClock(),
    folder: resolve(folder),
    ...disk,
    gpus: (await listGpus()).map(({ index, name }) => `${index}: ${name}`),
    locks: heldLocks(),
  };
}

/** Times that the processors were slowed down since the machine started; compare before and after. */
export interface Slowdowns {
  /** For heat. */
  readonly thermal: number | null;
  /** For the quota of the container. */
  readonly quota: number | null;
}

export function readSlowdowns(): Slowdowns {
  const counts = processors().map((name) => number(`${PROCESSORS}/${name}/thermal_throttle/core_throttle_count`, 1));
  const known = counts.filter((count) => count !== null);
  const throttled = /^nr_throttled (\d+)$/m.exec(readGroup('cpu.stat'))?.[1];
  return {
    thermal: known.length === 0 ? null : known.reduce((sum, count) => sum + count, 0),
    quota: throttled === undefined ? null : Number(throttled),
  };
}

const PROCESSORS = '/sys/devices/system/cpu';

function processors(): readonly string[] {
  try {
    return readdirSync(PROCESSORS).filter((name) => /^cpu\d+$/.test(name));
  } catch {
    return [];
  }
}

function readGovernors(): readonly string[] {
  const found = processors().map((name) => text(`${PROCESSORS}/${name}/cpufreq/scaling_governor`));
  return [...new Set(found.filter((governor) => governor !== null))].sort();
}

function readTurbo(): boolean | null {
  const off = text(`${PROCESSORS}/intel_pstate/no_turbo`);
  if (off !== null) return off === '0';
  const boost = text(`${PROCESSORS}/cpufreq/boost`);
  return boost === null ? null : boost === '1';
}

/** Of control group version 2: "max 100000", or "150000 100000" for one and a half processors. */
function readQuota(): number | null {
  const [quota = '', period = ''] = readGroup('cpu.max').trim().split(' ');
  return /^\d+$/.test(quota) ? Number(quota) / Number(period) : null;
}

/** A file of this process's control group; of the root where the group's own folder can't be seen (containers). */
function readGroup(name: string): string {
  const path = /^0::(.*)$/m.exec(read('/proc/self/cgroup'))?.[1] ?? '/';
  return read(`/sys/fs/cgroup${path}/${name}`) || read(`/sys/fs/cgroup/${name}`);
}

/** What can be had without swapping, within the container's limit. */
function readFreeMemory(): number {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(read('/proc/meminfo'))?.[1];
  const available = kib === undefined ? freemem() : Number(kib) * 1_024;
  const limit = Number.parseInt(readGroup('memory.max'), 10);
  const used = Number.parseInt(readGroup('memory.current'), 10);
  return Number.isNaN(limit - used) ? available : Math.min(available, limit - used);
}

/** The quickest of several tries: the others were interrupted. */
function readClock(): Pick<MachineFacts, 'clockStepNs' | 'clockReadNs'> {
  let step = Number.POSITIVE_INFINITY;
  let quickest = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 50; tries++) {
    const start = process.hrtime.bigint();
    let before = start;
    for (let i = 0; i < READS; i++) {
      const now = process.hrtime.bigint();
      if (now > before) step = Math.min(step, Number(now - before));
      before = now;
    }
    quickest = Math.min(quickest, Number(before - start) / READS);
  }
  return { clockStepNs: step, clockReadNs: quickest };
}

const READS = 500;

/** Of the folder, or the nearest one above it that exists. */
function readDisk(folder: string): Pick<MachineFacts, 'folderProblem' | 'diskFreeBytes'> {
  for (let path = resolve(folder); ; path = dirname(path)) {
    try {
      const { bavail, bsize } = statfsSync(path);
      accessSync(path, constants.W_OK | constants.X_OK);
      return { folderProblem: null, diskFreeBytes: bavail * bsize };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && path !== dirname(path)) continue;
      return { folderProblem: (error as Error).message, diskFreeBytes: null };
    }
  }
}

function text(path: string): string | null {
  const content = read(path).trim();
  return content === '' ? null : content;
}

function number(path: string, divisor: number): number | null {
  const value = Number.parseInt(read(path), 10);
  return Number.isNaN(value) ? null : value / divisor;
}
