import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { workloadSchema } from '../../src/config/schema.ts';
import { PlimsollError } from '../../src/errors.ts';
import type { RequestSlot } from '../../src/workload/source.ts';
import { firstFrom, readTrace, type Trace, tracedRequest } from '../../src/workload/trace.ts';
import { countUnits } from '../../src/workload/words.ts';
import { openWorkload, type Workload } from '../../src/workload/workload.ts';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-trace-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(text: string): string {
  const path = join(folder, `${files++}.trace`);
  writeFileSync(path, text);
  return path;
}
const rows = (trace: Trace) =>
  Array.from(trace.atMs, (ms, i) => {
    const { promptTokens, outputTokens, blocks } = tracedRequest(trace, i);
    return [ms, promptTokens, outputTokens, [...blocks]];
  });

const MOONCAKE = [
  '{"timestamp": 27000, "input_length": 1300, "output_length": 52, "hash_ids": [46, 47, 48]}',
  '{"timestamp": 30000, "input_length": 600, "output_length": 26, "hash_ids": [46, 77]}',
  '',
  '{"timestamp": 30000, "input_length": 5, "output_length": 0}',
].join('\n');

test('a Mooncake trace gives times from its first request on, lengths and blocks; a length of 0 becomes 1', () => {
  assert.deepEqual(rows(readTrace(file(MOONCAKE), 1, 1e9)), [
    [0, 1300, 52, [46, 47, 48]],
    [3_000, 600, 26, [46, 77]],
    [3_000, 5, 1, []],
  ]);
});

test('an Azure trace is told by its header; its times are finer than milliseconds', () => {
  const azure =
    'TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0321600,3180,8\r\n';
  const [first, second] = rows(readTrace(file(azure), 1, 1e9));
  assert.deepEqual(first, [0, 4808, 10, []]);
  assert.ok(Math.abs((second![0] as number) - 52.2) < 1e-3);
  const offset =
    'TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:01+00:00,1,5';
  assert.ok(Math.abs((rows(readTrace(file(offset), 1, 1e9))[1]![0] as number) - 990.07) < 1e-3);
});

test('a BurstGPT trace is told by its header, with its columns in any order', () => {
  const usual =
    'Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n45.5,GPT-4,1087,230,1317,API log\n';
  assert.deepEqual(rows(readTrace(file(usual), 1, 1e9)), [
    [0, 472, 18, []],
    [40_500, 1087, 230, []],
  ]);
  const other = 'Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens\n1,a,2,GPT-4,7,9\n';
  assert.deepEqual(rows(readTrace(file(other), 1, 1e9)), [[0, 7, 9, []]]);
});

test('a trace is cut where the stage ends, in sped-up time, and its hash is that of the whole file', () => {
  const path = file(MOONCAKE);
  const hash = createHash('sha256').update(MOONCAKE).digest('hex');
  for (const [speedup, untilMs, kept] of [
    [1, 3_000, 1],
    [1, 3_000.1, 3],
    [10, 300, 1],
    [10, 301, 3],
    [0.5, 6_000, 1],
  ] as const) {
    const trace = readTrace(path, speedup, untilMs);
    assert.equal(trace.atMs.length, kept, `${speedup} ${untilMs}`);
    assert.equal(trace.hash, hash);
  }
});

test('what is wrong is said with file and line', () => {
  const message = (text: string): string => {
    const path = file(text);
    try {
      readTrace(path, 1, 1e9);
    } catch (error) {
      assert.ok(error instanceof PlimsollError && error.code === 'WORKLOAD_INVALID' && error.hint, String(error));
      return error.message.replaceAll(path, 'FILE');
    }
    throw new assert.AssertionError({ message: 'nothing was thrown' });
  };
  const line = (extra: object) => JSON.stringify({ timestamp: 1, input_length: 2, output_length: 3, ...extra });
  assert.match(message(`${line({})}\n{"timestamp"`), /^FILE:2: not JSON/);
  assert.equal(message(line({ timestamp: '7' })), 'FILE:1: "timestamp" is "7"; expected milliseconds');
  assert.match(message(line({ input_length: 1.5 })), /^FILE:1: "input_length" is 1\.5; expected a whole number/);
  assert.match(message(line({ output_length: undefined })), /^FILE:1: "output_length" is missing/);
  assert.match(message(line({ hash_ids: [1, -1] })), /^FILE:1: "hash_ids" is \[1,-1\]; expected a list/);
  assert.match(message(`${line({ timestamp: 5 })}\n\n${line({ timestamp: 4 })}`), /^FILE:3: .* before the one above/);
  assert.match(message('a,b,c\n1,2,3'), /^FILE:1: expected a trace, found "a,b,c"/);
  assert.match(
    message('TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,2'),
    /^FILE:2: "TIMESTAMP" is "yesterday"/,
  );
  assert.match(
    message('TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1'),
    /^FILE:2: "GeneratedTokens" is missing/,
  );
  assert.match(message('Timestamp,Request tokens,Response tokens\n,1,2'), /^FILE:2: "Timestamp" is ""/);
  assert.equal(message('\n\n'), 'FILE has no requests');
  assert.throws(
    () => readTrace(join(folder, 'none.jsonl'), 1, 1),
    (error) =>
      error instanceof PlimsollError && error.code === 'INPUT_NOT_FOUND' && /replay\.file/.test(error.hint ?? ''),
  );
  assert.throws(
    () => readTrace(folder, 1, 1),
    (error) => error instanceof PlimsollError && error.code === 'INPUT_NOT_FOUND',
  );
});

test('firstFrom finds what a walk through the times finds', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 30 })), fc.integer({ min: -1, max: 31 }), (times, ms) => {
      times.sort((a, b) => a - b);
      const trace = { atMs: Float64Array.from(times) } as Trace;
      const found = times.findIndex((time) => time >= ms);
      assert.equal(firstFrom(trace, ms), found === -1 ? times.length : found);
    }),
  );
});

test('a trace crosses to a worker without being copied', async () => {
  const trace = readTrace(file(MOONCAKE), 1, 1e9);
  const source = `const { parentPort, workerData } = require('node:worker_threads');
workerData.promptTokens[0] = 4711; parentPort.postMessage(workerData.blocks.ids.length);`;
  const ids = await new Promise((resolve, reject) => {
    const worker = new Worker(source, { eval: true, workerData: trace });
    worker.once('message', resolve).once('error', reject);
  });
  assert.equal(ids, 5);
  assert.equal(trace.promptTokens[0], 4711);
});

const slot = (index: number, traced: RequestSlot['traced'], phase = 'round-1'): RequestSlot => ({
  kind: 'load',
  phase,
  pattern: 1,
  index,
  progress: 0,
  ...(traced && { traced }),
});
const open = (extra: object = {}): Workload =>
  openWorkload({
    config: workloadSchema.parse({ model: 'tiny', ...extra }),
    engine: 'vllm',
    baseDir: folder,
    stage: 'benchmark',
  });
const text = (workload: Workload, each: RequestSlot): string =>
  JSON.parse(workload.request(each).body).messages[0].content;

test('a traced request has the lengths of the trace, whatever the workload would draw', () => {
  const workload = open({ prompts: { kind: 'synthetic', languages: ['en', 'zh', 'code'] } });
  fc.assert(
    fc.property(
      fc.record({
        promptTokens: fc.integer({ min: 1, max: 3_000 }),
        outputTokens: fc.integer({ min: 1, max: 3_000 }),
        blocks: fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 8 }).map((ids) => Int32Array.from(ids)),
      }),
      fc.nat(1_000),
      (traced, index) => {
        const request = workload.request(slot(index, traced));
        assert.deepEqual([request.promptTokens, request.maxTokens], [traced.promptTokens, traced.outputTokens]);
        assert.equal(JSON.parse(request.body).max_tokens, traced.outputTokens);
        assert.equal(countUnits(text(workload, slot(index, traced))), traced.promptTokens);
      },
    ),
    { numRuns: 50 },
  );
});

test('prompts share text exactly as far as their block ids agree, over phases too', () => {
  const workload = open();
  const traced = (...blocks: number[]) => ({ promptTokens: 2_000, outputTokens: 1, blocks: Int32Array.from(blocks) });
  const common = (a: string, b: string): number => {
    let length = 0;
    while (length < a.length && a[length] === b[length]) length += 1;
    return countUnits(a.slice(0, length));
  };
  const first = text(workload, slot(0, traced(1, 2, 3, 4)));
  const second = text(workload, slot(9, traced(1, 2, 5, 6), 'round-2'));
  const shared = common(first, second);
  assert.ok(shared >= 1_024 && shared < 1_040, `${shared}`);
  assert.equal(text(workload, slot(3, traced(1, 2, 3, 4), 'round-4')), first);
  // Without ids nothing is shared.
  assert.ok(common(text(workload, slot(0, traced())), text(workload, slot(1, traced()))) < 8);
});
