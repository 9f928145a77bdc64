// A RunRecord as it grows: begun before the first boot, one boot more at a time, always fit to be stored.

import { randomUUID } from 'node:crypto';
import type { Config, StageName } from '../config/schema.ts';
import { workloadFacts, workloadKey } from '../record/keys.ts';
import { type BootRecord, type Facts, RUN_VERSION, type RunRecord } from '../record/schema.ts';
import { VERSION } from '../version.ts';
import type { UnitsPerToken } from '../workload/source.ts';
import { openWorkload } from '../workload/workload.ts';
import type { Plans } from './plans.ts';

export interface RecordOptions {
  readonly config: Config;
  readonly cwd: string;
  readonly mode: RunRecord['mode'];
  readonly name: string;
  readonly provenance: { readonly commit: string | null };
  readonly interleaved?: RunRecord['interleaved'];
}

/** Of a record whose run is not over. */
const UNFINISHED = { status: 'incomplete', statusReason: 'still running, or killed' } as const;

export function beginRecord(options: RecordOptions, environment: Facts, plans: Plans): RunRecord {
  const { config } = options;
  const workloads: RunRecord['workloads'] = {};
  for (const [stage, plan] of plans) {
    const workload = openWorkload({
      config: config.workload,
      engine: config.deployment.engine,
      baseDir: options.cwd,
      stage,
    });
    const facts = workloadFacts(stage, config, plan, workload.facts());
    workloads[stage] = { key: workloadKey(facts), facts };
  }
  return {
    schema: 'plimsoll/run',
    version: RUN_VERSION,
    id: randomUUID(),
    name: options.name,
    createdAt: new Date().toISOString(),
    plimsoll: VERSION,
    mode: options.mode,
    ...UNFINISHED,
    deployment: config.deployment.name,
    environment,
    workloads,
    slo: {
      ttftMs: config.slo.ttftMs ?? null,
      tpotMs: config.slo.tpotMs ?? null,
      e2eMs: config.slo.e2eMs ?? null,
    },
    subject: { commit: options.provenance.commit },
    ...(options.interleaved && { interleaved: options.interleaved }),
    boots: [],
    discarded: [],
  };
}

/**
 * The record with a boot that counts. A run that was cancelled, or whose deployment was not ready again, stays
 * incomplete; a base that was not ready leaves the candidate measured, without a comparison.
 */
export function withBoot(record: RunRecord, boot: BootRecord, cancelled: boolean): RunRecord {
  const boots = [...record.boots, boot];
  const notReady = boots.find(({ side, end }) => side === 'candidate' && end === 'not_ready');
  const status =
    cancelled || boot.end === 'cancelled'
      ? ({ status: 'incomplete', statusReason: 'cancelled' } as const)
      : notReady
        ? ({ status: 'incomplete', statusReason: `boot ${notReady.index} never became ready` } as const)
        : ({ status: 'complete', statusReason: null } as const);
  if (boot.side === 'base') return { ...record, ...status, boots };
  return {
    ...record,
    ...status,
    boots,
    // A boot that was never ready knows nothing of the subject: what earlier ones found stays.
    subject: {
      ...record.subject,
      ...boot.subject,
      commit: record.subject.commit ?? boot.subject.commit ?? null,
    },
  };
}

/** The record with what a stage's prompts were calibrated to. */
export function withUnits(record: RunRecord, stage: StageName, unitsPerToken: UnitsPerToken): RunRecord {
  const workload = record.workloads[stage];
  if (workload === undefined) return record;
  return { ...record, workloads: { ...record.workloads, [stage]: { ...workload, unitsPerToken } } };
}

/** The record of a run in the middle of a pair. */
export const unfinished = (record: RunRecord): RunRecord => ({ ...record, ...UNFINISHED });

/** The record without a boot that the client spoilt: kept by name, so that nobody wonders where it went. */
export const withoutBoot = (record: RunRecord, index: number, reason: string): RunRecord => ({
  ...record,
  discarded: [...record.discarded, { index, reason }],
});
