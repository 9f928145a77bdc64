// Header lines, read by a walk over their characters.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readFields } from '../../src/transport/fields.ts';

const NAME = "!#$%&'*+-.^_`|~0123456789abcXYZ";
const VALUE = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter((char) =>
  /[\t\x20-\x7e\x80-\xff]/.test(char),
);
const textOf = (chars: Iterable<string>, minLength: number) =>
  fc.string({ unit: fc.constantFrom(...chars), minLength });
const blanks = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 3 });

test('every field is read by its lower-case name, without the blanks around it; repeated ones are a list', () => {
  const field = fc.record({ name: textOf(NAME, 1), before: blanks, value: textOf(VALUE, 0), after: blanks });
  fc.assert(
    fc.property(fc.array(field), fc.string({ unit: 'binary-ascii' }), (fields, lead) => {
      const expected: Record<string, string[]> = Object.create(null);
      for (const { name, value } of fields) {
        expected[name.toLowerCase()] ??= [];
        expected[name.toLowerCase()]!.push(value.replace(/^[ \t]+|[ \t]+$/g, ''));
      }
      const lines = fields.map(({ name, before, value, after }) => `${name}:${before}${value}${after}\r\n`);
      const read = readFields(`${lead}${lines.join('')}\r\n`, lead.length);
      assert.deepEqual(Object.keys(read), Object.keys(expected));
      for (const [name, values] of Object.entries(expected))
        assert.deepEqual(read[name], values.length === 1 ? values[0] : values);
    }),
  );
});

test('whatever is not a field is refused, wherever it stands', () => {
  const bad = ['no colon', ': no name', 'a b: c', 'ä: c', 'a:\u0000', 'a: b\u007f', ' folded', 'a : b', 'a: b\u0001c'];
  for (const line of bad)
    for (const block of [`${line}\r\n\r\n`, `x: y\r\n${line}\r\n\r\n`, `${line}\r\nx: y\r\n\r\n`])
      assert.throws(() => readFields(block, 0), /bad header line/, JSON.stringify(block));
});

test('names of the language’s own objects are names like any other', () => {
  const read = readFields('__proto__: a\r\nconstructor: b\r\nConstructor: c\r\n\r\n', 0);
  assert.deepEqual(Object.entries(read), [
    ['__proto__', 'a'],
    ['constructor', ['b', 'c']],
  ]);
});
