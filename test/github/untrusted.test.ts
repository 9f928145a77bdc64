// What a fork's artifact may hold: a record, and nothing that is not one.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { parseConfig } from '../../src/config/load.ts';
import { PlimsollError } from '../../src/errors.ts';
import { readUntrusted } from '../../src/github/untrusted.ts';
import { judge } from '../../src/judge/judge.ts';
import type { RunRecord } from '../../src/record/schema.ts';
import { renderComment } from '../../src/report/comment.ts';
import { baselineOf, bootOf, inputOf, recordOf, rulesOf } from '../report/fixtures.ts';
import { temporaryFolder } from './repository.ts';

const COMMIT = 'a'.repeat(40);
const RECORD: RunRecord = recordOf([bootOf(1, { slow: 1 })], { subject: { commit: COMMIT } });
const EXPECTED = { deployment: RECORD.deployment, name: RECORD.name, commit: COMMIT };

function laid(t: TestContext, content: unknown): string {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'run.json'), typeof content === 'string' ? content : JSON.stringify(content));
  return folder;
}
const refused = (folder: string, words: RegExp, file = 'run.json'): void =>
  assert.throws(
    () => readUntrusted(folder, file, EXPECTED),
    (error) =>
      error instanceof PlimsollError &&
      error.code === 'ARTIFACT_REFUSED' &&
      error.exitCode === 4 &&
      (words.test(error.message) || assert.fail(error.message)),
  );

test('a record as a run leaves it is read, without its packed histograms', (t) => {
  const read = readUntrusted(laid(t, RECORD), 'run.json', EXPECTED);
  assert.equal(read.id, RECORD.id);
  assert.deepEqual(read.boots[0]!.stages[0]!.metrics, RECORD.boots[0]!.stages[0]!.metrics);
  assert.ok(RECORD.boots.some(({ stages }) => stages.some(({ histograms }) => histograms.ttft !== undefined)));
  for (const { stages } of read.boots) for (const { histograms } of stages) assert.deepEqual(histograms, {});
});

const changed = (change: object): unknown => ({ ...structuredClone(RECORD), ...change });
for (const [what, content, words] of [
  ['nothing', '', /no record/],
  ['no JSON', '<script>alert(1)</script>', /no record/],
  ['a list', [], /no record/],
  ['another file', { schema: 'plimsoll/verdict', outcome: 'pass' }, /should be "plimsoll\/run"/],
  ['another version', changed({ version: 2 }), /version 2/],
  ['a wrong type', changed({ boots: [{ ...RECORD.boots[0], stages: 'all fine' }] }), /stages/],
  ['a number that is none', JSON.stringify(RECORD).replace(/"durationMs":[\d.]+/, '"durationMs":1e999'), /durationMs/],
  ['another deployment', changed({ deployment: '../../etc' }), /the deployment "\.\.\/\.\.\/etc"/],
  ['another name', changed({ name: 'h100' }), /the name "h100"/],
  ['another commit', changed({ subject: { commit: 'b'.repeat(40) } }), /the commit b{40}/],
  ['no commit', changed({ subject: {} }), /the commit of nothing/],
  ['a baseline run, whose regressions are no failures', changed({ mode: 'baseline' }), /baseline mode/],
  ['a text without end', changed({ statusReason: 'x'.repeat(5_000) }), /5000 characters/],
  ['a name without end', changed({ subject: { commit: COMMIT, ['x'.repeat(300)]: 1 } }), /a field that no record has/],
  ['more boots than anyone waits for', changed({ boots: Array(51).fill(RECORD.boots[0]) }), /"boots" has 51 entries/],
  ['depth without end', `${'{"a":'.repeat(50)}1${'}'.repeat(50)}`, /nested/],
  ['depth that breaks parsers', '['.repeat(1_000_000), /no record/],
  ['a prototype', JSON.stringify(RECORD).replace('{', '{"__proto__":{"mode":"gate"},'), /__proto__/],
] as const) {
  test(`${what} is refused`, (t) => refused(laid(t, content), words));
}

test('more bytes than a record has are not even read', (t) => {
  const folder = laid(t, '{}');
  truncateSync(join(folder, 'run.json'), 64 * 1024 ** 3);
  refused(folder, /68719476736 bytes; at most/);
});

test('links, folders, pipes and ways out of the folder lead nowhere', (t) => {
  const outside = laid(t, RECORD);
  const folder = temporaryFolder(t);
  symlinkSync(join(outside, 'run.json'), join(folder, 'run.json'));
  refused(folder, /Cannot read run\.json/);
  symlinkSync(outside, join(folder, 'sim'));
  refused(folder, /its folder is a link/, 'sim/run.json');
  mkdirSync(join(folder, 'folder', 'run.json'), { recursive: true });
  refused(folder, /no regular file/, 'folder/run.json');
  mkdirSync(join(folder, 'pipe'));
  execFileSync('mkfifo', [join(folder, 'pipe', 'run.json')]);
  refused(folder, /no regular file/, 'pipe/run.json');
  refused(folder, /outside of the folder/, '../run.json');
  refused(join(folder, 'missing'), /ENOENT/);
});

test('whatever JSON lies there, the answer is a record of the run or a refusal', (t) => {
  const folder = temporaryFolder(t);
  const paths = pathsOf(RECORD, 6);
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 3 }), (path, value) => {
      const damaged = structuredClone(RECORD) as unknown;
      setAt(damaged, path, value);
      writeFileSync(join(folder, 'run.json'), JSON.stringify(damaged));
      try {
        assert.equal(readUntrusted(folder, 'run.json', EXPECTED).subject.commit, COMMIT);
      } catch (error) {
        assert.ok(error instanceof PlimsollError && error.code === 'ARTIFACT_REFUSED', String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test('whatever a readable record says, judging and telling it end soon, and nothing about it is green', (t) => {
  const folder = temporaryFolder(t);
  const paths = pathsOf(RECORD, Number.POSITIVE_INFINITY).filter(
    (path) => path[0] !== 'version' && typeof valueAt(RECORD, path) === 'number',
  );
  const file = baselineOf(5);
  const policy = parseConfig(rulesOf('10s'), { env: {} });
  const numbers = fc.constantFrom(0, -1, 0.5, 1e-300, 1e15, 1e300, -1e300);
  let told = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...paths), numbers), { minLength: 1, maxLength: 3 }), (changes) => {
      const damaged = structuredClone(RECORD) as unknown;
      for (const [path, value] of changes) setAt(damaged, path, value);
      writeFileSync(join(folder, 'run.json'), JSON.stringify(damaged));
      let record: RunRecord;
      try {
        record = readUntrusted(folder, 'run.json', EXPECTED);
      } catch (error) {
        return assert.ok(error instanceof PlimsollError && error.code === 'ARTIFACT_REFUSED', String(error));
      }
      const started = performance.now();
      const verdict = judge({
        record,
        lookup: { kind: 'found', path: 'b.json', file },
        policy,
        expected: ['benchmark', 'linear', 'step-surge'],
      });
      const input = { record, verdict, baseline: file, provenance: { ...inputOf().provenance, untrusted: true } };
      assert.doesNotMatch(renderComment(input), /✅|🟢/u);
      assert.ok(performance.now() - started < 5_000);
      told += 1;
    }),
    { numRuns: 200 },
  );
  assert.ok(told > 20, `only ${told} of 200 were records at all`);
});

/** @param most entries of each list or object that are looked into */
function pathsOf(value: unknown, most: number, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Object.entries(value)
    .slice(0, most)
    .flatMap(([key, one]) => pathsOf(one, most, [...path, key]));
  return path.length === 0 ? inner : [path, ...inner];
}

const valueAt = (target: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], target);

function setAt(target: unknown, path: readonly string[], value: unknown): void {
  (valueAt(target, path.slice(0, -1)) as Record<string, unknown>)[path.at(-1)!] = value;
}
