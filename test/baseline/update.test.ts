// What the history learns from runs: what is added, what is refused, and that no variance is lost or invented.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bootValue, spreadOfEntries } from '../../src/baseline/ledger.ts';
import { pinnedKnee, pinnedUnits } from '../../src/baseline/lookup.ts';
import { prune } from '../../src/baseline/prune.ts';
import type { BaselineFile, History } from '../../src/baseline/schema.ts';
import { baselineFileSchema } from '../../src/baseline/schema.ts';
import { rememberedBoots } from '../../src/baseline/series.ts';
import { addRun, promote, splitSegments } from '../../src/baseline/update.ts';
import { PlimsollError } from '../../src/errors.ts';
import type { RunRecord } from '../../src/record/schema.ts';
import { decodeHistogram } from '../../src/stats/histogram.ts';
import { spreadOf } from '../../src/stats/summary.ts';
import { benchmarkRun, histogramOf, measured, metric, record } from './records.ts';

const addAll = (runs: readonly RunRecord[], keep = 10, before: BaselineFile | null = null): BaselineFile =>
  runs.reduce<BaselineFile | null>((file, run) => addRun(file, run, { keep }).file, before)!;
const benchmark = (file: BaselineFile): History => file.stages.benchmark!.at(-1)!;

test('the first run makes the file: segment, boot, facts', () => {
  const { file, added, refused } = addRun(null, benchmarkRun(100, { id: 'r1' }), { keep: 10 });
  assert.deepEqual(added, ['r1#1: benchmark']);
  assert.deepEqual(refused, []);
  const segment = benchmark(file).segments[0]!;
  assert.equal(segment.reason, 'first baseline');
  assert.equal(segment.commit, 'c0ffee0');
  assert.deepEqual(
    segment.boots.map((boot) => boot.id),
    ['r1#1'],
  );
  assert.doesNotThrow(() => baselineFileSchema.parse(file));
});

test('the same boot is refused a second time, also after it was pruned', () => {
  const run = benchmarkRun(100, { id: 'twice' });
  const once = addRun(null, run, { keep: 1 }).file;
  const twice = addRun(once, run, { keep: 1 });
  assert.deepEqual(twice.added, []);
  assert.match(twice.refused.join(), /twice#1 benchmark: .*added before/);
  assert.equal(twice.file, once);
  const pruned = addRun(once, benchmarkRun(101), { keep: 1 }).file;
  assert.match(addRun(pruned, run, { keep: 1 }).refused.join(), /added before/);
});

const bad = measured(
  'benchmark',
  { 'ttft.p95': metric([1, 2, 3, 4, 5]) },
  {
    invalid: [
      {
        code: 'client_achieved',
        message: 'the client sent 80 % of what was planned',
        advice: 'more workers',
        phase: null,
      },
    ],
  },
);
const refusals: readonly [string, RunRecord, RegExp][] = [
  [
    'an incomplete run',
    { ...benchmarkRun(1), status: 'incomplete', statusReason: 'cancelled' },
    /incomplete \(cancelled\)/,
  ],
  ['an invalid stage', record([[bad]]), /80 %/],
  [
    'an aborted stage',
    record([[measured('benchmark', {}, { status: 'aborted', reason: 'it died' })]]),
    /aborted \(it died\)/,
  ],
  [
    'a boot that died',
    { ...benchmarkRun(1), boots: [{ ...benchmarkRun(1).boots[0]!, end: 'died', reason: 'out of memory' }] },
    /out of memory/,
  ],
  [
    'the base side of an interleaved run',
    { ...benchmarkRun(1), boots: [{ ...benchmarkRun(1).boots[0]!, side: 'base' }] },
    /base side/,
  ],
];
for (const [what, run, words] of refusals) {
  test(`${what} is refused, with the reason, and changes nothing`, () => {
    const before = addRun(null, benchmarkRun(100), { keep: 10 }).file;
    const { file, added, refused } = addRun(before, run, { keep: 10 });
    assert.deepEqual(added, []);
    assert.match(refused.join(), words);
    assert.equal(file, before);
  });
}

test('a valid stage is added beside an invalid one of the same boot', () => {
  const linear = measured('linear', { 'knee.rate': metric([20]) });
  const { file, added, refused } = addRun(null, record([[bad, linear]], { id: 'half' }), { keep: 10 });
  assert.deepEqual(added, ['half#1: linear']);
  assert.equal(refused.length, 1);
  assert.equal(file.stages.benchmark, undefined);
});

test('a boot whose cores the host gave to others is added: such boots are what its runner has', () => {
  const stolen = {
    code: 'stolen' as const,
    message: 'the host gave 12 % of a core to others',
    advice: '',
    phase: null,
  };
  const values = { 'ttft.p95': metric([1, 2, 3, 4, 5]) };
  const noisy = measured('benchmark', values, { invalid: [stolen] });
  assert.equal(addRun(null, record([[noisy]]), { keep: 10 }).added.length, 1);
  const throttled = measured('benchmark', values, {
    invalid: [stolen, { ...stolen, code: 'throttled', message: 'hot' }],
  });
  assert.match(addRun(null, record([[throttled]]), { keep: 10 }).refused.join(), /hot/);
});

test('a stage that its stop rule ended is a result and is added', () => {
  const stopped = measured('linear', { 'knee.rate': metric([20]) }, { status: 'stopped', reason: 'saturated' });
  assert.equal(addRun(null, record([[stopped]]), { keep: 10 }).added.length, 1);
});

test('another environment or deployment is refused by name', () => {
  const file = addRun(null, benchmarkRun(100), { keep: 10 }).file;
  const refusal = (run: RunRecord, words: RegExp) =>
    assert.throws(
      () => addRun(file, run, { keep: 10 }),
      (error) => error instanceof PlimsollError && error.code === 'BASELINE_REFUSED' && words.test(error.message),
    );
  refusal(
    benchmarkRun(100, { environment: { gpu: 'A100', gpus: 1, driver: 550, method: 1 } }),
    /gpu is H100 there, A100 here/,
  );
  refusal({ ...benchmarkRun(100), deployment: 'other' }, /"llm".*"other"/);
});

test('editing one stage leaves the history of the others alone, and going back finds the old one', () => {
  const both = (key: string) =>
    record(
      [
        [
          measured('benchmark', { 'ttft.p95': metric([1, 1, 1, 1, 1]) }),
          measured('step-surge', { 'surge.peak_p95': metric([500]) }),
        ],
      ],
      { keys: { 'step-surge': key } },
    );
  const file = addAll([both('a'), both('b'), both('a')]);
  assert.equal(file.stages.benchmark!.length, 1);
  assert.equal(benchmark(file).segments[0]!.boots.length, 3);
  assert.deepEqual(
    file.stages['step-surge']!.map((history) => [history.key, history.segments[0]!.boots.length]),
    [
      ['b', 1],
      ['a', 2],
    ],
  );
  assert.equal(file.stages['step-surge']![0]!.segments[0]!.reason, 'the workload of this stage changed');
});

// ---- answers of another length ---------------------------------------------------------------------------------

/** A benchmark whose answers take this share of what was asked for, beside a ramp that does not know. */
const answering = (share: number, errors = 0, tokenSource: 'usage' | 'chunks' = 'usage') => {
  const stream = { coalescedShare: 0, tokensPerChunk: 1, tokenSource };
  return [
    measured(
      'benchmark',
      { 'ttft.p95': metric([100]), 'output.share': metric([share]), 'errors.rate': metric([errors]) },
      { stream },
    ),
    measured('linear', { 'knee.rate': metric([20]) }, { stream }),
  ];
};
const reasonsOf = (file: BaselineFile, stage: 'benchmark' | 'linear' = 'benchmark') =>
  file.stages[stage]!.at(-1)!.segments.map(({ reason, boots }) => [reason, boots.length]);

test('answers of another length begin a segment of every stage, which says so; the next run joins it', () => {
  const before = addAll([record([answering(0.5)]), record([answering(0.51)])]);
  const first = addRun(before, record([answering(0.7), answering(0.7)], { id: 'longer' }), { keep: 10 });
  const reason =
    "the workload drifted: answers are 38.6 % longer than the baseline's (50.5 % → 70 % of the tokens asked for)";
  assert.equal(first.begun, reason);
  assert.deepEqual(first.refused, []);
  for (const stage of ['benchmark', 'linear'] as const)
    assert.deepEqual(reasonsOf(first.file, stage), [
      ['first baseline', 2],
      [reason, 2],
    ]);
  assert.equal(pinnedKnee(first.file), 20, 'the pin stays');
  const next = addRun(first.file, record([answering(0.71)]), { keep: 10 });
  assert.equal(next.begun, null);
  assert.deepEqual(
    reasonsOf(next.file).map(([, boots]) => boots),
    [2, 3],
  );
  const again = addRun(next.file, record([answering(0.7)], { id: 'longer' }), { keep: 10 });
  assert.deepEqual([again.added, again.begun], [[], null]);
});

test('a reason that was given goes before the one that was found, and shed load, other counts and incomplete runs begin nothing', () => {
  const before = addAll([record([answering(0.5)])]);
  const given = addRun(before, record([answering(0.7)]), { keep: 10, newSegment: { reason: 'accepted' } });
  assert.equal(given.begun, 'accepted');
  const once = { keep: 10, newSegment: { reason: 'accepted', once: true } };
  assert.match(addRun(given.file, record([answering(0.9)]), once).begun ?? '', /28\.6 % longer/);
  assert.equal(addRun(before, record([answering(0.4, 0.1)]), { keep: 10 }).begun, null, 'long answers failed');
  const counted = addRun(before, record([answering(0.7, 0, 'chunks')]), { keep: 10 });
  assert.match(counted.refused.join(), /counted by chunks/);
  const cut = { ...record([answering(0.7)]), status: 'incomplete' as const, statusReason: 'killed' };
  assert.equal(addRun(before, cut, { keep: 10 }).begun, null);
  assert.equal(addRun(null, record([answering(0.7)]), { keep: 10 }).begun, null);
});

test('all boots of one run begin one new segment, with its reason; the old segment stays', () => {
  const before = addAll([benchmarkRun(100), benchmarkRun(101)]);
  const stage = measured('benchmark', { 'ttft.p95': metric([200, 201, 199, 200, 202]) });
  const { file } = addRun(before, record([[stage], [stage]], { id: 'new' }), {
    keep: 10,
    newSegment: { reason: 'accepted: larger model' },
  });
  assert.deepEqual(
    benchmark(file).segments.map((segment) => [segment.reason, segment.boots.length]),
    [
      ['first baseline', 2],
      ['accepted: larger model', 2],
    ],
  );
  assert.equal(
    addRun(file, benchmarkRun(203), { keep: 10 }).file.stages.benchmark!.at(-1)!.segments.at(-1)!.boots.length,
    3,
  );
});

test('more than five older segments: the oldest goes to the ledger with exactly its variance', () => {
  let file: BaselineFile | null = null;
  const firstBoots = [100, 104, 97];
  for (const [level, boots] of [firstBoots, [200, 201], [300], [400], [500], [600], [700]].entries()) {
    for (const [index, ttft] of boots.entries())
      file = addRun(file, benchmarkRun(ttft), {
        keep: 10,
        ...(index === 0 && level > 0 ? { newSegment: { reason: `level ${level}` } } : {}),
      }).file;
  }
  const history = benchmark(file!);
  assert.equal(history.segments.length, 6);
  const expected = spreadOf(firstBoots.map(Math.log));
  assert.ok(
    Math.abs(history.ledger['ttft.p95']![0]!.ss - expected.ss) < 1e-9,
    `${history.ledger['ttft.p95']![0]!.ss} ≠ ${expected.ss}`,
  );
  assert.equal(history.ledger['ttft.p95']![0]!.df, 2);
});

test('pruning a segment loses and invents nothing: kept spread + ledger = spread of all boots', () => {
  const level = fc.double({ min: 10, max: 10_000, noNaN: true });
  fc.assert(
    fc.property(fc.array(level, { minLength: 2, maxLength: 12 }), fc.integer({ min: 1, max: 11 }), (levels, keep) => {
      const all = addAll(
        levels.map((ttft) => benchmarkRun(ttft)),
        100,
      );
      const values = benchmark(all).segments[0]!.boots.map((boot) => bootValue(boot, 'ttft.p95')!);
      const history = benchmark(prune(all, keep));
      const kept = spreadOf(history.segments[0]!.boots.map((boot) => bootValue(boot, 'ttft.p95')!));
      const ledger = spreadOfEntries(history.ledger['ttft.p95'], 5);
      const whole = spreadOf(values);
      assert.equal(kept.df + ledger.df, whole.df);
      assert.ok(Math.abs(kept.ss + ledger.ss - whole.ss) <= 1e-9 * (1 + whole.ss));
      assert.equal(history.segments[0]!.boots.length + (history.trail?.length ?? 0), levels.length);
    }),
    { numRuns: 60 },
  );
});

test('a ledger fed boot by boot estimates the variance without bias', () => {
  // A fixed congruential sequence stands in for noise of known variance: uniform on ±√3·0.02 in log units.
  let state = 12_345;
  const uniform = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  const levels = Array.from({ length: 400 }, () => 100 * Math.exp((uniform() * 2 - 1) * Math.sqrt(3) * 0.02));
  const entry = benchmark(
    addAll(
      levels.map((ttft) => benchmarkRun(ttft)),
      5,
    ),
  ).ledger['ttft.p95']![0]!;
  assert.equal(entry.df, 395);
  assert.equal(entry.rounds, 5);
  const sd = Math.sqrt(entry.ss / entry.df);
  assert.ok(sd > 0.018 && sd < 0.022, `sd ${sd}`);
});

test('censored, missing and uncompared values never enter the ledger', () => {
  const stage = (knee: number, bound: 'exact' | 'above') =>
    measured('linear', {
      'knee.rate': metric([knee], bound),
      'gpu.utilization.mean': metric([80]),
      'saturation.rate': metric([null]),
    });
  const file = addAll(
    [
      record([[stage(40, 'above')]]),
      record([[stage(30, 'exact')]]),
      record([[stage(31, 'exact')]]),
      record([[stage(32, 'exact')]]),
    ],
    1,
  );
  const { ledger } = file.stages.linear![0]!;
  assert.deepEqual(Object.keys(ledger), ['knee.rate']);
  assert.equal(ledger['knee.rate']![0]!.df, 2);
});

test('differences are kept as differences: a zero is a value', () => {
  const run = (rate: number) =>
    record([[measured('benchmark', { 'errors.rate': metric([rate, rate, rate, rate, rate]) })]]);
  const { ledger } = benchmark(addAll([run(0), run(0.02), run(0)], 1));
  assert.equal(ledger['errors.rate']![0]!.df, 2);
  assert.ok(Math.abs(ledger['errors.rate']![0]!.ss - (0.02 ** 2 / 2 + 0.02 ** 2 / 2)) < 1e-12);
});

test('a boot with another number of rounds is not mixed into the variance of the others', () => {
  const run = (rounds: readonly number[]) => record([[measured('benchmark', { 'ttft.p95': metric(rounds) })]]);
  const { ledger } = benchmark(
    addAll([run([100, 101, 99, 100, 100]), run([100, 200]), run([103, 101, 99, 100, 104])], 1),
  );
  assert.equal(ledger['ttft.p95'], undefined);
});

test('the trail and the ledger keep what the judge compares: the summary of the rounds, not the pooled value', () => {
  const run = (rounds: readonly number[], roundBounds?: ('exact' | 'above')[]) =>
    record([
      [
        measured('benchmark', {
          'ttft.p95': { ...metric(rounds), value: 777, ...(roundBounds && { roundBounds }) },
        }),
      ],
    ]);
  const file = addAll([run([100, 100, 100, 100, 900]), run([110, 110, 110, 110, 110])], 1);
  assert.equal(benchmark(file).trail![0]!.values['ttft.p95'], 100);
  const { ss } = benchmark(file).ledger['ttft.p95']![0]!;
  assert.ok(Math.abs(ss - Math.log(1.1) ** 2 / 2) < 1e-12, String(ss));
  // Two censored rounds of five make the boot censored, one does not.
  const censored = run([100, 100, 100, 20_000, 20_000], ['exact', 'exact', 'exact', 'above', 'above']);
  const open = addAll([censored, run([110, 110, 110, 110, 110])], 1);
  assert.deepEqual([benchmark(open).trail![0]!.values, benchmark(open).ledger], [{}, {}]);
  const one = run([100, 100, 100, 100, 20_000], ['exact', 'exact', 'exact', 'exact', 'above']);
  assert.equal(benchmark(addAll([one, run([110, 110, 110, 110, 110])], 1)).trail![0]!.values['ttft.p95'], 100);
});

test('an edit of the SLO is no variance of goodput', () => {
  const run = (share: number, ttftMs: number) =>
    record([[measured('benchmark', { 'goodput.share': metric([share]), 'ttft.p95': metric([100]) })]], {
      more: { slo: { ttftMs, tpotMs: null, e2eMs: null } },
    });
  const { ledger } = benchmark(addAll([run(0.99, 500), run(0.6, 200), run(0.61, 200)], 1));
  assert.equal(ledger['ttft.p95']![0]!.df, 2);
  assert.equal(ledger['goodput.share']![0]!.df, 1);
  assert.ok(ledger['goodput.share']![0]!.ss < 1e-4);
});

test('what goodput taught by an SLO goes when that is edited, and its old boots teach nothing more', () => {
  const run = (share: number, ttftMs: number) =>
    record([[measured('benchmark', { 'goodput.share': metric([share]), 'ttft.p95': metric([100]) })]], {
      more: { slo: { ttftMs, tpotMs: null, e2eMs: null } },
    });
  const lenient = addAll([run(0.99, 500), run(0.98, 500), run(0.99, 500), run(0.98, 500)], 2);
  assert.equal(benchmark(lenient).ledger['goodput.share']![0]!.df, 2);
  const edited = addAll([run(0.6, 200)], 2, lenient);
  assert.equal(benchmark(edited).ledger['goodput.share'], undefined);
  assert.ok(
    benchmark(edited)
      .trail!.slice(0, 2)
      .every(({ values }) => !('goodput.share' in values)),
  );
  assert.equal(benchmark(edited).ledger['ttft.p95']![0]!.df, 3);
  const later = benchmark(addAll([run(0.61, 200), run(0.6, 200), run(0.62, 200)], 2, edited));
  assert.equal(later.ledger['goodput.share']![0]!.df, 2, 'of the new SLO alone');
  const remembered = rememberedBoots(benchmark(edited)).flat();
  assert.equal(remembered.filter(({ scaled }) => scaled('goodput.share') !== null).length, 1);
});

test('entries of the ledger are kept by segment and number of rounds', () => {
  const run = (rounds: number, level: number) =>
    record([[measured('benchmark', { 'ttft.p95': metric(Array.from({ length: rounds }, () => level)) })]]);
  const first = addAll([run(5, 100), run(5, 101), run(3, 100), run(3, 101)], 1);
  const second = addRun(first, run(3, 200), { keep: 1, newSegment: { reason: 'accepted' } }).file;
  const { ledger, segments } = benchmark(addAll([run(3, 201)], 1, second));
  assert.deepEqual(
    ledger['ttft.p95']!.map(({ kind, segment, rounds, df }) => [kind, segment, rounds, df]),
    [
      ['boots', segments[0]!.id, 5, 1],
      ['boots', segments[0]!.id, 3, 1],
      ['boots', segments[1]!.id, 3, 1],
    ],
  );
});

test('tokens that another source counted are refused beside known ones, and begin a new segment', () => {
  const run = (tokenSource: string | null) => {
    const stream = { coalescedShare: 0, tokensPerChunk: 1, tokenSource };
    return record([[measured('benchmark', { 'tpot.p95': metric([20]) }, { stream })]]);
  };
  const file = addAll([run('usage'), run(null)]);
  const { added, refused } = addRun(file, run('chunks'), { keep: 10 });
  assert.deepEqual(added, []);
  assert.match(refused.join(), /counted by chunks, those of the stored boots by usage: begin a new segment/);
  const accepted = addRun(file, run('chunks'), { keep: 10, newSegment: { reason: 'no usage any more' } });
  assert.equal(accepted.added.length, 1);
  assert.equal(addRun(accepted.file, run('chunks'), { keep: 10 }).added.length, 1);
});

test('histograms merge; the last curve and surge stay', () => {
  const curve = [{ phase: 'step 1', offeredRate: 2 }] as unknown as NonNullable<ReturnType<typeof measured>['curve']>;
  const first = measured(
    'linear',
    { 'knee.rate': metric([20]) },
    { histograms: { ttft: histogramOf(100, 110) }, curve },
  );
  const second = measured(
    'linear',
    { 'knee.rate': metric([21]) },
    { histograms: { ttft: histogramOf(300), tpot: histogramOf(20) } },
  );
  const segment = addAll([record([[first]]), record([[second]])]).stages.linear![0]!.segments[0]!;
  assert.equal(decodeHistogram(segment.histograms.ttft!).totalCount, 3);
  assert.equal(decodeHistogram(segment.histograms.tpot!).totalCount, 1);
  assert.deepEqual(segment.curve, curve);
});

test('the knee is pinned by the first linear boot and outlives new boots, segments and edits of the linear stage', () => {
  const linear = (knees: number[], key = 'k', bound: 'exact' | 'below' = 'exact') =>
    record([[measured('linear', { 'knee.rate': metric(knees, bound) })]], { keys: { linear: key } });
  const first = addRun(null, linear([20, 24, 22]), { keep: 10 }).file;
  assert.equal(pinnedKnee(first), 22);
  const later = addRun(first, linear([30]), { keep: 10 }).file;
  assert.equal(pinnedKnee(later), 22);
  const accepted = addRun(later, linear([30]), { keep: 10, newSegment: { reason: 'accepted' } }).file;
  assert.equal(pinnedKnee(accepted), 22, 'the loads of the accepted run were shares of the old pin');
  assert.equal(pinnedKnee(addRun(accepted, linear([30], 'edited'), { keep: 10 }).file), 22);
  assert.equal(
    pinnedKnee(addRun(later, linear([30]), { keep: 10, newSegment: { reason: 'accepted', repin: true } }).file),
    30,
  );
  assert.equal(pinnedKnee(addRun(null, linear([2], 'k', 'below'), { keep: 10 }).file), null);
});

test('what a calibrated stage takes for a token is pinned, goes on to the next segment, and other text is refused', () => {
  const run = (en?: number) => {
    const made = record([[measured('benchmark', { 'tpot.p95': metric([20]) })]]);
    const workload = made.workloads.benchmark!;
    return { ...made, workloads: { benchmark: en === undefined ? workload : { ...workload, unitsPerToken: { en } } } };
  };
  const first = addRun(null, run(0.7), { keep: 10 }).file;
  assert.deepEqual(pinnedUnits(benchmark(first)), { en: 0.7 });
  assert.deepEqual(baselineFileSchema.parse(JSON.parse(JSON.stringify(first))), first);
  const { added, refused } = addRun(first, run(0.8), { keep: 10 });
  assert.deepEqual(added, []);
  assert.match(refused.join(), /calibrated to another tokenizer/);
  const same = addRun(first, run(0.7), { keep: 10 }).file;
  const accepted = addRun(same, run(0.7), { keep: 10, newSegment: { reason: 'accepted' } }).file;
  assert.deepEqual(pinnedUnits(benchmark(accepted)), { en: 0.7 });
  assert.deepEqual(
    pinnedUnits(benchmark(addRun(first, run(0.8), { keep: 10, newSegment: { reason: 'other model' } }).file)),
    { en: 0.8 },
  );
  assert.equal(pinnedUnits(benchmark(addRun(null, run(), { keep: 10 }).file)), null);
  assert.equal(pinnedUnits(null), null);
});

test('a segment is split at a listed boot: the level after it is the newest, and no boot or variance is lost', () => {
  const file = addAll([100, 101, 99, 120, 121].map((ms, index) => benchmarkRun(ms, { id: `r${index}` })));
  const split = splitSegments(file, 'r3#1', 'a change that was merged');
  const [before, after] = benchmark(split).segments;
  assert.deepEqual(
    [before, after].map((segment) => segment!.boots.map(({ id }) => id)),
    [
      ['r0#1', 'r1#1', 'r2#1'],
      ['r3#1', 'r4#1'],
    ],
  );
  assert.equal(after!.reason, 'a change that was merged');
  assert.equal(after!.since, benchmark(file).segments[0]!.boots[3]!.at);
  assert.deepEqual([before!.histograms, after!.histograms], [{}, {}]);
  assert.deepEqual(baselineFileSchema.parse(split), split);
  for (const boot of ['r0#1', 'nobody#1'])
    assert.throws(
      () => splitSegments(file, boot, 'why'),
      (error) => error instanceof PlimsollError && error.code === 'BASELINE_REFUSED',
    );
  assert.equal(benchmark(file).segments.length, 1, 'what goes in is not changed');
});

test('promote carries the newest segment and its boots once', () => {
  const main = addAll([benchmarkRun(100), benchmarkRun(101)]);
  const branch = addRun(
    addRun(main, benchmarkRun(120), { keep: 10, newSegment: { reason: 'on the branch' } }).file,
    benchmarkRun(121),
    { keep: 10 },
  ).file;
  const promoted = promote(branch, main, 'release 2 merged');
  assert.deepEqual(
    benchmark(promoted).segments.map((segment) => [segment.reason, segment.boots.length]),
    [
      ['first baseline', 2],
      ['release 2 merged', 2],
    ],
  );
  assert.deepEqual(promote(branch, promoted, 'again'), promoted);
  assert.deepEqual(promote(branch, null, 'new store'), branch);
});

test('promote joins boots of a segment that both sides have', () => {
  const main = addAll([benchmarkRun(100)]);
  const branch = addAll([benchmarkRun(101)], 10, main);
  const both = promote(branch, addAll([benchmarkRun(102)], 10, main), 'joined');
  assert.equal(benchmark(both).segments.length, 1);
  assert.equal(benchmark(both).segments[0]!.boots.length, 3);
});

test('nothing that goes in is changed', () => {
  const before = addAll([benchmarkRun(100), benchmarkRun(101)], 2);
  const copy = structuredClone(before);
  addRun(before, benchmarkRun(102), { keep: 1, newSegment: { reason: 'x' } });
  prune(before, 1);
  promote(before, before, 'x');
  assert.deepEqual(before, copy);
});
