import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Outcome, Timeline } from '../../src/load/timeline.ts';
import { asStored, stageMeasurementSchema } from '../../src/record/schema.ts';
import { planBenchmark, planExtraRound } from '../../src/stages/benchmark.ts';
import { decodeHistogram } from '../../src/stats/histogram.ts';
import {
  CLIENT,
  common,
  endWith,
  failure,
  loadOf,
  measure,
  measurerFor,
  near,
  open,
  planOf,
  playQueue,
  row,
  TIMEOUT_MS,
} from './scene.ts';

const ONE_ROUND = planOf('benchmark', [open(100, { name: 'round-1', kind: 'round', startMs: 0, durationMs: 10_000 })]);
const PLAN = planBenchmark(
  {
    rate: { perSecond: 40 },
    think: { constantMs: 0 },
    arrivals: 'poisson',
    rounds: 5,
    duration: 15_000,
    rampIn: 2_000,
    drain: 10_000,
  },
  common,
);
const HEALTHY = playQueue(PLAN, { servers: 20, serviceMs: 300, firstTokenMs: 50 });

const anyRow: fc.Arbitrary<Timeline> = fc
  .record({
    plannedMs: fc.double({ min: 0, max: 9_999, noNaN: true }),
    late: fc.double({ min: 0, max: 3, noNaN: true }),
    first: fc.double({ min: 0.5, max: 4_000, noNaN: true }),
    rest: fc.double({ min: 0, max: 8_000, noNaN: true }),
    tokens: fc.integer({ min: 1, max: 300 }),
    worker: fc.integer({ min: 0, max: 3 }),
    outcome: fc.constantFrom<Outcome>('ok', 'ok', 'ok', 'ok', 'http_error', 'timeout', 'reset', 'cut'),
  })
  .map(({ plannedMs, late, first, rest, tokens, worker, outcome }) => {
    const sentMs = plannedMs + late;
    const firstTokenMs = sentMs + first;
    if (outcome === 'http_error' || outcome === 'timeout')
      return failure(plannedMs, { sentMs, outcome, worker, endMs: sentMs + rest });
    const endMs = firstTokenMs + rest;
    return row({
      plannedMs,
      sentMs,
      firstTokenMs,
      firstContentMs: firstTokenMs,
      lastTokenMs: endMs,
      endMs,
      outputTokens: tokens,
      chunks: tokens,
      outcome,
      worker,
    });
  });

test('rows in any order and any batches, or worker by worker, give the same measurement', () => {
  fc.assert(
    fc.property(
      fc.array(anyRow, { minLength: 1, maxLength: 120 }),
      fc.integer({ min: 1, max: 17 }),
      fc.integer(),
      (rows, batch, seed) => {
        const expected = measure(ONE_ROUND, rows);
        const load = loadOf(ONE_ROUND, rows);
        const shuffled = rows.toSorted(
          (a, b) => ((a.plannedMs! * 7919 + seed) % 1) - ((b.plannedMs! * 7919 + seed) % 1),
        );
        for (const order of [shuffled, [0, 1, 2, 3].flatMap((worker) => rows.filter((one) => one.worker === worker))]) {
          const measurer = measurerFor(ONE_ROUND);
          for (let from = 0; from < order.length; from += batch) measurer.add(order.slice(from, from + batch));
          assert.deepEqual(measurer.finish([endWith(load)]), expected);
        }
      },
    ),
    { numRuns: 40, endOnFailure: true },
  );
});

test('percentiles agree with a sorted list in which failures stand last, and say when they fall among them', () => {
  fc.assert(
    fc.property(fc.array(anyRow, { minLength: 1, maxLength: 200 }), (rows) => {
      const { metrics } = measure(ONE_ROUND, rows);
      const known = rows
        .filter((one) => one.outcome === 'ok')
        .map((one) => one.endMs - one.plannedMs!)
        .toSorted((a, b) => a - b);
      const cuts = rows
        .filter((one) => one.outcome === 'cut')
        .map((one) => one.endMs - one.plannedMs!)
        .toSorted((a, b) => a - b);
      for (const [statistic, q] of [
        ['p50', 0.5],
        ['p90', 0.9],
        ['p95', 0.95],
        ['p99', 0.99],
      ] as const) {
        const metric = metrics[`e2e.${statistic}`]!;
        const rank = q * rows.length;
        assert.equal(metric.n, rows.length);
        if (rank <= known.length) {
          const near = [-1, 0, 1].map(
            (step) => known[Math.min(known.length - 1, Math.max(0, Math.round(rank) - 1 + step))]!,
          );
          assert.equal(metric.bound, 'exact');
          assert.ok(
            metric.value! >= near[0]! * 0.999 - 0.002 && metric.value! <= near[2]! * 1.001 + 0.002,
            `${statistic}: ${metric.value} of ${near}`,
          );
        } else {
          assert.equal(metric.bound, 'above');
          const least = rank > known.length + cuts.length ? TIMEOUT_MS : cuts[0]!;
          assert.ok(metric.value! >= least * 0.999, `${statistic} ≥ ${least}`);
        }
      }
    }),
    { numRuns: 100, endOnFailure: true },
  );
});

test('failing requests never improve a percentile, a mean, goodput or the error rate', () => {
  fc.assert(
    fc.property(
      fc.array(
        anyRow.filter((one) => one.outcome !== 'cut'),
        { minLength: 5, maxLength: 150 },
      ),
      fc.array(fc.nat(149), { minLength: 1, maxLength: 60 }),
      (rows, victims) => {
        const worse = rows.map((one, index) => (victims.includes(index) ? failure(one.plannedMs!) : one));
        const before = measure(ONE_ROUND, rows).metrics;
        const after = measure(ONE_ROUND, worse).metrics;
        for (const id of ['ttft', 'e2e', 'tpot'].flatMap((base) =>
          ['mean', 'p50', 'p95', 'p99', 'max'].map((statistic) => `${base}.${statistic}`),
        )) {
          if (before[id]!.value === null) continue;
          assert.ok(
            after[id]!.value! >= before[id]!.value! * 0.998 - 0.01,
            `${id}: ${before[id]!.value} → ${after[id]!.value}`,
          );
        }
        assert.ok(after['goodput.share']!.value! <= before['goodput.share']!.value!);
        assert.ok(after['errors.rate']!.value! >= before['errors.rate']!.value!);
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
});

test('latency counts from the plan: a client that sends 300 ms late does not hide them, and the service time stands beside', () => {
  const rows = Array.from({ length: 100 }, (_, index) =>
    row({ plannedMs: index * 100, sentMs: index * 100 + 300, firstTokenMs: index * 100 + 400 }),
  );
  const { metrics } = measure(ONE_ROUND, rows);
  assert.ok(near(metrics['ttft.p50']!.value, 400, 0.002));
  assert.ok(near(metrics['ttft_service.p50']!.value, 100, 0.002));
});

test('throughput is what was received inside the window, latency what was planned in it', () => {
  const plan = planOf('benchmark', [
    open(10, { name: 'ramp-in', kind: 'rampIn', startMs: 0, durationMs: 1_000 }),
    open(10, { name: 'round-1', kind: 'round', startMs: 1_000, durationMs: 2_000 }),
  ]);
  const rows = [
    row({
      plannedMs: 500,
      phase: 0,
      firstTokenMs: 1_050,
      firstContentMs: 1_050,
      lastTokenMs: 1_050,
      endMs: 1_050,
      chunks: 1,
      outputTokens: 11,
    }),
    row({ plannedMs: 1_500, phase: 1 }),
    row({ plannedMs: 2_000, phase: 1 }),
    // Planned in the round, answered after it: its latency counts, its tokens and completion don't.
    row({ plannedMs: 2_900, phase: 1, firstTokenMs: 3_900, firstContentMs: 3_900, lastTokenMs: 4_000, endMs: 4_000 }),
  ];
  const { metrics } = measure(plan, rows);
  assert.equal(metrics['throughput.requests']!.value, 1.5);
  assert.equal(metrics['throughput.tokens']!.value, 16.5);
  assert.equal(metrics['throughput.prompt_tokens']!.value, 75);
  assert.equal(metrics['ttft.p50']!.n, 3);
  assert.ok(near(metrics['ttft.max']!.value, 1_000, 1e-9));
});

test('a healthy run of 15 s is valid, has one value a round, and zero is a value', () => {
  const measured = measure(PLAN, HEALTHY, { bootMs: 12_500 });
  assert.deepEqual(measured.invalid, []);
  assert.equal(measured.status, 'complete');
  assert.equal(measured.metrics['errors.rate']!.value, 0);
  assert.deepEqual(measured.metrics['errors.rate']!.rounds, [0, 0, 0, 0, 0]);
  assert.equal(measured.metrics['ttft.p95']!.rounds.length, 5);
  assert.ok(measured.metrics['ttft.p95']!.rounds.every((value) => value !== null));
  assert.equal(measured.metrics['ttft.p95']!.note, null);
  assert.equal(measured.metrics['boot.duration']!.value, 12.5);
  assert.deepEqual(measured.stream, { coalescedShare: 0, tokensPerChunk: 1, tokenSource: 'usage' });
  assert.equal(measured.metrics['ttft.p95']!.thin, false);
  assert.equal(measured.metrics['ttft.p99']!.thin, HEALTHY.filter((one) => one.phase > 0).length < 662);
  assert.ok(
    near(
      decodeHistogram(measured.histograms.ttft!).getValueAtPercentile(50) / 1_000,
      measured.metrics['ttft.p50']!.value!,
      1e-9,
    ),
  );
  stageMeasurementSchema.parse(asStored(measured));
});

test('healthy Poisson runs at many loads and seeds are never called unsteady', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const plan = { ...PLAN, seed };
    const measured = measure(plan, playQueue(plan, { servers: 14 + (seed % 10), serviceMs: 300, firstTokenMs: 50 }));
    assert.deepEqual(
      measured.invalid.filter((one) => one.code === 'no_steady_state'),
      [],
      `seed ${seed}`,
    );
  }
});

test('a deployment that cannot keep up is measured, with a note; one that had not settled is invalid', () => {
  const overloaded = measure(PLAN, playQueue(PLAN, { servers: 6, serviceMs: 300, firstTokenMs: 50 }));
  assert.deepEqual(overloaded.invalid, []);
  assert.match(overloaded.metrics['ttft.p95']!.note!, /requests in flight rose from \d+ to \d+/);
  // A cold start: 300 requests of the ramp-in are worked off through all of the rounds.
  const leftOver = Array.from({ length: 300 }, (_, index) => failure(0, { endMs: 2_000 + 50 * index }));
  const falling = measure(PLAN, [...leftOver, ...HEALTHY]);
  assert.deepEqual(
    falling.invalid.map((one) => one.code),
    ['no_steady_state'],
  );
});

test('percentiles of failing requests are bounds: 2 % failures put p99 at "at least the timeout", p50 stays exact', () => {
  const rows = Array.from({ length: 1_000 }, (_, index) =>
    index % 50 === 0 ? failure(index * 10) : row({ plannedMs: index * 10 }),
  );
  const { metrics } = measure(ONE_ROUND, rows);
  assert.deepEqual([metrics['ttft.p99']!.value, metrics['ttft.p99']!.bound], [TIMEOUT_MS, 'above']);
  assert.equal(metrics['ttft.p50']!.bound, 'exact');
  assert.equal(metrics['errors.rate']!.value, 0.02);
  assert.equal(metrics['goodput.share']!.value, 0.98);
});

test('a round whose percentile fell among failures says so beside its number; without one nothing is said', () => {
  const plan = planOf(
    'benchmark',
    [0, 1, 2].map((index) =>
      open(100, { name: `round-${index + 1}`, kind: 'round', startMs: index * 1_000, durationMs: 1_000 }),
    ),
  );
  const rows = Array.from({ length: 300 }, (_, index) =>
    index >= 100 && index < 110
      ? failure(index * 10, { phase: 1 })
      : row({ plannedMs: index * 10, phase: Math.floor(index / 100) }),
  );
  const { metrics } = measure(plan, rows);
  assert.deepEqual(metrics['ttft.p95']!.roundBounds, ['exact', 'above', 'exact']);
  assert.equal(metrics['ttft.p95']!.bound, 'exact', 'over all rounds 3 % failed');
  assert.equal(metrics['ttft.p95']!.rounds[1], TIMEOUT_MS);
  assert.equal(metrics['ttft.p50']!.roundBounds, undefined);
});

test('the output share is what was answered of what was asked for, over whole answers', () => {
  const rows = [
    row({ plannedMs: 0, outputTokens: 11, maxTokens: 22 }),
    row({ plannedMs: 100, outputTokens: 33, maxTokens: 66 }),
    row({ plannedMs: 200, outputTokens: null, maxTokens: 500 }),
    failure(300, { maxTokens: 500 }),
  ];
  const { value, n } = measure(ONE_ROUND, rows).metrics['output.share']!;
  assert.deepEqual([value, n], [0.5, 2]);
});

test('a request that broke off after its first token has a TTFT, but no E2E', () => {
  const rows = [
    ...Array.from({ length: 99 }, (_, index) => row({ plannedMs: index * 100 })),
    row({ plannedMs: 9_950, outcome: 'reset', endMs: 9_990, firstTokenMs: 9_980 }),
  ];
  const { metrics } = measure(ONE_ROUND, rows);
  assert.deepEqual([metrics['ttft.max']!.bound, metrics['e2e.max']!.bound], ['exact', 'above']);
});

test('dropped slots count against goodput, errors and percentiles, as requests that were never answered', () => {
  const rows = Array.from({ length: 90 }, (_, index) => row({ plannedMs: index * 100 }));
  const { metrics, phases } = measure(ONE_ROUND, rows, { load: { dropped: [10] } });
  assert.equal(metrics['goodput.share']!.value, 0.9);
  assert.equal(metrics['errors.rate']!.value, 0.1);
  assert.equal(metrics['ttft.p95']!.bound, 'above');
  assert.equal(phases[0]!.planned, phases[0]!.sent + phases[0]!.dropped);
});

test('the SLO is met by an ok answer within every limit; one without a first token is judged by its end', () => {
  const rows = [
    row({ plannedMs: 0 }),
    row({ plannedMs: 100, firstTokenMs: 700, lastTokenMs: 800, endMs: 800 }),
    row({ plannedMs: 200, firstTokenMs: null, lastTokenMs: null, firstContentMs: null, endMs: 1_000 }),
    failure(300),
  ];
  assert.equal(measure(ONE_ROUND, rows, { config: { slo: { ttftMs: 500 } } }).metrics['goodput.share']!.value, 0.25);
  assert.equal(measure(ONE_ROUND, rows, { config: { slo: { tpotMs: 10 } } }).metrics['goodput.share']!.value, 0.75);
  assert.equal(measure(ONE_ROUND, rows, { config: { slo: { e2eMs: 750 } } }).metrics['goodput.share']!.value, 0.5);
});

test('closed loop: latency counts from the send', () => {
  const plan = planOf('benchmark', [
    {
      ...open(1, { name: 'round-1', kind: 'round', startMs: 0, durationMs: 10_000 }),
      load: { kind: 'closed', users: 2, think: { constantMs: 0 } },
    },
  ]);
  const rows = Array.from({ length: 80 }, (_, index) => ({ ...row({ plannedMs: index * 120 }), plannedMs: null }));
  const measured = measure(plan, rows);
  assert.ok(near(measured.metrics['ttft.p50']!.value, 100, 0.002));
  assert.deepEqual([measured.phases[0]!.users, measured.phases[0]!.offeredRate], [2, null]);
});

test('a spoilt round that an extra one replaces leaves no trace in any metric', () => {
  const healthy = measure(PLAN, HEALTHY);
  // Round 3 is spoilt: the client stalls, and answers come late.
  const spoilt = HEALTHY.map((one) =>
    one.phase === 3
      ? { ...one, firstTokenMs: one.firstTokenMs! + 900, endMs: one.endMs + 900, lastTokenMs: one.lastTokenMs! + 900 }
      : one,
  );
  const load = loadOf(PLAN, spoilt);
  const phases = load.phases.map((health, index) =>
    index === 3 ? { ...health, dispatchDelayMs: { p50: 1, p99: 80, p99AtLeast: 70, max: 900 } } : health,
  );
  const extraPlan = planExtraRound(PLAN);
  const extraRows = playQueue(extraPlan, { servers: 20, serviceMs: 300, firstTokenMs: 50 });
  const measurer = measurerFor(PLAN);
  measurer.add(spoilt);
  const before = measurer.finish([endWith({ ...load, phases })]);
  assert.deepEqual(before.invalid, [], 'one spoilt round is left out');
  assert.equal(before.metrics['ttft.p95']!.rounds[2], null);
  const extra = measurer.extraRound(extraPlan);
  extra.add(extraRows);
  const after = measurer.finish([endWith({ ...load, phases }), endWith(loadOf(extraPlan, extraRows))], {
    dropRound: 2,
  });
  assert.deepEqual(after.invalid, []);
  assert.deepEqual(
    after.phases.map((phase) => phase.name),
    [...PLAN.phases.map((phase) => phase.name), 'ramp-in', 'round-6'],
  );
  assert.equal(after.phases.find((phase) => phase.name === 'round-3')!.invalid[0]!.code, 'client_dispatch_delay');
  assert.deepEqual(
    after.phases.filter((phase) => phase.replacedBy !== undefined).map(({ name, replacedBy }) => [name, replacedBy]),
    [['round-3', 'round-6']],
  );
  stageMeasurementSchema.parse(asStored(after));
  const values = (one: typeof after, id: string) => [one.metrics[id]!.value, one.metrics[id]!.n];
  for (const id of ['ttft.mean', 'ttft.p95', 'ttft.p99', 'tpot.p95', 'e2e.p50', 'goodput.share', 'icl.p95']) {
    assert.equal(after.metrics[id]!.rounds.length, 5, id);
    assert.ok(
      near(after.metrics[id]!.value, healthy.metrics[id]!.value!, 0.03),
      `${id}: ${values(after, id)} as in ${values(healthy, id)}`,
    );
  }
  assert.equal(after.metrics['ttft.p95']!.n, healthy.metrics['ttft.p95']!.n);
  assert.equal(
    after.histograms.ttft !== undefined && decodeHistogram(after.histograms.ttft).totalCount,
    healthy.metrics['ttft.p95']!.n,
  );
});

test('two spoilt rounds spoil the stage, and say why with numbers and advice', () => {
  const load = loadOf(PLAN, HEALTHY);
  const phases = load.phases.map((health, index) => (index >= 4 ? { ...health, eventLoopDelayP99Ms: 44.4 } : health));
  const measured = measure(PLAN, HEALTHY, { load: { phases } });
  assert.deepEqual(
    measured.invalid.map(({ code, phase }) => [code, phase]),
    [
      ['client_event_loop', 'round-4'],
      ['client_event_loop', 'round-5'],
    ],
  );
  assert.match(measured.invalid[0]!.message, /44\.4 ms, the limit is 10 ms/);
  assert.match(measured.invalid[0]!.advice, /client\.workers \(now 1\)/);
});

test('the dispatch delay is held to the limit and to a share of TTFT, but never to less than 2 ms', () => {
  const codes = (p99: number, firstMs: number, client = {}) => {
    const rows = HEALTHY.map((one) => ({ ...one, firstTokenMs: one.plannedMs! + firstMs }));
    const load = loadOf(PLAN, rows);
    const phases = load.phases.map((health) => ({
      ...health,
      dispatchDelayMs: { p50: 0.1, p99, p99AtLeast: p99, max: p99 },
    }));
    return measure(PLAN, rows, {
      load: { phases },
      config: { client: { ...CLIENT, ...client } },
    }).phases[1]!.invalid.map((one) => one.code);
  };
  assert.deepEqual(codes(4.9, 200), []);
  assert.deepEqual(codes(5.1, 200), ['client_dispatch_delay']);
  assert.deepEqual(codes(3.1, 60), ['client_dispatch_delay'], '5 % of 60 ms');
  assert.deepEqual(codes(1.9, 10), []);
  assert.deepEqual(codes(30, 2_000, { dispatchDelayP99: 50 }), []);
});

test('slots that were not sent in time are the client’s; a cap reached below saturation too; past it the deployment’s', () => {
  const load = loadOf(PLAN, HEALTHY);
  const behind = load.phases.map((health, index) => (index === 2 ? { ...health, sentAfter: 10 } : health));
  assert.deepEqual(
    measure(PLAN, HEALTHY, { load: { phases: behind } }).phases[2]!.invalid.map((one) => one.code),
    ['client_achieved'],
  );
  const halted = load.phases.map((health, index) => (index === 2 ? { ...health, unsent: 3 } : health));
  assert.deepEqual(
    measure(PLAN, HEALTHY, { load: { phases: halted } }).phases[2]!.invalid,
    [],
    'a cap was not reached',
  );
  assert.deepEqual(
    measure(PLAN, HEALTHY, { load: { dropped: [0, 0, 9] } }).phases[2]!.invalid.map((one) => one.code),
    ['client_dropped'],
  );
  const slow = HEALTHY.map((one) => (one.phase === 2 ? { ...one, endMs: one.endMs + 4_000 } : one));
  assert.deepEqual(measure(PLAN, slow, { load: { dropped: [0, 0, 9] } }).phases[2]!.invalid, []);
  const samples = [{ tMs: 6_000, metric: 'engine.waiting', value: 40 }];
  assert.deepEqual(measure(PLAN, HEALTHY, { load: { dropped: [0, 0, 9] }, end: { samples } }).phases[2]!.invalid, []);
});

test('too few requests in a round, mixed token sources and a broken-off stage cannot be judged', () => {
  const thin = planOf('benchmark', [open(5, { name: 'round-1', kind: 'round', startMs: 0, durationMs: 10_000 })]);
  const rows = Array.from({ length: 50 }, (_, index) => row({ plannedMs: index * 200 }));
  const few = measure(thin, rows).invalid;
  assert.deepEqual(
    few.map((one) => one.code),
    ['too_few_requests'],
  );
  assert.match(few[0]!.message, /50 requests.*64/);
  const mixed = HEALTHY.map((one, index) => (index % 3 === 0 ? { ...one, tokenSource: 'chunks' as const } : one));
  assert.deepEqual(
    measure(PLAN, mixed).invalid.map((one) => one.code),
    ['token_source'],
  );
  assert.equal(measure(PLAN, mixed).stream.tokenSource, 'mixed');

  const upTo = HEALTHY.filter((one) => one.plannedMs! < 6_000);
  const died = measure(PLAN, upTo, {
    load: { end: 'cancelled', reason: 'cancelled', offeredMs: 6_000 },
    end: { died: 'exit code 137' },
  });
  assert.deepEqual([died.status, died.reason, died.invalid[0]!.code], ['aborted', 'exit code 137', 'incomplete']);
  assert.deepEqual(
    died.phases.map((phase) => phase.name),
    ['ramp-in', 'round-1', 'round-2'],
  );
  assert.equal(died.metrics['ttft.p95']!.rounds.length, 1, 'only whole rounds count');
  const cancelled = measure(PLAN, upTo, { load: { end: 'cancelled', reason: 'SIGINT', offeredMs: 500 } });
  assert.deepEqual([cancelled.status, cancelled.invalid[0]!.code], ['cancelled', 'incomplete']);
  stageMeasurementSchema.parse(asStored(cancelled));
});

test('errors alone make no stage invalid', () => {
  const rows = HEALTHY.map((one) => failure(one.plannedMs!, { phase: one.phase }));
  const measured = measure(PLAN, rows);
  assert.deepEqual(measured.invalid, []);
  assert.equal(measured.metrics['errors.rate']!.value, 1);
  assert.equal(measured.metrics['goodput.share']!.value, 0);
  assert.deepEqual([measured.metrics['ttft.p95']!.value, measured.metrics['ttft.p95']!.bound], [TIMEOUT_MS, 'above']);
});

test('monitors: mean, p95 and max by round and over all rounds; counters from the start of each; what is missing is named', () => {
  const samples = [
    ...Array.from({ length: 18 }, (_, second) => ({
      tMs: second * 1_000 - 500,
      metric: 'gpu.utilization',
      value: second < 9 ? 40 : 60,
    })),
    ...Array.from({ length: 18 }, (_, second) => ({
      tMs: second * 1_000 - 500,
      metric: 'engine.preemptions',
      value: 100 + Math.max(0, second - 10),
    })),
  ].reverse();
  const problems = [{ source: 'host' as const, metrics: ['host.cpu', 'host.memory'], reason: 'no /proc' }];
  const { metrics, unmeasured, phases } = measure(PLAN, HEALTHY, { end: { samples, problems } });
  assert.deepEqual(metrics['gpu.utilization.mean']!.rounds, [40, 40, 60, 60, 60]);
  assert.equal(metrics['gpu.utilization.max']!.value, 60);
  assert.equal(phases[1]!.metrics['gpu.utilization.p95']!.value, 40);
  assert.equal(metrics['engine.preemptions.max']!.value, 7);
  assert.deepEqual(metrics['engine.preemptions.max']!.rounds, [0, 0, 1, 3, 3]);
  assert.deepEqual(unmeasured, [
    { metric: 'host.cpu', reason: 'host: no /proc' },
    { metric: 'host.memory', reason: 'host: no /proc' },
  ]);
});

test('cost comes from goodput and tokens; nothing served has no price', () => {
  const rows = Array.from({ length: 100 }, (_, index) => row({ plannedMs: index * 100 }));
  const price = { gpuHour: 3.6, gpus: 2, currency: 'USD' };
  const { metrics } = measure(ONE_ROUND, rows, { config: { price } });
  assert.ok(near(metrics['cost.per_request']!.value, 0.002 / 10, 1e-9));
  assert.ok(
    near(metrics['cost.per_million_tokens']!.value, (0.002 / metrics['throughput.tokens']!.value!) * 1e6, 1e-9),
  );
  assert.equal(
    measure(
      ONE_ROUND,
      rows.map((one) => failure(one.plannedMs!)),
      { config: { price } },
    ).metrics['cost.per_request']!.value,
    null,
  );
});

// ---- the machine -------------------------------------------------------------------------------------------------

/** Forty readings of the first round. */
const samplesOf = (metric: string, value: (index: number) => number) => {
  const [from, to] = [PLAN.phases[1]!.startMs, PLAN.phases[2]!.startMs];
  return Array.from({ length: 40 }, (_, index) => ({
    tMs: from + ((to - from) * (index + 0.5)) / 40,
    metric,
    value: value(index),
  }));
};

test('what the host of a virtual machine took is named from more than 2 % of its time on', () => {
  const readings = (stolen: number) => samplesOf('host.steal', (index) => (index % 2 === 0 ? 2 * stolen : 0));
  const { invalid, metrics } = measure(PLAN, HEALTHY, { end: { samples: readings(12) } });
  assert.deepEqual(
    invalid.map(({ code }) => code),
    ['stolen'],
  );
  assert.match(invalid[0]!.message, /gave 1[0-4] % of its CPU time to others/);
  assert.ok(metrics['host.steal.mean']!.value! > 10);
  assert.deepEqual(measure(PLAN, HEALTHY, { end: { samples: readings(1.5) } }).invalid, []);
});

test('an engine that restarted without dying makes the stage unfit', () => {
  assert.deepEqual(
    measure(PLAN, HEALTHY, { end: { restarted: true } }).invalid.map(({ code }) => code),
    ['restarted'],
  );
  assert.deepEqual(measure(PLAN, HEALTHY, { end: { restarted: false } }).invalid, []);
});

test('clocks that were slowed for more than one reading in twenty are named with their share', () => {
  const readings = (active: number) => samplesOf('gpu.throttled', (index) => (index >= 40 - active ? 100 : 0));
  const { invalid, metrics } = measure(PLAN, HEALTHY, { end: { samples: readings(20) } });
  assert.deepEqual(
    invalid.map(({ code }) => code),
    ['throttled'],
  );
  assert.match(invalid[0]!.message, /slowed its clocks .* in [56]\d % of the readings/);
  assert.ok(metrics['gpu.throttled.mean']!.value! > 40);
  assert.deepEqual(measure(PLAN, HEALTHY, { end: { samples: readings(1) } }).invalid, []);
});
