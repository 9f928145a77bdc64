// Real processes that start over: what of them stays, what changes, and when they leave it.

import assert from 'node:assert/strict';
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const FLAGS = [
  '--single-threaded-gc',
  '--no-allocation-site-pretenuring',
  '--incremental-marking-soft-trigger=70',
  '--initial-old-space-size=48',
  '--invocation-count-for-turbofan=500',
  '--v8-pool-size=1',
  '--concurrent-recompilation-queue-length=40',
];
const skip = typeof process.execve !== 'function' && 'this system cannot replace a process';
const folder = mkdtempSync(join(tmpdir(), 'plimsoll-start-over-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const pathOf = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url));

/** Says that it began, each time that it does; then what it was started with. */
function script(cores: number): string {
  const file = join(folder, `${cores}.mjs`);
  writeFileSync(
    file,
    `import { writeSync } from 'node:fs';
import { startOverForLoad } from ${JSON.stringify(pathOf('src/start-over.ts'))};
writeSync(1, 'begun\\n');
startOverForLoad(${cores});
console.log(JSON.stringify({ pid: process.pid, execArgv: process.execArgv, argv: process.argv.slice(2), word: process.env.WORD }));
process.exitCode = 7;
`,
  );
  return file;
}

async function start(args: readonly string[], options: SpawnOptions = {}) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  let text = '';
  child.stdout!.on('data', (chunk) => {
    text += String(chunk);
  });
  const [code] = await once(child, 'close');
  const lines = text.trim().split('\n');
  return {
    pid: child.pid,
    code,
    begun: lines.filter((line) => line === 'begun').length,
    told: JSON.parse(lines.at(-1)!),
  };
}

test('on few cores it starts over once: the same process, arguments, environment, output and exit status', {
  skip,
}, async () => {
  const run = await start(['--no-deprecation', script(2), '--rate', 'a b', ''], { env: { ...process.env, WORD: 'ß' } });
  assert.equal(run.begun, 2);
  assert.equal(run.code, 7);
  assert.deepEqual(run.told, {
    pid: run.pid,
    execArgv: ['--no-deprecation', ...FLAGS],
    argv: ['--rate', 'a b', ''],
    word: 'ß',
  });
});

test('with more cores than V8 has helpers nothing is done', async () => {
  const { begun, told } = await start([script(5)]);
  assert.equal(begun, 1);
  assert.deepEqual(told.execArgv, []);
});

test('a process that has the flags already goes on', async () => {
  const { begun, told } = await start([...FLAGS, script(1)]);
  assert.equal(begun, 1);
  assert.deepEqual(told.execArgv, FLAGS);
});

test('a process with a channel to its parent, which would be lost, goes on', async () => {
  const { begun } = await start([script(1)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  assert.equal(begun, 1);
});

for (const [what, hook] of [
  ['Node itself refuses', `process.execve = () => { throw new Error('EPERM'); };`],
  ['the file of Node is gone', `process.execPath = '/gone/node';`],
  // Node ends at once where it is given a flag that its V8 does not know.
  [
    'this is not the V8 that the flags were tested with',
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, v8: '13.7.1' } });`,
  ],
] as const) {
  test(`where ${what}, the process goes on`, async () => {
    const file = script(1);
    const path = join(folder, 'hook.mjs');
    writeFileSync(path, hook);
    const { begun, code } = await start(['--import', path, file]);
    assert.deepEqual([begun, code], [1, 7]);
  });
}

for (const [command, isStarted] of [
  ['run', true],
  ['ledger', true],
  ['doctor', true],
  ['demo', true],
  ['judge', false],
] as const) {
  test(`plimsoll ${command} ${isStarted ? 'starts over' : 'sends no load, and does not start over'}`, {
    skip: skip || (process.platform !== 'linux' && 'no taskset'),
  }, async () => {
    const hook = join(folder, 'trail.mjs');
    const trail = join(folder, `${command}.trail`);
    writeFileSync(
      hook,
      `import { appendFileSync } from 'node:fs';
appendFileSync(process.env.TRAIL, process.execArgv.includes('${FLAGS[0]}') ? 'flags ' : 'plain ');
`,
    );
    // --help: it ends where it would begin.
    const child = spawn(
      'taskset',
      ['-c', '0', process.execPath, '--import', hook, pathOf('src/cli.ts'), command, '--help'],
      { stdio: 'ignore', env: { ...process.env, TRAIL: trail } },
    );
    const [code] = await once(child, 'close');
    assert.equal(code, 0);
    assert.equal(readFileSync(trail, 'utf8').trim(), isStarted ? 'plain flags' : 'plain');
  });
}
