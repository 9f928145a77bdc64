// Plimsoll as a tool of the bench, a process of its own. In: a folder with job.json. Out: result.json in it. A job with
// stamps runs one shard in this thread and notes every event; any other goes the way of the product: worker thread,
// rows to gzip'd NDJSON, measurements.

import { readFileSync, writeFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { parseConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { limberUp } from '../../src/load/limber.ts';
import { type RowSink, runLoad } from '../../src/load/load.ts';
import type { LoadPlan } from '../../src/load/plan.ts';
import { takePrecedence } from '../../src/load/priority.ts';
import { type PackedRows, packRows, unpackRows } from '../../src/load/rows.ts';
import { runShard, type ShardObserver, type ShardUpdate } from '../../src/load/shard.ts';
import type { Timeline } from '../../src/load/timeline.ts';
import { encodeRow } from '../../src/record/rows.ts';
import { openRunFolder } from '../../src/runner/folder.ts';
import { openRowFile, type RowFile } from '../../src/runner/row-file.ts';
import { createMeasurer, type Measurer } from '../../src/stages/measurer.ts';
import { startOverForLoad } from '../../src/start-over.ts';
import { openConnections } from '../../src/transport/connections.ts';
import { openWorkload, type WorkloadRef } from '../../src/workload/workload.ts';
import type { Answer, Job, ToolResult } from './contract.ts';
import { quantilesOf } from './quantiles.ts';

async function measureLoad(): Promise<ToolResult> {
  const out = openRunFolder(join(folder, 'run'));
  const openMeasurer = () => createMeasurer({ plan, config, requestTimeoutMs: plan.requestTimeoutMs });
  const openCount = () => ({ done: 0, failed: 0, events: 0, firstMs: Number.POSITIVE_INFINITY, lastMs: 0 });
  const sink =
    (measured: Measurer, append: RowFile['append'], count: ReturnType<typeof openCount>): RowSink =>
    (rows) => {
      measured.add(rows);
      append(rows.map((row) => encodeRow(row, { boot: 1, stage: plan.stage, phase: 'load' })));
      for (const { outcome, chunks, sentMs, endMs } of rows) {
        count.events += chunks;
        count.firstMs = Math.min(count.firstMs, sentMs);
        count.lastMs = Math.max(count.lastMs, endMs);
        if (outcome === 'ok') count.done += 1;
        else count.failed += 1;
      }
    };
  const measurer = openMeasurer();
  const count = openCount();
  const load = await runLoad(
    { plan, target, workload, workers: 1, answerMs: answerMs(job) },
    {
      onRows: sink(measurer, out.appendRequests, count),
      rehearse() {
        const nowhere = openRowFile(devNull);
        return { onRows: sink(openMeasurer(), nowhere.append, openCount()), close: nowhere.close };
      },
      shouldStop: (progress) => measurer.shouldStop(progress),
    },
  );
  await out.close();
  const [health] = load.phases;
  const gaps = load.gapsUs[0]!;
  return {
    done: count.done,
    failed: count.failed,
    events: count.events,
    durationMs: count.lastMs - count.firstMs,
    answers: [],
    gapsMs: [],
    quantiles:
      gaps.totalCount === 0
        ? {}
        : {
            gap: {
              p50: gaps.getValueAtPercentile(50) / 1_000,
              p99: gaps.getValueAtPercentile(99) / 1_000,
              max: gaps.maxValue / 1_000,
            },
          },
    dispatchDelayMs: health!.dispatchDelayMs,
    notes: health!.dropped === 0 ? [] : [`${health!.dropped} slots dropped`],
  };
}

/** The hot path alone, in this thread, so that each event can be set beside the server's stamp of it. */
async function measureEvents(): Promise<ToolResult> {
  const connections = openConnections(target);
  takePrecedence();
  // Made beforehand and outside the heap: what is kept for the comparison must not be what the collector is busy with.
  const { eventsPerAnswer } = job as Extract<Job, { kind: 'stream' }>;
  const times = new Float64Array(job.requests * eventsPerAnswer);
  const seen = new Uint32Array(job.requests);
  const never = new AbortController().signal;
  const shard = { plan, target, streamed: true, worker: 0, workers: 1, answerMs: answerMs(job) };
  const texts = openWorkload(workload);
  let begun = false;
  const observer: ShardObserver = {
    onToken(request, _phase, tMs) {
      if (!begun) return;
      if (seen[request]! < eventsPerAnswer) times[request * eventsPerAnswer + seen[request]!] = tMs;
      seen[request]! += 1;
    },
  };
  // As a worker hands them over: a row that stayed here would be the collector's to carry about.
  const { port1, port2 } = new MessageChannel();
  const onUpdate = (update: ShardUpdate): void => {
    const packed = packRows(update.rows);
    port1.postMessage(packed, [packed.numbers.buffer]);
  };
  const handedOver = (): Timeline[] => {
    const rows: Timeline[] = [];
    for (let one = receiveMessageOnPort(port2); one !== undefined; one = receiveMessageOnPort(port2))
      rows.push(...unpackRows(one.message as PackedRows, 0));
    return rows;
  };
  await limberUp({ job: shard, workload: texts, transport: openConnections, onUpdate, observer });
  handedOver();
  begun = true;
  const originMs = performance.now() + 20;
  const toMonotonic = monotonicMs() - performance.now() + originMs;
  await runShard(shard, texts, connections, originMs, { halt: never, cut: never }, onUpdate, observer);
  await connections.destroy();
  const rows = handedOver();
  port1.close();
  const good = rows.filter(({ outcome }) => outcome === 'ok');
  return {
    done: good.length,
    failed: rows.length - good.length,
    events: rows.reduce((sum, { chunks }) => sum + chunks, 0),
    durationMs: Math.max(...rows.map(({ endMs }) => endMs)) - Math.min(...rows.map(({ sentMs }) => sentMs)),
    answers: good.map(
      (row): Answer => ({
        id: row.serverId,
        ttftMs: row.firstTokenMs === null ? null : row.firstTokenMs - row.sentMs,
        e2eMs: row.endMs - row.sentMs,
        meanGapMs: null,
        eventsAtMs: Array.from(
          times.subarray(row.request * eventsPerAnswer, row.request * eventsPerAnswer + seen[row.request]!),
          (tMs) => tMs + toMonotonic,
        ),
      }),
    ),
    gapsMs: [],
    quantiles: {},
    dispatchDelayMs: quantilesOf(rows.map(({ plannedMs, sentMs }) => sentMs - plannedMs!)),
    notes: [],
  };
}

/** What the product's warm-up would have told, and opens connections by. Plain answers come at once. */
const answerMs = (job: Job): number => (job.kind === 'plain' ? 1 : (job.concurrency / job.rate) * 1_000);

function configOf(job: Job): Config {
  const length = job.kind === 'stream' ? job.eventsPerAnswer : 1;
  return parseConfig(
    JSON.stringify({
      deployment: { name: 'bench', kind: 'external', url: job.url, engine: 'vllm' },
      workload: {
        model: job.model,
        stream: job.kind === 'stream',
        prompts: { kind: 'synthetic', tokens: { constant: job.promptTokens } },
        output: { constant: length },
        requestTimeout: `${job.timeoutSeconds}s`,
        stallTimeout: `${job.timeoutSeconds}s`,
      },
      slo: { ttft: '1s', tpot: '1s' },
      stages: { benchmark: { rate: `${job.rate}/s` } },
      client: { maxInFlight: 1_000_000 },
    }),
  );
}

function planOf(job: Job, config: Config): LoadPlan {
  // Half an interval short: the last request is inside, one more is not, however the product is rounded.
  const durationMs = ((job.requests - 0.5) / job.rate) * 1_000;
  const load = { kind: 'open', process: 'constant', from: job.rate, to: job.rate } as const;
  return {
    stage: 'benchmark',
    seed: 1,
    phases: [{ name: 'load', kind: 'round', startMs: 0, durationMs, load, pattern: 0 }],
    drainMs: job.timeoutSeconds * 1_000,
    maxInFlight: config.client.maxInFlight,
    requestTimeoutMs: config.workload.requestTimeout,
    stallTimeoutMs: config.workload.stallTimeout,
  };
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

startOverForLoad();
const [folder] = process.argv.slice(2) as [string];
const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8')) as Job;
const config = configOf(job);
const plan = planOf(job, config);
const workload: WorkloadRef = { config: config.workload, engine: 'vllm', baseDir: folder, stage: 'benchmark' };
const target = { url: job.url, headers: {} };
const stamped = job.kind === 'stream' && job.stamps;
const result = stamped ? await measureEvents() : await measureLoad();
writeFileSync(join(folder, 'result.json'), JSON.stringify(result));
