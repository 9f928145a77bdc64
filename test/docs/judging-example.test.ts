// The numbers of docs/judging.md against the judge: the worked example, and the table of what history buys.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBaselineFile } from '../../src/baseline/store.ts';
import { loadConfig } from '../../src/config/load.ts';
import { smallestDetectable } from '../../src/judge/compare.ts';
import { lookOf } from '../../src/judge/decide.ts';
import { explain } from '../../src/judge/explain.ts';
import { assess, type JudgeInput, judge } from '../../src/judge/judge.ts';
import { poolVariance, type Read } from '../../src/judge/variance.ts';
import { resolveMetric } from '../../src/metrics.ts';
import { formatChange } from '../../src/metrics-format.ts';
import { decodeRecord } from '../../src/record/codec.ts';
import { hodgesLehmann } from '../../src/stats/hodges-lehmann.ts';
import { spreadOf } from '../../src/stats/summary.ts';
import { marked, readPage, root, tableRows } from './pages.ts';

const page = readPage('docs/judging.md');
const folder = join(root, 'docs', 'judging-example');
const record = decodeRecord(readFileSync(join(folder, 'run.json'), 'utf8'), 'run.json');
const baseline = readBaselineFile(join(folder, 'baseline.json'));
const metric = resolveMetric('tpot.p95')!;

/** What is known after so many of the example's boots. */
function after(boots: number) {
  const input: JudgeInput = {
    record: { ...record, boots: record.boots.slice(0, boots) },
    lookup: { kind: 'found', path: 'baseline.json', file: baseline },
    policy: loadConfig(join(root, 'examples', 'simulated', 'plimsoll.yml'), { allowMissingEnv: true }),
    expected: ['benchmark', 'linear', 'step-surge'],
  };
  const decision = assess(input).decisions.find(
    ({ evidence }) => evidence.metric.id === metric.id && evidence.stage === 'benchmark',
  )!;
  return { input, decision, test: decision.evidence.test!, comparison: decision.comparison };
}

test('the rounds of the example are those of its files, and give the boots that the judge compares', () => {
  const { evidence } = after(2).decision;
  const boots = new Map([...evidence.baseline, ...evidence.candidate].map((sample) => [sample.boot, sample]));
  const rows = tableRows(marked(page, 'rounds'));
  assert.equal(rows.length, boots.size);
  for (const [name, ...numbers] of rows) {
    const sample = boots.get(name!);
    assert.ok(sample, `the files have no boot ${name}`);
    const [rounds, whole] = [numbers.slice(0, -1).map(Number), Number(numbers.at(-1))];
    assert.deepEqual(
      rounds,
      sample.rounds.map((round) => Number(Math.exp(round!).toFixed(2))),
      name,
    );
    assert.equal(whole, Number(Math.exp(sample.summary).toFixed(2)), name);
    assert.equal(
      whole,
      Number(Math.exp(hodgesLehmann(rounds.map(Math.log))).toFixed(2)),
      `${name}, by the page's own rounds`,
    );
  }
});

test('the sums of squares of the example add up to the variance that the judge pools', () => {
  const { evidence } = after(2).decision;
  const terms = tableRows(marked(page, 'squares')).map(([, squares, df]) => ({
    squares: Number(squares),
    df: Number(df),
  }));
  const ledger = baseline.stages.benchmark!.at(-1)!.ledger[metric.id]![0]!;
  const sides = [evidence.baseline, evidence.candidate].map((samples) =>
    spreadOf(samples.map(({ summary }) => summary)),
  );
  const expected = [{ ss: 4 * metric.priorSd ** 2, df: 4 }, ...sides, ledger];
  assert.deepEqual(
    terms,
    expected.map(({ ss, df }) => ({ squares: Number(ss.toPrecision(4)), df })),
  );
  const sd = Math.sqrt(
    terms.reduce((sum, { squares }) => sum + squares, 0) / terms.reduce((sum, { df }) => sum + df, 0),
  );
  assert.ok(Math.abs(sd - evidence.test!.pooled!.sd) < 1e-5);
});

test('every step of the example is what the judge finds after one boot and after two', () => {
  const four = (value: number): string => String(Number(value.toPrecision(4)));
  const small = (value: number): string => (value < 1e-4 ? value.toFixed(8) : four(value));
  const change = (value: number | null): string => formatChange(value, 'share', 'ms');
  const looks = [after(1), after(2)];
  const found = looks.map(({ decision, test: tested, comparison }) => [
    String(tested.df),
    four(tested.pooled!.sd),
    four(tested.difference),
    four(tested.standardError),
    four(tested.difference / tested.standardError),
    small(tested.pWorse),
    four(decision.level),
    four(decision.evidence.minimumEffect),
    change(comparison.change),
    change(comparison.smallestDetectable),
    comparison.verdict,
  ]);
  const rows = tableRows(marked(page, 'steps'));
  assert.deepEqual(
    rows.map((row) => row.slice(1)),
    found[0]!.map((value, index) => [value, found[1]![index]!]),
  );
});

test('the example climbs after its first boot and is confirmed by its second; --explain says so', () => {
  const [one, two] = [after(1), after(2)];
  assert.equal(judge(one.input).outcome, 'warn');
  assert.equal(judge(one.input).climb.again, true);
  assert.equal(judge(two.input).outcome, 'fail');
  const told = explain(two.input, 'tpot.p95@benchmark');
  for (const row of tableRows(marked(page, 'steps')).slice(1, 4))
    assert.ok(told.includes(row[2]!), `${row[0]}: ${row[2]}`);
  assert.match(told, /verdict: regressed, confirmed by 2 boots/);
});

test('a ledger of 18 degrees of freedom would have let the first boot suspect it', () => {
  const { input } = after(1);
  const known = structuredClone(baseline);
  const { ledger } = known.stages.benchmark!.at(-1)!;
  const entry = ledger[metric.id]![0]!;
  ledger[metric.id] = [{ ...entry, df: 18, ss: (entry.ss / entry.df) * 18 }];
  const verdict = judge({ ...input, lookup: { kind: 'found', path: 'baseline.json', file: known } });
  const found = verdict.comparisons.find((one) => one.metric === metric.id && one.stage === 'benchmark')!;
  assert.equal(found.verdict, 'suspected');
});

test('what history buys is what the judge would see', () => {
  const sd = 0.01;
  const rows = tableRows(marked(page, 'sensitivity'));
  assert.ok(rows.length > 0);
  for (const [stored, ledger, ...percents] of rows.map((row) => row.map((text) => Number.parseFloat(text)))) {
    for (const [index, percent] of percents.entries()) {
      const boots = index + 1;
      const pooled = poolVariance(metric, spread(stored!, sd), spread(boots, sd), {
        df: ledger!,
        ss: ledger! * sd ** 2,
      });
      const standardError = pooled.sd * Math.sqrt(1 / boots + 1 / stored!);
      const level = (lookOf(boots, 3).alpha * 0.8) / 4;
      const effect = smallestDetectable(Math.log(1.03), standardError, pooled.df.total, level);
      assert.equal(
        percent,
        Number((100 * Math.expm1(effect)).toFixed(1)),
        `${stored} boots, ledger ${ledger}, ${boots} boots`,
      );
    }
  }
});

/** So many values whose standard deviation is exactly `sd`. */
function spread(count: number, sd: number): Read[] {
  const raw = Array.from({ length: count }, (_, index) => index - (count - 1) / 2);
  const { ss, df } = spreadOf(raw);
  return raw.map((value) => ({ summary: df === 0 ? value : value * sd * Math.sqrt(df / ss), spacing: 0 }));
}
