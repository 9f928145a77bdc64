// `--explain ttft.p95@benchmark`: every number on the way from rounds to verdict, as text.

import { formatNumber } from '../metrics-format.ts';
import { upperQuantile } from '../stats/student-t.ts';
import { fromScale } from '../stats/summary.ts';
import type { Evidence } from './compare.ts';
import { ALPHA, type Decision, EQUIVALENCE_ALPHA, type Look } from './decide.ts';
import { changeOf, detectableOf, where } from './headline.ts';
import { assess, type JudgeInput, judge } from './judge.ts';
import type { Sample } from './samples.ts';
import { pairPriorSd } from './variance.ts';
import type { Comparison } from './verdict.ts';

/**
 * @param metricAtStage `ttft.p95@benchmark`, or without stage: in every stage that compares it
 * @returns lines for a terminal; where there is no such comparison, what there is instead
 */
export function explain(input: JudgeInput, metricAtStage: string): string {
  const [metric, stage] = metricAtStage.split('@');
  const { decisions, look, stages } = assess(input);
  const { comparisons } = judge(input);
  const wanted = decisions.filter(
    ({ evidence }) => evidence.metric.id === metric && (stage === undefined || evidence.stage === stage),
  );
  if (wanted.length === 0) {
    const known = decisions.map(({ comparison }) => `${comparison.metric}@${comparison.stage}`);
    const standings = stages.map(
      ({ standing }) =>
        `${standing.stage} is ${standing.standing}${standing.reason === null ? '' : ` (${standing.reason})`}`,
    );
    return [
      `${metricAtStage} is not compared in this report.`,
      ...standings,
      known.length === 0 ? 'Nothing is compared.' : `Compared are: ${known.join(', ')}.`,
    ].join('\n');
  }
  return wanted
    .map((decision) => {
      const final =
        comparisons.find(
          (one) => one.metric === decision.evidence.metric.id && one.stage === decision.evidence.stage,
        ) ?? decision.comparison;
      return explainOne(decision, final, look.look, decisions);
    })
    .join('\n\n');
}

function explainOne(decision: Decision, final: Comparison, look: Look, family: readonly Decision[]): string {
  const { evidence } = decision;
  const { metric, test } = evidence;
  const lines = [
    `${where(final)} (${metric.id}@${evidence.stage}), ${evidence.gate ? 'a gate' : 'not a gate'}`,
    `scale: ${metric.scale === 'log' ? `${metric.better === 'higher' ? '−' : ''}ln(value)` : `${metric.better === 'higher' ? '−' : ''}value`}, more = worse`,
    ...(evidence.steps === null ? [] : [matchedLine(evidence.steps)]),
    ...(evidence.paired ? pairLines(evidence) : sideLines(evidence)),
  ];
  if (test === null) return [...lines, `not tested: ${evidence.untested}`, verdictLine(final)].join('\n');
  const { df, sd, squares } = test.pooled;
  const [of, assumed] = evidence.paired
    ? ['a difference of two boots', pairPriorSd(metric)]
    : ['a boot', metric.priorSd];
  const own = evidence.paired ? ([['candidate', 'pairs']] as const) : SIDES;
  const sources = (from: typeof df | typeof squares, ofPrior: string): string =>
    [
      ...own.map(([side, name]) => `${digits(from[side])} (${name})`),
      `${digits(from.ledger)} (ledger)`,
      `${digits(from.prior)} (${ofPrior})`,
    ].join(' + ');
  lines.push(
    `sd of ${of}: ${digits(sd)}, from ${sources(df, `assumed ${digits(assumed)}`)} degrees of freedom, ${df.total} counted`,
    `  sums of squares: ${sources(squares, 'assumed')}`,
  );
  if (test.dispersion !== null)
    lines.push(
      `tested over boots and as quasi-binomial over rounds (overdispersion ${digits(test.dispersion)}); each p is the larger, the effect that of the ${test.method}`,
    );
  lines.push(
    `effect d = ${digits(test.difference)}, standard error ${digits(test.standardError)}, t = ${digits(test.difference / test.standardError)}`,
    `p worse ${digits(test.pWorse)}, p better ${digits(test.pBetter)}, p equivalent ${digits(test.pEquivalent)} (margin ±${digits(evidence.margin)})`,
  );
  if (evidence.known !== 'effect') lines.push(`censored: the effect is known as "${evidence.known.replace('_', ' ')}"`);
  lines.push(
    `look ${look.boot} of ${look.most}: ${digits(look.alpha)} of ${ALPHA} per direction over ${family.length} comparisons, ${digits(decision.level)} for this one in Holm's first step (critical t ${digits(upperQuantile(decision.level, test.df))}); equivalence at ${digits(look.equivalenceAlpha)} of ${EQUIVALENCE_ALPHA}`,
    holmLine(decision, look, family),
    `Holm rejects "not worse": ${yes(decision.rejectedWorse)}, "not better": ${yes(decision.rejectedBetter)}; minimum effect ${digits(evidence.minimumEffect)}`,
    `change ${changeOf(final)}, smallest detectable change ${detectableOf(final)} (95 % power)`,
    verdictLine(final),
  );
  return lines.join('\n');
}

const SIDES = [
  ['baseline', 'baseline'],
  ['candidate', 'candidate'],
] as const;

/** Where this one stands in the order in which Holm looks, and the level that it met there, for the worse. */
function holmLine(decision: Decision, look: Look, family: readonly Decision[]): string {
  const order = family.toSorted((a, b) => weighed(a) - weighed(b));
  const place = order.indexOf(decision);
  const before = order.slice(0, place);
  const total = family.reduce((sum, one) => sum + one.level, 0);
  const left = total - before.filter((one) => one.rejectedWorse).reduce((sum, one) => sum + one.level, 0);
  return `Holm's order for the worse: place ${place + 1} of ${family.length}; ${before.filter((one) => one.rejectedWorse).length} rejected before it, so its level there is ${digits((look.alpha * decision.level) / left)}`;
}

const weighed = ({ comparison, level }: Decision): number => (comparison.p?.worse ?? 1) / level;

const matchedLine = (steps: readonly number[]): string =>
  steps.length === 0
    ? 'matched loads: none'
    : `matched loads: step${steps.length === 1 ? '' : 's'} ${steps.join(', ')} of the ramp, which every boot held; a boot is the mean of its logs over them`;

const sideLines = (evidence: Evidence): string[] => [
  'baseline boots:',
  ...evidence.baseline.map((sample) => sampleLine(evidence, sample)),
  'candidate boots:',
  ...evidence.candidate.map((sample) => sampleLine(evidence, sample)),
];

const pairLines = (evidence: Evidence): string[] => [
  'pairs, base before candidate:',
  ...evidence.candidate.flatMap((here, index) => {
    const there = evidence.baseline[index]!;
    return [
      sampleLine(evidence, there),
      sampleLine(evidence, here),
      `    difference ${digits(here.summary - there.summary)}`,
    ];
  }),
];

function sampleLine({ metric, steps }: Evidence, sample: Sample): string {
  const rounds = sample.rounds.map((round, index) =>
    index === sample.dropped ? 'tainted' : round === null ? '–' : formatNumber(fromScale(metric, round)),
  );
  const censored =
    sample.censored === 'no'
      ? ''
      : `, censored: the truth is at least as ${sample.censored === 'worse' ? 'bad' : 'good'}`;
  return `  ${sample.boot}: ${formatNumber(fromScale(metric, sample.summary))} from ${steps === null ? 'rounds' : 'steps'} ${rounds.join(' ')}${censored}`;
}

const verdictLine = (comparison: Comparison): string => `verdict: ${comparison.verdict}, ${comparison.because}`;
const yes = (value: boolean): string => (value ? 'yes' : 'no');
const digits = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
