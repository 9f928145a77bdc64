// `npm run bench:judge`: thousands of pull requests through the product's judge, and how often it is right. Flags:
// --level numbers|engine (default both), --scenario TEXT (part of a name), --prs N, --seed N, --workers N;
// --resume goes on where a run was broken off; --write puts the tables of the levels that were played into docs/judging.md; --report makes them from the last results alone, without playing.

import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { generate } from '../../scripts/markers.ts';
import { ENGINE_SCENARIOS, VARIATIONS } from './engine.ts';
import { SCENARIOS } from './scenarios.ts';
import { addScores, EMPTY, type Score } from './score.ts';
import { speedOf } from './speed.ts';
import { tablesOf } from './tables.ts';
import type { Job } from './worker.ts';

const { values } = parseArgs({
  options: {
    level: { type: 'string', default: 'both' },
    scenario: { type: 'string', default: '' },
    prs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    resume: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  },
});
const results = fileURLToPath(new URL('../results/judge.jsonl', import.meta.url));

/** A promise of 1 % needs many; power does not. */
const PRS = {
  identical: 10_000,
  variant: 1_000,
  hostile: 10_000,
  drift: 500,
  change: 500,
  lone: 1_000,
  shed: 1_000,
  pairs: 10_000,
  'paired change': 1_000,
} as const;
const ENGINE_PRS = { identical: 10_000, slower: 300, shed: 300, faster: 300 } as const;
/** So many pull requests are played by a worker before it says how they went. */
const CHUNK = 250;

if (!values.report) await playAll(jobs());
const scores = readResults();
const tables = tablesOf(scores, { seed: values.seed });
process.stdout.write(`${Object.values(tables).join('\n\n')}\n`);
if (values.write) generate(new URL('../../docs/judging.md', import.meta.url), 'the last results', tables);

function jobs(): Job[] {
  const chosen = (name: string): boolean => name.includes(values.scenario);
  const count = (usual: number): number => (values.prs === undefined ? usual : Number(values.prs));
  const numbers = SCENARIOS.filter(({ name, group }) => chosen(`${group}: ${name}`)).flatMap(
    ({ name, group }): Job[] => {
      const prs = count(PRS[group]);
      return Array.from({ length: Math.ceil(prs / CHUNK) }, (_, chunk) => ({
        level: 'numbers',
        scenario: name,
        from: chunk * CHUNK,
        to: Math.min(prs, (chunk + 1) * CHUNK),
      }));
    },
  );
  const engine = VARIATIONS.flatMap((variation) =>
    ENGINE_SCENARIOS.filter(({ name, kind }) => chosen(`${kind}: ${name}`)).map(
      ({ name, kind }): Job => ({ level: 'engine', scenario: name, variation, from: 0, to: count(ENGINE_PRS[kind]) }),
    ),
  );
  return [...(values.level === 'engine' ? [] : numbers), ...(values.level === 'numbers' ? [] : engine)];
}

/** Each answer is kept as it comes, so that a run that was broken off is not lost. */
async function playAll(list: readonly Job[]): Promise<void> {
  mkdirSync(dirname(results), { recursive: true });
  if (!values.resume) rmSync(results, { force: true });
  const kept = new Set(keptResults().map(({ job }) => JSON.stringify(job)));
  const started = performance.now();
  let prs = 0;
  const next = list.filter((job) => !kept.has(JSON.stringify(job))).values();
  await Promise.all(
    Array.from({ length: Math.max(1, Number(values.workers)) }, async () => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { seed: Number(values.seed) } });
      for (const job of next) {
        const score = await answer(worker, job);
        appendFileSync(results, `${JSON.stringify({ job, score })}\n`);
        prs += score.prs;
        if (process.stderr.isTTY) process.stderr.write(`\r${nameOf(job).padEnd(70).slice(0, 70)} ${job.to}`);
      }
      await worker.terminate();
    }),
  );
  const seconds = (performance.now() - started) / 1_000;
  process.stderr.write(`\n${prs} pull requests in ${seconds.toFixed(1)} s, seed ${values.seed}; ${speedOf()}\n`);
}

function answer(worker: Worker, job: Job): Promise<Score> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (score: Score) => {
      worker.off('error', reject);
      resolve(score);
    });
    worker.postMessage(job);
  });
}

/** By scenario: `identical, 1 %`; engine-in with the variation behind it: `identical @ 0.01`. */
function readResults(): Map<string, Score> {
  const scores = new Map<string, Score>();
  for (const { job, score } of keptResults())
    scores.set(nameOf(job), addScores(scores.get(nameOf(job)) ?? EMPTY, score));
  return scores;
}

function keptResults(): { readonly job: Job; readonly score: Score }[] {
  return existsSync(results)
    ? readFileSync(results, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { job: Job; score: Score })
    : [];
}

function nameOf(job: Job): string {
  return job.level === 'numbers' ? job.scenario : `${job.scenario} @ ${job.variation}`;
}
