// vLLM's `bench serve`: the Python client, and the one in Rust that the same package brings. Open loop, streaming only.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer, Job, Tool, ToolResult } from '../contract.ts';
import { OFFLINE, pythonPeer, tokenizerFolder } from './python.ts';
import { spanOf } from './span.ts';

const python = pythonPeer('vllm');
const ID_PREFIX = 'bench-';

export const vllmBench: Tool = {
  ...vllmTool(),
  name: 'vllm bench',
  command: async (job) => ({
    argv: [python.program('vllm'), ...args(job)],
    env: { ...OFFLINE, VLLM_NO_USAGE_STATS: '1' },
  }),
  read: async (job, folder) => parseVllm(readResult(folder), eventsOf(job), true),
};

export const vllmRustBench: Tool = {
  ...vllmTool(),
  name: 'vllm bench (Rust)',
  language: 'Rust',
  // What VLLM_USE_RUST_BENCH=1 makes the other one hand over to.
  command: async (job) => ({ argv: [join(python.packages(), 'vllm', 'vllm-rs'), ...args(job)], env: OFFLINE }),
  // Its start times count from the start of the bench.
  read: async (job, folder) => parseVllm(readResult(folder), eventsOf(job), false),
};

function vllmTool(): Pick<Tool, 'kind' | 'install' | 'version' | 'unfit'> {
  return {
    kind: 'peer',
    install: python.install,
    version: python.version,
    unfit: (job) => (job.kind === 'stream' ? null : 'streams only'),
  };
}

const args = (job: Job): readonly string[] => [
  ...['bench', 'serve', '--backend', 'openai-chat', '--base-url', job.url, '--endpoint', '/v1/chat/completions'],
  ...['--model', job.model, '--tokenizer', tokenizerFolder(), '--dataset-name', 'random'],
  ...['--random-input-len', String(job.promptTokens), '--random-output-len', String(eventsOf(job))],
  // As even as both clients can: the gaps are gamma distributed with this shape.
  ...['--num-prompts', String(job.requests), '--request-rate', String(job.rate), '--burstiness', '1000000'],
  ...['--request-id-prefix', ID_PREFIX, '--disable-tqdm'],
  ...['--save-result', '--save-detailed', '--result-dir', '.', '--result-filename', 'result.json'],
];

const eventsOf = (job: Job): number => (job.kind === 'stream' ? job.eventsPerAnswer : 1);
const readResult = (folder: string): VllmResult =>
  JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as VllmResult;

/** Of its result with --save-detailed. Lists are by request; times in seconds. */
export interface VllmResult {
  readonly start_times: readonly number[];
  readonly ttfts: readonly number[];
  readonly itls: readonly (readonly number[])[];
  readonly latencies: readonly number[];
  /** '' = none. */
  readonly errors: readonly string[];
}

/**
 * @param eventsPerAnswer token-bearing ones
 * @param isMonotonic whether start times are of CLOCK_MONOTONIC
 */
export function parseVllm(result: VllmResult, eventsPerAnswer: number, isMonotonic: boolean): ToolResult {
  const { start_times: starts, latencies, ttfts, itls, errors } = result;
  const isDone = (index: number): boolean => errors[index] === '' && latencies[index] !== undefined;
  const done = starts.map((_, index) => index).filter(isDone);
  const timesMs = (index: number): readonly number[] => eventTimes(ttfts[index]!, itls[index]!, eventsPerAnswer);
  return {
    done: done.length,
    failed: errors.length - done.length,
    durationMs:
      spanOf(
        done.map((index) => starts[index]!),
        done.map((index) => starts[index]! + latencies[index]!),
      ) * 1_000,
    answers: done.map((index): Answer => {
      const times = timesMs(index);
      return {
        id: `${ID_PREFIX}${index}`,
        ttftMs: ttfts[index]! * 1_000,
        e2eMs: latencies[index]! * 1_000,
        meanGapMs: times.length < 2 ? null : (times.at(-1)! - times[0]!) / (times.length - 1),
        ...(isMonotonic ? { eventsAtMs: times.map((ms) => starts[index]! * 1_000 + ms) } : {}),
      };
    }),
    gapsMs: isMonotonic ? [] : done.flatMap((index) => gapsOf(timesMs(index))),
    quantiles: {},
    dispatchDelayMs: null,
    notes: ['its TTFT is that of the chunk that bears only the role'],
  };
}

/**
 * Times of the token-bearing events in ms from the request's start. It takes every chunk with a choice for a token: the
 * gap before the first event (from the role's chunk) and the one after the last (to that of the finish reason) are no
 * gaps between tokens, and are left out.
 */
function eventTimes(ttft: number, itls: readonly number[], eventsPerAnswer: number): readonly number[] {
  const times: number[] = [];
  let seconds = ttft;
  const hasRoleAndFinish = itls.length === eventsPerAnswer + 1;
  if (!hasRoleAndFinish) times.push(seconds * 1_000);
  for (const gap of hasRoleAndFinish ? itls.slice(0, -1) : itls) {
    seconds += gap;
    times.push(seconds * 1_000);
  }
  return times;
}

const gapsOf = (times: readonly number[]): readonly number[] =>
  times.slice(1).map((time, index) => time - times[index]!);
