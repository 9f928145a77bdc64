// `npm run bench:judge`: thousands of pull requests through the product's judge, and how often it is right. Flags:
// --level numbers|engine (default both), --scenario TEXT, --prs N, --seed N, --workers N, --write (the summary into
// docs/judging.md).

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { addScores, EMPTY, type Score } from './score.ts';
import { numbersTables } from './tables.ts';
import type { Job } from './worker.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: '' },
    prs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
  },
});

/** A promise of 1 % needs many; power does not. */
const PRS = { identical: 10_000, hostile: 10_000, drift: 2_000, change: 1_000, lone: 2_000, shed: 2_000 } as const;
const CHUNK = 250;

const started = performance.now();
const chosen = SCENARIOS.filter(({ name, group }) => `${group}: ${name}`.includes(values.scenario));
const scores = await playAll(chosen);
process.stdout.write(`${numbersTables(chosen.map((scenario) => ({ scenario, score: scores.get(scenario.name)! })))}\n`);
const prs = [...scores.values()].reduce((sum, score) => sum + score.prs, 0);
process.stderr.write(
  `${prs} pull requests in ${((performance.now() - started) / 1_000).toFixed(1)} s, seed ${values.seed}\n`,
);

async function playAll(scenarios: readonly Scenario[]): Promise<Map<string, Score>> {
  const jobs: Job[] = scenarios.flatMap(({ name, group }) => {
    const prs = values.prs === undefined ? PRS[group] : Number(values.prs);
    return Array.from({ length: Math.ceil(prs / CHUNK) }, (_, chunk) => ({
      scenario: name,
      from: chunk * CHUNK,
      to: Math.min(prs, (chunk + 1) * CHUNK),
    }));
  });
  const scores = new Map<string, Score>();
  const next = jobs.values();
  await Promise.all(
    Array.from({ length: Math.max(1, Number(values.workers)) }, async () => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { seed: Number(values.seed) } });
      for (const job of next) {
        const score = await answer(worker, job);
        scores.set(job.scenario, addScores(scores.get(job.scenario) ?? EMPTY, score));
        if (process.stderr.isTTY) process.stderr.write(`\r${job.scenario.padEnd(60).slice(0, 60)} ${job.to}`);
      }
      await worker.terminate();
    }),
  );
  if (process.stderr.isTTY) process.stderr.write('\r');
  return scores;
}

function answer(worker: Worker, job: Job): Promise<Score> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.postMessage(job);
  });
}
