// Numbers that pages state in words, against the constants of the code that they explain: none may change alone.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { resolveMetric } from '../../src/metrics.ts';
import { readPage, root } from './pages.ts';

const percent = (value: number): string => `${Number((100 * value).toPrecision(6))} %`;
const WORDS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** File below src/, name of the constant, and what its page says of it. */
const MEASURING: readonly [file: string, constant: string, phrase: (value: number) => string][] = [
  ['stages/curve.ts', 'MISSED_LIMIT', (value) => `while the fitted share is at most ${percent(value)}`],
  ['stages/curve.ts', 'ACHIEVED_LIMIT', (value) => `less than ${percent(value)} of the requests planned in its window`],
  ['stages/curve.ts', 'BLOCKS', (value) => `over ${WORDS[value]} block means`],
  ['stages/curve.ts', 'STEADY_CLIMB_P', (value) => `p ≤ ${value})`],
  ['stages/cliffs.ts', 'TTFT_RATIO', (value) => `at least ${WORDS[value]} times as long`],
  ['stages/cliffs.ts', 'TTFT_RISE_MS', (value) => `by ${value} ms or more`],
  ['stages/cliffs.ts', 'ERRORS_LIMIT', (value) => `the error rate passes ${percent(value)}`],
  ['stages/cliffs.ts', 'LEAST_COUNT', (value) => `${value} waiting requests or more`],
  ['stages/cliffs.ts', 'COUNT_RATIO', (value) => `${WORDS[value]} times as many as before`],
  ['stages/surge.ts', 'BAND_FACTOR', (value) => `TTFT p95 × ${value} +`],
  ['stages/surge.ts', 'BAND_MS', (value) => `+ ${value} ms`],
  ['stages/surge.ts', 'BAND_REQUESTS', (value) => `+ ${value} requests`],
  ['stages/surge.ts', 'CALM_WINDOWS', (value) => `first of ${WORDS[value]} windows in a row`],
  ['stages/windows.ts', 'REQUESTS_PER_WINDOW', (value) => `about ${value} base requests long`],
  ['stages/windows.ts', 'SHORTEST_MS', (value) => `at least ${value} ms`],
  ['stages/windows.ts', 'MOST_WINDOWS', (value) => `about ${value} windows a stage`],
  ['load/plan.ts', 'SETTLING_SHARE', (value) => (value === 0.2 ? 'without its first fifth' : `first ${value}`)],
  ['stages/rounds.ts', 'DRIFT_RATIO', (value) => (value === 2 ? 'to half or less' : `1/${value}`)],
  ['stages/rounds.ts', 'DRIFT_REQUESTS', (value) => `by ${value} requests or more`],
  ['stages/stop-rule.ts', 'LEAST_REQUESTS', (value) => `from ${value} ended`],
  ['stages/client.ts', 'FINEST_DISPATCH_MS', (value) => `max(${value} ms`],
  ['stages/client.ts', 'SATURATED_E2E_RATIO', (value) => (value === 2 ? 'below twice that' : `below ${value} times`)],
  ['stages/tally.ts', 'BUCKET_MS', (value) => `buckets of ${value} ms`],
  ['load/accounts.ts', 'RESOLUTION_MS', (value) => `the meter's own ${value} ms`],
  ['load/load.ts', 'DEAD_REQUESTS', (value) => `After ${value} requests in a row`],
  ['load/load.ts', 'DEAD_MS', (value) => `over at least ${value / 1_000} s`],
  ['load/foresee.ts', 'QUICKEST_ANSWER_MS', (value) => `took only ${value} ms`],
  ['load/foresee.ts', 'NEAR', (value) => `more than ${percent(value)} of what is left`],
  ['load/warm.ts', 'LEAD_MS', (value) => (value === 1_000 ? 'a second before each further one' : `${value} ms before`)],
  ['load/warm.ts', 'FILES_SHARE', (value) => (value === 0.8 ? 'four fifths of the open files' : percent(value))],
  ['doctor/carry.ts', 'CALM_RATE', (value) => `${value} short answers a second`],
  ['doctor/carry.ts', 'CALM_EVENTS', (value) => `${value.toLocaleString('en-US')} events a second how much later`],
  ['doctor/carry.ts', 'LOWEST_REQUESTS', (value) => `from ${value.toLocaleString('en-US')} a second`],
  ['doctor/carry.ts', 'LOWEST_EVENTS', (value) => `one a write (from ${value.toLocaleString('en-US')})`],
  ['doctor/carry.ts', 'STEP', (value) => `each ${value} times the last`],
  ['doctor/ceiling.ts', 'LATE_SHARE', (value) => `more than ${percent(value)} of its answers`],
  ['doctor/ceiling.ts', 'LATE_MS', (value) => `its answers take ${value} ms`],
  ['doctor/ceiling.ts', 'SERVER_DELAY_MS', (value) => `late by more than ${value} ms itself`],
  ['doctor/ceiling.ts', 'SERVER_CPU_SHARE', (value) => `took ${percent(value)} of a processor`],
  ['doctor/verdict.ts', 'KEEP_BELOW', (value) => `Stay below ${percent(value)} of it`],
  ['load/users.ts', 'FAILED_MS', (value) => `at least ${value} ms`],
  ['runner/stage.ts', 'QUIET_LIMIT_MS', (value) => `${value / 1_000} s at most`],
  ['judge/taint.ts', 'SCORE_LIMIT', (value) => `past ±${value}`],
  [
    'stages/machine.ts',
    'THROTTLED_LIMIT',
    (value) => `in more than ${value} % of the readings a GPU slowed its clocks`,
  ],
  ['runner/turn.ts', 'MAX_DISCARDED', (value) => (value === 2 ? 'twice a run at most' : `${value} times a run`)],
];

const JUDGING: typeof MEASURING = [
  ['judge/decide.ts', 'ALPHA', (value) => `at most **${percent(value)} of reports`],
  ['judge/decide.ts', 'GATE_SHARE', (value) => `share ${percent(value)} of it`],
  ['judge/decide.ts', 'EQUIVALENCE_ALPHA', (value) => `each at ${percent(value)} times the look's share`],
  ['judge/decide.ts', 'BOOTS_TO_CONFIRM', (value) => `at least ${WORDS[value]} candidate boots`],
  ['judge/variance.ts', 'PRIOR_DF', (value) => `ν₀ = ${value}`],
  ['judge/variance.ts', 'LEDGER_ENOUGH_DF', (value) => `once the ledger has ${value} degrees of freedom`],
  ['judge/variance.ts', 'LEDGER_MOST_DF', (value) => `counts for ${value} at most`],
  ['judge/variance.ts', 'MOST_DF', (value) => `capped at ${value}`],
  ['judge/selection.ts', 'REQUESTS_FOR_TAIL', (value) => `each round has ${value.toLocaleString('en-US')} requests`],
  ['judge/taint.ts', 'FEWEST_ROUNDS', (value) => `scored from ${WORDS[value]} on`],
  ['judge/taint.ts', 'FEWEST_DF', (value) => `a history of ${WORDS[value]} degrees of freedom`],
  ['baseline/output-length.ts', 'MOST_DRIFT', (value) => `differs from the baseline's by more than ${percent(value)}`],
  ['baseline/output-length.ts', 'DRAW', (value) => `${value} ÷ √n`],
  ['baseline/output-length.ts', 'ERRORS_THAT_SHORTEN', (value) => `(${100 * value} points)`],
  ['judge/load-shed.ts', 'SUSPICION', (value) => `(p ≤ ${percent(value)}`],
  ['judge/load-shed.ts', 'SHORTER', (value) => `more than ${percent(value)} shorter`],
  ['judge/deployment-failure.ts', 'MOST_FAILED', (value) => `more than ${percent(value)} of the requests failed`],
  [
    'judge/deployment-failure.ts',
    'MOST_FAILED',
    (value) => `than the baseline did, by more than ${100 * value} points`,
  ],
  [
    'judge/deployment-failure.ts',
    'MOST_FAILED_UNBASELINED',
    (value) => `without a baseline, more than ${percent(value)} of them`,
  ],
  ['judge/deployment-failure.ts', 'CLEARLY_BELOW', (value) => `below ${percent(value)} of the baseline's knee`],
  ['judge/level-change.ts', 'CHANGE_ALPHA', (value) => `Student's t at ${percent(value)}, shared`],
  ['judge/drift.ts', 'FEWEST_FOR_TREND', (value) => `a trend over ${WORDS[value]} baseline boots`],
  ['judge/drift.ts', 'TREND_ALPHA', (value) => `(Mann–Kendall at ${percent(value)} of reports)`],
  [
    'judge/drift.ts',
    'OF_MINIMUM_EFFECT',
    (value) => (value === 0.5 ? 'by at least half of its minimum effect' : String(value)),
  ],
  ['baseline/update.ts', 'DEFAULT_KEEP', (value) => `(${WORDS[value]} by default)`],
  ['judge/variance.ts', 'SET_ASIDE_P', (value) => `(F test at ${percent(value)})`],
  ['judge/aa.ts', 'WANTED_DF', (value) => `until each gate has ${value} degrees of freedom: ${value + 1} boots`],
  ['judge/aa.ts', 'ENOUGH_TO_TEACH', (value) => `A gate of which ${WORDS[value]} boots taught nothing`],
  ['runner/ledger.ts', 'MOST_LOST', (value) => `gives up after ${WORDS[value]} boots that did not count`],
  ['runner/ledger.ts', 'FURTHER', (value) => `what ${WORDS[value]} more boots would make of it`],
];

const ARCHITECTURE: typeof MEASURING = [
  ['baseline/update.ts', 'DEFAULT_KEEP', (value) => `(${value}, unless \`--keep\` said otherwise)`],
  ['baseline/prune.ts', 'OLDER_SEGMENTS', (value) => `${WORDS[value]} older ones stay`],
  ['baseline/prune.ts', 'WORKLOADS_PER_STAGE', (value) => `${WORDS[value]} workloads a stage`],
  ['baseline/prune.ts', 'TRAIL', (value) => `the newest ${value} pruned boots`],
];

for (const [path, list] of [
  ['docs/measuring.md', MEASURING],
  ['docs/judging.md', JUDGING],
  ['docs/architecture.md', ARCHITECTURE],
] as const) {
  test(`the numbers of ${path} are those of the code`, () => {
    const text = flat(readPage(path).text);
    const wrong = list.flatMap(([file, constant, phrase]) => {
      const expected = phrase(constantOf(file, constant));
      return text.includes(flat(expected)) ? [] : [`src/${file} ${constant}: the page lacks "${expected}"`];
    });
    assert.deepEqual(wrong, []);
  });
}

test('the numbers that judging.md gives reasons for are those of the table of metrics', () => {
  const text = flat(readPage('docs/judging.md').text);
  const of = (id: string) => resolveMetric(id)!;
  const [ttft, p99, max] = [of('ttft.p95'), of('ttft.p99'), of('ttft.max')];
  const [rate, knee] = [of('throughput.tokens'), of('knee.rate')];
  const expected = [
    `minimum effect: latencies ${percent(ttft.minimumEffect)}, rates ${percent(rate.minimumEffect)}`,
    `minimum effect: p99 ${percent(p99.minimumEffect)}, max ${percent(max.minimumEffect)}`,
    `minimum effect: knee and saturation ${percent(knee.minimumEffect)}`,
    `minimum effect: errors ${100 * of('errors.rate').minimumEffect} points`,
    `minimum effect: surge peak ${percent(of('surge.peak_p95').minimumEffect)}, recovery ${of('surge.recovery').minimumEffect} s, backlog ${of('surge.backlog').minimumEffect}`,
    `resolution: latencies ${ttft.resolution} ms, TPOT ${of('tpot.p95').resolution} ms`,
    `margin: latencies ${percent(ttft.equivalenceMargin)}, rates ${percent(rate.equivalenceMargin)}, knee and saturation ${percent(knee.equivalenceMargin)}`,
    `prior: rates ${percent(rate.priorSd)}, latencies ${percent(ttft.priorSd)}, p99 ${percent(p99.priorSd)}, knee ${percent(knee.priorSd)}`,
  ];
  assert.deepEqual(
    expected.filter((phrase) => !text.includes(phrase)),
    [],
  );
  for (const side of ['minimumEffect', 'equivalenceMargin'] as const)
    assert.equal(of('saturation.rate')[side], knee[side]);
});

/** Without emphasis and line breaks. */
function flat(text: string): string {
  return text.replace(/(?<![\w`])_|_(?![\w`])/g, '').replace(/\s+/g, ' ');
}

function constantOf(file: string, constant: string): number {
  const source = readFileSync(join(root, 'src', file), 'utf8');
  const found = new RegExp(`^(?:export )?const ${constant} = ([\\d_.]+);`, 'm').exec(source)?.[1];
  assert.ok(found, `src/${file} has no constant ${constant}: correct this test and its page`);
  return Number(found.replaceAll('_', ''));
}
