// What the peers write, cut down from real runs, against what the bench makes of it: ms everywhere, event times on the
// monotonic clock, ids by which the server knows the answers.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JobShape, Measured, Tool } from '../../bench/load/contract.ts';
import { parseAiperf } from '../../bench/load/peers/aiperf.ts';
import { ceilingJob, findCeiling, nextRate } from '../../bench/load/peers/ceiling.ts';
import { parseEvalscope } from '../../bench/load/peers/evalscope.ts';
import { parseGuidellm } from '../../bench/load/peers/guidellm.ts';
import { parseInferencePerf } from '../../bench/load/peers/inference-perf.ts';
import { parseLocust } from '../../bench/load/peers/locust.ts';
import { parseVegeta, parseWrk } from '../../bench/load/peers/plain.ts';
import { parseVllm } from '../../bench/load/peers/vllm.ts';

const near = (actual: number | null | undefined, expected: number): void => {
  assert.ok(actual !== null && actual !== undefined && Math.abs(actual - expected) < 1e-3, `${actual} ≉ ${expected}`);
};

describe('what the peers tell', () => {
  test('guidellm: seconds and ms become ms, the span is from the first start to the last end', () => {
    const result = parseGuidellm({
      benchmarks: [
        {
          requests: {
            successful: [
              {
                response_id: 'chatcmpl-000000000000',
                request_start_time: 1795506596.295578,
                request_end_time: 1795506596.7887077,
                request_latency: 0.4931297302246094,
                request_dispatch_delay: 0.005713939666748047,
                time_to_first_token_ms: 3.5409927368164062,
                inter_token_latency_ms: 9.984999286885165,
              },
              {
                response_id: 'chatcmpl-000000000001',
                request_start_time: 1795506596.345578,
                request_end_time: 1795506596.845578,
                request_latency: 0.5,
                request_dispatch_delay: 0.001,
                time_to_first_token_ms: 1.5,
                inter_token_latency_ms: 10,
              },
            ],
            errored: [{}],
            incomplete: [],
          },
        },
      ],
    });
    assert.deepEqual([result.done, result.failed], [2, 1]);
    near(result.durationMs, 550);
    assert.equal(result.answers[0]?.id, 'chatcmpl-000000000000');
    near(result.answers[0]?.ttftMs, 3.541);
    near(result.answers[0]?.e2eMs, 493.13);
    near(result.answers[0]?.meanGapMs, 9.985);
    near(result.dispatchDelayMs?.max, 5.714);
  });

  test('aiperf: gaps are pooled, a cancelled request is none that is done', () => {
    const record = (cancelled: boolean): string =>
      `{"metadata":{"session_num":0,"x_request_id":"7182b1c5","request_start_ns":1795506749770204478,"request_ack_ns":1795506749773550268,"request_end_ns":1795506750263507333,"benchmark_phase":"profiling","was_cancelled":${cancelled}},"metrics":{"request_latency":{"value":493.302855,"unit":"ms"},"time_to_first_token":{"value":3.964152,"unit":"ms"},"inter_chunk_latency":{"value":[9.241534,10.00391],"unit":"ms"},"inter_token_latency":{"value":9.622722,"unit":"ms"}}}`;
    const result = parseAiperf(`${record(false)}\n${record(true)}\n`);
    assert.deepEqual([result.done, result.failed], [1, 1]);
    assert.deepEqual(result.gapsMs, [9.241534, 10.00391]);
    assert.equal(result.answers[0]?.id, '7182b1c5');
    near(result.answers[0]?.ttftMs, 3.964152);
    near(result.durationMs, 493.302855);
  });

  test('aiperf: another unit is refused', () => {
    const line = `{"metadata":{"x_request_id":"a","request_start_ns":1,"request_end_ns":2,"was_cancelled":false},"metrics":{"request_latency":{"value":0.4,"unit":"sec"}}}`;
    assert.throws(() => parseAiperf(line), /reports in sec, expected ms/);
  });

  test('inference-perf: quantiles from the summary, event times from the requests', () => {
    const result = parseInferencePerf(
      {
        benchmark_time_seconds: 3.356795941999735,
        load_summary: { schedule_delay: { median: 0.00028728671441058395, p99: 0.0440844, max: 0.0646686 } },
        successes: {
          count: 1,
          latency: {
            request_latency: { median: 0.4912441, p99: 0.5179702, max: 0.5293027 },
            time_to_first_token: { median: 0.0005, p99: 0.006, max: 0.0085192 },
            inter_token_latency: { median: 0.01, p99: 0.0112, max: 0.02 },
          },
        },
        failures: { count: 2 },
      },
      [
        {
          start_time: 15539.176642431,
          end_time: 15539.673985392,
          response: 'data: {"id":"chatcmpl-000000000182","object":"chat.completion.chunk"}\n\n',
          info: { response_metrics: { chunk_times: [15539.182318446, 15539.192039375, 15539.202045549] } },
          error: null,
        },
      ],
    );
    assert.deepEqual([result.done, result.failed], [1, 2]);
    near(result.durationMs, 3_356.796);
    near(result.quantiles.e2e?.p50, 491.244);
    near(result.quantiles.gap?.p99, 11.2);
    near(result.dispatchDelayMs?.p99, 44.084);
    const [answer] = result.answers;
    assert.equal(answer?.id, 'chatcmpl-000000000182');
    near(answer?.ttftMs, 5.676);
    near(answer?.meanGapMs, 9.8636);
    near(answer?.eventsAtMs?.[0], 15_539_182.318446);
  });

  test('inference-perf: an answer in one piece has no first token', () => {
    const result = parseInferencePerf(
      {
        benchmark_time_seconds: 1,
        load_summary: { schedule_delay: null },
        successes: { count: 1, latency: { request_latency: { median: 0.1, p99: 0.2, max: 0.3 } } },
        failures: { count: 0 },
      },
      [],
    );
    assert.deepEqual(Object.keys(result.quantiles), ['e2e']);
    assert.equal(result.dispatchDelayMs, null);
  });

  const vllm = {
    start_times: [15430.470226714, 15430.519968914],
    ttfts: [0.0014527370003634132, 0.0018335449985897867],
    // Three events: before them the gap from the role's chunk, after them that to the finish reason.
    itls: [[0.000007, 0.01, 0.02, 0.000005], []],
    latencies: [0.0315, 0],
    errors: ['', 'Connection reset by peer'],
  };

  test('vllm: the role and the finish reason are no tokens, a failed request has no figures', () => {
    const result = parseVllm(vllm, 3, true);
    assert.deepEqual([result.done, result.failed], [1, 1]);
    const [answer] = result.answers;
    assert.equal(answer?.id, 'bench-0');
    near(answer?.ttftMs, 1.4527);
    near(answer?.e2eMs, 31.5);
    near(answer?.meanGapMs, 15);
    assert.equal(answer?.eventsAtMs?.length, 3);
    near(answer?.eventsAtMs?.[0], 15_430_470.226714 + 1.452737 + 0.007);
    assert.deepEqual(result.gapsMs, []);
  });

  test('vllm in Rust: start times of another clock are not passed on as event times', () => {
    const result = parseVllm(vllm, 3, false);
    assert.equal(result.answers[0]?.eventsAtMs, undefined);
    assert.equal(result.gapsMs.length, 2);
    near(result.gapsMs[0], 10);
    near(result.gapsMs[1], 20);
  });

  test('vllm: where only gaps between tokens are given, the first token is at its TTFT', () => {
    const result = parseVllm({ ...vllm, itls: [[0.01, 0.02], []] }, 3, true);
    near(result.answers[0]?.eventsAtMs?.[0], 15_430_470.226714 + 1.452737);
    near(result.answers[0]?.meanGapMs, 15);
  });

  test('evalscope: the answer’s id is found in its pickle, events follow from the first and the gaps', () => {
    const row = {
      start_time: 15548.308518763,
      completed_time: 15548.803653861,
      latency: 0.49513509799908206,
      first_chunk_latency: 0.005252764000033494,
      inter_token_latencies: '[0.00989459799893666, 0.010029429000496748]',
      success: 1 as const,
      response_messages: Buffer.from('\x80\x04\x95\x8c\x02id\x94\x8c\x15chatcmpl-000000000242\x94', 'latin1').toString(
        'base64',
      ),
    };
    const result = parseEvalscope([row, { ...row, success: 0 }]);
    assert.deepEqual([result.done, result.failed], [1, 1]);
    const [answer] = result.answers;
    assert.equal(answer?.id, 'chatcmpl-000000000242');
    near(answer?.ttftMs, 5.253);
    near(answer?.eventsAtMs?.[2], 15_548_308.518763 + 5.252764 + 9.894598 + 10.029429);
    const plain = parseEvalscope([{ ...row, inter_token_latencies: null }]).answers[0];
    assert.deepEqual([plain?.ttftMs, plain?.eventsAtMs], [null, undefined]);
  });

  test('locust: the dispatch delay counts from the plan, latencies from the sending', () => {
    const line = {
      id: 'locust-0',
      planned: 100,
      sent: 100.002,
      end: 100.5,
      ok: true,
      first: 100.01,
      last: 100.03,
      count: 3,
      events: [100.01, 100.02, 100.03],
    };
    const failed = { ...line, ok: false, first: null, last: null, count: 0, events: null };
    const result = parseLocust(`${JSON.stringify(line)}\n${JSON.stringify(failed)}\n`);
    assert.deepEqual([result.done, result.failed], [1, 1]);
    near(result.dispatchDelayMs?.max, 2);
    near(result.answers[0]?.ttftMs, 8);
    near(result.answers[0]?.e2eMs, 498);
    near(result.answers[0]?.meanGapMs, 10);
    near(result.answers[0]?.eventsAtMs?.[1], 100_020);
  });

  test('vegeta and wrk: nanoseconds and microseconds become ms', () => {
    const attack = parseVegeta({
      latencies: { '50th': 298_626, '99th': 3_212_536, max: 4_916_833 },
      requests: 500,
      duration: 4_989_000_000,
      wait: 4_087_061,
      status_codes: { '200': 499, '0': 1 },
    });
    assert.deepEqual([attack.done, attack.failed], [499, 1]);
    near(attack.durationMs, 4_993.087);
    near(attack.quantiles.e2e?.p99, 3.2125);
    const closed = parseWrk({ duration: 5_078_969, requests: 295_418, failed: 50, p50: 417, p99: 32_594, max: 85_153 });
    assert.deepEqual([closed.done, closed.failed], [295_368, 50]);
    near(closed.durationMs, 5_078.969);
    near(closed.quantiles.e2e?.p50, 0.417);
  });
});

describe('the highest rate of a tool', () => {
  const tool = { name: 'made up' } as Tool;
  /** Carries `limit` events a second and no more. */
  const carrying =
    (limit: number, serverLateMs = 0) =>
    async (_tool: Tool, job: JobShape): Promise<Measured> => {
      const offered = job.rate * (job.kind === 'stream' ? job.eventsPerAnswer : 1);
      return {
        job,
        achieved: Math.min(1, limit / offered),
        result: { done: job.requests },
        server: { writeDelayMs: { p50: 0, p99: serverLateMs, max: serverLateMs } },
      } as unknown as Measured;
    };

  for (const limit of [300, 1_700, 4_000, 9_100, 33_000]) {
    test(`is found to 10 % in eight runs: ${limit} events/s`, async () => {
      const found = await findCeiling(tool, carrying(limit));
      assert.ok(found.eventsPerSecond * 0.99 <= limit, `${found.eventsPerSecond} is too high`);
      assert.ok(found.eventsPerSecond * 1.12 >= limit, `${found.eventsPerSecond} is too low`);
      assert.ok(found.tried.length <= 8);
      assert.equal(found.measured.job.rate, ceilingJob(found.eventsPerSecond).rate);
    });
  }

  test('is not sought beyond what the server can be trusted with', async () => {
    const found = await findCeiling(tool, carrying(1e9));
    assert.equal(found.eventsPerSecond, 50_000);
  });

  test('a tool that holds nothing says what it did at the lowest rate', async () => {
    await assert.rejects(findCeiling(tool, carrying(20)), /holds no rate down to 250 events\/s: achieved 8\.0 %/);
    await assert.rejects(
      findCeiling(tool, async () => {
        throw new Error('exit 1');
      }),
      /holds no rate .*: exit 1/,
    );
  });

  test('requests that it lost count against it', async () => {
    const losing = async (each: Tool, job: JobShape): Promise<Measured> => {
      const measured = await carrying(1e9)(each, job);
      return job.rate < 50 ? measured : { ...measured, result: { ...measured.result, done: job.requests / 2 } };
    };
    const found = await findCeiling(tool, losing);
    assert.ok(found.eventsPerSecond < 5_000, `${found.eventsPerSecond}`);
  });

  test('a run in which the server was held up is repeated and not held against the tool', async () => {
    let runs = 0;
    const found = await findCeiling(tool, async (each, job) => {
      runs += 1;
      return runs === 1 ? carrying(100, 300)(each, job) : carrying(1e9)(each, job);
    });
    assert.equal(found.eventsPerSecond, 50_000);
    assert.ok(found.tried.every(({ achieved }) => achieved === 1));
  });

  test('next rate: doubles, halves, then closes in', () => {
    assert.equal(nextRate(8_000, null), 16_000);
    assert.equal(nextRate(null, 4_000), 2_000);
    assert.equal(nextRate(null, 250), null);
    assert.equal(nextRate(8_000, 16_000), 11_300);
    assert.equal(nextRate(10_000, 11_000), null);
    assert.equal(nextRate(50_000, null), null);
  });

  test('its job: as many streams as at any other rate, over the same time', () => {
    const slow = ceilingJob(2_000);
    const fast = ceilingJob(20_000);
    assert.ok(slow.kind === 'stream' && fast.kind === 'stream');
    assert.equal(slow.concurrency, fast.concurrency);
    assert.equal(fast.requests, fast.rate * 8);
    assert.equal((slow.concurrency * 1_000) / slow.writeIntervalMs, 2_000);
    assert.equal((fast.concurrency * 1_000) / fast.writeIntervalMs, 20_000);
  });
});
