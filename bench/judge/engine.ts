// Engine-in pull requests: whole staged runs of the simulated engine in virtual time, so that queueing makes what rounds
// and metrics have in common. From the rows of requests on it is the production path: measurer, record, store, judge.
// Boots are played once into pools, and pull requests are drawn from these without replacement.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addRun } from '../../src/baseline/update.ts';
import { loadConfig } from '../../src/config/load.ts';
import { STAGES } from '../../src/config/schema.ts';
import { judge } from '../../src/judge/judge.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import type { BootRecord, RunRecord } from '../../src/record/schema.ts';
import type { SimOptions } from '../../src/sim/options.ts';
import { createRandom, deriveSeed, type Random } from '../../src/stats/random.ts';
import { virtualRun } from '../../test/e2e/virtual-run.ts';
import type { Counts } from './score.ts';

export interface EngineScenario {
  readonly name: string;
  readonly kind: 'identical' | 'slower' | 'shed' | 'faster';
  readonly sim: Partial<SimOptions>;
}

/** Boots of the engine differ in speed by this (log standard deviation); queueing makes more of it in some metrics. */
export const VARIATIONS = [0.005, 0.01, 0.02, 0.03];

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
/** Boots to draw from. Of false alarms there are few, and an odd boot in a small pool would come back in many of them. */
const POOL = { baseline: 400, identical: 1_000, changed: 120 };
/** Ten listed boots and a ledger of twenty degrees of freedom. */
const RECORDED = 30;

/** Gives a player for each scenario; pools are played when they are first needed. */
export function createEngineBench(
  seed: number,
): (scenario: EngineScenario, variation: number) => (pr: number) => Counts {
  const config = loadConfig(join(example, 'plimsoll.yml'), { allowMissingEnv: true });
  const pools = new Map<string, RunRecord>();
  const pool = (purpose: string, variation: number, boots: number, sim: Partial<SimOptions>): RunRecord => {
    const key = `${purpose} ${variation}`;
    const played =
      pools.get(key) ??
      virtualRun(
        config,
        example,
        Array.from({ length: boots }, (_, boot) => ({
          ...sim,
          bootVariation: variation,
          bootSeed: deriveSeed(seed, purpose, variation, boot),
        })),
      );
    const kept = { ...played, boots: played.boots.map(light) };
    pools.set(key, kept);
    return kept;
  };
  return (scenario, variation) => {
    const before = pool('baseline', variation, POOL.baseline, {});
    const after = pool(
      scenario.name,
      variation,
      scenario.kind === 'identical' ? POOL.identical : POOL.changed,
      scenario.sim,
    );
    return (pr) => {
      const random = createRandom(deriveSeed(seed, 'engine', scenario.name, variation, pr));
      const stored = addRun(null, withBoots(before, draw(before.boots, RECORDED, random), 'baseline'), { keep: 10 });
      const candidates = draw(after.boots, config.comparison.maxBoots, random);
      for (let boots = 1; ; boots++) {
        const verdict = judge({
          record: { ...withBoots(after, candidates.slice(0, boots), 'candidate'), mode: 'gate' },
          lookup: { kind: 'found', path: 'bench.json', file: stored.file },
          policy: config,
          expected: STAGES,
        });
        if (!verdict.climb.again) return countsOf(verdict);
      }
    };
  };
}

/** Without what only charts need. */
const light = (boot: BootRecord): BootRecord => ({
  ...boot,
  stages: boot.stages.map((stage) => ({ ...stage, histograms: {}, curve: null, surge: null })),
});

const withBoots = (record: RunRecord, boots: readonly BootRecord[], id: string): RunRecord => ({
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

function countsOf(verdict: Verdict): Counts {
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
    improvedGates: Number(gates.some((one) => one.verdict === 'improved')),
    invalid: Number(verdict.outcome === 'invalid'),
    unchangedGates: gates.filter((one) => one.verdict === 'unchanged').length / gates.length,
    openGates: gates.filter((one) => one.verdict === 'inconclusive').length / gates.length,
    saysDrift: Number(verdict.findings.some((finding) => finding.message.includes('cannot be held'))),
    saysShed: Number(verdict.findings.some((finding) => finding.kind === 'load_shed')),
  };
}
