import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../../src/judge/judge.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import { createRandom } from '../../src/stats/random.ts';
import {
  boot,
  found,
  history,
  learnt,
  type Metrics,
  policy,
  record,
  stageOf,
  value,
  type World,
  world,
} from './fixture.ts';

// A small, seeded check that the whole judge keeps its promises; bench/ has the large one. A promise of 1 % cannot
// be measured in 400 runs, but a judge that is wrong by a factor of three is caught.

const RUNS = 400;
const gates = policy({
  comparison: {
    ...policy().comparison,
    gates: [
      { metric: 'throughput.tokens', stage: 'linear' },
      { metric: 'ttft.p95', stage: 'benchmark' },
      { metric: 'tpot.p95', stage: 'benchmark' },
      { metric: 'ttft.p99', stage: 'benchmark' },
    ],
  },
});

/** Boots until the judge has enough, as the run does. */
function climbed(options: World): Verdict {
  for (let boots = 1; ; boots++) {
    const verdict = judge({ ...world({ ...options, boots, stages: ['benchmark', 'linear'] }), policy: gates });
    if (!verdict.climb.again) return verdict;
  }
}

const share = (runs: number, happens: (verdict: Verdict) => boolean, options: (run: number) => World): number => {
  let count = 0;
  for (let run = 0; run < runs; run++) if (happens(climbed(options(run)))) count++;
  return count / runs;
};
const alarm = (verdict: Verdict): boolean =>
  verdict.comparisons.some((one) => one.verdict === 'regressed' || one.verdict === 'suspected');
const caught =
  (metric: string) =>
  (verdict: Verdict): boolean =>
    verdict.comparisons.find((one) => one.metric === metric)?.verdict === 'regressed';

for (const boot of [0.01, 0.02]) {
  test(`identical pull requests at ${100 * boot} % between boots are hardly ever called slower`, () => {
    const alarms = share(RUNS, alarm, (run) => ({ seed: `same ${boot} ${run}`, noise: { boot, round: 0.01 } }));
    assert.ok(alarms <= 0.025, `${100 * alarms} % of ${RUNS}`);
  });
}

test('failure shares that differ from boot to boot are hardly ever called a rise', () => {
  const random = createRandom('failures');
  const [level, spread, most] = [0.01, 0.3, 2_500];
  const one = (): Metrics => {
    const share = level * Math.exp(spread * random.normal());
    const failed = () => Math.max(0, Math.round(most * share + Math.sqrt(most * share) * random.normal()));
    return { 'errors.rate': value(Array.from({ length: 5 }, () => failed() / most)) };
  };
  const ledger = { 'errors.rate': learnt(5, 18 * ((level * spread) ** 2 + level / (5 * most)), 18) };
  let alarms = 0;
  for (let run = 0; run < RUNS; run++) {
    const baseline = Array.from({ length: 10 }, one);
    const { comparisons } = judge({
      record: record([1, 2].map((index) => boot(index, [stageOf('benchmark', one())]))),
      lookup: found({ benchmark: [history('benchmark', baseline, { ledger })] }),
      policy: policy({ comparison: { ...policy().comparison, gates: [] } }),
      expected: ['benchmark'],
    });
    if (comparisons[0]!.p!.worse <= 0.01) alarms++;
  }
  assert.ok(alarms / RUNS <= 0.025, `p ≤ 1 % in ${(100 * alarms) / RUNS} %`);
});

test('identical pull requests at 1 % mostly pass after one or two boots', () => {
  let boots = 0;
  const passed = share(
    100,
    (verdict) => {
      boots += verdict.boots;
      return verdict.outcome === 'pass';
    },
    (run) => ({ seed: `quiet ${run}`, noise: { boot: 0.01, round: 0.01 } }),
  );
  assert.ok(passed >= 0.9, `${passed}`);
  assert.ok(boots / 100 < 2.2, `${boots / 100} boots`);
});

test('5 % less throughput is regressed within three boots, at 1 % between boots', () => {
  const power = share(100, caught('throughput.tokens'), (run) => ({
    seed: `slower ${run}`,
    noise: { boot: 0.01, round: 0.01 },
    factor: (id) => (id === 'throughput.tokens' ? 0.95 : 1),
  }));
  assert.ok(power >= 0.9, `${power}`);
});

test('10 % more p99 is regressed within three boots, at 1 % between boots', () => {
  const power = share(100, caught('ttft.p99'), (run) => ({
    seed: `tail ${run}`,
    noise: { boot: 0.01, round: 0.01 },
    factor: (id) => (id === 'ttft.p99' ? 1.1 : 1),
  }));
  assert.ok(power >= 0.9, `${power}`);
});
