// What a report is made of: the record of the run, the verdict on it, the baseline it was judged against and
// where all of that came from. Everything in this room is a pure function of these.

import type { BaselineFile } from '../baseline/schema.ts';
import type { ErrorCode } from '../errors.ts';
import type { Accepted } from '../judge/accept.ts';
import type { Verdict } from '../judge/verdict.ts';
import type { RunRecord } from '../record/schema.ts';

/** Where the run and the rules it was judged by came from. */
export interface Provenance {
  readonly commit: string | null;
  /** Whose rules: "plimsoll.yml at main (3f2c1ab)", "plimsoll.yml of this checkout". */
  readonly policySource: string;
  /** What the pull request changes in the rules, one sentence each; without effect until it is merged. */
  readonly policyChanges: readonly string[];
  /** The base has no configuration yet, so the head's rules were used. */
  readonly noPolicyAtBase: boolean;
  readonly pullRequest: number | null;
  readonly runUrl: string | null;
  readonly configPath: string;
  /** Version of Plimsoll. */
  readonly plimsoll: string;
  /** The record came from a run whose code could write into it what it liked. */
  readonly untrusted?: boolean;
  /** Who accepted what an earlier report on this commit had found. */
  readonly accepted?: Accepted | null;
}

export interface ReportInput {
  readonly record: RunRecord;
  readonly verdict: Verdict;
  readonly baseline: BaselineFile | null;
  readonly provenance: Provenance;
}

/** A run that could not be made. */
export interface FailureInput {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly deployment: string;
  readonly configPath: string;
  /** The last lines that the deployment wrote. */
  readonly logTail?: string | undefined;
}
