import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { lastLines, maskLog, openLog } from '../../src/deployment/log.ts';
import { addressOf, holdersOf, isListening, listeningPorts } from '../../src/deployment/ports.ts';
import { identify, isAlive, parsePs, parseStat, processTable } from '../../src/deployment/processes.ts';
import { stateDir } from '../../src/deployment/state.ts';
import { urlOn } from '../../src/deployment/target.ts';
import { folder } from './world.ts';

test('a stat line is read whatever the process calls itself', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const line = `77 (${name}) S 1 77 77 0 -1 4194304 1 0 0 0 12 30 0 0 20 0 9 0 126789 3133440 418 1 2 3`;
      assert.deepEqual(parseStat(line), {
        pid: 77,
        state: 'S',
        parent: 1,
        group: 77,
        session: 77,
        cpuTicks: 42,
        startTime: '126789',
        residentPages: 418,
      });
    }),
  );
  assert.equal(parseStat(''), undefined);
  assert.equal(parseStat('77 (cut) S 1'), undefined);
});

test('ps, for systems without /proc, tells the same parents and groups as /proc', () => {
  const table = processTable();
  const listed = parsePs(execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,lstart='], { encoding: 'utf8' }));
  const own = listed.find(({ pid }) => pid === process.pid)!;
  assert.equal(own.parent, process.ppid);
  assert.equal(own.group, table.get(process.pid)!.group);
  assert.match(own.startTime, /\d\d:\d\d:\d\d/);
});

test('an identity outlives neither its process nor the machine’s boot', () => {
  const own = identify(process.pid)!;
  assert.equal(isAlive(own), 'alive');
  assert.equal(isAlive({ ...own, startTime: '1' }), 'dead');
  assert.equal(isAlive({ ...own, machineBoot: 'another' }), 'dead');
  assert.equal(isAlive({ ...own, pidSpace: 'pid:[1]' }), 'unknown');
  assert.equal(identify(0x7fffffff), undefined);
});

test('listening ports and their holders are found for IPv4 and IPv6', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer().listen(0, host);
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    assert.ok(await isListening(host, port));
    assert.deepEqual(holdersOf(port), [process.pid]);
    assert.ok(listeningPorts([process.pid]).includes(port));
    await new Promise((resolve) => server.close(resolve));
    assert.ok(!(await isListening(host, port)));
    assert.deepEqual(holdersOf(port), []);
  }
});

test('a URL’s address has its default port and no brackets', () => {
  assert.deepEqual(addressOf('http://[::1]/x'), { host: '::1', port: 80 });
  assert.deepEqual(addressOf('https://host.example'), { host: 'host.example', port: 443 });
  assert.deepEqual(addressOf('http://localhost:8000'), { host: 'localhost', port: 8000 });
});

test('paths are below the target’s own path; whole URLs stay as they are', () => {
  assert.equal(urlOn('http://h:1/prefix/', '/health?x=1').href, 'http://h:1/prefix/health?x=1');
  assert.equal(urlOn('http://h:1', 'metrics').href, 'http://h:1/metrics');
  assert.equal(urlOn('http://h:1/p?q=1', '/v1/models').href, 'http://h:1/p/v1/models');
  assert.equal(urlOn('http://h:1/p', 'http://other:2/m').href, 'http://other:2/m');
});

test('the last lines of a long log are whole lines, plain text, and masked before they are cut', () => {
  const path = join(folder, 'long.log');
  writeFileSync(
    path,
    `${'x'.repeat(60)}\n`.repeat(2_000) +
      `progress 1%\rprogress 100%\r\n\n${'y'.repeat(495)}topsecret\n\u001b[1mlast\u001b[0m\u0007`,
  );
  const lines = lastLines(path, 5, (text) => text.replaceAll('topsecret', '***'));
  assert.deepEqual(lines, ['x'.repeat(60), 'progress 1%', 'progress 100%', `${'y'.repeat(495)}***`, 'last']);
  assert.deepEqual(lastLines(join(folder, 'none.log')), []);
});

test('masking a finished log leaves every other byte of text, and the file alone where there is nothing to mask', async () => {
  const path = join(folder, 'mask.log');
  const log = openLog(path);
  writeSync(log, 'one\ntwo hunter2 hunter2\n\nthree\n');
  closeSync(log);
  await maskLog(path, (text) => text.replaceAll('hunter2', '***'));
  assert.deepEqual(lastLines(path), ['one', 'two *** ***', 'three']);
  await assert.rejects(maskLog(join(folder, 'missing.log'), (text) => text));
});

test('a log that cannot be masked, on a full disk, keeps no secret and harms nobody', {
  skip: !existsSync('/dev/full') && 'no full disk to be had',
}, async () => {
  const hide = (text: string) => text.replaceAll('hunter2', '***');
  const path = join(folder, 'full.log');
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(path, 'hunter2\n'.repeat(100_000));
  symlinkSync('/dev/full', temporary);
  await maskLog(path, hide);
  assert.match(readFileSync(path, 'utf8'), /^\[plimsoll\] This log held secrets .*ENOSPC.*\n$/);
  assert.ok(!existsSync(temporary));
  // Without secrets nothing has to be written at all.
  writeFileSync(path, 'harmless\n');
  symlinkSync('/dev/full', temporary);
  await maskLog(path, hide);
  assert.equal(readFileSync(path, 'utf8'), 'harmless\n');
  rmSync(temporary);
});

test('a state folder of another user is refused', {
  skip: process.getuid?.() !== 0 && 'only root can make one',
}, () => {
  const before = process.env.PLIMSOLL_STATE_DIR;
  const path = join(folder, 'foreign');
  execFileSync('install', ['-d', '-o', '12345', path]);
  process.env.PLIMSOLL_STATE_DIR = path;
  try {
    assert.throws(stateDir, /belongs to another user \(uid 12345/);
  } finally {
    process.env.PLIMSOLL_STATE_DIR = before;
  }
});
