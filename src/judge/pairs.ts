// Boots of an interleaved run as pairs: those of one number that were measured beside each other, on both sides. In:
// the usable boots of both sides. Out: pairs, and in words why there is none.

import type { History } from '../baseline/schema.ts';
import type { BootRecord, RunRecord } from '../record/schema.ts';
import type { BootMetrics } from './samples.ts';

/** A boot with its usable measurement of one stage. */
export interface MeasuredBoot extends BootMetrics {
  readonly measurement: BootRecord['stages'][number];
  readonly boot: BootRecord;
}

export interface Pair {
  readonly number: number;
  readonly base: MeasuredBoot;
  readonly candidate: MeasuredBoot;
}

/** How one stage is compared pair by pair. */
export interface Pairing {
  readonly pairs: readonly Pair[];
  /** What earlier pairs taught about how much pairs differ, by metric; empty where nobody kept it. */
  readonly ledger: History['ledger'];
}

/** Pairs of which both sides are there, in order, and whose tokens the same source counted. */
export function pairUp(candidates: readonly MeasuredBoot[], bases: readonly MeasuredBoot[]): Pair[] {
  return candidates.flatMap((candidate) => {
    const { pair: number } = candidate.boot;
    const base = bases.find(({ boot }) => number !== null && boot.pair === number);
    return number === null || base === undefined ? [] : [{ number, base, candidate }];
  });
}

/** Counts of different sources are never compared; one that is not known may be any. */
export function sameSource({ base, candidate }: Pair): boolean {
  const [there, here] = [base.measurement.stream.tokenSource, candidate.measurement.stream.tokenSource];
  return there === null || here === null || there === here;
}

/** "main (3f2c1ab)". */
export function baseName({ ref, commit }: NonNullable<RunRecord['interleaved']>): string {
  const short = commit?.slice(0, 7) ?? null;
  if (ref === null) return short ?? 'the base';
  return short === null || ref === commit ? (short ?? ref) : `${ref} (${short})`;
}

/** Why a stage has no pair although the candidate measured it, as a clause. */
export function whyNoPair(record: RunRecord, lostBecause: (boot: BootRecord) => string): string {
  const { interleaved } = record;
  if (interleaved?.problem != null) return interleaved.problem;
  const name = interleaved === undefined ? 'the base' : `the base, ${baseName(interleaved)},`;
  const boot = record.boots.find(({ side }) => side === 'base');
  if (boot === undefined) return `${name} was not measured`;
  if (boot.end === 'not_ready')
    return `${name} never became ready in boot ${boot.index}: ${(boot.reason ?? 'no reason was recorded').replace(/\.$/, '')}`;
  return `${name} gave nothing to compare with in boot ${boot.index}: ${lostBecause(boot).replace(/\.$/, '')}`;
}
