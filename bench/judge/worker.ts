// A share of the pull requests of one scenario, on a thread of its own. Which thread plays which changes nothing: each
// pull request has its own seed.

import { parentPort, workerData } from 'node:worker_threads';
import { createBank } from './noise.ts';
import { playOne } from './play.ts';
import { SCENARIOS } from './scenarios.ts';
import { addScores, EMPTY, type Score } from './score.ts';

export interface Job {
  readonly scenario: string;
  readonly from: number;
  readonly to: number;
}

const { seed } = workerData as { readonly seed: number };
const bank = createBank(seed);

parentPort!.on('message', ({ scenario: name, from, to }: Job) => {
  const scenario = SCENARIOS.find((one) => one.name === name)!;
  let score: Score = EMPTY;
  for (let pr = from; pr < to; pr++) score = addScores(score, { prs: 1, sums: playOne(scenario, bank, seed, pr) });
  parentPort!.postMessage(score);
});
