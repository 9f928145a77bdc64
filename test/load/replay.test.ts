// A trace from its file to the requests on the wire, through the planner and through worker threads.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { runLoad } from '../../src/load/load.ts';
import type { Timeline } from '../../src/load/timeline.ts';
import { planStages } from '../../src/runner/plans.ts';
import { openWorkload, type WorkloadRef } from '../../src/workload/workload.ts';
import { startTorture, stream } from './torture.ts';
import { playLoad } from './virtual-load.ts';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-replay-'));
after(() => rmSync(folder, { recursive: true }));

// 200 a second before the speed-up of 4, in bursts of ten; five prompts share their first block.
const TRACE = Array.from({ length: 1_200 }, (_, i) => ({
  timestamp: 5_000 + Math.floor(i / 10) * 50,
  input_length: 520 + (i % 30),
  output_length: 1 + (i % 7),
  hash_ids: [i % 5, 1_000 + i],
}));
writeFileSync(join(folder, 't.jsonl'), TRACE.map((line) => JSON.stringify(line)).join('\n'));
const config = parseConfig(
  `deployment: { name: d, kind: external, url: "http://127.0.0.1:1" }
workload: { model: m }
stages:
  benchmark: { replay: { file: t.jsonl, speedup: 4 }, rounds: 2, duration: 800ms, rampIn: 200ms }
`,
  { env: {} },
);
const plan = planStages(config, { kind: 'none', reason: '' }, folder).plans.get('benchmark')!;
const workload: WorkloadRef = { config: config.workload, engine: 'openai', baseDir: folder, stage: 'benchmark' };
const due = TRACE.map((line) => ({ ...line, atMs: (line.timestamp - 5_000) / 4 })).filter(({ atMs }) => atMs < 1_000);

test('every request of the trace is sent once, at its time and with its lengths, by any number of workers', async () => {
  assert.equal(due.length, 800);
  const texts: string[][] = [];
  for (const workers of [1, 3]) {
    const seen: { content: string; maxTokens: number }[] = [];
    await using server = await startTorture((connection) => {
      const { messages, max_tokens: maxTokens } = JSON.parse(connection.body);
      seen.push({ content: messages[0].content, maxTokens });
      return stream(2)(connection);
    });
    const rows: Timeline[] = [];
    const result = await runLoad(
      { plan, target: { url: server.url, headers: {} }, workload, workers },
      { onRows: (batch) => rows.push(...batch) },
    );
    assert.equal(result.end, 'complete');
    assert.deepEqual(
      result.phases.map(({ planned, sent, dropped }) => [planned, sent, dropped]),
      [
        [160, 160, 0],
        [320, 320, 0],
        [320, 320, 0],
      ],
    );
    rows.sort((a, b) => a.request - b.request);
    assert.deepEqual(
      rows.map(({ plannedMs, maxTokens }) => [plannedMs, maxTokens]),
      due.map(({ atMs, output_length: maxTokens }) => [atMs, maxTokens]),
    );
    assert.deepEqual(
      seen.map(({ maxTokens }) => maxTokens).sort(),
      due.map(({ output_length: maxTokens }) => maxTokens).sort(),
    );
    assert.equal(new Set(seen.map(({ content }) => content.slice(0, 1_500))).size, 5, 'one opening a first block');
    texts.push(seen.map(({ content }) => content).sort());
  }
  assert.deepEqual(texts[0], texts[1]);
});

test('in virtual time the same trace is played', () => {
  const { rows, load } = playLoad(plan, openWorkload(workload), {});
  assert.deepEqual(
    rows.map(({ plannedMs, maxTokens, promptTokens }) => [plannedMs, maxTokens, promptTokens]),
    due.map((line) => [line.atMs, line.output_length, line.input_length]),
  );
  assert.deepEqual(
    load.phases.map(({ planned }) => planned),
    [160, 320, 320],
  );
});
