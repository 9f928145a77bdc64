import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { LANGUAGES, type WorkloadConfig, workloadSchema } from '../../src/config/schema.ts';
import { PlimsollError } from '../../src/errors.ts';
import { createRandom } from '../../src/stats/random.ts';
import { createPromptWriter } from '../../src/workload/prompts.ts';
import type { RequestSlot } from '../../src/workload/source.ts';
import { unitEnds, VOCABULARIES } from '../../src/workload/words.ts';
import { openWorkload, type WorkloadRef } from '../../src/workload/workload.ts';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-workload-'));
after(() => rmSync(folder, { recursive: true }));

const config = (extra: object = {}): WorkloadConfig => workloadSchema.parse({ model: 'tiny', ...extra });
const ref = (extra: object = {}, more: Partial<WorkloadRef> = {}): WorkloadRef => ({
  config: config(extra),
  engine: 'vllm',
  baseDir: folder,
  stage: 'benchmark',
  ...more,
});
const slot = (extra: Partial<RequestSlot> = {}): RequestSlot => ({
  kind: 'load',
  phase: 'round-1',
  pattern: 1,
  index: 0,
  progress: 0,
  ...extra,
});
const open = (extra: object = {}, more: Partial<WorkloadRef> = {}) => {
  const workload = openWorkload(ref(extra, more));
  return {
    ...workload,
    body: (extraSlot: Partial<RequestSlot> = {}) => JSON.parse(workload.request(slot(extraSlot)).body),
    text: (extraSlot: Partial<RequestSlot> = {}): string =>
      JSON.parse(workload.request(slot(extraSlot)).body).messages[0].content,
  };
};
const firstWords = (text: string, n: number): string => text.slice(0, unitEnds(text)[n - 1] ?? text.length);

const anySlot = fc.record({
  kind: fc.constantFrom('load' as const, 'warmup' as const),
  phase: fc.constantFrom('ramp-in', 'round-1', 'round-2', 'step-3'),
  pattern: fc.nat(5),
  index: fc.nat(100_000),
  progress: fc.double({ min: 0, max: 1, noNaN: true }),
});

test('a request depends on seed, stage and slot alone, not on what was asked before', () => {
  const shared = openWorkload(
    ref({ prompts: { kind: 'synthetic', languages: ['en', 'zh', 'code'] }, temperature: { uniform: [0, 1] } }),
  );
  fc.assert(
    fc.property(anySlot, (each) => {
      const alone = openWorkload(
        ref({ prompts: { kind: 'synthetic', languages: ['en', 'zh', 'code'] }, temperature: { uniform: [0, 1] } }),
      );
      assert.deepEqual(alone.request(each), shared.request(each));
    }),
    { numRuns: 25 },
  );
});

test('a worker thread that opens the same reference makes the same requests', async () => {
  const file = join(folder, 'worker.ts');
  const source = new URL('../../src/workload/workload.ts', import.meta.url).href;
  writeFileSync(
    file,
    `import { parentPort, workerData } from 'node:worker_threads';
const { openWorkload } = await import(${JSON.stringify(source)});
parentPort.postMessage(openWorkload(workerData.ref).request(workerData.slot));`,
  );
  const reference = ref({ prompts: { kind: 'synthetic', languages: ['hi'] } });
  const given = await new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData: { ref: reference, slot: slot({ index: 7 }) } });
    worker.once('message', resolve).once('error', reject);
  });
  assert.deepEqual(given, openWorkload(reference).request(slot({ index: 7 })));
});

test('rounds of one pattern repeat lengths, languages and temperatures, with other text', () => {
  const { request, body } = open({
    prompts: { kind: 'synthetic', languages: ['en', 'zh'] },
    temperature: { uniform: [0, 2] },
  });
  for (let index = 0; index < 200; index++) {
    const [first, second] = ['round-1', 'round-2'].map((phase) => request(slot({ phase, index })));
    assert.deepEqual([first!.promptTokens, first!.maxTokens], [second!.promptTokens, second!.maxTokens]);
    const [a, b] = ['round-1', 'round-2'].map((phase) => body({ phase, index }));
    assert.equal(a.temperature, b.temperature);
    assert.equal(/\p{Script=Han}/u.test(a.messages[0].content), /\p{Script=Han}/u.test(b.messages[0].content));
    assert.notEqual(firstWords(a.messages[0].content, 8), firstWords(b.messages[0].content, 8));
  }
  const lengths = (pattern: number) =>
    Array.from({ length: 20 }, (_, index) => request(slot({ pattern, index })).maxTokens);
  assert.notDeepEqual(lengths(1), lengths(2));
});

test('other seeds and other stages make other requests', () => {
  const requests = (extra: object, more: Partial<WorkloadRef> = {}) => {
    const { request } = openWorkload(ref(extra, more));
    return Array.from({ length: 20 }, (_, index) => request(slot({ index })));
  };
  const usual = requests({ seed: 1 });
  for (const other of [requests({ seed: 2 }), requests({ seed: 1 }, { stage: 'linear' })]) {
    assert.notDeepEqual(
      usual.map(({ maxTokens }) => maxTokens),
      other.map(({ maxTokens }) => maxTokens),
    );
    assert.notDeepEqual(
      usual.map(({ body }) => body),
      other.map(({ body }) => body),
    );
  }
});

test('no two prompts open alike, so that a prefix cache finds nothing', () => {
  for (const language of LANGUAGES) {
    const { text } = open({ prompts: { kind: 'synthetic', languages: [language], tokens: { constant: 24 } } });
    const seen = new Set<string>();
    for (const phase of ['round-1', 'round-2', 'step-1'])
      for (let index = 0; index < 700; index++) seen.add(firstWords(text({ phase, index }), 8));
    assert.equal(seen.size, 2100, language);
  }
});

test('warm-up text never begins with a word that load text begins with', () => {
  for (const language of LANGUAGES) {
    const { text } = open({ prompts: { kind: 'synthetic', languages: [language], tokens: { constant: 12 } } });
    const begins = (kind: 'load' | 'warmup') =>
      new Set(Array.from({ length: 800 }, (_, index) => firstWords(text({ kind, phase: kind, index }), 1)));
    const [load, warmup] = [begins('load'), begins('warmup')];
    assert.ok(load.size > 20 && warmup.size > 20, language);
    assert.deepEqual(
      [...load].filter((word) => warmup.has(word)),
      [],
      language,
    );
  }
});

test('a prompt has as many words, characters and marks as were asked for, in every language', () => {
  for (const language of LANGUAGES) {
    const writer = createPromptWriter(language);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.nat(),
        fc.constantFrom('load' as const, 'warmup' as const),
        (tokens, seed, kind) => {
          const text = writer.write(tokens, createRandom(seed), kind);
          assert.equal(unitEnds(text).length, tokens, language);
          assert.ok(text.isWellFormed());
        },
      ),
      { numRuns: 40 },
    );
  }
});

test('every language has words enough to tell requests apart', () => {
  for (const language of LANGUAGES) {
    const { entries } = VOCABULARIES[language];
    assert.ok(entries.length >= 60, `${language}: ${entries.length}`);
    assert.equal(new Set(entries).size, entries.length, `${language} repeats a word`);
  }
});

const sharedWords = (a: string, b: string): number => {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length += 1;
  return unitEnds(a.slice(0, length)).length;
};

test('with a shared prefix the prompts of a group open alike, over phases too, and then part', () => {
  const groups = 3;
  const { text, request } = open({
    prompts: { kind: 'synthetic', tokens: { constant: 50 }, sharedPrefix: { groups, tokens: 200 } },
  });
  const texts = Array.from({ length: 12 }, (_, index) => text({ index, phase: index % 2 ? 'round-1' : 'round-2' }));
  for (const [i, a] of texts.entries()) {
    assert.equal(request(slot({ index: i })).promptTokens, 250);
    assert.equal(unitEnds(a).length, 250);
    for (const [j, b] of texts.slice(0, i).entries()) {
      const shared = sharedWords(a, b);
      if (i % groups === j % groups) assert.ok(shared >= 200 && shared < 208, `${i} ${j}: ${shared}`);
      else assert.ok(shared < 8, `${i} ${j}: ${shared}`);
    }
  }
  assert.ok(
    sharedWords(text({ kind: 'warmup', phase: 'warm-up' }), texts[0]!) === 0,
    'nor does the warm-up fill the cache',
  );
});

test('turns of a conversation repeat the text of those before them, and the next conversation does not', () => {
  const [groups, turns] = [2, 3];
  const { text, request } = open({
    prompts: {
      kind: 'synthetic',
      languages: ['en', 'zh'],
      tokens: { uniform: [20, 60] },
      sharedPrefix: { groups, tokens: 100, turns },
    },
  });
  const at = (conversation: number, turn: number, group = 1): number => (conversation * turns + turn) * groups + group;
  for (const conversation of [0, 1, 5]) {
    for (const turn of [1, 2]) {
      const [before, now] = [text({ index: at(conversation, turn - 1) }), text({ index: at(conversation, turn) })];
      assert.ok(now.startsWith(before) && now.length > before.length);
      assert.equal(request(slot({ index: at(conversation, turn) })).promptTokens, unitEnds(now).length);
    }
    const [first, next] = [text({ index: at(conversation, 0) }), text({ index: at(conversation + 1, 0) })];
    const shared = sharedWords(first, next);
    assert.ok(shared >= 100 && shared < 108, `${shared}`);
    assert.deepEqual(
      request(slot({ index: at(conversation, 2), phase: 'round-4' })).promptTokens,
      request(slot({ index: at(conversation, 2) })).promptTokens,
      'lengths repeat from round to round',
    );
  }
});

test('text and lengths are pinned: stored baselines were measured with them', () => {
  const hash = createHash('sha256');
  const { request } = open({
    prompts: {
      kind: 'synthetic',
      languages: ['en', 'zh', 'code'],
      tokens: { lognormal: { median: 300, sigma: 1, max: 4_000 } },
    },
    temperature: { uniform: [0, 1] },
  });
  for (const phase of ['ramp-in', 'round-1'])
    for (let index = 0; index < 100; index++) hash.update(JSON.stringify(request(slot({ phase, index, pattern: 1 }))));
  assert.equal(hash.digest('hex'), 'f52cce20e4306868eb57b6d94216f9a47b0fc5a00f5adce49088a46e49222d5e');
});

test('a prompt of 30,000 tokens costs no more per token than one of 3,000', () => {
  const cost = (tokens: number) => {
    const { request } = open({ prompts: { kind: 'synthetic', tokens: { constant: tokens } } });
    const times = Array.from({ length: 40 }, (_, index) => {
      const began = performance.now();
      request(slot({ index }));
      return performance.now() - began;
    });
    return Math.min(...times) / tokens;
  };
  assert.ok(cost(30_000) < 4 * cost(3_000) + 1e-4);
});

test('chat bodies: messages, usage, and fixed lengths only for engines that know them', () => {
  const fields = (engine: string, extra: object = {}) => {
    const {
      messages: _,
      max_tokens: __,
      min_tokens,
      ...rest
    } = open({ output: { constant: 7 }, ...extra }, { engine }).body();
    return { ...rest, min: min_tokens };
  };
  const usual = { model: 'tiny', temperature: 0, stream: true, stream_options: { include_usage: true } };
  for (const engine of ['vllm', 'sglang', 'trtllm', 'sim'])
    assert.deepEqual(fields(engine), { ...usual, ignore_eos: true, min: 7 }, engine);
  assert.deepEqual(fields('llamacpp'), { ...usual, ignore_eos: true, min: undefined });
  for (const engine of ['tgi', 'ollama', 'openai', 'something'])
    assert.deepEqual(fields(engine), { ...usual, min: undefined }, engine);
  assert.deepEqual(fields('vllm', { output: { constant: 7, ignoreEos: false } }), { ...usual, min: undefined });
  assert.deepEqual(fields('openai', { stream: false, body: { top_p: 0.5, user: 'x' } }), {
    model: 'tiny',
    temperature: 0,
    stream: false,
    top_p: 0.5,
    user: 'x',
    min: undefined,
  });
  assert.equal(open().path, '/v1/chat/completions');
});

test('completions bodies carry the prompt as text', () => {
  const { body, path } = open({ api: 'completions' });
  assert.equal(path, '/v1/completions');
  assert.equal(typeof body().prompt, 'string');
  assert.equal(body().messages, undefined);
});

test('Responses bodies carry the prompt as input, and no field that this API does not have', () => {
  const { body, path } = open(
    { api: 'responses', output: { constant: 7, ignoreEos: true }, body: { store: false } },
    { engine: 'vllm' },
  );
  assert.equal(path, '/v1/responses');
  const { input, ...rest } = body() as { input: unknown };
  assert.ok(typeof input === 'string' && input.length > 0);
  assert.deepEqual(rest, { model: 'tiny', max_output_tokens: 7, temperature: 0, stream: true, store: false });
  const messages = [{ role: 'user', content: 'hello' }];
  const stored = open({ api: 'responses', prompts: { kind: 'jsonl', file: jsonl([{ messages }]) } });
  assert.deepEqual(stored.body().input, messages);
});

test('a gradient goes from its first value at the start of a phase to its second at the end', () => {
  const { body } = open({ temperature: { gradient: [1, 0.2] } });
  assert.deepEqual(
    [0, 0.5, 1, 1.5].map((progress) => body({ progress }).temperature),
    [1, 0.6, 0.2, 0.2],
  );
  const spread = open({ temperature: { uniform: [0.5, 0.9] } });
  const values = Array.from({ length: 200 }, (_, index) => spread.body({ index }).temperature);
  assert.ok(Math.min(...values) >= 0.5 && Math.max(...values) <= 0.9 && new Set(values).size > 50);
});

let written = 0;
const jsonl = (lines: readonly (object | string)[]): string => {
  written += 1;
  const file = `prompts-${written}.jsonl`;
  writeFileSync(
    join(folder, file),
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );
  return file;
};

test('a phase walks the whole file before it repeats a line, each phase in an order of its own', () => {
  const file = jsonl(Array.from({ length: 53 }, (_, n) => ({ prompt: `prompt ${n}` })));
  const { text, facts } = open({ prompts: { kind: 'jsonl', file } });
  const order = (kind: 'load' | 'warmup', phase: string, n: number) =>
    Array.from({ length: n }, (_, index) => text({ kind, phase, index }));
  const [first, second, warmup] = [
    order('load', 'round-1', 48),
    order('load', 'round-2', 48),
    order('warmup', 'warm-up', 5),
  ];
  assert.equal(new Set(first).size, 48);
  assert.notDeepEqual(first, second);
  assert.deepEqual([...first].sort(), [...second].sort());
  assert.equal(new Set(warmup).size, 5);
  assert.deepEqual(
    warmup.filter((line) => first.includes(line)),
    [],
  );
  assert.equal(text({ index: 48 }), first[0], 'then it begins again');
  assert.equal(facts().promptCount, 53);
});

test('lines give messages and output lengths of their own; the rest is drawn', () => {
  const messages = [
    { role: 'system', content: 'be brief' },
    { role: 'user', content: [{ type: 'text', text: 'hi' }] },
  ];
  const { body, request } = open({
    prompts: { kind: 'jsonl', file: jsonl([{ messages, max_tokens: 3, id: 'ignored' }, '', '  ']) },
    output: { constant: 9 },
  });
  assert.deepEqual(body().messages, messages);
  assert.equal(body().max_tokens, 3);
  assert.equal(request(slot()).maxTokens, 3);
  const plain = open({
    api: 'completions',
    prompts: { kind: 'jsonl', file: jsonl(['\uFEFF{"prompt":"one two three"}\r']) },
    output: { constant: 9 },
  });
  assert.deepEqual(
    [plain.body().prompt, plain.body().max_tokens, plain.request(slot()).promptTokens],
    ['one two three', 9, 3],
  );
});

test('a bad line is named with its file and number', () => {
  const message = (lines: readonly (object | string)[], extra: object = {}): string => {
    const file = jsonl(lines);
    try {
      openWorkload(ref({ prompts: { kind: 'jsonl', file }, ...extra }));
    } catch (error) {
      assert.ok(error instanceof PlimsollError && error.code === 'WORKLOAD_INVALID', String(error));
      assert.ok(error.hint);
      return error.message.replaceAll(join(folder, file), 'FILE');
    }
    throw new assert.AssertionError({ message: 'nothing was thrown' });
  };
  const good = { prompt: 'fine' };
  assert.match(message([good, '', '{"prompt": ']), /^FILE:3: not JSON/);
  assert.match(message([good, '[1]']), /^FILE:2: expected a JSON object/);
  assert.match(message([{}]), /^FILE:1: expected one of "prompt" and "messages", found neither/);
  assert.match(message([{ prompt: 'a', messages: [] }]), /found both/);
  assert.match(message([{ prompt: '' }]), /"prompt" must be text that is not empty/);
  assert.match(message([{ prompt: 5 }]), /"prompt" must be text/);
  assert.match(message([{ prompt: 'a', max_tokens: 0 }]), /"max_tokens" is 0; expected a whole number above 0/);
  assert.match(message([{ messages: [] }]), /at least one message/);
  assert.match(message([{ messages: [{ content: 'x' }] }]), /"messages"\[0\] has no "role"/);
  assert.match(message([{ messages: [{ role: 'user' }] }]), /"messages"\[0\] has no "content"/);
  assert.match(message([{ messages: [null] }]), /"messages"\[0\] must be an object/);
  assert.match(
    message([{ messages: [{ role: 'user', content: 'x' }] }], { api: 'completions' }),
    /^FILE:1: "messages" needs workload\.api: chat/,
  );
  assert.match(message(['', '']), /^FILE has no prompts/);
});

test('a file that is not there is INPUT_NOT_FOUND, looked for beside the configuration', () => {
  assert.throws(
    () => openWorkload(ref({ prompts: { kind: 'jsonl', file: 'none.jsonl' } })),
    (error) =>
      error instanceof PlimsollError &&
      error.code === 'INPUT_NOT_FOUND' &&
      error.message.includes(join(folder, 'none.jsonl')),
  );
});

test('facts differ when what is sent differs, and stay when it does not', () => {
  const facts = (extra: object = {}, more: Partial<WorkloadRef> = {}) => JSON.stringify(open(extra, more).facts());
  const usual = facts();
  assert.equal(facts(), usual);
  assert.equal(facts({}, { engine: 'tgi' }), usual, 'the engine belongs to the subject');
  const [one, two] = [jsonl([{ prompt: 'a' }]), jsonl([{ prompt: 'b' }])];
  const others = [
    { seed: 2 },
    { api: 'completions' },
    { stream: false },
    { temperature: 1 },
    { temperature: { gradient: [0, 1] } },
    { body: { top_p: 1 } },
    { output: { constant: 5 } },
    { output: { uniform: [32, 256], ignoreEos: false } },
    { prompts: { kind: 'synthetic', languages: ['de'] } },
    { prompts: { kind: 'synthetic', tokens: { constant: 5 } } },
    { prompts: { kind: 'synthetic', sharedPrefix: { groups: 4, tokens: 100 } } },
    { prompts: { kind: 'synthetic', sharedPrefix: { groups: 4, tokens: 100, turns: 2 } } },
    { prompts: { kind: 'jsonl', file: one } },
    { prompts: { kind: 'jsonl', file: two } },
  ].map((extra) => facts(extra));
  assert.equal(new Set([usual, ...others]).size, others.length + 1);
});
