// The OpenAI API as the simulated engine speaks it: a request body becomes an Ask (or a complaint), and answers,
// stream chunks and errors become text. No I/O.

import { countTokens, scan } from './tokens.ts';

export interface Ask {
  readonly chat: boolean;
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly promptTokens: number;
  readonly blockHashes: readonly number[];
  readonly outputTokens: number;
  readonly minTokens: number;
  readonly ignoreEos: boolean;
}

export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface Limits {
  readonly blockTokens: number;
  readonly maxModelTokens: number;
}

/** Reads a body of /v1/chat/completions or /v1/completions; a string is the complaint for a 400. */
export function readAsk(chat: boolean, body: unknown, limits: Limits): Ask | string {
  if (!isObject(body)) return 'the body must be a JSON object';
  const prompt = chat ? messagesText(body.messages) : promptText(body.prompt);
  if (prompt === null) {
    return chat
      ? 'messages must be an array of {role, content}'
      : 'prompt must be a string, or one string or token ids in an array';
  }
  const { tokens, blockHashes } =
    typeof prompt === 'number' ? { tokens: prompt, blockHashes: [] } : scan(prompt, limits.blockTokens);
  const promptTokens = Math.max(1, tokens);
  const given = body.max_completion_tokens ?? body.max_tokens;
  // The API's own defaults: completions stop at 16 tokens, chats where the context ends.
  const outputTokens = given ?? (chat ? Math.max(1, limits.maxModelTokens - promptTokens) : 16);
  if (!isCount(outputTokens, 1)) return 'max_tokens must be a whole number of at least 1';
  const minTokens = body.min_tokens ?? 0;
  if (!isCount(minTokens, 0) || minTokens > outputTokens)
    return 'min_tokens must be a whole number from 0 to max_tokens';
  return {
    chat,
    model: typeof body.model === 'string' ? body.model : '',
    stream: body.stream === true,
    includeUsage: isObject(body.stream_options) && body.stream_options.include_usage === true,
    promptTokens,
    blockHashes,
    outputTokens,
    minTokens,
    ignoreEos: body.ignore_eos === true,
  };
}

/** Tokens of a body of /tokenize, as readAsk counts them; null where there is nothing to count. */
export function readTokenize(body: unknown): number | null {
  if (!isObject(body)) return null;
  const prompt = body.messages === undefined ? promptText(body.prompt) : messagesText(body.messages);
  return typeof prompt === 'string' ? countTokens(prompt) : prompt;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown, least: number): value is number =>
  Number.isInteger(value) && (value as number) >= least;

/** Text, or a number of token ids. */
function promptText(prompt: unknown): string | number | null {
  if (typeof prompt === 'string') return prompt;
  if (!Array.isArray(prompt) || prompt.length === 0) return null;
  if (prompt.every((id) => isCount(id, 0))) return prompt.length;
  return prompt.length === 1 ? promptText(prompt[0]) : null;
}

function messagesText(messages: unknown): string | null {
  if (!Array.isArray(messages) || messages.length === 0) return null;
  const texts: string[] = [];
  for (const message of messages) {
    if (!isObject(message)) return null;
    const parts = Array.isArray(message.content)
      ? message.content.map((part: unknown) => (isObject(part) ? (part.text ?? '') : part))
      : [message.content ?? ''];
    if (!parts.every((part) => typeof part === 'string')) return null;
    texts.push(...parts);
  }
  return texts.join('\n');
}

/** A word a token, made of nothing that JSON would escape. */
const WORDS =
  ' the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do'
    .split(' ')
    .slice(1)
    .map((word) => ` ${word}`);

/** `count` tokens of the answer, from its `start`-th on. */
export function answerText(id: number, start: number, count: number): string {
  let text = '';
  for (let i = start; i < start + count; i++) text += WORDS[(id * 31 + i * 7 + ((i * i) >> 3)) % WORDS.length];
  return text;
}

/** The texts of one event stream; what does not change from chunk to chunk is made once. */
export interface StreamTexts {
  readonly role: string;
  content(text: string): string;
  /** Finish reason, usage where it was asked for, and [DONE]. */
  end(reason: 'stop' | 'length', usage: Usage): string;
}

export function streamTexts(ask: Ask, name: string, created: number, eol: string): StreamTexts {
  const head = `data: {"id":"${name}","object":"${ask.chat ? 'chat.completion.chunk' : 'text_completion'}","created":${created},"model":${JSON.stringify(ask.model)},"choices":[`;
  const before = `${head}{"index":0,${ask.chat ? '"delta":{"content":"' : '"text":"'}`;
  const after = `"${ask.chat ? '}' : ''},"logprobs":null,"finish_reason":null}]}${eol}${eol}`;
  return {
    role: ask.chat
      ? `${head}{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}${eol}${eol}`
      : '',
    content: (text) => before + text + after,
    end(reason, usage) {
      const finish = `${head}{"index":0,${ask.chat ? '"delta":{}' : '"text":""'},"logprobs":null,"finish_reason":"${reason}"}]}${eol}${eol}`;
      const account = ask.includeUsage ? `${head}],"usage":${JSON.stringify(usageBody(usage))}}${eol}${eol}` : '';
      return `${finish}${account}data: [DONE]${eol}${eol}`;
    },
  };
}

/** An error inside a stream that had begun, as vLLM sends it. */
export const streamError = (message: string, eol: string): string =>
  `data: ${errorBody(500, message)}${eol}${eol}data: [DONE]${eol}${eol}`;

export function answerBody(
  ask: Ask,
  name: string,
  created: number,
  text: string,
  reason: string,
  usage: Usage,
): string {
  const choice = ask.chat
    ? { index: 0, message: { role: 'assistant', content: text }, logprobs: null, finish_reason: reason }
    : { index: 0, text, logprobs: null, finish_reason: reason };
  return JSON.stringify({
    id: name,
    object: ask.chat ? 'chat.completion' : 'text_completion',
    created,
    model: ask.model,
    choices: [choice],
    usage: usageBody(usage),
  });
}

export const errorBody = (status: number, message: string): string =>
  JSON.stringify({
    error: { message, type: ERROR_TYPES[status] ?? 'internal_server_error', param: null, code: status },
  });

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  503: 'service_unavailable',
};

const usageBody = ({ promptTokens, completionTokens }: Usage) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
});
