// Prompts from a file, in an order that repeats from boot to boot. In: what the file holds. Out: a prompt for each slot.

import { isAbsolute, join } from 'node:path';
import type { StageName, WorkloadConfig } from '../config/schema.ts';
import { createRandom, deriveSeed, type Random } from '../stats/random.ts';
import { readJsonl } from './jsonl.ts';
import { readShareGpt } from './sharegpt.ts';
import type { PromptSource, RequestSlot } from './source.ts';

export type StoredPrompts = Extract<WorkloadConfig['prompts'], { readonly file: string }>;

/**
 * Every phase walks the file in an order of its own, i → (a·i + b) mod n with gcd(a, n) = 1: no prompt repeats in a
 * phase before all have been used. A tenth of them, 64 at most, is kept for the warm-up.
 */
export function storedPrompts(
  { kind, file }: StoredPrompts,
  { seed, api }: WorkloadConfig,
  baseDir: string,
  stage: StageName,
): PromptSource {
  const read = kind === 'jsonl' ? readJsonl : readShareGpt;
  const { prompts, hash } = read(isAbsolute(file) ? file : join(baseDir, file), api);
  const kept = Math.min(64, Math.floor(prompts.length / 10));
  const pools =
    kept === 0 ? { load: prompts, warmup: prompts } : { load: prompts.slice(kept), warmup: prompts.slice(0, kept) };
  const walks = new Map<string, { a: number; b: number }>();
  const walkOf = (slot: RequestSlot, n: number): { a: number; b: number } => {
    const key = `${slot.kind} ${slot.phase}`;
    let walk = walks.get(key);
    if (walk === undefined) {
      const random = createRandom(deriveSeed(seed, stage, 'walk', slot.kind, slot.phase));
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
    longest: (outputTokens) =>
      prompts
        .map(({ tokens, maxTokens }) => ({ promptTokens: tokens, outputTokens: maxTokens ?? outputTokens }))
        .reduce((a, b) => (b.promptTokens + b.outputTokens > a.promptTokens + a.outputTokens ? b : a)),
    facts: { prompts: kind, promptsHash: hash, promptCount: prompts.length },
  };
}

function coprime(n: number, random: Random): number {
  const gcd = (x: number, y: number): number => (y === 0 ? x : gcd(y, x % y));
  for (;;) {
    const a = random.int(1, n);
    if (gcd(a, n) === 1) return a;
  }
}
