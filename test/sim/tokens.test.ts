import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { answerText } from '../../src/sim/api.ts';
import { countTokens, scan } from '../../src/sim/tokens.ts';

test('words, punctuation marks and CJK characters are a token each', () => {
  const cases: readonly [string, number][] = [
    ['', 0],
    [' \n\t ', 0],
    ['hello', 1],
    ['hello brave  world', 3],
    ['Hello, world!', 4],
    ['你好世界', 4],
    ['你好 world', 3],
    ['これはペンです。', 8],
    ['안녕', 2],
    ['Привет мир', 2],
    ['a\u3000b', 2],
    ['naïve café', 2],
    ['𠀀𠀁', 2],
    ['return x+1;', 5],
  ];
  for (const [text, tokens] of cases) assert.equal(countTokens(text), tokens, JSON.stringify(text));
});

test('texts joined by a space add up', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) =>
      assert.equal(countTokens(`${a} ${b}`), countTokens(a) + countTokens(b)),
    ),
  );
});

test('an answer of n tokens counts as n tokens', () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.nat(500), fc.integer({ min: 1, max: 60 }), (id, start, count) =>
      assert.equal(countTokens(answerText(id, start, count)), count),
    ),
  );
});

test('block hashes agree exactly as far as two texts do', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 0, maxLength: 60 });
  fc.assert(
    fc.property(words, words, words, (shared, restA, restB) => {
      const a = scan([...shared, 'x1', ...restA].join(' '), 4);
      const b = scan([...shared, 'y2', ...restB].join(' '), 4);
      assert.equal(a.blockHashes.length, Math.floor(a.tokens / 4));
      const common = Math.floor(shared.length / 4);
      // A text that only shares `shared` may not agree on the block in which the two part.
      for (let i = 0; i < Math.min(a.blockHashes.length, b.blockHashes.length); i++)
        assert.equal(a.blockHashes[i] === b.blockHashes[i], i < common, `block ${i}`);
    }),
  );
});
