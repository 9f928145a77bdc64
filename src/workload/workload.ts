// The sequence of requests. In: the workload section, the engine and the stage. Out: request bodies, each a
// function of the seed, the stage and its slot alone, so that workers and boots agree without talking.

import { isAbsolute, join } from 'node:path';
import { ENGINES_TABLE, type Engine } from '../config/engines.ts';
import type { StageName, WorkloadConfig } from '../config/schema.ts';
import { createRandom, deriveSeed, type Random } from '../stats/random.ts';
import { type JsonlPrompt, readJsonl } from './jsonl.ts';
import { describeLengths, drawLength } from './lengths.ts';
import { createPromptWriter, TEXT_VERSION } from './prompts.ts';

/** Plain data: it goes to worker threads, which open it themselves. */
export interface WorkloadRef {
  readonly config: WorkloadConfig;
  readonly engine: string;
  /** Folder that `prompts.file` is relative to: the configuration's. */
  readonly baseDir: string;
  readonly stage: StageName;
}

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
}

export interface WorkloadRequest {
  /** JSON. */
  readonly body: string;
  readonly maxTokens: number;
  /** As asked for; what the engine counted is in its answer's usage. */
  readonly promptTokens: number;
}

export interface Workload {
  /** On the deployment's URL. */
  readonly path: string;
  request(slot: RequestSlot): WorkloadRequest;
  /** What must be equal for two measurements to be comparable. Without the model: that is the subject's. */
  facts(): Record<string, string | number | boolean | null>;
}

/** @throws PlimsollError INPUT_NOT_FOUND or WORKLOAD_INVALID, where prompts come from a file */
export function openWorkload({ config, engine, baseDir, stage }: WorkloadRef): Workload {
  const { prompts, seed } = config;
  const source =
    prompts.kind === 'synthetic' ? synthetic(prompts, seed, stage) : fromFile(prompts.file, config, baseDir, stage);
  const bodyOf = bodyWriter(config, engine);
  return {
    path: config.api === 'chat' ? '/v1/chat/completions' : '/v1/completions',
    request(slot) {
      const shape = createRandom(deriveSeed(seed, stage, 'shape', slot.pattern, slot.index));
      const drawnTokens = drawLength(config.output, shape);
      const temperature = drawTemperature(config.temperature, slot.progress, shape);
      const { content, promptTokens, maxTokens = drawnTokens } = source.prompt(slot, shape);
      return { body: JSON.stringify(bodyOf(content, maxTokens, temperature)), maxTokens, promptTokens };
    },
    facts: () => ({
      api: config.api,
      stream: config.stream,
      seed,
      ...source.facts,
      output: describeLengths(config.output),
      ignoreEos: config.output.ignoreEos,
      temperature: typeof config.temperature === 'number' ? config.temperature : JSON.stringify(config.temperature),
      body: Object.keys(config.body).length === 0 ? null : JSON.stringify(config.body),
    }),
  };
}

type Content = JsonlPrompt['content'];

interface PromptSource {
  prompt(slot: RequestSlot, shape: Random): { content: Content; promptTokens: number; maxTokens?: number };
  readonly facts: Record<string, string | number | null>;
}

type SyntheticPrompts = Extract<WorkloadConfig['prompts'], { readonly kind: 'synthetic' }>;

function synthetic({ languages, tokens }: SyntheticPrompts, seed: number, stage: StageName): PromptSource {
  const writers = languages.map(createPromptWriter);
  return {
    prompt(slot, shape) {
      const promptTokens = drawLength(tokens, shape);
      const writer = writers[shape.int(0, writers.length - 1)]!;
      const text = createRandom(deriveSeed(seed, stage, 'text', slot.kind, slot.phase, slot.index));
      return { content: { prompt: writer.write(promptTokens, text, slot.kind) }, promptTokens };
    },
    facts: {
      prompts: 'synthetic',
      languages: languages.join(', '),
      promptTokens: describeLengths(tokens),
      textVersion: TEXT_VERSION,
    },
  };
}

/**
 * Every phase walks the file in an order of its own, i → (a·i + b) mod n with gcd(a, n) = 1: no line repeats in a
 * phase before all have been used. A tenth of the lines, 64 at most, is kept for the warm-up.
 */
function fromFile(file: string, config: WorkloadConfig, baseDir: string, stage: StageName): PromptSource {
  const { prompts, hash } = readJsonl(isAbsolute(file) ? file : join(baseDir, file), config.api);
  const kept = Math.min(64, Math.floor(prompts.length / 10));
  const pools =
    kept === 0 ? { load: prompts, warmup: prompts } : { load: prompts.slice(kept), warmup: prompts.slice(0, kept) };
  const walks = new Map<string, { a: number; b: number }>();
  const walkOf = (slot: RequestSlot, n: number): { a: number; b: number } => {
    const key = `${slot.kind} ${slot.phase}`;
    let walk = walks.get(key);
    if (walk === undefined) {
      const random = createRandom(deriveSeed(config.seed, stage, 'walk', slot.kind, slot.phase));
      walk = { a: coprime(n, random), b: random.int(0, n - 1) };
      walks.set(key, walk);
    }
    return walk;
  };
  return {
    prompt(slot) {
      const pool = pools[slot.kind];
      const { a, b } = walkOf(slot, pool.length);
      const { content, tokens, maxTokens } = pool[(a * (slot.index % pool.length) + b) % pool.length]!;
      return maxTokens === null ? { content, promptTokens: tokens } : { content, promptTokens: tokens, maxTokens };
    },
    facts: { prompts: 'jsonl', promptsHash: hash, promptCount: prompts.length },
  };
}

function coprime(n: number, random: Random): number {
  const gcd = (x: number, y: number): number => (y === 0 ? x : gcd(y, x % y));
  for (;;) {
    const a = random.int(1, n);
    if (gcd(a, n) === 1) return a;
  }
}

/** No per-request seed is sent: engines keep a generator for each such request, which slows sampling down. */
function bodyWriter({ api, model, stream, output, body }: WorkloadConfig, engine: string) {
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

function drawTemperature(temperature: WorkloadConfig['temperature'], progress: number, shape: Random): number {
  if (typeof temperature === 'number') return temperature;
  const [from, to] = 'uniform' in temperature ? temperature.uniform : temperature.gradient;
  const share = 'uniform' in temperature ? shape.next() : Math.min(1, Math.max(0, progress));
  return Math.round((from + (to - from) * share) * 1000) / 1000;
}
