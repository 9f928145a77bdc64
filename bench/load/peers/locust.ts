// Locust with a streaming task of ours (locustfile.py) on its quicker user class. Its users wait for planned times of one
// schedule, so that it is an open loop as long as a user is free.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answer, Tool, ToolResult } from '../contract.ts';
import { quantilesOf } from '../quantiles.ts';
import { promptOf, pythonPeer } from './python.ts';
import { spanOf } from './span.ts';

const python = pythonPeer('locust');

export const locust: Tool = {
  name: 'locust',
  kind: 'peer',
  install: python.install,
  version: python.version,
  unfit: () => null,
  async command(job) {
    const users = Math.min(job.requests, Math.ceil(job.concurrency * 1.2) + 5);
    const isStream = job.kind === 'stream';
    const body = {
      model: job.model,
      messages: [{ role: 'user', content: promptOf(job.promptTokens) }],
      max_tokens: isStream ? job.eventsPerAnswer : 1,
      stream: isStream,
    };
    const load = { rate: job.rate, requests: job.requests, body, stamps: isStream && job.stamps };
    return {
      argv: [
        python.program('locust'),
        ...['--locustfile', fileURLToPath(new URL('locustfile.py', import.meta.url))],
        // One process, as it advises per core. The load begins when all users are there.
        ...['--headless', '--host', job.url, '--users', String(users), '--spawn-rate', String(users)],
        ...['--only-summary', '--loglevel', 'WARNING', '--exit-code-on-error', '0'],
      ],
      env: { BENCH_LOAD: JSON.stringify(load) },
    };
  },
  async read(_job, folder) {
    return parseLocust(readFileSync(join(folder, 'requests.jsonl'), 'utf8'));
  },
};

/** A line of what locustfile.py writes. Times in seconds of CLOCK_MONOTONIC. */
interface LocustRequest {
  readonly id: string;
  readonly planned: number;
  readonly sent: number;
  readonly end: number;
  readonly ok: boolean;
  readonly first: number | null;
  readonly last: number | null;
  /** Token-bearing ones. */
  readonly count: number;
  readonly events: readonly number[] | null;
}

export function parseLocust(lines: string): ToolResult {
  const requests = lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as LocustRequest);
  const done = requests.filter(({ ok }) => ok);
  return {
    done: done.length,
    failed: requests.length - done.length,
    durationMs:
      spanOf(
        done.map(({ sent }) => sent),
        done.map(({ end }) => end),
      ) * 1_000,
    answers: done.map(toAnswer),
    gapsMs: [],
    quantiles: {},
    dispatchDelayMs: quantilesOf(requests.map(({ planned, sent }) => (sent - planned) * 1_000)),
    notes: ['the streaming task is ours'],
  };
}

function toAnswer({ id, sent, end, first, last, count, events }: LocustRequest): Answer {
  return {
    id,
    ttftMs: first === null ? null : (first - sent) * 1_000,
    e2eMs: (end - sent) * 1_000,
    meanGapMs: first === null || last === null || count < 2 ? null : ((last - first) * 1_000) / (count - 1),
    ...(events === null ? {} : { eventsAtMs: events.map((seconds) => seconds * 1_000) }),
  };
}
