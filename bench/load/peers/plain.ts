// Floors for plain requests, which read no streams: vegeta (Go, open loop) and wrk (C, closed loop, no rate).

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Job, type JobShape, plannedSeconds, type Tool, type ToolResult } from '../contract.ts';
import { PEERS_FOLDER, promptOf, run } from './python.ts';
import versions from './versions.json' with { type: 'json' };

const VEGETA = join(PEERS_FOLDER, 'go', 'vegeta');

export const vegeta: Tool = {
  name: 'vegeta',
  kind: 'floor',
  async install() {
    if (existsSync(VEGETA)) return;
    const go = ['go', '/usr/local/go/bin/go'].find(answers);
    if (go === undefined) throw new Error('no Go to build it with');
    await run('env', [`GOBIN=${join(PEERS_FOLDER, 'go')}`, go, 'install', versions.vegeta]);
  },
  version: async () => versions.vegeta.replace(/^.*@/, ''),
  unfit: plainOnly,
  async command(job, folder) {
    writeFileSync(join(folder, 'body.json'), bodyOf(job));
    writeFileSync(join(folder, 'targets'), `POST ${job.url}/v1/chat/completions\n`);
    const durationMs = Math.round((job.requests / job.rate) * 1_000);
    return {
      argv: [
        ...([VEGETA, 'attack'] as const),
        ...['-targets', 'targets', '-body', 'body.json', '-header', 'content-type: application/json'],
        ...[`-rate=${job.requests}/${durationMs}ms`, `-duration=${durationMs}ms`, '-output', 'results.bin'],
      ],
    };
  },
  async read(_job, folder) {
    const report = execFileSync(VEGETA, ['report', '-type=json', 'results.bin'], { cwd: folder, encoding: 'utf8' });
    return parseVegeta(JSON.parse(report) as VegetaReport);
  },
};

export const wrk: Tool = {
  name: 'wrk',
  kind: 'floor',
  async install() {
    if (answers('wrk')) return;
    if (process.getuid?.() !== 0) throw new Error('not installed (Debian: apt-get install wrk)');
    await run('apt-get', ['update', '--quiet']);
    await run('apt-get', ['install', '--yes', '--quiet', 'wrk']);
  },
  async version() {
    // Its -v ends with 1.
    const text = await run('sh', ['-c', 'wrk -v || true']);
    return /^wrk (\S+)/.exec(text)?.[1] ?? 'unknown';
  },
  unfit: plainOnly,
  async command(job, folder) {
    writeFileSync(join(folder, 'wrk.lua'), wrkScript(bodyOf(job)));
    return {
      argv: [
        ...['wrk', '--threads', '1', '--connections', String(job.concurrency)],
        ...['--duration', `${Math.max(1, Math.round(plannedSeconds(job)))}s`, '--timeout', '30s'],
        ...['--script', 'wrk.lua', `${job.url}/v1/chat/completions`],
      ] as [string, ...string[]],
    };
  },
  async read(_job, folder) {
    return parseWrk(JSON.parse(readFileSync(join(folder, 'wrk.json'), 'utf8')) as WrkReport);
  },
};

function plainOnly(job: JobShape): string | null {
  return job.kind === 'plain' ? null : 'plain requests only';
}

const bodyOf = (job: Job): string =>
  JSON.stringify({
    model: job.model,
    messages: [{ role: 'user', content: promptOf(job.promptTokens) }],
    max_tokens: 1,
    stream: false,
  });

/** Of `vegeta report -type=json`. Times in ns. */
export interface VegetaReport {
  readonly latencies: { readonly '50th': number; readonly '99th': number; readonly max: number };
  readonly requests: number;
  /** Of the attack, and from its end to the last answer. */
  readonly duration: number;
  readonly wait: number;
  readonly status_codes: Readonly<Record<string, number>>;
}

export function parseVegeta(report: VegetaReport): ToolResult {
  const { latencies } = report;
  const done = report.status_codes['200'] ?? 0;
  return {
    ...NOTHING_TOLD,
    done,
    failed: report.requests - done,
    durationMs: (report.duration + report.wait) / 1e6,
    quantiles: { e2e: { p50: latencies['50th'] / 1e6, p99: latencies['99th'] / 1e6, max: latencies.max / 1e6 } },
    notes: [],
  };
}

/** What its `done` hook writes. Times in µs. */
export interface WrkReport {
  readonly duration: number;
  readonly requests: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export function parseWrk(report: WrkReport): ToolResult {
  return {
    ...NOTHING_TOLD,
    done: report.requests - report.failed,
    failed: report.failed,
    durationMs: report.duration / 1_000,
    quantiles: { e2e: { p50: report.p50 / 1_000, p99: report.p99 / 1_000, max: report.max / 1_000 } },
    notes: ['closed loop: as fast as it can for the duration, whatever the rate'],
  };
}

const NOTHING_TOLD = { answers: [], gapsMs: [], dispatchDelayMs: null } as const;

/** Its hooks are Lua; [=[ and ]=] enclose any JSON. */
const wrkScript = (body: string): string => `wrk.method = 'POST'
wrk.headers['content-type'] = 'application/json'
wrk.body = [=[${body}]=]
function done(summary, latency)
  local errors = summary.errors
  local file = io.open('wrk.json', 'w')
  file:write(string.format('{"duration":%d,"requests":%d,"failed":%d,"p50":%d,"p99":%d,"max":%d}',
    summary.duration, summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
  file:close()
end
`;

/** Whether it can be started at all. */
function answers(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
