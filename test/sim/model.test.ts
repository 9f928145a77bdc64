import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PlimsollError } from '../../src/errors.ts';
import {
  bootFactor,
  createEngine,
  type Engine,
  type EngineEvent,
  SIM_DEFAULTS,
  SIM_FLAGS,
  type SimOptions,
  type Submission,
  simOptions,
} from '../../src/sim/model.ts';

/** Steps take exactly what the options say. */
const EXACT = { bootVariation: 0, wander: 0, stepNoise: 0 } as const;
const tokensOf = (events: readonly EngineEvent[], id: number) =>
  events.filter((event) => event.kind === 'tokens' && event.id === id);
const sumOf = (events: readonly EngineEvent[], id: number) =>
  tokensOf(events, id).reduce((sum, event) => sum + (event.kind === 'tokens' ? event.count : 0), 0);
const submitted = (engine: Engine, atMs: number, submission: Submission): number => {
  const admission = engine.submit(atMs, submission);
  assert.ok(typeof admission === 'object', `not admitted: ${JSON.stringify(admission)}`);
  return admission.id;
};
function drain(engine: Engine): EngineEvent[] {
  const events: EngineEvent[] = [];
  for (let next = engine.nextStepEndMs(), i = 0; next !== null; next = engine.nextStepEndMs(), i++) {
    assert.ok(i < 1_000_000, 'the engine never comes to rest');
    events.push(...engine.advance(next));
  }
  return events;
}

const smallEngines = fc.record({
  maxBatch: fc.integer({ min: 1, max: 8 }),
  maxStepTokens: fc.integer({ min: 1, max: 64 }),
  prefillChunkTokens: fc.integer({ min: 1, max: 32 }),
  queueLimit: fc.integer({ min: 0, max: 20 }),
  kvBlocks: fc.integer({ min: 4, max: 24 }),
  blockTokens: fc.integer({ min: 1, max: 8 }),
  speculativeTokens: fc.integer({ min: 0, max: 3 }),
  prefixCaching: fc.boolean(),
  bootSeed: fc.nat(1_000),
});
const loads = fc.array(
  fc.record({
    gapMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 60, noNaN: true })),
    promptTokens: fc.integer({ min: 1, max: 60 }),
    outputTokens: fc.integer({ min: 1, max: 30 }),
    prefix: fc.constantFrom('a', 'b', 'c'),
    cancelAfterMs: fc.option(fc.double({ min: 0, max: 300, noNaN: true }), { freq: 4 }),
  }),
  { minLength: 1, maxLength: 40, size: 'max' },
);

test('tokens are conserved, KV never exceeds its capacity, time never goes back, and all comes to rest', () => {
  fc.assert(
    fc.property(smallEngines, loads, (options, load) => {
      const engine = createEngine(options);
      const events: EngineEvent[] = [];
      const wanted = new Map<number, { tokens: number; atMs: number }>();
      const cancels: { id: number; atMs: number }[] = [];
      const cancelled = new Set<number>();
      let atMs = 0;
      const look = () => {
        const gauges = engine.gauges();
        assert.ok(gauges.kvShare >= 0 && gauges.kvShare <= 1, `KV at ${gauges.kvShare}`);
        assert.ok(gauges.running <= options.maxBatch);
      };
      const advance = (toMs: number) => {
        for (let next = engine.nextStepEndMs(); next !== null && next <= toMs; next = engine.nextStepEndMs()) {
          events.push(...engine.advance(next));
          look();
        }
      };
      for (const { gapMs, cancelAfterMs, ...submission } of load) {
        atMs += gapMs;
        cancels.sort((a, b) => a.atMs - b.atMs);
        while (cancels[0] && cancels[0].atMs <= atMs) {
          const { id, atMs: thenMs } = cancels.shift()!;
          advance(thenMs);
          engine.cancel(id, thenMs);
          cancelled.add(id);
        }
        advance(atMs);
        const admission = engine.submit(atMs, submission);
        look();
        if (typeof admission === 'string') continue;
        wanted.set(admission.id, { tokens: submission.outputTokens, atMs });
        if (cancelAfterMs !== null) cancels.push({ id: admission.id, atMs: atMs + cancelAfterMs });
      }
      events.push(...drain(engine));

      for (let i = 1; i < events.length; i++)
        assert.ok(events[i]!.atMs >= events[i - 1]!.atMs, 'an event before the one ahead of it');
      const got = new Map<number, number>();
      const finishes = new Map<number, number>();
      for (const event of events) {
        if (event.kind === 'tokens') got.set(event.id, (got.get(event.id) ?? 0) + event.count);
        if (event.kind === 'finish') finishes.set(event.id, (finishes.get(event.id) ?? 0) + 1);
        if (event.kind !== 'crash') assert.ok(event.atMs >= wanted.get(event.id)!.atMs);
      }
      for (const [id, { tokens }] of wanted) {
        if (!cancelled.has(id)) assert.equal(got.get(id), tokens, `request ${id}`);
        else assert.ok((got.get(id) ?? 0) <= tokens);
        assert.ok((finishes.get(id) ?? 0) <= 1);
      }
      const rest = engine.gauges();
      assert.equal(rest.running + rest.waiting, 0);
      assert.equal(rest.kvShare, 0, 'KV blocks leaked');
      assert.equal(rest.finished.stop + rest.finished.length + rest.finished.abort, wanted.size);
      assert.equal(
        rest.generatedTokens,
        [...got.values()].reduce((sum, count) => sum + count, 0),
      );
    }),
    { numRuns: 300 },
  );
});

test('what happens does not depend on how often, or how late, a driver looks', () => {
  fc.assert(
    fc.property(
      smallEngines,
      loads,
      fc.array(fc.double({ min: 0.01, max: 90, noNaN: true }), { minLength: 1, maxLength: 20 }),
      (options, load, strides) => {
        const play = (looks: boolean): EngineEvent[] => {
          const engine = createEngine(options);
          const events: EngineEvent[] = [];
          let atMs = 0;
          let sawMs = 0;
          let stride = 0;
          for (const { gapMs, ...submission } of load) {
            // Distinct times: who arrives at the moment an idle engine is looked at may miss its step.
            atMs += gapMs + 0.001;
            while (looks && sawMs + strides[stride % strides.length]! < atMs) {
              sawMs += strides[stride++ % strides.length]!;
              events.push(...engine.advance(sawMs));
              engine.nextStepEndMs();
            }
            engine.submit(atMs, submission);
          }
          if (looks) events.push(...drain(engine));
          else events.push(...engine.advance(1e9));
          return events;
        };
        assert.deepEqual(play(true), play(false));
      },
    ),
    { numRuns: 200 },
  );
});

test('requests of one length start in order of arrival', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.001, max: 20, noNaN: true }), { minLength: 2, maxLength: 60 }),
      fc.integer({ min: 1, max: 300 }),
      (gaps, promptTokens) => {
        const engine = createEngine({ maxBatch: 8, kvBlocks: 100_000 });
        let atMs = 0;
        for (const gap of gaps) {
          atMs += gap;
          submitted(engine, atMs, { promptTokens, outputTokens: 5 });
        }
        const events = drain(engine);
        const firsts = [
          ...new Set(
            events.filter((event) => event.kind === 'tokens').map((event) => (event.kind === 'tokens' ? event.id : -1)),
          ),
        ];
        assert.deepEqual(
          firsts,
          firsts.toSorted((a, b) => a - b),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('an idle engine takes chunks of the prompt, then one step a token, each as long as the step model says', () => {
  const engine = createEngine({
    ...EXACT,
    stepBaseMs: 10,
    stepPerSequenceMs: 1,
    stepPerKvTokenMs: 0.01,
    prefillPerTokenMs: 0.1,
    prefillChunkTokens: 64,
  });
  const id = submitted(engine, 100, { promptTokens: 100, outputTokens: 3 });
  const times = tokensOf(drain(engine), id).map((event) => event.atMs);
  const firstMs = 100 + (10 + 6.4) + (10 + 3.6);
  const expected = [firstMs, firstMs + 12, firstMs + 12 + 12.01];
  assert.equal(times.length, 3);
  for (const [i, time] of times.entries()) assert.ok(Math.abs(time - expected[i]!) < 1e-9, `token ${i} at ${time}`);
});

test('at saturation the batch is full and the throughput is what the step model says', () => {
  const options = {
    ...EXACT,
    stepBaseMs: 8,
    stepPerSequenceMs: 0.5,
    stepPerKvTokenMs: 0,
    prefillPerTokenMs: 0,
    maxBatch: 16,
    kvBlocks: 10_000,
    queueLimit: 10_000,
  };
  const engine = createEngine(options);
  for (let i = 0; i < 800; i++) submitted(engine, 0, { promptTokens: 10, outputTokens: 40 });
  const events = drain(engine);
  // A request holds its place for one prefill step and 39 decode steps; in the mean 39/40 of the batch decodes.
  const stepMs = 8 + 0.5 * 16 * (39 / 40);
  const expectedPerSecond = (16 * 1_000) / (40 * stepMs);
  const achieved = 800 / (events.at(-1)!.atMs / 1_000);
  assert.ok(Math.abs(achieved / expectedPerSecond - 1) < 0.02, `${achieved} requests/s, not ${expectedPerSecond}`);
});

test('a decode slowdown scales the time per token by its factor and leaves the prompt alone', () => {
  const tpot = (decodeSlowdown: number) => {
    const engine = createEngine({ ...EXACT, decodeSlowdown });
    const id = submitted(engine, 0, { promptTokens: 60, outputTokens: 50 });
    const times = tokensOf(drain(engine), id).map((event) => event.atMs);
    return { first: times[0]!, tpot: (times.at(-1)! - times[0]!) / 49 };
  };
  assert.ok(Math.abs(tpot(1.1).tpot / tpot(1).tpot - 1.1) < 1e-9);
  assert.equal(tpot(1.1).first, tpot(1).first);
});

test('when KV blocks run out the newest sequences are preempted and computed again, and every token still comes once', () => {
  const engine = createEngine({ kvBlocks: 40, blockTokens: 16 });
  const ids = Array.from({ length: 6 }, () => submitted(engine, 0, { promptTokens: 100, outputTokens: 200 }));
  const events = drain(engine);
  assert.ok(engine.gauges().preemptions > 0);
  assert.ok(
    events.filter((event) => event.kind === 'preempt').every((event) => event.id !== ids[0]),
    'the oldest was preempted',
  );
  for (const id of ids) assert.equal(sumOf(events, id), 200);
});

test('a preempted sequence goes on before those who arrived after it', () => {
  // Two grow from 7 to 13 blocks each and there are 20, so the second must give way. Until the first is done there is
  // room for the third, which is short, but not for the second again.
  const engine = createEngine({ kvBlocks: 20, blockTokens: 16, maxBatch: 2, prefillChunkTokens: 512 });
  submitted(engine, 0, { promptTokens: 100, outputTokens: 100 });
  const second = submitted(engine, 0, { promptTokens: 100, outputTokens: 100 });
  const third = submitted(engine, 1, { promptTokens: 60, outputTokens: 10 });
  const events = drain(engine);
  const preemptedMs = events.find((event) => event.kind === 'preempt' && event.id === second)?.atMs;
  assert.ok(preemptedMs !== undefined, 'the scenario preempts nobody');
  const resumedMs = tokensOf(events, second).find((event) => event.atMs > preemptedMs)!.atMs;
  assert.ok(resumedMs <= tokensOf(events, third)[0]!.atMs);
});

test('no step computes more tokens than its budget', () => {
  const engine = createEngine({
    ...EXACT,
    stepBaseMs: 10,
    prefillPerTokenMs: 1,
    maxStepTokens: 100,
    prefillChunkTokens: 1_000,
  });
  for (let i = 0; i < 10; i++) submitted(engine, 0, { promptTokens: 100, outputTokens: 1 });
  const times = drain(engine)
    .filter((event) => event.kind === 'tokens')
    .map((event) => event.atMs);
  assert.equal(times.length, 10);
  for (const [i, time] of times.entries()) assert.ok(Math.abs(time - (i + 1) * 110) < 1e-6, `prompt ${i} at ${time}`);
});

test('cached blocks that nobody holds make room, the least recently used first', () => {
  const engine = createEngine({ kvBlocks: 30, blockTokens: 16 });
  const hits = (prefix: string): number => {
    const before = engine.gauges().prefixHitTokens;
    submitted(engine, 0, { promptTokens: 161, outputTokens: 1, prefix });
    drain(engine);
    return engine.gauges().prefixHitTokens - before;
  };
  // Each prompt leaves 10 blocks behind; the last block of a running one takes one more.
  assert.deepEqual([hits('a'), hits('b'), hits('a')], [0, 0, 160]);
  assert.equal(hits('c'), 0);
  // b is the oldest: the end of its chain gave way to c.
  const b = hits('b');
  assert.ok(b > 0 && b < 160, `${b} tokens of b were still there`);
  assert.equal(hits('b'), 160);
});

test('the queue has its limit, and what can never fit is refused for that', () => {
  const engine = createEngine({ queueLimit: 3, maxBatch: 2 });
  const submission = { promptTokens: 10, outputTokens: 20 };
  for (let i = 0; i < 2; i++) submitted(engine, 0, submission);
  engine.advance(1);
  engine.nextStepEndMs();
  for (let i = 0; i < 3; i++) submitted(engine, 2, submission);
  assert.equal(engine.submit(2, submission), 'rejected');
  assert.equal(engine.gauges().rejected, 1);
  assert.equal(engine.submit(2, { promptTokens: 8_000, outputTokens: 193 }), 'too_long');
  assert.equal(createEngine({ kvBlocks: 10 }).submit(0, { promptTokens: 100, outputTokens: 61 }), 'too_long');
  assert.ok(typeof createEngine({ kvBlocks: 10 }).submit(0, { promptTokens: 100, outputTokens: 60 }) === 'object');
});

test('a cancelled request gives no more tokens and frees its KV blocks', () => {
  const engine = createEngine();
  const id = submitted(engine, 0, { promptTokens: 100, outputTokens: 1_000 });
  assert.ok(tokensOf(engine.advance(500), id).length > 0);
  engine.cancel(id, 500);
  engine.cancel(id, 501);
  assert.deepEqual(drain(engine), []);
  assert.equal(engine.gauges().kvShare, 0);
  assert.equal(engine.gauges().finished.abort, 1);
});

test('prompts that begin alike are computed once', () => {
  const run = (options: Partial<SimOptions>) => {
    const engine = createEngine({ ...EXACT, ...options });
    const first = submitted(engine, 0, { promptTokens: 640, outputTokens: 2, prefix: 'a', prefixTokens: 600 });
    const before = drain(engine);
    const second = submitted(engine, 10_000, { promptTokens: 640, outputTokens: 2, prefix: 'a', prefixTokens: 600 });
    const after = drain(engine);
    return {
      coldMs: tokensOf(before, first)[0]!.atMs,
      warmMs: tokensOf(after, second)[0]!.atMs - 10_000,
      hits: engine.gauges().prefixHitTokens,
    };
  };
  const on = run({});
  assert.equal(on.hits, 592);
  assert.ok(on.warmMs < on.coldMs / 5);
  const off = run({ prefixCaching: false });
  assert.equal(off.hits, 0);
  assert.ok(Math.abs(off.warmMs - off.coldMs) < 1e-6);
});

test('speculation gives several tokens a chunk, as many as its acceptance lets it', () => {
  const engine = createEngine({ speculativeTokens: 3, speculativeAcceptance: 0.8 });
  const id = submitted(engine, 0, { promptTokens: 10, outputTokens: 3_000 });
  const events = drain(engine);
  assert.equal(sumOf(events, id), 3_000);
  const perChunk = 3_000 / tokensOf(events, id).length;
  const expected = 1 + 0.8 + 0.8 ** 2 + 0.8 ** 3;
  assert.ok(Math.abs(perChunk / expected - 1) < 0.05, `${perChunk} tokens a chunk, not ${expected}`);
});

test('without ignoreEos answers end by themselves, not before minTokens and not after the limit', () => {
  const engine = createEngine({ maxBatch: 500, queueLimit: 1_000, kvBlocks: 100_000 });
  const ids = Array.from({ length: 400 }, () =>
    submitted(engine, 0, { promptTokens: 5, outputTokens: 150, ignoreEos: false, minTokens: 20 }),
  );
  const events = drain(engine);
  const lengths = ids.map((id) => sumOf(events, id));
  assert.ok(lengths.every((length) => length >= 20 && length <= 150));
  const median = lengths.toSorted((a, b) => a - b)[200]!;
  assert.ok(median > 55 && median < 75, `median ${median}`);
  const { stop, length } = engine.gauges().finished;
  assert.ok(stop > 300 && length > 10 && stop + length === 400);
});

test('boots differ by a log-normal factor with the deviation that was asked for, and repeat with their seed', () => {
  const logs = Array.from({ length: 2_000 }, (_, bootSeed) => Math.log(bootFactor({ bootSeed, bootVariation: 0.02 })));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const sd = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1));
  assert.ok(Math.abs(mean) < 0.0015 && Math.abs(sd - 0.02) < 0.001, `${mean} ± ${sd}`);
  const play = (bootSeed: number) => {
    const engine = createEngine({ bootSeed });
    submitted(engine, 0, { promptTokens: 100, outputTokens: 50 });
    return drain(engine);
  };
  assert.deepEqual(play(3), play(3));
  assert.notDeepEqual(play(3), play(4));
});

test('noise is independent from step to step, wander lasts for its correlation time', () => {
  const logSteps = (options: Partial<SimOptions>) => {
    const engine = createEngine({
      ...EXACT,
      stepPerKvTokenMs: 0,
      kvBlocks: 10_000,
      maxModelTokens: 100_000,
      ...options,
    });
    const id = submitted(engine, 0, { promptTokens: 1, outputTokens: 20_000 });
    const times = tokensOf(drain(engine), id).map((event) => event.atMs);
    const logs = times.slice(1).map((time, i) => Math.log(time - times[i]!));
    const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
    const covariance = (lag: number) =>
      logs.slice(lag).reduce((sum, log, i) => sum + (log - mean) * (logs[i]! - mean), 0) / (logs.length - lag);
    return { sd: Math.sqrt(covariance(0)), correlation: (lag: number) => covariance(lag) / covariance(0) };
  };
  const noisy = logSteps({ stepNoise: 0.05 });
  assert.ok(Math.abs(noisy.sd - 0.05) < 0.002 && Math.abs(noisy.correlation(1)) < 0.03, `${noisy.sd}`);
  // Steps take 12.15 ms, so that 41 of them are a correlation time: e⁻¹.
  const wandering = logSteps({ wander: 0.05, wanderMs: 500 });
  assert.ok(
    Math.abs(wandering.sd - 0.05) < 0.006 && Math.abs(wandering.correlation(41) - Math.exp(-1)) < 0.12,
    `${wandering.sd} ${wandering.correlation(41)}`,
  );
});

test('drift makes later steps longer, stalls hold the whole engine up', () => {
  const lastMs = (options: Partial<SimOptions>, atMs: number) => {
    const engine = createEngine({ ...EXACT, ...options });
    const id = submitted(engine, atMs, { promptTokens: 10, outputTokens: 100 });
    return tokensOf(drain(engine), id).at(-1)!.atMs - atMs;
  };
  assert.ok(Math.abs(lastMs({ driftPerHour: 0.1 }, 3_600_000) / lastMs({}, 3_600_000) - 1.1) < 0.001);
  const stalled = lastMs({ stallEveryMs: 300, stallMs: 500 }, 0);
  assert.ok(stalled > lastMs({}, 0) + 499 && stalled < 20_000);
});

test('a crash ends everything at its time, or when enough requests are finished', () => {
  const timed = createEngine({ crashAtMs: 50 });
  assert.equal(timed.nextStepEndMs(), 50);
  submitted(timed, 10, { promptTokens: 10, outputTokens: 100 });
  const events = drain(timed);
  assert.equal(events.at(-1)!.kind, 'crash');
  assert.equal(events.at(-1)!.atMs, 50);
  assert.equal(timed.submit(60, { promptTokens: 1, outputTokens: 1 }), 'crashed');
  assert.deepEqual(timed.advance(1_000), []);

  const counted = createEngine({ crashAfterRequests: 2 });
  for (const outputTokens of [2, 4, 400]) submitted(counted, 0, { promptTokens: 10, outputTokens });
  const seen = drain(counted);
  assert.equal(seen.filter((event) => event.kind === 'finish').length, 2);
  assert.equal(seen.at(-1)!.kind, 'crash');
});

test('out of memory fails what runs, pauses, and then serves those who waited; or it is the end', () => {
  const survive = createEngine({ ...EXACT, oomAboveRunning: 4, maxBatch: 8, oomRecoverMs: 700 });
  const early = Array.from({ length: 4 }, () => submitted(survive, 0, { promptTokens: 10, outputTokens: 200 }));
  survive.advance(100);
  submitted(survive, 101, { promptTokens: 10, outputTokens: 200 });
  const failing: EngineEvent[] = [...survive.advance(200)];
  assert.equal(failing.filter((event) => event.kind === 'oom').length, 5);
  assert.equal(survive.gauges().finished.error, 5);
  const later = submitted(survive, 200, { promptTokens: 10, outputTokens: 5 });
  const events = drain(survive);
  assert.equal(sumOf(events, later), 5);
  assert.ok(tokensOf(events, later)[0]!.atMs > failing.find((event) => event.kind === 'oom')!.atMs + 700);
  assert.ok(early.every((id) => tokensOf(events, id).length === 0));

  const fatal = createEngine({ oomAboveRunning: 1, oomFatal: true });
  for (let i = 0; i < 2; i++) submitted(fatal, 0, { promptTokens: 10, outputTokens: 200 });
  assert.deepEqual(
    drain(fatal).map((event) => event.kind),
    ['oom', 'oom', 'crash'],
  );
});

test('every option has exactly one flag, of its own kind, and the defaults pass their own check', () => {
  assert.deepEqual(SIM_FLAGS.map((flag) => flag.key).toSorted(), Object.keys(SIM_DEFAULTS).toSorted());
  for (const { key, kind } of SIM_FLAGS) assert.equal(typeof SIM_DEFAULTS[key], kind, key);
  assert.equal(SIM_FLAGS.find((flag) => flag.key === 'decodeSlowdown')?.flag, '--decode-slowdown');
  assert.deepEqual(simOptions(), SIM_DEFAULTS);
  assert.deepEqual(simOptions({ bootMs: undefined, seed: 0 } as Partial<SimOptions>), { ...SIM_DEFAULTS, seed: 0 });
});

test('an option out of range is refused by its flag', () => {
  const cases: readonly [Partial<SimOptions>, RegExp][] = [
    [{ decodeSlowdown: 0 }, /--decode-slowdown is 0/],
    [{ maxBatch: 1.5 }, /--max-batch is 1.5.*whole number/],
    [{ errorRate: 1.2 }, /--error-rate.*from 0 to 1/],
    [{ bootMs: Number.NaN }, /--boot-ms is NaN/],
    [{ crlf: 'yes' as unknown as boolean }, /--crlf is yes.*boolean/],
  ];
  for (const [options, message] of cases) {
    assert.throws(
      () => createEngine(options),
      (error: unknown) => error instanceof PlimsollError && error.code === 'USAGE' && message.test(error.message),
    );
  }
});
