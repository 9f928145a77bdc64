import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { expectedStages } from '../../src/judge/expected.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import { decodeRecord, encodeRecord } from '../../src/record/codec.ts';
import { createRandom } from '../../src/stats/random.ts';
import { found, history, metricsOf, record, STAGES } from './fixture.ts';

const root = join(import.meta.dirname, '..', '..');
const config = loadConfig(join(root, 'examples', 'simulated', 'plimsoll.yml'), { allowMissingEnv: true });
const NONE = { kind: 'none' as const, reason: 'nothing is stored' };
const without = (stage: 'linear' | 'step-surge') => {
  const { [stage]: _, ...workloads } = record([]).workloads;
  return record([], { workloads });
};

test('every stage of the configuration is expected, though the record leaves it out', () => {
  assert.deepEqual(expectedStages(config, without('linear'), NONE), STAGES);
});

test('a stage whose load is a share of the knee may be left out while no knee is stored', () => {
  const share = { shareOfKnee: 0.5 };
  const waiting = { stages: { ...config.stages, 'step-surge': { ...config.stages['step-surge']!, base: share } } };
  const lacking = without('step-surge');
  assert.deepEqual(expectedStages(waiting, lacking, NONE), ['benchmark', 'linear']);
  assert.deepEqual(expectedStages(waiting, record([]), NONE), STAGES);
  const stored = history('linear', [metricsOf('linear', createRandom(1), { boot: 0, round: 0 })]);
  stored.segments[0]!.pinned.kneeRate = 40;
  assert.deepEqual(expectedStages(waiting, lacking, found({ linear: [stored] })), STAGES);
});

test('plimsoll judge: gates on a stage that the record lacks are not lost without a word', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-judge-'));
  try {
    const example = join(root, 'docs', 'judging-example');
    const whole = decodeRecord(readFileSync(join(example, 'run.json'), 'utf8'), 'run.json');
    const { linear: _, ...workloads } = whole.workloads;
    const boots = whole.boots.map((one) => ({ ...one, stages: one.stages.filter(({ stage }) => stage !== 'linear') }));
    writeFileSync(join(folder, 'run.json'), encodeRecord({ ...whole, workloads, boots }));
    const args = ['judge', folder, '--baseline', join(example, 'baseline.json'), '--json'];
    const verdict = verdictOf([...args, '-c', join(root, 'examples', 'simulated', 'plimsoll.yml')]);
    assert.equal(verdict.stages.find(({ stage }) => stage === 'linear')?.standing, 'missing');
    assert.ok(verdict.findings.some(({ message }) => message.startsWith('Missing: linear is not measured')));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The example fails, which is an exit code too. */
function verdictOf(args: readonly string[]): Verdict {
  try {
    return JSON.parse(execFileSync(process.execPath, [join(root, 'src', 'cli.ts'), ...args], { encoding: 'utf8' }));
  } catch (error) {
    return JSON.parse((error as { stdout: string }).stdout);
  }
}
