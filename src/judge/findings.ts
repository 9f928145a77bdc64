// Everything that stands against a clean pass, as sentences with what to do, and the outcome that follows from them.

import type { Config } from '../config/schema.ts';
import { formatMetricValue } from '../metrics-format.ts';
import type { RunRecord } from '../record/schema.ts';
import { thinBaseline } from './baseline-health.ts';
import type { Decision } from './decide.ts';
import { driftFindings } from './drift.ts';
import { openSentence, where, worseSentence } from './headline.ts';
import { isShed } from './load-shed.ts';
import type { MeasuredBoot } from './pairs.ts';
import { isMachines, RECORD_ADVICE, type StageEvidence } from './standing.ts';
import type { Comparison, Finding, Outcome, SlaResult, StageStanding } from './verdict.ts';

type Severity = Finding['severity'];
type FailOn = Config['failOn'][number];

export interface FindingsInput {
  readonly record: RunRecord;
  readonly failOn: Config['failOn'];
  readonly onMissingBaseline: Config['comparison']['onMissingBaseline'];
  readonly strict: boolean;
  readonly stages: readonly StageEvidence[];
  readonly sla: readonly SlaResult[];
  readonly comparisons: readonly Comparison[];
  readonly decisions: readonly Decision[];
  /** Gates that no comparison stands for although their stage was compared. */
  readonly lostGates: readonly string[];
  /** Of other parts: deployment failures, shed load, changed policy. */
  readonly others: readonly Finding[];
}

/** Worst first. */
export function findingsOf(input: FindingsInput): Finding[] {
  const all = [
    ...input.others,
    ...incomplete(input.record),
    ...slaFindings(input),
    ...comparisonFindings(input),
    ...standingFindings(input),
    ...input.stages.flatMap(lostFindings),
    ...notes(input),
  ];
  return all
    .map((finding, index) => ({ finding, index }))
    .sort((a, b) => rank(a.finding) - rank(b.finding) || a.index - b.index)
    .map(({ finding }) => finding);
}

/** A proven failure outranks what could not be judged: neither may look green, but the first is known. */
export function outcomeOf(findings: readonly Finding[]): Outcome {
  const has = (severity: Severity): boolean => findings.some((finding) => finding.severity === severity);
  return has('fail') ? 'fail' : has('invalid') ? 'invalid' : has('warn') ? 'warn' : 'pass';
}

const SEVERITIES: readonly Severity[] = ['fail', 'invalid', 'warn', 'info'];
const KINDS: readonly Finding['kind'][] = [
  'deployment_failed',
  'breach',
  'regression',
  'invalid',
  'missing',
  'not_measured',
  'load_shed',
  'suspected',
  'tolerated',
  'thin_baseline',
  'inconclusive',
  'incomparable',
  'unbaselined',
];
const rank = ({ severity, kind }: Finding): number =>
  SEVERITIES.indexOf(severity) * 100 + (KINDS.includes(kind) ? KINDS.indexOf(kind) : 99);

function incomplete(record: RunRecord): Finding[] {
  if (record.status === 'complete') return [];
  return [
    {
      kind: 'invalid',
      severity: 'invalid',
      message: `The run is incomplete${record.statusReason === null ? '' : `: ${record.statusReason}`}.`,
      advice: 'Run it again.',
    },
  ];
}

// ---- rules ----------------------------------------------------------------------------------------------

function slaFindings(input: FindingsInput): Finding[] {
  const { sla, failOn, stages, record } = input;
  const severity = (condition: FailOn): Severity => (failOn.includes(condition) ? 'fail' : 'warn');
  return sla.flatMap((rule) => {
    if (rule.awaitsBaseline) {
      const message = `Not measured: ${where(rule)} (rule ${rule.tolerance.text}): ${rule.note}.`;
      return one('not_measured', record.mode === 'gate' ? uncompared(input) : 'info', message, RECORD_ADVICE);
    }
    // Where the whole stage is lost, that is what there is to say; the rule only follows from it.
    const standing = stages.find(({ stage }) => stage === rule.stage)?.standing.standing;
    return ruleFinding(rule, severity, standing === 'invalid' || standing === 'missing');
  });
}

function ruleFinding(rule: SlaResult, severity: (condition: FailOn) => Severity, stageLost: boolean): Finding[] {
  const name = where(rule);
  const value = formatMetricValue(rule.metric, rule.value, rule.bound);
  const note = rule.note === null ? '' : ` (${rule.note})`;
  switch (rule.status) {
    case 'gold':
      return [];
    case 'tolerated':
      return one(
        'tolerated',
        severity('tolerated'),
        `Tolerated: ${name} is ${value}, gold is ${rule.gold.text}${note}.`,
      );
    case 'breached':
      return one(
        'breach',
        severity('breach'),
        `Breached: ${name} is ${value}, the limit is ${rule.tolerance.text}${note}.`,
      );
    case 'not_measured': {
      const advice = stageLost ? null : 'Make the metric available on this machine, or remove the rule.';
      const message = `Not measured: ${name} (rule ${rule.tolerance.text}): ${rule.note ?? 'no value'}.`;
      return one('not_measured', stageLost ? 'invalid' : severity('breach'), message, advice);
    }
  }
}

const one = (kind: Finding['kind'], severity: Severity, message: string, advice: string | null = null): Finding[] => [
  { kind, severity, message, advice },
];

// ---- comparisons ----------------------------------------------------------------------------------------

function comparisonFindings({ comparisons, decisions, failOn, record, lostGates }: FindingsInput): Finding[] {
  // A baseline run records a level, it does not defend one.
  const severity = (condition: FailOn): Severity =>
    record.mode === 'baseline' ? 'info' : failOn.includes(condition) ? 'fail' : 'warn';
  const gatesFirst = comparisons.toSorted((a, b) => Number(b.gate) - Number(a.gate));
  const thin = thinBaseline(comparisons, decisions);
  return [
    ...gatesFirst.flatMap((comparison) => comparisonFinding(comparison, severity)),
    ...lostGates.flatMap((gate) =>
      one(
        'inconclusive',
        severity('inconclusive'),
        `Inconclusive: the gate ${gate} was not compared: there is no such metric.`,
        'Check comparison.gates.',
      ),
    ),
    ...(thin === null ? [] : one('thin_baseline', severity('inconclusive'), thin.message, thin.advice)),
  ];
}

function comparisonFinding(comparison: Comparison, severity: (condition: FailOn) => Severity): Finding[] {
  switch (comparison.verdict) {
    case 'regressed':
      return one('regression', severity('regression'), `Regressed: ${worseSentence(comparison)}.`, ACCEPT);
    case 'suspected':
      return one('suspected', severity('suspected'), `Suspected: ${worseSentence(comparison)}.`);
    case 'inconclusive': {
      // A thin baseline and shed load have their own findings.
      const said = comparison.thin || isShed(comparison);
      return comparison.gate && !said
        ? one('inconclusive', severity('inconclusive'), `Inconclusive: ${openSentence(comparison)}.`)
        : [];
    }
    case 'unchanged':
    case 'improved':
      return [];
  }
}

const ACCEPT =
  'If this is meant, accept it with a reason (/plimsoll accept in a comment, or plimsoll baseline add --new-segment); else find the change that caused it.';

// ---- stages ---------------------------------------------------------------------------------------------

function standingFindings(input: FindingsInput): Finding[] {
  const alike = Map.groupBy(
    input.stages.map(({ standing }) => standing),
    ({ standing, reason }) => `${standing} ${reason}`,
  );
  return [...alike.values()].flatMap((standings) => standingFinding(standings, input));
}

/** One finding for all stages that stand alike, for the same reason. */
function standingFinding(standings: readonly StageStanding[], input: FindingsInput): Finding[] {
  const { standing, reason, advice } = standings[0]!;
  const names = standings.map(({ stage }) => stage);
  const list = names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  const are = names.length === 1 ? 'is' : 'are';
  const why = reason === null ? '.' : `: ${reason}.`;
  switch (standing) {
    case 'compared':
      return [];
    case 'measured':
      return input.record.mode === 'baseline' ? one('note', 'info', `${list} ${are} not compared${why}`) : [];
    case 'invalid':
      return one('invalid', 'invalid', `Invalid: ${list} cannot be judged${why}`, advice);
    case 'missing': {
      // After a death the missing stages follow from it.
      const died = input.others.some((finding) => finding.kind === 'deployment_failed');
      return one('missing', died ? 'warn' : 'invalid', `Missing: ${list} ${are} not measured${why}`, advice);
    }
    case 'incomparable':
      return one('incomparable', uncompared(input), `Not comparable: ${list}${why}`, advice);
    case 'unbaselined':
      return one(
        'unbaselined',
        uncompared(input),
        `${input.record.interleaved ? 'No comparison of' : 'No baseline for'} ${list}${why}`,
        advice,
      );
  }
}

const uncompared = ({ failOn, onMissingBaseline }: FindingsInput): Severity =>
  failOn.includes('unbaselined') || onMissingBaseline === 'fail' ? 'fail' : 'warn';

/** What a boot lost does not vanish behind the other boots' values. */
const lostFindings = ({ stage, lost }: StageEvidence): Finding[] =>
  lost.flatMap(({ boot, side, reason, advice }) => {
    const whose = side === 'base' ? `boot ${boot} (the base)` : `boot ${boot}`;
    return one('invalid', 'warn', `Lost: ${stage} of ${whose} does not count: ${reason.replace(/\.$/, '')}.`, advice);
  });

// ---- notes ----------------------------------------------------------------------------------------------

function notes({ strict, stages, decisions }: FindingsInput): Finding[] {
  const slowed = stages.flatMap(({ stage, candidate, pairing }) => [
    ...slowedNotes(stage, candidate),
    ...slowedNotes(`${stage} of the base`, pairing?.pairs.map(({ base }) => base) ?? []),
  ]);
  return [...(strict ? [] : slowed), ...driftFindings(stages, decisions)];
}

/** The first fault of each kind: the boots differ in a number only. */
function slowedNotes(whose: string, boots: readonly MeasuredBoot[]): Finding[] {
  const faults = boots.flatMap(({ measurement }) => measurement.invalid).filter(isMachines);
  return [...new Map(faults.toReversed().map((fault) => [fault.code, fault])).values()].flatMap((fault) =>
    one('note', 'info', `${whose}: ${fault.message}`, fault.advice),
  );
}
