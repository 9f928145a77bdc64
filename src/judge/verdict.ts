// The verdict as plain data: what judge() returns, verdict.json keeps and reports render. Every sentence that a
// person reads about the decision is made from these fields.

import type { Condition, StageName } from '../config/schema.ts';
import type { FactDifference } from '../record/schema.ts';

export type Outcome = 'pass' | 'warn' | 'fail' | 'invalid';

export type ComparisonVerdict = 'regressed' | 'suspected' | 'improved' | 'unchanged' | 'inconclusive';

export interface Comparison {
  readonly stage: StageName;
  readonly metric: string;
  readonly gate: boolean;
  /** Central values in the metric's unit (geometric mean of boots for log metrics); with their bound. */
  readonly baseline: number | null;
  readonly candidate: number | null;
  readonly bound: 'exact' | 'above' | 'below';
  /** Candidate against baseline: a share (+0.1 = 10 % more) for log metrics, else a difference in the unit. */
  readonly change: number | null;
  readonly changeIs: 'share' | 'difference';
  /** Confidence interval of `change` at `confidence`. */
  readonly interval: readonly [number, number] | null;
  readonly confidence: number;
  /** Smallest change (same unit as `change`, in the worse direction) this comparison would have caught with 95 % power. */
  readonly smallestDetectable: number | null;
  readonly verdict: ComparisonVerdict;
  /** Why, in one clause: "3 % minimum effect not reached", "one boot only", "baseline has 1 boot". */
  readonly because: string;
  readonly p: { readonly worse: number; readonly better: number; readonly equivalent: number } | null;
  readonly candidateBoots: number;
  readonly baselineBoots: number;
  /** Degrees of freedom and where they came from. */
  readonly df: {
    readonly total: number;
    readonly baseline: number;
    readonly candidate: number;
    readonly ledger: number;
    readonly prior: number;
  };
  readonly sd: number | null;
  readonly minimumEffect: number;
  readonly thin: boolean;
}

export type SlaStatus = 'gold' | 'tolerated' | 'breached' | 'not_measured';
export interface SlaResult {
  readonly metric: string;
  readonly stage: StageName;
  readonly gold: Condition;
  readonly tolerance: Condition;
  readonly value: number | null;
  readonly bound: 'exact' | 'above' | 'below';
  /** Uncertainty of the value, from rounds or boots. */
  readonly interval: readonly [number, number] | null;
  readonly status: SlaStatus;
  /** "within its uncertainty of the limit", "nvidia-smi was not found", …; null = nothing to add. */
  readonly note: string | null;
  readonly line: number | null;
  /** Not measured only because its limit is relative to a baseline that is not there. */
  readonly awaitsBaseline?: boolean;
}

/** How far a stage got. Anything but `compared` keeps the headline from rendering green. */
export interface StageStanding {
  readonly stage: StageName;
  readonly standing: 'compared' | 'invalid' | 'missing' | 'incomparable' | 'unbaselined' | 'measured';
  readonly reason: string | null;
  readonly advice: string | null;
  readonly differences: readonly FactDifference[];
}

export interface LoadLine {
  readonly rate: number | null;
  readonly bound: 'exact' | 'above' | 'below';
  readonly interval: readonly [number, number] | null;
  readonly baselineRate: number | null;
  readonly change: number | null;
  readonly verdict: ComparisonVerdict | null;
}

/** What stands against a clean pass, worst first; the headline is made from the first of them. */
export interface Finding {
  readonly kind:
    | 'invalid'
    | 'deployment_failed'
    | 'breach'
    | 'not_measured'
    | 'regression'
    | 'load_shed'
    | 'tolerated'
    | 'suspected'
    | 'inconclusive'
    | 'unbaselined'
    | 'incomparable'
    | 'thin_baseline'
    | 'missing'
    | 'policy_changed'
    | 'no_policy_at_base'
    | 'note';
  readonly severity: 'invalid' | 'fail' | 'warn' | 'info';
  /** A full sentence for people. */
  readonly message: string;
  /** What to do, or null. */
  readonly advice: string | null;
}

export interface Verdict {
  readonly schema: 'plimsoll/verdict';
  readonly version: 1;
  readonly outcome: Outcome;
  readonly exitCode: 0 | 1 | 4;
  /** One sentence: what was decided and why. */
  readonly headline: string;
  readonly actionNeeded: boolean;
  readonly findings: readonly Finding[];
  readonly loadLine: LoadLine | null;
  readonly stages: readonly StageStanding[];
  readonly sla: readonly SlaResult[];
  readonly comparisons: readonly Comparison[];
  readonly boots: number;
  readonly baseline: {
    readonly path: string;
    readonly boots: number;
    readonly segment: string;
    readonly ledgerDf: number;
    readonly priorUsed: boolean;
  } | null;
  /** Of an interleaved run: what it was compared with on the same machine; absent = with the store. */
  readonly interleaved?: {
    /** "main (3f2c1ab)". */
    readonly base: string;
    readonly commit: string | null;
    /** Of the stage that has most. */
    readonly pairs: number;
    readonly ledgerDf: number;
    readonly priorUsed: boolean;
  };
  /** What another boot would settle; `again` false = enough is known, or the ladder's end. */
  readonly climb: { readonly again: boolean; readonly reason: string };
}
