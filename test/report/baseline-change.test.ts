// The text of a baseline's pull request: what changes, in numbers; within GitHub's size; nothing from a file gets out of
// its place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BaselineFile } from '../../src/baseline/schema.ts';
import { addRun } from '../../src/baseline/update.ts';
import { renderBaselineChange } from '../../src/report/baseline-change.ts';
import { benchmarkRun } from '../baseline/records.ts';

const INPUT = {
  branch: 'main',
  own: 'plimsoll/baseline/main',
  refusal: 'Changes must be made through a pull request',
  runUrl: 'https://github.com/octo/serving/actions/runs/100',
};
const add = (
  file: BaselineFile | null,
  id: string,
  ttftMs: number,
  reason?: string,
  commit = 'c0ffee0',
): BaselineFile =>
  addRun(file, benchmarkRun(ttftMs, { id, more: { subject: { commit } } }), {
    keep: 10,
    ...(reason === undefined ? {} : { newSegment: { reason } }),
  }).file;
const render = (before: BaselineFile | null, after: BaselineFile, path = 'baselines/llm/gpu.json'): string =>
  renderBaselineChange({ ...INPUT, changes: [{ path, before, after }] });

test('level and spread before and after, of the boots that are new', () => {
  const before = add(add(null, 'a', 100), 'b', 102);
  const text = render(before, add(before, 'c', 130));
  assert.match(text, /\*\*1 boot waits/);
  assert.match(text, /`c#1`/);
  assert.doesNotMatch(text, /`b#1`/, 'what is stored already is not news');
  assert.match(
    text,
    /TTFT p95.*\| \+9\.1 %<br><sub>101\u00a0ms → 110\u00a0ms<\/sub> \| ±1\.40 % → ±14\.\d %|TTFT p95.*→ ±/,
  );
  assert.match(text, /2 → 3 boots/);
});

test('a first baseline has no before; a new level says its reason', () => {
  const first = add(null, 'a', 100);
  assert.match(render(null, first), /a new level begins \(first baseline\)/);
  const next = render(first, add(first, 'b', 200, 'quantised to FP8'));
  assert.match(next, /a new level begins \(quantised to FP8\)/);
  assert.match(next, /\+100\u00a0%/);
});

test('the commands carry each file from the branch to a checkout, whatever its name', () => {
  const text = render(null, add(null, 'a', 100), "baselines/llm/it's.json");
  assert.match(
    text,
    /plimsoll baseline promote 'origin\/main:baselines\/llm\/it'\\''s\.json' 'baselines\/llm\/it'\\''s\.json'/,
  );
});

test('ids, commits, reasons and refusals can do nothing in the text', () => {
  const hostile = '</details><!-- x --> @octocat #1 | `a` **b**\n# c';
  const text = renderBaselineChange({
    ...INPUT,
    refusal: hostile,
    changes: [{ path: hostile, before: null, after: add(null, hostile, 100, hostile, hostile) }],
  });
  assert.equal(text.match(/<\/details>/g)?.length, text.match(/<details>/g)?.length);
  // Inside of code nothing is read as anything.
  const outside = text.replaceAll(/^```sh$[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
  assert.doesNotMatch(outside, /<!--|^# |(?<!\\\*)\*\*b|@octocat|[^\\]#1/m);
});

test('however much waits, it fits, and says what was left out', () => {
  const files = Array.from({ length: 120 }, (_, at) => ({
    path: `baselines/llm-${at}/${'x'.repeat(120)}.json`,
    before: null,
    after: add(add(add(null, `${at}-a`, 100), `${at}-b`, 100), `${at}-c`, 100),
  }));
  const text = renderBaselineChange({ ...INPUT, changes: files });
  assert.ok(Buffer.byteLength(text) <= 65_000, String(Buffer.byteLength(text)));
  assert.match(text, /\*\*360 boots wait/);
  assert.match(text, /Shortened to fit/);
});
