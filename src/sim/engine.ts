// What the drivers see of the simulated engine: requests go in, events with exact model times come out.

export interface Submission {
  readonly promptTokens: number;
  /** Most tokens of output; exactly so many where EOS is ignored. */
  readonly outputTokens: number;
  /** Default true. Otherwise the model draws where the answer ends. */
  readonly ignoreEos?: boolean;
  readonly minTokens?: number;
  /** Prompts of the same label begin alike, for `prefixTokens` (default: as long as the shorter of them is). */
  readonly prefix?: string;
  readonly prefixTokens?: number;
  /** Instead of a label: chained hashes of the prompt's successive full KV blocks. */
  readonly blockHashes?: readonly number[];
}

/** rejected: the queue is full; too_long: it can never fit; crashed: there is no engine any more. */
export type Admission = { readonly id: number } | 'rejected' | 'too_long' | 'crashed';

export type EngineEvent =
  | { readonly kind: 'tokens'; readonly id: number; readonly atMs: number; readonly count: number }
  | { readonly kind: 'finish'; readonly id: number; readonly atMs: number; readonly reason: 'stop' | 'length' }
  | { readonly kind: 'preempt'; readonly id: number; readonly atMs: number }
  /** The request failed because the engine ran out of memory. */
  | { readonly kind: 'oom'; readonly id: number; readonly atMs: number }
  | { readonly kind: 'crash'; readonly atMs: number; readonly reason: string };

export interface Gauges {
  readonly running: number;
  readonly waiting: number;
  /** Share of KV blocks held by running requests, 0..1. */
  readonly kvShare: number;
  /** Totals since the engine began. Prompt tokens count when their prefill is complete. */
  readonly preemptions: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly prefixQueryTokens: number;
  readonly prefixHitTokens: number;
  readonly finished: { readonly stop: number; readonly length: number; readonly abort: number; readonly error: number };
  readonly rejected: number;
  readonly steps: number;
}

export interface Engine {
  /** A request that arrives at `atMs`; times must not go back. What happened until then stays for `advance`. */
  submit(atMs: number, submission: Submission): Admission;
  cancel(id: number, atMs: number): void;
  /** When the engine has something to say next, if nothing arrives before; null = it is idle for good. */
  nextStepEndMs(): number | null;
  /** Everything that happened up to and including `toMs`, in order of time. */
  advance(toMs: number): readonly EngineEvent[];
  gauges(): Gauges;
}
