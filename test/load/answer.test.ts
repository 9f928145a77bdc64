// The shortcuts of the stream path against a full parse of every event.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { StreamAnswer } from '../../src/load/answer.ts';
import { createShaper, type Shaper } from '../../src/load/shape.ts';
import { SseParser, utf8Of } from '../../src/load/sse.ts';
import { type Channel, readEvent, type Usage } from '../../src/load/stream.ts';
import { createRandom, type Random } from '../../src/stats/random.ts';

interface Read {
  readonly tokens: Channel[];
  readonly usage: Usage | null;
  readonly finish: string | null;
  readonly id: string | null;
  readonly done: boolean;
  readonly failure: { outcome: string; error: string } | null;
}

function readWithShortcuts(bytes: Buffer, cuts: readonly number[] = [], shaper?: Shaper): Read & { parsed: number } {
  const tokens: Channel[] = [];
  const answer = new StreamAnswer({ onToken: (channel) => tokens.push(channel) }, shaper);
  let from = 0;
  for (const to of [...[...cuts].sort((a, b) => a - b), bytes.length]) {
    const piece = Buffer.copyBytesFrom(bytes, from, to - from);
    answer.read(piece);
    // A transport uses its buffer again.
    piece.fill(0x21);
    from = to;
  }
  answer.end();
  const { usage, finish, id, done, failure, parsed } = answer;
  return { tokens, usage, finish, id, done, failure, parsed };
}

function readInFull(bytes: Buffer): Read {
  const tokens: Channel[] = [];
  const read = { usage: null as Usage | null, finish: null as string | null, id: null as string | null, done: false };
  let failure: Read['failure'] = null;
  let chunks = 0;
  const parser = new SseParser({
    skip: (_text, at) => at,
    onEvent(latin1, name) {
      const data = utf8Of(latin1);
      if (failure !== null || data.trim() === '') return;
      const reading = readEvent(data, utf8Of(name));
      if (reading.kind === 'done') read.done = true;
      else if (reading.kind === 'error') failure = { outcome: 'error_event', error: reading.message };
      else if (reading.kind === 'malformed') failure = { outcome: 'malformed', error: reading.message };
      else {
        chunks += 1;
        if (reading.token !== null) tokens.push(reading.token);
        read.usage = reading.usage ?? read.usage;
        read.finish = reading.finish ?? read.finish;
        read.id ??= reading.id;
      }
    },
  });
  parser.push(bytes);
  parser.end();
  const head = bytes.subarray(0, 160).toString('utf8');
  if (failure === null && chunks === 0)
    failure = { outcome: 'malformed', error: `no event of an answer in the stream: ${head}` };
  else if (failure === null && !read.done && read.finish === null)
    failure = { outcome: 'truncated', error: 'the stream ended without finish reason or [DONE]' };
  return { tokens, ...read, failure };
}

const withoutCount = ({ parsed: _parsed, ...read }: Read & { parsed: number }): Read => read;

describe('streams of real servers are read as a full parse reads them, wherever they are cut', () => {
  const streams: readonly [
    file: string,
    tokens: Partial<Record<Channel, number>>,
    usage: Usage | null,
    finish: string,
    /** Events that had to be parsed, of a stream that came in one piece. */
    parsed: number,
  ][] = [
    ['llamacpp-chat', { content: 18 }, { promptTokens: 11, outputTokens: 20 }, 'length', 5],
    ['llamacpp-chat-logprobs', { content: 5 }, null, 'length', 8],
    ['llamacpp-completions', { text: 16 }, { promptTokens: 5, outputTokens: 16 }, 'length', 4],
    ['llamacpp-responses', { content: 11 }, { promptTokens: 11, outputTokens: 12 }, 'stop', 10],
    ['vllm-chat', { content: 15 }, { promptTokens: 31, outputTokens: 16 }, 'stop', 6],
    [
      'vllm-chat-reasoning-continuous-usage',
      { reasoning: 5, content: 5 },
      { promptTokens: 31, outputTokens: 14 },
      'stop',
      8,
    ],
    ['vllm-chat-tools', { tool: 8 }, null, 'tool_calls', 6],
    ['vllm-completions', { text: 9 }, { promptTokens: 5, outputTokens: 9 }, 'length', 5],
    ['vllm-responses', { reasoning: 4, content: 5 }, { promptTokens: 17, outputTokens: 10 }, 'stop', 11],
    ['sglang-chat-reasoning', { reasoning: 7, content: 6 }, { promptTokens: 22, outputTokens: 14 }, 'stop', 9],
    ['sglang-chat-continuous-usage', { content: 8 }, { promptTokens: 9, outputTokens: 8 }, 'length', 5],
  ];
  for (const [file, tokens, usage, finish, parsed] of streams) {
    test(file, () => {
      const bytes = readFileSync(join(import.meta.dirname, 'streams', `${file}.sse`));
      const full = readInFull(bytes);
      const counts: Partial<Record<Channel, number>> = {};
      for (const channel of full.tokens) counts[channel] = (counts[channel] ?? 0) + 1;
      assert.deepEqual([counts, full.usage, full.finish, full.failure], [tokens, usage, finish, null]);
      const quick = readWithShortcuts(bytes);
      assert.deepEqual(withoutCount(quick), full);
      assert.equal(quick.parsed, parsed);
      for (let at = 0; at < bytes.length; at += 3) {
        assert.deepEqual(withoutCount(readWithShortcuts(bytes, [at])), full, `cut at ${at}`);
      }
      assert.deepEqual(withoutCount(readWithShortcuts(bytes, [...bytes.keys()])), full, 'one byte a read');
      const crlf = Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
      const cr = Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r'), 'latin1');
      for (const other of [crlf, cr]) assert.deepEqual(readWithShortcuts(other), quick, 'other line ends');
    });
  }
});

describe('answers of one server', () => {
  const folder = join(import.meta.dirname, 'streams');
  const files = readdirSync(folder).filter((file) => file.endsWith('.sse'));

  test('learn from each other: a second one is parsed only where it is not tokens, and keeps its own id', () => {
    const text = readFileSync(join(folder, 'vllm-chat.sse'), 'latin1');
    const shaper = createShaper();
    const first = readWithShortcuts(Buffer.from(text, 'latin1'), [], shaper);
    assert.ok(first.id !== null && text.includes(first.id));
    // Two different ids before the shape can know that they differ.
    for (const id of ['chatcmpl-other', 'chatcmpl-third', 'chatcmpl-fourth']) {
      const bytes: Buffer = Buffer.from(text.replaceAll(first.id, id), 'latin1');
      const next = readWithShortcuts(bytes, [], shaper);
      assert.deepEqual(withoutCount(next), readInFull(bytes));
      assert.equal(next.id, id);
      // Role, finish, usage and [DONE].
      if (id === 'chatcmpl-fourth') assert.equal(next.parsed, 4);
    }
  });

  test('read as in a full parse, whichever kinds of streams came before', () => {
    const shaper = createShaper();
    for (let round = 0; round < 4; round++) {
      for (const file of files) {
        const text = readFileSync(join(folder, file), 'latin1').replaceAll('-7', `-${round}`);
        const bytes: Buffer = Buffer.from(text, 'latin1');
        const cuts = round < 2 ? [] : [round * 100, round * 700];
        assert.deepEqual(withoutCount(readWithShortcuts(bytes, cuts, shaper)), readInFull(bytes), file);
      }
    }
  });

  test('an id that comes later than the first event is found all the same', () => {
    const event = (id: string, content: string): string =>
      `data: ${JSON.stringify({ ...(id !== '' && { id }), choices: [{ delta: { content } }] })}\n\n`;
    const shaper = createShaper();
    for (const id of ['a', 'b', 'c']) {
      const bytes = Buffer.from(`${event(id, 'x')}${event(id, 'y')}data: [DONE]\n\n`);
      assert.equal(readWithShortcuts(bytes, [], shaper).id, id);
    }
    const late = Buffer.from(`${event('', 'x')}${event('late', 'y')}${event('late', 'z')}data: [DONE]\n\n`);
    assert.deepEqual(withoutCount(readWithShortcuts(late, [], shaper)), readInFull(late));
  });
});

// ---- generated streams -------------------------------------------------------------------------------------

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const KEYS = [
  ...['choices', 'delta', 'content', 'text', 'reasoning', 'reasoning_content', 'refusal', 'tool_calls', 'arguments'],
  ...['function_call', 'finish_reason', 'usage', 'prompt_tokens', 'completion_tokens', 'input_tokens', 'error', 'id'],
  ...['object', 'type', 'status', 'response', 'output', 'reason', 'message', 'index', 'x', '__proto__', 'é', 'a"b', ''],
];
const STRINGS = [
  ...['', ' ', 'a', ' the', '漢字', '😀', '"', '\\', '\\"', 'a\nb', '\u0000', '\u2028', '},{', '"content":"x"', ']}'],
  ...['error', 'response.failed', 'response.output_text.delta', 'response.reasoning_text.delta', 'stop', 'length'],
  ...['[DONE]', 'x', '1000000000000000', 'data: {}', 'failed', 'response', 'content', 'null', '\ud83d', 'é'.repeat(40)],
];
const NUMBERS = [
  0,
  1,
  2,
  7,
  42,
  100,
  65_536,
  1e15,
  1e15 + 1,
  999_999_999_999_999,
  9e15,
  -1,
  -0,
  0.5,
  1e21,
  1e-7,
  3e300,
];

const bases: readonly ((random: Random) => Json)[] = [
  () => ({ id: 'c', choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }] }),
  () => ({ id: 'c', choices: [{ index: 0, delta: { content: '', reasoning: 'a' }, logprobs: null }], usage: null }),
  () => ({ choices: [{ delta: { tool_calls: [{ index: 0, function: { arguments: '{' } }] } }] }),
  () => ({ object: 'text_completion', choices: [{ text: 'a' }], usage: { prompt_tokens: 3, completion_tokens: 1 } }),
  () => ({ type: 'response.output_text.delta', delta: 'a', sequence_number: 3, item_id: 'm' }),
  () => ({ type: 'response.completed', response: { id: 'r', status: 'completed', output: [] } }),
  (random) => tree(random, 3),
];

function tree(random: Random, depth: number): Json {
  const kind = random.int(0, depth === 0 ? 3 : 6);
  if (kind === 0) return pick(random, STRINGS);
  if (kind === 1) return pick(random, NUMBERS);
  if (kind === 2) return pick(random, [null, true, false]);
  if (kind === 3) return 'a';
  if (kind === 4) return Array.from({ length: random.int(0, 2) }, () => tree(random, depth - 1));
  return Object.fromEntries(
    Array.from({ length: random.int(0, 4) }, () => [pick(random, KEYS), tree(random, depth - 1)]),
  );
}

/** What a server that is well never changes from event to event. */
const CONSTANT = new Set(['type', 'object', 'status', 'finish_reason', 'id', 'error']);

/** The same event with other values; now and then with another form. Calm (0): as a stream of tokens would differ. */
function vary(random: Random, value: Json, wild: number): Json {
  const roll = random.next();
  if (roll < wild / 8) return tree(random, 1);
  if (typeof value === 'string') return roll < 0.4 ? pick(random, wild === 0 ? STRINGS.slice(1) : STRINGS) : value;
  if (typeof value === 'number') return roll < 0.4 ? pick(random, wild === 0 ? NUMBERS.slice(0, 7) : NUMBERS) : value;
  if (Array.isArray(value)) return value.map((item) => vary(random, item, wild));
  if (value === null || typeof value === 'boolean') return value;
  const entries = Object.entries(value).map(([key, item]) => [
    random.next() < wild / 8 ? pick(random, KEYS) : key,
    wild === 0 && CONSTANT.has(key) ? item : vary(random, item, wild),
  ]);
  if (random.next() < wild / 4) entries.reverse();
  return Object.fromEntries(entries) as Json;
}

interface Writing {
  readonly space: string;
  readonly escapes: number;
  readonly doubles: number;
  /** Share of values that are not JSON, by little. */
  readonly broken: number;
}

const BROKEN_STRINGS = ['"\\x"', '"\\u12"', '"\\u12g4"', '"a\u0001"', '"\t"', '"\\"', '"a""', "'a'", '"a', 'a'];
const BROKEN_NUMBERS = ['007', '00', '01', '1.', '-', '+1', '1e', '0x1', '1_0', '.5', '1 2', ''];

function write(random: Random, value: Json, how: Writing): string {
  const { space } = how;
  if (random.next() < how.broken && typeof value === 'string') return pick(random, BROKEN_STRINGS);
  if (random.next() < how.broken && typeof value === 'number') return pick(random, BROKEN_NUMBERS);
  const join = (parts: string[], open: string, close: string): string =>
    `${open}${space}${parts.join(`${space},${space}`)}${space}${close}`;
  if (Array.isArray(value))
    return join(
      value.map((item) => write(random, item, how)),
      '[',
      ']',
    );
  if (typeof value === 'object' && value !== null) {
    const parts: string[] = [];
    for (const [key, item] of Object.entries(value)) {
      if (random.next() < how.doubles) parts.push(`${quote(random, key, 0)}:${write(random, tree(random, 1), how)}`);
      parts.push(`${quote(random, key, how.escapes / 8)}${space}:${space}${write(random, item, how)}`);
    }
    return join(parts, '{', '}');
  }
  if (typeof value === 'string') return quote(random, value, how.escapes);
  return Object.is(value, -0) ? '-0' : JSON.stringify(value);
}

function quote(random: Random, text: string, escapes: number): string {
  const escaped = (unit: string): string =>
    random.next() < escapes ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}` : unit;
  const inner = JSON.stringify(text).slice(1, -1);
  return `"${inner.replace(/\\u[\da-f]{4}|\\.|[^\\]/gs, (unit) => (unit.length > 1 ? unit : escaped(unit)))}"`;
}

const pick = <T>(random: Random, values: readonly T[]): T => values[random.int(0, values.length - 1)]!;

function generate(seed: number): Buffer {
  const random = createRandom(seed);
  const how: Writing = {
    space: pick(random, ['', '', '', ' ', '\t']),
    escapes: pick(random, [0, 0, 0.2]),
    doubles: pick(random, [0, 0, 0.1]),
    broken: pick(random, [0, 0, 0.01, 0.03]),
  };
  const wild = pick(random, [0, 0, 0.02, 0.1, 0.5]);
  const eol = pick(random, ['\n', '\n', '\r\n', '\r']);
  const lead = pick(random, ['', '', '', 'event: x', 'event:error', 'id: 4', ': ping']);
  const base = pick(random, bases)(random);
  const other = pick(random, bases)(random);
  const turns = pick(random, [0, 0.1]);
  let text = '';
  for (let i = random.int(3, 20); i > 0; i--) {
    let data = write(random, vary(random, random.next() < turns ? other : base, wild), how);
    if (random.next() < wild / 2) {
      // A near miss: one character less, more or other.
      const at = random.int(0, data.length);
      const put = pick(random, ['', '', '"', '\\', ',', '0', 'u', 'x', '}', '\u0001', 'é', '-', ' ', ':']);
      data = data.slice(0, at) + put + data.slice(at + random.int(0, 1));
    }
    if (random.next() < 0.02) data = data.replace(/,/, `,${eol}data: `);
    const name = random.next() < 0.03 ? 'event: error' : lead;
    if (name !== '') text += name + eol;
    text += `data:${random.next() < 0.95 ? ' ' : ''}${data}${eol}`;
    if (random.next() < 0.98) text += eol;
  }
  return Buffer.from(text + pick(random, ['', `data: [DONE]${eol}${eol}`]));
}

describe('generated streams', () => {
  const shared = createShaper();
  test('are read as a full parse reads them: key order, doubled keys, escapes, whitespace, nesting, near misses', () => {
    let events = 0;
    let parsed = 0;
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat(), { maxLength: 6 }), (seed, cuts) => {
        const bytes = generate(seed);
        const full = readInFull(bytes);
        const quick = readWithShortcuts(bytes);
        assert.deepEqual(withoutCount(quick), full);
        const places = cuts.map((cut) => cut % (bytes.length + 1));
        assert.deepEqual(withoutCount(readWithShortcuts(bytes, places)), full);
        // What other answers taught changes the cost of reading an answer and nothing else.
        assert.deepEqual(withoutCount(readWithShortcuts(bytes, [], shared)), full);
        assert.deepEqual(withoutCount(readWithShortcuts(bytes, places, shared)), full);
        if (full.failure?.outcome === 'error_event' || full.failure?.outcome === 'malformed') return;
        events += full.tokens.length;
        parsed += Math.min(quick.parsed, full.tokens.length);
      }),
      { numRuns: 4_000 },
    );
    // The comparison is of something: much was read without a parse.
    assert.ok(events - parsed > events / 10, `${events - parsed} of ${events} without a parse`);
  });
});
