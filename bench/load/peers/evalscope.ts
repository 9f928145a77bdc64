// EvalScope's `perf` (ModelScope). Open loop by a trace of arrivals, since its own rate is a Poisson process. It keeps
// every answer in a SQLite file.

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Answer, Tool, ToolResult } from '../contract.ts';
import { OFFLINE, promptOf, pythonPeer } from './python.ts';
import { spanOf } from './span.ts';

const python = pythonPeer('evalscope');

export const evalscope: Tool = {
  name: 'evalscope perf',
  kind: 'peer',
  install: python.install,
  version: python.version,
  unfit: () => null,
  async command(job, folder) {
    const isStream = job.kind === 'stream';
    const body = {
      model: job.model,
      messages: [{ role: 'user', content: promptOf(job.promptTokens) }],
      max_tokens: isStream ? job.eventsPerAnswer : 1,
      stream: isStream,
      ...(isStream ? { stream_options: { include_usage: true } } : {}),
    };
    const trace = Array.from({ length: job.requests }, (_, index) =>
      JSON.stringify({ body, timestamp: index / job.rate }),
    );
    writeFileSync(join(folder, 'trace.jsonl'), trace.join('\n'));
    return {
      argv: [
        ...([python.program('evalscope'), 'perf'] as const),
        ...['--url', `${job.url}/v1/chat/completions`, '--model', job.model, '--api', 'openai'],
        ...['--dataset', 'workload_trace', '--dataset-path', 'trace.jsonl', '--data-source', 'local'],
        // The rate is the trace's; the flag asks for a number all the same.
        ...['--open-loop', '--rate', String(job.rate), '--number', String(job.requests)],
        isStream ? '--stream' : '--no-stream',
        ...['--no-test-connection', '--outputs-dir', 'out', '--no-timestamp', '--num-workers', '1'],
      ],
      env: OFFLINE,
    };
  },
  async read(_job, folder) {
    const out = join(folder, 'out');
    const path = readdirSync(out, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.db'));
    if (path === undefined) throw new Error('evalscope left no database');
    using database = new DatabaseSync(join(out, path), { readOnly: true });
    const columns =
      'start_time, completed_time, latency, first_chunk_latency, inter_token_latencies, success, response_messages';
    return parseEvalscope(database.prepare(`SELECT ${columns} FROM result`).all() as unknown as EvalscopeRow[]);
  },
};

/** Times in seconds of CLOCK_MONOTONIC. */
export interface EvalscopeRow {
  readonly start_time: number;
  readonly completed_time: number;
  readonly latency: number;
  readonly first_chunk_latency: number | null;
  /** A list as JSON. */
  readonly inter_token_latencies: string | null;
  readonly success: 0 | 1;
  /** A pickle in base64. */
  readonly response_messages: string;
}

export function parseEvalscope(rows: readonly EvalscopeRow[]): ToolResult {
  const done = rows.filter(({ success }) => success === 1);
  return {
    done: done.length,
    failed: rows.length - done.length,
    durationMs:
      spanOf(
        done.map(({ start_time }) => start_time),
        done.map(({ completed_time }) => completed_time),
      ) * 1_000,
    answers: done.map(toAnswer),
    gapsMs: [],
    quantiles: {},
    dispatchDelayMs: null,
    notes: [],
  };
}

function toAnswer(row: EvalscopeRow): Answer {
  const gaps = JSON.parse(row.inter_token_latencies ?? '[]') as readonly number[];
  const base = {
    id: /chatcmpl-\d+/.exec(Buffer.from(row.response_messages, 'base64').toString('latin1'))?.[0] ?? null,
    e2eMs: row.latency * 1_000,
  };
  // An answer in one piece has no first token of its own.
  if (row.first_chunk_latency === null || gaps.length === 0) return { ...base, ttftMs: null, meanGapMs: null };
  const times = [(row.start_time + row.first_chunk_latency) * 1_000];
  for (const gap of gaps) times.push(times.at(-1)! + gap * 1_000);
  return {
    ...base,
    ttftMs: row.first_chunk_latency * 1_000,
    meanGapMs: (times.at(-1)! - times[0]!) / gaps.length,
    eventsAtMs: times,
  };
}
