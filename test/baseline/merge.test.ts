// Two versions of one history brought together: every boot of either once, each at its level.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatBaseline } from '../../src/baseline/codec.ts';
import { mergeBaselines } from '../../src/baseline/merge.ts';
import type { BaselineFile } from '../../src/baseline/schema.ts';
import { bootIds } from '../../src/baseline/series.ts';
import { addRun } from '../../src/baseline/update.ts';
import { benchmarkRun } from './records.ts';

let runs = 0;
const add = (file: BaselineFile | null, newSegment?: string): BaselineFile =>
  addRun(file, benchmarkRun(100, { id: `merged-${++runs}` }), {
    keep: 4,
    ...(newSegment === undefined ? {} : { newSegment: { reason: newSegment } }),
  }).file;
const historyOf = (file: BaselineFile) => file.stages.benchmark!.at(-1)!;
const idsOf = (file: BaselineFile): string[] => [...bootIds(historyOf(file))].sort();

test('boots of both are kept once, in the order of their recording', () => {
  const fork = add(null);
  const [onto, pending] = [add(fork), add(fork)];
  const merged = mergeBaselines(onto, pending);
  assert.deepEqual(idsOf(merged), [...new Set([...idsOf(onto), ...idsOf(pending)])].sort());
  const [segment, ...others] = historyOf(merged).segments;
  assert.deepEqual(others, []);
  const times = segment!.boots.map(({ at }) => at);
  assert.deepEqual(times, times.toSorted());
});

test('a level that began on either side stays one of its own', () => {
  const fork = add(null);
  const here = mergeBaselines(add(fork, 'accepted here'), add(fork));
  assert.deepEqual(
    historyOf(here).segments.map(({ reason, boots }) => [reason, boots.length]),
    [
      ['first baseline', 2],
      ['accepted here', 1],
    ],
  );
  const there = mergeBaselines(add(fork), add(fork, 'accepted there'));
  assert.deepEqual(
    historyOf(there).segments.map(({ reason, boots }) => [reason, boots.length]),
    [
      ['first baseline', 2],
      ['accepted there', 1],
    ],
  );
});

test('what the other has already changes nothing', () => {
  const fork = add(null);
  const onto = add(add(fork));
  assert.equal(formatBaseline(mergeBaselines(onto, fork)), formatBaseline(onto));
  assert.equal(formatBaseline(mergeBaselines(onto, onto)), formatBaseline(onto));
});

test('however far both went, pruned or not: every boot of either is known, none is listed twice', () => {
  fc.assert(
    fc.property(fc.nat(7), fc.nat(7), fc.nat(7), (before, left, right) => {
      const times = (count: number, from: BaselineFile | null): BaselineFile | null =>
        Array.from({ length: count }).reduce<BaselineFile | null>((file) => add(file), from);
      const fork = times(before + 1, null);
      const [onto, pending] = [times(left, fork)!, times(right, fork)!];
      const merged = mergeBaselines(onto, pending);
      assert.deepEqual(idsOf(merged), [...new Set([...idsOf(onto), ...idsOf(pending)])].sort());
      const listed = historyOf(merged).segments.flatMap(({ boots }) => boots.map(({ id }) => id));
      assert.equal(new Set(listed).size, listed.length);
      assert.ok(listed.length <= 4);
      assert.equal(formatBaseline(mergeBaselines(merged, pending)), formatBaseline(merged), 'twice is once');
    }),
    { numRuns: 50 },
  );
});
