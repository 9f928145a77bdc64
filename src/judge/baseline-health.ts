// What the baseline itself cannot bear: too few boots to know how much boots differ, or a trend over them.

import { formatChange } from '../metrics-format.ts';
import { mannKendall, theilSen } from '../stats/theil-sen.ts';
import { type Evidence, smallestDetectable } from './compare.ts';
import { amount, asChange, changeIs, type Decision } from './decide.ts';
import { detectableOf, where } from './headline.ts';
import type { Comparison, Finding } from './verdict.ts';

/** Boots from which on a baseline without ledger is no longer thin, and those to aim at. */
const ENOUGH_BOOTS = 4;
const AIM_BOOTS = 10;

/** One sentence for the whole report, about its first gate: what a thin baseline cannot say, and what would help. */
export function thinBaseline(
  comparisons: readonly Comparison[],
  decisions: readonly Decision[],
): { readonly message: string; readonly advice: string } | null {
  const thin = comparisons.filter((one) => one.thin);
  const one = thin.find((comparison) => comparison.gate) ?? thin[0];
  const decision =
    one && decisions.find(({ comparison }) => comparison.metric === one.metric && comparison.stage === one.stage);
  const test = decision?.evidence.test;
  if (!one || !decision || !test) return null;
  const { evidence } = decision;
  const boots = one.baselineBoots === 1 ? 'one baseline boot' : `${one.baselineBoots} baseline boots`;
  const assumed =
    one.df.prior > 0
      ? `; boot noise is assumed (±${amount(evidence.metric, evidence.metric.priorSd)}), not measured`
      : '';
  const detectable =
    one.smallestDetectable === null ? '' : ` The smallest detectable change of ${where(one)} is ${detectableOf(one)}.`;
  const wanted = one.df.prior > 0 ? ENOUGH_BOOTS : 2;
  const more = Math.max(1, wanted - one.baselineBoots);
  return {
    message: `Inconclusive: ${boots}${assumed}.${detectable}`,
    advice: `Record ${more} more baseline ${more === 1 ? 'boot' : 'boots'}; ${withAim(evidence, decision.level)}.`,
  };
}

function withAim(evidence: Evidence, level: number): string {
  const test = evidence.test!;
  const df = Math.min(40, test.pooled.df.total + AIM_BOOTS - evidence.baseline.length);
  const standardError = test.pooled.sd * Math.sqrt(1 / evidence.candidate.length + 1 / AIM_BOOTS);
  const change = asChange(evidence.metric, smallestDetectable(evidence.minimumEffect, standardError, df, level));
  return `with ${AIM_BOOTS} it would be about ${formatChange(change, changeIs(evidence.metric), evidence.metric.unit)}`;
}

const FEWEST_FOR_TREND = 8;
const TREND_ALPHA = 0.01;

/** A baseline that drifts breaks the promise of a false-alarm rate, and more boots do not restore it: say so. */
export function baselineDrift({ evidence, comparison }: Decision): Finding[] {
  const series = evidence.baseline.filter((sample) => sample.censored === 'no').map((sample) => sample.summary);
  if (!evidence.gate || series.length < FEWEST_FOR_TREND || mannKendall(series) > TREND_ALPHA) return [];
  const total = theilSen(series) * (series.length - 1);
  if (Math.abs(total) < evidence.minimumEffect) return [];
  const change = formatChange(asChange(evidence.metric, total), changeIs(evidence.metric), evidence.metric.unit);
  return [
    {
      kind: 'note',
      severity: 'info',
      message: `The baseline drifts: ${where(comparison)} moved by ${change} over its ${series.length} boots, so its false-alarm rate cannot be held.`,
      advice: 'Begin a new segment, or compare both sides on the same machine.',
    },
  ];
}
