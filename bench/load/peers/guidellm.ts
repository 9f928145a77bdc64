// GuideLLM (Red Hat). Open loop, streaming or not. It keeps times per request, of events only their mean gap.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tool, ToolResult } from '../contract.ts';
import { quantilesOf } from '../quantiles.ts';
import { OFFLINE, pythonPeer, tokenizerFolder } from './python.ts';
import { spanOf } from './span.ts';

const python = pythonPeer('guidellm');

export const guidellm: Tool = {
  name: 'guidellm',
  kind: 'peer',
  install: python.install,
  version: python.version,
  unfit: () => null,
  async command(job) {
    const backend = { kind: 'openai_http', target: job.url, model: job.model, stream: job.kind === 'stream' };
    const data = {
      kind: 'synthetic_text',
      prompt_tokens: job.promptTokens,
      output_tokens: job.kind === 'stream' ? job.eventsPerAnswer : 1,
    };
    return {
      argv: [
        python.program('guidellm'),
        'run',
        ...['--backend', JSON.stringify(backend)],
        ...['--profile', `kind=constant,rate=${job.rate}`],
        ...['--constraint', `kind=max_requests,count=${job.requests}`],
        ...['--tokenizer', `kind=huggingface_auto,model=${tokenizerFolder()}`],
        ...['--data', JSON.stringify(data)],
        ...['--output', 'kind=json,path=report.json'],
        '--disable-console',
      ],
      // Its default of ten worker processes is for many cores; on one they only take turns.
      env: { ...OFFLINE, GUIDELLM__MAX_WORKER_PROCESSES: '1' },
    };
  },
  async read(_job, folder) {
    return parseGuidellm(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as GuidellmReport);
  },
};

/** Of its JSON report, as far as needed. Times are in seconds where their name doesn't say ms. */
export interface GuidellmReport {
  readonly benchmarks: readonly {
    readonly requests: {
      readonly successful: readonly GuidellmRequest[];
      readonly errored: readonly unknown[];
      readonly incomplete: readonly unknown[];
    };
  }[];
}

interface GuidellmRequest {
  /** The id in the answer. */
  readonly response_id: string | null;
  readonly request_start_time: number;
  readonly request_end_time: number;
  readonly request_latency: number;
  readonly request_dispatch_delay: number | null;
  readonly time_to_first_token_ms: number | null;
  readonly inter_token_latency_ms: number | null;
}

export function parseGuidellm({ benchmarks }: GuidellmReport): ToolResult {
  const { successful, errored, incomplete } = benchmarks[0]!.requests;
  const starts = successful.map(({ request_start_time }) => request_start_time);
  const ends = successful.map(({ request_end_time }) => request_end_time);
  return {
    done: successful.length,
    failed: errored.length + incomplete.length,
    durationMs: spanOf(starts, ends) * 1_000,
    answers: successful.map((request) => ({
      id: request.response_id,
      ttftMs: request.time_to_first_token_ms,
      e2eMs: request.request_latency * 1_000,
      meanGapMs: request.inter_token_latency_ms,
    })),
    gapsMs: [],
    quantiles: {},
    dispatchDelayMs: quantilesOf(
      successful.flatMap(({ request_dispatch_delay: seconds }) => (seconds === null ? [] : seconds * 1_000)),
    ),
    notes: ['keeps no gaps, only their mean per answer'],
  };
}
