// What the baseline itself cannot bear: too few boots to know how much boots differ.

import { resolveMetric, standsAlone } from '../metrics.ts';
import { formatChange } from '../metrics-format.ts';
import { type Evidence, smallestDetectable } from './compare.ts';
import { asChange, assumedNoise, changeIs, type Decision, PAIRS_TO_KNOW } from './decide.ts';
import { detectableOf, where } from './headline.ts';
import { LEDGER_ENOUGH_DF, MOST_DF } from './variance.ts';
import type { Comparison } from './verdict.ts';

const MORE_PAIRS = `Allow ${PAIRS_TO_KNOW} pairs (comparison.maxBoots and budget), or keep a ledger of pairs with ${LEDGER_ENOUGH_DF} degrees of freedom: docs/judging.md, "Pairs".`;

/** Boots from which on a baseline without ledger is no longer thin, and those to aim at. */
const ENOUGH_BOOTS = 4;
const AIM_BOOTS = 10;

/**
 * One sentence for the whole report, about its first gate: what a thin baseline cannot say, and what would help. What is
 * compared at matched loads only has the boots and the ledger of these loads: it makes no baseline thin unless it is a gate.
 */
export function thinBaseline(
  comparisons: readonly Comparison[],
  decisions: readonly Decision[],
): { readonly message: string; readonly advice: string } | null {
  const thin = comparisons.filter((one) => one.thin && (one.gate || standsAlone(resolveMetric(one.metric)!)));
  const one = thin.find((comparison) => comparison.gate) ?? thin[0];
  const decision =
    one && decisions.find(({ comparison }) => comparison.metric === one.metric && comparison.stage === one.stage);
  const test = decision?.evidence.test;
  if (!one || !decision || !test) return null;
  const { evidence } = decision;
  const boots = one.baselineBoots === 1 ? 'one baseline boot' : `${one.baselineBoots} baseline boots`;
  const assumed = one.df.prior > 0 ? `; ${assumedNoise(evidence.metric, evidence.paired)}` : '';
  const detectable =
    one.smallestDetectable === null ? '' : ` The smallest detectable change of ${where(one)} is ${detectableOf(one)}.`;
  if (evidence.paired) {
    const pairs = one.candidateBoots === 1 ? 'one pair' : `${one.candidateBoots} pairs`;
    return { message: `Inconclusive: ${pairs}${assumed}.${detectable}`, advice: MORE_PAIRS };
  }
  const wanted = one.df.prior > 0 ? ENOUGH_BOOTS : 2;
  const more = Math.max(1, wanted - one.baselineBoots);
  return {
    message: `Inconclusive: ${boots}${assumed}.${detectable}`,
    advice: `Record ${more} more baseline ${more === 1 ? 'boot' : 'boots'}; ${withAim(evidence, decision.level)}.${one.df.prior > 0 ? ' How much boots differ can be measured at once: plimsoll ledger.' : ''}`,
  };
}

function withAim(evidence: Evidence, level: number): string {
  const test = evidence.test!;
  const df = Math.min(MOST_DF, test.pooled.df.total + AIM_BOOTS - evidence.baseline.length);
  const standardError = test.pooled.sd * Math.sqrt(1 / evidence.candidate.length + 1 / AIM_BOOTS);
  const change = asChange(evidence.metric, smallestDetectable(evidence.minimumEffect, standardError, df, level));
  return `with ${AIM_BOOTS} it would be about ${formatChange(change, changeIs(evidence.metric), evidence.metric.unit)}`;
}
