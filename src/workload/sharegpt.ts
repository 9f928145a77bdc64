// Prompts from a ShareGPT file: a JSON array of {"conversations": [{"from", "value"}, …]}. In: the file's path. Out: what
// people asked first in each conversation, with the length of the answer that they got. The usual file is larger than
// the longest text that JavaScript can hold, so conversations are parsed one at a time.

import type { WorkloadConfig } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import type { PromptFile, StoredPrompt } from './jsonl.ts';
import { eachChunk } from './lines.ts';
import { countUnits } from './words.ts';

const FIELD = 'workload.prompts.file';
const ROLES: Readonly<Record<string, 'system' | 'user' | 'assistant'>> = {
  system: 'system',
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  chatgpt: 'assistant',
  bing: 'assistant',
  bard: 'assistant',
  assistant: 'assistant',
};

/**
 * The turns before the first answer are the prompt. Conversations without a question, or without an answer to it, are
 * left out: the usual file has thousands.
 * @throws PlimsollError INPUT_NOT_FOUND, or WORKLOAD_INVALID naming the conversation that cannot be read
 */
export function readShareGpt(path: string, api: WorkloadConfig['api']): PromptFile {
  const prompts: StoredPrompt[] = [];
  let number = 0;
  const elements = createElements((text) => {
    number += 1;
    const prompt = readConversation(text, api);
    if (typeof prompt === 'string') throw invalid(`${path}: conversation ${number}: ${prompt}`);
    if (prompt !== null) prompts.push(prompt);
  });
  const hash = eachChunk(
    path,
    (text) => {
      const wrong = elements.take(text);
      if (wrong !== null) throw invalid(`${path}: after conversation ${number}: ${wrong}`);
    },
    FIELD,
  );
  if (!elements.isWhole()) throw invalid(`${path} ends after conversation ${number}, without the end of its list`);
  if (prompts.length === 0) throw invalid(`${path} has no conversation with a question and its answer`);
  return { prompts, hash };
}

const invalid = (message: string): PlimsollError =>
  new PlimsollError('WORKLOAD_INVALID', message, {
    hint: 'A ShareGPT file is one JSON list: [{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}, …].',
  });

/** The prompt, null where the conversation has none, or what is wrong with it. */
function readConversation(text: string, api: WorkloadConfig['api']): StoredPrompt | null | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `not JSON (${(error as Error).message})`;
  }
  const { conversations } = value as { readonly conversations?: unknown };
  if (!Array.isArray(conversations)) return 'has no "conversations"';
  const asked: { role: 'system' | 'user'; content: string }[] = [];
  for (const turn of conversations as { readonly from?: unknown; readonly value?: unknown }[]) {
    const content = turn?.value;
    if (typeof turn?.from !== 'string' || typeof content !== 'string') return 'a turn lacks "from" or "value"';
    const role = ROLES[turn.from];
    if (role === undefined) continue;
    if (role !== 'assistant') {
      if (content.trim() !== '') asked.push({ role, content });
      continue;
    }
    // What the model said before anybody asked.
    if (!asked.some((each) => each.role === 'user')) continue;
    const maxTokens = countUnits(content);
    if (maxTokens === 0) return null;
    const tokens = asked.reduce((sum, each) => sum + countUnits(each.content), 0);
    const prompt = asked.map((each) => each.content).join('\n\n');
    return { content: api === 'completions' ? { prompt } : { messages: asked }, maxTokens, tokens };
  }
  return null;
}

interface Elements {
  /** What cannot stand there, null = nothing wrong so far. */
  take(text: string): string | null;
  isWhole(): boolean;
}

const [SPACE, QUOTE, COMMA, OPEN_LIST, BACKSLASH, CLOSE_LIST, OPEN, CLOSE] = [...' ",[\\]{}'].map((each) =>
  each.charCodeAt(0),
) as [number, number, number, number, number, number, number, number];

/** Most of the file is inside strings: the search goes through it several times as fast as a loop. */
const QUOTE_OR_BACKSLASH = /["\\]/g;

/** Cuts the text of a JSON list of objects into its objects. Knows strings and nesting; the rest is JSON.parse's. */
function createElements(onElement: (text: string) => void): Elements {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let ended = false;
  let before = '';

  return {
    take(text) {
      let start = 0;
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (inString) {
          if (escaped) escaped = false;
          else if (code === BACKSLASH) escaped = true;
          else if (code === QUOTE) inString = false;
          else {
            QUOTE_OR_BACKSLASH.lastIndex = i;
            i = QUOTE_OR_BACKSLASH.test(text) ? QUOTE_OR_BACKSLASH.lastIndex - 2 : text.length;
          }
        } else if (depth >= 2) {
          if (code === QUOTE) inString = true;
          else if (code === OPEN || code === OPEN_LIST) depth += 1;
          else if ((code === CLOSE || code === CLOSE_LIST) && --depth === 1) {
            onElement(before + text.slice(start, i + 1));
            before = '';
          }
        } else if (code <= SPACE || (depth === 1 && code === COMMA)) {
        } else if (depth === 1 && code === OPEN) {
          depth = 2;
          start = i;
        } else if (depth === 0 && code === OPEN_LIST && !ended) depth = 1;
        else if (depth === 1 && code === CLOSE_LIST) {
          depth = 0;
          ended = true;
        } else
          return `expected ${depth === 0 ? 'one list' : 'a conversation'}, found ${JSON.stringify(text.slice(i, i + 20))}`;
      }
      if (depth >= 2) before += text.slice(start);
      return null;
    },
    isWhole: () => ended,
  };
}
