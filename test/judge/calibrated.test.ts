// Prompts that were calibrated to a tokenizer: compared where the same text was sent, and only there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../../src/judge/judge.ts';
import { found, world } from './fixture.ts';

test('the same factor is compared; text of another tokenizer is incomparable, and the language is named', () => {
  const healthy = world({ seed: 'healthy', boots: 2 });
  const at = (en: number) => {
    const { record, lookup } = healthy;
    const workload = { ...record.workloads.benchmark!, unitsPerToken: { en, zh: 1.2 } };
    const [history] = lookup.file.stages.benchmark!;
    const segments = history!.segments.map((segment) => ({
      ...segment,
      pinned: { ...segment.pinned, unitsPerToken: { en: 0.8, zh: 1.2 } },
    }));
    return judge({
      ...healthy,
      record: { ...record, workloads: { ...record.workloads, benchmark: workload } },
      lookup: found({ ...lookup.file.stages, benchmark: [{ ...history!, segments }] }),
    }).stages.find(({ stage }) => stage === 'benchmark')!;
  };
  assert.equal(at(0.8).standing, 'compared');
  const other = at(0.7);
  assert.equal(other.standing, 'incomparable');
  assert.match(other.reason ?? '', /calibrated to another tokenizer/);
  assert.deepEqual(other.differences, [{ field: 'en', baseline: '0.8', candidate: '0.7' }]);
});
