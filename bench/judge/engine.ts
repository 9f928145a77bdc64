// Engine-in pull requests: whole staged runs of the simulated engine in virtual time, so that queueing makes what rounds
// and metrics have in common. From the rows of requests on it is the production path: measurer, record, store, judge.
// Boots are played once into pools, and pull requests are drawn from these without replacement.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addRun } from '../../src/baseline/update.ts';
import { loadConfig } from '../../src/config/load.ts';
import { judge } from '../../src/judge/judge.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import type { BootRecord, RunRecord } from '../../src/record/schema.ts';
import type { SimOptions } from '../../src/sim/options.ts';
import { createRandom, deriveSeed, type Random } from '../../src/stats/random.ts';
import { virtualRun } from '../../test/e2e/virtual-run.ts';
import { addScores, EMPTY, type Score } from './score.ts';

export interface EngineScenario {
  readonly name: string;
  readonly kind: 'identical' | 'slower' | 'shed' | 'faster';
  readonly sim: Partial<SimOptions>;
}

/** Boots of the engine differ in speed by this (log standard deviation); queueing makes more of it in some metrics. */
export const VARIATIONS = [0.005, 0.01, 0.02];

export const ENGINE_SCENARIOS: readonly EngineScenario[] = [
  { name: 'identical', kind: 'identical', sim: {} },
  { name: 'decode step +3 %', kind: 'slower', sim: { decodeSlowdown: 1.03 } },
  { name: 'decode step +5 %', kind: 'slower', sim: { decodeSlowdown: 1.05 } },
  { name: 'decode step +8 %', kind: 'slower', sim: { decodeSlowdown: 1.08 } },
  { name: 'prefill +15 %', kind: 'slower', sim: { prefillSlowdown: 1.15 } },
  { name: 'batch of 24 instead of 64', kind: 'slower', sim: { maxBatch: 24 } },
  { name: '3 % of requests refused', kind: 'shed', sim: { errorRate: 0.03 } },
  { name: 'a queue of two, the rest refused', kind: 'shed', sim: { queueLimit: 2 } },
  { name: 'decode step −10 %', kind: 'faster', sim: { decodeSlowdown: 0.9 } },
];

const example = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'examples', 'simulated');
const POOL = { baseline: 300, candidate: 120 };
/** Ten listed boots and a ledger of twenty degrees of freedom. */
const RECORDED = 30;

export function playEngine(
  variation: number,
  options: {
    readonly seed: number;
    readonly prs: (scenario: EngineScenario) => number;
    readonly chosen: readonly EngineScenario[];
  },
): Map<string, Score> {
  const config = loadConfig(join(example, 'plimsoll.yml'), { allowMissingEnv: true });
  const pool = (purpose: string, boots: number, sim: Partial<SimOptions>): RunRecord =>
    virtualRun(
      config,
      example,
      Array.from({ length: boots }, (_, boot) => ({
        ...sim,
        bootVariation: variation,
        bootSeed: deriveSeed(options.seed, purpose, variation, boot),
      })),
    );
  const healthy = pool('baseline', POOL.baseline, {});
  const before = healthy.boots.map(light);
  return new Map(
    options.chosen.map((scenario) => {
      const after = pool(scenario.name, POOL.candidate, scenario.sim).boots.map(light);
      let score: Score = EMPTY;
      for (let pr = 0; pr < options.prs(scenario); pr++) {
        const random = createRandom(deriveSeed(options.seed, 'engine', scenario.name, variation, pr));
        const stored = addRun(null, numbered(healthy, draw(before, RECORDED, random), 'baseline'), { keep: 10 }).file;
        const candidates = draw(after, config.comparison.maxBoots, random);
        let verdict: Verdict;
        let boots = 0;
        do {
          boots += 1;
          verdict = judge({
            record: { ...numbered(healthy, candidates.slice(0, boots), 'candidate'), mode: 'gate' },
            lookup: { kind: 'found', path: 'bench.json', file: stored },
            policy: config,
            expected: ['benchmark', 'linear', 'step-surge'],
          });
        } while (verdict.climb.again);
        score = addScores(score, { prs: 1, sums: countsOf(verdict) });
      }
      return [scenario.name, score] as const;
    }),
  );
}

/** Without what only charts need. */
const light = (boot: BootRecord): BootRecord => ({
  ...boot,
  stages: boot.stages.map((stage) => ({ ...stage, histograms: {}, curve: null, surge: null })),
});

const numbered = (record: RunRecord, boots: readonly BootRecord[], id: string): RunRecord => ({
  ...record,
  id,
  boots: boots.map((boot, index) => ({ ...boot, index: index + 1 })),
});

/** So many of them, without replacement (Fisher & Yates 1938). */
function draw<Item>(from: readonly Item[], count: number, random: Random): Item[] {
  const items = [...from];
  for (let index = 0; index < count; index++) {
    const other = random.int(index, items.length - 1);
    [items[index], items[other]] = [items[other]!, items[index]!];
  }
  return items.slice(0, count);
}

function countsOf(verdict: Verdict): Record<string, number> {
  const { comparisons } = verdict;
  const some = (verdicts: readonly string[]): number =>
    Number(comparisons.some((one) => verdicts.includes(one.verdict)));
  const gates = comparisons.filter((one) => one.gate);
  return {
    boots: verdict.boots,
    accused: some(['regressed', 'suspected']),
    regressed: some(['regressed']),
    failed: Number(verdict.outcome === 'fail'),
    improved: some(['improved']),
    // Of the stages whose requests were refused; a ramp that refuses none may be what it is.
    improvedLatency: Number(comparisons.some((one) => one.verdict === 'improved' && one.stage === 'benchmark')),
    invalid: Number(verdict.outcome === 'invalid'),
    unchangedGates: gates.filter((one) => one.verdict === 'unchanged').length / gates.length,
    openGates: gates.filter((one) => one.verdict === 'inconclusive').length / gates.length,
    saysDrift: Number(verdict.findings.some((finding) => finding.message.startsWith('The baseline drifts'))),
    saysShed: Number(verdict.findings.some((finding) => finding.kind === 'load_shed')),
  };
}
