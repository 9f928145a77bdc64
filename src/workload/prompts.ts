// Synthetic prompts: text of about N tokens in a language, from a seed. Every text opens with words of its own, so
// that a prefix cache finds nothing to reuse; the rest is cut from a body of sentences made once, which keeps a
// prompt of thousands of tokens at tens of microseconds.

import { createRandom, type Random } from '../stats/random.ts';
import { type Language, unitEnds, VOCABULARIES, type Vocabulary } from './words.ts';

/**
 * Raised when word lists or assembly change: the same seed then gives other text, and older baselines were
 * measured on other prompts.
 */
export const TEXT_VERSION = 1;

export interface PromptWriter {
  /**
   * Text of exactly `tokens` units: words, CJK characters and punctuation marks. Real tokenizers give about 1 token
   * a unit for English and code, 0.6 to 1 for Chinese and Japanese, 1.2 to 1.6 for other European languages, and up
   * to 3 for Russian, Arabic and Hindi, depending on the model; so this is the size asked for, not a count.
   * Warm-up text begins with words that load text never begins with.
   */
  write(tokens: number, random: Random, kind: 'load' | 'warmup'): string;
}

const OPENING_WORDS = 8; // ≥ 6 bits each: 48 bits tell any two requests of a run apart
const SENTENCES = 512;
const SENTENCES_PER_SLICE = 4;

export function createPromptWriter(language: Language): PromptWriter {
  const vocabulary = VOCABULARIES[language];
  const opening = language === 'code' ? VOCABULARIES.en : vocabulary;
  const body = createBody(language, vocabulary);
  const request = vocabulary.joiner + vocabulary.request;
  const requestTokens = unitEnds(request).length;

  return {
    write(tokens, random, kind) {
      const words = Math.min(tokens, OPENING_WORDS);
      let text = openingWord(opening, random, kind);
      for (let word = 1; word < words; word++) {
        text += opening.joiner + opening.entries[random.int(0, opening.entries.length - 1)]!;
      }
      const closing = tokens >= OPENING_WORDS + 2 * requestTokens;
      let left = tokens - words - (closing ? requestTokens : 0);
      while (left > 0) {
        const slice = body.slice(random.int(0, SENTENCES - SENTENCES_PER_SLICE), left);
        text += vocabulary.joiner + slice.text;
        left -= slice.tokens;
      }
      return closing ? text + request : text;
    },
  };
}

/** Even entries begin load text, odd ones warm-up text: the two never share even a first word. */
function openingWord({ entries }: Vocabulary, random: Random, kind: 'load' | 'warmup'): string {
  const half = Math.floor(entries.length / 2);
  return entries[2 * random.int(0, half - 1) + (kind === 'warmup' ? 1 : 0)]!;
}

interface Body {
  /** Up to `tokens` units from the start of a sentence on, never more than SENTENCES_PER_SLICE sentences. */
  slice(sentence: number, tokens: number): { readonly text: string; readonly tokens: number };
}

function createBody(language: Language, { entries, joiner, fullStop }: Vocabulary): Body {
  const random = createRandom(`plimsoll ${language} ${TEXT_VERSION}`);
  const sentences = Array.from({ length: SENTENCES }, () => {
    if (joiner === '\n') return entries[random.int(0, entries.length - 1)]!;
    const words = Array.from({ length: random.int(8, 15) }, () => entries[random.int(0, entries.length - 1)]!);
    return words.join(joiner) + fullStop;
  });
  const text = sentences.join(joiner);
  const ends = Int32Array.from(unitEnds(text));
  const startOffset: number[] = [];
  const startUnit: number[] = [];
  let offset = 0;
  let unit = 0;
  for (const sentence of sentences) {
    startOffset.push(offset);
    startUnit.push(unit);
    offset += sentence.length + joiner.length;
    unit += unitEnds(sentence).length;
  }
  startUnit.push(unit);

  return {
    slice(sentence, tokens) {
      const first = startUnit[sentence]!;
      const taken = Math.min(tokens, startUnit[sentence + SENTENCES_PER_SLICE]! - first);
      return { text: text.slice(startOffset[sentence]!, ends[first + taken - 1]!), tokens: taken };
    },
  };
}
