// Two commits of one repository, booted in turn by the real command line: the slower one is caught without any stored
// baseline, one that changes nothing is not, and whatever is wrong with the base is not held against the change.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Verdict } from '../../src/judge/verdict.ts';
import type { RunRecord } from '../../src/record/schema.ts';
import { cli, makeProject, type Project } from './project.ts';

const STAGES = '\n  benchmark: { rate: 70/s, rounds: 4, duration: 4s, rampIn: 1s, drain: 5s }';
const INTERLEAVED = 'comparison: { against: interleaved, gates: [tpot.p95@benchmark] }';

/** A server that is a file of the repository: what a side runs is what its own commit has. */
const server = (port: number, ...flags: readonly string[]): string => `process.argv.push(${[
  'sim',
  '--port',
  String(port),
  ...flags,
]
  .map((word) => JSON.stringify(word))
  .join(', ')});
await import(${JSON.stringify(pathToFileURL(cli).href)});
`;

function git(project: Project, ...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', ...args], {
    cwd: project.dir,
    encoding: 'utf8',
    env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
  }).trim();
}

/** Commits the project's files, but for what runs leave. */
function commit(project: Project): string {
  git(project, 'add', '--', 'plimsoll.yml', 'server.mjs', '.gitignore');
  git(project, 'commit', '--quiet', '--message', 'change');
  return git(project, 'rev-parse', 'HEAD');
}

/** A repository whose first commit has the healthy server. */
function begin(project: Project, extra = INTERLEAVED): string {
  git(project, 'init', '--quiet', '--initial-branch', 'main');
  project.write('.gitignore', 'state\nplimsoll-out\n');
  project.write('server.mjs', server(project.port));
  project.config({ command: [process.execPath, 'server.mjs'], stages: STAGES, extra });
  return commit(project);
}

const read = <T>(project: Project, name: string): T =>
  JSON.parse(readFileSync(project.path('plimsoll-out', name), 'utf8')) as T;

test('a slower commit is caught by pairs with its base, with no baseline stored and nothing of the checkout touched', async () => {
  await using project = await makeProject();
  const base = begin(project);
  project.write('server.mjs', server(project.port, '--decode-slowdown', '1.6'));
  const head = commit(project);
  // Work in progress is of the candidate, and stays.
  writeFileSync(project.path('server.mjs'), `${server(project.port, '--decode-slowdown', '1.6')}// not committed\n`);
  const before = readdirSync(project.dir).sort();

  const end = await project.plimsoll('run', '--base', 'HEAD~1');
  assert.equal(end.code, 1, end.stdout + end.stderr);
  const record = read<RunRecord>(project, 'run.json');
  const verdict = read<Verdict>(project, 'verdict.json');
  assert.equal(record.status, 'complete');
  assert.equal(record.interleaved?.commit, base);
  const pairs = record.boots.map(({ pair }) => pair);
  assert.deepEqual(pairs, [1, 1, 2, 2, 3, 3]);
  for (const pair of [1, 2, 3]) {
    const sides = record.boots.filter((boot) => boot.pair === pair).map(({ side }) => side);
    assert.deepEqual(sides.toSorted(), ['base', 'candidate']);
  }
  const order = record.boots.map(({ side }) => side);
  assert.notDeepEqual(order.slice(0, 2), order.slice(2, 4), 'the second pair is in the reverse order of the first');
  for (const { side, subject } of record.boots) {
    assert.equal(subject.commit, side === 'base' ? base : head);
    assert.equal(subject.dirty, side === 'candidate');
  }
  assert.equal(record.subject.commit, head);

  const tpot = verdict.comparisons.find(({ metric }) => metric === 'tpot.p95');
  assert.equal(tpot?.verdict, 'regressed', end.stdout);
  assert.equal(tpot?.because, 'confirmed by 3 pairs');
  assert.ok(tpot!.change! > 0.4 && tpot!.change! < 1.2, String(tpot!.change));
  assert.deepEqual(
    { ...verdict.interleaved, ledgerDf: 0 },
    {
      base: `HEAD~1 (${base.slice(0, 7)})`,
      commit: base,
      pairs: 3,
      ledgerDf: 0,
      priorUsed: true,
    },
  );
  assert.match(end.stdout, /on the same machine, 3 pairs/);

  assert.match(readFileSync(project.path('server.mjs'), 'utf8'), /not committed/);
  assert.deepEqual(readdirSync(project.dir).sort(), [...new Set([...before, 'plimsoll-out', 'state'])].sort());
  assert.equal(git(project, 'worktree', 'list').split('\n').length, 1);
  assert.equal(git(project, 'rev-parse', 'HEAD'), head);

  const judged = await project.plimsoll('judge', 'plimsoll-out/run.json', '--json');
  assert.equal(judged.code, 1, judged.stderr);
  assert.deepEqual((JSON.parse(judged.stdout) as Verdict).comparisons, verdict.comparisons);
  const comment = readFileSync(project.path('plimsoll-out', 'comment.md'), 'utf8');
  assert.equal((await project.plimsoll('report', 'plimsoll-out')).code, 0);
  assert.equal(readFileSync(project.path('plimsoll-out', 'comment.md'), 'utf8'), comment);

  const learnt = await project.plimsoll('baseline', 'add', 'plimsoll-out/run.json');
  assert.equal(learnt.code, 0, learnt.stderr);
  const explained = await project.plimsoll(
    'judge',
    'plimsoll-out/run.json',
    '--baseline',
    'baselines/tiny/simulated.json',
    '--explain',
    'tpot.p95@benchmark',
  );
  // What a run taught does not count for itself.
  assert.match(explained.stdout, /2 \(pairs\) \+ 0 \(ledger\)/, explained.stdout + explained.stderr);
});

test('a commit that changes nothing is not accused, and each boot finds its own side built last', async () => {
  await using project = await makeProject();
  begin(project);
  // A build that leaves its mark where both sides see it, as an installed environment or an image would.
  const log = project.path('plimsoll-builds');
  const config = readFileSync(project.path('plimsoll.yml'), 'utf8');
  project.write('plimsoll.yml', config.replace('  command:', `  build: [sh, -c, 'pwd >> "${log}"']\n  command:`));
  commit(project);
  project.write('server.mjs', `${server(project.port)}// a comment\n`);
  commit(project);
  const end = await project.plimsoll('run', '--base', 'HEAD~1');
  assert.equal(end.code, 0, end.stdout + end.stderr);
  const builds = readFileSync(log, 'utf8').trim().split('\n');
  const built = builds.map((folder) => (folder === realpathSync(project.dir) ? 'candidate' : 'base'));
  const sides = ['candidate', ...read<RunRecord>(project, 'run.json').boots.map(({ side }) => side)];
  assert.deepEqual(
    built,
    sides.filter((side, index) => side !== sides[index - 1]),
  );
  const { comparisons, stages } = read<Verdict>(project, 'verdict.json');
  assert.deepEqual(
    stages.map(({ standing }) => standing),
    ['compared'],
  );
  assert.ok(comparisons.length > 0);
  assert.ok(
    comparisons.every(({ verdict }) => verdict !== 'regressed' && verdict !== 'suspected'),
    end.stdout,
  );
});

test('the commit that is checked out is no base of itself, and without a base interleaved is refused', async () => {
  await using project = await makeProject();
  begin(project);
  const same = await project.plimsoll('run', '--base', 'main');
  assert.equal(same.code, 2, same.stderr);
  assert.match(same.stderr, /nothing would be compared/);
  const none = await project.plimsoll('run');
  assert.equal(none.code, 2, none.stderr);
  assert.match(none.stderr, /--base main/);
  const unknown = await project.plimsoll('run', '--base', 'nowhere');
  assert.equal(unknown.code, 4, unknown.stderr);
  assert.match(unknown.stderr, /nowhere/);
  assert.equal(existsSync(project.path('plimsoll-out')), false);
});

test('a base that does not start is no comparison, and its change is judged by the rules alone', async () => {
  await using project = await makeProject();
  git(project, 'init', '--quiet', '--initial-branch', 'main');
  project.write('.gitignore', 'state\nplimsoll-out\n');
  project.write('server.mjs', 'console.error("no model here"); process.exit(7);\n');
  project.config({
    command: [process.execPath, 'server.mjs'],
    stages: STAGES,
    sla: '[{ metric: ttft.p95, stage: benchmark, gold: "< 1s" }]',
    extra: INTERLEAVED,
  });
  const base = commit(project);
  project.write('server.mjs', server(project.port));
  commit(project);
  const end = await project.plimsoll('run', '--base', base);
  assert.equal(end.code, 0, end.stdout + end.stderr);
  const { outcome, sla, stages, headline } = read<Verdict>(project, 'verdict.json');
  assert.equal(outcome, 'warn');
  assert.deepEqual(
    sla.map(({ status }) => status),
    ['gold'],
  );
  assert.equal(stages[0]?.standing, 'unbaselined');
  assert.match(
    headline,
    new RegExp(`No comparison of benchmark: the base, ${base.slice(0, 7)}, never became ready in boot \\d`),
  );
  const record = read<RunRecord>(project, 'run.json');
  assert.equal(record.status, 'complete');
  assert.deepEqual(record.boots.map(({ side, end: ended }) => [side, ended]).sort(), [
    ['base', 'not_ready'],
    ['candidate', 'complete'],
  ]);
});

test('a change that does not start is the change’s failure, whatever the base does', async () => {
  await using project = await makeProject();
  begin(project);
  project.write('server.mjs', 'console.error("no model here"); process.exit(7);\n');
  commit(project);
  const end = await project.plimsoll('run', '--base', 'HEAD~1');
  assert.equal(end.code, 3, end.stdout + end.stderr);
  assert.match(end.stdout + end.stderr, /no model here/);
  const record = read<RunRecord>(project, 'run.json');
  assert.equal(record.status, 'incomplete');
  // Booted first, nothing of the other side was measured yet; booted second, the base's data are kept.
  const kept = record.boots.map(({ side, stages }) => `${side} ${stages.length}`);
  assert.ok(kept.length === 0 || kept.join() === 'base 1,candidate 0', kept.join());
});
