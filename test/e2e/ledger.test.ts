// `plimsoll ledger` as a user runs it: boots of the simulated engine fill the ledger, what comes after uses it, and
// neither a failed boot nor Ctrl-C costs what was measured.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { spreadOfEntries } from '../../src/baseline/ledger.ts';
import { readBaselineFile } from '../../src/baseline/store.ts';
import type { Sight } from '../../src/judge/aa.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import { cli, descendantsOf, makeProject, type Project } from './project.ts';

const STAGES = '\n  benchmark: { rate: 40/s, rounds: 2, duration: 4s, rampIn: 1s, drain: 5s }';
const STORED = ['baselines', 'tiny', 'simulated.json'] as const;
const ledgerDf = (project: Project): number =>
  spreadOfEntries(readBaselineFile(project.path(...STORED)).stages.benchmark!.at(-1)!.ledger['tpot.p95'], 2).df;

test('boots fill the ledger of the baseline, and power and the next verdict reckon with it', async () => {
  await using project = await makeProject();
  project.config({ stages: STAGES });
  assert.equal((await project.plimsoll('run', '--mode', 'baseline')).code, 0);
  const before = readBaselineFile(project.path(...STORED)).stages.benchmark![0]!;

  const filled = await project.plimsoll('ledger', '--until-degrees-of-freedom', '2', '--json');
  assert.equal(filled.code, 0, filled.stderr);
  assert.match(filled.stderr, /nothing to learn yet: it takes two boots to differ/);
  assert.match(filled.stderr, /TPOT p95 in benchmark: boots differ by .* \(1 degree of freedom in the ledger/);
  const result = JSON.parse(filled.stdout) as {
    boots: number;
    after: Sight[];
    before: Sight[];
    stopped: string | null;
  };
  assert.deepEqual([result.boots, result.stopped], [3, null]);
  assert.deepEqual(
    result.after.map(({ metric, df, listed }) => [metric, df.ledger, listed]),
    [
      ['ttft.p95', 2, 1],
      ['tpot.p95', 2, 1],
    ],
  );
  const after = readBaselineFile(project.path(...STORED)).stages.benchmark!;
  assert.deepEqual({ ...after[0]!, ledger: {} }, { ...before, ledger: {} }, 'level, boots and pins stay');
  assert.equal(after.length, 1);
  assert.deepEqual(descendantsOf(project.dir), []);

  const power = JSON.parse((await project.plimsoll('power', STORED.join('/'), '--json')).stdout);
  assert.deepEqual(
    power.gates.map(({ df }: Sight) => df.ledger),
    [2, 2],
  );
  const run = await project.plimsoll('run', '--json');
  const verdict = JSON.parse(run.stdout) as Verdict;
  assert.equal(verdict.baseline?.ledgerDf, 2, run.stderr);
  assert.equal(verdict.comparisons.find(({ metric }) => metric === 'tpot.p95')?.df.ledger, 2);
  const explained = await project.plimsoll(
    ...['judge', 'plimsoll-out', '--baseline', STORED.join('/'), '--explain', 'tpot.p95@benchmark'],
  );
  assert.match(explained.stdout, /\+ 2 \(ledger\) \+ 4 \(assumed/);

  const listed = await project.plimsoll('baseline', 'add', 'plimsoll-ledger');
  assert.equal(listed.code, 2);
  assert.match(listed.stdout, /the ledger has learnt from it: its spread would count twice/);
});

test('another environment or configuration than the baseline’s is refused before anything boots', async () => {
  await using project = await makeProject();
  project.config({ stages: STAGES });
  assert.equal((await project.plimsoll('run', '--mode', 'baseline')).code, 0);
  const stored = readFileSync(project.path(...STORED), 'utf8');

  project.config({ stages: STAGES.replace('40/s', '50/s') });
  const workload = await project.plimsoll('ledger', '--boots', '2');
  assert.equal(workload.code, 2);
  assert.match(
    workload.stderr,
    /BASELINE_REFUSED.*benchmark: its workload differs .*round\.load is poisson 40\/s there, poisson 50\/s here/,
  );

  project.config({ stages: STAGES });
  writeFileSync(project.path(...STORED), stored.replace('"kind": "simulated"', '"gpu": "H100"'));
  const environment = await project.plimsoll('ledger', '--boots', '2');
  assert.equal(environment.code, 2);
  assert.match(
    environment.stderr,
    /BASELINE_REFUSED.*baselines\/tiny\/simulated\.json, gpu is H100 there, absent here/,
  );

  for (const [args, complaint] of [
    [['--boots', '1'], /at least 2/],
    [['--boots', '3', '--until-degrees-of-freedom', '4'], /cannot be used with/],
    [['--until-degrees-of-freedom', '25'], /more than 24 are of no use/],
    [['--stage', 'linear'], /the configuration has no such stage.*\n.*It has benchmark/],
  ] as const) {
    const end = await project.plimsoll('ledger', ...args);
    assert.equal(end.code, 2);
    assert.match(end.stderr, complaint);
  }
  assert.ok(!existsSync(project.path('plimsoll-ledger', 'run.json')));
});

test('boots that fail cost nothing of what the others measured, and end it when they are too many', async () => {
  await using project = await makeProject();
  const engine = [process.execPath, cli, 'sim', '--port', String(project.port)].map((word) => `'${word}'`).join(' ');
  // Up twice, then never again.
  project.write(
    'serve.sh',
    `echo boot >> boots\n[ "$(wc -l < boots)" -le 2 ] || { echo "no memory left" >&2; exit 1; }\nexec ${engine}\n`,
  );
  project.config({ stages: STAGES, command: ['sh', project.path('serve.sh')] });
  const end = await project.plimsoll('ledger', '--boots', '4');
  assert.equal(end.code, 3, end.stderr);
  assert.match(end.stderr, /boot 3 does not count: it did not complete .*no memory left/s);
  assert.match(end.stdout, /^Ended before its goal: 3 boots did not count\.\n/);
  assert.match(end.stdout, /Bought 1 degree of freedom with 2 boots/);
  assert.equal(ledgerDf(project), 1);
});

test('Ctrl-C ends the boot under way and keeps what the ones before it taught', async () => {
  await using project = await makeProject();
  project.config({ stages: STAGES });
  const ledger = project.start('ledger');
  await ledger.saw(/^== Boot 3: 2 of 19[\s\S]*benchmark round-1/m, 120_000);
  ledger.child.kill('SIGINT');
  const end = await ledger.finished;
  assert.equal(end.code, 130, end.stderr);
  assert.equal(ledgerDf(project), 1);
  assert.match(end.stdout, /Bought 1 degree of freedom with 2 boots/);
  assert.deepEqual(descendantsOf(project.dir), []);
  const list = await project.plimsoll('baseline', 'list');
  assert.match(list.stdout, /benchmark: 0 boots, 0 segments, ledger of 1 degree of freedom/);
});
