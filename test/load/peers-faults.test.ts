// Faults that other load generators have or had, one test each, over real sockets: what a number would be with the
// fault, and that ours is not that.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { workloadSchema } from '../../src/config/schema.ts';
import { runLoad } from '../../src/load/load.ts';
import type { LoadPlan, OfferedLoad, PhasePlan } from '../../src/load/plan.ts';
import type { LoadResult } from '../../src/load/result.ts';
import { runShard } from '../../src/load/shard.ts';
import type { Timeline } from '../../src/load/timeline.ts';
import { type MeasuredPhase, measurePhases } from '../../src/stages/phase.ts';
import { createTally } from '../../src/stages/tally.ts';
import { openConnections } from '../../src/transport/connections.ts';
import { openWorkload, type WorkloadRef } from '../../src/workload/workload.ts';
import { askThrough } from '../transport/asking.ts';
import {
  answer,
  content,
  DONE,
  delta,
  event,
  finish,
  LAST_CHUNK,
  type Script,
  SSE_HEAD,
  startTorture,
  stream,
  usage,
} from './torture.ts';

const workload: WorkloadRef = {
  config: workloadSchema.parse({
    model: 'm',
    prompts: { kind: 'synthetic', tokens: { constant: 20 } },
    output: { constant: 8 },
  }),
  engine: 'openai',
  baseDir: '/',
  stage: 'benchmark',
};

const constant = (from: number, to = from): OfferedLoad => ({ kind: 'open', process: 'constant', from, to });

function planOf(durationMs: number, load: OfferedLoad, rest: Partial<LoadPlan> = {}): LoadPlan {
  const phase: PhasePlan = { name: 'round-1', kind: 'round', startMs: 0, durationMs, load, pattern: 1 };
  return {
    stage: 'benchmark',
    seed: 5,
    phases: [phase],
    drainMs: 5_000,
    maxInFlight: 1_000,
    requestTimeoutMs: 10_000,
    stallTimeoutMs: 10_000,
    ...rest,
  };
}

interface Loaded {
  readonly rows: readonly Timeline[];
  readonly result: LoadResult;
  readonly phase: MeasuredPhase;
}

/** Through worker threads and all, up to the metrics of the one phase. */
async function load(script: Script, plan: LoadPlan): Promise<Loaded & { arrivals: readonly number[] }> {
  await using server = await startTorture(script);
  const rows: Timeline[] = [];
  const tally = createTally(plan, {});
  const result = await runLoad(
    { plan, target: { url: server.url, headers: {} }, workload, workers: 1 },
    {
      onRows(batch) {
        rows.push(...batch);
        tally.add(batch);
      },
    },
  );
  const end = { load: result, samples: [], problems: [], died: null };
  const context = { timeoutMs: plan.requestTimeoutMs, price: undefined, offsetMs: 0 };
  const [phase] = measurePhases(plan, tally, end, context);
  const arrivals = server.arrivals.map((at) => at - result.originMs);
  return { rows: rows.sort((a, b) => a.request - b.request), result, phase: phase!, arrivals };
}

async function askAll(script: Script, requests = 1): Promise<{ rows: Timeline[]; connections: number }> {
  await using server = await startTorture(script);
  const connections = openConnections({ url: server.url, headers: {} }, {});
  try {
    return { rows: await askThrough(connections, server.url, { requests }), connections: server.connections };
  } finally {
    await connections.destroy();
  }
}
const askOnce = async (script: Script): Promise<Timeline> => (await askAll(script)).rows[0]!;

/** A stream of these events, in one HTTP chunk each. */
const events =
  (texts: readonly string[], pauseMs = 0): Script =>
  async ({ write, chunk, wait }) => {
    write(SSE_HEAD);
    for (const text of texts) {
      chunk(text);
      if (pauseMs > 0) await wait(pauseMs);
    }
    write(LAST_CHUNK);
  };

const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);
const metricOf = ({ phase }: Loaded, metric: string) => phase.metrics[metric]!;

describe('time', () => {
  test('latency from send instead of plan: what a late client adds is in the latency, and told apart', async () => {
    await using server = await startTorture(stream(1));
    const plan = planOf(400, constant(50));
    const connections = openConnections({ url: server.url, headers: {} }, {});
    const rows: Timeline[] = [];
    let busy = false;
    try {
      await runShard(
        { plan, target: { url: server.url, headers: {} }, streamed: true, worker: 0, workers: 1 },
        openWorkload(workload),
        connections,
        performance.now(),
        { halt: new AbortController().signal, cut: new AbortController().signal },
        (update) => rows.push(...update.rows),
        {
          // The first token keeps the client from its work for as long as ten requests are apart.
          onToken() {
            if (busy) return;
            busy = true;
            for (const until = performance.now() + 200; performance.now() < until; );
          },
        },
      );
    } finally {
      await connections.destroy();
    }
    assert.equal(rows.length, 20);
    const late = rows.filter((row) => row.sentMs - row.plannedMs! > 100);
    assert.ok(late.length >= 3, `${late.length} were sent late`);
    for (const row of rows) {
      assert.equal(row.plannedMs, row.request * 20, 'the plan does not move');
      assert.ok(row.firstTokenMs! - row.plannedMs! >= row.sentMs - row.plannedMs!);
    }
    const tally = createTally(plan, {});
    tally.add(rows);
    const { ttft, ttft_service: service } = tally.phase(0).latencies;
    const waitUs = rows.reduce((sum, row) => sum + (row.sentMs - row.plannedMs!) * 1_000, 0) / rows.length;
    const apartUs = ttft.histogram.mean - service.histogram.mean;
    // Histograms keep three digits.
    const exact = Math.abs(apartUs - waitUs) <= 1 + 0.002 * ttft.histogram.mean;
    assert.ok(exact, `the wait of ${waitUs} µs stands in ttft alone, which is ${apartUs} µs above the service time`);
  });

  test('semaphore wait left out: requests over a slow server are all sent when due, and their queueing counts', async () => {
    // One at a time, 30 ms each, asked every 10 ms.
    let queue = Promise.resolve();
    const oneByOne: Script = (connection) => {
      queue = queue.then(() => connection.wait(30)).then(() => stream(1)(connection));
    };
    const loaded = await load(oneByOne, planOf(200, constant(100)));
    assert.equal(loaded.rows.length, 20);
    const behind = loaded.rows.map((row) => row.firstTokenMs! - row.plannedMs!);
    assert.ok(behind.at(-1)! > 300, `the last one waited ${behind.at(-1)} ms`);
    // With a limit on connections the last could not have arrived before most were answered.
    const [firstEnd] = loaded.rows
      .map((row) => row.endMs)
      .sort((a, b) => a - b)
      .slice(10);
    assert.ok(loaded.arrivals.at(-1)! < firstEnd!, 'nobody waited for an answer before sending');
  });

  test('relative sleeps that lose a fifth of the rate: the plan is kept to its last request', async () => {
    const { rows, result } = await load(stream(1), planOf(3_000, constant(100)));
    assert.equal(rows.length, 300);
    assert.equal(result.phases[0]!.sent, 300);
    // Had each sleep begun after the send before it, every one of the last would be late by the sum of all delays. A
    // machine that stood still for a while is caught up with inside their second.
    const lateness = rows.slice(-100).map((row) => row.sentMs - row.plannedMs!);
    assert.ok(Math.min(...lateness) < 50, `the last hundred were at least ${Math.min(...lateness)} ms late`);
  });

  test('a ramp by request index: a quarter of a ramp from zero falls into its first half, by the clock', async () => {
    const { arrivals } = await load(stream(1), planOf(1_000, constant(0, 200)));
    assert.equal(arrivals.length, 100);
    const firstHalf = arrivals.filter((atMs) => atMs < 500).length;
    // By index, the first half of the time would see a half of the requests or, with a rate that grows with the
    // index, next to none.
    assert.ok(firstHalf >= 15 && firstHalf <= 32, `${firstHalf} of 100`);
  });
});

describe('tokens', () => {
  test('role chunk taken for the first token: TTFT waits for output', async () => {
    const row = await askOnce(
      events([event(delta({ role: 'assistant', content: '' })), event(content('a')) + event(finish) + DONE], 60),
    );
    assert.equal(row.chunks, 1);
    assert.ok(row.firstTokenMs! - row.firstByteMs! >= 50, `${row.firstTokenMs! - row.firstByteMs!} ms`);
  });

  test('chunks taken for tokens: the count is the server’s, and TPOT divides by it', async () => {
    // Speculative decoding: five tokens an event.
    const texts = [1, 2, 3, 4].map((i) => event(content(`five tokens ${i} `)));
    const script = events([...texts, event(finish) + event(usage(11, 20)) + DONE], 20);
    const loaded = await load(script, planOf(200, constant(25)));
    for (const row of loaded.rows) {
      assert.deepEqual([row.chunks, row.outputTokens, row.tokenSource], [4, 20, 'usage']);
    }
    const spanMs = loaded.rows.map((row) => row.lastTokenMs! - row.firstTokenMs!);
    assert.ok(metricOf(loaded, 'tpot.mean').value! < Math.max(...spanMs) / 18);
    assert.equal(metricOf(loaded, 'output.tokens.mean').value, 20);
    const { chunkTokens, tokenChunks } = loaded.phase.tally;
    assert.equal(chunkTokens / tokenChunks, 5, 'tokens per event are told');
  });

  test('chunks taken for tokens, in an answer that breaks off: continuous usage has counted what came', async () => {
    const counted = (text: string, tokens: number) =>
      event({ choices: [{ delta: { content: text } }], usage: { prompt_tokens: 7, completion_tokens: tokens } });
    const row = await askOnce(async ({ write, chunk, wait, reset }) => {
      write(SSE_HEAD);
      for (const tokens of [3, 6, 8, 12, 17]) chunk(counted(`t${tokens}`, tokens));
      await wait(30);
      reset();
    });
    assert.deepEqual(
      [row.outcome, row.chunks, row.outputTokens, row.promptTokens, row.tokenSource],
      ['reset', 5, 17, 7, 'usage'],
    );
  });

  test('reasoning tokens ignored: they begin TTFT, count as output, and the first word for a person is apart', async () => {
    for (const field of ['reasoning_content', 'reasoning']) {
      const row = await askOnce(
        events(
          [
            event(delta({ [field]: 'hm' })),
            event(delta({ [field]: 'so' })),
            event(content('a')) + event(finish) + DONE,
          ],
          40,
        ),
      );
      assert.deepEqual([row.chunks, row.outputTokens], [3, 3], field);
      assert.ok(row.firstContentMs! - row.firstTokenMs! >= 60, field);
      assert.ok(row.firstTokenMs! - row.headersMs! < row.firstContentMs! - row.headersMs!);
    }
  });

  test('peak throughput below average: the busiest tenth of a second holds at least the mean', async () => {
    const texts = Array.from({ length: 6 }, (_, i) => event(content(`several ${i} `)));
    const loaded = await load(
      events([...texts, event(finish) + event(usage(11, 60)) + DONE]),
      planOf(500, constant(40)),
    );
    assert.equal(loaded.rows.length, 20);
    const { tokensReceived, bucketMs } = loaded.result;
    assert.ok(Math.abs(sum(tokensReceived) - 20 * 60) < 1e-6, 'every token is received once');
    const peak = (Math.max(...tokensReceived) * 1_000) / bucketMs;
    const average = metricOf(loaded, 'throughput.tokens').value!;
    assert.ok(average > 20 * 60 * 0.5, `${average} tokens/s on average`);
    assert.ok(peak >= average, `peak ${peak}, average ${average}`);
  });
});

describe('the stream', () => {
  test('CRLF streams: every event is read', async () => {
    const text = [content('a'), content('b'), finish].map((value) => event(value, '\r\n')).join('') + DONE;
    const row = await askOnce(events([text]));
    assert.deepEqual([row.outcome, row.chunks], ['ok', 2]);
  });

  test('quadratic parsing of a megabyte line: sixteen times the line takes nowhere near 256 times the work', {
    timeout: 60_000,
  }, async () => {
    /** CPU of this process, server and client: on a busy machine time is no measure. */
    const work = async (bytes: number): Promise<number> => {
      const text = event(content('x'.repeat(bytes)));
      const before = process.cpuUsage();
      const row = await askOnce(async ({ write, chunk }) => {
        write(SSE_HEAD);
        for (let at = 0; at < text.length; at += 4_096) {
          chunk(text.slice(at, at + 4_096));
          // So that reads are as small as the chunks.
          await turn();
        }
        chunk(event(finish) + DONE);
        write(LAST_CHUNK);
      });
      assert.deepEqual([row.outcome, row.chunks], ['ok', 1]);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    };
    await work(100_000);
    const one = await work(1_000_000);
    const sixteen = await work(16_000_000);
    assert.ok(sixteen < 48 * one + 500, `${one} ms of CPU, then ${sixteen} ms`);
  });

  test('a 64 KB read buffer: lines beyond it are read whole, by whatever channel', async () => {
    const long = 'é'.repeat(150_000);
    const tool = delta({ tool_calls: [{ index: 0, function: { arguments: long } }] });
    const texts = [content(long), delta({ reasoning: long }), tool, content('a')].map((value) => event(value));
    const row = await askOnce(events([...texts, event(finish) + event(usage(1, 9)) + DONE]));
    assert.deepEqual([row.outcome, row.chunks, row.outputTokens], ['ok', 4, 9]);
    assert.ok(row.bytes > 900_000);
  });

  test('a new connection per request: one serves them all, and only the first pays for it', async () => {
    const { rows, connections } = await askAll(stream(2), 12);
    assert.equal(connections, 1);
    assert.deepEqual(
      rows.map((row) => row.connectMs !== null),
      [true, ...Array<boolean>(11).fill(false)],
    );
  });
});

test('failures flattering percentiles: a server that fails fast has no better percentiles, but worse', async () => {
  let number = 0;
  const failing: Script = (connection) => {
    number += 1;
    return number % 5 === 0 ? answer('500 No', 'x')(connection) : stream(1)(connection);
  };
  const plan = planOf(1_000, constant(100));
  const [well, ill] = [await load(stream(1), plan), await load(failing, plan)];
  assert.equal(metricOf(ill, 'errors.rate').value, 0.2);
  assert.equal(metricOf(well, 'e2e.p95').bound, 'exact');
  // A fifth of all is held to have lasted until the time-out.
  const p95 = metricOf(ill, 'e2e.p95');
  assert.deepEqual([p95.value, p95.bound], [plan.requestTimeoutMs, 'above']);
  assert.ok(metricOf(ill, 'e2e.mean').value! > metricOf(well, 'e2e.mean').value!);
  assert.ok(metricOf(ill, 'goodput.share').value! <= 0.8);
});
