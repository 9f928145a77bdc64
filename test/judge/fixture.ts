// Small, whole records and baseline files for the judge's tests: only what a test names differs from a healthy
// run of three stages against a baseline of ten boots.

import type { BaselineFile, BaselineLookup, History, StoredBoot } from '../../src/baseline/schema.ts';
import type { Condition, StageName } from '../../src/config/schema.ts';
import type { JudgeInput, Policy } from '../../src/judge/judge.ts';
import type { BootRecord, RunRecord } from '../../src/record/schema.ts';
import { createRandom, type Random } from '../../src/stats/random.ts';

export type Stage = BootRecord['stages'][number];
export type Value = Stage['metrics'][string];
export type Metrics = Record<string, Value>;

export const ROUNDS = 5;
export const PER_ROUND = 2_500;

export const value = (rounds: readonly (number | null)[], options: Partial<Value> = {}): Value => {
  const present = rounds.filter((round) => round !== null);
  const mean = present.length === 0 ? null : present.reduce((sum, round) => sum + round, 0) / present.length;
  return {
    value: mean,
    bound: 'exact',
    n: PER_ROUND * rounds.length,
    thin: false,
    rounds: [...rounds],
    note: null,
    ...options,
  };
};

/** Healthy levels; a test multiplies. */
export const LEVELS: Readonly<Record<StageName, Readonly<Record<string, number>>>> = {
  benchmark: {
    'ttft.p50': 120,
    'ttft.p95': 240,
    'ttft.p99': 400,
    'tpot.p50': 20,
    'tpot.p95': 24.1,
    'tpot.p99': 30,
    'icl.p95': 26,
    'icl.p99': 40,
    'e2e.p50': 3_000,
    'e2e.p95': 5_200,
    'e2e.p99': 7_000,
    'goodput.share': 0.99,
    'errors.rate': 0,
    'output.tokens.mean': 180,
    'gpu.utilization.mean': 71,
  },
  linear: { 'knee.rate': 41.2, 'saturation.rate': 50, 'throughput.tokens': 9_000 },
  'step-surge': {
    'surge.peak_p95': 900,
    'surge.recovery': 12,
    'surge.backlog': 60,
    'surge.errors': 0,
    'goodput.share': 0.9,
    'errors.rate': 0,
  },
};
const FREE_OF_NOISE: ReadonlySet<string> = new Set([
  'goodput.share',
  'errors.rate',
  'surge.errors',
  'output.tokens.mean',
  'gpu.utilization.mean',
  'surge.recovery',
  'surge.backlog',
]);
const isTail = (id: string): boolean => id.endsWith('.p99');

export interface Noise {
  /** Between boots and between rounds, log units. */
  readonly boot: number;
  readonly round: number;
}

/** One boot's metrics of a stage: shared and own boot effect (correlation 0.5), rounds about it. */
export function metricsOf(
  stage: StageName,
  random: Random,
  noise: Noise,
  factor: (id: string) => number = () => 1,
  shared = random.normal(),
): Metrics {
  const metrics: Metrics = {};
  for (const [id, level] of Object.entries(LEVELS[stage])) {
    const rounds = stage === 'benchmark' ? ROUNDS : 1;
    const quiet = FREE_OF_NOISE.has(id);
    const own = Math.SQRT1_2 * (shared + random.normal());
    const boot = quiet ? 0 : noise.boot * own;
    const sd = quiet ? 0 : noise.round * (isTail(id) ? 3 : 1);
    metrics[id] = value(
      Array.from({ length: rounds }, () => level * factor(id) * Math.exp(boot + sd * random.normal())),
    );
  }
  return metrics;
}

export function stageOf(stage: StageName, metrics: Metrics, options: Partial<Stage> = {}): Stage {
  return {
    stage,
    status: 'complete',
    reason: null,
    durationMs: 90_000,
    invalid: [],
    phases: [],
    metrics,
    histograms: {},
    curve: null,
    cliffs: [],
    surge: null,
    stream: { coalescedShare: null, tokensPerChunk: null, tokenSource: 'usage' },
    unmeasured: [],
    ...options,
  };
}

export function phaseOf(
  kind: Stage['phases'][number]['kind'],
  options: Partial<Stage['phases'][number]> = {},
): Stage['phases'][number] {
  return {
    name: `${kind}-1`,
    kind,
    startMs: 0,
    endMs: 1_000,
    offeredRate: 8,
    users: null,
    planned: 8,
    sent: 8,
    dropped: 0,
    outcomes: { ok: 8 },
    metrics: {},
    client: { dispatchDelayMs: null, eventLoopDelayP99Ms: null, cpuShare: [] },
    invalid: [],
    ...options,
  };
}

export const curvePoint = (
  options: Partial<NonNullable<Stage['curve']>[number]> & { offeredRate: number },
): NonNullable<Stage['curve']>[number] => ({
  phase: `step-${options.offeredRate}`,
  achievedRate: options.offeredRate,
  goodputShare: 1,
  ttftP50Ms: null,
  ttftP95Ms: null,
  tpotP50Ms: null,
  tpotP95Ms: null,
  e2eP95Ms: null,
  tokensPerSecond: 0,
  errorRate: 0,
  inFlightMean: 1,
  backlogGrowing: false,
  held: true,
  ...options,
});

export const boot = (index: number, stages: Stage[], options: Partial<BootRecord> = {}): BootRecord => ({
  index,
  side: 'candidate',
  startedAt: '2026-01-01T00:00:00Z',
  bootMs: 41_000,
  end: 'complete',
  reason: null,
  subject: {},
  pair: null,
  stages,
  ...options,
});

export const record = (boots: BootRecord[], options: Partial<RunRecord> = {}): RunRecord => ({
  schema: 'plimsoll/run',
  version: 1,
  id: 'run',
  name: '',
  createdAt: '2026-01-01T00:00:00Z',
  plimsoll: '0.1.0',
  mode: 'gate',
  status: 'complete',
  statusReason: null,
  deployment: 'demo',
  environment: { gpu: 'L4' },
  workloads: {
    benchmark: { key: 'b', facts: { rate: '8/s' } },
    linear: { key: 'l', facts: { to: '60/s' } },
    'step-surge': { key: 's', facts: { base: '8/s' } },
  },
  subject: {},
  slo: null,
  boots,
  discarded: [],
  ...options,
});

const stored = (metrics: Metrics): StoredBoot['metrics'] =>
  Object.fromEntries(
    Object.entries(metrics).map(([id, { value: v, bound, n, rounds, roundBounds, spacing }]) => [
      id,
      { value: v, bound, n, rounds, ...(roundBounds && { roundBounds }), ...(spacing && { spacing }) },
    ]),
  );

const KEYS: Readonly<Record<StageName, string>> = { benchmark: 'b', linear: 'l', 'step-surge': 's' };
const FACTS: Readonly<Record<StageName, History['workload']>> = {
  benchmark: { rate: '8/s' },
  linear: { to: '60/s' },
  'step-surge': { base: '8/s' },
};

export function history(stage: StageName, boots: readonly Metrics[], options: Partial<History> = {}): History {
  return {
    key: KEYS[stage],
    workload: FACTS[stage],
    segments: [
      {
        id: 's1',
        since: '2026-01-01T00:00:00Z',
        commit: null,
        reason: 'first baseline',
        pinned: { kneeRate: null },
        boots: boots.map((metrics, index) => ({
          id: `base${index}#1`,
          at: '2026-01-01T00:00:00Z',
          commit: null,
          subject: {},
          tokenSource: 'usage',
          slo: null,
          metrics: stored(metrics),
        })),
        histograms: {},
        curve: null,
        surge: null,
      },
    ],
    ledger: {},
    ...options,
  };
}

export function found(stages: BaselineFile['stages']): BaselineLookup {
  return {
    kind: 'found',
    path: 'baselines/demo/l4.json',
    file: { schema: 'plimsoll/baseline', version: 1, deployment: 'demo', environment: { gpu: 'L4' }, keep: 10, stages },
  };
}

/** What pruned boots taught about one metric. */
export const learnt = (rounds: number, ss: number, df: number): History['ledger'][string] => [
  { kind: 'boots', segment: null, rounds, ss, df },
];

/** A ledger that knows the noise of every metric, on the scale of comparison. */
export function ledgerFor(stage: StageName, df: number, noise: Noise): History['ledger'] {
  const rounds = stage === 'benchmark' ? ROUNDS : 1;
  return Object.fromEntries(
    Object.keys(LEVELS[stage]).map((id) => {
      const variance = noise.boot ** 2 + (noise.round * (isTail(id) ? 3 : 1)) ** 2 / rounds;
      return [id, learnt(rounds, df * (FREE_OF_NOISE.has(id) ? 1e-8 : variance), df)];
    }),
  );
}

export const condition = (text: string, op: Condition['op'], limit: number): Condition => ({ text, op, limit });

export const policy = (options: Partial<Policy> = {}): Policy => ({
  sla: [],
  comparison: {
    against: 'stored',
    maxBoots: 3,
    budget: 2_700_000,
    onMissingBaseline: 'warn',
    minimumEffects: {},
    gates: [
      { metric: 'ttft.p95', stage: 'benchmark' },
      { metric: 'tpot.p95', stage: 'benchmark' },
      { metric: 'knee.rate', stage: 'linear' },
    ],
  },
  failOn: ['breach', 'regression'],
  strict: false,
  ...options,
});

export const STAGES: readonly StageName[] = ['benchmark', 'linear', 'step-surge'];

export interface World {
  readonly seed: string | number;
  readonly noise?: Noise;
  readonly baselines?: number;
  readonly ledgerDf?: number;
  readonly boots?: number;
  readonly factor?: (id: string, stage: StageName) => number;
  readonly stages?: readonly StageName[];
}

/** A run and its baseline, drawn from one seed. */
export function world(options: World): JudgeInput & { readonly lookup: Extract<BaselineLookup, { kind: 'found' }> } {
  const {
    seed,
    noise = { boot: 0.005, round: 0.005 },
    baselines = 10,
    ledgerDf = 18,
    boots = 1,
    factor = () => 1,
    stages = STAGES,
  } = options;
  const random = createRandom(seed);
  const histories: BaselineFile['stages'] = {};
  for (const stage of stages) {
    histories[stage] = [
      history(
        stage,
        Array.from({ length: baselines }, () => metricsOf(stage, random, noise)),
        { ledger: ledgerDf > 0 ? ledgerFor(stage, ledgerDf, noise) : {} },
      ),
    ];
  }
  const candidates = Array.from({ length: boots }, (_, index) =>
    boot(
      index + 1,
      stages.map((stage) =>
        stageOf(
          stage,
          metricsOf(stage, random, noise, (id) => factor(id, stage)),
        ),
      ),
    ),
  );
  return {
    record: record(candidates),
    lookup: found(histories) as Extract<BaselineLookup, { kind: 'found' }>,
    policy: policy(),
    expected: [...stages],
  };
}
