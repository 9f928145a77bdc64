// What the simulated engine takes for a token: a word, a CJK character or a punctuation mark. Cheap and the same
// everywhere; one pass over the text, which also gives the hashes that prefix caching compares.

/** Tokens of a text: whitespace-separated words, with CJK characters and punctuation marks counted one by one. */
export const countTokens = (text: string): number => scan(text, Infinity).tokens;

export interface ScannedText {
  readonly tokens: number;
  /** One per full block of `blockTokens` tokens; each hash covers the text from its start, so it is a chain. */
  readonly blockHashes: readonly number[];
}

export function scan(text: string, blockTokens: number): ScannedText {
  const blockHashes: number[] = [];
  let tokens = 0;
  let inWord = false;
  // Two lanes of FNV-1a (Fowler, Noll, Vo) over UTF-16 code units, with different primes.
  let left = 0x811c9dc5;
  let right = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const kind = kindOf(code);
    const begins = kind === SINGLE || (kind === WORD && !inWord);
    if (begins) {
      if (tokens > 0 && tokens % blockTokens === 0) blockHashes.push((left >>> 0) * 2_097_152 + (right >>> 11));
      tokens++;
    }
    if (kind !== CONTINUES) inWord = kind === WORD;
    left = Math.imul(left ^ code, 0x01000193);
    right = Math.imul(right ^ code, 0x5bd1e995);
    right ^= right >>> 15;
  }
  if (tokens > 0 && tokens % blockTokens === 0) blockHashes.push((left >>> 0) * 2_097_152 + (right >>> 11));
  return { tokens, blockHashes };
}

const SPACE = 0;
const WORD = 1;
const SINGLE = 2;
const CONTINUES = 3;

function kindOf(code: number): number {
  if (code < 0x80) return ASCII[code]!;
  if (code < 0x2000) return code === 0xa0 ? SPACE : WORD;
  if (code <= 0x200b || code === 0x2028 || code === 0x2029 || code === 0x3000 || code === 0xfeff) return SPACE;
  if (code <= 0x206f) return SINGLE;
  if (code >= 0x3001 && code <= 0x9fff) return SINGLE; // CJK punctuation, kana, ideographs
  if (code >= 0xac00 && code <= 0xd7af) return SINGLE; // Hangul syllables
  if (code >= 0xd800 && code <= 0xdbff) return SINGLE; // beyond the basic plane: counted at its first half
  if (code >= 0xdc00 && code <= 0xdfff) return CONTINUES;
  if ((code >= 0xf900 && code <= 0xfaff) || (code >= 0xff01 && code <= 0xff60)) return SINGLE;
  return WORD;
}

const ASCII = Uint8Array.from({ length: 0x80 }, (_, code) => {
  if (code <= 0x20 || code === 0x7f) return SPACE;
  return /[a-z0-9]/i.test(String.fromCharCode(code)) ? WORD : SINGLE;
});
