// The commands that read and cut a stored history, through the real command line.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { readBaselineFile } from '../../src/baseline/store.ts';
import { cli, root } from './project.ts';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-history-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const example = join(root, 'docs', 'judging-example', 'baseline.json');
const plimsoll = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [cli, ...args], { cwd: root })).stdout;

test('power says what each gate sees, and the same as JSON', async () => {
  const config = join(root, 'examples', 'simulated', 'plimsoll.yml');
  const text = await plimsoll('power', example, '-c', config, '--boots', '2');
  assert.match(
    text,
    /TPOT p95 in benchmark: boots differ by \d\.\d % \(degrees of freedom: 3 from its boots, 2 from the ledger, 4 assumed\)/,
  );
  assert.match(text, /now, 4 recorded +\+\d+\.\d % +\+\d+\.\d %\n {2}5 more/);
  assert.match(text, /20 more .*\n {2}ledger \+ 18 +\+\d+\.\d % +\+\d+\.\d %\n/);
  const { gates } = JSON.parse(await plimsoll('power', example, '-c', config, '--json'));
  assert.deepEqual(
    gates.map((gate: { metric: string; rows: { detectable: number[] }[] }) => gate.rows[0]!.detectable.length),
    gates.map(() => 5),
  );
});

test('split begins a new segment in the file, and refuses a boot that is not there', async () => {
  const file = join(folder, 'baseline.json');
  copyFileSync(example, file);
  const boot = readBaselineFile(file).stages.benchmark!.at(-1)!.segments.at(-1)!.boots[2]!.id;
  assert.match(
    await plimsoll('baseline', 'split', file, '--at', boot, '--reason', 'merged'),
    /a new segment begins at boot/,
  );
  const segments = readBaselineFile(file).stages.benchmark!.at(-1)!.segments;
  assert.deepEqual(segments.map(({ boots, reason }) => [boots.length, reason]).at(-1), [2, 'merged']);
  await assert.rejects(plimsoll('baseline', 'split', file, '--at', 'nobody#1', '--reason', 'x'), /BASELINE_REFUSED/);
});
