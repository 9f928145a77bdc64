import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limberUp } from '../../src/load/limber.ts';
import { openRaw } from '../../src/transport/pool.ts';
import { openUndici } from '../../src/transport/undici.ts';
import type { Workload } from '../../src/workload/workload.ts';

/** Notes what is asked of it. */
function workload(request: Workload['request']): { asked: number; workload: Workload } {
  const notes = {
    asked: 0,
    workload: {
      path: '/v1/completions',
      facts: () => ({}),
      request(slot) {
        notes.asked += 1;
        return request(slot);
      },
    } satisfies Workload,
  };
  return notes;
}
const small: Workload['request'] = () => ({ body: 'x'.repeat(100_000), maxTokens: 1, promptTokens: 1 });

describe('limbering up', () => {
  for (const [name, transport] of [
    ['raw sockets', openRaw],
    ['undici', openUndici],
  ] as const)
    for (const streamed of [true, false])
      test(`exercises text and transport and is over soon (${name}, ${streamed ? 'streams' : 'whole answers'})`, async () => {
        const notes = workload(small);
        const started = performance.now();
        await limberUp(transport, streamed, notes.workload);
        assert.ok(notes.asked >= 20, `${notes.asked} requests`);
        assert.ok(performance.now() - started < 5_000);
      });

  test('never fails: a load that starts cold is still a load', async () => {
    await limberUp(() => {
      throw new Error('no transport');
    });
    await limberUp(
      openRaw,
      true,
      workload(() => {
        throw new Error('no text');
      }).workload,
    );
  });
});
