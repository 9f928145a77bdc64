// A whole staged run in virtual time, through the real planner, measurer and record: milliseconds instead of minutes.
// Gives tests a baseline with as many boots as they like that the real engine, in real time, is then judged by.

import type { BaselineFile } from '../../src/baseline/schema.ts';
import { addRun } from '../../src/baseline/update.ts';
import type { Config } from '../../src/config/schema.ts';
import { asStored, type BootRecord, METHOD_VERSION, type RunRecord } from '../../src/record/schema.ts';
import { planStages } from '../../src/runner/plans.ts';
import { beginRecord, withBoot } from '../../src/runner/record.ts';
import type { SimOptions } from '../../src/sim/model.ts';
import { createMeasurer } from '../../src/stages/measurer.ts';
import { openWorkload } from '../../src/workload/workload.ts';
import { playLoad } from '../load/virtual-load.ts';

const ENVIRONMENT = { kind: 'simulated', method: METHOD_VERSION };

export function virtualRun(config: Config, cwd: string, sims: readonly Partial<SimOptions>[]): RunRecord {
  const { plans } = planStages(config, { kind: 'none', reason: 'virtual' }, cwd);
  const options = { config, cwd, mode: 'baseline' as const, name: '', provenance: { commit: null } };
  let record = beginRecord(options, ENVIRONMENT, plans);
  for (const [index, sim] of sims.entries()) {
    const stages = [...plans].map(([stage, plan]) => {
      const workload = openWorkload({ config: config.workload, engine: 'sim', baseDir: cwd, stage });
      const measurer = createMeasurer({ plan, config, requestTimeoutMs: config.workload.requestTimeout, bootMs: 500 });
      const { rows, load } = playLoad(plan, workload, sim);
      measurer.add(rows);
      return asStored(measurer.finish([{ load, samples: [], problems: [], died: null }]));
    });
    const boot: BootRecord = {
      index: index + 1,
      side: 'candidate',
      startedAt: new Date(Date.UTC(2026, 0, 1 + index)).toISOString(),
      bootMs: 500,
      end: 'complete',
      reason: null,
      subject: { engine: 'sim' },
      pair: null,
      stages: stages as BootRecord['stages'],
    };
    record = withBoot(record, boot, false);
  }
  return record;
}

/** A baseline of `boots` boots of the healthy engine, the newest ten listed and the others in the ledger. */
export function virtualBaseline(
  config: Config,
  cwd: string,
  boots: number,
  engine: Partial<SimOptions> = {},
): BaselineFile {
  const sims = Array.from({ length: boots }, (_, index) => ({ ...engine, bootSeed: 1_000 + index }));
  return addRun(null, virtualRun(config, cwd, sims), { keep: 10 }).file;
}
