// Prompts from a JSONL file. In: the file's path. Out: its lines, checked, with a hash of the content.

import type { WorkloadConfig } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { eachLine } from './lines.ts';
import { countUnits } from './words.ts';

export interface StoredPrompt {
  readonly content: { readonly prompt: string } | { readonly messages: readonly object[] };
  readonly maxTokens: number | null;
  /** Words, CJK characters and punctuation marks: an approximation, as for synthetic prompts. */
  readonly tokens: number;
}

export interface PromptFile {
  readonly prompts: readonly StoredPrompt[];
  /** sha256 of the bytes, hex. */
  readonly hash: string;
}

/**
 * Reads every line of {"prompt"} or {"messages"}, optionally with "max_tokens"; other fields are left aside,
 * blank lines skipped.
 * @throws PlimsollError INPUT_NOT_FOUND, or WORKLOAD_INVALID naming the first bad line
 */
export function readJsonl(path: string, api: WorkloadConfig['api']): PromptFile {
  const prompts: StoredPrompt[] = [];
  const hash = eachLine(
    path,
    (text, line) => {
      if (text.trim() === '') return;
      const prompt = readLine(text, api);
      if (typeof prompt === 'string') {
        throw new PlimsollError('WORKLOAD_INVALID', `${path}:${line}: ${prompt}`, {
          hint: 'Each line is one JSON object: {"prompt": "…"} or {"messages": [{"role": "user", "content": "…"}]}, optionally with "max_tokens".',
        });
      }
      prompts.push(prompt);
    },
    'workload.prompts.file',
  );
  if (prompts.length === 0) {
    throw new PlimsollError('WORKLOAD_INVALID', `${path} has no prompts; expected at least one line of JSON`, {
      hint: 'Write one JSON object a line: {"prompt": "…"}.',
    });
  }
  return { prompts, hash };
}

/** The prompt, or what is wrong with the line. */
function readLine(text: string, api: WorkloadConfig['api']): StoredPrompt | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `not JSON (${(error as Error).message})`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'expected a JSON object';
  const { prompt, messages, max_tokens: maxTokens = null } = value as Record<string, unknown>;
  if (maxTokens !== null && !(Number.isSafeInteger(maxTokens) && (maxTokens as number) > 0)) {
    return `"max_tokens" is ${JSON.stringify(maxTokens)}; expected a whole number above 0`;
  }
  if ((prompt === undefined) === (messages === undefined)) {
    return `expected one of "prompt" and "messages", found ${prompt === undefined ? 'neither' : 'both'}`;
  }
  if (prompt !== undefined) {
    if (typeof prompt !== 'string' || prompt === '') return '"prompt" must be text that is not empty';
    return { content: { prompt }, maxTokens: maxTokens as number | null, tokens: countUnits(prompt) };
  }
  if (api === 'completions') return '"messages" needs workload.api: chat; with api: completions write "prompt"';
  const wrong = wrongMessages(messages);
  if (wrong !== null) return wrong;
  const list = messages as readonly { content?: unknown }[];
  const tokens = list.reduce((sum, { content }) => sum + (typeof content === 'string' ? countUnits(content) : 0), 0);
  return { content: { messages: list }, maxTokens: maxTokens as number | null, tokens };
}

function wrongMessages(messages: unknown): string | null {
  if (!Array.isArray(messages) || messages.length === 0) return '"messages" must be a list with at least one message';
  for (const [index, message] of messages.entries()) {
    const at = `"messages"[${index}]`;
    if (typeof message !== 'object' || message === null) return `${at} must be an object with "role" and "content"`;
    const { role, content } = message as Record<string, unknown>;
    if (typeof role !== 'string' || role === '') return `${at} has no "role", such as "user"`;
    if (role !== 'assistant' && typeof content !== 'string' && !Array.isArray(content)) {
      return `${at} has no "content"; expected text or a list of parts`;
    }
  }
  return null;
}
