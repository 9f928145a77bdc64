// The bodies of requests, API by API. In: the workload section, the engine, a prompt. Out: what is sent as JSON. Pure.

import { ENGINES_TABLE, type Engine } from '../config/engines.ts';
import type { WorkloadConfig } from '../config/schema.ts';
import type { StoredPrompt } from './jsonl.ts';

type Content = StoredPrompt['content'];

/** On the deployment's URL. */
export const API_PATHS: Readonly<Record<WorkloadConfig['api'], string>> = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  responses: '/v1/responses',
};

/** No per-request seed is sent: engines keep a generator for each such request, which slows sampling down. */
export function bodyWriter({ api, model, stream, output, body }: WorkloadConfig, engine: string) {
  // The Responses API always tells the usage, and has no fields for a fixed length.
  if (api === 'responses')
    return (content: Content, maxTokens: number, temperature: number): object => ({
      model,
      input: 'prompt' in content ? content.prompt : content.messages,
      max_output_tokens: maxTokens,
      temperature,
      stream,
      ...body,
    });
  const known = ENGINES_TABLE[engine as Engine]?.fixedLength ?? { ignoreEos: false, minTokens: false };
  return (content: Content, maxTokens: number, temperature: number): object => ({
    model,
    ...(api === 'chat' && 'prompt' in content ? { messages: [{ role: 'user', content: content.prompt }] } : content),
    max_tokens: maxTokens,
    temperature,
    stream,
    ...(stream && { stream_options: { include_usage: true } }),
    ...(output.ignoreEos && known.ignoreEos && { ignore_eos: true }),
    ...(output.ignoreEos && known.minTokens && { min_tokens: maxTokens }),
    ...body,
  });
}
