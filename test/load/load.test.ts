import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { workloadSchema } from '../../src/config/schema.ts';
import { schedule } from '../../src/load/arrivals.ts';
import { type LoadHooks, runLoad } from '../../src/load/load.ts';
import type { LoadPlan, OfferedLoad } from '../../src/load/plan.ts';
import type { LoadResult } from '../../src/load/result.ts';
import { runShard } from '../../src/load/shard.ts';
import { startOf, type Timeline } from '../../src/load/timeline.ts';
import { thinkMs } from '../../src/load/users.ts';
import { warmUp } from '../../src/load/warmup.ts';
import { createRandom } from '../../src/stats/random.ts';
import { openConnections } from '../../src/transport/connections.ts';
import type { WorkloadRef } from '../../src/workload/workload.ts';
import { planOf } from './plans.ts';
import { slotsOf } from './slots.ts';
import {
  answer,
  content,
  DONE,
  event,
  finish,
  LAST_CHUNK,
  type Script,
  SSE_HEAD,
  startTorture,
  stream,
  type TortureServer,
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

const open = (rate: number, process: 'poisson' | 'constant' = 'constant'): OfferedLoad => ({
  kind: 'open',
  process,
  from: rate,
  to: rate,
});

async function load(
  url: string,
  plan: LoadPlan,
  workers = 1,
  hooks: Partial<LoadHooks> = {},
): Promise<{ result: LoadResult; rows: Timeline[]; tookMs: number }> {
  const rows: Timeline[] = [];
  const started = performance.now();
  const result = await runLoad(
    { plan, target: { url, headers: {} }, workload, workers },
    { onRows: (batch) => rows.push(...batch), ...hooks },
  );
  return { result, rows: rows.sort((a, b) => a.request - b.request), tookMs: performance.now() - started };
}

const count = (rows: readonly Timeline[], outcome: string): number =>
  rows.filter((row) => row.outcome === outcome).length;
const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);
const silent: Script = () => {};

describe('an open-loop load', () => {
  test('sends every planned request once, at its time, whatever the number of workers', async () => {
    const plan = planOf([
      [400, open(50, 'poisson')],
      [400, open(150)],
    ]);
    const planned = [...slotsOf(schedule(plan))];
    const [, second] = schedule(plan).firstOf;
    const bodies: string[][] = [];
    for (const workers of [1, 2]) {
      const seen: string[] = [];
      await using server = await startTorture((connection) => {
        seen.push(connection.body);
        return stream(3)(connection);
      });
      const { result, rows } = await load(server.url, plan, workers);
      assert.equal(result.end, 'complete');
      assert.equal(result.offeredMs, 800);
      assert.deepEqual(
        rows.map((row) => row.request),
        planned.map((slot) => slot.request),
      );
      assert.deepEqual(
        rows.map((row) => row.plannedMs),
        planned.map((slot) => slot.plannedMs),
      );
      assert.ok(
        rows.every(
          (row) => row.sentMs >= row.plannedMs! && row.outcome === 'ok' && row.worker === row.request % workers,
        ),
      );
      assert.deepEqual(
        rows.map((row) => row.phase),
        rows.map((row) => (row.request < second! ? 0 : 1)),
      );
      assert.deepEqual(
        result.phases.map((phase) => [phase.planned, phase.dropped]),
        [
          [second, 0],
          [60, 0],
        ],
      );
      assert.ok(
        result.phases.every(
          (phase) =>
            phase.cpuShare.length === workers && phase.dispatchDelayMs !== null && phase.eventLoopDelayP99Ms !== null,
        ),
      );
      bodies.push(seen.sort());
    }
    assert.deepEqual(bodies[0], bodies[1]);
    assert.equal(new Set(bodies[0]).size, bodies[0]!.length, 'no text is sent twice');
  });

  test('before time zero made-up rows go to rehearsals, and none of them to the load', async () => {
    await using server = await startTorture(stream(3));
    const events: string[] = [];
    let rehearsed = 0;
    const { result, rows } = await load(server.url, planOf([[200, open(50)]]), 2, {
      rehearse: () => {
        events.push('made');
        return {
          onRows: (batch) => {
            rehearsed += batch.length;
          },
          close: async () => events.push('closed'),
        };
      },
      onStart: () => events.push(`${rehearsed > 0 ? 'some' : 'none'} rehearsed`),
    });
    assert.deepEqual(events, ['made', 'made', 'closed', 'closed', 'some rehearsed']);
    assert.equal(rows.length, 10);
    assert.equal(result.phases[0]!.planned, 10);
    assert.equal(server.requests, 10);
  });

  test('what a rehearsal throws is no reason not to start', async () => {
    await using server = await startTorture(stream(3));
    const rehearse = () => ({
      onRows: () => {
        throw new Error('broken');
      },
      close: () => Promise.reject(new Error('broken too')),
    });
    const { result } = await load(server.url, planOf([[100, open(50)]]), 1, { rehearse });
    assert.equal(result.end, 'complete');
  });

  test('keeps books that agree with its rows: gaps, tokens received', async () => {
    await using server = await startTorture(stream(5, 4));
    const { result, rows } = await load(server.url, planOf([[500, open(60)]]), 2);
    assert.equal(sum(result.gapsUs.map((gaps) => gaps.totalCount)), sum(rows.map((row) => row.chunks - 1)));
    assert.ok(Math.abs(sum(result.tokensReceived) - sum(rows.map((row) => row.outputTokens!))) < 1e-6);
    const lastMs = Math.max(...rows.map((row) => row.lastTokenMs!));
    assert.equal(result.tokensReceived.length, Math.floor(lastMs / result.bucketMs) + 1);
    assert.ok(result.gapsUs[0]!.getValueAtPercentile(50) >= 3_000);
  });

  test('spreads tokens of usage over the events that brought them', async () => {
    await using server = await startTorture(({ write, chunk }) => {
      write(SSE_HEAD);
      const counted = { choices: [], usage: { prompt_tokens: 4, completion_tokens: 12 } };
      chunk(
        event(content('four tokens of text')) +
          event(content('and eight more')) +
          event(finish) +
          event(counted) +
          DONE,
      );
      write(LAST_CHUNK);
    });
    const { result, rows } = await load(server.url, planOf([[200, open(20)]]));
    assert.deepEqual([rows.length, rows[0]!.chunks, rows[0]!.outputTokens], [4, 2, 12]);
    assert.ok(Math.abs(sum(result.tokensReceived) - 48) < 1e-6);
  });

  test('has one clock over all threads: no request arrives before it was sent', async () => {
    await using server = await startTorture(stream(1));
    const { result, rows } = await load(server.url, planOf([[500, open(80)]]), 2);
    const sent = rows.map((row) => result.originMs + row.sentMs).sort((a, b) => a - b);
    const arrived = [...server.arrivals].sort((a, b) => a - b);
    const lags = arrived.map((time, index) => time - sent[index]!);
    assert.ok(Math.min(...lags) > -0.5, `${Math.min(...lags)} ms`);
    assert.ok(lags.sort((a, b) => a - b)[20]! < 500);
  });

  test('loses no row to faults: rows + dropped = planned', async () => {
    const faults: Script[] = [
      stream(2),
      answer('500 No', 'x'),
      answer('429 No', 'x'),
      ({ reset }) => reset(),
      async ({ write, chunk, wait, reset }) => {
        write(SSE_HEAD);
        chunk(event(content('a')));
        await wait(5);
        reset();
      },
      silent,
      answer('200 OK', '<p>', 'text/html'),
      ({ write, chunk }) => {
        write(SSE_HEAD);
        chunk(event(content('a')));
      },
    ];
    let turn = 0;
    await using server = await startTorture((connection) => faults[turn++ % faults.length]!(connection));
    const { result, rows } = await load(
      server.url,
      planOf([[1_000, open(80)]], { requestTimeoutMs: 600, stallTimeoutMs: 250, drainMs: 2_000 }),
      2,
    );
    assert.equal(rows.length, 80);
    assert.deepEqual(
      rows.map((row) => row.request),
      [...rows.keys()],
    );
    assert.deepEqual([result.phases[0]!.planned, result.phases[0]!.sent, result.phases[0]!.dropped], [80, 80, 0]);
    for (const outcome of ['ok', 'http_error', 'rejected', 'reset', 'stalled', 'malformed'])
      assert.ok(count(rows, outcome) > 0, outcome);
    assert.equal(count(rows, 'connect_error'), 0);
    assert.equal(
      result.retries,
      count(
        rows.filter((row) => row.retried),
        'ok',
      ) + rows.filter((row) => row.retried && row.outcome !== 'ok').length,
    );
  });

  test('counts what the cap on requests in flight drops', async () => {
    await using server = await startTorture(silent);
    const { result, rows } = await load(
      server.url,
      planOf(
        [
          [300, open(100)],
          [200, open(50)],
        ],
        { maxInFlight: 7, drainMs: 50 },
      ),
      2,
    );
    assert.equal(rows.length, 7);
    assert.deepEqual(
      result.phases.map(({ planned, sent, dropped }) => [planned, sent, dropped]),
      [
        [30, 7, 23],
        [10, 0, 10],
      ],
    );
    assert.equal(count(rows, 'cut'), 7);
    assert.match(rows[0]!.error!, /50 ms after the load's end/);
  });

  test('counts latency from the plan where sending was late', async () => {
    await using server = await startTorture(stream(1));
    const target = { url: server.url, headers: {} };
    const plan = planOf([[500, open(100)]]);
    const rows: Timeline[] = [];
    const connections = openConnections(target);
    let asked = 0;
    const slow = {
      path: '/v1/chat/completions',
      facts: () => ({}),
      request() {
        asked += 1;
        // The client itself is stuck for 150 ms: fifteen slots pass.
        if (asked === 11) for (const until = performance.now() + 150; performance.now() < until; );
        return { body: '{}', maxTokens: 1, promptTokens: 1 };
      },
    };
    const never = new AbortController().signal;
    const accounts = await runShard(
      { plan, target, streamed: true, worker: 0, workers: 1 },
      slow,
      connections,
      performance.now(),
      { halt: never, cut: never },
      (update) => rows.push(...update.rows),
    );
    await connections.destroy();
    assert.equal(rows.length, 50, 'late slots are caught up, not left out');
    rows.sort((a, b) => a.request - b.request);
    assert.deepEqual(
      rows.map((row) => Math.round(row.plannedMs!)),
      Array.from({ length: 50 }, (_, i) => i * 10),
    );
    const late = rows[10]!;
    assert.ok(late.sentMs - late.plannedMs! > 100);
    assert.ok(late.firstTokenMs! - startOf(late) > 100, 'TTFT holds the wait that the client caused');
    assert.ok(late.firstTokenMs! - late.sentMs < late.firstTokenMs! - startOf(late) - 100);
    assert.equal(accounts.phases[0]!.sent, 50);
  });
});

/** Over TLS to a server that does not speak it: its connections, opened ahead, hang until they time out. */
const handshakeless = (url: string): Parameters<typeof runLoad>[0] => ({
  plan: planOf([[60_000, open(40)]]),
  target: { url: url.replace('http:', 'https:'), headers: {} },
  workload,
  workers: 2,
  answerMs: 1_000,
});

async function untilConnected(server: TortureServer): Promise<void> {
  while (server.connections === 0) await turn();
}

describe('a load that ends early', () => {
  test('cancelled: returns within a second, with what was in flight as cut', async () => {
    await using server = await startTorture(silent);
    const abort = new AbortController();
    let cancelledAt = 0;
    const { result, rows } = await load(server.url, planOf([[60_000, open(40)]]), 2, {
      signal: abort.signal,
      // Once something is in flight, however long the workers took to start.
      onProgress: (now) => {
        if (now.inFlight === 0 || cancelledAt > 0) return;
        cancelledAt = performance.now();
        abort.abort();
      },
    });
    assert.ok(performance.now() - cancelledAt < 1_000);
    assert.equal(result.end, 'cancelled');
    assert.ok(rows.length > 0 && rows.every((row) => row.outcome === 'cut'));
    const { planned, sent, dropped } = result.phases[0]!;
    assert.deepEqual([planned, sent], [rows.length + dropped, rows.length]);
    assert.ok(result.offeredMs < 30_000);
  });

  test('cancelled before it began: still a result', async () => {
    await using server = await startTorture(stream(1));
    const { result, rows } = await load(server.url, planOf([[60_000, open(1)]]), 1, { signal: AbortSignal.abort() });
    assert.equal(result.end, 'cancelled');
    assert.deepEqual([rows.length, result.phases[0]!.planned, result.offeredMs], [0, 0, 0]);
  });

  test('cancelled between the start and its first slot: none was due', async () => {
    await using server = await startTorture(stream(1));
    const cancel = new AbortController();
    const { result, rows } = await load(server.url, planOf([[1_000, open(10)]]), 1, {
      onStart: () => cancel.abort(),
      signal: cancel.signal,
    });
    const [{ planned, dropped } = assert.fail()] = result.phases;
    assert.deepEqual([result.end, planned, dropped, rows.length], ['cancelled', 0, 0, 0]);
    assert.equal(result.offeredMs, 0);
  });

  test('cancelled while its connections are opened, by a server that answers none', async () => {
    await using server = await startTorture(silent);
    const abort = new AbortController();
    let cancelledAt = 0;
    const rows: Timeline[] = [];
    const loading = runLoad(handshakeless(server.url), {
      onRows: (batch) => rows.push(...batch),
      signal: abort.signal,
    });
    await untilConnected(server);
    cancelledAt = performance.now();
    abort.abort();
    const { end, reason, phases, gapsUs, tokensReceived, retries, offeredMs } = await loading;
    assert.ok(performance.now() - cancelledAt < 2_000, `${performance.now() - cancelledAt} ms`);
    assert.deepEqual([end, reason, offeredMs, retries, rows.length], ['cancelled', 'cancelled', 0, 0, 0]);
    assert.deepEqual(
      phases.map(({ planned, sent, dropped }) => [planned, sent, dropped]),
      [[0, 0, 0]],
      'nothing was due: planned = rows + dropped',
    );
    assert.deepEqual([gapsUs[0]!.totalCount, tokensReceived], [0, []]);
  });

  test('given up where a worker is not ready after a minute', async (t) => {
    await using server = await startTorture(silent);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const loading = runLoad(handshakeless(server.url), { onRows: () => {} });
    const failed = assert.rejects(loading, { code: 'INTERNAL', message: /not ready after 60 s/ });
    await untilConnected(server);
    t.mock.timers.tick(60_000);
    await failed;
  });

  test('stopped: sends nothing more and lets what is in flight end', async () => {
    await using server = await startTorture(stream(2, 150));
    const progress: number[] = [];
    const { result, rows } = await load(server.url, planOf([[60_000, open(40)]]), 1, {
      onProgress: (now) => progress.push(now.sent),
      shouldStop: (now) => (now.sent > 10 ? 'seen enough' : null),
    });
    assert.deepEqual([result.end, result.reason], ['stopped', 'seen enough']);
    assert.ok(rows.every((row) => row.outcome === 'ok'));
    assert.equal(rows.length + result.phases[0]!.unsent, result.phases[0]!.planned);
    assert.equal(result.phases[0]!.dropped, 0);
    assert.ok(progress.length > 0);
  });

  test('dead: nothing to connect to any more', async () => {
    const server = await startTorture(stream(1));
    const { url } = server;
    await server[Symbol.asyncDispose]();
    const { result, rows } = await load(url, planOf([[60_000, open(40)]]));
    assert.equal(result.end, 'dead');
    assert.match(result.reason!, /ECONNREFUSED/);
    assert.ok(result.offeredMs >= 2_000 && result.offeredMs < 10_000);
    assert.equal(count(rows, 'connect_error') + count(rows, 'cut'), rows.length);
    assert.equal(rows.length + result.phases[0]!.unsent, result.phases[0]!.planned);
  });

  test('cancelled while a stopped load drains: cancelled', async () => {
    await using server = await startTorture(silent);
    const abort = new AbortController();
    const { result, rows } = await load(server.url, planOf([[60_000, open(40)]]), 1, {
      signal: abort.signal,
      shouldStop() {
        setTimeout(() => abort.abort(), 100);
        return 'seen enough';
      },
    });
    assert.equal(result.end, 'cancelled');
    assert.equal(count(rows, 'cut'), rows.length);
  });

  for (const [what, deed, message] of [
    ['throws', `throw new Error('boom')`, /A load worker failed: boom/],
    ['exits', 'process.exit(3)', /A load worker ended before its load did \(exit code 3\)/],
  ] as const)
    test(`by a worker that ${what}: an error of the tool, and the rows until then are there`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'plimsoll-worker-'));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const order = join(folder, 'die');
      let requests = 0;
      await using server = await startTorture((connection) => {
        // Those before have been handed over by then.
        if (++requests === 60) writeFileSync(order, '');
        return stream(1)(connection);
      });
      const hook = `import { isMainThread } from 'node:worker_threads';
        import { existsSync } from 'node:fs';
        if (!isMainThread) setInterval(() => { if (existsSync(${JSON.stringify(order)})) ${deed}; }, 20).unref();`;
      const { stdout } = await promisify(execFile)(process.execPath, [
        ...['--import', `data:text/javascript,${encodeURIComponent(hook)}`],
        ...[fileURLToPath(new URL('./starved.ts', import.meta.url)), 'load', server.url],
      ]);
      const said = JSON.parse(stdout);
      assert.equal(said.code, 'INTERNAL');
      assert.match(said.message, message);
      assert.deepEqual(said.outcomes, ['ok']);
    });

  test('by a hook that throws: the caller gets what it threw', async () => {
    await using server = await startTorture(stream(1));
    const hooks = {
      onRows() {
        throw new Error('disk full');
      },
    };
    await assert.rejects(load(server.url, planOf([[60_000, open(40)]]), 1, hooks), /disk full/);
  });

  test('before it starts, by a workload that cannot be opened: the error that names it', async () => {
    const missing: WorkloadRef = {
      ...workload,
      config: { ...workload.config, prompts: { kind: 'jsonl', file: 'no-such-file.jsonl' } },
    };
    const job = {
      plan: planOf([[100, open(1)]]),
      target: { url: 'http://127.0.0.1:9', headers: {} },
      workload: missing,
      workers: 2,
    };
    await assert.rejects(runLoad(job, { onRows: () => {} }), { name: 'PlimsollError', code: 'INPUT_NOT_FOUND' });
  });
});

describe('a closed-loop load', () => {
  const closed = (users: number, think: Extract<OfferedLoad, { kind: 'closed' }>['think']): OfferedLoad => ({
    kind: 'closed',
    users,
    think,
  });

  test('keeps as many requests in flight as there are users, in every phase, and plans none', async () => {
    let now = 0;
    const most: number[] = [];
    await using server = await startTorture(async (connection) => {
      now += 1;
      most.push(now);
      await connection.wait(20);
      await stream(1)(connection);
      now -= 1;
    });
    const { result, rows } = await load(
      server.url,
      planOf([
        [400, closed(3, { constantMs: 0 })],
        [400, closed(7, { constantMs: 0 })],
      ]),
      2,
    );
    assert.equal(Math.max(...most), 7);
    assert.ok(rows.every((row) => row.plannedMs === null && row.outcome === 'ok'));
    assert.equal(new Set(rows.map((row) => row.request)).size, rows.length);
    assert.equal(startOf(rows[0]!), rows[0]!.sentMs);
    assert.equal(result.phases[0]!.planned, rows.filter((row) => row.phase === 0).length);
    // 3 users and 20 ms: at most 20 requests each.
    assert.ok(rows.filter((row) => row.phase === 0).length <= 63);
    assert.ok(rows.filter((row) => row.phase === 1).length > rows.filter((row) => row.phase === 0).length);
  });

  test('pauses for the think time, and does not run hot where requests fail at once', async () => {
    await using thinking = await startTorture(stream(1));
    const calm = await load(thinking.url, planOf([[600, closed(2, { constantMs: 100 })]]));
    assert.ok(calm.rows.length >= 4 && calm.rows.length <= 14, `${calm.rows.length}`);
    await using failing = await startTorture(answer('503 No', 'x'));
    const failed = await load(failing.url, planOf([[600, closed(2, { constantMs: 0 })]]));
    assert.ok(failed.rows.length >= 2 && failed.rows.length <= 14, `${failed.rows.length}`);
  });

  test('draws think times as asked', () => {
    const random = createRandom(3);
    const draw = (think: Parameters<typeof thinkMs>[0]): number[] =>
      Array.from({ length: 20_000 }, () => thinkMs(think, random));
    assert.deepEqual(new Set(draw({ constantMs: 70 })), new Set([70]));
    const between = draw({ fromMs: 500, toMs: 2_000 });
    assert.ok(Math.min(...between) >= 500 && Math.max(...between) <= 2_000);
    assert.ok(Math.abs(sum(between) / between.length - 1_250) < 15);
    const exponential = draw({ meanMs: 300 });
    assert.ok(Math.abs(sum(exponential) / exponential.length - 300) < 10);
  });

  test('gives its last answers as long as the drain, and no longer', async () => {
    await using server = await startTorture(({ write, chunk }) => {
      write(SSE_HEAD);
      chunk(event(content('a')));
    });
    const started = performance.now();
    const { rows } = await load(server.url, planOf([[300, closed(2, { constantMs: 0 })]], { drainMs: 200 }), 2);
    assert.deepEqual(
      rows.map(({ outcome }) => outcome),
      ['cut', 'cut'],
    );
    assert.ok(rows.every(({ endMs }) => endMs >= 490 && endMs < 1_500));
    assert.ok(performance.now() - started < 6_000);
  });

  test('is over when its answers are there, however long its users would have thought', async () => {
    await using server = await startTorture(stream(1));
    const { result, rows } = await load(server.url, planOf([[300, closed(1, { constantMs: 250 })]]));
    assert.equal(rows.length, 2);
    assert.ok(result.durationMs < 1_000, `${result.durationMs} ms`);
    const slow = await load(server.url, planOf([[300, closed(4, { constantMs: 8_000 })]]));
    assert.ok(slow.result.durationMs < 2_000, `${slow.result.durationMs} ms`);
  });

  test('is cancelled as fast as any', async () => {
    await using server = await startTorture(silent);
    const abort = new AbortController();
    let cancelledAt = 0;
    const { result, rows } = await load(server.url, planOf([[60_000, closed(5, { meanMs: 1 })]]), 1, {
      signal: abort.signal,
      onProgress: (now) => {
        if (now.inFlight < 5 || cancelledAt > 0) return;
        cancelledAt = performance.now();
        abort.abort();
      },
    });
    assert.ok(performance.now() - cancelledAt < 1_000);
    assert.equal(result.end, 'cancelled');
    assert.deepEqual([rows.length, count(rows, 'cut')], [5, 5]);
  });
});

describe('a warm-up', () => {
  test('counts what went well and says what did not, with text of its own', async () => {
    const warm: string[] = [];
    let turn = 0;
    await using server = await startTorture((connection) => {
      warm.push(connection.body);
      return (turn++ % 4 === 3 ? answer('500 No', 'out of memory') : stream(1))(connection);
    });
    const target = { url: server.url, headers: {} };
    const { answerMs, ...counts } = await warmUp({ target, workload, requests: 8, concurrency: 2, timeoutMs: 5_000 });
    assert.deepEqual(counts, { ok: 6, failed: 2, firstError: 'http_error: HTTP 500: out of memory' });
    assert.ok(answerMs! > 0 && answerMs! < 5_000);
    assert.ok(server.connections <= 4);
    const loaded: string[] = [];
    await using second = await startTorture((connection) => {
      loaded.push(connection.body);
      return stream(1)(connection);
    });
    await load(second.url, planOf([[200, open(40)]]));
    assert.equal(new Set([...warm, ...loaded]).size, 16);
  });

  test('ends at once when it is cancelled', async () => {
    await using server = await startTorture(silent);
    const started = performance.now();
    const result = await warmUp({
      target: { url: server.url, headers: {} },
      workload,
      requests: 8,
      concurrency: 2,
      timeoutMs: 60_000,
      signal: AbortSignal.timeout(100),
    });
    assert.deepEqual(result, { ok: 0, failed: 0, firstError: null, answerMs: null });
    assert.ok(performance.now() - started < 2_000);
  });
});

test('no row and no warm-up says a secret that the server quotes, wherever it was given to it', async () => {
  const said = `{"error":{"message":"token hf_environment-secret is not good for pa$$word"}}`;
  await using server = await startTorture(answer('403 Forbidden', said));
  const target = { url: server.url, headers: {} };
  const secrets = ['hf_environment-secret', 'pa$$word'];
  const rows: Timeline[] = [];
  await runLoad(
    { plan: planOf([[200, open(50)]]), target, workload, workers: 2, secrets },
    { onRows: (batch) => rows.push(...batch) },
  );
  assert.equal(rows.length, 10);
  for (const row of rows) assert.match(row.error!, /^HTTP 403: token \*\*\* is not good/);
  const warm = await warmUp({ target, workload, requests: 1, concurrency: 1, timeoutMs: 5_000, secrets });
  assert.match(warm.firstError!, /token \*\*\* is not good/);
  assert.doesNotMatch(JSON.stringify([rows, warm]), /environment-secret|pa\$\$word/);
});
