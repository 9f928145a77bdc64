import assert from 'node:assert/strict';
import { fork, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseGpuList, selectGpus } from '../../src/deployment/gpus.ts';
import { acquireLock, acquireLocks, lockNames } from '../../src/deployment/lock.ts';
import { stateDir, thisOwner } from '../../src/deployment/state.ts';
import { PlimsollError } from '../../src/errors.ts';
import { folder, killed, startFixture, until } from './world.ts';

const failure = (promise: Promise<unknown>): Promise<PlimsollError> =>
  promise.then(
    () => assert.fail('it should have failed'),
    (error) => {
      assert.ok(error instanceof PlimsollError, String(error));
      return error;
    },
  );

const lockFiles = (name: string) => readdirSync(stateDir()).filter((file) => file.startsWith(`lock-${name}`));

test('contenders in separate processes never hold a lock together, and each gets its turns', async () => {
  const journal = join(folder, 'journal.txt');
  writeFileSync(journal, '');
  const turns = 6;
  const contenders = await Promise.all([1, 2, 3].map(() => startContender('shared', turns, 15, journal)));
  await Promise.all(contenders.map(({ ended }) => ended));
  const lines = readFileSync(journal, 'utf8').trim().split('\n');
  assert.equal(lines.length, 2 * 3 * turns);
  for (let i = 0; i < lines.length; i += 2)
    assert.equal(`+${lines[i + 1]!.slice(1)}`, lines[i], `entry ${i} is followed by another process`);
  assert.deepEqual(lockFiles('shared'), []);
});

async function startContender(name: string, turns: number, holdMs: number, journal: string) {
  const child = spawn(
    process.execPath,
    [new URL('fixtures/contender.ts', import.meta.url).pathname, JSON.stringify({ name, turns, holdMs, journal })],
    { stdio: 'ignore' },
  );
  return { child, ended: new Promise((resolve) => child.once('exit', resolve)) };
}

test('who waits is told by whom and since when it is held; past the limit too, and in the error', async () => {
  const { child } = await startFixture('contender.ts', {
    name: 'busy',
    turns: 1,
    holdMs: 0,
    journal: join(folder, 'busy.txt'),
    stay: true,
  });
  try {
    const messages: string[] = [];
    const error = await failure(acquireLock('busy', { waitMs: 600, onWait: (message) => messages.push(message) }));
    assert.equal(error.code, 'LOCK_TIMEOUT');
    const holder = new RegExp(`held by process ${child.pid} \\(contender ${child.pid}\\) since 20\\d\\d-`);
    assert.match(error.message, holder);
    assert.equal(messages.length, 1, 'said once, not at every look');
    assert.match(messages[0]!, holder);

    const abort = new AbortController();
    const waiting = failure(acquireLock('busy', { waitMs: 60_000, signal: abort.signal }));
    abort.abort();
    assert.equal((await waiting).code, 'CANCELLED');
  } finally {
    await killed(child);
  }
  await using lock = await acquireLock('busy', { waitMs: 0 });
  assert.deepEqual(lock.names, ['busy'], 'the lock of a killed holder is free at once');
});

test('of many who find a dead holder, exactly one takes over at a time', async () => {
  const own = thisOwner().process;
  const dead = {
    schema: 'plimsoll/lock',
    token: 'dead0123dead0123',
    process: { ...own, startTime: '1' },
    label: 'long gone',
    since: '2020-01-01T00:00:00Z',
  };
  const path = join(stateDir(), 'lock-heir.json');
  writeFileSync(path, JSON.stringify(dead));
  // A contender that was killed in the middle of taking over leaves its claim.
  writeFileSync(`${path}.${dead.token}`, JSON.stringify({ ...dead, token: 'dead4567dead4567' }));
  const journal = join(folder, 'heir.txt');
  writeFileSync(journal, '');
  const contenders = await Promise.all([1, 2, 3, 4].map(() => startContender('heir', 2, 30, journal)));
  await Promise.all(contenders.map(({ ended }) => ended));
  const lines = readFileSync(journal, 'utf8').trim().split('\n');
  assert.equal(lines.length, 16);
  for (let i = 0; i < lines.length; i += 2) assert.equal(`+${lines[i + 1]!.slice(1)}`, lines[i]);
  assert.deepEqual(lockFiles('heir'), []);
});

test('a lock that was just taken over is never taken from its heir', async () => {
  const dead = {
    schema: 'plimsoll/lock',
    process: { ...thisOwner().process, startTime: '1' },
    label: 'gone',
    since: '',
  };
  const names = Array.from({ length: 60 }, (_, round) => `legacy-${round}`);
  for (const [round, name] of names.entries()) {
    const token = round.toString(16).padStart(16, '0');
    writeFileSync(join(stateDir(), `lock-${name}.json`), JSON.stringify({ ...dead, token }));
  }
  const argument = JSON.stringify({ names, startAt: Date.now() + 1_000, everyMs: 25 });
  const heirs = [1, 2, 3].map(() => fork(new URL('fixtures/heir.ts', import.meta.url), [argument]));
  const got = await Promise.all(
    heirs.map(
      (heir) => new Promise<string[]>((resolve) => heir.once('message', (names) => resolve(names as string[]))),
    ),
  );
  for (const heir of heirs) heir.send('done');
  assert.deepEqual(got.flat().sort(), names.toSorted(), 'each has exactly one heir');
});

test('a holder in another container is not presumed dead; the hint names the file', async () => {
  const holder = {
    schema: 'plimsoll/lock',
    token: '0123456789abcdef',
    process: { ...thisOwner().process, pidSpace: 'pid:[42]' },
    label: 'elsewhere',
    since: 'now',
  };
  const path = join(stateDir(), 'lock-far.json');
  writeFileSync(path, JSON.stringify(holder));
  const error = await failure(acquireLock('far', { waitMs: 50 }));
  assert.equal(error.code, 'LOCK_TIMEOUT');
  assert.ok(error.hint!.includes(path));
});

test('a damaged lock file is named and left as it is', async () => {
  const path = join(stateDir(), 'lock-odd.json');
  writeFileSync(path, 'not ours');
  const error = await failure(acquireLock('odd', { waitMs: 50 }));
  assert.ok(error.message.includes(path));
  assert.equal(readFileSync(path, 'utf8'), 'not ours');
});

test('all locks or none: what was taken is given back when one can’t be had', async () => {
  await using held = await acquireLock('b', { waitMs: 0 });
  assert.equal((await failure(acquireLocks(['c', 'a', 'b'], { waitMs: 50 }))).code, 'LOCK_TIMEOUT');
  assert.deepEqual(lockFiles('a'), []);
  assert.deepEqual(lockFiles('c'), []);
  held.release();
  await using all = await acquireLocks(['c', 'a', 'b', 'a'], { waitMs: 0 });
  assert.deepEqual(all.names, ['a', 'b', 'c']);
});

test('a lock that was released by one is not released again for the next', async () => {
  const first = await acquireLock('twice', { waitMs: 0 });
  first.release();
  await using _second = await acquireLock('twice', { waitMs: 0 });
  first.release();
  assert.equal((await failure(acquireLock('twice', { waitMs: 50 }))).code, 'LOCK_TIMEOUT');
});

const LIST = `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa1111-0000)
  MIG 1g.5gb     Device  0: (UUID: MIG-cccc3333-0000)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb2222-0000)
`;

test('a run locks the GPUs it can see and its port; without a GPU the machine', async () => {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'nvidia-smi'), `#!/bin/sh\ncat <<'END'\n${LIST}END\n`);
  chmodSync(join(bin, 'nvidia-smi'), 0o755);
  const path = process.env.PATH;
  const url = 'http://127.0.0.1:8123';
  assert.deepEqual(await lockNames({ url, env: {} }), ['machine', 'port-8123']);
  process.env.PATH = `${bin}:${path}`;
  try {
    assert.deepEqual(await lockNames({ url, env: {} }), ['gpu-0', 'gpu-1', 'port-8123']);
    assert.deepEqual(await lockNames({ url, env: { CUDA_VISIBLE_DEVICES: '1' } }), ['gpu-1', 'port-8123']);
    assert.deepEqual(await lockNames({ url, env: { CUDA_VISIBLE_DEVICES: '' } }), ['machine', 'port-8123']);
    assert.deepEqual(await lockNames({ url: 'http://192.0.2.7/v1', env: {} }), ['target-192.0.2.7-80']);
  } finally {
    process.env.PATH = path;
  }
});

test('CUDA_VISIBLE_DEVICES by UUID, by MIG device and with an end mark means the same GPUs as by index', () => {
  const listed = parseGpuList(LIST);
  assert.deepEqual(
    listed.map(({ index, name }) => [index, name]),
    [
      ['0', 'NVIDIA A100-SXM4-40GB'],
      ['1', 'NVIDIA A100-SXM4-40GB'],
    ],
  );
  assert.deepEqual(selectGpus(listed, 'GPU-bbbb'), ['1']);
  assert.deepEqual(selectGpus(listed, 'MIG-cccc3333-0000,1'), ['0', '1']);
  assert.deepEqual(selectGpus(listed, '1,-1,0'), ['1']);
  assert.deepEqual(selectGpus([], '2'), ['2'], 'an index counts where nvidia-smi can’t tell');
  fc.assert(
    fc.property(fc.array(fc.constantFrom('0', '1', 'GPU-aaaa', 'GPU-bbbb')), (entries) => {
      const expected = new Set(
        entries.map((entry) => ({ '0': '0', '1': '1', 'GPU-aaaa': '0', 'GPU-bbbb': '1' })[entry]),
      );
      assert.deepEqual(new Set(selectGpus(listed, entries.join(','))), expected);
    }),
  );
});

test('waiting ends as soon as the holder lets go', async () => {
  const first = await acquireLock('soon', { waitMs: 0 });
  let told = false;
  const second = acquireLock('soon', {
    waitMs: 20_000,
    onWait: () => {
      told = true;
    },
  });
  await until(() => told, 'the wait to begin');
  first.release();
  (await second).release();
});
