// What the stream path costs: bytes of a read → events → tokens → gap histogram → timeline row, through the real
// client over a transport that hands it bytes from memory. Prints events per CPU-second of one thread, for one event a
// read and for reads of 64 KB, and which share of the events had to be parsed in full.
//
//   node bench/stream.ts [--events 200000] [--answer 256] [--runs 5] [--format vLLM]

import { parseArgs } from 'node:util';
import { StreamAnswer } from '../src/load/answer.ts';
import { createClient } from '../src/load/client.ts';
import type { Timeline } from '../src/load/timeline.ts';
import { createHistogram, recordMs } from '../src/stats/histogram.ts';
import type { Connections, Controller, Handler } from '../src/transport/connections.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    answer: { type: 'string', default: '256' },
    runs: { type: 'string', default: '5' },
    format: { type: 'string', default: '' },
  },
});
const perAnswer = Number(values.answer);
const answers = Math.max(1, Math.round(Number(values.events) / perAnswer));
const runs = Number(values.runs);
const READ_BYTES = 65_536;

const WORDS = [' the', ' model', ' runs', ',', ' and', ' 42', '.', ' distributed', ' a', ' latency'];
const HAN = ['模型', '正在', '运行', '，', '并且', '很', '快', '。', '😀', 'é'];
const ESCAPED = [' \\"the', '\\n', '\\n\\n', '\\t', ' \\u00e9', ' a\\\\b', ' {\\n', '\\u001b', ' \\"', '\\r\\n'];
const id = 'chatcmpl-5f0c1d2e3b4a59687706152433425160';
const chat = (delta: string, rest = ''): string =>
  `data: {"id":"${id}","object":"chat.completion.chunk","created":1772609598,"model":"deepseek-ai/DeepSeek-R1-Distill-Qwen-7B","choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":null}]${rest}}\n\n`;

interface Format {
  readonly name: string;
  event(i: number): string;
}
const formats: readonly Format[] = [
  { name: 'vLLM chat', event: (i) => chat(`{"content":"${WORDS[i % 10]}"}`, '') },
  { name: 'vLLM chat, Chinese', event: (i) => chat(`{"content":"${HAN[i % 10]}"}`) },
  { name: 'vLLM chat, escapes in all', event: (i) => chat(`{"content":"${ESCAPED[i % 10]}"}`) },
  { name: 'vLLM chat, reasoning', event: (i) => chat(`{"reasoning":"${WORDS[i % 10]}"}`) },
  {
    name: 'vLLM chat, continuous usage',
    event: (i) =>
      chat(
        `{"content":"${WORDS[i % 10]}"}`,
        `,"usage":{"prompt_tokens":311,"total_tokens":${312 + i},"completion_tokens":${i + 1}}`,
      ),
  },
  {
    name: 'vLLM chat, logprobs',
    event: (i) =>
      chat(`{"content":"${WORDS[i % 10]}"}`).replace(
        '"logprobs":null',
        `"logprobs":{"content":[{"token":"${WORDS[i % 10]}","logprob":-${(i % 97) / 31},"bytes":[${[...Buffer.from(WORDS[i % 10]!)].join(',')}],"top_logprobs":[]}]}`,
      ),
  },
  {
    name: 'SGLang chat',
    event: (i) =>
      `data: {"id":"5f0c1d2e3b4a59687706152433425160","object":"chat.completion.chunk","created":${1772609598 + Math.floor(i / 60)},"model":"default","choices":[{"index":0,"delta":{"role":null,"content":"${WORDS[i % 10]}","reasoning_content":null,"tool_calls":null},"logprobs":null,"finish_reason":null,"matched_stop":null}],"usage":null}\n\n`,
  },
  {
    name: 'llama.cpp chat',
    event: (i) =>
      `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"${WORDS[i % 10]}"}}],"created":${1772609598 + Math.floor(i / 60)},"id":"chatcmpl-ezK7tPqE2mVvVp0VQhJm1yVtW7c1r2Rz","model":"tiny.gguf","system_fingerprint":"b6103-9c35706b9","object":"chat.completion.chunk"}\n\n`,
  },
  {
    name: 'completions',
    event: (i) =>
      `data: {"id":"cmpl-5f0c1d2e","object":"text_completion","created":1772609598,"model":"m","choices":[{"index":0,"text":"${WORDS[i % 10]}","logprobs":null,"finish_reason":null,"stop_reason":null}],"usage":null}\n\n`,
  },
  {
    name: 'Responses',
    event: (i) =>
      `event: response.output_text.delta\ndata: {"content_index":0,"delta":"${WORDS[i % 10]}","item_id":"msg_5f0c1d2e3b4a5968","logprobs":[],"output_index":0,"sequence_number":${i + 4},"type":"response.output_text.delta"}\n\n`,
  },
];

const FINISH = chat('{}').replace('"finish_reason":null', '"finish_reason":"stop"');
const HEADERS = { 'content-type': 'text/event-stream' };

/** Answers every request from memory, inside dispatch. */
function connectionsOver(reads: readonly Buffer[]): Connections {
  let now = performance.now();
  return {
    dispatcher: {
      dispatch(_options, handler: Handler) {
        const controller = {} as Controller;
        handler.onRequestStart?.(controller, {});
        handler.onResponseStart?.(controller, 200, HEADERS, 'OK');
        for (const read of reads) {
          now = performance.now();
          handler.onResponseData?.(controller, read);
        }
        handler.onResponseEnd?.(controller, {});
        return true;
      },
    },
    readAt: () => now,
    isFresh: () => false,
    open: 1,
    warm: () => Promise.resolve(1),
    destroy: () => Promise.resolve(),
  };
}

/** Events per CPU-second of this thread. */
function measure(reads: readonly Buffer[]): number {
  const gaps = createHistogram();
  let row: Timeline | undefined;
  let tokens = 0;
  const client = createClient({
    connections: connectionsOver(reads),
    target: { url: 'http://127.0.0.1:1', headers: {} },
    path: '/v1/chat/completions',
    streamed: true,
    requestTimeoutMs: 60_000,
    stallTimeoutMs: 60_000,
    worker: 0,
    originMs: performance.now(),
    onToken(_request, _phase, _tMs, gapMs) {
      tokens += 1;
      if (gapMs !== null) recordMs(gaps, gapMs);
    },
    onEnd(ended) {
      row = ended;
    },
  });
  const body = Buffer.from('{}');
  const before = process.threadCpuUsage();
  for (let request = 0; request < answers; request++)
    client.send({ request, phase: 0, plannedMs: null, body, maxTokens: perAnswer, promptTokens: 1 });
  const { user, system } = process.threadCpuUsage(before);
  client.close();
  if (row?.outcome !== 'ok' || tokens !== answers * perAnswer)
    throw new Error(`${tokens} tokens, the last answer ${row?.outcome}: ${row?.error}`);
  return (tokens * 1e6) / (user + system);
}

function parsedShare(reads: readonly Buffer[]): number {
  const answer = new StreamAnswer({ onToken: () => {} });
  for (const read of reads) answer.read(read);
  answer.end();
  // Finish and [DONE] are parsed in any case.
  return (answer.parsed - 2) / perAnswer;
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
const show = (perSecond: number): string => `${(perSecond / 1e6).toFixed(2)} M/s`.padStart(10);

console.log(`${answers} answers of ${perAnswer} events, medians of ${runs}; Node ${process.version}, one thread`);
console.log(`${'format'.padEnd(30)} bytes  one a read   64 KB reads  parsed one/64 KB`);
for (const { name, event } of formats.filter((format) => format.name.includes(values.format))) {
  const events = Array.from({ length: perAnswer }, (_, i) => Buffer.from(event(i)));
  const one = [...events, Buffer.from(FINISH), Buffer.from('data: [DONE]\n\n')];
  const all = Buffer.concat(one);
  const whole: Buffer[] = [];
  for (let at = 0; at < all.length; at += READ_BYTES) whole.push(all.subarray(at, at + READ_BYTES));
  const rates = [one, whole].map((reads) => {
    measure(reads);
    return median(Array.from({ length: runs }, () => measure(reads)));
  });
  const shares = [one, whole].map((reads) => `${(parsedShare(reads) * 100).toFixed(1)} %`);
  console.log(
    `${name.padEnd(30)} ${String(events[0]!.length).padStart(5)} ${rates.map(show).join('   ')}   ${shares.join(' / ')}`,
  );
}
