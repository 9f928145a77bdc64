import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

async function doctor(folder: string, ...args: string[]) {
  const child = spawn(process.execPath, [CLI, 'doctor', ...args], { cwd: folder });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { stdout, stderr, code };
}
const empty = (): string => mkdtempSync(join(tmpdir(), 'plimsoll-doctor-'));

test('plimsoll doctor measures the client of this machine, and says so in one JSON object', async () => {
  const folder = empty();
  const { stdout, stderr, code } = await doctor(folder, '--json', '--seconds', '6', '--workers', '2');
  const { fit, reasons, checks, carried, machine } = JSON.parse(stdout);
  // How much it carries is this machine's affair, and how busy that is now.
  assert.equal(code, fit ? 0 : 4, stderr);
  assert.equal(fit, reasons.length === 0);
  assert.ok(checks.length >= 10);
  assert.equal(machine.folder, join(folder, 'plimsoll-out'));
  assert.equal(carried.workers, 2);
  assert.ok(carried.calm.dispatchDelayMs.p50 > 0);
  assert.ok(carried.distortion.readMs.p50 > 0, 'no event is read before it was written');
  assert.ok(carried.distortion.ttftMs.p50 > 0);
  for (const ceiling of [carried.requests, carried.events]) {
    assert.ok(ceiling.perSecond >= 0);
    assert.ok(['client', 'server', 'untried'].includes(ceiling.bound));
  }
  assert.deepEqual(readdirSync(folder), [], 'it leaves nothing behind');
});

test('plimsoll doctor takes workers and limits from the configuration', async () => {
  const folder = empty();
  writeFileSync(
    join(folder, 'plimsoll.yml'),
    `deployment: { name: a, kind: external, url: 'http://127.0.0.1:9', engine: openai }
workload: { model: m, prompts: { kind: synthetic, tokens: { constant: 8 } }, output: { constant: 8 } }
stages: { benchmark: { rate: 9/s, rounds: 2, duration: 30s } }
client: { workers: 2, dispatchDelayP99: 0.001ms }
`,
  );
  const { stdout, stderr, code } = await doctor(folder, '--seconds', '6');
  assert.equal(code, 4, stderr);
  assert.match(stdout, /^Client, 2 workers, measured for about 6 s/m);
  assert.match(stdout, /^Not fit: at only 200 requests\/s the client sent late: .* the limit is 0.00100 ms/m);
});

test('plimsoll doctor refuses what is no time', async () => {
  const { stderr, code } = await doctor(empty(), '--seconds', 'long');
  assert.equal(code, 2);
  assert.match(stderr, /"long" is not a whole number from 6 to 600/);
});
