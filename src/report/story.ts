// What a reader must know first, as plain sentences: verdict, load line, the few numbers that matter, whether
// anyone must act, and what stands against a pass. Plain text; escaping is the renderers'.

import { againstBase } from '../judge/headline.ts';
import type { Comparison, Finding } from '../judge/verdict.ts';
import { resolveMetric, type Unit } from '../metrics.ts';
import {
  formatChange,
  formatChangeInterval,
  formatInterval,
  formatMetricValue,
  formatNumber,
  formatValue,
} from '../metrics-format.ts';
import type { ReportInput } from './input.ts';
import { median, stagesOf } from './series.ts';
import { STANDING_WORDS, TONES, type Tone, toneOf } from './tone.ts';

export interface Story {
  readonly tone: Tone;
  /** "deepseek-r1-distill-qwen-7b · h100". */
  readonly title: string;
  readonly headline: string;
  /** "31.2 req/s (29.8…32.6 req/s)" and "baseline 34.1 req/s, −8.5 %, suspected"; null where no linear stage gave one. */
  readonly loadLine: { readonly value: string; readonly beside: string } | null;
  readonly numbers: readonly string[];
  readonly act: { readonly needed: boolean; readonly sentence: string };
  /** About the rules this run was judged by. */
  readonly notices: readonly string[];
  /** Worst first, without what headline and tables say; an advice stands where it is first given. */
  readonly findings: readonly Finding[];
  readonly notes: readonly Finding[];
}

/** What the SLA and delta tables say already, row by row. */
const IN_TABLES: ReadonlySet<Finding['kind']> = new Set([
  'breach',
  'tolerated',
  'not_measured',
  'regression',
  'suspected',
]);

export function tellStory(input: ReportInput): Story {
  const { record, verdict } = input;
  const tone = toneOf(input);
  const headline = headlineOf(input, tone);
  const act = actOf(input, tone);
  const told = input.provenance.policyChanges.length > 0 || input.provenance.noPolicyAtBase;
  const findings = verdict.findings.filter(
    ({ kind }) => !told || (kind !== 'policy_changed' && kind !== 'no_policy_at_base'),
  );
  const said = [headline, act.sentence];
  const fresh = findings.map((finding) => {
    const advice =
      finding.advice === null || said.some((text) => text.includes(finding.advice!)) ? null : finding.advice;
    if (advice !== null) said.push(advice);
    return { ...finding, advice };
  });
  return {
    tone,
    title: record.name === '' ? record.deployment : `${record.deployment} · ${record.name}`,
    headline,
    loadLine: loadLineOf(input),
    numbers: numbersOf(input),
    act,
    notices: noticesOf(input),
    findings: fresh.filter(
      (one) =>
        one.severity !== 'info' &&
        (one.advice !== null || !(IN_TABLES.has(one.kind) || headline.startsWith(one.message.replace(/\.$/, '')))),
    ),
    notes: fresh.filter(({ severity }) => severity === 'info'),
  };
}

/** How this run is called beside "baseline". */
export const nowLabel = ({ provenance }: ReportInput): string =>
  provenance.pullRequest === null ? 'this run' : 'this PR';

/** Over the table of deltas: "Against main (3f2c1ab) on the same machine, 3 pairs". */
export function againstTitle({ verdict: { interleaved } }: ReportInput): string {
  return interleaved === undefined ? 'Against the baseline' : `Against ${againstBase(interleaved)}`;
}

/** Worst first; gates before the rest, then in the order of the stages' tables. */
export function byImportance(comparisons: readonly Comparison[]): Comparison[] {
  const rank: readonly Comparison['verdict'][] = ['regressed', 'suspected', 'improved', 'inconclusive', 'unchanged'];
  const of = (one: Comparison): number => 2 * rank.indexOf(one.verdict) + (one.gate ? 0 : 1);
  return comparisons.toSorted((a, b) => of(a) - of(b));
}

/** What a comment shows at once: what gates, and what changed. */
export const isNotable = ({ gate, verdict }: Comparison): boolean =>
  gate || (verdict !== 'unchanged' && verdict !== 'inconclusive');

/** "119 → 135 ms", the unit once where it is the same. */
export function fromTo(one: Comparison): string {
  const [from, to] = [
    formatMetricValue(one.metric, one.baseline),
    formatMetricValue(one.metric, one.candidate, one.bound),
  ];
  const unit = / [^\d ]+$/.exec(to)?.[0] ?? '';
  return `${unit !== '' && from.endsWith(unit) ? from.slice(0, -unit.length) : from} → ${to}`;
}

export const changeOf = (one: Comparison): string => formatChange(one.change, one.changeIs, unitOf(one.metric));
export const changeIntervalOf = (one: Comparison): string =>
  formatChangeInterval(one.interval, one.changeIs, unitOf(one.metric));
/** "4.1 %": the smallest worsening that the comparison would have caught. */
export const detectableOf = (one: Comparison): string =>
  one.smallestDetectable === null
    ? '–'
    : formatChange(Math.abs(one.smallestDetectable), one.changeIs, unitOf(one.metric)).replace(/^\+/, '');

export const labelOf = (metric: string): string => resolveMetric(metric)?.label ?? metric;
export const unitOf = (metric: string): Unit => resolveMetric(metric)?.unit ?? 'count';

/** Median over the boots of this run, as text; "–" where it was not measured. */
export function measuredText(input: ReportInput, stage: Comparison['stage'], metric: string): string {
  const values = stagesOf(input, stage, 'candidate').flatMap((one) => one.metrics[metric] ?? []);
  const bound = values.find((value) => value.bound !== 'exact')?.bound ?? 'exact';
  return formatMetricValue(metric, median(values.map(({ value }) => value)), bound);
}

/** "Surge 8 → 32 req/s: TTFT p95 peaked at 1.9 s, …"; null where there was none. */
export function surgeSentence(input: ReportInput): string | null {
  const stages = stagesOf(input, 'step-surge', 'candidate');
  const last = stages.at(-1);
  if (!last) return null;
  const rates = last.phases.flatMap(({ kind, offeredRate }) =>
    (kind === 'base' || kind === 'surge') && offeredRate !== null ? [offeredRate] : [],
  );
  const span =
    rates.length > 0
      ? ` ${formatValue('per_second', Math.min(...rates))} → ${formatValue('per_second', Math.max(...rates))}`
      : '';
  const parts = SURGE_PARTS.flatMap(([metric, words]) =>
    last.metrics[metric] ? [`${words} ${measuredText(input, 'step-surge', metric)}`] : [],
  );
  return parts.length === 0 ? null : `Surge${span}: ${parts.join(', ')}.`;
}

/** "Between 28 and 32 req/s: TTFT p95 rose 12×; KV cache at 98 %." Of the newest boot that has any. */
export function cliffsOf(input: ReportInput): string[] {
  const cliffs = stagesOf(input, 'linear', 'candidate').findLast((stage) => stage.cliffs.length > 0)?.cliffs ?? [];
  return cliffs.map(
    ({ betweenRates: [from, to], what, why }) =>
      `Between ${formatNumber(from)} and ${formatNumber(to)} req/s: ${what}${why === null ? '' : `; ${why}`}.`,
  );
}

/** One command, from a checkout of the commit. @param base what it was booted in turn with; null = nothing */
export const reproduceCommand = (configPath: string, base: string | null): string =>
  `plimsoll run -c ${/^[\w./@+-]+$/.test(configPath) ? configPath : `'${configPath.replaceAll("'", "'\\''")}'`}${base !== null && /^[0-9a-f]+$/.test(base) ? ` --base ${base.slice(0, 12)}` : ''}`;

const SURGE_PARTS = [
  ['surge.peak_p95', 'TTFT p95 peaked at'],
  ['surge.recovery', 'recovered after'],
  ['surge.backlog', 'backlog up to'],
  ['surge.errors', 'failed'],
] as const;

/** The judge's sentence; where a gate's clean outcome is not a clean report, one that says what is missing instead. */
function headlineOf({ record, verdict, provenance }: ReportInput, tone: Tone): string {
  if (tone !== 'neutral') return verdict.headline;
  if (provenance.untrusted === true)
    return 'Nothing was found against this run, by numbers that its own code could have written.';
  if (record.status === 'incomplete')
    return `The run did not finish${record.statusReason ? `: ${record.statusReason}` : ''}; what it measured is below.`;
  if (record.mode !== 'gate') return verdict.headline;
  const open = verdict.stages
    .filter(({ standing }) => standing !== 'compared')
    .map(({ stage, standing }) => `${stage} ${STANDING_WORDS[standing]}`);
  if (open.length > 0)
    return `Nothing was found against this run, but not everything was compared: ${open.join(', ')}.`;
  return verdict.stages.length === 0
    ? 'Nothing was measured that could be compared.'
    : 'Not everything that a clean verdict needs is there; the tables say what.';
}

function loadLineOf({ verdict }: ReportInput): Story['loadLine'] {
  const line = verdict.loadLine;
  if (!line) return null;
  const beside = [
    line.bound === 'above'
      ? 'held to the last step'
      : line.bound === 'below'
        ? 'the first step already missed the SLO'
        : '',
    line.baselineRate === null ? '' : `baseline ${formatValue('per_second', line.baselineRate)}`,
    line.change === null ? '' : formatChange(line.change, 'share', 'per_second'),
    line.verdict ?? '',
  ];
  const interval = line.interval ? ` (${formatInterval('per_second', line.interval)})` : '';
  return {
    value: line.rate === null ? 'not found' : `${formatValue('per_second', line.rate, line.bound)}${interval}`,
    beside: beside.filter((part) => part !== '').join(', '),
  };
}

const MEASURED_FIRST = [
  ['benchmark', 'ttft.p95'],
  ['benchmark', 'tpot.p95'],
  ['linear', 'saturation.rate'],
  ['benchmark', 'throughput.tokens'],
] as const;

/** Two or three numbers: the comparisons that weigh most; without any, what was measured. */
function numbersOf(input: ReportInput): string[] {
  const compared = byImportance(input.verdict.comparisons)
    .filter((one) => isNotable(one) && one.metric !== 'knee.rate' && one.candidate !== null)
    .map((one) => `${labelOf(one.metric)} ${fromTo(one)}${one.change === null ? '' : ` (${changeOf(one)})`}`);
  if (compared.length > 0) return compared.slice(0, 3);
  return MEASURED_FIRST.map(([stage, metric]) => [labelOf(metric), measuredText(input, stage, metric)] as const)
    .filter(([, value]) => value !== '–')
    .map(([label, value]) => `${label} ${value}`)
    .slice(0, 3);
}

function actOf({ verdict }: ReportInput, tone: Tone): Story['act'] {
  const advice =
    verdict.findings.find((finding) => finding.advice !== null && finding.severity !== 'info')?.advice ?? null;
  if (verdict.actionNeeded) return { needed: true, sentence: advice ?? 'See what stands against a pass below.' };
  if (tone === 'green') return { needed: false, sentence: 'No action needed.' };
  if (verdict.exitCode === 0)
    return {
      needed: false,
      sentence: ['This does not fail the job.', advice].filter((part) => part !== null).join(' '),
    };
  return {
    needed: false,
    sentence: `The job ends with exit code ${verdict.exitCode} (${TONES[tone].word.toLowerCase()}).`,
  };
}

function noticesOf({ provenance }: ReportInput): string[] {
  const notices = provenance.noPolicyAtBase
    ? [`The base has no ${provenance.configPath} yet, so this branch's own rules were used.`]
    : [];
  if (provenance.untrusted === true) {
    notices.push(
      'The numbers come from an untrusted run: the code under review ran there and could have written anything. Rules, baseline and verdict are of the base branch.',
    );
  }
  if (provenance.policyChanges.length > 0) {
    notices.push(`This branch changes the rules; they take effect when merged: ${provenance.policyChanges.join('; ')}`);
  }
  return notices;
}
