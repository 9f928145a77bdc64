// Where synthetic prompts get their length, language and text from: unique text for each request, or text that requests
// share because the workload says so (groups and turns) or because a trace does (blocks).

import type { StageName, WorkloadConfig } from '../config/schema.ts';
import { createRandom, deriveSeed } from '../stats/random.ts';
import { describeLengths, drawLength, lengthBounds } from './lengths.ts';
import { createPromptWriter, type PromptWriter, TEXT_VERSION } from './prompts.ts';
import type { PromptSource, RequestSlot, UnitsPerToken } from './source.ts';
import { BLOCK_TOKENS, type TracedRequest } from './trace.ts';

export type SyntheticPrompts = Extract<WorkloadConfig['prompts'], { readonly kind: 'synthetic' }>;

/** Between texts that are shared and those that are not. */
const SEAM = '\n\n';

export function syntheticPrompts(
  config: SyntheticPrompts,
  seed: number,
  stage: StageName,
  unitsPerToken: UnitsPerToken = {},
): PromptSource {
  const { languages, tokens, sharedPrefix } = config;
  const writers = languages.map((language) => scaled(createPromptWriter(language), unitsPerToken[language] ?? 1));
  const textOf = (writer: PromptWriter, length: number, { kind, phase }: RequestSlot, index: number): string =>
    writer.write(length, createRandom(deriveSeed(seed, stage, 'text', kind, phase, index)), kind);
  const blockText = createBlocks(writers, seed, stage);
  const conversation = sharedPrefix && createConversations(sharedPrefix, tokens, writers, seed, stage, textOf);

  return {
    prompt(slot, shape) {
      if (conversation !== undefined) return conversation(slot);
      const { traced } = slot;
      const promptTokens = traced?.promptTokens ?? drawLength(tokens, shape);
      const writer = writers[shape.int(0, writers.length - 1)]!;
      const shared = traced === undefined ? [] : sharedBlocks(traced);
      const own = promptTokens - shared.reduce((sum, block) => sum + block.tokens, 0);
      const texts = [
        ...shared.map((block) => blockText(block.id, block.tokens)),
        ...(own > 0 ? [textOf(writer, own, slot, slot.index)] : []),
      ];
      return { content: { prompt: texts.join(SEAM) }, promptTokens };
    },
    longest(outputTokens) {
      const own = lengthBounds(tokens).max;
      const promptTokens = sharedPrefix ? sharedPrefix.tokens + sharedPrefix.turns * own : own;
      return { promptTokens, outputTokens };
    },
    facts: {
      prompts: 'synthetic',
      languages: languages.join(', '),
      promptTokens: describeLengths(tokens),
      textVersion: TEXT_VERSION,
      ...(config.calibrate && { calibrated: true }),
      ...(sharedPrefix && {
        sharedPrefix: `${sharedPrefix.groups} groups, ${sharedPrefix.tokens} tokens, ${sharedPrefix.turns} turns`,
      }),
    },
  };
}

/** Takes lengths in tokens of the engine. */
const scaled = ({ write }: PromptWriter, unitsPerToken: number): PromptWriter => ({
  write: (tokens, random, kind) => write(Math.max(1, Math.round(tokens * unitsPerToken)), random, kind),
});

/** The blocks of a traced prompt, the last cut to what is left; more tokens than blocks are the request's own. */
function sharedBlocks({ blocks, promptTokens }: TracedRequest): { readonly id: number; readonly tokens: number }[] {
  const needed = Math.ceil(promptTokens / BLOCK_TOKENS);
  return Array.from(blocks.subarray(0, needed), (id, place) => ({
    id,
    tokens: Math.min(BLOCK_TOKENS, promptTokens - place * BLOCK_TOKENS),
  }));
}

/** The text of a block depends on its id alone, its language too. */
function createBlocks(
  writers: readonly PromptWriter[],
  seed: number,
  stage: StageName,
): (id: number, tokens: number) => string {
  return (id, tokens) => {
    const random = createRandom(deriveSeed(seed, stage, 'block', id));
    return writers[random.int(0, writers.length - 1)]!.write(tokens, random, 'load');
  };
}

/**
 * Requests of a phase go round the groups; the text of a group opens all its prompts. Within a group, every `turns`
 * requests are one conversation: each repeats the text of those before it and adds a part of its own. A group has one
 * language.
 */
function createConversations(
  { groups, tokens: sharedTokens, turns }: NonNullable<SyntheticPrompts['sharedPrefix']>,
  tokens: SyntheticPrompts['tokens'],
  writers: readonly PromptWriter[],
  seed: number,
  stage: StageName,
  textOf: (writer: PromptWriter, length: number, slot: RequestSlot, index: number) => string,
): (slot: RequestSlot) => ReturnType<PromptSource['prompt']> {
  const openings = new Map<string, string>();
  function opening(kind: RequestSlot['kind'], group: number, writer: PromptWriter): string {
    const key = `${kind} ${group}`;
    let text = openings.get(key);
    if (text === undefined) {
      text = writer.write(sharedTokens, createRandom(deriveSeed(seed, stage, 'shared', kind, group)), kind);
      openings.set(key, text);
    }
    return text;
  }
  return (slot) => {
    const group = slot.index % groups;
    const turn = Math.floor(slot.index / groups) % turns;
    const writer = writers[group % writers.length]!;
    const texts = [opening(slot.kind, group, writer)];
    let promptTokens = sharedTokens;
    for (let index = slot.index - turn * groups; index <= slot.index; index += groups) {
      const length = drawLength(tokens, createRandom(deriveSeed(seed, stage, 'turn', slot.pattern, index)));
      texts.push(textOf(writer, length, slot, index));
      promptTokens += length;
    }
    return { content: { prompt: texts.join(SEAM) }, promptTokens };
  };
}
