// A pull request of an interleaved run: pairs of boots beside each other, that share a part of what the machine does to
// them, and a ledger of earlier pairs, filled by the product's own code. The judge is told the values alone.

import { learnPairs } from '../../src/baseline/pairs.ts';
import type { BaselineFile, History } from '../../src/baseline/schema.ts';
import type { RunRecord } from '../../src/record/schema.ts';
import { createRandom, deriveSeed } from '../../src/stats/random.ts';
import { type BankRound, bootEffects } from './noise.ts';
import { bootRecordOf, type DrawnBoot, drawBoot, recordOf, type Source } from './pull-request.ts';
import { COLUMNS, type Interleaved, type Scenario } from './scenarios.ts';

export interface DrawnPair {
  readonly base: DrawnBoot;
  readonly candidate: DrawnBoot;
}

export interface PairedPullRequest {
  /** Without a single boot: nothing but what earlier pairs taught. */
  readonly file: BaselineFile;
  readonly pair: () => DrawnPair;
}

/** Pairs of one earlier run, which teach a degree of freedom less than there are. */
const EARLIER_PAIRS = 4;

export function drawPairs(
  scenario: Scenario,
  interleaved: Interleaved,
  bank: readonly BankRound[],
  seed: number,
  pr: number,
): PairedPullRequest {
  const source: Source = { scenario, bank, random: createRandom(deriveSeed(seed, 'pairs', scenario.name, pr)) };
  const pair = (of: 'baseline' | 'candidate'): DrawnPair => {
    const shared = effectsOf(source, interleaved.hostShare);
    const beside = (side: 'baseline' | 'candidate'): DrawnBoot =>
      drawBoot(
        source,
        side,
        effectsOf(source, 1 - interleaved.hostShare).map((own, index) => own + shared[index]!),
        null,
      );
    return { base: beside('baseline'), candidate: beside(of) };
  };
  const runs = Array.from({ length: interleaved.ledgerDf / (EARLIER_PAIRS - 1) }, () =>
    Array.from({ length: EARLIER_PAIRS }, () => pair('baseline')),
  );
  return { file: fileOf(runs), pair: () => pair('candidate') };
}

/** Of the variance that boots have, a share. */
const effectsOf = ({ scenario, random }: Source, share: number): number[] =>
  bootEffects(random, COLUMNS.length, scenario.tau * Math.sqrt(share), scenario.boots ?? 'normal');

function fileOf(runs: readonly (readonly DrawnPair[])[]): BaselineFile {
  const stages: BaselineFile['stages'] = {};
  for (const [position, { stage }] of (runs[0]?.[0]?.base.stages ?? []).entries()) {
    const ledger = runs.reduce<History['ledger']>(
      (learnt, pairs, run) =>
        learnPairs(
          learnt,
          `run ${run}`,
          pairs.map(({ base, candidate }) => [candidate.stages[position]!, base.stages[position]!]),
        ),
      {},
    );
    stages[stage] = [{ key: stage, workload: {}, segments: [], ledger }];
  }
  return { schema: 'plimsoll/baseline', version: 1, deployment: 'bench', environment: {}, keep: 10, stages };
}

export function recordOfPairs(pairs: readonly DrawnPair[]): RunRecord {
  return {
    ...recordOf(pairs.map(({ candidate }) => candidate)),
    interleaved: { ref: 'main', commit: null, seed: 0, problem: null },
    boots: pairs.flatMap(({ base, candidate }, index) => [
      bootRecordOf(base, 2 * index + 1, 'base', index + 1),
      bootRecordOf(candidate, 2 * index + 2, 'candidate', index + 1),
    ]),
  };
}
