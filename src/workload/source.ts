// What a request is asked for by, and what gives its prompt: the seam between the workload and its kinds of prompts.

import type { Random } from '../stats/random.ts';
import type { StoredPrompt } from './jsonl.ts';
import type { TracedRequest } from './trace.ts';

export interface RequestSlot {
  readonly kind: 'load' | 'warmup';
  /** Name of the phase: text differs from phase to phase. */
  readonly phase: string;
  /** Phases of one pattern repeat lengths, languages and temperatures. */
  readonly pattern: number;
  /** Position in the phase, 0-based. */
  readonly index: number;
  /** 0 at the phase's start, 1 at its end. */
  readonly progress: number;
  /** Where the load replays a trace: the lengths that its request had. */
  readonly traced?: TracedRequest;
}

export interface RequestLength {
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** Units of text (words, CJK characters, punctuation marks) that make one token of an engine, by language. */
export type UnitsPerToken = Readonly<Record<string, number>>;

export interface PromptSource {
  /** @param shape the request's own random numbers, which repeat from round to round */
  prompt(
    slot: RequestSlot,
    shape: Random,
  ): { readonly content: StoredPrompt['content']; readonly promptTokens: number; readonly maxTokens?: number };
  /** @param outputTokens the most that is drawn where the prompts do not say it */
  longest(outputTokens: number): RequestLength;
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
}
