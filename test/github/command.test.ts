// The grammar of commands: what is one, what nearly is, and what is none of our business.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCommand } from '../../src/github/command.ts';

const nearly = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '/plimsoll',
        ' ',
        '\n',
        '\r\n',
        '\t',
        'accept',
        'rerun',
        'Accept',
        '> ',
        '`',
        '\u200b',
        '\u2028',
        '\u202e',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

test('what is taken for a command is spelled exactly so, and what is not is not carried out', () => {
  fc.assert(
    fc.property(nearly, (body) => {
      const command = parseCommand(body);
      if (command === null) return assert.doesNotMatch(body, /^\/plimsoll(?:\s|$)/);
      assert.ok(body.startsWith('/plimsoll'));
      if (command === 'unknown') return;
      const spelled =
        command.kind === 'rerun'
          ? '/plimsoll rerun'
          : `/plimsoll accept${command.reason === null ? '' : ` ${command.reason}`}`;
      assert.equal(body.replace(/[ \t\r\n]+$/, ''), spelled);
      assert.doesNotMatch(spelled, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      assert.ok([...spelled].length <= 217);
    }),
    { numRuns: 5_000 },
  );
});

test('any reason of one printable line is kept as it was written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (text) => {
      const reason = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim();
      fc.pre(reason !== '' && [...reason].length <= 200);
      assert.deepEqual(parseCommand(`/plimsoll accept ${reason}\r\n`), { kind: 'accept', reason });
    }),
  );
});

for (const [body, expected] of [
  ['/plimsoll accept', { kind: 'accept', reason: null }],
  [
    '/plimsoll accept quantised to FP8, agreed in #123\n',
    { kind: 'accept', reason: 'quantised to FP8, agreed in #123' },
  ],
  ['/plimsoll rerun', { kind: 'rerun' }],
  ['/plimsoll', 'unknown'],
  ['/plimsoll  accept', 'unknown'],
  ['/plimsoll accept  two spaces', 'unknown'],
  ['/plimsoll Accept', 'unknown'],
  ['/plimsoll accepted', 'unknown'],
  ['/plimsoll rerun now', 'unknown'],
  ['/plimsoll accept one\ntwo', 'unknown'],
  ['/plimsoll accept one\u2028two', 'unknown'],
  [`/plimsoll accept ${'x'.repeat(201)}`, 'unknown'],
  ['/plimsoll accept \u202egnp', 'unknown'],
  [' /plimsoll accept', null],
  ['> /plimsoll accept', null],
  ['Try:\n/plimsoll accept', null],
  ['`/plimsoll accept`', null],
  ['/plimsoll-bot accept', null],
  ['/PLIMSOLL accept', null],
  ['', null],
] as const) {
  test(`${JSON.stringify(body.slice(0, 40))} is ${expected === null ? 'none of our business' : JSON.stringify(expected)}`, () =>
    assert.deepEqual(parseCommand(body), expected));
}
