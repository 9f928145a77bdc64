// What one event of an OpenAI-compatible stream bears, and what a whole answer bears: chat, completions and
// Responses, told apart by their form. In: the text of an event or of a body. Out: a plain reading. Pure.

export interface Usage {
  readonly promptTokens: number | null;
  readonly outputTokens: number | null;
}

/** The channel a token came by. An empty delta or one with a role alone bears none. */
export type Channel = 'content' | 'reasoning' | 'tool' | 'text';

export type Reading =
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'malformed'; readonly message: string }
  | {
      readonly kind: 'chunk';
      /** Null where no token is in it; content wins where one event bears several channels. */
      readonly token: Channel | null;
      readonly finish: string | null;
      readonly usage: Usage | null;
      readonly id: string | null;
    };

/**
 * Keys whose strings mean something by their value. Of every other string a reading asks only whether it is empty
 * (and of an answer's `id`, which comes first); shape.ts rests on that.
 */
export const READ_BY_VALUE: ReadonlySet<string> = new Set(['type', 'object', 'status', 'reason', 'finish_reason']);

/** Whether a person sees it: content, or the text of a completion. */
export const isVisible = (channel: Channel): boolean => channel === 'content' || channel === 'text';

/** Reads one event of a stream. `event` is its SSE event name, '' for none. */
export function readEvent(data: string, event: string): Reading {
  if (data === '[DONE]' || data.trim() === '[DONE]') return { kind: 'done' };
  const parsed = parse(data);
  if (event === 'error') return { kind: 'error', message: messageOf(parsed ?? data) };
  if (!isObject(parsed)) return { kind: 'malformed', message: `an event is not a JSON object: ${data.slice(0, 80)}` };
  const { type } = parsed;
  return typeof type === 'string' && (type === 'error' || type.startsWith('response.'))
    ? readResponsesEvent(parsed, type)
    : readObject(parsed, 'delta');
}

/** Reads the body of an answer that was not streamed. */
export function readBody(body: string): Reading {
  const parsed = parse(body);
  if (!isObject(parsed)) return { kind: 'malformed', message: `the body is not a JSON object: ${body.slice(0, 80)}` };
  if (parsed.object === 'response') return readResponse(parsed);
  const reading = readObject(parsed, 'message');
  return reading.kind === 'chunk' && !Array.isArray(parsed.choices)
    ? { kind: 'malformed', message: `the body has no choices: ${body.slice(0, 80)}` }
    : reading;
}

/** The words of an error body: OpenAI's `{error: {message}}`, FastAPI's `{detail}`, `{message}`, or the text itself. */
export function readError(body: string): string {
  return messageOf(parse(body) ?? body);
}

type Json = Readonly<Record<string, unknown>>;

function readObject(chunk: Json, part: 'delta' | 'message'): Reading {
  if (chunk.error !== undefined && chunk.error !== null) return { kind: 'error', message: messageOf(chunk) };
  // vLLM before 0.6 sent errors as {"object": "error", "message": …} inside a 200.
  if (chunk.object === 'error') return { kind: 'error', message: messageOf(chunk) };
  let token: Channel | null = null;
  let finish: string | null = null;
  for (const choice of Array.isArray(chunk.choices) ? chunk.choices : []) {
    if (!isObject(choice)) continue;
    const channel = channelOf(choice, part);
    if (channel !== null && (token === null || isVisible(channel))) token = channel;
    if (typeof choice.finish_reason === 'string' && choice.finish_reason !== '') finish = choice.finish_reason;
  }
  return {
    kind: 'chunk',
    token,
    finish,
    usage: usageOf(chunk.usage),
    id: typeof chunk.id === 'string' ? chunk.id : null,
  };
}

function channelOf(choice: Json, part: 'delta' | 'message'): Channel | null {
  if (isFilled(choice.text)) return 'text';
  const delta = choice[part];
  if (!isObject(delta)) return null;
  if (isFilled(delta.content) || isFilled(delta.refusal)) return 'content';
  // reasoning_content: vLLM, SGLang, DeepSeek; reasoning: vLLM from 0.12, OpenRouter, Ollama.
  if (isFilled(delta.reasoning_content) || isFilled(delta.reasoning)) return 'reasoning';
  if (isFilled(delta.tool_calls) || isObject(delta.function_call)) return 'tool';
  return null;
}

/** The Responses API names the event's kind in `type`; tokens come as its deltas, all else is said of the answer. */
function readResponsesEvent(event: Json, type: string): Reading {
  if (type === 'error') return { kind: 'error', message: messageOf(event) };
  if (isObject(event.response)) {
    const reading = readResponse(event.response);
    // Tokens that have already come one by one.
    return reading.kind === 'chunk' ? { ...reading, token: null } : reading;
  }
  const channel = RESPONSES_DELTAS.find(([form]) => form.test(type))?.[1] ?? null;
  return { kind: 'chunk', token: isFilled(event.delta) ? channel : null, finish: null, usage: null, id: null };
}

const RESPONSES_DELTAS: readonly (readonly [RegExp, Channel])[] = [
  [/^response\.(?:output_text|refusal)\.delta$/, 'content'],
  // reasoning_text, reasoning_summary_text; reasoning in earlier ones.
  [/^response\.reasoning\w*\.delta$/, 'reasoning'],
  // function_call_arguments, mcp_call_arguments, custom_tool_call_input, code_interpreter_call_code.
  [/^response\.\w*call_\w+\.delta$/, 'tool'],
];

/** The answer as the Responses API sends it whole: as a body, and in the events that begin and end a stream. */
function readResponse(response: Json): Reading {
  const { status } = response;
  if (status === 'failed' || (response.error !== undefined && response.error !== null))
    return { kind: 'error', message: messageOf(response.error ?? 'the response failed') };
  let token: Channel | null = null;
  for (const item of Array.isArray(response.output) ? response.output : []) {
    const channel = isObject(item) ? channelOfItem(item) : null;
    if (channel !== null && (token === null || isVisible(channel))) token = channel;
  }
  return {
    kind: 'chunk',
    token,
    finish: finishOf(response),
    usage: usageOf(response.usage),
    id: typeof response.id === 'string' ? response.id : null,
  };
}

function channelOfItem(item: Json): Channel | null {
  if (item.type === 'message') return isFilled(item.content) ? 'content' : null;
  if (item.type === 'reasoning') return isFilled(item.content) || isFilled(item.summary) ? 'reasoning' : null;
  return typeof item.type === 'string' && item.type.endsWith('_call') ? 'tool' : null;
}

/** `incomplete` is what it calls an answer that reached its length. */
function finishOf({ status, incomplete_details: details }: Json): string | null {
  if (status === 'completed') return 'stop';
  if (status !== 'incomplete') return null;
  const reason = isObject(details) && typeof details.reason === 'string' ? details.reason : 'incomplete';
  return reason === 'max_output_tokens' ? 'length' : reason;
}

/** A text, or a list of parts, that is not empty. */
const isFilled = (value: unknown): boolean => (typeof value === 'string' || Array.isArray(value)) && value.length > 0;

function usageOf(usage: unknown): Usage | null {
  if (!isObject(usage)) return null;
  return {
    promptTokens: countOf(usage.prompt_tokens ?? usage.input_tokens),
    outputTokens: countOf(usage.completion_tokens ?? usage.output_tokens),
  };
}

const countOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;

function messageOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!isObject(value)) return JSON.stringify(value) ?? 'unknown error';
  const inner = value.error ?? value.message ?? value.detail;
  if (inner === undefined || inner === null) return JSON.stringify(value);
  return messageOf(inner);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
