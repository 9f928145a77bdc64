// One pull request, drawn from the model of noise.ts: a stored history, built by the product's own pruning, and as many
// candidate boots as the judge asks for. Everything the judge sees is in the shapes that a real run stores.

import { prune } from '../../src/baseline/prune.ts';
import type { BaselineFile, History, Segment, StoredBoot } from '../../src/baseline/schema.ts';
import type { StageName } from '../../src/config/schema.ts';
import type { BootRecord, RunRecord } from '../../src/record/schema.ts';
import { createRandom, deriveSeed, type Random } from '../../src/stats/random.ts';
import { type BankRound, bootEffects, poisson, REQUESTS_PER_ROUND, throughputRound } from './noise.ts';
import { COLUMNS, type Column, isAffected, type Scenario } from './scenarios.ts';

export type Stage = BootRecord['stages'][number];
type Value = Stage['metrics'][string];

export interface DrawnBoot {
  /** By column: rounds as log effects, more = worse. */
  readonly logs: readonly (readonly number[])[];
  /** By column: the rounds of requests behind a latency. */
  readonly requests: readonly (readonly BankRound[])[];
  readonly effects: readonly number[];
  readonly stages: readonly Stage[];
}

export interface PullRequest {
  readonly file: BaselineFile;
  /** Boots of the newest segment, oldest first, as they were drawn. */
  readonly baseline: readonly DrawnBoot[];
  /** Values of all boots that were ever recorded, oldest first: what a rule over past changes would see. */
  readonly recorded: readonly DrawnBoot[];
  readonly candidateBoot: (index: number) => DrawnBoot;
  /** The boot with one round measured anew. */
  readonly replaceRound: (boot: DrawnBoot, round: number) => DrawnBoot;
}

export function drawPullRequest(scenario: Scenario, bank: readonly BankRound[], seed: number, pr: number): PullRequest {
  const random = createRandom(deriveSeed(seed, 'pull request', scenario.name, pr));
  let run = 0;
  const draw = (side: 'baseline' | 'candidate', segment: number, outlier: number | null): DrawnBoot => {
    const effects = bootEffects(random, COLUMNS.length, scenario.tau, scenario.boots ?? 'normal').map(
      (effect) =>
        effect +
        scenario.driftPerRun * run +
        // Earlier levels were others: only the scatter inside them may be learnt.
        0.05 * segment,
    );
    return drawBoot({ scenario, bank, random }, side, effects, outlier);
  };
  const segments: DrawnBoot[][] = [];
  for (const [index, boots] of [...scenario.older, scenario.current].entries()) {
    const newest = index === scenario.older.length;
    segments.push(
      Array.from({ length: boots }, (_, boot) => {
        const drawn = draw(
          'baseline',
          scenario.older.length - index,
          newest && boot === 0 ? scenario.baselineOutlier : null,
        );
        run += 1;
        return drawn;
      }),
    );
  }
  const baseline = segments.at(-1)!.slice(-scenario.keep);
  return {
    file: storedFile(segments, scenario),
    baseline,
    recorded: segments.flat(),
    candidateBoot: (index) => draw('candidate', 0, index === 0 ? scenario.candidateOutlier : null),
    replaceRound(boot, round) {
      const requests = boot.requests.map((rounds) => rounds.with(round, pick(bank, random)));
      const logs = boot.logs.map((rounds, index) =>
        rounds.with(round, boot.effects[index]! + roundEffect(COLUMNS[index]!, requests[index]![round]!, random)),
      );
      return bootOf(scenario, 'candidate', logs, requests, boot.effects, random);
    },
  };
}

export interface Source {
  readonly scenario: Scenario;
  readonly bank: readonly BankRound[];
  readonly random: Random;
}

/** Rounds about the effects of the boot; what the change does is added on the candidate's side. */
export function drawBoot(
  { scenario, bank, random }: Source,
  side: 'baseline' | 'candidate',
  ofBoot: readonly number[],
  outlier: number | null,
): DrawnBoot {
  const effects = ofBoot.map((effect, index) => {
    const column = COLUMNS[index]!;
    return effect + (side === 'candidate' && isAffected(scenario, column) ? changeOf(scenario, column) : 0);
  });
  const requests = COLUMNS.map(() => Array.from({ length: scenario.rounds }, () => pick(bank, random)));
  const logs = COLUMNS.map((column, index) =>
    Array.from({ length: scenario.rounds }, (_, round) => {
      const odd = round === 1 && outlier !== null && column.kind !== 'throughput' ? Math.log(outlier) : 0;
      return effects[index]! + odd + roundEffect(column, requests[index]![round]!, random);
    }),
  );
  return bootOf(scenario, side, logs, requests, effects, random);
}

const pick = (bank: readonly BankRound[], random: Random): BankRound => bank[random.int(0, bank.length - 1)]!;

function roundEffect(column: Column, requests: BankRound, random: Random): number {
  return column.kind === 'throughput' ? throughputRound(random) : requests[column.kind];
}

/** In log units, more = worse. */
function changeOf({ change }: Scenario, { kind }: Column): number {
  switch (kind) {
    case 'throughput':
      return -Math.log(1 + change.throughput);
    case 'p99':
      return Math.log(1 + change.p99) + Math.log(1 + change.latency);
    case 'p95':
    case 'p50':
      return Math.log(1 + change.latency);
  }
}

function bootOf(
  scenario: Scenario,
  side: 'baseline' | 'candidate',
  logs: readonly (readonly number[])[],
  requests: readonly (readonly BankRound[])[],
  effects: readonly number[],
  random: Random,
): DrawnBoot {
  const failing = scenario.baseFailures + (side === 'candidate' ? scenario.change.failures : 0);
  const failures = Array.from(
    { length: scenario.rounds },
    () => poisson(random, failing * REQUESTS_PER_ROUND) / REQUESTS_PER_ROUND,
  );
  const byStage = new Map<StageName, Record<string, Value>>();
  for (const [index, column] of COLUMNS.entries()) {
    const metrics = byStage.get(column.stage) ?? {};
    byStage.set(column.stage, metrics);
    const sign = column.kind === 'throughput' ? -1 : 1;
    const rounds = logs[index]!.map((log) => column.level * Math.exp(sign * log));
    metrics[column.id] = column.kind === 'throughput' ? exact(rounds) : latency(rounds, column, failures);
  }
  const benchmark = byStage.get('benchmark')!;
  benchmark['errors.rate'] = exact(failures);
  benchmark['goodput.share'] = exact(failures.map((failed) => 1 - failed - 0.01 * Math.exp(0.1 * random.normal())));
  const answers = side === 'candidate' ? 1 + scenario.change.answers : 1;
  for (const metrics of byStage.values()) metrics['output.share'] = exact(failures.map(() => answers));
  return {
    logs,
    requests,
    effects,
    stages: [...byStage].map(([stage, metrics]) => stageOf(stage, metrics, scenario.rounds)),
  };
}

const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 };

/** Where a quantile falls among the failures, the round is known to be at least as long as a time-out. */
function latency(rounds: readonly number[], { kind }: Column, failures: readonly number[]): Value {
  const limit = 1 - QUANTILES[kind as keyof typeof QUANTILES];
  const bounds = failures.map((failed) => (failed > limit ? ('above' as const) : ('exact' as const)));
  const values = rounds.map((value, round) => (bounds[round] === 'above' ? TIMEOUT_MS : value));
  if (!bounds.includes('above')) return exact(values);
  const worse = bounds.filter((bound) => bound === 'above').length > rounds.length / 2;
  return { ...exact(values), bound: worse ? 'above' : 'exact', roundBounds: bounds };
}

const TIMEOUT_MS = 120_000;

const exact = (rounds: readonly number[]): Value => ({
  value: rounds.reduce((sum, round) => sum + round, 0) / rounds.length,
  bound: 'exact',
  n: REQUESTS_PER_ROUND * rounds.length,
  thin: false,
  rounds: [...rounds],
  note: null,
});

const PHASE: Stage['phases'][number] = {
  name: 'round',
  kind: 'round',
  startMs: 0,
  endMs: 1_000,
  offeredRate: null,
  users: 64,
  planned: REQUESTS_PER_ROUND,
  sent: REQUESTS_PER_ROUND,
  dropped: 0,
  outcomes: {},
  metrics: {},
  client: { dispatchDelayMs: null, eventLoopDelayP99Ms: null, cpuShare: [] },
  invalid: [],
};

const stageOf = (stage: StageName, metrics: Record<string, Value>, rounds: number): Stage => ({
  stage,
  status: 'complete',
  reason: null,
  durationMs: 90_000,
  invalid: [],
  phases: Array.from({ length: rounds }, () => PHASE),
  metrics,
  histograms: {},
  curve: null,
  cliffs: [],
  surge: null,
  stream: { coalescedShare: null, tokensPerChunk: null, tokenSource: 'usage' },
  unmeasured: [],
});

const AT = '2026-01-01T00:00:00Z';

function storedFile(segments: readonly (readonly DrawnBoot[])[], scenario: Scenario): BaselineFile {
  const stages: BaselineFile['stages'] = {};
  for (const [position, { stage }] of segments[0]![0]!.stages.entries()) {
    const history: History = { key: stage, workload: {}, segments: [], ledger: {} };
    history.segments = segments.map(
      (boots, index): Segment => ({
        id: `s${index}`,
        since: AT,
        commit: null,
        reason: 'accepted',
        pinned: { kneeRate: null },
        boots: boots.map((boot, number) => storedBoot(`s${index}b${number}#1`, boot.stages[position]!)),
        histograms: {},
        curve: null,
        surge: null,
      }),
    );
    stages[stage] = [history];
  }
  return prune(
    { schema: 'plimsoll/baseline', version: 1, deployment: 'bench', environment: {}, keep: scenario.keep, stages },
    scenario.keep,
  );
}

const storedBoot = (id: string, { metrics }: Stage): StoredBoot => ({
  id,
  at: AT,
  commit: null,
  subject: {},
  tokenSource: 'usage',
  slo: null,
  metrics: Object.fromEntries(
    Object.entries(metrics).map(([metric, { value, bound, n, rounds, roundBounds }]) => [
      metric,
      { value, bound, n, rounds, ...(roundBounds && { roundBounds }) },
    ]),
  ),
});

export const recordOf = (boots: readonly DrawnBoot[]): RunRecord => ({
  schema: 'plimsoll/run',
  version: 1,
  id: 'candidate',
  name: '',
  createdAt: AT,
  plimsoll: '0.0.0',
  mode: 'gate',
  status: 'complete',
  statusReason: null,
  deployment: 'bench',
  environment: {},
  workloads: Object.fromEntries(boots[0]!.stages.map(({ stage }) => [stage, { key: stage, facts: {} }])),
  subject: {},
  slo: null,
  boots: boots.map((boot, index) => bootRecordOf(boot, index + 1, 'candidate', null)),
  discarded: [],
});

export const bootRecordOf = (
  boot: DrawnBoot,
  index: number,
  side: BootRecord['side'],
  pair: number | null,
): BootRecord => ({
  index,
  side,
  startedAt: AT,
  bootMs: 1_000,
  end: 'complete',
  reason: null,
  subject: {},
  pair,
  stages: [...boot.stages],
});
