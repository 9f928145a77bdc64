// What a ledger lets the gates see, in sentences: after each boot that filled it, and at the end what the boots bought
// and what more of them would.

import type { Gate } from '../config/schema.ts';
import { MOST_USEFUL_DF, type Sight } from '../judge/aa.ts';
import { where } from '../judge/headline.ts';
import { resolveMetric } from '../metrics.ts';
import { formatChange } from '../metrics-format.ts';

/** "TPOT p95 in benchmark: boots differ by 0.8 % (18 degrees of freedom in the ledger); a change is caught from +4.4 % on, …". */
export const sightLine = (sight: Sight): string =>
  `${where(sight)}: boots differ by ${spreadOf(sight)} (${count(sight.df.ledger, 'degree')} of freedom in the ledger${sight.df.prior > 0 ? ', the rest assumed' : ''}); a change is caught from ${detectableOf(sight)} on, ${against(sight)}${asideClause(sight)}`;

const asideClause = ({ aside }: Sight): string =>
  aside === 0
    ? ''
    : `; ${count(aside, 'degree')} of freedom of A/A boots ${aside === 1 ? 'does' : 'do'} not count: recorded boots differ clearly more, so something changes from day to day that one run does not see`;

/** null where every gate was taught something. */
export const untaughtSentence = (gates: readonly Gate[]): string | null =>
  gates.length === 0
    ? null
    : `Nothing is learnt of ${gates.map(where).join(', ')}: it takes two boots that have an exact value of it, not one that lies past what was measured.`;

export interface Bought {
  readonly boots: number;
  readonly minutes: number;
  readonly before: readonly Sight[];
  readonly after: readonly Sight[];
  readonly further: { readonly boots: number; readonly sights: readonly Sight[] };
}

/** One sentence, about the first gate that learnt something. */
export function boughtSentence({ boots, minutes, before, after, further }: Bought): string {
  const [now] = after.filter(({ df }) => df.ledger > 0);
  if (boots === 0 && now !== undefined)
    return `Nothing was booted: the ledger has ${count(now.df.ledger, 'degree')} of freedom already; ${where(now)} is caught from ${detectableOf(now)} on, ${against(now)}.`;
  const spent = `${count(boots, 'boot')} in ${minutes < 1 ? 'less than a minute' : count(Math.round(minutes), 'minute')}`;
  if (now === undefined && after.some(({ aside }) => aside > 0))
    return `Bought nothing that counts with ${spent}: recorded boots differ clearly more than these.`;
  if (now === undefined) return `Bought nothing with ${spent}: it takes two boots that count to differ.`;
  const same = (sight: Sight): boolean => sight.metric === now.metric && sight.stage === now.stage;
  const then = before.find(same);
  const bought = now.df.ledger - (then?.df.ledger ?? 0);
  const was = then === undefined || then.recorded !== now.recorded ? '' : ` instead of ${detectableOf(then)}`;
  return `Bought ${count(bought, 'degree')} of freedom with ${spent}: ${where(now)} is caught from ${detectableOf(now)} on${was}, ${against(now)}; ${moreClause(now, further.boots, further.sights.find(same))}.`;
}

/** Below this share of what is seen now, more is not worth a boot. */
const WORTH = 0.03;

function moreClause(now: Sight, boots: number, then: Sight | undefined): string {
  const gain = then === undefined ? 0 : 1 - Math.abs(then.detectable) / Math.abs(now.detectable);
  if (then !== undefined && gain >= WORTH) return `${count(boots, 'more boot')} would make that ${detectableOf(then)}`;
  const reason = now.df.total >= MOST_USEFUL_DF ? ` (no more than ${MOST_USEFUL_DF} degrees of freedom count)` : '';
  return `more A/A boots would buy next to nothing${reason}, recorded boots of the baseline would`;
}

const unitOf = ({ metric }: Sight) => resolveMetric(metric)!.unit;
const detectableOf = (sight: Sight): string => formatChange(sight.detectable, sight.changeIs, unitOf(sight));
const spreadOf = (sight: Sight): string => formatChange(sight.sd, sight.changeIs, unitOf(sight)).replace('+', '');

const against = ({ boots, listed, recorded }: Sight): string =>
  `by ${count(boots, 'boot')} against ${listed === 0 ? `a baseline of ${recorded} (none is recorded yet)` : `the ${recorded} recorded`}`;

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
