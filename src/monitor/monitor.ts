// Watches what a load does to the machine and the engine: starts the samplers, keeps their samples of the stage
// under way, and says in words which metrics could not be had.

import type { Engine } from '../config/engines.ts';
import { isLocalHost } from '../deployment/hosts.ts';
import { addressOf } from '../deployment/ports.ts';
import type { Target } from '../deployment/target.ts';
import { createEngineSampler } from './engine.ts';
import { createGpuSampler } from './gpu.ts';
import { createDeploymentSampler, createHostSampler } from './host.ts';
import type { Sample, SamplerProblem } from './sample.ts';
import type { Reading, Sampler } from './sampler.ts';

export interface MonitorOptions {
  readonly target: Target;
  /** Leader of the deployment's process group; null where Plimsoll did not start it. */
  readonly pid: number | null;
  readonly engine: Engine;
  /** `deployment.metrics`: a path on the target's URL or a whole URL. */
  readonly metricsUrl?: string | undefined;
  readonly intervalMs: number;
  readonly nvidiaSmi: boolean;
  /** `deployment.env`, for CUDA_VISIBLE_DEVICES; this process's environment stands below it. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export interface Monitor extends AsyncDisposable {
  /** All samples since the last mark; `originMs` (performance.now of this thread) becomes their time 0. */
  take(originMs: number): readonly Sample[];
  /** A new stage: samples are forgotten and counters begin at 0. */
  mark(): void;
  /** Metrics that gave no value since the last mark (right after a mark: before it), with the reason. */
  problems(): readonly SamplerProblem[];
  /** The engine began anew since the last mark, by its counter of preemptions: one that had none does not show it. */
  restarted(): boolean;
  /** The last value of a metric (without statistic), from whichever stage. */
  latest(metric: string): number | undefined;
  /** The engine's gauges now, beside the schedule. */
  readEngine(signal?: AbortSignal): Promise<Reading>;
  stop(): Promise<void>;
}

export function startMonitor(options: MonitorOptions): Monitor {
  const { intervalMs } = options;
  const engine = createEngineSampler(options.target, options.engine, options.metricsUrl, intervalMs);
  const onMachine = [
    ...(options.nvidiaSmi
      ? [createGpuSampler(intervalMs, options.env?.CUDA_VISIBLE_DEVICES ?? process.env.CUDA_VISIBLE_DEVICES)]
      : []),
    createHostSampler(intervalMs),
    createDeploymentSampler(options.pid, intervalMs),
  ];
  const accounts = [engine, ...onMachine].map(createAccount);
  const latest = new Map<string, number>();
  let samples: { readonly atMs: number; readonly metric: string; readonly value: number }[] = [];
  let stopped = false;

  const start = ({ sampler, note }: Account) =>
    sampler.start((reading) => {
      if (stopped) return;
      note(reading);
      if (reading.kind === 'failed') return;
      for (const [metric, value] of Object.entries(reading.values)) {
        latest.set(metric, value);
        samples.push({ atMs: reading.atMs, metric, value });
      }
    });
  const [engineAccount, ...machineAccounts] = accounts as [Account, ...Account[]];
  start(engineAccount);
  const { host } = addressOf(options.target.url);
  void (options.pid === null ? isLocalHost(host) : Promise.resolve(true)).then((local) => {
    if (stopped) return;
    for (const account of machineAccounts) {
      if (local) start(account);
      else
        account.note({
          kind: 'failed',
          reason: `the deployment runs on another host (${host}), which can't be looked into from here`,
        });
    }
  });

  const stop = async () => {
    stopped = true;
    await Promise.all(accounts.map(({ sampler }) => sampler.stop()));
  };
  const nvidiaOff: SamplerProblem[] = options.nvidiaSmi
    ? []
    : [
        {
          source: 'nvidia-smi',
          metrics: createGpuSampler(intervalMs, undefined).metrics,
          reason: 'monitor.nvidiaSmi is off',
        },
      ];
  return {
    take: (originMs) => samples.map(({ atMs, metric, value }) => ({ tMs: atMs - originMs, metric, value })),
    mark() {
      samples = [];
      for (const account of accounts) account.mark();
    },
    problems: () => [...nvidiaOff, ...accounts.flatMap((account) => account.problems())],
    restarted: () => engine.restarted(),
    latest: (metric) => latest.get(metric),
    readEngine: (signal) => engine.read(signal),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Account {
  readonly sampler: Sampler;
  note(reading: Reading): void;
  mark(): void;
  problems(): SamplerProblem[];
}

/** What one sampler gave since the mark, and why it gave nothing else. */
function createAccount(sampler: Sampler): Account {
  let seen = new Set<string>();
  let readings = 0;
  let before: SamplerProblem[] | null = null;
  let failure: string | null = null;
  let missing: Readonly<Record<string, string>> = {};

  const problemsNow = (): SamplerProblem[] => {
    const byReason = Map.groupBy(
      sampler.metrics.filter((metric) => !seen.has(metric)),
      (metric) => failure ?? missing[metric] ?? 'no reading was made in time',
    );
    return [...byReason].map(([reason, metrics]) => ({ source: sampler.source, metrics, reason }));
  };
  return {
    sampler,
    note(reading) {
      readings += 1;
      failure = reading.kind === 'failed' ? reading.reason : null;
      if (reading.kind === 'failed') return;
      missing = reading.missing ?? {};
      for (const metric of Object.keys(reading.values)) seen.add(metric);
    },
    mark() {
      // A sampler that gave up for good makes no more readings: its reason stays.
      before = problemsNow();
      seen = new Set();
      readings = 0;
      sampler.mark?.();
    },
    problems: () => (readings === 0 ? before : null) ?? problemsNow(),
  };
}
