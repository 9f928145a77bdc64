// Plays one pull request through the product's own judge, boot by boot as a run does, and through the peers' rules.
// Out: what happened, as counts that add up over pull requests.

import type { StageName } from '../../src/config/schema.ts';
import { type JudgeInput, judge, type Policy } from '../../src/judge/judge.ts';
import { taintedRounds } from '../../src/judge/taint.ts';
import type { Comparison, Verdict } from '../../src/judge/verdict.ts';
import type { BankRound } from './noise.ts';
import { type DrawnPair, drawPairs, recordOfPairs } from './pairs.ts';
import { callsOf, PEERS } from './peers.ts';
import { type DrawnBoot, drawPullRequest, type PullRequest, recordOf } from './pull-request.ts';
import { COLUMNS, type Column, type Interleaved, isAffected, type Scenario } from './scenarios.ts';
import type { Counts } from './score.ts';

const STAGES: readonly StageName[] = [...new Set(COLUMNS.map(({ stage }) => stage))];

const policyOf = (scenario: Scenario): Policy => ({
  sla: [],
  comparison: {
    against: scenario.interleaved === null ? 'stored' : 'interleaved',
    maxBoots: scenario.maxBoots,
    budget: Number.POSITIVE_INFINITY,
    onMissingBaseline: 'warn',
    minimumEffects: {},
    gates: COLUMNS.filter((column) => column.gate).map(({ id, stage }) => ({ metric: id, stage })),
  },
  failOn: ['breach', 'regression'],
  strict: false,
});

export const playOne = (scenario: Scenario, bank: readonly BankRound[], seed: number, pr: number): Counts =>
  scenario.interleaved === null
    ? playStored(scenario, bank, seed, pr)
    : playPairs(scenario, scenario.interleaved, bank, seed, pr);

function playPairs(
  scenario: Scenario,
  interleaved: Interleaved,
  bank: readonly BankRound[],
  seed: number,
  pr: number,
): Counts {
  const drawn = drawPairs(scenario, interleaved, bank, seed, pr);
  const pairs: DrawnPair[] = [];
  let verdict: Verdict;
  do {
    pairs.push(drawn.pair());
    verdict = judge({
      record: recordOfPairs(pairs),
      lookup: { kind: 'found', path: 'bench.json', file: drawn.file },
      policy: policyOf(scenario),
      expected: STAGES,
    });
  } while (verdict.climb.again);
  return countsOf(scenario, verdict);
}

function playStored(scenario: Scenario, bank: readonly BankRound[], seed: number, pr: number): Counts {
  const drawn = drawPullRequest(scenario, bank, seed, pr);
  const boots: DrawnBoot[] = [];
  let verdict: Verdict;
  do {
    boots.push(measured(drawn, boots.length));
    verdict = judge(inputOf(scenario, drawn, boots));
  } while (verdict.climb.again);
  const counts: Record<string, number> = { ...countsOf(scenario, verdict) };
  const affected = COLUMNS.map((column) => isWorse(scenario, column));
  for (const [index, peer] of PEERS.entries()) {
    const calls = callsOf(peer, { baseline: drawn.baseline, recorded: drawn.recorded, candidate: boots[0]! });
    counts[`peer ${index} alarm`] = Number(calls.some((call, at) => call === 'worse' && !affected[at]));
    counts[`peer ${index} caught`] = Number(calls.some((call, at) => call === 'worse' && affected[at]));
  }
  return counts;
}

export const inputOf = (scenario: Scenario, drawn: PullRequest, boots: readonly DrawnBoot[]): JudgeInput => ({
  record: recordOf(boots),
  lookup: { kind: 'found', path: 'bench.json', file: drawn.file },
  policy: policyOf(scenario),
  expected: STAGES,
});

/** A boot as a run measures it: its worst tainted round is measured again, once. */
function measured(drawn: PullRequest, index: number): DrawnBoot {
  const boot = drawn.candidateBoot(index);
  const [tainted] = taintedRounds(boot.stages[0]!, drawn.file.stages.benchmark![0]!);
  return tainted === undefined ? boot : drawn.replaceRound(boot, tainted);
}

const isWorse = (scenario: Scenario, column: Column): boolean => {
  const { throughput, latency, p99 } = scenario.change;
  const worse = column.kind === 'throughput' ? throughput < 0 : latency > 0 || (column.kind === 'p99' && p99 > 0);
  return worse && isAffected(scenario, column);
};
const isBetter = (scenario: Scenario, column: Column): boolean => {
  const { throughput, latency, p99 } = scenario.change;
  const better = column.kind === 'throughput' ? throughput > 0 : latency < 0 || (column.kind === 'p99' && p99 < 0);
  return better && isAffected(scenario, column);
};

function countsOf(scenario: Scenario, verdict: Verdict): Record<string, number> {
  const columnOf = (one: Comparison): Column | undefined =>
    COLUMNS.find((column) => column.id === one.metric && column.stage === one.stage);
  const { change } = scenario;
  const sheds = change.failures > 0 || change.answers < 0;
  const trulyWorse = (one: Comparison): boolean => {
    const column = columnOf(one);
    // Failures themselves, goodput with them, and what falls among them are truly worse.
    return column === undefined ? change.failures > 0 : isWorse(scenario, column) || change.failures > 0;
  };
  const trulyBetter = (one: Comparison): boolean => {
    const column = columnOf(one);
    return column !== undefined && isBetter(scenario, column) && !sheds;
  };
  const accused = (one: Comparison): boolean => one.verdict === 'regressed' || one.verdict === 'suspected';
  const gates = verdict.comparisons.filter((one) => one.gate);
  const aimed = COLUMNS.find((column) => column.gate && isWorse(scenario, column));
  const aim = gates.find((one) => one.metric === aimed?.id && one.stage === aimed.stage);
  const some = (list: readonly Comparison[], is: (one: Comparison) => boolean): number => Number(list.some(is));
  return {
    boots: verdict.boots,
    alarm: some(verdict.comparisons, (one) => accused(one) && !trulyWorse(one)),
    failed: Number(verdict.outcome === 'fail'),
    praise: some(verdict.comparisons, (one) => one.verdict === 'improved' && !trulyBetter(one)),
    praiseOfShed: some(verdict.comparisons, (one) => sheds && one.verdict === 'improved' && one.stage === 'benchmark'),
    wrong: some(
      verdict.comparisons,
      (one) => (one.verdict === 'improved' && trulyWorse(one)) || (accused(one) && trulyBetter(one)),
    ),
    caught: some(verdict.comparisons, (one) => accused(one) && trulyWorse(one)),
    improved: some(verdict.comparisons, (one) => one.verdict === 'improved'),
    caughtGate: Number(aim !== undefined && accused(aim)),
    unchangedGate: Number(aim?.verdict === 'unchanged'),
    openGate: Number(aim?.verdict === 'inconclusive'),
    openGates: gates.filter((one) => one.verdict === 'inconclusive').length / gates.length,
    unchangedGates: gates.filter((one) => one.verdict === 'unchanged').length / gates.length,
    open: some(gates, (one) => one.verdict === 'inconclusive'),
    saysDrift: Number(verdict.findings.some((finding) => finding.message.includes('cannot be held'))),
    saysShed: Number(verdict.findings.some((finding) => finding.kind === 'load_shed')),
  };
}
