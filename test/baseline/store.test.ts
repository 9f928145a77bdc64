// The store on disk and in git: found by environment, damaged files named and left alone, text that reads and diffs well.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { BaselineFile } from '../../src/baseline/schema.ts';
import {
  addRunToStore,
  findBaseline,
  formatBaseline,
  listStore,
  parseBaseline,
  promoteFile,
  pruneFile,
  readBaselineFile,
  saveBaseline,
  showBaseline,
} from '../../src/baseline/store.ts';
import { addRun, promote } from '../../src/baseline/update.ts';
import { type ErrorCode, PlimsollError } from '../../src/errors.ts';
import { environmentSlug } from '../../src/record/keys.ts';
import { createRepository } from '../github/repository.ts';
import { benchmarkRun, ENVIRONMENT, measured, metric, record } from './records.ts';

const folder = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'plimsoll-store-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
};
const throwsCode = (action: () => unknown, code: ErrorCode, words: RegExp): void =>
  assert.throws(action, (error) => {
    assert.ok(error instanceof PlimsollError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, words);
    return true;
  });
const whole = (): BaselineFile =>
  [1, 2, 3].reduce<BaselineFile | null>(
    (file, run) =>
      addRun(
        file,
        record([
          [
            measured('benchmark', { 'ttft.p95': metric([100 + run, 101, null, 99.123456789, 100]) }),
            measured('linear', { 'knee.rate': metric([20 + run]) }),
          ],
        ]),
        { keep: 2 },
      ).file,
    null,
  )!;

test('a run that is stored is found again by its environment', (t) => {
  const store = folder(t);
  const added = addRunToStore(store, benchmarkRun(100, { id: 'r1' }));
  assert.equal(added.path, join(store, 'llm', `${environmentSlug(ENVIRONMENT)}.json`));
  const lookup = findBaseline({ kind: 'directory', path: store }, 'llm', { ...ENVIRONMENT });
  assert.ok(lookup.kind === 'found');
  assert.equal(lookup.file.keep, 10);
  assert.deepEqual(readdirSync(join(store, 'llm')).length, 1, 'no temporary file stays');
});

test('how many boots are kept is the history’s own choice once it is made', (t) => {
  const store = folder(t);
  addRunToStore(store, benchmarkRun(100), { keep: 3 });
  for (let i = 0; i < 5; i++) addRunToStore(store, benchmarkRun(101 + i));
  const lookup = findBaseline({ kind: 'directory', path: store }, 'llm', ENVIRONMENT);
  assert.ok(lookup.kind === 'found');
  assert.equal(lookup.file.stages.benchmark![0]!.segments[0]!.boots.length, 3);
});

test('without a file there is none; with another environment only, the nearest is named with what differs', (t) => {
  const store = folder(t);
  const source = { kind: 'directory', path: store } as const;
  assert.equal(findBaseline(source, 'llm', ENVIRONMENT).kind, 'none');
  addRunToStore(store, benchmarkRun(1, { environment: { ...ENVIRONMENT, gpu: 'A100', driver: 560 } }));
  addRunToStore(store, benchmarkRun(1, { environment: { ...ENVIRONMENT, driver: 535 } }));
  const lookup = findBaseline(source, 'llm', ENVIRONMENT);
  assert.ok(lookup.kind === 'incomparable');
  assert.deepEqual(lookup.differences, [{ field: 'driver', baseline: '535', candidate: '550' }]);
});

test('environments whose file names read alike get files of their own', (t) => {
  const store = folder(t);
  const simulated = (method: number) => ({ engine: 'simulated', method });
  const first = addRunToStore(store, benchmarkRun(1, { environment: simulated(1) }));
  const second = addRunToStore(store, benchmarkRun(2, { environment: simulated(2) }));
  assert.notEqual(first.path, second.path);
  for (const method of [1, 2])
    assert.equal(findBaseline({ kind: 'directory', path: store }, 'llm', simulated(method)).kind, 'found');
});

test('nothing added means nothing written', (t) => {
  const store = folder(t);
  const added = addRunToStore(store, { ...benchmarkRun(1), status: 'incomplete', statusReason: 'killed' });
  assert.equal(added.path, null);
  assert.ok(!existsSync(join(store, 'llm')));
});

const stored = whole();
const text = formatBaseline(stored);
const damages: readonly [string, string, ErrorCode, RegExp][] = [
  ['an empty file', '', 'BASELINE_DAMAGED', /is empty/],
  ['white space only', ' \n\n', 'BASELINE_DAMAGED', /is empty/],
  ['a truncated file', text.slice(0, text.length / 2), 'BASELINE_DAMAGED', /truncated/],
  ['no JSON', 'hello', 'BASELINE_DAMAGED', /not JSON/],
  ['another JSON', '{"schema":"plimsoll/run","version":1}', 'BASELINE_DAMAGED', /not a baseline/],
  ['a list', '[]', 'BASELINE_DAMAGED', /not a baseline/],
  ['conflict markers', text.replace('\n  "keep"', '\n<<<<<<< HEAD\n  "keep"'), 'BASELINE_DAMAGED', /conflict markers/],
  ['a field of the wrong type', text.replace('"keep": 2', '"keep": "two"'), 'BASELINE_DAMAGED', /keep/],
  ['a negative variance', text.replace(/"ss": [^ ]+ /, '"ss": -1 '), 'BASELINE_DAMAGED', /ss/],
  ['a value out of range', text.replace('"keep": 2', '"keep": 1e999'), 'BASELINE_DAMAGED', /keep/],
  ['a newer version', text.replace('"version": 1', '"version": 2'), 'BASELINE_VERSION', /version 2.*reads version 1/],
  ['an older version', text.replace('"version": 1', '"version": 0'), 'BASELINE_VERSION', /version 0/],
  [
    'the file of another deployment',
    text.replace('"deployment": "llm"', '"deployment": "other"'),
    'BASELINE_DAMAGED',
    /"other"/,
  ],
];
for (const [what, content, code, words] of damages) {
  test(`${what} is named and left as it is`, (t) => {
    const store = folder(t);
    const path = join(store, 'llm', `${environmentSlug(ENVIRONMENT)}.json`);
    mkdirSync(dirname(path));
    writeFileSync(path, content);
    throwsCode(() => findBaseline({ kind: 'directory', path: store }, 'llm', ENVIRONMENT), code, words);
    throwsCode(() => findBaseline({ kind: 'directory', path: store }, 'llm', ENVIRONMENT), code, /llm\/.*\.json/);
    throwsCode(() => addRunToStore(store, benchmarkRun(100)), code, words);
    if (code === 'BASELINE_VERSION' || !content.includes('"other"'))
      throwsCode(() => saveBaseline(path, whole()), code, words);
    assert.equal(readFileSync(path, 'utf8'), content);
  });
}

test('cut anywhere, a file is damaged and never half-read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: text.trimEnd().length - 1 }), (at) =>
      throwsCode(() => parseBaseline(text.slice(0, at), 'b.json'), 'BASELINE_DAMAGED', /b\.json/),
    ),
    { numRuns: 200 },
  );
});

test('a file of another environment is not overwritten', (t) => {
  const path = join(folder(t), 'b.json');
  saveBaseline(path, whole());
  throwsCode(
    () => saveBaseline(path, { ...whole(), environment: { ...ENVIRONMENT, gpu: 'A100' } }),
    'BASELINE_REFUSED',
    /gpu/,
  );
});

test('text gives the file back, and equal files give equal text whatever the order of keys', () => {
  const file = stored;
  assert.deepEqual(parseBaseline(text, 'b.json'), JSON.parse(JSON.stringify(file)));
  const shuffled = shuffleKeys(parseBaseline(text, 'b.json')) as BaselineFile;
  assert.equal(formatBaseline(shuffled), text);
  assert.equal(formatBaseline(parseBaseline(text, 'b.json')), text);
  assert.equal(
    formatBaseline(parseBaseline(`\uFEFF${text.replaceAll('\n', '\r\n')}`, 'b.json')),
    text,
    'editors of Windows do no harm',
  );
});

test('any JSON values round-trip through the format', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))),
      (curve, facts) => {
        const file = structuredClone(whole());
        file.stages.linear![0]!.segments[0]!.curve = curve;
        file.environment = facts;
        assert.deepEqual(JSON.parse(formatBaseline(file)), JSON.parse(JSON.stringify(file)));
      },
    ),
  );
});

test('a metric of a boot is one line, so that one more boot reads as lines added', (t) => {
  const store = folder(t);
  const { path } = addRunToStore(store, benchmarkRun(100, { id: 'aa' }));
  const before = readFileSync(path!, 'utf8').split('\n');
  assert.ok(
    before.some((line) =>
      /^\s+"ttft\.p95": \{ "bound": "exact", "n": 500, "rounds": \[98, 100, 101, 99, 102\], "value": 100 \},?$/.test(
        line,
      ),
    ),
  );
  addRunToStore(store, benchmarkRun(101, { id: 'bb' }));
  const after = new Set(readFileSync(path!, 'utf8').split('\n'));
  const gone = before.filter((line) => !after.has(line));
  assert.ok(gone.length <= 2, `only the histogram and a closing brace change: ${gone.join('\n')}`);
});

test('what a later version pins with a segment survives this one', () => {
  const extended = text.replace('"kneeRate": 21', '"kneeRate": 21, "calibration": 1.3');
  assert.notEqual(extended, text);
  assert.match(formatBaseline(parseBaseline(extended, 'b.json')), /"calibration": 1\.3/);
});

test('what a later version writes survives this one: stages, kinds of ledger entries, fields anywhere', () => {
  const file = JSON.parse(text);
  const [history] = file.stages.benchmark;
  history.ledger['ttft.p95'].push({ kind: 'drift', segment: 's', rounds: 5, ss: 1, df: 1, since: 'x' });
  for (const at of [file, history, history.segments[0], history.segments[0].boots[0], history.trail[0]])
    at.added = { later: 1 };
  history.segments[0].boots[0].metrics['ttft.p95'].added = 1;
  file.stages.soak = [structuredClone(history)];
  const later = JSON.stringify(file);
  assert.deepEqual(JSON.parse(formatBaseline(parseBaseline(later, 'b.json'))), file);
  const next = addRun(parseBaseline(later, 'b.json'), benchmarkRun(100, { keys: { benchmark: history.key } }), {
    keep: 20,
  }).file;
  const promoted = promote(next, parseBaseline(text, 'b.json'), 'merged');
  for (const one of [next, promoted]) assert.equal(one.stages.soak!.length, 1);
  const kept = JSON.parse(formatBaseline(next));
  assert.deepEqual(kept.stages.soak, file.stages.soak);
  assert.deepEqual(kept.stages.benchmark[0].segments[0].boots[0], history.segments[0].boots[0]);
  assert.equal(kept.added.later, 1);
});

test('a file of before ledger entries had kinds, and boots an SLO, is read', () => {
  const file = JSON.parse(text);
  const [history] = file.stages.benchmark;
  const [{ rounds, ss, df }] = history.ledger['ttft.p95'];
  history.ledger['ttft.p95'] = { rounds, ss, df };
  for (const boot of history.segments[0].boots) delete boot.slo;
  const read = parseBaseline(JSON.stringify(file), 'b.json').stages.benchmark![0]!;
  assert.deepEqual(read.ledger['ttft.p95'], [{ kind: 'boots', segment: null, rounds, ss, df }]);
  assert.equal(read.segments[0]!.boots[0]!.slo, null);
});

test('list and show say what there is, also beside a damaged file', (t) => {
  const store = folder(t);
  const { path } = addRunToStore(store, benchmarkRun(100));
  addRunToStore(store, benchmarkRun(104));
  writeFileSync(join(store, 'llm', 'broken.json'), '{');
  const listed = listStore(store, false);
  assert.match(listed, /benchmark: 2 boots, 1 segment/);
  assert.match(listed, /broken\.json.*damaged/);
  assert.equal((JSON.parse(listStore(store, true)) as unknown[]).length, 2);
  const shown = showBaseline(readBaselineFile(path!), false);
  assert.match(shown, /ttft\.p95 +10[12].* %/);
  assert.match(listStore(join(store, 'nothing'), false), /no baselines/);
});

test('prune and promote work on files and say what they did', (t) => {
  const store = folder(t);
  const { path } = addRunToStore(store, benchmarkRun(100));
  addRunToStore(store, benchmarkRun(101));
  addRunToStore(store, benchmarkRun(102));
  const copy = join(store, 'release', 'copy.json');
  assert.match(promoteFile(path!, copy, 'cut'), /copy\.json/);
  assert.match(pruneFile(path!, 1), /2 stage measurements/);
  assert.match(pruneFile(path!, 1), /nothing to prune/);
  assert.equal(readBaselineFile(path!).stages.benchmark![0]!.ledger['ttft.p95']![0]!.df, 2);
  assert.match(promoteFile(path!, copy, 'again'), /already/);
  throwsCode(() => readBaselineFile(join(store, 'missing.json')), 'INPUT_NOT_FOUND', /missing\.json/);
});

test('the store is read at a git ref, whatever the working tree says', (t) => {
  const repo = folder(t);
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: repo, stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
  git('init', '-q', '-b', 'main');
  const { path } = addRunToStore(join(repo, 'perf', 'base lines'), benchmarkRun(100));
  git('add', '.');
  git('-c', 'user.name=t', '-c', 'user.email=t@example.com', 'commit', '-qm', 'baseline');
  writeFileSync(path!, 'broken');
  const source = { kind: 'git', repo, ref: 'main', path: './perf/base lines/' } as const;
  const lookup = findBaseline(source, 'llm', ENVIRONMENT);
  assert.ok(lookup.kind === 'found');
  assert.match(lookup.path, /at main/);
  assert.equal(findBaseline(source, 'other', ENVIRONMENT).kind, 'none');
  throwsCode(() => findBaseline({ ...source, ref: 'gone' }, 'llm', ENVIRONMENT), 'GIT_UNREACHABLE', /gone/);
});

function shuffleKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffleKeys);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, shuffleKeys(member)]),
  );
}

test('promote takes a file of another branch, and names what a ref does not have', (t) => {
  const repository = createRepository(t);
  const file = addRun(null, benchmarkRun(100, { id: 'run-1' }), { keep: 10 }).file;
  repository.git('checkout', '-q', '-b', 'release/1.4');
  repository.commit({ 'baselines/llm/machine.json': formatBaseline(file) });
  repository.git('checkout', '-q', '--orphan', 'main');
  repository.git('rm', '-rfq', '.');
  repository.commit({ 'serving.py': 'code' });
  const here = process.cwd();
  t.after(() => process.chdir(here));
  process.chdir(repository.path);
  const path = 'baselines/llm/machine.json';
  assert.match(promoteFile(`release/1.4:${path}`, path, 'release 1.4'), /newest segments of release\/1\.4:/);
  assert.equal(readFileSync(join(repository.path, path), 'utf8'), formatBaseline(file));
  assert.throws(
    () => promoteFile('release/1.4:baselines/none.json', path, 'x'),
    /release\/1\.4 has no file baselines\/none/,
  );
  assert.throws(() => promoteFile('release/9:x.json', path, 'x'), /Git could not read x\.json at release\/9/);
});
