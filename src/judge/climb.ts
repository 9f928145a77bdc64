// Whether another boot is worth its time: only while a gate is open, or anything is suspected, that a boot could settle.

import { resolveMetric } from '../metrics.ts';
import { type Decision, isThin, type Look } from './decide.ts';
import { isShed } from './load-shed.ts';
import { LEDGER_ENOUGH_DF } from './variance.ts';
import type { Comparison, Verdict } from './verdict.ts';

export interface ClimbInput {
  readonly comparisons: readonly Comparison[];
  readonly decisions: readonly Decision[];
  readonly look: Look;
  /** What the ladder is climbed by. */
  readonly unit: 'boot' | 'pair';
  readonly overBudget: string | null;
  /** Why more boots make no sense at all, such as a deployment that died; null = they may. */
  readonly settled: string | null;
  /** A confirmed regression fails the job, whatever else is still open. */
  readonly failsOnRegression: boolean;
}

export function climb(input: ClimbInput): Verdict['climb'] {
  const { comparisons, decisions, look, unit, overBudget, settled } = input;
  const stop = (reason: string): Verdict['climb'] => ({ again: false, reason });
  if (settled !== null) return stop(settled);
  const confirmed = comparisons.find((one) => one.verdict === 'regressed');
  if (confirmed && input.failsOnRegression)
    return stop(`${nameOf(confirmed)} is confirmed as regressed; more ${unit}s would not change the outcome`);
  const open = comparisons.filter((one) => one.verdict === 'suspected' || (one.gate && one.verdict === 'inconclusive'));
  if (open.length === 0)
    return stop(comparisons.some((one) => one.gate) ? 'every gate is decided' : 'no gate is compared');
  const helps = open.filter((one) => !isShed(one) && bootHelps(decisionOf(one, decisions)));
  const helped = helps.find((one) => one.verdict === 'suspected') ?? helps[0];
  if (helped === undefined) return stop(`another ${unit} cannot settle ${nameOf(open[0]!)}: ${open[0]!.because}`);
  if (look.boot >= look.most)
    return stop(`${look.most === 1 ? `the one ${unit}` : `all ${look.most} ${unit}s`} of the ladder are taken`);
  // The second boot of a suspicion is owed whatever it costs: without it no regression could ever fail the job, and
  // a change that makes the boot slow would buy its own acquittal.
  const owed = look.boot === 1 && helped.verdict === 'suspected';
  if (overBudget !== null && !owed) return stop(overBudget);
  const state = helped.verdict === 'suspected' ? 'suspected' : 'undecided';
  return {
    again: true,
    reason: `${nameOf(helped)} is ${state} after ${count(look.boot, unit)}: ${ordinal(look.boot + 1)} ${unit} decides or narrows it`,
  };
}

/** Boots add nothing against censoring, missing values or a thin baseline; pairs cure their own thinness. */
function bootHelps(decision: Decision | undefined): boolean {
  const { test, known } = decision?.evidence ?? { test: null, known: 'nothing' };
  if (decision === undefined || test === null || known === 'nothing') return false;
  const suspected = decision.comparison.verdict === 'suspected';
  if (decision.evidence.paired || !isThin(decision.evidence)) return known === 'effect' || suspected;
  return suspected && test.pooled.df.ledger >= LEDGER_ENOUGH_DF;
}

const decisionOf = (comparison: Comparison, decisions: readonly Decision[]): Decision | undefined =>
  decisions.find(({ comparison: one }) => one.metric === comparison.metric && one.stage === comparison.stage);
const nameOf = (comparison: Comparison): string =>
  `${resolveMetric(comparison.metric)?.label ?? comparison.metric} in ${comparison.stage}`;
const count = (number: number, unit: string): string => (number === 1 ? `one ${unit}` : `${number} ${unit}s`);
const ordinal = (boot: number): string => (boot === 2 ? 'a second' : boot === 3 ? 'a third' : `a ${boot}th`);
