import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bootDeployment } from '../../src/deployment/boot.ts';
import { identify, markerOf, membersOf, readProcess } from '../../src/deployment/processes.ts';
import { stateDir, thisOwner } from '../../src/deployment/state.ts';
import { cleanUpOwner, sweep } from '../../src/deployment/sweep.ts';
import { configInput, configOf, folder, freePort, killed, readJson, runs, startFixture, until } from './world.ts';

// Whatever a failing test leaves: only pids that these tests started and noted.
const started: number[] = [];
after(() => {
  for (const pid of started) {
    if (markerOf(pid) != null || runs(pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone, as it should be.
      }
    }
  }
});

test('one that ignores SIGTERM gets SIGKILL after its stop timeout', async () => {
  const deployment = await bootDeployment(configOf(await freePort(), { ignoreTerm: true }, { stopTimeout: '400ms' }), {
    cwd: folder,
    boot: 1,
    logPath: join(folder, 'a.log'),
  });
  const report = await deployment.dispose();
  assert.deepEqual(
    { forced: report.forced, left: report.left, signal: report.exit?.signal },
    { forced: true, left: [], signal: 'SIGKILL' },
  );
  assert.match(readFileSync(join(folder, 'a.log'), 'utf8'), /SIGTERM ignored/);
});

test('grandchildren go too: in the group, in a session of their own, and without the marker', async () => {
  const pidFile = join(folder, 'b.json');
  const config = configOf(
    await freePort(),
    { children: ['group', 'session', 'bare'], pidFile },
    { stopTimeout: '400ms' },
  );
  const deployment = await bootDeployment(config, { cwd: folder, boot: 1, logPath: join(folder, 'b.log') });
  const { children } = readJson(pidFile);
  started.push(...children);
  assert.ok(children.every(runs));
  const report = await deployment.dispose();
  assert.equal(report.found, 4);
  assert.deepEqual(report.left, []);
  assert.deepEqual(children.filter(runs), []);
});

test('a grandchild that outlives its leader is found by its group and by its marker', async () => {
  const pidFile = join(folder, 'c.json');
  const config = configOf(await freePort(), { children: ['group', 'session'], pidFile }, { stopTimeout: '400ms' });
  const deployment = await bootDeployment(config, { cwd: folder, boot: 1, logPath: join(folder, 'c.log') });
  const { children } = readJson(pidFile);
  started.push(...children);
  process.kill(deployment.pid!, 'SIGKILL');
  await deployment.onExit;
  assert.ok(children.every(runs));
  assert.equal((await deployment.dispose()).found, 2);
  assert.deepEqual(children.filter(runs), []);
});

test('a reused pid is not ours: another start time protects its whole group', async () => {
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
  try {
    await until(() => readProcess(stranger.pid!)?.session === stranger.pid, 'the stranger to lead its session');
    const { startTime } = identify(stranger.pid!)!;
    assert.deepEqual(membersOf({ pid: stranger.pid!, startTime: `${Number(startTime) - 1}`, marker: 'x/1' }), []);
    assert.deepEqual(
      membersOf({ pid: stranger.pid!, startTime, marker: 'x/1' }).map(({ pid }) => pid),
      [stranger.pid],
    );
  } finally {
    await killed(stranger);
  }
});

test('an orphaned group whose environment lacks the marker is not ours', async () => {
  // The leader ends, its child stays in its session: what a recycled group number would look like.
  const pidFile = join(folder, 'orphan.txt');
  const code = `const c = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' }); require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(c.pid)); process.exit()`;
  const leader = spawn(process.execPath, ['-e', code], { detached: true, stdio: 'ignore' });
  const { startTime } = identify(leader.pid!)!;
  await new Promise((resolve) => leader.once('exit', resolve));
  const orphan = Number(readFileSync(pidFile, 'utf8'));
  try {
    assert.equal(readProcess(orphan)?.session, leader.pid);
    assert.deepEqual(membersOf({ pid: leader.pid!, startTime, marker: 'x/1' }), []);
  } finally {
    process.kill(orphan, 'SIGKILL');
  }
});

test('after kill -9 of a run, the next start sweeps what it left and nothing of a run that lives', async () => {
  const boot = async (name: string, label: string) => {
    const pidFile = join(folder, `${name}.json`);
    const config = configInput(await freePort(), { children: ['group', 'session'], pidFile }, { stopTimeout: '300ms' });
    const { child, line } = await startFixture('owner.ts', { config, logPath: join(folder, `${name}.log`), label });
    const pids = readJson(pidFile);
    started.push(pids.pid, ...pids.children);
    return { owner: child, pids: [pids.pid, ...pids.children], statePath: JSON.parse(line).statePath as string };
  };
  const [dead, living] = await Promise.all([boot('dead', 'the killed run'), boot('living', 'the living run')]);
  try {
    assert.deepEqual(await sweep(), [], 'both live: nothing to sweep');
    await killed(dead.owner);
    assert.ok(dead.pids.every(runs), 'kill -9 leaves the deployment running');
    const swept = await sweep();
    assert.equal(swept.length, 1);
    assert.equal(swept[0]!.label, 'the killed run');
    assert.equal(swept[0]!.ownerPid, dead.owner.pid);
    assert.equal(swept[0]!.found, 3);
    assert.deepEqual(swept[0]!.left, []);
    assert.deepEqual(dead.pids.filter(runs), []);
    assert.ok(!existsSync(dead.statePath));
    assert.ok(living.pids.every(runs));
    assert.ok(existsSync(living.statePath));
    assert.deepEqual(await sweep(), []);
  } finally {
    await killed(living.owner);
    await sweep();
  }
  assert.deepEqual(living.pids.filter(runs), []);
});

test('the post step cleans up by owner id or state path, while the owner lives or not', async () => {
  const pidFile = join(folder, 'post.json');
  const config = configInput(await freePort(), { pidFile });
  const { child, line } = await startFixture('owner.ts', {
    config,
    logPath: join(folder, 'post.log'),
    label: 'cancelled',
  });
  const { owner, statePath } = JSON.parse(line);
  const { pid } = readJson(pidFile);
  started.push(pid);
  try {
    assert.ok(existsSync(statePath));
    const swept = await cleanUpOwner(owner);
    assert.deepEqual([swept?.label, swept?.found, runs(pid)], ['cancelled', 1, false]);
    assert.equal(await cleanUpOwner(statePath), undefined, 'nothing left to do');
    assert.equal(await cleanUpOwner('../../etc/passwd'), undefined);
  } finally {
    await killed(child);
  }
});

test('a child spawned but not yet noted when its owner died is found by its marker', async () => {
  const id = 'gone-0123456789ab';
  const orphan = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, PLIMSOLL_OWNER: `${id}/1` },
  });
  started.push(orphan.pid!);
  await until(() => markerOf(orphan.pid!) === `${id}/1`, 'the marker to show');
  const own = thisOwner().process;
  const record = {
    schema: 'plimsoll/owner',
    version: 1,
    id,
    process: { ...own, startTime: '1' },
    label: 'half spawned',
    children: [],
  };
  writeFileSync(join(stateDir(), `owner-${id}.json`), JSON.stringify(record));
  const exit = new Promise((resolve) => orphan.once('exit', resolve));
  const swept = await sweep();
  assert.deepEqual(
    swept.map(({ label, found }) => [label, found]),
    [['half spawned', 1]],
  );
  await exit;
});

test('pids from before a restart of the machine are never signalled', async () => {
  const victim = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore', detached: true });
  try {
    const child = {
      ...identify(victim.pid!)!,
      marker: 'old-1/1',
      label: 'x',
      command: 'x',
      port: 1,
      log: 'x',
      stopTimeoutMs: 100,
      startedAt: '',
    };
    const record = {
      schema: 'plimsoll/owner',
      version: 1,
      id: 'old-1',
      process: { ...thisOwner().process, machineBoot: 'an earlier boot' },
      label: 'old',
      children: [child],
    };
    writeFileSync(join(stateDir(), 'owner-old-1.json'), JSON.stringify(record));
    const elsewhere = { ...record, id: 'else-1', process: { ...thisOwner().process, pidSpace: 'pid:[1]' } };
    writeFileSync(join(stateDir(), 'owner-else-1.json'), JSON.stringify(elsewhere));
    const swept = await sweep();
    assert.equal(
      swept.reduce((sum, { found }) => sum + found, 0),
      0,
    );
    assert.ok(runs(victim.pid!));
    assert.deepEqual(
      readdirSync(stateDir()).filter((name) => name.startsWith('owner-')),
      ['owner-else-1.json'],
      'another container’s owner can’t be judged',
    );
  } finally {
    await killed(victim);
  }
});

test('a damaged file costs its owner nothing while it lives; then what carries its marker is ended', async () => {
  const pidFile = join(folder, 'damaged.json');
  const config = configInput(await freePort(), { pidFile });
  const { child, line } = await startFixture('owner.ts', { config, logPath: join(folder, 'damaged.log'), label: 'x' });
  const { statePath } = JSON.parse(line);
  const { pid } = readJson(pidFile);
  started.push(pid);
  let killedYet = false;
  try {
    for (const damage of [
      '',
      readFileSync(statePath, 'utf8').slice(0, 99),
      '{"schema":"plimsoll/owner","version":1}',
    ]) {
      writeFileSync(statePath, damage);
      assert.deepEqual(await sweep(), []);
      assert.ok(runs(pid));
      assert.ok(existsSync(statePath));
    }
    await killed(child);
    killedYet = true;
    const swept = await sweep();
    assert.deepEqual(
      swept.map(({ ownerPid, found, left }) => [ownerPid, found, left]),
      [[null, 1, []]],
    );
    assert.ok(!runs(pid));
    assert.ok(!existsSync(statePath));
  } finally {
    if (!killedYet) await killed(child);
  }
});

test('a file of another version is left alone, and so is all it may stand for', async () => {
  const dead = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => dead.once('exit', resolve));
  const id = `${dead.pid}-abcdef012345`;
  const orphan = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    stdio: 'ignore',
    env: { ...process.env, PLIMSOLL_OWNER: `${id}/1` },
  });
  started.push(orphan.pid!);
  try {
    await until(() => markerOf(orphan.pid!) === `${id}/1`, 'the marker to show');
    const path = join(stateDir(), `owner-${id}.json`);
    for (const text of ['{"schema":"plimsoll/owner","version":2,"id":"x"}', '{}', '[]']) {
      writeFileSync(path, text);
      utimesSync(path, 1, 1);
      assert.deepEqual(await sweep(), []);
      assert.equal(await cleanUpOwner(id), undefined);
      assert.ok(runs(orphan.pid!));
      assert.equal(readFileSync(path, 'utf8'), text);
    }
  } finally {
    await killed(orphan);
  }
});

test('a damaged file that nothing belongs to goes after a day: until then its owner may live in another container', async () => {
  const dead = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => dead.once('exit', resolve));
  const path = join(stateDir(), `owner-${dead.pid}-00aa.json`);
  writeFileSync(path, '{"schema":"plimsoll/own');
  assert.deepEqual(await sweep(), []);
  assert.ok(existsSync(path));
  utimesSync(path, Date.now() / 1_000 - 90_000, Date.now() / 1_000 - 90_000);
  assert.deepEqual(await sweep(), []);
  assert.ok(!existsSync(path));
});
