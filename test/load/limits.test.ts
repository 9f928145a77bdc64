import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connectionsOf } from '../../src/load/foresee.ts';
import { limitError, readLimits, shortageOf } from '../../src/load/limits.ts';
import type { LoadPlan, OfferedLoad } from '../../src/load/plan.ts';
import { startTorture } from './torture.ts';

const STARVED = fileURLToPath(new URL('./starved.ts', import.meta.url));

interface Said {
  readonly code?: string;
  readonly exitCode?: number;
  readonly message: string;
  readonly hint: string;
  readonly end?: string;
  readonly outcomes: readonly string[];
}

/** A load or warm-up in a shell that has first run `limit`. */
async function starve(limit: string, what: 'load' | 'warm-up', ...url: string[]): Promise<Said> {
  const words = ['sh', '-c', `${limit} && exec "$0" "$@"`, process.execPath, STARVED, what, ...url];
  // A network of its own, where that is needed: its ports can be few without taking anyone else's.
  const [program, ...args] = limit === FEW_PORTS ? ['unshare', '-rn', ...words] : words;
  const { stdout } = await promisify(execFile)(program!, args, { timeout: 60_000 });
  return JSON.parse(stdout) as Said;
}

const FEW_FILES = 'ulimit -n 64';
const FEW_PORTS = 'ip link set lo up && echo 50000 50019 > /proc/sys/net/ipv4/ip_local_port_range';
const noNetwork = spawnSync('unshare', ['-rn', 'sh', '-c', FEW_PORTS]).status !== 0;

describe('a client that runs out of open files', () => {
  for (const host of ['127.0.0.1', 'localhost']) {
    test(`ends the load as its own fault, never the deployment’s (${host})`, async () => {
      await using server = await startTorture(() => {});
      const said = await starve(FEW_FILES, 'load', `http://${host}:${server.port}`);
      assert.deepEqual([said.code, said.exitCode, said.end], ['CLIENT_LIMITS', 4, undefined], said.message);
      assert.match(
        said.message,
        /ran out of open files: the limit is 64; about \d+ requests were in flight.* needs 500 or more/,
      );
      assert.match(said.hint, /`ulimit -n 1024`/);
      assert.ok(server.connections > 5, 'it really did run into the limit');
      assert.ok(
        said.outcomes.every((outcome) => outcome === 'cut'),
        said.outcomes.join(),
      );
    });
  }

  test('ends a warm-up too', async () => {
    await using server = await startTorture(() => {});
    const said = await starve(FEW_FILES, 'warm-up', server.url);
    assert.deepEqual([said.code, said.exitCode], ['CLIENT_LIMITS', 4], said.message);
  });
});

test('a client that runs out of local ports ends the load as its own fault', {
  skip: noNetwork && 'no network namespace to be had',
}, async () => {
  const said = await starve(FEW_PORTS, 'load');
  assert.deepEqual([said.code, said.exitCode, said.end], ['CLIENT_LIMITS', 4, undefined], said.message);
  assert.match(said.message, /ran out of local ports: there are 20, 50000 to 50019 \(net.ipv4.ip_local_port_range\)/);
  assert.match(said.hint, /sysctl -w net.ipv4.ip_local_port_range/);
});

describe('whose fault a failed connect is', () => {
  const failed = (code: string, rest: object = {}): Error => Object.assign(new Error(code), { code, ...rest });

  test('is told by its code, also where several addresses were tried', () => {
    assert.equal(shortageOf(failed('EMFILE')), 'open files');
    assert.equal(shortageOf(failed('ENFILE')), 'open files of the system');
    assert.equal(shortageOf(failed('EADDRNOTAVAIL', { address: '127.0.0.1' })), 'local ports');
    const refused = failed('ECONNREFUSED', { address: '127.0.0.1' });
    for (const error of [refused, failed('ECONNRESET'), failed('UND_ERR_CONNECT_TIMEOUT'), failed('EHOSTUNREACH')])
      assert.equal(shortageOf(error), null);
    assert.equal(shortageOf(new AggregateError([failed('ENETUNREACH'), refused])), null);
    assert.equal(shortageOf(new AggregateError([refused, failed('EMFILE')])), 'open files');
  });

  test('is told by the words of a worker that finds no file left for a module it loads', () => {
    const words = (text: string): Error => new Error(`Cannot read package config /srv/package.json: ${text}`);
    assert.equal(shortageOf(words('too many open files.')), 'open files');
    assert.equal(shortageOf(words('no such file or directory.')), null);
  });

  test('is the name’s where it cannot be looked up while there are files', () => {
    assert.equal(shortageOf(failed('ENOTFOUND', { syscall: 'getaddrinfo' })), null);
  });

  test('the error names the limits of this machine and what the load needs', () => {
    const phase = (load: OfferedLoad) =>
      ({ name: 'x', kind: 'round', startMs: 0, durationMs: 1, load, pattern: 1 }) as const;
    const plan = (...loads: OfferedLoad[]) =>
      ({ phases: loads.map(phase), maxInFlight: 10_000 }) as unknown as LoadPlan;
    assert.equal(connectionsOf(plan({ kind: 'open', process: 'poisson', from: 10, to: 800 })), 1_600);
    assert.equal(connectionsOf(plan({ kind: 'closed', users: 70, think: { constantMs: 0 } })), 70);
    const limits = readLimits();
    const files = limitError('open files', limits, 1_600, 900);
    assert.ok(limits.openFiles === null || files.message.includes(`the limit is ${limits.openFiles};`));
    assert.match(files.message, /about 900 requests were in flight.* needs 1700 or more/);
    assert.match(files.hint!, /ulimit -n 4096/);
    assert.match(
      limitError('open files of the system', limits, 10, 5_000).message,
      /\(fs.file-max\).* needs 5100 or more/,
    );
    const unknown = limitError('local ports', { openFiles: null, systemFiles: null, ports: null }, 1, 1);
    assert.match(unknown.message, /^The client ran out of local ports; about 1 /);
  });
});
