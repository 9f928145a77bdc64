import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeldBytes } from '../../src/load/held-bytes.ts';

test('what was pushed is held in order, up to the limit, whatever became of the pieces since', () => {
  const piece = fc.uint8Array({ maxLength: 700 });
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 8 }), { maxLength: 4 }), fc.nat(2_000), (rounds, limit) => {
      const held = new HeldBytes(limit);
      // Cleared in between: nothing of an earlier round is left.
      for (const pieces of rounds) {
        held.clear();
        for (const bytes of pieces) {
          const owned = Buffer.from(bytes);
          held.push(owned);
          owned.fill(0x21);
        }
        const all = Buffer.concat(pieces).subarray(0, limit);
        assert.equal(held.length, all.length);
        assert.equal(held.text('latin1'), all.toString('latin1'));
      }
    }),
  );
});

test('a character that came in two pieces is whole', () => {
  const held = new HeldBytes();
  for (const byte of Buffer.from('é✓')) held.push(Buffer.of(byte));
  assert.equal(held.text('utf8'), 'é✓');
});

test('a large buffer is given back when it is cleared, a small one is used again', () => {
  const held = new HeldBytes();
  const grown = (bytes: number): number => {
    const before = process.memoryUsage().arrayBuffers;
    for (let at = 0; at < bytes; at += 1_024) held.push(KIB);
    return process.memoryUsage().arrayBuffers - before;
  };
  assert.ok(grown(8_192) >= 8_192);
  held.clear();
  assert.ok(grown(8_192) <= 0);
  held.clear();
  assert.ok(grown(1_048_576) >= 1_048_576);
  held.clear();
  assert.ok(grown(8_192) > 0);
});
const KIB = Buffer.alloc(1_024);
