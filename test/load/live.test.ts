import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLiveFigures } from '../../src/load/live.ts';
import { planOf } from './plans.ts';

const plan = planOf([[60_000, { kind: 'open', process: 'constant', from: 100, to: 100 }]]);

test('live rates are those of the time that is known, wherever between two updates they are asked for', () => {
  let tMs = 0;
  const live = createLiveFigures(plan, () => tMs);
  const perMs = 2;
  const everyMs = 400;
  assert.equal(live.progress().tokensPerSecond, 0);
  for (tMs = everyMs; tMs < 30_000; tMs += everyMs) {
    live.add(0, { rows: [], sent: 40, tokens: perMs * everyMs, inFlight: 3 });
    const updatedMs = tMs;
    // What came before the window and was told of in it counts too: one update, on nine slots but the time since the last.
    const most = perMs * 1_000 * (1 + everyMs / Math.min(updatedMs, 9 * 500 - everyMs));
    for (tMs = updatedMs; tMs < updatedMs + everyMs; tMs += 50) {
      const { tokensPerSecond, inFlight } = live.progress();
      assert.ok(tokensPerSecond >= perMs * 1_000 * 0.999, `${tokensPerSecond}/s at ${tMs} ms`);
      assert.ok(tokensPerSecond <= most, `${tokensPerSecond}/s at ${tMs} ms`);
      assert.equal(inFlight, 3);
    }
    tMs = updatedMs;
  }
});

test('live rates of a deployment that answers nothing any more go to nothing', () => {
  let tMs = 1_000;
  const live = createLiveFigures(plan, () => tMs);
  live.add(0, { rows: [], sent: 40, tokens: 1_000, inFlight: 3 });
  for (; tMs <= 7_000; tMs += 400) live.add(0, { rows: [], sent: 0, tokens: 0, inFlight: 3 });
  assert.deepEqual([live.progress().tokensPerSecond, live.progress().requestsPerSecond], [0, 0]);
});
