import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { PlimsollError } from '../../src/errors.ts';
import type { LoadPlan } from '../../src/load/plan.ts';
import { planStages } from '../../src/runner/plans.ts';
import { calibrate, checkContext } from '../../src/runner/tokens.ts';
import { countUnits } from '../../src/workload/words.ts';
import { openWorkload } from '../../src/workload/workload.ts';

/** A server whose tokenizer makes 3 tokens of every 2 units, and 11 more of every chat message. */
async function engine(t: TestContext, routes: Readonly<Record<string, (body: never) => unknown>>): Promise<string> {
  const listener: RequestListener = async (request: IncomingMessage, response) => {
    const route = routes[request.url ?? ''];
    const body = await textOf(request);
    const value = route?.((body === '' ? {} : JSON.parse(body)) as never);
    response.writeHead(value === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value ?? { error: 'no such path' }));
  };
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const tokensIn = (text: string): number => Math.round(1.5 * countUnits(text));
const ids = (text: string): number[] => Array.from({ length: tokensIn(text) }, (_, i) => i);

const config = (url: string, name: string, workload = '', stages = 'benchmark: { rate: 20/s, duration: 60s }') =>
  parseConfig(
    `deployment: { name: d, kind: external, url: "${url}", engine: ${name} }\nworkload: { model: m${workload} }\nstages:\n  ${stages}\n`,
    { env: {} },
  );
const SYNTHETIC = ', prompts: { kind: synthetic, languages: [en, zh], calibrate: true, tokens: { constant: 300 } }';
const target = (url: string) => ({ url, headers: {} });
const close = (units: Readonly<Record<string, number>>): void => {
  assert.deepEqual(Object.keys(units), ['en', 'zh']);
  for (const each of Object.values(units)) assert.ok(Math.abs(each - 2 / 3) < 0.001, `${each}`);
};

test('the engine’s tokenizer says how much text a token is, in the shape of each engine', async (t) => {
  const shapes = {
    vllm: ({ prompt, model }: { prompt: string; model: string }) =>
      model === 'm' ? { count: tokensIn(prompt), max_model_len: 4096, tokens: ids(prompt) } : undefined,
    tgi: ({ inputs }: { inputs: string }) => ids(inputs).map((id) => ({ id, text: 'x' })),
    llamacpp: ({ content }: { content: string }) => ({ tokens: ids(content) }),
  };
  for (const [name, route] of Object.entries(shapes)) {
    const url = await engine(t, { '/tokenize': route as (body: never) => unknown });
    for (const at of [url, `${url}/v1`]) close(await calibrate(target(at), config(at, name, SYNTHETIC)));
  }
});

test('without a tokenizer the usage of two answers says it, and what a chat template adds falls out', async (t) => {
  const chat = ({ messages }: { messages: { content: string }[] }) => ({
    usage: { prompt_tokens: tokensIn(messages[0]!.content) + 11 },
  });
  const url = await engine(t, { '/v1/chat/completions': chat });
  // vllm: its /tokenize may be switched off.
  for (const name of ['openai', 'vllm']) close(await calibrate(target(url), config(url, name, SYNTHETIC)));
  const completions = await engine(t, {
    '/v1/completions': ({ prompt }: { prompt: string }) => ({ usage: { prompt_tokens: tokensIn(prompt) } }),
  });
  close(await calibrate(target(completions), config(completions, 'openai', `${SYNTHETIC}, api: completions`)));
});

test('an engine that counts in neither way is said so, with what it answered', async (t) => {
  const mute = await engine(t, { '/v1/chat/completions': () => ({ choices: [] }) });
  const even = await engine(t, { '/v1/chat/completions': () => ({ usage: { prompt_tokens: 7 } }) });
  for (const [url, message] of [
    [mute, /HTTP 200, without usage/],
    [even, /no more tokens/],
    ['http://127.0.0.1:1', /connection refused/],
  ] as const) {
    await assert.rejects(
      calibrate(target(url), config(url, 'openai', SYNTHETIC)),
      (error) => error instanceof PlimsollError && error.code === 'WORKLOAD_INVALID' && message.test(error.message),
    );
  }
});

test('calibrated prompts have as many tokens as was asked for; without calibration text stays what it was', () => {
  const { workload } = config('http://127.0.0.1:1', 'vllm', SYNTHETIC);
  const open = (unitsPerToken?: Record<string, number>) =>
    openWorkload({ config: workload, engine: 'vllm', baseDir: '/', stage: 'benchmark', unitsPerToken });
  const slot = { kind: 'load', phase: 'round-1', pattern: 1, progress: 0 } as const;
  for (let index = 0; index < 50; index++) {
    const { body, promptTokens } = open({ en: 2 / 3, zh: 2 / 3 }).request({ ...slot, index });
    assert.equal(promptTokens, 300);
    assert.ok(Math.abs(tokensIn(JSON.parse(body).messages[0].content) - 300) <= 1);
    assert.deepEqual(open({ en: 1, zh: 1 }).request({ ...slot, index }), open().request({ ...slot, index }));
  }
  assert.equal(open().facts().calibrated, true);
});

const planOf = (value: ReturnType<typeof config>): LoadPlan =>
  planStages(value, { kind: 'none', reason: '' }, '/').plans.get('benchmark')!;

test('a request that may be longer than the model’s context is refused before the load, by its parts', async (t) => {
  const models = (limit: unknown) => ({
    '/v1/models': () => ({
      data: [
        { id: 'lora', max_model_len: 1 },
        { id: 'm', max_model_len: limit },
      ],
    }),
  });
  const url = await engine(t, models(900));
  const check = (workload: string, to = url) => {
    const value = config(to, 'vllm', workload);
    return checkContext(target(to), value, planOf(value), '/');
  };
  const output = ', output: { uniform: [10, 300] }';
  await check(`, prompts: { kind: synthetic, tokens: { lognormal: { median: 50, sigma: 1, max: 600 } } }${output}`);
  const refused = (workload: string, message: RegExp) =>
    assert.rejects(
      check(workload),
      (error) => error instanceof PlimsollError && error.code === 'WORKLOAD_INVALID' && message.test(error.message),
    );
  await refused(
    `, prompts: { kind: synthetic, tokens: { lognormal: { median: 50, sigma: 1, max: 601 } } }${output}`,
    /^benchmark may ask for 601 prompt tokens and 300 output tokens in one request, 901 together; m is served with a context of 900/,
  );
  await refused(
    `, prompts: { kind: synthetic, tokens: { constant: 100 }, sharedPrefix: { groups: 2, tokens: 400, turns: 3 } }${output}`,
    /ask for 700 prompt tokens/,
  );
  // Whoever does not tell is not asked twice.
  const long = `, prompts: { kind: synthetic, tokens: { constant: 9000 } }`;
  await check(long, await engine(t, models(undefined)));
  await check(long, await engine(t, {}));
});

test('of a trace the requests that are replayed count, not what the workload would draw', async (t) => {
  const url = await engine(t, { '/v1/models': () => ({ data: [{ id: 'm', max_model_len: 1_000 }] }) });
  const value = config(url, 'vllm');
  const plan = (longest: number): LoadPlan => {
    const lengths = Int32Array.of(500, longest, 5_000);
    const trace = {
      hash: '',
      speedup: 1,
      atMs: Float64Array.of(0, 1, 2),
      promptTokens: lengths,
      outputTokens: Int32Array.of(10, 10, 10),
      blocks: null,
    };
    const base = planOf(value);
    const load = { kind: 'replay' as const, trace, fromMs: 0, first: 0, requests: 2 };
    return { ...base, phases: [{ ...base.phases[0]!, load }] };
  };
  await checkContext(target(url), value, plan(990), '/');
  await assert.rejects(checkContext(target(url), value, plan(991), '/'), /991 prompt tokens and 10 output tokens/);
});
