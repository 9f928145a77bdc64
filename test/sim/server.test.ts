import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlimsollError } from '../../src/errors.ts';
import { type SimServer, type SimServerOptions, startSimServer } from '../../src/sim/server.ts';
import { playVirtual } from '../../src/sim/virtual.ts';
import { createRandom } from '../../src/stats/random.ts';

/** Ready at once and quick, so that tests are. */
const start = (options: SimServerOptions = {}): Promise<SimServer> =>
  startSimServer({ bootMs: 0, stepBaseMs: 2, stepPerSequenceMs: 0.05, prefillPerTokenMs: 0.005, ...options });
const post = (url: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: signal ?? null,
  });
const chat = (more: object = {}) => ({
  model: 'm',
  messages: [{ role: 'user', content: 'one two three' }],
  max_tokens: 8,
  ignore_eos: true,
  ...more,
});
/** JSON of no particular shape: what it holds is what the tests are about. */
const jsonOf = async (response: Response) => JSON.parse(await response.text());
const dataOf = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice(6));
async function metrics(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const values = new Map<string, number>();
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('# ')) continue;
    const match = /^([a-z:_]+)\{((?:[a-z_]+="[^"]*",?)+)\} (\S+)$/.exec(line);
    assert.ok(match, `not a Prometheus line: ${line}`);
    const reason = /finished_reason="([a-z]+)"/.exec(match[2]!)?.[1];
    values.set(reason ? `${match[1]}:${reason}` : match[1]!, Number(match[3]));
  }
  return values;
}
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await holds()) return;
    await sleep(10);
  }
  assert.fail(`never: ${what}`);
}

test('a chat stream sends the role, then a chunk a token, the finish reason, usage and [DONE]', async () => {
  await using sim = await start();
  const response = await post(
    sim.url,
    '/v1/chat/completions',
    chat({ stream: true, stream_options: { include_usage: true } }),
  );
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type')!, /^text\/event-stream/);
  const data = dataOf(await response.text());
  assert.equal(data.pop(), '[DONE]');
  const chunks = data.map((text) => JSON.parse(text));
  assert.ok(
    chunks.every(
      (chunk) => chunk.object === 'chat.completion.chunk' && chunk.model === 'm' && chunk.id === chunks[0].id,
    ),
  );
  assert.deepEqual(chunks[0].choices[0].delta, { role: 'assistant', content: '' });
  const contents = chunks.slice(1, -2).map((chunk) => chunk.choices[0].delta.content);
  assert.equal(contents.length, 8);
  assert.ok(contents.every((content) => /^ [a-z]+$/.test(content)));
  assert.deepEqual(chunks.at(-2).choices, [{ index: 0, delta: {}, logprobs: null, finish_reason: 'length' }]);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.deepEqual(chunks.at(-1).usage, { prompt_tokens: 3, completion_tokens: 8, total_tokens: 11 });
});

test('a completion stream has texts and no role; usage only where it was asked for', async () => {
  await using sim = await start();
  const data = dataOf(
    await (
      await post(sim.url, '/v1/completions', {
        model: 'm',
        prompt: 'a b',
        max_tokens: 3,
        ignore_eos: true,
        stream: true,
      })
    ).text(),
  );
  assert.equal(data.pop(), '[DONE]');
  const chunks = data.map((text) => JSON.parse(text));
  assert.equal(chunks.length, 4);
  assert.ok(chunks.every((chunk) => chunk.object === 'text_completion' && !('usage' in chunk)));
  assert.equal(chunks[3].choices[0].finish_reason, 'length');
});

test('an answer that is not streamed comes whole, with usage', async () => {
  await using sim = await start();
  const whole = await jsonOf(await post(sim.url, '/v1/chat/completions', chat({ max_completion_tokens: 5 })));
  assert.equal(whole.choices[0].message.content.trim().split(' ').length, 5);
  assert.equal(whole.choices[0].finish_reason, 'length');
  assert.deepEqual(whole.usage, { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 });
  const ids = await jsonOf(await post(sim.url, '/v1/completions', { prompt: [1, 2, 3, 4], ignore_eos: true }));
  assert.deepEqual(ids.usage, { prompt_tokens: 4, completion_tokens: 16, total_tokens: 20 });
  assert.equal(ids.model, 'sim');
});

test('without ignore_eos answers end by themselves, after min_tokens', async () => {
  await using sim = await start({ eosMedianTokens: 6 });
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () =>
      jsonOf(await post(sim.url, '/v1/chat/completions', chat({ ignore_eos: false, max_tokens: 500, min_tokens: 5 }))),
    ),
  );
  assert.ok(
    answers.every((answer) => answer.choices[0].finish_reason === 'stop' && answer.usage.completion_tokens >= 5),
  );
  assert.ok(new Set(answers.map((answer) => answer.usage.completion_tokens)).size > 3);
});

test('nothing is healthy until the boot time has passed', async () => {
  await using sim = await start({ bootMs: 400 });
  const begunMs = performance.now();
  assert.equal((await fetch(`${sim.url}/health`)).status, 503);
  assert.equal((await post(sim.url, '/v1/chat/completions', chat())).status, 503);
  await until('healthy', async () => (await fetch(`${sim.url}/health`)).status === 200);
  assert.ok(performance.now() - begunMs > 350);
  assert.equal((await post(sim.url, '/v1/chat/completions', chat())).status, 200);
});

test('models, version and tokenize answer as vLLM does', async () => {
  await using sim = await start({ model: 'tiny', maxModelTokens: 4_096 });
  const models = await jsonOf(await fetch(`${sim.url}/v1/models`));
  assert.equal(models.data[0].id, 'tiny');
  assert.equal(models.data[0].max_model_len, 4_096);
  assert.equal(typeof (await jsonOf(await fetch(`${sim.url}/version`))).version, 'string');
  const counted = await jsonOf(await post(sim.url, '/tokenize', { model: 'tiny', prompt: 'Hello, 世界!' }));
  assert.deepEqual(counted, { count: 5, max_model_len: 4_096, tokens: [0, 1, 2, 3, 4] });
  const messages = await jsonOf(
    await post(sim.url, '/tokenize', {
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'a b' }] },
        { role: 'user', content: 'c' },
      ],
    }),
  );
  assert.equal(messages.count, 3);
  assert.equal((await fetch(`${sim.url}/nowhere`)).status, 404);
});

test('requests that make no sense, or never fit, are answered 400 with the reason', async () => {
  await using sim = await start({ maxModelTokens: 100 });
  const bad: readonly [string, unknown, RegExp][] = [
    ['/v1/chat/completions', '{"messages": [', /JSON object/],
    ['/v1/chat/completions', { messages: 'hello' }, /messages must be/],
    ['/v1/chat/completions', chat({ max_tokens: 0 }), /max_tokens/],
    ['/v1/chat/completions', chat({ min_tokens: 9 }), /min_tokens/],
    ['/v1/completions', { prompt: ['a', 'b'] }, /prompt must be/],
    ['/v1/completions', { prompt: 'a b c', max_tokens: 98 }, /context is 100 tokens; 3 of prompt and 98 of output/],
    ['/tokenize', {}, /prompt or messages/],
  ];
  for (const [path, body, message] of bad) {
    const response = await post(sim.url, path, body);
    assert.equal(response.status, 400, path);
    assert.match((await jsonOf(response)).error.message, message);
  }
  // Without max_tokens a chat may go on until the context ends.
  assert.equal(
    (
      await jsonOf(
        await post(sim.url, '/v1/chat/completions', { messages: [{ role: 'user', content: 'a' }], ignore_eos: true }),
      )
    ).usage.total_tokens,
    100,
  );
});

test('a full queue is answered 429 at once, and those who were admitted are served', async () => {
  await using sim = await start({ maxBatch: 2, queueLimit: 3, stepBaseMs: 5 });
  const statuses = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const response = await post(sim.url, '/v1/chat/completions', chat({ max_tokens: 30, stream: true }));
      const data = dataOf(await response.text());
      assert.equal(data.at(-1) === '[DONE]', response.status === 200);
      return response.status;
    }),
  );
  const served = statuses.filter((status) => status === 200).length;
  assert.ok(served >= 3 && served <= 9, `${served} served`);
  assert.equal(statuses.filter((status) => status === 429).length, 12 - served);
});

test('metrics count what was done, under the names of vLLM', async () => {
  await using sim = await start();
  for (let i = 0; i < 3; i++) await (await post(sim.url, '/v1/chat/completions', chat({ stream: true }))).text();
  const values = await metrics(sim.url);
  assert.equal(values.get('vllm:num_requests_running'), 0);
  assert.equal(values.get('vllm:num_requests_waiting'), 0);
  assert.equal(values.get('vllm:kv_cache_usage_perc'), 0);
  assert.equal(values.get('vllm:num_preemptions_total'), 0);
  assert.equal(values.get('vllm:prompt_tokens_total'), 9);
  assert.equal(values.get('vllm:generation_tokens_total'), 24);
  assert.equal(values.get('vllm:request_success_total:length'), 3);
  assert.equal(values.get('vllm:request_success_total:stop'), 0);
});

test('a prompt that was seen before is found in the prefix cache', async () => {
  await using sim = await start();
  const prompt = 'word '.repeat(200);
  for (const tail of ['a', 'b'])
    await (await post(sim.url, '/v1/completions', { prompt: prompt + tail, max_tokens: 1 })).text();
  const values = await metrics(sim.url);
  assert.equal(values.get('vllm:prefix_cache_queries_total'), 402);
  assert.equal(values.get('vllm:prefix_cache_hits_total'), 192);
});

test('a client that leaves frees its place, before the first token and in the middle of a stream', async () => {
  await using sim = await start({ maxBatch: 1, stepBaseMs: 5 });
  const streaming = new AbortController();
  const waiting = new AbortController();
  const first = await post(
    sim.url,
    '/v1/chat/completions',
    chat({ max_tokens: 5_000, stream: true }),
    streaming.signal,
  );
  const reader = first.body!.getReader();
  await reader.read();
  const second = post(sim.url, '/v1/chat/completions', chat({ max_tokens: 5_000 }), waiting.signal);
  await until('one runs and one waits', async () => {
    const values = await metrics(sim.url);
    return values.get('vllm:num_requests_running') === 1 && values.get('vllm:num_requests_waiting') === 1;
  });
  waiting.abort();
  streaming.abort();
  await assert.rejects(second);
  await until('nothing runs', async () => {
    const values = await metrics(sim.url);
    return (
      values.get('vllm:num_requests_running') === 0 &&
      values.get('vllm:request_success_total:abort') === 2 &&
      values.get('vllm:kv_cache_usage_perc') === 0
    );
  });
});

/** Sends a request over a bare socket and gives the bytes of each read. */
async function rawReads(sim: SimServer, body: object): Promise<Buffer[]> {
  const text = JSON.stringify(body);
  const socket = connect(sim.port, '127.0.0.1');
  const reads: Buffer[] = [];
  socket.on('data', (bytes) => reads.push(bytes));
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  await once(socket, 'close');
  return reads;
}
const eventsIn = (read: Buffer): number => read.toString().split('data: ').length - 1;

/** Events in each read that had any. A stalled machine may merge steps, so tests bound these from one side only. */
const eventsByRead = async (sim: SimServer, body: object): Promise<number[]> =>
  (await rawReads(sim, body)).map(eventsIn).filter((count) => count > 0);
const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

test('role and first token arrive together and no step takes more than one read; earlyRole sends the role ahead', async () => {
  await using sim = await start({ stepBaseMs: 60 });
  const reads = await eventsByRead(sim, chat({ stream: true, max_tokens: 4 }));
  assert.ok(reads[0]! >= 2 && reads.length <= 4, `${reads}`);
  assert.equal(total(reads), 1 + 4 + 2);
  await using early = await start({ stepBaseMs: 60, earlyRole: true });
  const ahead = await eventsByRead(early, chat({ stream: true, max_tokens: 4 }));
  assert.ok(ahead[0] === 1 && ahead.length <= 5, `${ahead}`);
  assert.equal(total(ahead), 1 + 4 + 2);
});

test('coalescing holds chunks back and writes them together; none is lost', async () => {
  await using sim = await start({ stepBaseMs: 15, coalesce: 3 });
  const reads = await eventsByRead(sim, chat({ stream: true, max_tokens: 8 }));
  assert.ok(reads[0]! >= 4 && reads.length <= 3, `${reads}`);
  assert.equal(total(reads), 1 + 8 + 2);
});

test('speculation carries several tokens in a chunk, and usage still counts tokens', async () => {
  await using sim = await start({ speculativeTokens: 3, speculativeAcceptance: 1 });
  const data = dataOf(
    await (
      await post(
        sim.url,
        '/v1/chat/completions',
        chat({ stream: true, max_tokens: 9, stream_options: { include_usage: true } }),
      )
    ).text(),
  );
  const chunks = data.slice(0, -1).map((text) => JSON.parse(text));
  assert.deepEqual(
    chunks.slice(1, -2).map((chunk) => chunk.choices[0].delta.content.trim().split(' ').length),
    [1, 4, 4],
  );
  assert.equal(chunks.at(-1).usage.completion_tokens, 9);
});

test('crlf ends every line of the stream with CRLF', async () => {
  await using sim = await start({ crlf: true });
  const text = await (
    await post(sim.url, '/v1/chat/completions', chat({ stream: true, stream_options: { include_usage: true } }))
  ).text();
  assert.equal(text.replaceAll('\r\n', '').search(/[\r\n]/), -1);
  assert.equal(dataOf(text).length, 12);
});

test('injected faults: 500, a reset in mid-stream, silence', async () => {
  await using failing = await start({ errorRate: 1 });
  assert.equal((await post(failing.url, '/v1/chat/completions', chat())).status, 500);

  await using resetting = await start({ resetRate: 1 });
  const cut = await post(resetting.url, '/v1/chat/completions', chat({ stream: true }));
  assert.equal(cut.status, 200);
  await assert.rejects(cut.text());
  await assert.rejects(post(resetting.url, '/v1/chat/completions', chat()));

  const brief = await post(
    resetting.url,
    '/v1/chat/completions',
    chat({ stream: true, ignore_eos: false, max_tokens: 5_000 }),
  );
  await assert.rejects(brief.text(), 'an answer that ends before its half must break too');

  await using silent = await start({ hangRate: 1 });
  const controller = new AbortController();
  const response = await post(silent.url, '/v1/chat/completions', chat({ stream: true }), controller.signal);
  let text = '';
  const reading = (async () => {
    for await (const bytes of response.body!) text += Buffer.from(bytes).toString();
  })();
  await until('four tokens', async () => dataOf(text).length === 5);
  await sleep(200);
  assert.equal(dataOf(text).length, 5, 'it was to fall silent after half of the answer');
  controller.abort();
  await assert.rejects(reading);
});

test('shares of faults are met, and repeat with the seed', async () => {
  const outcomes = async () => {
    await using sim = await start({ errorRate: 0.3, seed: 5 });
    const statuses: number[] = [];
    for (let i = 0; i < 60; i++)
      statuses.push((await post(sim.url, '/v1/chat/completions', chat({ max_tokens: 1 }))).status);
    return statuses;
  };
  const once = await outcomes();
  const failed = once.filter((status) => status === 500).length;
  assert.ok(failed > 6 && failed < 32, `${failed} of 60 failed`);
  assert.deepEqual(await outcomes(), once);
});

test('out of memory is an error event inside a stream, a 500 otherwise, and the engine goes on', async () => {
  await using sim = await start({ oomAboveRunning: 1, oomRecoverMs: 50, stepBaseMs: 10 });
  const [streamed, whole] = await Promise.all([
    post(sim.url, '/v1/chat/completions', chat({ stream: true, max_tokens: 200 })).then((response) => response.text()),
    post(sim.url, '/v1/chat/completions', chat({ max_tokens: 200 })),
  ]);
  const data = dataOf(streamed);
  assert.match(JSON.parse(data.at(-2)!).error.message, /out of memory/);
  assert.equal(whole.status, 500);
  assert.equal((await post(sim.url, '/v1/chat/completions', chat())).status, 200);
  assert.equal((await metrics(sim.url)).get('vllm:request_success_total:error'), 2);
});

test('a crash resets the streams, closes the port and calls back once', async () => {
  const reasons: string[] = [];
  await using sim = await start({ crashAtMs: 300, stepBaseMs: 10, onCrash: (reason) => reasons.push(reason) });
  const response = await post(sim.url, '/v1/chat/completions', chat({ stream: true, max_tokens: 5_000 }));
  await assert.rejects(response.text());
  await until('nobody listens', async () => {
    try {
      await fetch(`${sim.url}/health`);
      return false;
    } catch {
      return true;
    }
  });
  assert.deepEqual(reasons, ['injected by --crash-at-ms']);
});

test('closing ends open streams, may be repeated, and frees the port', async () => {
  const sim = await start();
  const response = await post(sim.url, '/v1/chat/completions', chat({ stream: true, max_tokens: 5_000 }));
  await Promise.all([sim.close(), sim.close()]);
  await assert.rejects(response.text());
  await using again = await start({ port: sim.port });
  assert.equal(again.port, sim.port);
  await assert.rejects(
    start({ port: sim.port }),
    (error: unknown) =>
      error instanceof PlimsollError && error.code === 'PORT_TAKEN' && error.message.includes(String(sim.port)),
  );
});

test('the server in real time and the model in virtual time agree on the same arrivals', async () => {
  const options = { bootMs: 0, bootSeed: 9 };
  await using sim = await startSimServer(options);
  const random = createRandom('agree');
  const arrivals = Array.from({ length: 60 }, (_, i) => ({
    atMs: i * 50,
    promptTokens: random.int(100, 400),
    outputTokens: random.int(16, 48),
  }));
  const originMs = performance.now();
  const actual = await Promise.all(
    arrivals.map(async ({ atMs, promptTokens, outputTokens }, i) => {
      await sleep(Math.max(0, originMs + atMs - performance.now()));
      const sentMs = performance.now();
      const response = await post(sim.url, '/v1/completions', {
        prompt: `r${i}${' word'.repeat(promptTokens - 1)}`,
        max_tokens: outputTokens,
        ignore_eos: true,
        stream: true,
      });
      const times: number[] = [];
      for await (const bytes of response.body!) if (eventsIn(Buffer.from(bytes)) > 0) times.push(performance.now());
      return { ttftMs: times[0]! - sentMs, tpotMs: (times.at(-1)! - times[0]!) / (outputTokens - 1) };
    }),
  );
  const expected = playVirtual(options, arrivals).map((row) => ({
    ttftMs: row.firstTokenMs! - row.atMs,
    tpotMs: (row.lastTokenMs! - row.firstTokenMs!) / (row.outputTokens - 1),
  }));
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
  for (const [key, slackMs] of [
    ['ttftMs', 20],
    ['tpotMs', 2],
  ] as const) {
    const real = median(actual.map((row) => row[key]));
    const model = median(expected.map((row) => row[key]));
    assert.ok(Math.abs(real - model) < 0.15 * model + slackMs, `${key}: ${real} in real time, ${model} in the model`);
  }
});
