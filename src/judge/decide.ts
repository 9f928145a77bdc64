// From evidence to verdicts: weighted Holm over all comparisons of a report, minimum effects, equivalence, the
// ladder's split error rate, and what censored values and thin baselines allow to be said.

import type { ResolvedMetric } from '../metrics.ts';
import { formatChange, formatValue } from '../metrics-format.ts';
import { weightedHolm } from '../stats/holm.ts';
import { fromScale } from '../stats/summary.ts';
import { centre, type Evidence, effectInterval, smallestDetectable, type Test } from './compare.ts';
import type { Sample } from './samples.ts';
import { ERROR_METRICS } from './selection.ts';
import { LEDGER_ENOUGH_DF, pairPriorSd } from './variance.ts';
import type { Comparison, ComparisonVerdict } from './verdict.ts';

/** Family-wise false alarms per report and direction. */
export const ALPHA = 0.01;
/**
 * Level of each equivalence test. What is promised is that a change of the margin is called unchanged in at most 5 %;
 * a test at 5 % itself would meet that exactly, with nothing left for boots that are not as normal as is assumed.
 */
export const EQUIVALENCE_ALPHA = 0.04;
/** Share of ALPHA that the gates have together. */
export const GATE_SHARE = 0.8;
/** Of the printed intervals: pointwise, for reading; the decision is Holm's. */
export const CONFIDENCE = 0.95;
/** A regression that fails a job is seen in this many boots. */
const BOOTS_TO_CONFIRM = 2;

export interface Look {
  /** 1-based: boots of the candidate so far, and at most. */
  readonly boot: number;
  readonly most: number;
  readonly alpha: number;
  readonly equivalenceAlpha: number;
}

/** Look l of B spends l² ÷ Σl² of both error rates, so that all looks together keep them (union bound). */
export function lookOf(boots: number, maxBoots: number): Look {
  const most = Math.max(1, maxBoots);
  const boot = Math.min(most, Math.max(1, boots));
  let total = 0;
  for (let look = 1; look <= most; look++) total += look ** 2;
  const share = boot ** 2 / total;
  return { boot, most, alpha: ALPHA * share, equivalenceAlpha: EQUIVALENCE_ALPHA * share };
}

export interface Decision {
  readonly evidence: Evidence;
  /** Level of this comparison in Holm's first step. */
  readonly level: number;
  readonly rejectedWorse: boolean;
  readonly rejectedBetter: boolean;
  readonly comparison: Comparison;
}

/** Decides all comparisons of a report together. */
export function decide(family: readonly Evidence[], look: Look): Decision[] {
  const weights = familyWeights(family);
  const worse = weightedHolm(
    family.map((one) => oneSided(one, 'worse')),
    weights,
    look.alpha,
  );
  const better = weightedHolm(
    family.map((one) => oneSided(one, 'better')),
    weights,
    look.alpha,
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const decided = family.map(
    (evidence, index): Omit<Decision, 'comparison'> => ({
      evidence,
      level: (look.alpha * weights[index]!) / total,
      rejectedWorse: worse[index]!,
      rejectedBetter: better[index]!,
    }),
  );
  const errorsRose = new Set(decided.filter(errorRise).map(({ evidence }) => evidence.stage));
  return decided.map((one) => ({ ...one, comparison: comparisonOf(one, look, errorsRose.has(one.evidence.stage)) }));
}

function familyWeights(family: readonly Evidence[]): number[] {
  const gates = family.filter((one) => one.gate).length;
  return family.map((one) => (one.gate ? GATE_SHARE / gates : (1 - GATE_SHARE) / (family.length - gates)));
}

/** What is not known because of censoring is not tested: its p value is 1. */
function oneSided({ test, known }: Evidence, direction: 'worse' | 'better'): number {
  if (test === null || known === 'nothing') return 1;
  if (direction === 'worse') return known === 'at_most' ? 1 : test.pWorse;
  return known === 'at_least' ? 1 : test.pBetter;
}

function errorRise({ evidence, rejectedWorse }: Omit<Decision, 'comparison'>): boolean {
  return (
    (evidence.metric.id === 'errors.rate' || evidence.metric.id === 'surge.errors') &&
    rejectedWorse &&
    (evidence.test?.difference ?? 0) >= evidence.minimumEffect
  );
}

/**
 * A baseline whose boots say too little about how much boots differ: one boot, or up to three without a ledger; up to two
 * pairs without a ledger of pairs. It never supports "unchanged"; without a ledger it supports at most "suspected".
 */
export const isThin = (evidence: Evidence): boolean =>
  (!evidence.paired && evidence.baseline.length === 1) || isAssumed(evidence);
const isAssumed = ({ paired, baseline, test }: Evidence): boolean =>
  baseline.length <= (paired ? PAIRS_TO_KNOW - 1 : BOOTS_TO_KNOW - 1) &&
  (test?.pooled.df.ledger ?? 0) < LEDGER_ENOUGH_DF;
/** From so many on a comparison knows by itself how much its boots (or pairs) differ. */
export const PAIRS_TO_KNOW = 3;
const BOOTS_TO_KNOW = 4;

type Ruling = { readonly verdict: ComparisonVerdict; readonly because: string };

function rule(decision: Omit<Decision, 'comparison'>, look: Look, errorsRose: boolean): Ruling {
  const { evidence, rejectedWorse, rejectedBetter } = decision;
  const { test, minimumEffect, known } = evidence;
  if (test === null) return inconclusive(evidence.untested!);
  if (evidence.bothBeyond === 'better') {
    if (isThin(evidence)) return inconclusive(thinness(evidence));
    return {
      verdict: 'unchanged',
      because: `both sides are past the end of what was measured (${boundText(evidence)}): a change beyond it would not show`,
    };
  }
  if (evidence.bothBeyond === 'worse')
    return inconclusive(`both sides are past the end of what was measured (${boundText(evidence)})`);
  const fellAmongFailures =
    known !== 'effect' &&
    evidence.metric.unit === 'ms' &&
    evidence.candidate.some((sample) => sample.censored === 'worse');
  if (fellAmongFailures) return ruleFailures(evidence, errorsRose);
  if (rejectedWorse && test.difference >= minimumEffect) return worse(evidence);
  if (rejectedBetter && -test.difference >= minimumEffect) return better(evidence);
  if (isThin(evidence)) return inconclusive(thinness(evidence));
  if (known === 'nothing' || known === 'at_least')
    return inconclusive(`the ${known === 'nothing' ? 'change' : 'loss'} is not known: ${boundText(evidence)}`);
  if (known === 'at_most') {
    const notWorse =
      evidence.candidate.some((sample) => sample.censored === 'better') && test.pNotWorse <= look.equivalenceAlpha;
    return notWorse
      ? { verdict: 'unchanged', because: `not worse; how much better is not known: ${boundText(evidence)}` }
      : inconclusive(`the change is not known: ${boundText(evidence)}`);
  }
  if (test.pEquivalent <= look.equivalenceAlpha)
    return { verdict: 'unchanged', because: `shown to be inside ±${amount(evidence.metric, evidence.margin)}` };
  if (rejectedWorse || rejectedBetter)
    return inconclusive(`a change, but below the minimum effect of ${amount(evidence.metric, minimumEffect)}`);
  return inconclusive(
    `neither a change nor its absence (inside ±${amount(evidence.metric, evidence.margin)}) is shown`,
  );
}

function worse(evidence: Evidence): Ruling {
  const boots = evidence.candidate.length;
  if (isAssumed(evidence)) return { verdict: 'suspected', because: thinness(evidence) };
  if (boots < BOOTS_TO_CONFIRM) return { verdict: 'suspected', because: `${countOf(evidence)} only` };
  // Where nothing fails as a rule, one boot's failures carry the mean of all.
  if (ERROR_METRICS.includes(evidence.metric.id) && bootsThatLost(evidence) < BOOTS_TO_CONFIRM)
    return { verdict: 'suspected', because: `seen in one of ${countOf(evidence)}` };
  return { verdict: 'regressed', because: `confirmed by ${countOf(evidence)}` };
}

/** Boots that are worse by the minimum effect, each by itself. */
function bootsThatLost({ candidate, baseline, minimumEffect }: Evidence): number {
  const level = centre(baseline);
  return candidate.filter(({ summary, censored }) => censored === 'worse' || summary - level >= minimumEffect).length;
}

const better = (evidence: Evidence): Ruling =>
  isAssumed(evidence)
    ? inconclusive(thinness(evidence))
    : {
        verdict: 'improved',
        because: `seen in ${countOf(evidence)}`,
      };

/** The quantile fell among failed requests: a verdict only where the failures themselves have risen. */
function ruleFailures(evidence: Evidence, errorsRose: boolean): Ruling {
  if (evidence.known !== 'at_least')
    return inconclusive(`it falls among failed requests on both sides: ${boundText(evidence)}`);
  if (!errorsRose)
    return inconclusive(`it falls among failed requests (${boundText(evidence)}), but a rise of failures is not shown`);
  const because = 'it falls among failed requests, which have risen';
  if (isAssumed(evidence)) return { verdict: 'suspected', because: `${because}; ${thinness(evidence)}` };
  if (evidence.candidate.length < BOOTS_TO_CONFIRM)
    return { verdict: 'suspected', because: `${because}; ${countOf(evidence)} only` };
  if (bootsThatLost(evidence) < BOOTS_TO_CONFIRM)
    return { verdict: 'suspected', because: `${because}; seen in one of ${countOf(evidence)}` };
  return { verdict: 'regressed', because };
}

const inconclusive = (because: string): Ruling => ({ verdict: 'inconclusive', because });

function thinness(evidence: Evidence): string {
  const { metric, paired, baseline, test } = evidence;
  const boots = baseline.length === 1 ? 'one baseline boot' : `${baseline.length} baseline boots`;
  const known = paired ? countOf(evidence) : boots;
  return (test?.pooled.df.prior ?? 0) === 0 ? known : `${known}; ${assumedNoise(metric, paired)}`;
}

/** "boot noise is assumed (±3 %), not measured". */
export const assumedNoise = (metric: ResolvedMetric, paired: boolean): string =>
  paired
    ? `how much pairs differ is assumed (±${amount(metric, pairPriorSd(metric))}), not measured`
    : `boot noise is assumed (±${amount(metric, metric.priorSd)}), not measured`;

/** "one boot", "3 pairs". */
function countOf({ paired, candidate: { length } }: Evidence): string {
  const unit = paired ? 'pair' : 'boot';
  return length === 1 ? `one ${unit}` : `${length} ${unit}s`;
}

/** An amount on the scale, as people read it, without sign. */
export function amount(metric: ResolvedMetric, scaled: number): string {
  const change =
    metric.scale === 'log' ? (metric.better === 'higher' ? 1 - Math.exp(-scaled) : Math.expm1(scaled)) : scaled;
  return formatChange(Math.abs(change), changeIs(metric), metric.unit).replace('+', '');
}

function boundText(evidence: Evidence): string {
  const side = (name: string, samples: readonly Sample[]): string[] => {
    const censored = samples.find((sample) => sample.censored !== 'no');
    return censored
      ? [`${name} ${formatValue(evidence.metric.unit, fromScale(evidence.metric, censored.summary), censored.bound)}`]
      : [];
  };
  return [...side('baseline', evidence.baseline), ...side('this run', evidence.candidate)].join(', ');
}

export const changeIs = (metric: ResolvedMetric): 'share' | 'difference' =>
  metric.scale === 'log' ? 'share' : 'difference';

/** An effect on the scale (more = worse) as a change of the value itself. */
export function asChange(metric: ResolvedMetric, effect: number): number {
  const raw = metric.better === 'higher' ? -effect : effect;
  return metric.scale === 'log' ? Math.expm1(raw) : raw;
}

function comparisonOf(decision: Omit<Decision, 'comparison'>, look: Look, errorsRose: boolean): Comparison {
  const { evidence, level } = decision;
  const { metric, test, candidate, baseline } = evidence;
  const { verdict, because } = rule(decision, look, errorsRose);
  const value = (samples: readonly Sample[]): number | null =>
    samples.length === 0 ? null : finite(fromScale(metric, centre(samples)));
  const exact = test !== null && evidence.known === 'effect';
  return {
    stage: evidence.stage,
    metric: metric.id,
    gate: evidence.gate,
    baseline: value(baseline),
    candidate: value(candidate),
    bound: candidate.find((sample) => sample.bound !== 'exact')?.bound ?? 'exact',
    change: test === null ? null : finite(asChange(metric, test.difference)),
    changeIs: changeIs(metric),
    interval: exact ? intervalOf(metric, test) : null,
    confidence: CONFIDENCE,
    smallestDetectable: exact
      ? finite(asChange(metric, smallestDetectable(evidence.minimumEffect, test.standardError, test.df, level)))
      : null,
    verdict,
    because: atLoads(evidence, because),
    p:
      test === null
        ? null
        : {
            worse: oneSided(evidence, 'worse'),
            better: oneSided(evidence, 'better'),
            equivalent: evidence.known === 'effect' ? test.pEquivalent : 1,
          },
    candidateBoots: candidate.length,
    baselineBoots: baseline.length,
    df: test === null ? NO_DF : { ...test.pooled.df, total: test.df },
    sd: test?.pooled.sd ?? null,
    minimumEffect: Math.abs(asChange(metric, evidence.minimumEffect)),
    thin: test !== null && isThin(evidence),
  };
}

/** Says of what is compared at matched loads, how many these were. */
function atLoads({ steps, test }: Evidence, because: string): string {
  if (steps === null || test === null) return because;
  return `${because}, at the ${steps.length === 1 ? 'one step' : `${steps.length} steps`} that every boot held`;
}

const NO_DF: Comparison['df'] = { total: 0, baseline: 0, candidate: 0, ledger: 0, prior: 0 };

function intervalOf(metric: ResolvedMetric, test: Test): readonly [number, number] | null {
  const ends = effectInterval(test, CONFIDENCE).map((end) => asChange(metric, end));
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  return Number.isFinite(low) && Number.isFinite(high) ? [low, high] : null;
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
