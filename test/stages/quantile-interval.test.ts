import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Figures, pool } from '../../src/stages/figures.ts';
import { quantileIntervals } from '../../src/stages/quantile-interval.ts';
import { emptyLatency } from '../../src/stages/tally.ts';
import { countAtMost, createHistogram, recordMs } from '../../src/stats/histogram.ts';
import { createRandom } from '../../src/stats/random.ts';
import { upperQuantile } from '../../src/stats/student-t.ts';

function figures(ttftMs: readonly number[], failed = 0): Figures {
  const ttft = emptyLatency();
  for (const ms of ttftMs) recordMs(ttft.histogram, ms);
  ttft.failed = failed;
  return {
    windowMs: 1_000,
    completed: ttftMs.length,
    tokens: 0,
    promptTokens: 0,
    requests: ttftMs.length + failed,
    dropped: 0,
    ok: ttftMs.length,
    metSlo: 0,
    outputTokens: 0,
    outputCounted: 0,
    outputAsked: 0,
    latencies: {
      ttft,
      ttft_service: emptyLatency(),
      ttfc: emptyLatency(),
      tpot: emptyLatency(),
      e2e: emptyLatency(),
    },
    gapsUs: createHistogram(),
    samples: new Map(),
  };
}

const intervalOf = (rounds: readonly Figures[], id = 'ttft.p95') => quantileIntervals(rounds, pool(rounds)).get(id);

test('values at or below a limit are counted as in the list, to three digits', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 80 }),
      fc.integer({ min: 0, max: 5_200 }),
      (list, limit) => {
        const histogram = createHistogram();
        for (const ms of list) recordMs(histogram, ms);
        const count = countAtMost(histogram, limit);
        assert.ok(count >= list.filter((ms) => ms <= limit * 0.999).length);
        assert.ok(count <= list.filter((ms) => ms <= limit * 1.001).length);
        assert.equal(countAtMost(histogram, limit), count, 'a second count begins anew');
      },
    ),
  );
});

test('it holds the percentile, and widens as rounds differ', () => {
  const random = createRandom('rounds');
  const round = (factor: number) =>
    figures(Array.from({ length: 500 }, () => factor * 100 * Math.exp(0.2 * random.normal())));
  const width = (factors: readonly number[]): number => {
    const rounds = factors.map(round);
    const [low, high] = intervalOf(rounds)!;
    const value = pool(rounds).latencies.ttft.histogram.getValueAtPercentile(95) / 1_000;
    assert.ok(low <= value && value <= high);
    return high / low;
  };
  assert.ok(width([0.8, 0.9, 1, 1.1, 1.2]) > 1.3 * width([1, 1, 1, 1, 1]));
});

test('by hand: shares below the merged percentile, their scatter over rounds, on the logit scale', () => {
  const slow = [0, 0, 0, 10, 40];
  const rounds = slow.map((count) =>
    figures(Array.from({ length: 200 }, (_, index) => (index < count ? 400 : 100 + (index % 100)))),
  );
  // 950 of the 1,000 are below the merged p95, which is the slowest of the quick ones or nearly so.
  const value = pool(rounds).latencies.ttft.histogram.getValueAtPercentile(95) / 1_000;
  const shares = rounds.map((one) => countAtMost(one.latencies.ttft.histogram, value) / 200);
  const mean = shares.reduce((sum, share) => sum + share, 0) / 5;
  const sd = Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / 4);
  const half = (upperQuantile(0.025, 4) * sd) / Math.sqrt(5) / (0.95 * 0.05);
  const at = (x: number) =>
    pool(rounds).latencies.ttft.histogram.getValueAtPercentile(100 / (1 + Math.exp(-x))) / 1_000;
  const centre = Math.log(0.95 / 0.05);
  const [low, high] = intervalOf(rounds)!;
  assert.ok(Math.abs(low - at(centre - half)) < 1e-9 && Math.abs(high - at(centre + half)) < 1e-9);
});

test('there is none with one round, without values, or where an end falls among failures', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 + index);
  assert.equal(intervalOf([figures(hundred)]), undefined);
  assert.equal(intervalOf([figures([]), figures([])]), undefined);
  assert.ok(intervalOf([figures(hundred), figures(hundred)], 'ttft.p50'));
  assert.equal(intervalOf([figures(hundred, 4), figures(hundred, 4)]), undefined, 'p95 is known, its upper end is not');
});
