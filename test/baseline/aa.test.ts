// What the ledger learns from A/A boots: which boots count, where the squares go, and that nothing counts twice.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { learnAa, otherWorkload } from '../../src/baseline/aa.ts';
import { spreadOfEntries } from '../../src/baseline/ledger.ts';
import { prune } from '../../src/baseline/prune.ts';
import { type BaselineFile, baselineFileSchema, type History } from '../../src/baseline/schema.ts';
import { learnAaInStore, readBaselineFile } from '../../src/baseline/store.ts';
import { addRun, promote } from '../../src/baseline/update.ts';
import { PlimsollError } from '../../src/errors.ts';
import { spreadsOf } from '../../src/judge/aa.ts';
import type { RunRecord } from '../../src/record/schema.ts';
import { spreadOf } from '../../src/stats/summary.ts';
import { benchmarkRun, measured, metric, type RecordOptions, record } from './records.ts';

/** Boots whose rounds scatter a little about each level. */
const stageAt = (ttftMs: number, more: Parameters<typeof measured>[2] = {}) =>
  measured('benchmark', { 'ttft.p95': metric([0.98, 1, 1.01, 0.99, 1.02].map((share) => share * ttftMs)) }, more);
const aa = (levels: readonly number[], options: RecordOptions = {}): RunRecord =>
  record(
    levels.map((level) => [stageAt(level)]),
    { ...options, more: { mode: 'measure', ...options.more } },
  );
const learn = (file: BaselineFile | null, run: RunRecord) => learnAa(file, run, spreadsOf);
const ttft = (file: BaselineFile) => spreadOfEntries(file.stages.benchmark!.at(-1)!.ledger['ttft.p95'], 5);
const recorded = (options: RecordOptions = {}): BaselineFile =>
  addRun(null, benchmarkRun(100, options), { keep: 10 }).file;
const changeBoot = (run: RunRecord, boot: number, change: Partial<RunRecord['boots'][number]>): RunRecord => ({
  ...run,
  boots: run.boots.map((one) => (one.index === boot ? { ...one, ...change } : one)),
});

test('A/A boots give the ledger the squares about their own mean, and the history neither level nor boot', () => {
  const before = recorded();
  const { file, learnt, boots } = learn(before, aa([150, 153, 148], { id: 'night' }));
  const expected = spreadOf([150, 153, 148].map(Math.log));
  assert.deepEqual(learnt, [{ stage: 'benchmark', boots: 3 }]);
  assert.deepEqual(boots, [1, 2, 3]);
  assert.equal(ttft(file).df, 2);
  assert.ok(Math.abs(ttft(file).ss / expected.ss - 1) < 1e-6);
  const strip = (one: BaselineFile) => ({
    ...one,
    stages: { benchmark: [{ ...one.stages.benchmark![0]!, ledger: {} }] },
  });
  assert.deepEqual(strip(file), strip(before));
  assert.doesNotThrow(() => baselineFileSchema.parse(file));
});

test('one boot teaches nothing and changes nothing', () => {
  const before = recorded();
  const { file, learnt, boots } = learn(before, aa([150]));
  assert.equal(file, before);
  assert.deepEqual([learnt, boots], [[], [1]]);
});

test('a run learnt again after each boot counts once, whatever was measured before it', () => {
  const other = learn(recorded(), aa([90, 91], { id: 'other' })).file;
  const levels = [100, 104, 99, 101];
  let file = other;
  for (let boots = 1; boots <= levels.length; boots++)
    file = learn(file, aa(levels.slice(0, boots), { id: 'grows' })).file;
  assert.deepEqual(file, learn(other, aa(levels, { id: 'grows' })).file);
  assert.equal(ttft(file).df, 3 + 1);
});

test('without a history the ledger waits for it: the first recorded boot finds what was learnt', () => {
  const { file } = learn(null, aa([100, 104, 99]));
  assert.deepEqual(file.stages.benchmark![0]!.segments, []);
  const after = addRun(file, benchmarkRun(100), { keep: 10 }).file;
  assert.equal(after.stages.benchmark!.length, 1);
  assert.equal(after.stages.benchmark![0]!.segments[0]!.reason, 'first baseline');
  assert.equal(ttft(after).df, 2);
  assert.equal(ttft(prune(after, 1)).df, 2);
  assert.equal(ttft(promote(after, null, 'release')).df, 2);
});

test('boots that failed, were invalid or are another deployment do not count, and say why', () => {
  const invalid = {
    code: 'client_achieved',
    message: 'the client sent 80 %',
    advice: 'more workers',
    phase: null,
  } as const;
  let run = aa([100, 104, 99, 500, 101, 102]);
  run = changeBoot(run, 2, { stages: [stageAt(700, { invalid: [invalid] })] as RunRecord['boots'][number]['stages'] });
  run = changeBoot(run, 4, { end: 'died', reason: 'out of memory' });
  run = changeBoot(run, 5, { subject: { engineVersion: '0.10', dirty: true } });
  for (const boot of [1, 2, 3, 6])
    run = changeBoot(run, boot, { subject: { engineVersion: '0.9', dirty: boot === 1 } });
  const { file, refused, boots } = learn(recorded(), run);
  assert.deepEqual(boots, [1, 3, 6]);
  assert.ok(Math.abs(ttft(file).ss / spreadOf([100, 99, 102].map(Math.log)).ss - 1) < 1e-6);
  const reasons = Object.fromEntries(refused.map(({ boot, reason }) => [boot, reason]));
  assert.match(reasons[2]!, /benchmark: the client sent 80 %/);
  assert.match(reasons[4]!, /did not complete \(out of memory\)/);
  assert.match(reasons[5]!, /not the deployment of the first boot: engineVersion was 0\.9, is 0\.10$/);
});

test('a run that was cancelled teaches what it had measured', () => {
  const run = changeBoot(aa([100, 104, 99], { more: { status: 'incomplete', statusReason: 'cancelled' } }), 3, {
    end: 'cancelled',
    stages: [],
  });
  const { file, boots } = learn(recorded(), run);
  assert.deepEqual(boots, [1, 2]);
  assert.equal(ttft(file).df, 1);
});

test('another deployment, environment or workload is refused by name', () => {
  const before = recorded();
  const refuses = (run: RunRecord, pattern: RegExp) =>
    assert.throws(
      () => learn(before, run),
      (error) => error instanceof PlimsollError && error.code === 'BASELINE_REFUSED' && pattern.test(error.message),
    );
  refuses(aa([100, 101], { more: { deployment: 'other' } }), /"llm", not to "other"/);
  refuses(
    aa([100, 101], { environment: { gpu: 'L4', gpus: 1, driver: 550, method: 1 } }),
    /gpu is H100 there, L4 here/,
  );
  const elsewhere = aa([100, 101], { keys: { benchmark: 'poisson 9/s' } });
  const { file, learnt, refused } = learn(before, elsewhere);
  assert.equal(file, before);
  assert.deepEqual(learnt, []);
  assert.match(refused[0]!.reason, /workload differs .*load is poisson 8\/s there, poisson 9\/s here/);
  assert.match(otherWorkload(before, 'benchmark', elsewhere.workloads.benchmark!)!, /load is poisson 8\/s there/);
  assert.equal(otherWorkload(before, 'linear', elsewhere.workloads.benchmark!), null);
});

test('an older workload that the configuration went back to is found, and stays older', () => {
  const run = benchmarkRun(100, { keys: { benchmark: 'newer' } });
  const before = addRun(recorded(), run, { keep: 10 }).file;
  const { file } = learn(before, aa([100, 101]));
  assert.deepEqual(
    file.stages.benchmark!.map(({ key, ledger }) => [key, spreadOfEntries(ledger['ttft.p95'], 5).df]),
    [
      ['key-benchmark', 1],
      ['newer', 0],
    ],
  );
});

test('tokens counted by another source, and goodput by another SLO, do not mix with the stored ones', () => {
  const chunks = { stream: { coalescedShare: 0, tokensPerChunk: 1, tokenSource: 'chunks' } };
  const { learnt, refused } = learn(recorded(), record([[stageAt(100, chunks)], [stageAt(101, chunks)]]));
  assert.deepEqual(learnt, []);
  assert.match(refused[0]!.reason, /counted by chunks, those of the stored boots by usage$/);

  const run = (slo: number, shares: readonly number[]): RunRecord =>
    record(
      shares.map((share) => [
        measured('benchmark', { 'goodput.share': metric([share]), 'ttft.p95': metric([100 * share]) }),
      ]),
      { more: { slo: { ttftMs: slo } } },
    );
  const ids = (file: BaselineFile) => Object.keys(file.stages.benchmark![0]!.ledger);
  const before = addRun(null, run(500, [0.9]), { keep: 10 }).file;
  assert.deepEqual(ids(learn(before, run(500, [0.9, 0.8])).file), ['goodput.share', 'ttft.p95']);
  assert.deepEqual(ids(learn(before, run(300, [0.9, 0.8])).file), ['ttft.p95']);
});

test('no boot is both listed and learnt from, in whichever order it is tried', () => {
  const run = aa([100, 104, 99], { id: 'both', more: { mode: 'gate' } });
  const learntFirst = addRun(learn(recorded(), run).file, run, { keep: 10 });
  assert.deepEqual(learntFirst.added, []);
  assert.match(learntFirst.refused[0]!, /both#1 benchmark: the ledger has learnt from it/);
  const listed = addRun(recorded(), run, { keep: 10 }).file;
  const { file, refused } = learn(listed, run);
  assert.equal(file, listed);
  assert.match(refused[0]!.reason, /it is a boot of the baseline/);
});

test('in whatever order runs are learnt, and boots came, the pooled spread is the same', () => {
  const level = fc.double({ min: 50, max: 200, noNaN: true });
  const runs = fc.array(fc.array(level, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 });
  const pooled = (all: readonly RunRecord[]) => {
    const file = all.reduce((before, run) => learn(before, run).file, recorded());
    return ttft(file);
  };
  fc.assert(
    fc.property(runs, fc.integer(), (levels, seed) => {
      const shuffled = <T>(list: readonly T[]): T[] =>
        list
          .map((one, index) => ({ one, at: Math.sin(seed + index) }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
      const inOrder = pooled(levels.map((each, index) => aa(each, { id: `r${index}` })));
      const mixed = pooled(shuffled(levels.map((each, index) => aa(shuffled(each), { id: `r${index}` }))));
      assert.equal(mixed.df, inOrder.df);
      assert.equal(
        inOrder.df,
        levels.reduce((sum, each) => sum + each.length - 1, 0),
      );
      assert.ok(Math.abs(mixed.ss - inOrder.ss) <= 1e-12 * (1 + inOrder.ss));
      const expected = levels.reduce((sum, each) => sum + spreadOf(each.map(Math.log)).ss, 0);
      assert.ok(Math.abs(inOrder.ss - expected) <= 1e-6 * (expected + 1e-9), `${inOrder.ss} ≠ ${expected}`);
    }),
    { numRuns: 60 },
  );
});

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-aa-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('the store keeps what others added while the boots ran', () => {
  const store = join(folder, 'store');
  const once = learnAaInStore(store, aa([100, 104], { id: 'night' }), spreadsOf);
  const meanwhile = learnAaInStore(store, aa([100, 101], { id: 'other machine of the same kind' }), spreadsOf);
  assert.equal(meanwhile.path, once.path);
  learnAaInStore(store, aa([100, 104, 99], { id: 'night' }), spreadsOf);
  const { ledger }: History = readBaselineFile(once.path!).stages.benchmark![0]!;
  assert.deepEqual(ledger['ttft.p95']!.map(({ kind, df }) => [kind, df]).sort(), [
    ['aa', 1],
    ['aa', 2],
  ]);
  assert.match(readFileSync(once.path!, 'utf8'), /"ttft\.p95": \[\{ "df": 1, "kind": "aa".*\n/);
  assert.equal(learnAaInStore(join(folder, 'empty'), aa([100]), spreadsOf).path, null);
});
