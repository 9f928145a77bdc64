// A RunRecord as it grows: begun before the first boot, one boot more at a time, always fit to be stored.

import { randomUUID } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import { workloadFacts, workloadKey } from '../record/keys.ts';
import { type BootRecord, type Facts, RUN_VERSION, type RunRecord } from '../record/schema.ts';
import { VERSION } from '../version.ts';
import { openWorkload } from '../workload/workload.ts';
import type { Plans } from './plans.ts';

export interface RecordOptions {
  readonly config: Config;
  readonly cwd: string;
  readonly mode: RunRecord['mode'];
  readonly name: string;
  readonly provenance: { readonly commit: string | null };
}

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
    status: 'incomplete',
    statusReason: 'still running, or killed',
    deployment: config.deployment.name,
    environment,
    workloads,
    slo: {
      ttftMs: config.slo.ttftMs ?? null,
      tpotMs: config.slo.tpotMs ?? null,
      e2eMs: config.slo.e2eMs ?? null,
    },
    subject: { commit: options.provenance.commit },
    boots: [],
    discarded: [],
  };
}

/** The record with a boot that counts. A run that was cancelled, or whose deployment was not ready again, stays incomplete. */
export function withBoot(record: RunRecord, boot: BootRecord, cancelled: boolean): RunRecord {
  const status =
    cancelled || boot.end === 'cancelled'
      ? ({ status: 'incomplete', statusReason: 'cancelled' } as const)
      : boot.end === 'not_ready'
        ? ({ status: 'incomplete', statusReason: `boot ${boot.index} never became ready` } as const)
        : ({ status: 'complete', statusReason: null } as const);
  return {
    ...record,
    ...status,
    boots: [...record.boots, boot],
    // A boot that was never ready knows nothing of the subject: what earlier ones found stays.
    subject: {
      ...record.subject,
      ...boot.subject,
      commit: record.subject.commit ?? boot.subject.commit ?? null,
    },
  };
}

/** The record without a boot that the client spoilt: kept by name, so that nobody wonders where it went. */
export const withoutBoot = (record: RunRecord, index: number, reason: string): RunRecord => ({
  ...record,
  discarded: [...record.discarded, { index, reason }],
});
