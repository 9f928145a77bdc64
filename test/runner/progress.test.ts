import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadPlan } from '../../src/load/plan.ts';
import type { LoadProgress } from '../../src/load/result.ts';
import { createLiveProgress, createLogProgress } from '../../src/runner/progress.ts';

const load = { kind: 'open', process: 'poisson', from: 8, to: 8 } as const;
const plan: LoadPlan = {
  stage: 'benchmark',
  seed: 1,
  phases: [
    { name: 'ramp-in', kind: 'rampIn', startMs: 0, durationMs: 10_000, load, pattern: 0 },
    { name: 'round-1', kind: 'round', startMs: 10_000, durationMs: 60_000, load, pattern: 1 },
  ],
  drainMs: 1,
  maxInFlight: 1,
  requestTimeoutMs: 1,
  stallTimeoutMs: 1,
};
const at = (elapsedMs: number, part: Partial<LoadProgress> = {}): LoadProgress => ({
  elapsedMs,
  totalMs: 70_000,
  phase: elapsedMs < 10_000 ? 0 : 1,
  draining: false,
  inFlight: 12,
  sent: 100,
  done: 88,
  failed: 0,
  requestsPerSecond: 7.9,
  tokensPerSecond: 812.4,
  ttftP95Ms: 431.2,
  ...part,
});

test('a log says stage, phase, offered load, throughput, p95 and how long to go, at each phase and every ten seconds', () => {
  const lines: string[] = [];
  const progress = createLogProgress((line) => lines.push(line), 'plain');
  for (let ms = 500; ms < 70_000; ms += 500) progress.load(plan, at(ms), 120_000);
  assert.equal(lines.length, 1 + 1 + 5, lines.join('\n'));
  assert.match(
    lines[1]!,
    /benchmark round-1 .*8\.0\/s offered .*7\.9 req\/s .*812 tok\/s .*TTFT p95 431 ms .*12 in flight .*1:00 left, 3:00 in all/,
  );
});

test('a GitHub log groups sections, closes the last, and turns warnings into commands of one line', () => {
  const lines: string[] = [];
  const progress = createLogProgress((line) => lines.push(line), 'github');
  progress.section('Boot 1');
  progress.warn('two\nlines');
  progress.section('Boot 2');
  progress.end();
  assert.deepEqual(lines, [
    '::group::Boot 1',
    '::warning::two lines',
    '::endgroup::',
    '::group::Boot 2',
    '::endgroup::',
  ]);
});

test('on a terminal the load is one line drawn in place, no wider than the window, and never mixed with what scrolls', () => {
  let screen = '';
  const stream = {
    columns: 60,
    write: (text: string) => {
      screen += text;
      return true;
    },
  } as unknown as NodeJS.WriteStream;
  const progress = createLiveProgress(stream);
  progress.section('Boot 1');
  progress.load(plan, at(500), 0);
  progress.load(plan, at(1_000, { failed: 3, ttftP95Ms: null }), 0);
  progress.note('round 2 is replaced');
  progress.end();
  const redraws = screen.split('\r\x1b[2K');
  assert.equal(redraws.length, 3, 'each drawing is erased once');
  for (const drawn of redraws.slice(0, -1)) assert.ok(drawn.split('\n').at(-1)!.length < 60);
  assert.match(redraws[1]!, /benchmark ramp-in/);
  assert.ok(redraws[2]!.includes('round 2 is replaced\n'));
});
