// The simulated example as its users start it: through the command line, from wherever they stand.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');

test('the command of examples/simulated starts through the CLI, from the folder of its file', async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'plimsoll-example-'));
  t.after(() => rmSync(scratch, { recursive: true, force: true }));
  // A repository of the same shape, so that the port and the load can be others.
  const folder = join(scratch, 'examples', 'simulated');
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, 'dist'), join(scratch, 'dist'), { recursive: true });
  symlinkSync(join(root, 'package.json'), join(scratch, 'package.json'));
  const port = await freePort();
  const text = readFileSync(join(root, 'examples', 'simulated', 'plimsoll.yml'), 'utf8');
  assert.ok(text.split('18000').length === 3 && /\nstages:\n[\s\S]*?\nsla:/.test(text));
  const file = join(folder, 'plimsoll.yml');
  writeFileSync(
    file,
    text
      .replaceAll('18000', String(port))
      .replace(/\nstages:\n[\s\S]*/, '\nstages: { benchmark: { rate: 100/s, rounds: 2, duration: 2s, rampIn: 0s } }\n'),
  );
  const child = spawn(
    process.execPath,
    [join(root, 'src', 'cli.ts'), 'run', '-c', file, '--out', join(scratch, 'out'), '--mode', 'measure'],
    {
      cwd: scratch,
      env: { ...process.env, PLIMSOLL_STATE_DIR: join(scratch, 'state') },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const log = logOf(child);
  await once(child, 'close');
  assert.match(log(), /ready/, log());
  const record = JSON.parse(readFileSync(join(scratch, 'out', 'run.json'), 'utf8')) as { boots: { end: string }[] };
  assert.deepEqual(
    record.boots.map(({ end }) => end),
    ['complete'],
    log(),
  );
});

function logOf(child: ChildProcess): () => string {
  let text = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return () => text;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
