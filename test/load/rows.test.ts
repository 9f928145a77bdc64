import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { packRows, unpackRows } from '../../src/load/rows.ts';
import { OUTCOMES, type Timeline } from '../../src/load/timeline.ts';

const count = fc.nat({ max: 2 ** 31 });
const moment = fc.double({ min: -1e6, max: 1e9, noNaN: true });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const text = maybe(fc.string({ unit: 'binary' }));
const row: fc.Arbitrary<Timeline> = fc.record(
  {
    request: count,
    phase: fc.nat({ max: 1_000 }),
    worker: fc.constant(3),
    plannedMs: maybe(moment),
    sentMs: moment,
    headersMs: maybe(moment),
    firstByteMs: maybe(moment),
    firstTokenMs: maybe(moment),
    firstContentMs: maybe(moment),
    lastTokenMs: maybe(moment),
    endMs: moment,
    outcome: fc.constantFrom(...OUTCOMES),
    status: maybe(fc.integer({ min: 100, max: 599 })),
    error: text,
    promptTokens: maybe(count),
    outputTokens: maybe(count),
    tokenSource: maybe(fc.constantFrom('usage', 'chunks')),
    maxTokens: count,
    chunks: count,
    coalesced: count,
    bytes: count,
    finish: text,
    reused: fc.boolean(),
    connectMs: maybe(moment),
    retried: fc.boolean(),
    serverId: text,
  },
  { noNullPrototype: true },
);

test('rows come out of their package as they went in, also through a message to another thread', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 20 }), (rows) => {
      const packed = packRows(rows);
      const sent = structuredClone(packed, { transfer: [packed.numbers.buffer] });
      assert.deepEqual(unpackRows(sent, 3), rows);
    }),
  );
});
