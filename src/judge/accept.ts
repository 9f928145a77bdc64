// A change of level that somebody with the right to it accepted: it no longer fails the run. Only what was compared
// with the baseline can be accepted; a breached rule, a failed deployment or a run that cannot be judged cannot.

import type { Finding, Verdict } from './verdict.ts';

export interface Accepted {
  /** Login of who accepted. */
  readonly by: string;
  readonly reason: string | null;
  /** Of the comment that says so. */
  readonly url: string;
}

/** `clean`: nothing fails the run. `acceptable`: only changes of level do. `final`: something that nobody can accept. */
export type Stands = 'clean' | 'acceptable' | 'final';

const CHANGES: ReadonlySet<Finding['kind']> = new Set(['regression', 'suspected']);

export function standsOf({ outcome, findings }: Pick<Verdict, 'outcome' | 'findings'>): Stands {
  if (outcome === 'pass' || outcome === 'warn') return 'clean';
  const against = findings.filter(({ severity }) => severity === 'fail' || severity === 'invalid');
  return outcome === 'fail' && against.every(({ kind, severity }) => severity === 'fail' && CHANGES.has(kind))
    ? 'acceptable'
    : 'final';
}

/** The verdict with its changes accepted: a warning. As it was where it does not stand on changes alone. */
export function withAccept(verdict: Verdict, { by, reason }: Accepted): Verdict {
  if (standsOf(verdict) !== 'acceptable') return verdict;
  return {
    ...verdict,
    outcome: 'warn',
    exitCode: 0,
    actionNeeded: false,
    headline: `Accepted by ${by}${reason === null ? '' : ` (${reason})`}: ${verdict.headline}`,
    findings: verdict.findings.map((finding) =>
      finding.severity === 'fail'
        ? { ...finding, severity: 'warn', advice: 'The first baseline after the merge begins a new segment.' }
        : finding,
    ),
    climb: { again: false, reason: 'the change is accepted' },
  };
}
