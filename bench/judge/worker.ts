// A share of the pull requests of one scenario, on a thread of its own. Which thread plays which changes nothing: each
// pull request has its own seed.

import { parentPort, workerData } from 'node:worker_threads';
import { createEngineBench, ENGINE_SCENARIOS } from './engine.ts';
import { createBank } from './noise.ts';
import { playOne } from './play.ts';
import { SCENARIOS } from './scenarios.ts';
import { addScores, type Counts, EMPTY, type Score } from './score.ts';

interface Share {
  readonly scenario: string;
  readonly from: number;
  readonly to: number;
}
export type Job =
  | (Share & { readonly level: 'numbers' })
  | (Share & { readonly level: 'engine'; readonly variation: number });

const { seed } = workerData as { readonly seed: number };
const bank = createBank(seed);
const engine = createEngineBench(seed);

parentPort!.on('message', (job: Job) => {
  const play = playerOf(job);
  let score: Score = EMPTY;
  for (let pr = job.from; pr < job.to; pr++) score = addScores(score, { prs: 1, sums: play(pr) });
  parentPort!.postMessage(score);
});

function playerOf(job: Job): (pr: number) => Counts {
  if (job.level === 'numbers') {
    const scenario = SCENARIOS.find((one) => one.name === job.scenario)!;
    return (pr) => playOne(scenario, bank, seed, pr);
  }
  return engine(ENGINE_SCENARIOS.find((one) => one.name === job.scenario)!, job.variation);
}
