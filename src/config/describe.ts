// What a configuration would run, for `plimsoll validate`. In: a Config. Out: plain data (loads, durations,
// expected requests, the percentiles that so many can bear) and the same as text.

import { resolveMetric } from '../metrics.ts';
import { minimumSample } from '../stats/sample-size.ts';
import { ENGINES_TABLE } from './engines.ts';
import {
  type BenchmarkConfig,
  type Config,
  type LinearConfig,
  type Rate,
  STAGES,
  type StageName,
  type StepSurgeConfig,
} from './schema.ts';
import { formatDurationMs, formatRatePerSecond, formatShare } from './units.ts';

const PERCENTILES = ['p50', 'p90', 'p95', 'p99'] as const;
export type Percentile = (typeof PERCENTILES)[number];

export interface PhaseDescription {
  readonly name: string;
  readonly durationMs: number;
  /** "8/s", "60% of the knee", "32 users", "trace.jsonl, 2 times as fast". */
  readonly load: string;
  /** Expected; null where it depends on the answers (users), on the baseline (share of the knee) or on a trace. */
  readonly requests: number | null;
}
export interface StageDescription {
  readonly stage: StageName;
  readonly phases: readonly PhaseDescription[];
  readonly durationMs: number;
  /** At most, after the last phase. */
  readonly drainMs: number;
  readonly requests: number | null;
  /** Requests behind one percentile: all rounds of benchmark, the smallest phase of the others. */
  readonly sample: number | null;
  /** Percentiles that `sample` can bear at 99 % confidence; null where it is not known beforehand. */
  readonly bears: readonly Percentile[] | null;
}
export interface ConfigDescription {
  readonly deployment: string;
  readonly engine: string;
  readonly url: string;
  readonly model: string;
  readonly stages: readonly StageDescription[];
  /** Load and drains, without booting and warm-up. */
  readonly minutesPerBoot: { readonly expected: number; readonly atMost: number };
  /** Until it is ready: a third of `ready.timeout`, as good a guess as the file gives; 0 where nothing is booted. */
  readonly minutesToReady: number;
  readonly maxBoots: number;
  /** Boots that are taken together: base and candidate, or one. */
  readonly bootsAtOnce: 1 | 2;
  readonly budgetMinutes: number;
  readonly gates: readonly string[];
  readonly sla: readonly string[];
  /** What is allowed but will not work out well. */
  readonly warnings: readonly string[];
}

export function describeConfig(config: Config): ConfigDescription {
  const stages = STAGES.flatMap((stage) => describeStage(stage, config) ?? []);
  const loadMs = stages.reduce((sum, stage) => sum + stage.durationMs, 0);
  const drainMs = stages.reduce((sum, stage) => sum + stage.drainMs, 0);
  const { deployment, workload, comparison } = config;
  const description = {
    deployment: deployment.name,
    engine: ENGINES_TABLE[deployment.engine].label,
    url: deployment.url,
    model: workload.model,
    stages,
    minutesPerBoot: { expected: minutes(loadMs), atMost: minutes(loadMs + drainMs) },
    minutesToReady: deployment.kind === 'external' ? 0 : minutes(deployment.ready.timeout / 3),
    maxBoots: comparison.maxBoots,
    bootsAtOnce: comparison.against === 'interleaved' ? (2 as const) : (1 as const),
    budgetMinutes: minutes(comparison.budget),
    gates: comparison.gates.map(({ metric, stage }) => `${metric}@${stage}`),
    sla: config.sla.map(
      ({ metric, stage, gold, tolerance }) =>
        `${metric}@${stage} ${gold.text}${tolerance.text === gold.text ? '' : `, tolerated ${tolerance.text}`}`,
    ),
  };
  return { ...description, warnings: [...thinPercentiles(config, stages), ...overBudget(description)] };
}

/** The description as lines for a terminal. */
export function renderDescription(description: ConfigDescription): string {
  const { minutesPerBoot, maxBoots, bootsAtOnce, budgetMinutes, gates, sla, warnings } = description;
  const rung = bootsAtOnce === 2 ? 'pair' : 'boot';
  const list = (title: string, items: readonly string[]): string[] =>
    items.length === 0 ? [] : ['', `${title}:`, ...items.map((item) => `  ${item}`)];
  return [
    `${description.deployment}: ${description.model} on ${description.engine} at ${description.url}`,
    ...description.stages.flatMap(stageLines),
    '',
    `One boot takes about ${minutesPerBoot.expected} minutes of load (at most ${minutesPerBoot.atMost}), beside booting and warm-up.`,
    `Up to ${maxBoots} ${rung}${maxBoots === 1 ? '' : 's'}${bootsAtOnce === 2 ? ' of base and candidate' : ''} until it is clear, within ${budgetMinutes} minutes.`,
    ...list('Gates', gates),
    ...list('SLA', sla),
    ...list('Warnings', warnings),
  ].join('\n');
}

function describeStage(stage: StageName, { stages }: Config): StageDescription | undefined {
  switch (stage) {
    case 'benchmark':
      return stages.benchmark && summary(stage, benchmarkPhases(stages.benchmark), stages.benchmark.drain);
    case 'linear':
      return stages.linear && summary(stage, linearPhases(stages.linear), stages.linear.drain);
    case 'step-surge':
      return stages['step-surge'] && summary(stage, surgePhases(stages['step-surge']), stages['step-surge'].drain);
  }
}

function summary(stage: StageName, phases: readonly PhaseDescription[], drainMs: number): StageDescription {
  const counts = phases.map(({ requests }) => requests);
  const total = sum(counts);
  const sample =
    stage === 'benchmark'
      ? sum(phases.filter(({ name }) => name !== 'ramp-in').map(({ requests }) => requests))
      : counts.reduce<number | null>(
          (least, count) => (least === null || count === null ? null : Math.min(least, count)),
          counts[0] ?? null,
        );
  return {
    stage,
    phases,
    durationMs: phases.reduce((whole, phase) => whole + phase.durationMs, 0),
    drainMs,
    requests: total === null ? null : Math.round(total),
    sample: sample === null ? null : Math.round(sample),
    bears: sample === null ? null : PERCENTILES.filter((percentile) => sample >= needed(percentile)),
  };
}

const needed = (percentile: Percentile): number => minimumSample(Number(percentile.slice(1)) / 100);
const sum = (counts: readonly (number | null)[]): number | null =>
  counts.reduce<number | null>((total, count) => (total === null || count === null ? null : total + count), 0);

/** The phases as stages/ plans them. */
function benchmarkPhases(config: BenchmarkConfig): PhaseDescription[] {
  const rampInMs = config.rampIn ?? Math.max(2_000, config.duration / 10);
  const { replay } = config;
  const load = replay
    ? `${replay.file}${replay.speedup === 1 ? '' : `, ${replay.speedup} times as fast`}`
    : (config.rate ?? config.users ?? 0);
  const rounds = Array.from({ length: config.rounds }, (_, index) =>
    phase(`round-${index + 1}`, config.duration / config.rounds, load),
  );
  return rampInMs > 0 ? [phase('ramp-in', rampInMs, load), ...rounds] : rounds;
}

function linearPhases({ from, to, steps, hold }: LinearConfig): PhaseDescription[] {
  return Array.from({ length: steps }, (_, index) =>
    phase(`step-${index + 1}`, hold, between(from, to, index / (steps - 1))),
  );
}

function surgePhases({ base, surges, hold, recover }: StepSurgeConfig): PhaseDescription[] {
  return [
    phase('base', hold, base),
    ...surges.flatMap((surge, index) => [
      phase(`surge-${index + 1}`, hold, surge),
      phase(`recover-${index + 1}`, recover, base),
    ]),
  ];
}

/** A step between two loads; where one is a rate and the other a share, the baseline decides: named as a span. */
function between(from: Rate, to: Rate, share: number): Rate | string {
  const mixed = (low: number, high: number): number => low + (high - low) * share;
  if ('perSecond' in from && 'perSecond' in to) return { perSecond: mixed(from.perSecond, to.perSecond) };
  if ('shareOfKnee' in from && 'shareOfKnee' in to) return { shareOfKnee: mixed(from.shareOfKnee, to.shareOfKnee) };
  return `${formatShare(share)} of the way from ${loadText(from)} to ${loadText(to)}`;
}

function phase(name: string, durationMs: number, load: Rate | number | string): PhaseDescription {
  const perSecond = typeof load === 'object' && 'perSecond' in load ? load.perSecond : null;
  return {
    name,
    durationMs,
    load: loadText(load),
    requests: perSecond === null ? null : (perSecond * durationMs) / 1_000,
  };
}

function loadText(load: Rate | number | string): string {
  if (typeof load === 'string') return load;
  if (typeof load === 'number') return `${load} ${load === 1 ? 'user' : 'users'}`;
  return 'perSecond' in load
    ? formatRatePerSecond(Number(load.perSecond.toPrecision(3)))
    : `${formatShare(load.shareOfKnee)} of the knee`;
}

const minutes = (ms: number): number => Math.round(ms / 6_000) / 10;

/** Rules and gates on percentiles that the sample cannot bear. */
function thinPercentiles(config: Config, stages: readonly StageDescription[]): string[] {
  const asked = [...config.comparison.gates, ...config.sla].map(({ metric, stage }) => ({ metric, stage }));
  const unique = new Map(asked.map((each) => [`${each.metric}@${each.stage}`, each]));
  return [...unique].flatMap(([name, { metric, stage }]) => {
    const percentile = PERCENTILES.find((each) => each === resolveMetric(metric)?.statistic);
    const described = stages.find((each) => each.stage === stage);
    if (
      resolveMetric(metric)?.unit !== 'ms' ||
      percentile === undefined ||
      described?.sample == null ||
      described.bears?.includes(percentile)
    )
      return [];
    return `${name} needs ${needed(percentile)} requests for 99 % confidence, about ${described.sample} are expected: raise stages.${stage}.duration or its rate`;
  });
}

type Budget = Pick<
  ConfigDescription,
  'minutesPerBoot' | 'minutesToReady' | 'maxBoots' | 'bootsAtOnce' | 'budgetMinutes'
>;

/** A boot is begun only where one as long as those before still fits. */
function overBudget(budget: Budget): string[] {
  const { minutesPerBoot, minutesToReady, maxBoots, bootsAtOnce, budgetMinutes } = budget;
  const [load, toReady] = [rounded(bootsAtOnce * minutesPerBoot.expected), rounded(bootsAtOnce * minutesToReady)];
  const rung = bootsAtOnce === 2 ? 'pair' : 'boot';
  if (load > budgetMinutes)
    return [`one ${rung} takes ${load} minutes of load, more than comparison.budget (${budgetMinutes} minutes)`];
  if (maxBoots === 1 || 2 * (load + toReady) <= budgetMinutes) return [];
  const booting = toReady === 0 ? '' : ` and perhaps ${toReady} until it is ready`;
  return [
    `a second ${rung} does not fit comparison.budget (${budgetMinutes} minutes): one takes ${load} minutes of load${booting}, and a regression needs two ${rung}s to be confirmed`,
  ];
}

const rounded = (minutes: number): number => Math.round(10 * minutes) / 10;

function stageLines({ stage, phases, durationMs, requests, sample, bears }: StageDescription): string[] {
  const behind = stage === 'benchmark' ? 'all rounds together' : 'the smallest phase';
  const percentiles =
    bears === null
      ? 'percentiles: not known beforehand'
      : `percentiles: ${bears.length === 0 ? 'none' : bears.join(', ')} (${sample} requests in ${behind})`;
  return [
    '',
    `${stage}: ${formatDurationMs(Math.round(durationMs))}, ${requests === null ? 'requests depend on the answers, the baseline or the trace' : `about ${requests} requests`}`,
    ...groups(phases).map(
      ({ name, load, durationMs: each, requests: expected }) =>
        `  ${name.padEnd(18)} ${formatDurationMs(Math.round(each)).padEnd(8)} ${load}${expected === null ? '' : `, ${Math.round(expected)} requests`}`,
    ),
    `  ${percentiles}`,
  ];
}

/** Neighbours that differ in name only, as one line: `round-1 … round-5`. */
function groups(phases: readonly PhaseDescription[]): PhaseDescription[] {
  const lines: { first: PhaseDescription; last: PhaseDescription }[] = [];
  for (const next of phases) {
    const open = lines.at(-1);
    const same =
      open &&
      open.last.load === next.load &&
      open.last.durationMs === next.durationMs &&
      stem(open.last.name) === stem(next.name);
    if (same) open.last = next;
    else lines.push({ first: next, last: next });
  }
  return lines.map(({ first, last }) => (first === last ? first : { ...first, name: `${first.name} … ${last.name}` }));
}

const stem = (name: string): string => name.replace(/-\d+$/, '');
