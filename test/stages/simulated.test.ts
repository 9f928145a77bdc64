// The three stages on the simulated engine in virtual time: what the engine's knobs do must be what is measured.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schedule } from '../../src/load/arrivals.ts';
import type { LoadPlan } from '../../src/load/plan.ts';
import type { Outcome, Timeline } from '../../src/load/timeline.ts';
import type { Sample } from '../../src/monitor/sample.ts';
import type { SimOptions } from '../../src/sim/options.ts';
import { playVirtual } from '../../src/sim/virtual.ts';
import { planBenchmark } from '../../src/stages/benchmark.ts';
import { planLinear } from '../../src/stages/linear.ts';
import { endOf } from '../../src/stages/phases.ts';
import { planStepSurge } from '../../src/stages/step-surge.ts';
import { createRandom, deriveSeed } from '../../src/stats/random.ts';
import { slotsOf } from '../load/slots.ts';
import { common, failure, measure, near, row } from './scene.ts';

const FAILED_AS: Readonly<Record<string, Outcome>> = {
  rejected: 'rejected',
  timeout: 'timeout',
  cut: 'cut',
  error: 'http_error',
};

/** Prompts of 100–400 tokens and outputs of 16–48, for which the engine documents its capacity. */
function simulate(plan: LoadPlan, options: Partial<SimOptions> = {}) {
  const slots = [...slotsOf(schedule(plan))];
  const random = createRandom(deriveSeed(plan.seed, 'lengths'));
  const arrivals = slots.map(({ plannedMs: atMs }) => ({
    atMs,
    promptTokens: random.int(100, 400),
    outputTokens: random.int(16, 48),
  }));
  const samples: Sample[] = [];
  const answers = playVirtual(options, arrivals, {
    endAtMs: endOf(plan.phases.at(-1)!) + plan.drainMs,
    sample: {
      intervalMs: 500,
      take(tMs, { running, waiting, kvShare, preemptions }) {
        const signals = {
          'engine.running': running,
          'engine.waiting': waiting,
          'engine.kv_cache': 100 * kvShare,
          'engine.preemptions': preemptions,
        };
        for (const [metric, value] of Object.entries(signals)) samples.push({ tMs, metric, value });
      },
    },
  });
  const rows = answers.map((answer, request): Timeline => {
    const { phase } = slots[request]!;
    const place = { request, phase, plannedMs: answer.atMs, endMs: answer.endMs };
    if (answer.outcome !== 'ok') return failure(answer.atMs, { ...place, outcome: FAILED_AS[answer.outcome]! });
    const { firstTokenMs, lastTokenMs, outputTokens } = answer;
    return row({
      ...place,
      firstTokenMs,
      firstContentMs: firstTokenMs,
      lastTokenMs,
      outputTokens,
      chunks: answer.tokenTimesMs.length,
    });
  });
  return measure(plan, rows, { config: { slo: { ttftMs: 500, tpotMs: 60 } }, end: { samples } });
}

const LINEAR = planLinear(
  {
    from: { perSecond: 15 },
    to: { perSecond: 60 },
    steps: 10,
    hold: 15_000,
    arrivals: 'poisson',
    stopWhen: { missed: 0.9, failed: 0.5 },
    drain: 20_000,
  },
  common,
);

test('load line and plateau are where the engine documents them, and its queue explains the cliff', () => {
  const { metrics, cliffs, invalid } = simulate(LINEAR);
  assert.deepEqual(invalid, []);
  assert.ok(near(metrics['knee.rate']!.value, 42, 0.15), String(metrics['knee.rate']!.value));
  assert.ok(near(metrics['saturation.rate']!.value, 45, 0.07), String(metrics['saturation.rate']!.value));
  assert.match(cliffs[0]!.why!, /queue grew to \d+ requests/);
  assert.ok(cliffs[0]!.betweenRates[0] >= 30 && cliffs[0]!.betweenRates[1] <= 55, JSON.stringify(cliffs));
});

test('an engine that decodes 10 % slower has a lower plateau and load line', () => {
  const before = simulate(LINEAR).metrics;
  const after = simulate(LINEAR, { decodeSlowdown: 1.1 }).metrics;
  const change = (id: string) => after[id]!.value! / before[id]!.value! - 1;
  assert.ok(change('saturation.rate') < -0.02 && change('saturation.rate') > -0.12, String(change('saturation.rate')));
  assert.ok(change('throughput.tokens') < -0.02);
  assert.ok(change('knee.rate') < 0, String(change('knee.rate')));
});

test('a benchmark sees a slower prefill in TTFT, a slower decode in TPOT, and failures in no percentile’s favour', () => {
  const plan = planBenchmark(
    {
      rate: { perSecond: 25 },
      think: { constantMs: 0 },
      arrivals: 'poisson',
      rounds: 5,
      duration: 20_000,
      drain: 20_000,
    },
    common,
  );
  const of = (options: Partial<SimOptions>) => simulate(plan, options);
  const healthy = of({});
  assert.deepEqual(healthy.invalid, []);
  assert.ok(of({ prefillSlowdown: 1.5 }).metrics['ttft.p50']!.value! > 1.05 * healthy.metrics['ttft.p50']!.value!);
  assert.ok(of({ decodeSlowdown: 1.2 }).metrics['tpot.p50']!.value! > 1.1 * healthy.metrics['tpot.p50']!.value!);
  const failing = of({ errorRate: 0.1 });
  assert.deepEqual([failing.metrics['ttft.p95']!.bound, failing.metrics['ttft.p50']!.bound], ['above', 'exact']);
  assert.ok(near(failing.metrics['errors.rate']!.value, 0.1, 0.4));
});

test('a small KV cache is named as the reason of its cliff', () => {
  const { cliffs } = simulate(LINEAR, { kvBlocks: 300 });
  assert.ok(
    cliffs.some((cliff) => /KV cache at \d+ %|preemptions/.test(cliff.why ?? '')),
    JSON.stringify(cliffs),
  );
});

test('a surge past saturation recovers later than one within it', () => {
  const surge = (perSecond: number) =>
    simulate(
      planStepSurge(
        {
          base: { perSecond: 20 },
          surges: [{ perSecond }],
          hold: 10_000,
          recover: 20_000,
          arrivals: 'poisson',
          drain: 20_000,
        },
        common,
      ),
    ).metrics;
  const [within, past] = [surge(30), surge(70)];
  assert.equal(within['surge.recovery']!.bound, 'exact');
  assert.ok(
    past['surge.recovery']!.value! > within['surge.recovery']!.value! + 1,
    `${within['surge.recovery']!.value} ${past['surge.recovery']!.value}`,
  );
  assert.ok(past['surge.peak_p95']!.value! > 5 * within['surge.peak_p95']!.value!);
  assert.ok(past['surge.backlog']!.value! > 100);
});
