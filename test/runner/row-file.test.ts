import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { constants, gunzipSync } from 'node:zlib';
import { openRowFile } from '../../src/runner/row-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-rows-'));
const lines = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `{"n":${from + i}}`);
const unpacked = (path: string, finishFlush = constants.Z_FINISH): string[] =>
  gunzipSync(readFileSync(path), { finishFlush }).toString().trimEnd().split('\n');

test('every line is in the file, in order, however many come at once', async () => {
  const path = join(folder, 'all.gz');
  const file = openRowFile(path);
  for (let i = 0; i < 200; i++) file.append(lines(i * 500, 500));
  file.append([]);
  await file.close();
  assert.deepEqual(unpacked(path), lines(0, 100_000));
});

test('a file without a line can be unpacked', async () => {
  const path = join(folder, 'none.gz');
  await openRowFile(path).close();
  assert.deepEqual(unpacked(path), ['']);
});

test('a file that nobody closed can be read up to what was appended a moment ago', async () => {
  const path = join(folder, 'broken-off.gz');
  const file = openRowFile(path);
  const untilReadable = async (count: number): Promise<void> => {
    const read = (): string[] => (existsSync(path) ? unpacked(path, constants.Z_SYNC_FLUSH) : []);
    for (let tries = 0; tries < 100 && read().length < count; tries++) await sleep(50);
    assert.deepEqual(read(), lines(0, count));
    assert.throws(() => unpacked(path), /unexpected end of file/, 'and who reads it hears that it is not whole');
  };
  file.append(lines(0, 5));
  await untilReadable(5);
  // More than is written at once, and a rest.
  file.append(lines(5, 50_000));
  file.append(lines(50_005, 10));
  await untilReadable(50_015);
  await file.close();
  assert.deepEqual(unpacked(path), lines(0, 50_015));
});

const needsLinux = { skip: process.platform !== 'linux' && 'needs /dev/full and mkfifo' };

test('a full disk is an error of the next append, and of the end', needsLinux, async () => {
  const file = openRowFile('/dev/full');
  const full = { name: 'PlimsollError', code: 'OUT_NOT_WRITABLE', message: /\/dev\/full.*ENOSPC/, hint: /disk full/ };
  await assert.rejects(async () => {
    for (let i = 0; i < 200; i++) {
      file.append(lines(i, 1));
      await sleep(20);
    }
  }, full);
  await assert.rejects(file.close(), full);
});

test('a full disk is an error where it first shows at the end', needsLinux, async () => {
  const file = openRowFile('/dev/full');
  file.append(lines(0, 1));
  await assert.rejects(file.close(), { name: 'PlimsollError', code: 'OUT_NOT_WRITABLE' });
});

test('a folder that is not there is an error too', async () => {
  const file = openRowFile(join(folder, 'missing', 'rows.gz'));
  await assert.rejects(file.close(), { code: 'OUT_NOT_WRITABLE', message: /ENOENT/ });
});

test('a disk that does not keep up is an error once too much waits for it, not a full memory', needsLinux, async () => {
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  const file = openRowFile(path, 200_000);
  const noise = (i: number): string => `${i} ${Math.sin(i)} ${Math.cos(i)} ${'x'.repeat(1_000)}`;
  await assert.rejects(
    async () => {
      for (let i = 0; i < 20_000; i++) {
        file.append([noise(i)]);
        if (i % 100 === 0) await sleep(1);
      }
    },
    { code: 'OUT_NOT_WRITABLE', message: /too slow: 0\.\d MB are waiting/ },
  );
  // Whoever opened the pipe for writing waits until somebody reads.
  createReadStream(path).resume();
});

test('what the disk has taken no longer waits, however much it was', async () => {
  const path = join(folder, 'much.gz');
  const file = openRowFile(path, 1_500_000);
  const all = Array.from({ length: 150 }, () => randomBytes(30_000).toString('base64'));
  for (const line of all) {
    file.append([line]);
    await sleep(5);
  }
  await file.close();
  assert.ok(statSync(path).size > 3_000_000);
  assert.deepEqual(unpacked(path), all);
});
