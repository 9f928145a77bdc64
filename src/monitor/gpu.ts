// The GPUs, from nvidia-smi: utilisation (mean of the GPUs), memory (of all together), power (sum), temperature
// (hottest), SM clock (mean) and whether any slows its clocks. One process streams readings; where that does not work, one is run per reading.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { killGroup } from '../deployment/command.ts';
import { type GpuTable, listGpus, parseGpuRows, queryArguments, queryGpus, selectGpus } from '../deployment/gpus.ts';
import { every, type Reading, type Sampler } from './sampler.ts';

/** One unknown field costs nvidia-smi's whole answer, so each group can be asked for alone. */
const GROUPS = [
  ['utilization.gpu'],
  ['memory.used', 'memory.total'],
  ['power.draw'],
  ['temperature.gpu'],
  ['clocks.current.sm'],
  // Not sw_power_cap: a GPU under load lives at its power limit. The later name, clocks_event_reasons, has this alias.
  ['clocks_throttle_reasons.hw_slowdown', 'clocks_throttle_reasons.sw_thermal_slowdown'],
] as const;

/** The field that each metric cannot do without. */
const FIELD_BY_METRIC = {
  'gpu.utilization': 'utilization.gpu',
  'gpu.memory': 'memory.used',
  'gpu.power': 'power.draw',
  'gpu.temperature': 'temperature.gpu',
  'gpu.sm_clock': 'clocks.current.sm',
  'gpu.throttled': 'clocks_throttle_reasons.hw_slowdown',
} as const;

/** @param visibleDevices CUDA_VISIBLE_DEVICES of the deployment: other GPUs are not its own */
export function createGpuSampler(intervalMs: number, visibleDevices: string | undefined): Sampler {
  const abort = new AbortController();
  let cancel = () => {};

  const begin = async (report: (reading: Reading) => void): Promise<void> => {
    const gpus = visibleDevices === undefined ? undefined : selectGpus(await listGpus(abort.signal), visibleDevices);
    if (gpus?.length === 0)
      return report({ kind: 'failed', reason: `CUDA_VISIBLE_DEVICES="${visibleDevices}" shows the deployment no GPU` });
    const probe = await queryGpus(GROUPS, gpus, abort.signal);
    if (abort.signal.aborted) return;
    if (typeof probe === 'string') {
      report({ kind: 'failed', reason: probe });
      // Not there stays not there; a driver that is waking up may answer next time.
      if (!probe.includes('not found'))
        cancel = every(
          Math.max(intervalMs, RETRY_MS),
          async () => toReading(await queryGpus(GROUPS, gpus, abort.signal)),
          report,
        );
      return;
    }
    report(toReading(probe));
    const ask = async () => toReading(refresh(probe, await queryGpus([probe.fields], gpus, abort.signal)));
    cancel = stream(probe, gpus, intervalMs, report, () => {
      cancel = every(intervalMs, ask, report);
    });
  };

  return {
    source: 'nvidia-smi',
    metrics: Object.keys(FIELD_BY_METRIC),
    start(report) {
      void begin((reading) => {
        if (!abort.signal.aborted) report(reading);
      });
    },
    stop() {
      abort.abort();
      cancel();
    },
  };
}

const RETRY_MS = 10_000;
const SILENCE_TURNS = 5;
const SHORTEST_SILENCE_MS = 5_000;

/**
 * One `nvidia-smi -lms` for the whole run: a new process a second would fork beside the load, and wake the
 * driver each time. `onEnd` is called once if it ends or falls silent.
 */
function stream(
  probe: GpuTable,
  gpus: readonly string[] | undefined,
  intervalMs: number,
  report: (reading: Reading) => void,
  onEnd: () => void,
): () => void {
  const child = spawn(
    'nvidia-smi',
    [...queryArguments(probe.fields, gpus), '-lms', String(Math.max(1, Math.round(intervalMs)))],
    {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    clearTimeout(silence);
    if (child.pid !== undefined) killGroup(child.pid);
    child.stdout.destroy();
    onEnd();
  };
  const silence = setTimeout(end, Math.max(SHORTEST_SILENCE_MS, SILENCE_TURNS * intervalMs));
  silence.unref();
  child.once('error', end);
  child.once('exit', end);
  child.unref();
  const perReading = Math.max(1, probe.rows.length);
  let rows: (string | null)[][] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (over) return;
    rows.push(...parseGpuRows(line, probe.fields.length));
    if (rows.length < perReading) return;
    silence.refresh();
    report(toReading({ ...probe, rows }));
    rows = [];
  });
  return () => {
    onEnd = () => {};
    end();
  };
}

// A later answer knows only the fields that were asked for; why the others are missing stays known.
const refresh = (probe: GpuTable, now: GpuTable | string): GpuTable | string =>
  typeof now === 'string' ? now : { ...now, refused: probe.refused };

/** What one answer of nvidia-smi says about the GPUs together. */
export function toReading(table: GpuTable | string): Reading {
  if (typeof table === 'string') return { kind: 'failed', reason: table };
  if (table.rows.length === 0) return { kind: 'failed', reason: 'nvidia-smi listed no GPU' };
  const column = (field: string): number[] => {
    const at = table.fields.indexOf(field);
    return table.rows.flatMap((row) => {
      const value = at < 0 ? Number.NaN : Number(row[at] ?? Number.NaN);
      return Number.isFinite(value) ? [value] : [];
    });
  };
  const whole = (field: string): number[] => {
    // A sum over some of the GPUs would be a wrong number.
    const values = column(field);
    return values.length === table.rows.length ? values : [];
  };
  const values: Record<string, number> = {};
  const give = (metric: string, value: number | undefined) => {
    if (value !== undefined && Number.isFinite(value)) values[metric] = value;
  };
  give('gpu.utilization', mean(column('utilization.gpu')));
  give('gpu.memory', (100 * sum(whole('memory.used'))) / sum(whole('memory.total')));
  const power = whole('power.draw');
  give('gpu.power', power.length > 0 ? sum(power) : undefined);
  const temperatures = column('temperature.gpu');
  give('gpu.temperature', temperatures.length > 0 ? Math.max(...temperatures) : undefined);
  give('gpu.sm_clock', mean(column('clocks.current.sm')));
  give('gpu.throttled', throttled(table));

  const missing = Object.fromEntries(
    Object.entries(FIELD_BY_METRIC).flatMap(([metric, field]) =>
      metric in values
        ? []
        : [[metric, table.refused.get(field) ?? `nvidia-smi has no value for ${field} on this GPU`]],
    ),
  );
  return { kind: 'values', atMs: performance.now(), values, missing };
}

/** 100 while any GPU has any of the reasons; undefined where none is known. */
function throttled({ fields, rows }: GpuTable): number | undefined {
  const states = fields.flatMap((field, at) =>
    field.startsWith('clocks_throttle_reasons.') ? rows.map((row) => row[at] ?? null) : [],
  );
  if (states.includes('Active')) return 100;
  return states.includes('Not Active') ? 0 : undefined;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number | undefined =>
  values.length > 0 ? sum(values) / values.length : undefined;
