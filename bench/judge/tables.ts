// The results as Markdown tables, for the terminal and for docs/judging.md.

import { markdownTable } from 'markdown-table';
import { ENGINE_SCENARIOS, VARIATIONS } from './engine.ts';
import { PEERS } from './peers.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { rateOf, type Score, standardErrorOf, upperLimit } from './score.ts';

type Rows = readonly (readonly string[])[];

interface Played {
  readonly scenario: Scenario;
  readonly score: Score;
}

/** By the marker that holds it in the docs; a level that nothing was played of has none, so that its last stays. */
export type Tables = Readonly<Partial<Record<'calibration' | 'engine calibration', string>>>;

export function tablesOf(scores: ReadonlyMap<string, Score>, { seed }: { readonly seed: string }): Tables {
  const levels = { calibration: numbers(scores), 'engine calibration': table(engine(scores)) };
  return Object.fromEntries(
    Object.entries(levels).flatMap(([marker, text]) => (text === '' ? [] : [[marker, `Seed ${seed}.\n\n${text}`]])),
  );
}

function numbers(scores: ReadonlyMap<string, Score>): string {
  const played = SCENARIOS.flatMap((scenario): Played[] => {
    const score = scores.get(scenario.name);
    return score === undefined ? [] : [{ scenario, score }];
  });
  const of = (...groups: Scenario['group'][]) => played.filter(({ scenario }) => groups.includes(scenario.group));
  return [
    section('Nothing changed', alarms(of('identical', 'variant', 'hostile', 'drift'))),
    section('Something changed', detection(of('change', 'lone'))),
    section('Pairs: nothing changed', alarms(of('pairs'))),
    section('Pairs: one gate changed', detection(of('paired change'))),
    section('Less was served', shed(of('shed'))),
    section('Beside other rules, on the same numbers', peers(of('identical', 'variant', 'hostile', 'change'))),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}

const section = (title: string, rows: Rows): string => (rows.length < 2 ? '' : `**${title}**\n\n${table(rows)}`);

/** Empty where there is nothing below the head. */
const table = (rows: Rows): string =>
  rows.length < 2 ? '' : markdownTable(rows, { align: ['l', ...rows[0]!.slice(1).map(() => 'r')] });

function alarms(played: readonly Played[]): string[][] {
  return [
    [
      'scenario',
      'PRs',
      'false alarms',
      'at most (95 %)',
      'job failed',
      'false praise',
      'gates unchanged',
      'boots',
      'says drift',
    ],
    ...played.map(({ scenario, score }) => [
      scenario.name,
      count(score.prs),
      withError(score, 'alarm'),
      percent(upperLimit(score.sums.alarm ?? 0, score.prs)),
      percent(rateOf(score, 'failed')),
      percent(rateOf(score, 'praise')),
      percent(rateOf(score, 'unchangedGates'), 0),
      rateOf(score, 'boots').toFixed(1),
      percent(rateOf(score, 'saysDrift')),
    ]),
  ];
}

function detection(played: readonly Played[]): string[][] {
  return [
    ['scenario', 'PRs', 'job failed', 'gate caught', 'called unchanged', 'inconclusive', 'wrong way', 'boots'],
    ...played.map(({ scenario, score }) => [
      scenario.name,
      count(score.prs),
      percent(rateOf(score, 'failed')),
      withError(score, 'caughtGate'),
      percent(rateOf(score, 'unchangedGate')),
      percent(rateOf(score, 'openGate')),
      percent(rateOf(score, 'wrong'), 2),
      rateOf(score, 'boots').toFixed(1),
    ]),
  ];
}

function shed(played: readonly Played[]): string[][] {
  return [
    ['scenario', 'PRs', 'called improved', 'at most (95 %)', 'cause named', 'job failed', 'boots'],
    ...played.map(({ scenario, score }) => [
      scenario.name,
      count(score.prs),
      percent(rateOf(score, 'praiseOfShed'), 2),
      percent(upperLimit(score.sums.praiseOfShed ?? 0, score.prs), 2),
      percent(rateOf(score, 'saysShed')),
      percent(rateOf(score, 'failed')),
      rateOf(score, 'boots').toFixed(1),
    ]),
  ];
}

const NOTHING = ['identical, 1 %', 'identical, 2 %', 'identical, 3 %', 'identical, outlier +30 % in a candidate round'];
const CHANGES = ['throughput −5 %, 1 %', 'p99 +10 %, 1 %', 'throughput −5 %, 2 %', 'p99 +10 %, 2 %'];

/** Reports with any false alarm where nothing changed; reports that saw the change where something did. */
function peers(played: readonly Played[]): string[][] {
  const find = (names: readonly string[]) =>
    names.flatMap((name) => played.find(({ scenario }) => scenario.name === name) ?? []);
  const [nothing, changes] = [find(NOTHING), find(CHANGES)];
  if (nothing.length + changes.length === 0) return [];
  const row = (name: string, alarm: string, caught: string): string[] => [
    name,
    ...nothing.map(({ score }) => percent(rateOf(score, alarm))),
    ...changes.map(({ score }) => percent(rateOf(score, caught))),
  ];
  return [
    ['rule', ...[...nothing, ...changes].map(({ scenario }) => scenario.name)],
    row('Plimsoll', 'alarm', 'caught'),
    ...PEERS.map(({ name }, index) => row(name, `peer ${index} alarm`, `peer ${index} caught`)),
  ];
}

/** Engine-in. */
function engine(scores: ReadonlyMap<string, Score>): string[][] {
  const rows = ENGINE_SCENARIOS.flatMap(({ name, kind }) =>
    VARIATIONS.flatMap((variation) => {
      const score = scores.get(`${name} @ ${variation}`);
      if (score === undefined) return [];
      return [
        [
          `${name}, ${percent(variation)}`,
          count(score.prs),
          withError(score, 'accused'),
          kind === 'identical' ? percent(upperLimit(score.sums.accused ?? 0, score.prs)) : '',
          percent(rateOf(score, 'failed')),
          percent(rateOf(score, 'improved')),
          percent(rateOf(score, 'unchangedGates'), 0),
          rateOf(score, 'boots').toFixed(1),
        ],
      ];
    }),
  );
  return [
    [
      'engine, boots differ by',
      'PRs',
      'called worse',
      'at most (95 %)',
      'job failed',
      'called improved',
      'gates unchanged',
      'boots',
    ],
    ...rows,
  ];
}

const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;
const count = (value: number): string => value.toLocaleString('en-US');
const withError = (score: Score, name: string): string => {
  const rate = rateOf(score, name);
  return `${(100 * rate).toFixed(2)} ± ${(100 * standardErrorOf(rate, score.prs)).toFixed(2)} %`;
};
