// Whether a machine is fit for a client that measures: facts in, one judgement for each out. Pure.

import type { MachineFacts, Slowdowns } from './machine.ts';

export interface Check {
  readonly id: string;
  /** bad: nothing measured here can be trusted, or a run could not even write its files. unknown: can't be read. */
  readonly standing: 'ok' | 'warn' | 'bad' | 'unknown';
  /** What was found. */
  readonly text: string;
  /** What to do. */
  readonly advice?: string;
}

const NODE_MAJOR = 24;
/** A thread or more for every second processor: others work here. */
const BUSY_SHARE = 0.5;
const FEW_FREE_BYTES = 512e6;
const TOO_FEW_FREE_BYTES = 200e6;
const FEW_FILES = 4_096;
const FEW_PORTS = 5_000;
const FEW_DISK_BYTES = 1e9;
const TOO_FEW_DISK_BYTES = 100e6;
/** Reading these clocks takes microseconds. */
const SLOW_CLOCKS = ['hpet', 'acpi_pm', 'jiffies', 'refined-jiffies'];
const SLOW_READ_NS = 1_000;
const COARSE_STEP_NS = 10_000;

/** @param slowed by how much the counts of Slowdowns rose while the client was measured */
export function checkMachine(facts: MachineFacts, slowed: Slowdowns): readonly Check[] {
  return [
    node(facts),
    cores(facts),
    load(facts),
    frequency(facts),
    slowdowns(slowed),
    memory(facts),
    files(facts),
    ports(facts),
    clock(facts),
    disk(facts),
    gpu(facts),
    locks(facts),
  ];
}

function node({ node }: MachineFacts): Check {
  if (Number.parseInt(node, 10) >= NODE_MAJOR) return { id: 'node', standing: 'ok', text: `Node ${node}` };
  return {
    id: 'node',
    standing: 'bad',
    text: `Node ${node}; Plimsoll needs ${NODE_MAJOR} or later`,
    advice: `Install Node ${NODE_MAJOR}.`,
  };
}

function cores({ cores, cpu, quotaCores }: MachineFacts): Check {
  const named = `${cores} ${cores === 1 ? 'processor' : 'processors'}${cpu === null || cpu === '' ? '' : ` (${cpu})`}`;
  const text = quotaCores === null ? named : `${named}, of which the container may use ${round(quotaCores)}`;
  if (Math.min(cores, quotaCores ?? cores) >= 2) return { id: 'processors', standing: 'ok', text };
  return {
    id: 'processors',
    standing: 'warn',
    text,
    advice:
      'The client, its books and whatever else runs here share one processor: its times are then partly those of others. Two or more are better.',
  };
}

function load({ loadAverage, cores }: MachineFacts): Check {
  const text = `load average ${loadAverage.toFixed(2)} over the last minute`;
  if (loadAverage <= BUSY_SHARE * cores) return { id: 'load', standing: 'ok', text };
  return {
    id: 'load',
    standing: 'warn',
    text,
    advice: 'Something else is at work on this machine: it will be in the numbers. End it, or wait.',
  };
}

function frequency({ governors, turbo }: MachineFacts): Check {
  if (governors.length === 0)
    return { id: 'frequency', standing: 'unknown', text: 'frequency governor: not readable here' };
  const text = `frequency governor ${governors.join(', ')}${turbo === null ? '' : `, turbo ${turbo ? 'on' : 'off'}`}`;
  if (governors.every((governor) => governor === 'performance')) return { id: 'frequency', standing: 'ok', text };
  return {
    id: 'frequency',
    standing: 'warn',
    text,
    advice: 'Processors that change their speed blur comparisons: `cpupower frequency-set -g performance`.',
  };
}

function slowdowns({ thermal, quota }: Slowdowns): Check {
  const id = 'throttling';
  if ((thermal ?? 0) > 0)
    return {
      id,
      standing: 'warn',
      text: `the processors were slowed down for heat ${thermal} times while the client was measured`,
      advice: 'Look after the cooling, or expect numbers that depend on the weather.',
    };
  if ((quota ?? 0) > 0)
    return {
      id,
      standing: 'warn',
      text: `the container was held back by its processor quota ${quota} times while the client was measured`,
      advice: 'Raise the quota: each time everything here stands still for up to a tenth of a second.',
    };
  if (thermal === null && quota === null) return { id, standing: 'unknown', text: 'throttling: not readable here' };
  return { id, standing: 'ok', text: 'no throttling seen' };
}

function memory({ freeBytes }: MachineFacts): Check {
  const text = `${bytes(freeBytes)} of memory to be had`;
  if (freeBytes >= FEW_FREE_BYTES) return { id: 'memory', standing: 'ok', text };
  return {
    id: 'memory',
    standing: freeBytes < TOO_FEW_FREE_BYTES ? 'bad' : 'warn',
    text,
    advice: `The client takes up to ${bytes(TOO_FEW_FREE_BYTES)}, whatever the number of requests.`,
  };
}

function files({ openFilesLimit, openFilesLeft }: MachineFacts): Check {
  if (openFilesLimit === null || openFilesLeft === null)
    return { id: 'files', standing: 'unknown', text: 'open files: this system does not say' };
  const text = `${openFilesLimit} open files, enough for about ${Math.max(0, openFilesLeft - 100)} requests in flight`;
  if (openFilesLimit >= FEW_FILES) return { id: 'files', standing: 'ok', text };
  return { id: 'files', standing: 'warn', text, advice: 'Raise it for more: `ulimit -n 65536` before a run.' };
}

function ports({ portsLeft }: MachineFacts): Check {
  if (portsLeft === null) return { id: 'ports', standing: 'unknown', text: 'local ports: this system does not say' };
  const text = `${portsLeft} local ports left for connections to one address`;
  if (portsLeft >= FEW_PORTS) return { id: 'ports', standing: 'ok', text };
  return {
    id: 'ports',
    standing: 'warn',
    text,
    advice: 'Widen the range: `sysctl -w net.ipv4.ip_local_port_range="1024 65535"`.',
  };
}

function clock({ clockSource, clockStepNs, clockReadNs }: MachineFacts): Check {
  const parts = [
    `clock ${clockSource ?? 'of unknown source'}`,
    `steps of ${Math.round(clockStepNs)} ns`,
    `${Math.round(clockReadNs)} ns to read it`,
  ];
  const text = parts.join(', ');
  if (SLOW_CLOCKS.includes(clockSource ?? '') || clockReadNs > SLOW_READ_NS || clockStepNs > COARSE_STEP_NS)
    return {
      id: 'clock',
      standing: 'warn',
      text,
      advice: 'A slow or coarse clock: boot with clocksource=tsc, or use another kind of virtual machine.',
    };
  return { id: 'clock', standing: 'ok', text };
}

function disk({ folder, folderProblem, diskFreeBytes }: MachineFacts): Check {
  if (folderProblem !== null)
    return {
      id: 'disk',
      standing: 'bad',
      text: `${folder} can't be written: ${folderProblem}`,
      advice: 'Choose another folder with --out.',
    };
  if (diskFreeBytes === null) return { id: 'disk', standing: 'unknown', text: `${folder}: free space unknown` };
  const text = `${bytes(diskFreeBytes)} free for ${folder}`;
  if (diskFreeBytes >= FEW_DISK_BYTES) return { id: 'disk', standing: 'ok', text };
  return {
    id: 'disk',
    standing: diskFreeBytes < TOO_FEW_DISK_BYTES ? 'bad' : 'warn',
    text,
    advice: 'A million requests take about 150 MB. Free some, or choose another folder with --out.',
  };
}

const gpu = ({ gpus }: MachineFacts): Check =>
  gpus.length === 0
    ? { id: 'gpu', standing: 'unknown', text: 'no GPU that nvidia-smi shows; a deployment elsewhere needs none here' }
    : { id: 'gpu', standing: 'ok', text: `GPU ${gpus.join('; ')}` };

const locks = ({ locks }: MachineFacts): Check =>
  locks.length === 0
    ? { id: 'locks', standing: 'ok', text: 'no other run of Plimsoll' }
    : {
        id: 'locks',
        standing: 'warn',
        text: `another run of Plimsoll is under way: ${locks.join('; ')}`,
        advice: 'What was measured below is what it leaves over. Wait for its end and ask again.',
      };

const round = (value: number): string => String(Number(value.toPrecision(2)));
const bytes = (count: number): string =>
  count >= 1e9 ? `${(count / 1e9).toFixed(1)} GB` : `${Math.max(0, Math.round(count / 1e6))} MB`;
