// The one table of metrics: what each is called, its unit, which direction is better, how it is compared and
// from which change on it matters. Everything else (config, stages, judge, report, docs) asks here.

/** How two values of a metric are compared. `info` is shown and usable in SLA rules, but never compared. */
export type Scale = 'log' | 'difference' | 'info';
export type Better = 'lower' | 'higher' | 'neither';
export type Unit =
  | 'ms'
  | 's'
  | 'per_second'
  | 'tokens_per_second'
  | 'share'
  | 'percent'
  | 'count'
  | 'tokens'
  | 'bytes'
  | 'watts'
  | 'celsius'
  | 'mhz'
  | 'money'
  | 'cores';

export interface MetricDefinition {
  /** Without statistic: `ttft`. */
  readonly id: string;
  readonly label: string;
  readonly unit: Unit;
  readonly better: Better;
  readonly scale: Scale;
  /** Suffixes that exist, `ttft.p95`; empty where the id stands alone. */
  readonly statistics: readonly string[];
  /** One line, as in docs/glossary.md. */
  readonly formula: string;
  /**
   * Smallest change worth a verdict: a share for `log` metrics, in the metric's unit for `difference` metrics.
   * By statistic where it differs.
   */
  readonly minimumEffect: Readonly<Record<string, number>> | number;
  /** TOST margin, same unit as minimumEffect: inside it "unchanged" may be said. */
  readonly equivalenceMargin: number;
  /** Assumed between-boot standard deviation (log units, or the metric's unit) while history is thin. */
  readonly priorSd: Readonly<Record<string, number>> | number;
  /** Changes below this many units are within what the client itself can distort; floors the minimum effect. */
  readonly resolution?: number;
  /**
   * How the rounds of a boot become its one number (stats/summary.ts); robust where absent. `matched`: they are the steps
   * of a ramp, and the mean is over those that all boots of a comparison held.
   */
  readonly summary?: 'mean' | 'matched';
}

/** A metric with its statistic chosen: what records, rules and comparisons are keyed by. */
export interface ResolvedMetric {
  readonly id: string;
  readonly base: MetricDefinition;
  readonly statistic: string | null;
  readonly label: string;
  readonly unit: Unit;
  readonly better: Better;
  readonly scale: Scale;
  readonly minimumEffect: number;
  readonly equivalenceMargin: number;
  readonly priorSd: number;
  readonly resolution: number;
  readonly summary: 'robust' | 'mean' | 'matched';
}

/** What is compared at matched loads has no number of one boot alone: it depends on what the other boots held. */
export const standsAlone = ({ summary }: Pick<ResolvedMetric, 'summary'>): boolean => summary !== 'matched';

const LATENCY_STATISTICS = ['mean', 'p50', 'p90', 'p95', 'p99', 'max'] as const;
const GAUGE_STATISTICS = ['mean', 'p95', 'max'] as const;

// Minimum effects, margins and prior deviations: docs/judging.md explains each number.
const latency = (id: string, label: string, formula: string, resolution = 2): MetricDefinition => ({
  id,
  label,
  unit: 'ms',
  better: 'lower',
  scale: 'log',
  statistics: LATENCY_STATISTICS,
  formula,
  minimumEffect: { p99: 0.05, max: 0.1, default: 0.03 },
  equivalenceMargin: 0.1,
  priorSd: { p99: 0.04, max: 0.1, default: 0.03 },
  resolution,
});

/** A latency along the ramp, compared as at one load. */
const alongRamp = (of: 'ttft.p95' | 'tpot.p95', label: string, resolution: number): MetricDefinition => ({
  id: `curve.${of.replace('.', '_')}`,
  label: `${label} p95 at held loads`,
  unit: 'ms',
  better: 'lower',
  scale: 'log',
  statistics: [],
  formula: `geometric mean of ${of} over the steps of the ramp that every boot of the comparison held`,
  minimumEffect: 0.03,
  equivalenceMargin: 0.1,
  priorSd: 0.03,
  resolution,
  summary: 'matched',
});

const gauge = (
  id: string,
  label: string,
  unit: Unit,
  formula: string,
  better: Better = 'neither',
): MetricDefinition => ({
  id,
  label,
  unit,
  better,
  scale: 'info',
  statistics: GAUGE_STATISTICS,
  formula,
  minimumEffect: 0,
  equivalenceMargin: 0,
  priorSd: 0,
});

const rate = (id: string, label: string, unit: Unit, formula: string): MetricDefinition => ({
  id,
  label,
  unit,
  better: 'higher',
  scale: 'log',
  statistics: [],
  formula,
  minimumEffect: 0.02,
  equivalenceMargin: 0.05,
  priorSd: 0.025,
});

export const METRICS: readonly MetricDefinition[] = [
  latency('ttft', 'TTFT', 'firstToken − planned'),
  latency('ttft_service', 'TTFT from send', 'firstToken − sent'),
  latency('ttfc', 'TTFC', 'firstContent − planned'),
  latency('tpot', 'TPOT', '(lastToken − firstToken) / (outputTokens − 1), one value a request', 0.5),
  latency('icl', 'ICL', 'gaps between token-bearing events, pooled over requests'),
  latency('e2e', 'E2E', 'end − planned'),
  rate('throughput.requests', 'Throughput', 'per_second', 'requests completed inside the steady window ÷ its length'),
  rate(
    'throughput.tokens',
    'Output throughput',
    'tokens_per_second',
    'output tokens received inside the steady window ÷ its length',
  ),
  rate(
    'throughput.prompt_tokens',
    'Prompt throughput',
    'tokens_per_second',
    'prompt tokens of requests completed inside the steady window ÷ its length',
  ),
  rate('goodput.requests', 'Goodput', 'per_second', 'requests that met every per-request SLO ÷ window'),
  {
    id: 'goodput.share',
    label: 'Goodput share',
    unit: 'share',
    better: 'higher',
    scale: 'difference',
    statistics: [],
    formula: 'requests that met every per-request SLO ÷ all requests of the window, failed and rejected ones included',
    minimumEffect: 0.02,
    equivalenceMargin: 0.03,
    priorSd: 0.01,
  },
  {
    id: 'errors.rate',
    label: 'Error rate',
    unit: 'share',
    better: 'lower',
    scale: 'difference',
    statistics: [],
    formula: 'requests that did not end ok ÷ all',
    minimumEffect: 0.002,
    equivalenceMargin: 0.005,
    priorSd: 0.001,
    summary: 'mean',
  },
  {
    id: 'output.tokens',
    label: 'Output length',
    unit: 'tokens',
    better: 'neither',
    scale: 'info',
    statistics: ['mean'],
    formula: 'output tokens per successful request; a validity gate, not a result',
    minimumEffect: 0,
    equivalenceMargin: 0,
    priorSd: 0,
  },
  {
    id: 'output.share',
    label: 'Output share',
    unit: 'share',
    better: 'neither',
    scale: 'info',
    statistics: [],
    formula: 'output tokens ÷ tokens asked for (max_tokens), over successful requests; a validity gate, not a result',
    minimumEffect: 0,
    equivalenceMargin: 0,
    priorSd: 0,
  },
  {
    id: 'knee.rate',
    label: 'Load line',
    unit: 'per_second',
    better: 'higher',
    scale: 'log',
    statistics: [],
    formula: 'highest offered rate at which at most 5 % of requests miss their SLO and the backlog does not grow',
    minimumEffect: 0.03,
    equivalenceMargin: 0.05,
    priorSd: 0.05,
  },
  {
    id: 'saturation.rate',
    label: 'Saturation',
    unit: 'per_second',
    better: 'higher',
    scale: 'log',
    statistics: [],
    formula: 'plateau of the achieved request rate over the steps',
    minimumEffect: 0.03,
    equivalenceMargin: 0.05,
    priorSd: 0.03,
  },
  alongRamp('ttft.p95', 'TTFT', 2),
  alongRamp('tpot.p95', 'TPOT', 0.5),
  {
    id: 'surge.peak_p95',
    label: 'Surge peak',
    unit: 'ms',
    better: 'lower',
    scale: 'log',
    statistics: [],
    formula: 'worst windowed p95 of TTFT from the step up to the end of recovery',
    minimumEffect: 0.05,
    equivalenceMargin: 0.15,
    priorSd: 0.06,
    resolution: 5,
  },
  {
    id: 'surge.recovery',
    label: 'Surge recovery',
    unit: 's',
    better: 'lower',
    scale: 'difference',
    statistics: [],
    formula:
      'step down → three consecutive windows inside the pre-surge band with the backlog back at its pre-surge level',
    minimumEffect: 1,
    equivalenceMargin: 2,
    priorSd: 0.7,
  },
  {
    id: 'surge.backlog',
    label: 'Surge backlog',
    unit: 'count',
    better: 'lower',
    scale: 'difference',
    statistics: [],
    formula: 'largest number of requests in flight above the pre-surge level',
    minimumEffect: 5,
    equivalenceMargin: 10,
    priorSd: 3,
  },
  {
    id: 'surge.errors',
    label: 'Surge errors',
    unit: 'share',
    better: 'lower',
    scale: 'difference',
    statistics: [],
    formula: 'requests that did not end ok ÷ all, from the step up to the end of recovery',
    minimumEffect: 0.005,
    equivalenceMargin: 0.01,
    priorSd: 0.003,
  },
  {
    id: 'boot.duration',
    label: 'Boot time',
    unit: 's',
    better: 'lower',
    scale: 'info',
    statistics: [],
    formula: 'spawn → ready',
    minimumEffect: 0,
    equivalenceMargin: 0,
    priorSd: 0,
  },
  gauge('gpu.utilization', 'GPU utilisation', 'percent', 'nvidia-smi utilization.gpu, all GPUs'),
  gauge('gpu.memory', 'GPU memory', 'percent', 'nvidia-smi memory.used ÷ memory.total'),
  gauge('gpu.power', 'GPU power', 'watts', 'nvidia-smi power.draw, summed over GPUs'),
  gauge('gpu.temperature', 'GPU temperature', 'celsius', 'nvidia-smi temperature.gpu, hottest GPU'),
  gauge('gpu.sm_clock', 'GPU SM clock', 'mhz', 'nvidia-smi clocks.current.sm'),
  gauge(
    'gpu.throttled',
    'GPU throttled',
    'percent',
    'readings in which a GPU slows its clocks: hw_slowdown or sw_thermal_slowdown ÷ all',
    'lower',
  ),
  gauge('engine.running', 'Running requests', 'count', 'requests in the engine’s batch'),
  gauge('engine.waiting', 'Waiting requests', 'count', 'requests in the engine’s queue', 'lower'),
  gauge('engine.kv_cache', 'KV cache use', 'percent', 'share of KV-cache blocks in use'),
  gauge('engine.preemptions', 'Preemptions', 'count', 'preemptions since the stage began', 'lower'),
  gauge('host.cpu', 'Host CPU', 'percent', 'busy share of all cores, /proc/stat'),
  gauge('host.steal', 'Stolen CPU', 'percent', 'share of all cores’ time that a hypervisor kept, /proc/stat', 'lower'),
  gauge('host.memory', 'Host memory', 'percent', '1 − MemAvailable ÷ MemTotal'),
  gauge('deployment.cpu', 'Deployment CPU', 'cores', 'CPU seconds per second of the deployment’s process tree'),
  gauge('deployment.memory', 'Deployment memory', 'bytes', 'resident size of the deployment’s process tree'),
  {
    id: 'cost.per_request',
    label: 'Cost per request',
    unit: 'money',
    better: 'lower',
    scale: 'info',
    statistics: [],
    formula: 'gpuHour × gpus ÷ (3600 × goodput)',
    minimumEffect: 0,
    equivalenceMargin: 0,
    priorSd: 0,
  },
  {
    id: 'cost.per_million_tokens',
    label: 'Cost per million tokens',
    unit: 'money',
    better: 'lower',
    scale: 'info',
    statistics: [],
    formula: 'gpuHour × gpus ÷ (3600 × output tokens per second) × 10⁶',
    minimumEffect: 0,
    equivalenceMargin: 0,
    priorSd: 0,
  },
];

const forStatistic = (value: Readonly<Record<string, number>> | number, statistic: string | null): number =>
  typeof value === 'number' ? value : (value[statistic ?? 'default'] ?? value.default ?? 0);

/** Finds `ttft.p99`, `knee.rate`, `gpu.utilization.mean`; undefined where the table has no such metric. */
export const resolveMetric = (id: string): ResolvedMetric | undefined => BY_ID.get(id);

/** Every id that resolveMetric knows, for messages, completion and the documentation. */
export const allMetricIds = (): string[] => [...BY_ID.keys()];

function resolved(base: MetricDefinition, statistic: string | null): ResolvedMetric {
  return {
    id: statistic ? `${base.id}.${statistic}` : base.id,
    base,
    statistic,
    label: statistic ? `${base.label} ${statistic}` : base.label,
    unit: base.unit,
    better: base.better,
    scale: base.scale,
    minimumEffect: forStatistic(base.minimumEffect, statistic),
    equivalenceMargin: base.equivalenceMargin,
    priorSd: forStatistic(base.priorSd, statistic),
    resolution: base.resolution ?? 0,
    summary: base.summary ?? 'robust',
  };
}

const BY_ID = new Map(
  METRICS.flatMap((metric) =>
    (metric.statistics.length === 0 ? [null] : metric.statistics).map((statistic) => resolved(metric, statistic)),
  ).map((metric) => [metric.id, metric]),
);
