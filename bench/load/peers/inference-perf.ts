// inference-perf (Kubernetes SIG). Open loop, streaming or not. Per request it keeps whole answers, which weigh much:
// asked for only where the time of every event is needed.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer, Quantiles, Tool, ToolResult } from '../contract.ts';
import { OFFLINE, pythonPeer, tokenizerFolder } from './python.ts';

const python = pythonPeer('inference-perf');
const REQUESTS_FILE = 'per_request_lifecycle_metrics.json';

export const inferencePerf: Tool = {
  name: 'inference-perf',
  kind: 'peer',
  install: python.install,
  version: python.version,
  unfit: () => null,
  async command(job, folder) {
    // It takes whole seconds only, and rounds the number of requests down.
    const duration = Math.max(1, Math.round(job.requests / job.rate));
    const config = {
      load: {
        type: 'constant',
        stages: [{ rate: (job.requests + 0.001) / duration, duration }],
        // One core. Its limit of requests in flight, 100 by default, would make the loop a closed one.
        num_workers: 1,
        worker_max_concurrency: Math.max(100, 2 * job.concurrency),
      },
      api: { type: 'chat', streaming: job.kind === 'stream' },
      server: { type: 'vllm', model_name: job.model, base_url: job.url, ignore_eos: true },
      tokenizer: { pretrained_model_name_or_path: tokenizerFolder() },
      data: { type: 'mock' },
      report: {
        request_lifecycle: { summary: true, per_stage: false, per_request: job.kind === 'stream' && job.stamps },
      },
      storage: { local_storage: { path: 'out' } },
    };
    writeFileSync(join(folder, 'config.yml'), JSON.stringify(config));
    return { argv: [python.program('inference-perf'), '--config_file', 'config.yml'], env: OFFLINE };
  },
  async read(_job, folder) {
    const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, 'out', name), 'utf8'));
    const requests = existsSync(join(folder, 'out', REQUESTS_FILE)) ? read(REQUESTS_FILE) : [];
    return parseInferencePerf(
      read('summary_lifecycle_metrics.json') as InferencePerfSummary,
      requests as readonly InferencePerfRequest[],
    );
  },
};

interface Distribution {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** Times in seconds. */
export interface InferencePerfSummary {
  readonly benchmark_time_seconds: number;
  readonly load_summary: { readonly schedule_delay: Distribution | null };
  readonly successes: {
    readonly count: number;
    readonly latency: {
      readonly request_latency: Distribution | null;
      readonly time_to_first_token?: Distribution | null;
      readonly inter_token_latency?: Distribution | null;
    } | null;
  };
  readonly failures: { readonly count: number };
}

/** Times in seconds of CLOCK_MONOTONIC. */
export interface InferencePerfRequest {
  readonly start_time: number;
  readonly end_time: number;
  readonly response: string;
  readonly info: { readonly response_metrics: { readonly chunk_times: readonly number[] } };
  readonly error: unknown;
}

export function parseInferencePerf(
  summary: InferencePerfSummary,
  requests: readonly InferencePerfRequest[],
): ToolResult {
  const { latency } = summary.successes;
  const answers = requests.filter(({ error }) => error === null).map(toAnswer);
  return {
    done: summary.successes.count,
    failed: summary.failures.count,
    durationMs: summary.benchmark_time_seconds * 1_000,
    answers,
    gapsMs: [],
    quantiles: {
      ...quantiles('ttft', latency?.time_to_first_token),
      ...quantiles('gap', latency?.inter_token_latency),
      ...quantiles('e2e', latency?.request_latency),
    },
    dispatchDelayMs: toMs(summary.load_summary.schedule_delay),
    notes: ['its constant rate is a Poisson process scaled to the duration'],
  };
}

function toAnswer({ start_time, end_time, response, info }: InferencePerfRequest): Answer {
  const times = info.response_metrics.chunk_times;
  return {
    id: /"id": ?"([^"]+)"/.exec(response)?.[1] ?? null,
    ttftMs: times.length === 0 ? null : (times[0]! - start_time) * 1_000,
    e2eMs: (end_time - start_time) * 1_000,
    meanGapMs: times.length < 2 ? null : ((times.at(-1)! - times[0]!) * 1_000) / (times.length - 1),
    eventsAtMs: times.map((seconds) => seconds * 1_000),
  };
}

const quantiles = (
  figure: 'ttft' | 'gap' | 'e2e',
  seconds: Distribution | null | undefined,
): ToolResult['quantiles'] => {
  const ms = toMs(seconds ?? null);
  return ms === null ? {} : { [figure]: ms };
};

const toMs = (seconds: Distribution | null): Quantiles | null =>
  seconds === null ? null : { p50: seconds.median * 1_000, p99: seconds.p99 * 1_000, max: seconds.max * 1_000 };
