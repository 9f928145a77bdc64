import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codeBlock, escapeHtml, escapeMarkdown, escapeTerminal, inlineCode } from '../../src/report/escape.ts';
import { tableMarkdown } from '../../src/report/table.ts';
import { HOSTILE } from './fixtures.ts';

/** Texts that are mostly made of what means something to somebody. */
const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...HOSTILE,
        '<',
        '>',
        '&',
        '|',
        '`',
        '```',
        '~~~',
        '@',
        '#',
        ':',
        '$',
        '\\',
        '[',
        ']',
        '(',
        '!',
        '*',
        '_',
        '-',
        '\n',
        '\r\n',
        '\u2028',
        '\u0085',
        '\u202e',
        '\u200b',
        '\ud800',
      ),
      fc.constantFrom(
        '<!--',
        '-->',
        '<!-- plimsoll',
        '</details>',
        'http://',
        'www.',
        'GH-1',
        '1. ',
        '&#64;',
        '&lt;',
        'a',
        '7',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

const lines = /[\n\r\u2028\u2029\u0085\v\f]/;
/** What is left of escaped Markdown once its own backslash escapes and entities are taken out. */
const bare = (markdown: string): string =>
  markdown.replace(/\\[!-/:-@[-`{-~]/g, 'x').replace(/&(?:#\d+|[a-z]+);/g, '\u200b');

test('escaped Markdown holds no active character, on one line', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const escaped = escapeMarkdown(text);
      assert.doesNotMatch(escaped, lines);
      assert.doesNotMatch(bare(escaped), /[<>`*_[\]|~$&#\\]/);
      assert.doesNotMatch(bare(escaped), /^(?:[-+=] |\d+[.)](?:\s|$)|\s)/);
    }),
    { numRuns: 2_000 },
  );
});

test('escaped Markdown holds no mention, reference, emoji code or address, even once its entities are decoded', () => {
  const decoded = (markdown: string): string =>
    markdown
      .replace(/\\([!-/:-@[-`{-~])/g, '$1')
      .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
      .replace(/&lt;/g, '<')
      .replace(/&gt;/g, '>')
      .replace(/&amp;/g, '&');
  fc.assert(
    fc.property(nasty, (text) => {
      assert.doesNotMatch(decoded(escapeMarkdown(text)), /@[a-z\d]|#\d|\bGH-\d|:[a-z_]+:|:\/\/|\bwww\./i);
    }),
    { numRuns: 2_000 },
  );
});

test('escaped Markdown shows every visible character of its text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 80 }), (text) => {
      const shown = escapeMarkdown(text)
        .replace(/&#8203;/g, '')
        .replace(/\\([!-/:-@[-`{-~])/g, '$1')
        .replace(/&#36;/g, '$')
        .replace(/&lt;/g, '<')
        .replace(/&gt;/g, '>')
        .replace(/&amp;/g, '&');
      assert.equal(shown, text.trim());
    }),
  );
});

test('ordinary numbers and names stay readable', () => {
  for (const text of ['33.1 req/s', '+13.4 %', '−8.5 %', 'TTFT p95 (benchmark)', '10:30:00Z', '-3'])
    assert.equal(escapeMarkdown(text), text);
});

test('inline code never ends early, splits a cell or holds a tag', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const code = inlineCode(text);
      assert.doesNotMatch(code, lines);
      assert.equal(code === '(empty)' ? 2 : code.split('`').length - 1, 2);
      assert.doesNotMatch(code, /\||<[a-z/!?]/i);
    }),
    { numRuns: 2_000 },
  );
});

test('a code block is left only by its own fence', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const block = codeBlock(text, 'text').split('\n');
      assert.equal(block.filter((line) => /^\s*(?:```|~~~)/.test(line)).length, 2);
      assert.doesNotMatch(block.join('\n'), /<!--|<\/details/i);
    }),
    { numRuns: 2_000 },
  );
});

test('any text stays inside its table cell', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(nasty, nasty, nasty), { minLength: 1, maxLength: 5 }), (rows) => {
      const table = tableMarkdown({
        columns: [{ title: 'a' }, { title: 'b' }, { title: 'c' }],
        rows: rows.map(([a, b, c]) => [
          { text: a, strong: true },
          { text: b, code: true },
          { text: c, sub: a, glyph: '❌' },
        ]),
      });
      const written = table.split('\n');
      assert.equal(written.length, rows.length + 2);
      for (const row of written) assert.equal(row.replace(/\\[\\|]/g, '').split('|').length, 5, row);
    }),
  );
});

test('escaped HTML holds no tag, quote or bare ampersand', () => {
  fc.assert(
    fc.property(nasty, (text) =>
      assert.doesNotMatch(escapeHtml(text).replace(/&(?:amp|lt|gt|quot|#39);/g, ''), /[<>"'&]/),
    ),
  );
});

test('text for the terminal moves no cursor and sets no colour', () => {
  fc.assert(fc.property(nasty, (text) => assert.doesNotMatch(escapeTerminal(text), /[\p{Cc}\p{Cf}]/u)));
  assert.equal(escapeTerminal('\u001b[32mPASS\u001b[0m'), 'PASS');
});

test('long text is cut at whole characters', () => {
  assert.equal(escapeTerminal('😀'.repeat(10), 4), '😀😀😀…');
});
