import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBank } from '../../bench/judge/noise.ts';
import { drawPairs } from '../../bench/judge/pairs.ts';
import { callsOf, PEERS } from '../../bench/judge/peers.ts';
import { playOne } from '../../bench/judge/play.ts';
import { drawPullRequest } from '../../bench/judge/pull-request.ts';
import { COLUMNS, SCENARIOS, type Scenario } from '../../bench/judge/scenarios.ts';
import { addScores, EMPTY, rateOf, type Score, upperLimit } from '../../bench/judge/score.ts';
import { tablesOf } from '../../bench/judge/tables.ts';
import { spreadOfEntries } from '../../src/baseline/ledger.ts';
import { spreadOfPairs } from '../../src/baseline/pairs.ts';
import { baselineFileSchema } from '../../src/baseline/schema.ts';

const bank = createBank(1);
const named = (name: string): Scenario => SCENARIOS.find((one) => one.name === name)!;
const play = (name: string, prs: number): Score => {
  let score = EMPTY;
  for (let pr = 0; pr < prs; pr++) score = addScores(score, { prs: 1, sums: playOne(named(name), bank, 1, pr) });
  return score;
};

test('names of scenarios are unique, and the same seed plays the same pull request', () => {
  assert.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
  const scenario = named('p99 +10 %, 1 %');
  assert.deepEqual(playOne(scenario, bank, 1, 7), playOne(scenario, bank, 1, 7));
});

test('rounds scatter as the model says: p99 by 3.7 %, boots by what the scenario says', () => {
  const sd = (values: readonly number[]): number =>
    Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
  assert.ok(Math.abs(sd(bank.map((round) => round.p99)) - 0.037) < 0.003);
  const effects = Array.from({ length: 60 }, (_, pr) =>
    drawPullRequest(named('identical, 2 %'), bank, 3, pr).baseline.flatMap((boot) => boot.effects),
  ).flat();
  assert.ok(Math.abs(sd(effects) - 0.02) < 0.002, `${sd(effects)}`);
});

test('a drawn history is a baseline file, with the ledger that pruning gives', () => {
  const { file } = drawPullRequest(named('identical, K = 5'), bank, 1, 0);
  assert.deepEqual(baselineFileSchema.parse(file), file);
  const history = file.stages.benchmark![0]!;
  const older = history.segments.slice(0, -1).reduce((sum, segment) => sum + segment.boots.length - 1, 0);
  assert.equal(spreadOfEntries(history.ledger['ttft.p99'], 5).df + older, 18);
  assert.equal(history.segments.at(-1)!.boots.length, 5);
});

test('a large change is caught, an identical server is not accused, shed load is not praised', () => {
  const slower = play('throughput −10 %, 1 %', 12);
  const same = play('identical, 1 %', 40);
  const shed = play('10 % rejected, the rest 15 % faster', 8);
  assert.equal(rateOf(slower, 'failed'), 1);
  assert.ok(rateOf(same, 'alarm') <= 0.05);
  assert.deepEqual([rateOf(shed, 'praiseOfShed'), rateOf(shed, 'saysShed')], [0, 1]);
  const page = tablesOf(
    new Map([
      ['throughput −10 %, 1 %', slower],
      ['identical, 1 %', same],
    ]),
    { seed: '1' },
  );
  assert.deepEqual(Object.keys(page), ['calibration'], 'a level that was not played keeps its table');
  assert.match(page.calibration!, /\| identical, 1 % +\| +40 \|/);
  assert.match(page.calibration!, /\| throughput −10 %, 1 % +\| +12 \| +100\.0 % \|/);
});

test('pairs: a slower gate is caught beside its base although boots differ by 2 %, an identical server is not accused', () => {
  const slower = play('pairs, throughput −5 %, 2 %, host 0.8', 60);
  const same = play('pairs, identical, 2 %, host 0.8', 60);
  assert.ok(rateOf(slower, 'failed') >= 0.85, String(rateOf(slower, 'failed')));
  assert.ok(rateOf(same, 'alarm') <= 0.05);
  const { file } = drawPairs(named('pairs, identical, 2 %, host 0.8'), { hostShare: 0.8, ledgerDf: 18 }, bank, 1, 0);
  assert.deepEqual(baselineFileSchema.parse(file), file);
  assert.equal(spreadOfPairs(file.stages.benchmark![0]!.ledger['ttft.p99'], 5).df, 18);
  assert.match(
    tablesOf(new Map([['pairs, identical, 2 %, host 0.8', same]]), { seed: '1' }).calibration!,
    /Pairs: nothing changed[\s\S]*\| pairs, identical, 2 %, host 0\.8 \| +60 \|/,
  );
});

test('what the host does to a pair is in neither the difference nor the ledger', () => {
  const sdOf = (hostShare: number): number => {
    const scenario = { ...named('pairs, identical, 2 %, host 0'), rounds: 5 };
    const differences = Array.from({ length: 80 }, (_, pr) => {
      const { base, candidate } = drawPairs(scenario, { hostShare, ledgerDf: 0 }, bank, 5, pr).pair();
      return candidate.effects.map((effect, index) => effect - base.effects[index]!);
    }).flat();
    return Math.sqrt(differences.reduce((sum, one) => sum + one ** 2, 0) / differences.length);
  };
  assert.ok(Math.abs(sdOf(0) - 0.02 * Math.SQRT2) < 0.004, String(sdOf(0)));
  assert.ok(Math.abs(sdOf(0.8) - 0.02 * Math.sqrt(0.4)) < 0.002, String(sdOf(0.8)));
});

test('every peer sees a change of 120 %, and the ratio rules nothing of 2 %', () => {
  const drawn = drawPullRequest(named('identical, 0.5 %'), bank, 1, 0);
  const boot = drawn.baseline.at(-1)!;
  const shifted = (by: number) => ({
    ...boot,
    logs: boot.logs.map((rounds) => rounds.map((log) => log + by)),
    effects: boot.effects.map((effect) => effect + by),
  });
  for (const peer of PEERS) {
    const calls = callsOf(peer, { ...drawn, candidate: shifted(Math.log(2.2)) });
    const latencies = calls.filter((_, at) => COLUMNS[at]!.kind !== 'throughput');
    assert.ok(
      latencies.every((call) => call === 'worse'),
      peer.name,
    );
  }
  for (const peer of PEERS.filter(({ name }) => name.startsWith('ratio')))
    assert.ok(
      callsOf(peer, { ...drawn, candidate: shifted(0.02) }).every((call) => call === 'none'),
      peer.name,
    );
});

test('the upper limit of a rate is Clopper and Pearson’s', () => {
  assert.ok(Math.abs(upperLimit(0, 300) - (1 - 0.05 ** (1 / 300))) < 1e-9);
  assert.ok(Math.abs(upperLimit(100, 10_000) - 0.011808) < 1e-4);
  assert.equal(upperLimit(5, 5), 1);
});
