import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { connectionsOf, foresee, type Room, readRoom } from '../../src/load/foresee.ts';
import { openFilesNow, readLimits } from '../../src/load/limits.ts';
import type { LoadPlan, OfferedLoad } from '../../src/load/plan.ts';

const plan = (load: OfferedLoad, maxInFlight = 100_000): LoadPlan => ({
  stage: 'linear',
  seed: 1,
  phases: [{ name: 'step-1', kind: 'step', startMs: 0, durationMs: 1_000, load, pattern: 1 }],
  drainMs: 0,
  maxInFlight,
  requestTimeoutMs: 1,
  stallTimeoutMs: 1,
});
const rate = (perSecond: number): OfferedLoad => ({ kind: 'open', process: 'poisson', from: 1, to: perSecond });
const users = (count: number): OfferedLoad => ({ kind: 'closed', users: count, think: { constantMs: 0 } });
const PLENTY: Room = { openFiles: 1e6, systemFiles: 1e9, ports: 28_000 };

describe('before a load', () => {
  test('one that this machine has room for passes without a word', () => {
    assert.deepEqual(foresee(plan(rate(500)), PLENTY, null), { refusal: null, warnings: [] });
    assert.deepEqual(foresee(plan(users(5_000)), PLENTY, 40_000), { refusal: null, warnings: [] });
  });

  test('one that needs more than there is of anything is refused, with what to do', () => {
    const files = foresee(plan(users(1_000)), { ...PLENTY, openFiles: 1_000 }, null).refusal!;
    assert.deepEqual([files.code, files.exitCode], ['CLIENT_LIMITS', 4]);
    assert.equal(files.message, 'linear needs about 1100 open files for its connections, and 1000 are left.');
    assert.match(files.hint!, /ulimit -n 4096/);
    const system = foresee(plan(users(1_000)), { ...PLENTY, systemFiles: 20 }, null).refusal!;
    assert.match(system.message, /1100 of the system’s open files \(fs.file-max\) .* 20 are left/);
    const ports = foresee(plan(users(1_000)), { ...PLENTY, ports: 999 }, null).refusal!;
    assert.match(ports.message, /1000 local ports \(net.ipv4.ip_local_port_range\) .* 999 are left/);
    assert.match(ports.hint!, /sysctl -w net.ipv4.ip_local_port_range/);
  });

  test('an open loop is refused for what even quick answers need, and warned for what slow ones would', () => {
    const room = { ...PLENTY, openFiles: 1_000 };
    assert.match(foresee(plan(rate(20_000)), room, null).refusal!.message, /about 1100 open files/);
    const slow = foresee(plan(rate(800)), room, null);
    assert.equal(slow.refusal, null);
    assert.match(
      slow.warnings.join(),
      /^linear needs about 1700 open files .* and 1000 are left\. Run `ulimit -n 4096`/,
    );
    assert.deepEqual(foresee(plan(rate(300)), room, null).warnings, []);
  });

  test('an answer time that is known takes the place of the guess', () => {
    const room = { ...PLENTY, openFiles: 1_000 };
    assert.deepEqual(foresee(plan(rate(800)), room, 300), { refusal: null, warnings: [] });
    assert.equal(foresee(plan(rate(800)), room, 500).warnings.length, 1);
    assert.match(foresee(plan(rate(800)), room, 3_000).refusal!.message, /about 2500 open files/);
  });

  test('no more connections are expected than the cap on requests in flight lets through', () => {
    assert.equal(connectionsOf(plan(rate(800), 50), 3_000), 50);
    assert.equal(foresee(plan(rate(800), 50), { ...PLENTY, openFiles: 1_000 }, 3_000).refusal, null);
  });

  test('what a system does not tell is no reason to refuse', () => {
    const room = { openFiles: null, systemFiles: null, ports: null };
    assert.deepEqual(foresee(plan(users(90_000)), room, null), { refusal: null, warnings: [] });
  });
});

describe('the room that is left', { skip: process.platform !== 'linux' && 'read from /proc' }, () => {
  for (const host of ['127.0.0.1', '::1']) {
    test(`counts the ports that hold a connection to the target, and no others (${host})`, async (t) => {
      const server = createServer();
      server.listen(0, host);
      const failed = await Promise.race([once(server, 'listening').then(() => null), once(server, 'error')]);
      if (failed !== null) return t.skip(`no ${host} here`);
      const { port } = server.address() as AddressInfo;
      const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
      const { ports } = readLimits();
      const all = ports![1] - ports![0] + 1;
      const clients: Socket[] = [];
      try {
        assert.equal((await readRoom(url)).ports, all);
        for (let i = 0; i < 7; i++) {
          const client = connect(port, host);
          clients.push(client);
          await once(client, 'connect');
        }
        assert.equal((await readRoom(url)).ports, all - 7);
        assert.equal(
          (await readRoom(`http://${host.includes(':') ? '[::1]' : '127.0.0.1'}:${port === 1 ? 2 : 1}`)).ports,
          all,
        );
      } finally {
        for (const client of clients) client.destroy();
        server.close();
      }
    });
  }

  test('counts the files that are open', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const before = openFilesNow()!;
    const { openFiles } = await readRoom('http://127.0.0.1:9');
    assert.ok(Math.abs(openFiles! - (readLimits().openFiles! - before)) < 10);
    const clients = Array.from({ length: 20 }, () => connect((server.address() as AddressInfo).port, '127.0.0.1'));
    await Promise.all(clients.map((client) => once(client, 'connect')));
    assert.ok(openFilesNow()! >= before + 20);
    for (const client of clients) client.destroy();
    server.close();
  });
});
