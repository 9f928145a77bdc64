import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BootRecord, RunRecord } from '../../src/record/schema.ts';
import { withBoot } from '../../src/runner/record.ts';

const boot = (index: number, end: BootRecord['end'], subject: BootRecord['subject']): BootRecord => ({
  index,
  side: 'candidate',
  startedAt: '2026-01-01T00:00:00Z',
  bootMs: null,
  end,
  reason: null,
  subject,
  pair: null,
  stages: [],
});

test('a later boot that was never ready leaves what earlier boots found out about the subject', () => {
  const begun = { subject: { commit: 'abc' }, boots: [] as BootRecord[] } as unknown as RunRecord;
  const first = withBoot(begun, boot(1, 'complete', { engineVersion: '0.9', commit: 'merge' }), false);
  const second = withBoot(first, boot(2, 'not_ready', {}), false);
  assert.deepEqual(second.subject, { commit: 'abc', engineVersion: '0.9' });
  assert.equal(second.status, 'incomplete');
});

test('the base’s boots say nothing of the subject, and one that was not ready leaves the run complete', () => {
  const begun = { subject: { commit: 'abc' }, boots: [] as BootRecord[] } as unknown as RunRecord;
  const base: BootRecord = { ...boot(1, 'not_ready', { commit: 'base' }), side: 'base', pair: 1 };
  const first = withBoot(begun, base, false);
  const second = withBoot(first, boot(2, 'complete', { engineVersion: '0.9' }), false);
  assert.deepEqual(second.subject, { commit: 'abc', engineVersion: '0.9' });
  assert.equal(second.status, 'complete');
  // The other way round the base does not make up for the candidate.
  const failed = withBoot(
    withBoot(begun, boot(1, 'not_ready', {}), false),
    { ...base, index: 2, end: 'complete' },
    false,
  );
  assert.deepEqual([failed.status, failed.statusReason], ['incomplete', 'boot 1 never became ready']);
});
