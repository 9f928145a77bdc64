// Bad input and deployments that never come up, through the real command line: what each is called, where it exits,
// what it leaves.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { descendantsOf, makeProject } from './project.ts';

const ONE_STAGE = '\n  benchmark: { rate: 20/s, rounds: 2, duration: 8s, rampIn: 1s, drain: 3s }';

test('a missing configuration exits 2 and says how to write one', async () => {
  await using project = await makeProject();
  const end = await project.plimsoll('run');
  assert.equal(end.code, 2);
  assert.match(end.stderr, /CONFIG_NOT_FOUND.*plimsoll\.yml/);
  assert.match(end.stderr, /plimsoll init/);
});

test('a malformed configuration exits 2 with file, line and column', async () => {
  await using project = await makeProject();
  project.write('plimsoll.yml', 'deployment:\n  name: a\n  comand: [x]\n');
  const end = await project.plimsoll('run');
  assert.equal(end.code, 2);
  assert.match(end.stderr, /plimsoll\.yml:3:3/);
  assert.match(end.stderr, /did you mean `?command`?/);
});

test('an SLA rule on a metric that does not exist exits 2 and names the nearest', async () => {
  await using project = await makeProject();
  project.config({ sla: '[{ metric: tttf.p95, gold: "< 1s" }]' });
  const end = await project.plimsoll('run');
  assert.equal(end.code, 2);
  assert.match(end.stderr, /tttf\.p95/);
  assert.match(end.stderr, /ttft\.p95/);
});

test('a command that does not exist exits 3', async () => {
  await using project = await makeProject();
  project.config({ command: ['no-such-engine', 'serve'] });
  const end = await project.plimsoll('run');
  assert.equal(end.code, 3);
  assert.match(end.stderr, /COMMAND_NOT_FOUND.*no-such-engine/);
});

test('a deployment that exits at once exits 3 with its last words', async () => {
  await using project = await makeProject();
  project.config({ command: [process.execPath, '-e', 'console.error("CUDA out of memory"); process.exit(7)'] });
  const end = await project.plimsoll('run');
  assert.equal(end.code, 3);
  assert.match(end.stderr, /BOOT_EXITED/);
  assert.match(end.stderr, /CUDA out of memory/);
  assert.match(end.stderr, /7/);
});

test('a deployment that never becomes ready exits 3 and is ended', async () => {
  await using project = await makeProject();
  project.config({ command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'], readyTimeout: '2s' });
  const end = await project.plimsoll('run');
  assert.equal(end.code, 3);
  assert.match(end.stderr, /BOOT_TIMEOUT/);
  assert.deepEqual(descendantsOf(project.dir), []);
});

test('a deployment that listens on another port exits 3 and the port is named', async () => {
  await using project = await makeProject();
  project.config({
    command: [
      process.execPath,
      '-e',
      'require("http").createServer().listen(0, "127.0.0.1", function () { console.log("listening on", this.address().port) })',
    ],
    readyTimeout: '3s',
  });
  const end = await project.plimsoll('run');
  assert.equal(end.code, 3);
  const actual = /listening on (\d+)/.exec(readFileSync(project.path('plimsoll-out', 'deployment-1.log'), 'utf8'))![1]!;
  assert.match(end.stderr, new RegExp(`\\b${actual}\\b`));
});

test('a port that is taken is found before the boot, with its holder', async () => {
  await using project = await makeProject();
  project.config();
  const squatter = createServer().listen(project.port, '127.0.0.1');
  try {
    const end = await project.plimsoll('run');
    assert.equal(end.code, 3);
    assert.match(end.stderr, /PORT_TAKEN/);
    assert.match(end.stderr, new RegExp(`\\b${process.pid}\\b`));
  } finally {
    squatter.close();
  }
});

test('an out folder that cannot be written exits 2 before anything boots', async () => {
  await using project = await makeProject();
  project.config();
  project.write('file', 'x');
  const end = await project.plimsoll('run', '--out', 'file/out');
  assert.equal(end.code, 2);
  assert.match(end.stderr, /OUT_NOT_WRITABLE.*file\/out/);
});

test('an out folder that holds somebody else’s files is left alone', async () => {
  await using project = await makeProject();
  project.config();
  mkdirSync(project.path('mine'));
  project.write('mine/notes.txt', 'precious');
  const end = await project.plimsoll('run', '--out', 'mine');
  assert.equal(end.code, 2);
  assert.match(end.stderr, /OUT_NOT_WRITABLE/);
  assert.equal(readFileSync(project.path('mine/notes.txt'), 'utf8'), 'precious');
});

for (const [what, content, code] of [
  ['an empty', '', 'BASELINE_DAMAGED'],
  ['a truncated', '{"schema":"plimsoll/baseline","version":1,"deploy', 'BASELINE_DAMAGED'],
  ['a foreign-version', '{"schema":"plimsoll/baseline","version":99}', 'BASELINE_VERSION'],
  ['a misshapen', '{"schema":"plimsoll/baseline","version":1,"deployment":7}', 'BASELINE_DAMAGED'],
] as const) {
  test(`${what} baseline file exits 2, is named and left untouched`, async () => {
    await using project = await makeProject();
    project.config({ stages: ONE_STAGE });
    mkdirSync(project.path('baselines', 'tiny'), { recursive: true });
    const file = project.path('baselines', 'tiny', 'simulated.json');
    writeFileSync(file, content);
    const end = await project.plimsoll('run');
    assert.equal(end.code, 2);
    assert.match(end.stderr, new RegExp(code));
    assert.match(end.stderr, /baselines\/tiny\/simulated\.json/);
    assert.equal(readFileSync(file, 'utf8'), content);
  });
}
