// AIPerf (NVIDIA). Open loop, streaming or not. It keeps everything per request, the gaps between chunks too.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tool, ToolResult } from '../contract.ts';
import { OFFLINE, pythonPeer, tokenizerFolder } from './python.ts';
import { spanOf } from './span.ts';

const python = pythonPeer('aiperf');

export const aiperf: Tool = {
  name: 'aiperf',
  kind: 'peer',
  install: python.install,
  version: python.version,
  unfit: () => null,
  async command(job) {
    return {
      argv: [
        python.program('aiperf'),
        'profile',
        ...['--url', job.url, '--model', job.model, '--endpoint-type', 'chat'],
        ...(job.kind === 'stream' ? ['--streaming', '--osl', String(job.eventsPerAnswer)] : ['--osl', '1']),
        ...['--tokenizer', tokenizerFolder(), '--isl', String(job.promptTokens)],
        ...['--request-rate', String(job.rate), '--arrival-pattern', 'constant'],
        ...['--request-count', String(job.requests)],
        // One core: what it chooses itself for up to two.
        ...['--workers-max', '1', '--record-processors', '1'],
        // Cheaper than counting tokens itself; as its guide advises where the server reports usage.
        '--use-server-token-count',
        ...['--ui', 'none', '--no-gpu-telemetry', '--no-server-metrics'],
        ...['--output-artifact-dir', 'out', '--export-level', 'records'],
      ],
      // Offline it takes a tokenizer from the hub's cache only, never from a folder.
      env: { ...OFFLINE, HF_HUB_OFFLINE: '', TRANSFORMERS_OFFLINE: '' },
    };
  },
  async read(_job, folder) {
    return parseAiperf(readFileSync(join(folder, 'out', 'profile_export.jsonl'), 'utf8'));
  },
};

/** A line of its records: numbers with their unit, all in ms here. */
interface AiperfRecord {
  readonly metadata: {
    readonly x_request_id: string;
    readonly request_start_ns: number;
    readonly request_end_ns: number;
    readonly was_cancelled: boolean;
  };
  readonly metrics: Partial<
    Record<'time_to_first_token' | 'request_latency' | 'inter_token_latency', Value<number>>
  > & {
    readonly inter_chunk_latency?: Value<readonly number[]>;
  };
  readonly error?: unknown;
}

interface Value<T> {
  readonly value: T;
  readonly unit: string;
}

export function parseAiperf(lines: string): ToolResult {
  const records = lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AiperfRecord);
  const done = records.filter(({ error, metadata }) => (error ?? null) === null && !metadata.was_cancelled);
  return {
    done: done.length,
    failed: records.length - done.length,
    durationMs:
      spanOf(
        done.map(({ metadata }) => metadata.request_start_ns),
        done.map(({ metadata }) => metadata.request_end_ns),
      ) / 1e6,
    answers: done.map(({ metadata, metrics }) => ({
      id: metadata.x_request_id,
      ttftMs: inMs(metrics.time_to_first_token),
      e2eMs: inMs(metrics.request_latency),
      meanGapMs: inMs(metrics.inter_token_latency),
    })),
    gapsMs: done.flatMap(({ metrics }) => inMs(metrics.inter_chunk_latency) ?? []),
    quantiles: {},
    // It keeps when a request was due to be handed to a worker, not when it was planned.
    dispatchDelayMs: null,
    notes: [],
  };
}

/** @throws Error where a newer version reports in another unit */
function inMs<T>(metric: Value<T> | undefined): T | null {
  if (metric === undefined) return null;
  if (metric.unit !== 'ms') throw new Error(`aiperf reports in ${metric.unit}, expected ms`);
  return metric.value;
}
