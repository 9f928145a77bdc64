// Rows and samples as a run would have written them for the boots of a record, in any number, repeatable.

import type { StoredRow, StoredSample } from '../../src/record/rows.ts';
import type { RunRecord } from '../../src/record/schema.ts';
import { createDigest, type RunDigest } from '../../src/report/digest.ts';
import { createRandom } from '../../src/stats/random.ts';

/** @param perStage requests of each stage of each boot */
export function digestOf(
  record: RunRecord,
  perStage: number,
  change: (row: StoredRow) => StoredRow = (row) => row,
): RunDigest {
  const digest = createDigest(record);
  for (const boot of record.boots) {
    for (const { stage, durationMs } of boot.stages) {
      const random = createRandom(`${boot.index} ${stage}`);
      for (let request = 0; request < perStage; request++)
        digest.addRow(
          change(rowOf({ boot: boot.index, stage, request, plannedMs: (durationMs * request) / perStage }, random)),
        );
      for (const sample of samplesOf(boot.index, stage, durationMs)) digest.addSample(sample);
    }
  }
  return digest.result(null);
}

type Place = Pick<StoredRow, 'boot' | 'stage' | 'request'> & { readonly plannedMs: number };

export function rowOf({ boot, stage, request, plannedMs }: Place, random = createRandom(request)): StoredRow {
  const sentMs = plannedMs + 0.2;
  const firstTokenMs = sentMs + 60 * Math.exp(0.5 * random.normal());
  const outputTokens = random.int(8, 400);
  const lastTokenMs = firstTokenMs + 18 * outputTokens * Math.exp(0.1 * random.normal());
  const fails = request % 97 === 96;
  return {
    boot,
    stage,
    phaseName: 'round-1',
    request,
    phase: 0,
    worker: 0,
    plannedMs,
    sentMs,
    headersMs: sentMs + 1.5,
    firstByteMs: firstTokenMs,
    firstTokenMs: fails ? null : firstTokenMs,
    firstContentMs: fails ? null : firstTokenMs,
    lastTokenMs: fails ? null : lastTokenMs,
    endMs: fails ? sentMs + 30 : lastTokenMs + 0.1,
    outcome: fails ? 'http_error' : 'ok',
    status: fails ? 500 : 200,
    error: fails ? '500 Internal Server Error' : null,
    promptTokens: 200,
    outputTokens: fails ? null : outputTokens,
    tokenSource: fails ? null : 'usage',
    maxTokens: 400,
    chunks: fails ? 0 : outputTokens,
    coalesced: 0,
    bytes: 4_000,
    finish: fails ? null : 'stop',
    reused: true,
    connectMs: null,
    retried: false,
    serverId: null,
  };
}

function samplesOf(boot: number, stage: StoredRow['stage'], durationMs: number): StoredSample[] {
  const metrics = ['gpu.utilization', 'engine.kv_cache', 'engine.waiting', 'host.cpu'];
  return Array.from({ length: Math.floor(durationMs / 1_000) }, (_, second) =>
    metrics.map((metric, index) => ({
      boot,
      stage,
      tMs: second * 1_000,
      metric,
      value: 40 + 10 * index + 5 * Math.sin(second / 7 + index),
    })),
  ).flat();
}
