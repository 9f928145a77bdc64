// The environment of a run: the facts that must match before two runs are compared. Only what decides speed, in
// classes that do not change from one boot of the same machine to the next.

import { arch, cpus, platform, totalmem } from 'node:os';
import type { Engine } from '../config/engines.ts';
import type { DeploymentConfig } from '../config/schema.ts';
import { queryGpus, visibleGpus } from '../deployment/gpus.ts';
import { isLocalHost } from '../deployment/hosts.ts';
import { addressOf } from '../deployment/ports.ts';

type EnvironmentFacts = Record<string, string | number | boolean | null>;

export interface EnvironmentConfig {
  readonly engine: Engine;
  readonly kind: DeploymentConfig['kind'];
  readonly url: string;
  readonly runnerClass?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * The simulated engine is the same on every machine that keeps up. A deployment on another host has none of
 * this machine's facts. null = could not be found out, which matches only another null.
 */
export async function readEnvironment(config: EnvironmentConfig): Promise<EnvironmentFacts> {
  if (config.engine === 'sim') return { kind: 'simulated' };
  const runnerClass = config.runnerClass ?? null;
  const { host } = addressOf(config.url);
  // What Plimsoll spawns runs here, whatever name its URL has.
  if (config.kind === 'external' && !(await isLocalHost(host)))
    return { kind: 'remote', host, runnerClass, client: 'remote' };
  const processors = cpus();
  return {
    kind: 'local',
    ...(await readGpus({ ...process.env, ...config.env })),
    runnerClass,
    cpu: processors[0]?.model.trim() ?? null,
    cpuCount: processors.length,
    memoryGiB: memoryClassGiB(totalmem()),
    client: 'same host',
    os: platform(),
    arch: arch(),
  };
}

const GPU_GROUPS = [
  ['name'],
  ['memory.total'],
  ['mig.mode.current'],
  ['power.limit'],
  ['clocks.applications.graphics', 'clocks.default_applications.graphics'],
  ['driver_version'],
] as const;

async function readGpus(env: Readonly<Record<string, string | undefined>>): Promise<EnvironmentFacts> {
  const none = {
    gpu: null,
    gpuCount: 0,
    gpuMemoryGiB: null,
    mig: null,
    gpuPowerLimitWatts: null,
    gpuClocks: null,
    driverMajor: null,
  };
  const gpus = await visibleGpus(env);
  if (gpus.length === 0) return none;
  const table = await queryGpus(GPU_GROUPS, gpus);
  if (typeof table === 'string') return { ...none, gpuCount: gpus.length };
  const distinct = (
    field: string,
    read: (text: string) => string | number = (text) => text,
  ): string | number | null => {
    const at = table.fields.indexOf(field);
    const values = [...new Set(table.rows.flatMap((row) => (at < 0 || row[at] == null ? [] : [read(row[at])])))];
    // Unlike GPUs are named side by side.
    return values.length > 1 ? values.sort().join(' + ') : (values[0] ?? null);
  };
  const applied = distinct('clocks.applications.graphics', Number);
  const standard = distinct('clocks.default_applications.graphics', Number);
  return {
    gpu: distinct('name'),
    gpuCount: table.rows.length,
    gpuMemoryGiB: distinct('memory.total', (mebibytes) => Math.round(Number(mebibytes) / 1_024)),
    mig: distinct('mig.mode.current'),
    gpuPowerLimitWatts: distinct('power.limit', (watts) => Math.round(Number(watts))),
    // A lock by `nvidia-smi -lgc` can't be queried; such runners need a runnerClass of their own.
    gpuClocks: applied === null ? null : applied === standard ? 'default' : `${applied} MHz`,
    driverMajor: distinct('driver_version', (version) => version.split('.')[0]!),
  };
}

/**
 * Installed memory: what the system reports is a little less, by what firmware and kernel keep. Rounded up to a
 * quarter of the power of two below it: 15.6 → 16, 62.7 → 64, 376 → 384.
 */
export function memoryClassGiB(bytes: number): number {
  const gib = bytes / 1_073_741_824;
  const step = 2 ** (Math.floor(Math.log2(gib)) - 2);
  return Math.ceil(gib / step) * step;
}
