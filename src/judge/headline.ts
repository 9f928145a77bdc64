// Sentences about numbers, for people: what a comparison found, and the one line that heads a report.

import { isDrift } from '../baseline/output-length.ts';
import { resolveMetric } from '../metrics.ts';
import { formatChange, formatChangeInterval, formatMetricValue, formatValue } from '../metrics-format.ts';
import type { RunRecord } from '../record/schema.ts';
import type { Comparison, Finding, LoadLine, Outcome, SlaResult, StageStanding, Verdict } from './verdict.ts';

export interface HeadlineInput {
  readonly outcome: Outcome;
  readonly mode: RunRecord['mode'];
  readonly findings: readonly Finding[];
  readonly comparisons: readonly Comparison[];
  readonly sla: readonly SlaResult[];
  readonly stages: readonly StageStanding[];
  readonly loadLine: LoadLine | null;
  /** What it was compared with: "10 baseline boots". */
  readonly against: string;
}

export function headline(input: HeadlineInput): string {
  const first = input.findings[0];
  const blocking = input.findings.filter((finding) => finding.severity !== 'info');
  if (input.outcome === 'pass' || first === undefined || blocking.length === 0)
    return sentence([passed(input), loadLineClause(input.loadLine, true)]);
  const others = blocking.slice(1);
  return sentence([
    first.message.replace(/\.$/, ''),
    more(first, others),
    first.kind === 'deployment_failed' || isAboutLoadLine(first) ? null : loadLineClause(input.loadLine, false),
  ]);
}

/** "2 more regressions", "one more finding". */
function more(first: Finding, others: readonly Finding[]): string | null {
  if (others.length === 0) return null;
  const count = others.length === 1 ? 'one' : String(others.length);
  const noun = others.every((finding) => finding.kind === first.kind) ? NOUNS[first.kind] : undefined;
  return `${count} more ${noun ?? 'finding'}${others.length === 1 ? '' : 's'}`;
}

const NOUNS: Partial<Record<Finding['kind'], string>> = {
  regression: 'regression',
  suspected: 'suspicion',
  inconclusive: 'open gate',
  breach: 'broken rule',
};

const sentence = (clauses: readonly (string | null)[]): string =>
  `${clauses.filter((clause) => clause !== null).join('; ')}.`;
const isAboutLoadLine = (finding: Finding): boolean => finding.message.includes(resolveMetric('knee.rate')!.label);

function passed({ mode, comparisons, sla, stages, against }: HeadlineInput): string {
  const judged = sla.filter((rule) => !rule.awaitsBaseline).length;
  const waiting = sla.length - judged;
  const rules = [
    judged === 0
      ? waiting === 0
        ? 'there are no SLA rules'
        : null
      : judged === 1
        ? 'the SLA rule is met'
        : `all ${judged} SLA rules are met`,
    waiting === 0 ? null : `${waiting === 1 ? 'one SLA rule waits' : `${waiting} SLA rules wait`} for a baseline`,
  ]
    .filter((clause) => clause !== null)
    .join(', ');
  if (mode === 'measure') return `Measured, not compared: ${rules}`;
  const hasLevel = stages.some(({ standing, reason }) => standing === 'compared' || isDrift(reason));
  if (mode === 'baseline')
    return `${hasLevel ? 'Measured for the baseline' : 'Measured as a first baseline'}: ${rules}`;
  const gates = comparisons.filter((one) => one.gate);
  const improved = gates.filter((one) => one.verdict === 'improved').map((one) => `${where(one)} (${changeOf(one)})`);
  if (improved.length > 0) return `Passed, improved against ${against}: ${improved.join(', ')}; ${rules}`;
  if (gates.length === 0) return `Passed: no regression against ${against}; ${rules}`;
  return `Passed: ${gates.length === 1 ? 'the gate is' : `all ${gates.length} gates are`} unchanged against ${against}; ${rules}`;
}

/** "10 baseline boots". */
export const againstBoots = (boots: number): string => `${boots} baseline ${boots === 1 ? 'boot' : 'boots'}`;

/** "main (3f2c1ab) on the same machine, 3 pairs". */
export const againstBase = ({ base, pairs }: NonNullable<Verdict['interleaved']>): string =>
  `${base} on the same machine, ${pairs === 1 ? 'one pair' : `${pairs} pairs`}`;

function loadLineClause(line: LoadLine | null, always: boolean): string | null {
  if (line === null || line.rate === null) return null;
  const rate = formatValue('per_second', line.rate, line.bound);
  if (line.bound !== 'exact' || line.baselineRate === null || line.change === null)
    return always ? `the load line is ${rate}` : null;
  const moved =
    line.verdict === 'regressed' || line.verdict === 'suspected' ? 'fell' : line.verdict === 'improved' ? 'rose' : null;
  if (moved !== null) return `the load line ${moved} from ${number(line.baselineRate)} to ${rate}`;
  return always ? `the load line is ${rate} (${formatChange(line.change, 'share', 'per_second')})` : null;
}

const number = (rate: number): string => formatValue('per_second', rate).replace(/ req\/s$/, '');

/** "TPOT p95 in benchmark". */
export const where = (comparison: Pick<Comparison, 'metric' | 'stage'>): string =>
  `${resolveMetric(comparison.metric)?.label ?? comparison.metric} in ${comparison.stage}`;

export const changeOf = (comparison: Comparison): string =>
  formatChange(comparison.change, comparison.changeIs, unitOf(comparison));
const unitOf = (comparison: Pick<Comparison, 'metric'>) => resolveMetric(comparison.metric)?.unit ?? 'count';

/** "TPOT p95 in benchmark is 10.2 % worse (24.1 ms → 26.6 ms, 95 % interval +9.1…+11.3 %), confirmed by 2 boots". */
export function worseSentence(comparison: Comparison): string {
  const size = changedForWorse(comparison) ? `${changeOf(comparison).replace(/^[+−]/, '')} ` : '';
  return `${where(comparison)} is ${size}worse (${numbers(comparison)}), ${comparison.because}`;
}

/** Not where a bound lies on the better side of the baseline: what is known of it is no size of the loss. */
const changedForWorse = ({ metric, change }: Comparison): boolean =>
  change !== null && (resolveMetric(metric)?.better === 'higher' ? change < 0 : change > 0);

/** "TPOT p95 in benchmark changed by +2.1 % (…): neither a change nor its absence is shown; …". */
export function openSentence(comparison: Comparison): string {
  if (comparison.change === null) return `${where(comparison)}: ${comparison.because}`;
  const detectable =
    comparison.smallestDetectable === null ? '' : `; the smallest detectable change is ${detectableOf(comparison)}`;
  return `${where(comparison)} changed by ${changeOf(comparison)} (${numbers(comparison)}): ${comparison.because}${detectable}`;
}

export const detectableOf = (comparison: Comparison): string =>
  formatChange(comparison.smallestDetectable, comparison.changeIs, unitOf(comparison));

function numbers(comparison: Comparison): string {
  const before = formatMetricValue(comparison.metric, comparison.baseline);
  const after = formatMetricValue(comparison.metric, comparison.candidate, comparison.bound);
  const unit = /[^\d.,]+$/.exec(before)?.[0] ?? '';
  const from = unit !== '' && after.endsWith(unit) ? before.slice(0, -unit.length) : before;
  const interval =
    comparison.interval === null
      ? ''
      : `, ${Math.round(comparison.confidence * 100)} % interval ${formatChangeInterval(comparison.interval, comparison.changeIs, unitOf(comparison))}`;
  return `${from} → ${after}${interval}`;
}
