// Reports to render: one run of a 7B model on an H100 in thirteen situations, as typed records and verdicts. The
// numbers follow a small queueing model, so that curves, histograms and metrics of one fixture agree.

import { type BaselineFile, baselineFileSchema } from '../../src/baseline/schema.ts';
import type { Comparison, Finding, LoadLine, SlaResult, StageStanding, Verdict } from '../../src/judge/verdict.ts';
import { type BootRecord, type RunRecord, runRecordSchema } from '../../src/record/schema.ts';
import type { ReportInput } from '../../src/report/input.ts';
import type {
  CurvePoint,
  MetricValue,
  PhaseMeasurement,
  StageMeasurement,
  SurgePoint,
} from '../../src/stages/measurement.ts';
import { createHistogram, encodeHistogram, recordMs } from '../../src/stats/histogram.ts';

/** Multiplies prefill time, and divides capacity; 1 = the baseline's level. */
export interface Level {
  readonly slow: number;
}

const RATES = [2, 6, 10, 14, 18, 22, 26, 30, 34, 38];
const CAPACITY = 34;

const round = (value: number): number => Number(value.toFixed(value < 10 ? 3 : 1));

const ttftP50 = (rate: number, { slow }: Level): number => 62 * slow * (1 + 0.9 * (Math.min(rate, 33) / CAPACITY) ** 3);
function ttftP95(rate: number, level: Level): number {
  const load = (rate * level.slow) / CAPACITY;
  return load < 0.98 ? (ttftP50(rate, level) * 1.9) / (1 - 0.72 * load ** 6) : 480 + 9_000 * (load - 0.9);
}
const tpotP95 = (rate: number, { slow }: Level): number => (14 + 0.6 * Math.min(rate, 34)) * (1 + 0.3 * (slow - 1));

function curveAt(level: Level): CurvePoint[] {
  const capacity = CAPACITY / level.slow;
  return RATES.map((offeredRate, index) => {
    const p95 = ttftP95(offeredRate, level);
    const held = p95 < 500;
    return {
      phase: `step-${index + 1}`,
      offeredRate,
      achievedRate: round(Math.min(offeredRate * 0.998, capacity)),
      goodputShare: held ? 0.995 : round(Math.max(0.04, 0.7 - (offeredRate - capacity) / 12)),
      ttftP50Ms: round(ttftP50(offeredRate, level) * (held ? 1 : 8)),
      ttftP95Ms: round(p95),
      tpotP50Ms: round(tpotP95(offeredRate, level) * 0.8),
      tpotP95Ms: round(tpotP95(offeredRate, level)),
      e2eP95Ms: round(p95 + 400 * tpotP95(offeredRate, level)),
      tokensPerSecond: round(Math.min(offeredRate, capacity) * 410),
      errorRate: offeredRate > capacity * 1.1 ? 0.013 : 0,
      inFlightMean: round(Math.min(offeredRate, capacity) * 9.2 + (held ? 0 : 160)),
      backlogGrowing: !held,
      held,
    };
  });
}

/** 60 s at 8/s, 60 s at 32/s, 120 s of recovery, windows of 5 s. */
function surgeAt({ slow }: Level): SurgePoint[] {
  return Array.from({ length: 48 }, (_, index) => {
    const t = index * 5;
    const during = t >= 60 && t < 120;
    const after = t >= 120 ? Math.max(0, 1 - (t - 120) / (12 * slow)) : 0;
    const pressure = during ? (t - 55) / 60 : after;
    return {
      tMs: t * 1_000,
      offeredRate: during ? 32 : 8,
      achievedRate: round(during ? 29.5 / slow : 8 + 20 * after),
      ttftP95Ms: round(118 * slow + 1_700 * slow * pressure),
      inFlight: Math.round(70 + 190 * slow * pressure),
      failed: 0,
    };
  });
}

const exact = (value: number | null, n = 1_440, rounds: readonly (number | null)[] = [value]): MetricValue => ({
  value,
  bound: 'exact',
  n,
  thin: false,
  rounds,
  note: null,
});
const fiveRounds = (value: number, n = 720): MetricValue =>
  exact(
    round(value),
    n,
    [0.99, 1.004, 1, 1.013, 0.996].map((factor) => round(value * factor)),
  );

function phase(
  name: string,
  kind: PhaseMeasurement['kind'],
  startMs: number,
  endMs: number,
  offeredRate: number,
): PhaseMeasurement {
  const planned = Math.round((offeredRate * (endMs - startMs)) / 1_000);
  return {
    name,
    kind,
    startMs,
    endMs,
    offeredRate,
    users: null,
    planned,
    sent: planned,
    dropped: 0,
    outcomes: { ok: planned },
    metrics: {},
    client: { dispatchDelayMs: { p50: 0.08, p99: 0.41, max: 2.2 }, eventLoopDelayP99Ms: 0.6, cpuShare: [0.23] },
    invalid: [],
  };
}

export function histogramOf(medianMs: number, sigma: number, count = 4_000): string {
  const histogram = createHistogram();
  // Quantiles of a log-logistic: close to what queues give, and without a random number.
  for (let index = 0; index < count; index++) {
    const share = (index + 0.5) / count;
    recordMs(histogram, medianMs * (share / (1 - share)) ** sigma);
  }
  return encodeHistogram(histogram);
}

const noStage = {
  reason: null,
  invalid: [],
  curve: null,
  cliffs: [],
  surge: null,
  histograms: {},
  stream: { coalescedShare: 0.012, tokensPerChunk: 1, tokenSource: 'usage' },
  unmeasured: [],
};

export function benchmarkOf(level: Level): StageMeasurement {
  const p50 = ttftP50(8, level);
  return {
    ...noStage,
    stage: 'benchmark',
    status: 'complete',
    durationMs: 101_000,
    phases: [
      phase('ramp-in', 'rampIn', 0, 9_000, 8),
      ...[1, 2, 3, 4, 5].map((n) => phase(`round-${n}`, 'round', 9_000 + 18_000 * (n - 1), 9_000 + 18_000 * n, 8)),
    ],
    metrics: {
      'ttft.p50': fiveRounds(p50),
      'ttft.p95': fiveRounds(p50 * 1.9),
      'ttft.p99': { ...fiveRounds(p50 * 2.7), thin: false },
      'tpot.p50': fiveRounds(tpotP95(8, level) * 0.8),
      'tpot.p95': fiveRounds(tpotP95(8, level)),
      'e2e.p95': fiveRounds(9_400 * level.slow),
      'throughput.tokens': fiveRounds(3_270),
      'throughput.requests': fiveRounds(7.98),
      'errors.rate': exact(0, 720),
      'goodput.share': exact(0.996, 720),
      'output.tokens.mean': exact(409, 720),
      'gpu.utilization.mean': exact(71.4, 90),
      'gpu.memory.max': exact(88.2, 90),
    },
    histograms: {
      ttft: histogramOf(p50, 0.22),
      tpot: histogramOf(tpotP95(8, level) * 0.8, 0.08),
      e2e: histogramOf(5_200, 0.2),
    },
  };
}

export function linearOf(level: Level): StageMeasurement {
  const curve = curveAt(level);
  const knee = kneeOf(level);
  return {
    ...noStage,
    stage: 'linear',
    status: 'complete',
    durationMs: 640_000,
    phases: RATES.map((rate, index) => phase(`step-${index + 1}`, 'step', 60_000 * index, 60_000 * (index + 1), rate)),
    metrics: {
      'knee.rate': exact(knee),
      'saturation.rate': exact(round(CAPACITY / level.slow)),
      'throughput.tokens': exact(round((CAPACITY / level.slow) * 410)),
    },
    curve,
    cliffs: [
      {
        betweenRates: [Math.floor(knee), Math.ceil(knee + 4)],
        what: 'TTFT p95 rose 4.1× from 0.31 s to 1.29 s',
        why: 'KV cache at 99 %, queue grew to 164 requests',
      },
    ],
  };
}

export function surgeOf(level: Level): StageMeasurement {
  return {
    ...noStage,
    stage: 'step-surge',
    status: 'complete',
    durationMs: 246_000,
    phases: [
      phase('base-1', 'base', 0, 60_000, 8),
      phase('surge-1', 'surge', 60_000, 120_000, 32),
      phase('recover-1', 'recover', 120_000, 240_000, 8),
    ],
    metrics: {
      'surge.peak_p95': exact(round(1_790 * level.slow)),
      'surge.recovery': exact(round(12 * level.slow)),
      'surge.backlog': exact(Math.round(188 * level.slow)),
      'surge.errors': exact(0),
    },
    surge: surgeAt(level),
  };
}

const kneeOf = ({ slow }: Level): number => round(33.1 / slow ** 1.15);

export function bootOf(index: number, level: Level): BootRecord {
  return {
    index,
    side: 'candidate',
    startedAt: `2026-11-20T10:${String(10 + 20 * (index - 1)).padStart(2, '0')}:00Z`,
    bootMs: 74_300 + 900 * index,
    end: 'complete',
    reason: null,
    subject: {},
    pair: null,
    stages: [benchmarkOf(level), linearOf(level), surgeOf(level)] as BootRecord['stages'],
  };
}

const DEPLOYMENT = 'deepseek-r1-distill-qwen-7b';
const ENVIRONMENT = {
  gpu: 'NVIDIA H100 80GB HBM3',
  gpuCount: 1,
  gpuMemoryMib: 81559,
  driverMajor: 570,
  powerLimitW: 700,
  mig: false,
  clockPolicy: 'default',
  client: 'same host',
  method: 1,
  runnerClass: 'h100-1',
};
const SUBJECT = {
  commit: '9f31c07b2a54',
  engine: 'vllm',
  engineVersion: '0.11.2',
  command: 'vllm serve deepseek-ai/DeepSeek-R1-Distill-Qwen-7B --port 8000',
  image: null,
};

/** A configuration whose rules fit the records here, for a base; nothing of it is booted. */
export const rulesOf = (limit: string, command = '[x]'): string => `deployment:
  name: ${DEPLOYMENT}
  command: ${command}
  url: http://127.0.0.1:8000
workload: { model: m }
slo: { ttft: 500ms, tpot: 50ms }
stages:
  benchmark: { rate: 8/s, duration: 150s }
  linear: { from: 2/s, to: 38/s, steps: 10, hold: 60s }
  step-surge: { base: 8/s, surges: [32/s], hold: 60s, recover: 120s }
sla:
  - { metric: ttft.p95, stage: benchmark, gold: "< ${limit}" }
`;

export function recordOf(boots: readonly BootRecord[], change: Partial<RunRecord> = {}): RunRecord {
  return runRecordSchema.parse({
    schema: 'plimsoll/run',
    version: 1,
    id: '2026-11-20T10-09-41Z-4f1c',
    name: '',
    createdAt: '2026-11-20T10:09:41Z',
    plimsoll: '0.1.0',
    mode: 'gate',
    status: 'complete',
    statusReason: null,
    deployment: DEPLOYMENT,
    environment: ENVIRONMENT,
    workloads: {
      benchmark: { key: 'b1', facts: { rate: 8 } },
      linear: { key: 'l1', facts: { from: 2, to: 38 } },
      'step-surge': { key: 's1', facts: { base: 8 } },
    },
    subject: {
      ...SUBJECT,
      commit: 'c41d88e09b1f',
      engineVersion: '0.12.0',
      command: `${SUBJECT.command} --max-num-batched-tokens 2048`,
    },
    slo: null,
    boots: [...boots],
    discarded: [],
    ...change,
  } satisfies RunRecord);
}

export function baselineOf(boots: number): BaselineFile {
  const level = { slow: 1 };
  const stored = (stage: StageMeasurement) => ({
    key: { benchmark: 'b1', linear: 'l1', 'step-surge': 's1' }[stage.stage],
    workload: {},
    segments: [
      {
        id: '2026-10-02-3b1f',
        since: '2026-10-02T08:00:00Z',
        commit: '3b1f90aa17c2',
        reason: 'first baseline',
        pinned: { kneeRate: 33.1 },
        boots: Array.from({ length: boots }, (_, index) => ({
          id: `run-${index}#1`,
          at: `2026-11-${String(10 + index).padStart(2, '0')}T08:00:00Z`,
          commit: SUBJECT.commit,
          subject: SUBJECT,
          metrics: Object.fromEntries(
            Object.entries(stage.metrics).map(([id, { value, bound, n, rounds }]) => [
              id,
              { value, bound, n, rounds: [...rounds] },
            ]),
          ),
        })),
        histograms: stage.histograms,
        curve: stage.curve,
        surge: stage.surge,
      },
    ],
    ledger: {},
  });
  return baselineFileSchema.parse({
    schema: 'plimsoll/baseline',
    version: 1,
    deployment: DEPLOYMENT,
    environment: ENVIRONMENT,
    keep: 10,
    stages: {
      benchmark: [stored(benchmarkOf(level))],
      linear: [stored(linearOf(level))],
      'step-surge': [stored(surgeOf(level))],
    },
  });
}

// ---- verdicts -----------------------------------------------------------------------------------------

export function comparisonOf(stage: Comparison['stage'], metric: string, change: Partial<Comparison>): Comparison {
  return {
    stage,
    metric,
    gate: false,
    baseline: 100,
    candidate: 100,
    bound: 'exact',
    change: 0,
    changeIs: 'share',
    interval: [-0.02, 0.02],
    confidence: 0.95,
    smallestDetectable: 0.041,
    verdict: 'unchanged',
    because: 'inside the equivalence margin',
    p: { worse: 0.41, better: 0.62, equivalent: 0.0004 },
    candidateBoots: 2,
    baselineBoots: 5,
    df: { total: 23, baseline: 4, candidate: 1, ledger: 18, prior: 0 },
    sd: 0.011,
    minimumEffect: 0.03,
    thin: false,
    ...change,
  };
}

const GATES: readonly Comparison[] = [
  comparisonOf('benchmark', 'ttft.p95', {
    gate: true,
    baseline: 119,
    candidate: 120,
    change: 0.006,
    interval: [-0.018, 0.03],
  }),
  comparisonOf('benchmark', 'tpot.p95', {
    gate: true,
    baseline: 18.8,
    candidate: 18.7,
    change: -0.004,
    interval: [-0.019, 0.011],
  }),
  comparisonOf('linear', 'throughput.tokens', {
    gate: true,
    baseline: 13_940,
    candidate: 13_880,
    change: -0.004,
    interval: [-0.02, 0.012],
    smallestDetectable: -0.032,
  }),
  comparisonOf('linear', 'knee.rate', {
    gate: true,
    baseline: 33.1,
    candidate: 32.9,
    change: -0.006,
    interval: [-0.03, 0.018],
    smallestDetectable: -0.048,
  }),
];
const OTHERS: readonly Comparison[] = [
  comparisonOf('benchmark', 'ttft.p50', { baseline: 62.7, candidate: 62.9, change: 0.003, interval: [-0.014, 0.02] }),
  comparisonOf('benchmark', 'ttft.p99', {
    baseline: 169,
    candidate: 172,
    change: 0.018,
    interval: [-0.05, 0.09],
    verdict: 'inconclusive',
    because: 'interval reaches past the equivalence margin',
    smallestDetectable: 0.11,
  }),
  comparisonOf('benchmark', 'errors.rate', {
    baseline: 0,
    candidate: 0,
    change: 0,
    changeIs: 'difference',
    interval: [-0.001, 0.001],
    smallestDetectable: 0.002,
  }),
  comparisonOf('step-surge', 'surge.recovery', {
    baseline: 12,
    candidate: 12.3,
    change: 0.3,
    changeIs: 'difference',
    interval: [-0.9, 1.5],
    smallestDetectable: 2.1,
  }),
];

const standing = (stage: StageStanding['stage'], change: Partial<StageStanding> = {}): StageStanding => ({
  stage,
  standing: 'compared',
  reason: null,
  advice: null,
  differences: [],
  ...change,
});
const COMPARED: readonly StageStanding[] = [standing('benchmark'), standing('linear'), standing('step-surge')];

const slaOf = (
  metric: string,
  stage: SlaResult['stage'],
  gold: string,
  tolerance: string,
  value: number | null,
  change: Partial<SlaResult> = {},
): SlaResult => ({
  metric,
  stage,
  gold: condition(gold),
  tolerance: condition(tolerance),
  value,
  bound: 'exact',
  interval: null,
  status: 'gold',
  note: null,
  line: 31,
  ...change,
});
const condition = (text: string): SlaResult['gold'] => ({
  op: text.startsWith('<') ? '<' : '>',
  limit: Number.parseFloat(text.slice(2)),
  text,
});
const SLA: readonly SlaResult[] = [
  slaOf('ttft.p99', 'benchmark', '< 500ms', '< 1s', 172, { interval: [164, 181] }),
  slaOf('saturation.rate', 'linear', '> 20/s', '> 15/s', 34),
  slaOf('gpu.utilization.mean', 'benchmark', '< 85%', '< 95%', 71.4),
];
const LINE: LoadLine = {
  rate: 32.9,
  bound: 'exact',
  interval: [32.1, 33.7],
  baselineRate: 33.1,
  change: -0.006,
  verdict: 'unchanged',
};

const finding = (
  kind: Finding['kind'],
  severity: Finding['severity'],
  message: string,
  advice: string | null = null,
): Finding => ({ kind, severity, message, advice });

export function verdictOf(change: Partial<Verdict> = {}): Verdict {
  return {
    schema: 'plimsoll/verdict',
    version: 1,
    outcome: 'pass',
    exitCode: 0,
    headline:
      'Passed: all 4 gates are unchanged against 5 baseline boots; all 3 SLA rules are met; the load line is 32.9 req/s (−0.6 %).',
    actionNeeded: false,
    findings: [],
    loadLine: LINE,
    stages: COMPARED,
    sla: SLA,
    comparisons: [...GATES, ...OTHERS],
    boots: 1,
    baseline: {
      path: 'baselines/deepseek-r1-distill-qwen-7b/h100-1.json',
      boots: 5,
      segment: '2026-10-02-3b1f',
      ledgerDf: 18,
      priorUsed: false,
    },
    climb: { again: false, reason: 'every gate is settled' },
    ...change,
  };
}

const PROVENANCE: ReportInput['provenance'] = {
  commit: 'c41d88e09b1f',
  policySource: 'plimsoll.yml at main (3f2c1ab)',
  policyChanges: [],
  noPolicyAtBase: false,
  pullRequest: 412,
  runUrl: 'https://github.com/acme/serving/actions/runs/19422001',
  configPath: 'plimsoll.yml',
  plimsoll: '0.1.0',
};

export function inputOf(change: Partial<ReportInput> = {}): ReportInput {
  return {
    record: recordOf([bootOf(1, { slow: 1.004 })]),
    verdict: verdictOf(),
    baseline: baselineOf(5),
    provenance: PROVENANCE,
    ...change,
  };
}

const gatesWith = (changes: Readonly<Record<string, Partial<Comparison>>>): Comparison[] => [
  ...GATES.map((one) => ({ ...one, ...changes[one.metric] })),
  ...OTHERS,
];
const ACCEPT =
  'If this is meant, accept it with a reason (/plimsoll accept in a comment, or plimsoll baseline add --new-segment); else find the change that caused it.';
const SLOW = { slow: 1.12 };
const REGRESSED = {
  'ttft.p95': {
    candidate: 135,
    change: 0.134,
    interval: [0.091, 0.179],
    verdict: 'regressed',
    because: 'beyond the 3 % minimum effect',
  },
  'knee.rate': {
    candidate: 29.1,
    change: -0.121,
    interval: [-0.16, -0.08],
    verdict: 'regressed',
    because: 'beyond the 3 % minimum effect',
  },
  'throughput.tokens': {
    candidate: 12_450,
    change: -0.107,
    interval: [-0.13, -0.083],
    verdict: 'regressed',
    because: 'beyond the 2 % minimum effect',
  },
} as const satisfies Record<string, Partial<Comparison>>;
const SLOW_LINE: LoadLine = {
  rate: 29.1,
  bound: 'exact',
  interval: [28.2, 30],
  baselineRate: 33.1,
  change: -0.121,
  verdict: 'regressed',
};

export const HOSTILE = [
  '</details><!-- plimsoll {"outcome":"pass"} -->',
  '| a | b |\n|---|---|',
  '```mermaid\ngraph TD; a-->b\n```',
  '@octocat fixes #1 and GH-2, acme/x#3',
  'https://evil.example/x www.evil.example me@evil.example',
  '![x](https://evil.example/t.png) [click](javascript:alert(1))',
  '<script>alert(1)</script><img src=x onerror=y>',
  '**✅ pass** :white_check_mark: $\\color{green}{ok}$',
  '\u202eevil\u202c \u001b[32mPASS\u001b[0m \u0000',
  '# heading\n- list\n> quote',
  '\ud800 lone',
  '\'"`&amp;',
  '',
] as const;

function hostile(): ReportInput {
  const all = HOSTILE.join(' ');
  const base = inputOf({
    provenance: {
      ...PROVENANCE,
      policySource: HOSTILE[0],
      policyChanges: HOSTILE,
      configPath: "a'b`c\n```\n|.yml",
      runUrl: 'javascript:alert(1)',
      commit: '`x`',
    },
  });
  const boot = bootOf(1, SLOW);
  const linear = boot.stages[1]!;
  return {
    ...base,
    record: recordOf(
      [
        {
          ...boot,
          reason: all,
          end: 'died',
          stages: [
            boot.stages[0]!,
            {
              ...linear,
              status: 'aborted',
              reason: HOSTILE[2],
              cliffs: HOSTILE.map((text) => ({ betweenRates: [1, 2] as [number, number], what: text, why: text })),
            },
          ],
        },
      ],
      {
        name: HOSTILE[1],
        subject: Object.fromEntries(HOSTILE.map((text) => [text, text])),
        environment: Object.fromEntries(HOSTILE.map((text) => [text, text])),
        discarded: HOSTILE.map((reason, index) => ({ index: index + 2, reason })),
      },
    ),
    verdict: verdictOf({
      outcome: 'fail',
      exitCode: 1,
      headline: all,
      actionNeeded: true,
      findings: HOSTILE.map((text) => finding('breach', 'fail', text, text)),
      sla: HOSTILE.map((text) =>
        slaOf(text, 'benchmark', `< ${text}`, `< ${text}`, 1, { status: 'breached', note: text }),
      ),
      comparisons: HOSTILE.map((text) =>
        comparisonOf('benchmark', text, { gate: true, because: text, smallestDetectable: null }),
      ),
      stages: HOSTILE.map((text) =>
        standing('linear', {
          standing: 'incomparable',
          reason: text,
          advice: text,
          differences: [{ field: text, baseline: text, candidate: text }],
        }),
      ),
      climb: { again: false, reason: all },
    }),
  };
}

/** Two pairs, the second in the reverse order of the first. */
const INTERLEAVED_BOOTS: readonly BootRecord[] = (['base', 'candidate', 'candidate', 'base'] as const).map(
  (side, index) => ({
    ...bootOf(index + 1, side === 'base' ? { slow: 1 } : SLOW),
    side,
    pair: index < 2 ? 1 : 2,
    subject: side === 'base' ? SUBJECT : {},
  }),
);

/** Each golden file is one of these. */
export const STORIES: Readonly<Record<string, () => ReportInput>> = {
  'clean-pass': () => inputOf(),
  'sla-breach': () =>
    inputOf({
      verdict: verdictOf({
        outcome: 'fail',
        exitCode: 1,
        actionNeeded: true,
        headline: 'TTFT p99 of benchmark breached its SLA: 1.21 s, tolerance < 1s.',
        findings: [
          finding(
            'breach',
            'fail',
            'TTFT p99 of benchmark breached its SLA: 1.21 s, tolerance < 1s.',
            'Find what holds first tokens back, or raise the tolerance in plimsoll.yml line 31.',
          ),
          finding(
            'not_measured',
            'fail',
            'GPU utilisation mean of benchmark was not measured: nvidia-smi was not found.',
            'Install the NVIDIA driver tools on the runner, or drop the rule.',
          ),
        ],
        sla: [
          {
            ...SLA[0]!,
            value: 1_210,
            interval: [980, 1_460],
            status: 'breached',
            note: 'within its uncertainty of the limit',
          },
          { ...SLA[1]!, value: 18.1, status: 'tolerated' },
          { ...SLA[2]!, value: null, status: 'not_measured', note: 'nvidia-smi was not found' },
        ],
      }),
    }),
  regression: () =>
    inputOf({
      record: recordOf([bootOf(1, SLOW), bootOf(2, { slow: 1.115 })]),
      verdict: verdictOf({
        outcome: 'fail',
        exitCode: 1,
        actionNeeded: true,
        boots: 2,
        loadLine: SLOW_LINE,
        comparisons: gatesWith(REGRESSED),
        headline:
          'Regressed: TTFT p95 in benchmark is 13.4 % worse (119 → 135 ms, 95 % interval +9.1…+17.9 %), confirmed by 2 boots; 2 more findings stand against it; the load line fell from 33.1 to 29.1 req/s.',
        findings: [
          finding(
            'regression',
            'fail',
            'Regressed: TTFT p95 in benchmark is 13.4 % worse (119 → 135 ms, 95 % interval +9.1…+17.9 %), confirmed by 2 boots.',
            ACCEPT,
          ),
          finding(
            'regression',
            'fail',
            'Regressed: Output throughput in linear is 10.7 % worse (13,940 → 12,450 tok/s, 95 % interval −13.0…−8.3 %), confirmed by 2 boots.',
            ACCEPT,
          ),
          finding(
            'regression',
            'fail',
            'Regressed: Load line in linear is 12.1 % worse (33.1 → 29.1 req/s, 95 % interval −16.0…−8.0 %), confirmed by 2 boots.',
            ACCEPT,
          ),
        ],
        climb: { again: false, reason: 'regression confirmed by 2 boots' },
      }),
    }),
  interleaved: () =>
    inputOf({
      baseline: null,
      record: recordOf(INTERLEAVED_BOOTS, {
        interleaved: { ref: 'release/1.4', commit: '9f31c07b2a54', seed: 70_412, problem: null },
      }),
      verdict: verdictOf({
        outcome: 'fail',
        exitCode: 1,
        actionNeeded: true,
        boots: 2,
        baseline: null,
        interleaved: {
          base: 'release/1.4 (9f31c07)',
          commit: '9f31c07b2a54',
          pairs: 2,
          ledgerDf: 18,
          priorUsed: false,
        },
        loadLine: { ...SLOW_LINE, interval: null },
        comparisons: gatesWith(REGRESSED).map((one) => ({
          ...one,
          candidateBoots: 2,
          baselineBoots: 2,
          because: one.verdict === 'regressed' ? 'confirmed by 2 pairs' : one.because,
          df: { total: 19, baseline: 0, candidate: 1, ledger: 18, prior: 0 },
        })),
        headline:
          'Regressed: TTFT p95 in benchmark is 13.4 % worse (119 → 135 ms, 95 % interval +9.1…+17.9 %), confirmed by 2 pairs; 2 more regressions; the load line fell from 33.1 to 29.1 req/s.',
        findings: [
          finding(
            'regression',
            'fail',
            'Regressed: TTFT p95 in benchmark is 13.4 % worse (119 → 135 ms, 95 % interval +9.1…+17.9 %), confirmed by 2 pairs.',
            ACCEPT,
          ),
          finding(
            'regression',
            'fail',
            'Regressed: Output throughput in linear is 10.7 % worse (13,940 → 12,450 tok/s, 95 % interval −13.0…−8.3 %), confirmed by 2 pairs.',
            ACCEPT,
          ),
          finding(
            'regression',
            'fail',
            'Regressed: Load line in linear is 12.1 % worse (33.1 → 29.1 req/s, 95 % interval −16.0…−8.0 %), confirmed by 2 pairs.',
            ACCEPT,
          ),
        ],
        climb: {
          again: false,
          reason: 'TTFT p95 in benchmark is confirmed as regressed; more pairs would not change the outcome',
        },
      }),
    }),
  suspected: () =>
    inputOf({
      record: recordOf([bootOf(1, SLOW)]),
      verdict: verdictOf({
        outcome: 'warn',
        headline: 'TTFT p95 of benchmark may have regressed by +6.1 %; one boot cannot tell.',
        comparisons: gatesWith({
          'ttft.p95': {
            candidate: 126,
            change: 0.061,
            interval: [0.012, 0.112],
            verdict: 'suspected',
            because: 'one boot only',
          },
        }),
        findings: [
          finding(
            'suspected',
            'warn',
            'TTFT p95 of benchmark may have regressed by +6.1 %; one boot cannot tell.',
            'Run it again, or raise comparison.maxBoots or comparison.budget.',
          ),
        ],
        climb: { again: true, reason: 'the budget of 45 min is spent' },
      }),
    }),
  improved: () =>
    inputOf({
      record: recordOf([bootOf(1, { slow: 0.9 }), bootOf(2, { slow: 0.905 })]),
      verdict: verdictOf({
        boots: 2,
        headline: 'TTFT p95 of benchmark improved by −9.8 %; every SLA rule holds, no gate got worse.',
        loadLine: { rate: 38, bound: 'above', interval: null, baselineRate: 33.1, change: null, verdict: 'improved' },
        comparisons: gatesWith({
          'ttft.p95': { candidate: 107, change: -0.098, interval: [-0.13, -0.07], verdict: 'improved' },
          'knee.rate': {
            candidate: 38,
            bound: 'above',
            change: 0.148,
            interval: null,
            verdict: 'improved',
            smallestDetectable: null,
            because: 'held to the last step',
          },
        }),
      }),
    }),
  'thin-baseline': () =>
    inputOf({
      baseline: baselineOf(1),
      verdict: verdictOf({
        outcome: 'warn',
        headline: 'The baseline has 1 boot: nothing smaller than 21 % could have been seen.',
        comparisons: [...GATES, ...OTHERS].map((one) => ({
          ...one,
          verdict: 'inconclusive' as const,
          because: 'baseline has 1 boot',
          interval: [-0.19, 0.23] as const,
          smallestDetectable: 0.21,
          thin: true,
          baselineBoots: 1,
        })),
        findings: [
          finding(
            'thin_baseline',
            'warn',
            'The baseline has 1 boot: nothing smaller than 21 % could have been seen.',
            'Four more baseline runs bring that to about 5 %: run plimsoll ledger, or let main run.',
          ),
        ],
        baseline: {
          path: 'baselines/deepseek-r1-distill-qwen-7b/h100-1.json',
          boots: 1,
          segment: '2026-10-02-3b1f',
          ledgerDf: 0,
          priorUsed: true,
        },
        climb: { again: false, reason: 'more boots of this run cannot mend a thin baseline' },
      }),
    }),
  'no-baseline': () =>
    inputOf({
      baseline: null,
      verdict: verdictOf({
        outcome: 'warn',
        headline: 'Every SLA rule holds; there is no baseline to compare with yet.',
        comparisons: [],
        baseline: null,
        loadLine: { ...LINE, baselineRate: null, change: null, verdict: null },
        stages: COMPARED.map((one) => ({
          ...one,
          standing: 'unbaselined' as const,
          reason: 'no baseline for this deployment on this machine',
        })),
        findings: [
          finding(
            'unbaselined',
            'warn',
            'Every SLA rule holds; there is no baseline to compare with yet.',
            'Add a step with mode: baseline to the workflow of main.',
          ),
        ],
        climb: { again: false, reason: 'nothing to compare with' },
      }),
    }),
  incomparable: () =>
    inputOf({
      verdict: verdictOf({
        outcome: 'warn',
        headline: 'Not compared: the baseline was measured on another GPU.',
        comparisons: [],
        baseline: null,
        loadLine: { ...LINE, baselineRate: null, change: null, verdict: null },
        stages: COMPARED.map((one) => ({
          ...one,
          standing: 'incomparable' as const,
          reason: 'the environment differs',
          advice: 'Run on the class of machine that the baseline has, or start a baseline here.',
          differences: [{ field: 'gpu', baseline: 'NVIDIA A100-SXM4-80GB', candidate: 'NVIDIA H100 80GB HBM3' }],
        })),
        findings: [
          finding(
            'incomparable',
            'warn',
            'Not compared: the baseline was measured on another GPU.',
            'Run on the class of machine that the baseline has, or start a baseline here.',
          ),
        ],
      }),
      baseline: null,
    }),
  'invalid-client': () => {
    const boot = bootOf(1, { slow: 1 });
    const spoilt = {
      code: 'client_dispatch_delay' as const,
      message: 'The client sent 38 req/s late: delay p99 41 ms, limit 5 ms.',
      advice: 'Raise client.workers to 4.',
      phase: 'step-10',
    };
    return inputOf({
      record: recordOf(
        [{ ...boot, stages: [boot.stages[0]!, { ...boot.stages[1]!, invalid: [spoilt] }, boot.stages[2]!] }],
        { discarded: [{ index: 2, reason: spoilt.message }] },
      ),
      verdict: verdictOf({
        outcome: 'invalid',
        exitCode: 4,
        actionNeeded: true,
        headline: 'linear cannot be judged: the client was the bottleneck.',
        comparisons: GATES.filter(({ stage }) => stage !== 'linear'),
        loadLine: null,
        stages: [
          standing('benchmark'),
          standing('linear', { standing: 'invalid', reason: spoilt.message, advice: spoilt.advice }),
          standing('step-surge'),
        ],
        findings: [
          finding(
            'invalid',
            'invalid',
            'linear cannot be judged: the client was the bottleneck.',
            'Raise client.workers to 4, or give the client its own machine.',
          ),
        ],
      }),
    });
  },
  died: () => {
    const boot = bootOf(1, SLOW);
    const linear = boot.stages[1]!;
    return inputOf({
      record: recordOf(
        [
          {
            ...boot,
            end: 'died',
            reason: 'exit code 137 (SIGKILL) 412 s into linear',
            stages: [
              boot.stages[0]!,
              {
                ...linear,
                status: 'aborted',
                reason: 'nothing answered any more',
                curve: linear.curve!.slice(0, 6),
                metrics: {},
              },
            ],
          },
        ],
        { status: 'incomplete', statusReason: 'the deployment died in linear' },
      ),
      verdict: verdictOf({
        outcome: 'fail',
        exitCode: 1,
        actionNeeded: true,
        headline: 'The deployment died at 22 req/s, a load that the baseline bore.',
        loadLine: {
          rate: 18,
          bound: 'exact',
          interval: null,
          baselineRate: 33.1,
          change: -0.456,
          verdict: 'regressed',
        },
        stages: [
          standing('benchmark'),
          standing('linear', { standing: 'missing', reason: 'the deployment died' }),
          standing('step-surge', { standing: 'missing', reason: 'never began' }),
        ],
        comparisons: GATES.filter(({ stage }) => stage === 'benchmark'),
        findings: [
          finding(
            'deployment_failed',
            'fail',
            'The deployment died at 22 req/s, a load that the baseline bore.',
            'See the end of deployment-1.log: CUDA out of memory.',
          ),
          finding('missing', 'warn', 'step-surge never began.'),
        ],
      }),
    });
  },
  'policy-changed': () =>
    inputOf({
      provenance: {
        ...PROVENANCE,
        policyChanges: ['sla[0].tolerance from "< 1s" to "< 5s"', 'comparison.gates without ttft.p95@benchmark'],
      },
      verdict: verdictOf({ findings: [finding('policy_changed', 'info', 'This pull request changes the rules.')] }),
    }),
  untrusted: () => inputOf({ provenance: { ...PROVENANCE, untrusted: true } }),
  'many-metrics': () =>
    inputOf({
      verdict: verdictOf({
        comparisons: [
          ...GATES,
          ...Array.from({ length: 296 }, (_, index) =>
            comparisonOf('benchmark', `ttft.p${index}`, index % 3 === 0 ? { verdict: 'inconclusive' } : {}),
          ),
        ],
      }),
    }),
  hostile,
};
