// Records in, verdict out: what is valid and comparable, what changed, which rules hold, whether another boot would
// settle more. Pure; the procedure and its numbers are explained in docs/judging.md.

import { historyOf, pinnedKnee, storedFile } from '../baseline/lookup.ts';
import type { BaselineLookup } from '../baseline/schema.ts';
import type { Config, Gate, StageName } from '../config/schema.ts';
import { resolveMetric, standsAlone } from '../metrics.ts';
import type { RunRecord } from '../record/schema.ts';
import { type Accepted, withAccept } from './accept.ts';
import { climb } from './climb.ts';
import { type Evidence, gather } from './compare.ts';
import { type Decision, decide, type Look, lookOf } from './decide.ts';
import { deploymentFailures, kneeOf } from './deployment-failure.ts';
import { findingsOf, outcomeOf } from './findings.ts';
import { againstBase, againstBoots, headline } from './headline.ts';
import { loadLine } from './load-line.ts';
import { discountLoadShed } from './load-shed.ts';
import { baseName } from './pairs.ts';
import type { BootMetrics } from './samples.ts';
import { CLOSED_LOOP_TOO, COMPARED } from './selection.ts';
import { judgeSla } from './sla.ts';
import { baseBoots, candidateBoots, type StageEvidence, standStage } from './standing.ts';
import { worstRounds } from './taint.ts';
import { tradeOff } from './trade-off.ts';
import { LEDGER_ENOUGH_DF } from './variance.ts';
import type { Finding, Outcome, Verdict } from './verdict.ts';

/** The rules of a configuration; a whole Config fits. */
export type Policy = Pick<Config, 'sla' | 'comparison' | 'failOn' | 'strict'> & { readonly price?: Config['price'] };

export interface JudgeInput {
  readonly record: RunRecord;
  readonly lookup: BaselineLookup;
  readonly policy: Policy;
  /** Stages that the run should have, in order. */
  readonly expected: readonly StageName[];
  /** Why no further boot is possible, as a clause; null or absent = one is. */
  readonly overBudget?: string | null;
  /** Where the policy came from, as far as the verdict has to say it. */
  readonly provenance?: {
    readonly policyChanges: readonly string[];
    readonly noPolicyAtBase: boolean;
    readonly accepted?: Accepted | null;
  };
}

/** Never throws on a record that fits its schema. */
export function judge(input: JudgeInput): Verdict {
  const { record, policy, lookup } = input;
  const { stages, decisions, look, lostGates } = assess(input);
  const shed = discountLoadShed(decisions, stages);
  const { comparisons } = shed;
  const failures = deploymentFailures({
    boots: record.boots,
    stages,
    baselineHas: (stage) => (record.interleaved ? baseCameThrough(record, stage) : storedBootsOf(input, stage) > 0),
    kneeRate: kneeOf(stages.find(({ stage }) => stage === 'linear')?.baseline ?? [], pinnedKnee(storedFile(lookup))),
  });
  const sla = policy.sla.map((rule) =>
    judgeSla(
      rule,
      stages.find(({ stage }) => stage === rule.stage),
    ),
  );
  const findings = findingsOf({
    record,
    failOn: policy.failOn,
    onMissingBaseline: policy.comparison.onMissingBaseline,
    strict: policy.strict,
    stages,
    sla,
    comparisons,
    decisions,
    lostGates,
    others: [...failures, ...shed.findings, ...tradeOff(comparisons, policy.price), ...policyFindings(input)],
  });
  const outcome = outcomeOf(findings);
  const line = loadLine(
    stages.find(({ stage }) => stage === 'linear'),
    comparisons,
    decisions,
  );
  const baselineBoots = Math.max(0, ...stages.map(({ baseline }) => baseline.length));
  const interleaved = pairFacts(record, stages, decisions);
  const verdict: Verdict = {
    schema: 'plimsoll/verdict',
    version: 1,
    outcome,
    exitCode: EXIT_CODES[outcome],
    headline: headline({
      outcome,
      mode: record.mode,
      findings,
      comparisons,
      sla,
      stages: stages.map(({ standing }) => standing),
      loadLine: line,
      against: interleaved ? againstBase(interleaved) : againstBoots(baselineBoots),
    }),
    actionNeeded: outcome === 'fail' || outcome === 'invalid',
    findings,
    loadLine: line,
    stages: stages.map(({ standing }) => standing),
    sla,
    comparisons,
    boots: look.taken,
    baseline: lookup.kind === 'found' ? baselineFacts(lookup.path, stages, decisions, baselineBoots) : null,
    ...(interleaved && { interleaved }),
    climb: climb({
      comparisons,
      decisions,
      look: look.look,
      unit: interleaved ? 'pair' : 'boot',
      overBudget: input.overBudget ?? null,
      settled: settled(record, failures),
      failsOnRegression: policy.failOn.includes('regression'),
    }),
  };
  const accepted = input.provenance?.accepted ?? null;
  return accepted === null ? verdict : withAccept(verdict, accepted);
}

const EXIT_CODES = { pass: 0, warn: 0, fail: 1, invalid: 4 } as const satisfies Record<Outcome, number>;

export interface Assessment {
  readonly stages: readonly StageEvidence[];
  readonly decisions: readonly Decision[];
  readonly look: { readonly taken: number; readonly look: Look };
  readonly lostGates: readonly string[];
}

/** Evidence and decisions, before they become findings; what `explain` reads. */
export function assess(input: JudgeInput): Assessment {
  const { record, lookup, policy } = input;
  const taken = candidateBoots(record).length;
  const look = lookOf(taken, policy.comparison.maxBoots);
  const found = input.expected.map((stage) => standStage(stage, { record, lookup, strict: policy.strict }));
  const family = found.flatMap((stage) => familyOf(stage, policy));
  const stages = found.map((stage) => withoutCommonMetrics(stage, family));
  const compared = (gate: Gate): boolean =>
    stages.some(({ stage, standing }) => stage === gate.stage && standing.standing === 'compared');
  const lostGates = policy.comparison.gates
    .filter(
      (gate) =>
        compared(gate) && !family.some((one) => one.gate && one.metric.id === gate.metric && one.stage === gate.stage),
    )
    .map((gate) => `${gate.metric}@${gate.stage}`);
  return { stages, decisions: decide(family, look), look: { taken, look }, lostGates };
}

/** Gates first, then what else this stage is compared by and both sides have. A gate stays even where it cannot be tested. */
function familyOf(stage: StageEvidence, policy: Policy): Evidence[] {
  if (stage.standing.standing !== 'compared') return [];
  const gates = policy.comparison.gates.filter((gate) => gate.stage === stage.stage).map((gate) => gate.metric);
  const others = [...COMPARED[stage.stage], ...(stage.closedLoop ? CLOSED_LOOP_TOO : [])].filter(
    (id) => !gates.includes(id),
  );
  const metricsOf = (boots: readonly BootMetrics[]) => boots.map((boot) => boot.metrics);
  const tainted = worstRounds(metricsOf(stage.baseline), metricsOf(stage.candidate));
  const { minimumEffects } = policy.comparison;
  return [...new Set([...gates, ...others])].flatMap((id) => {
    const metric = resolveMetric(id);
    if (!metric) return [];
    const gate = gates.includes(id);
    const evidence = gather(stage, metric, {
      gate,
      minimumEffect: minimumEffects[`${id}@${stage.stage}`] ?? minimumEffects[id],
      tainted,
    });
    return gate || evidence.test !== null ? [evidence] : [];
  });
}

/** A stage that has a history but no metric in common with it is not compared. */
function withoutCommonMetrics(stage: StageEvidence, family: readonly Evidence[]): StageEvidence {
  if (stage.standing.standing !== 'compared' || family.some((one) => one.stage === stage.stage && one.test !== null))
    return stage;
  return {
    ...stage,
    standing: {
      ...stage.standing,
      standing: 'unbaselined',
      reason: 'its history has no metric that could be compared with this run',
    },
  };
}

const storedBootsOf = ({ record, lookup }: JudgeInput, stage: StageName): number =>
  historyOf(lookup, stage, record.workloads[stage]?.key)?.segments.at(-1)?.boots.length ?? 0;

/** Some boot of the base took this load to its end. */
const baseCameThrough = (record: RunRecord, stage: StageName): boolean =>
  baseBoots(record).some((boot) =>
    boot.stages.some((one) => one.stage === stage && (one.status === 'complete' || one.status === 'stopped')),
  );

function pairFacts(
  { interleaved }: RunRecord,
  stages: readonly StageEvidence[],
  decisions: readonly Decision[],
): Verdict['interleaved'] {
  if (interleaved === undefined) return undefined;
  return {
    base: baseName(interleaved),
    commit: interleaved.commit,
    pairs: Math.max(0, ...stages.map(({ pairing }) => pairing?.pairs.length ?? 0)),
    ...noiseFacts(decisions),
  };
}

/** Where what is known of the noise came from. */
const noiseFacts = (decisions: readonly Decision[]): { readonly ledgerDf: number; readonly priorUsed: boolean } => ({
  ledgerDf: Math.max(0, ...decisions.map(({ comparison }) => comparison.df.ledger)),
  // Not where the prior only stands in for a ledger that never saw a spread, such as that of no errors at all, or none of
  // the loads that are matched.
  priorUsed: decisions.some(
    ({ evidence, comparison: { df } }) => standsAlone(evidence.metric) && df.prior > 0 && df.ledger < LEDGER_ENOUGH_DF,
  ),
});

function baselineFacts(
  path: string,
  stages: readonly StageEvidence[],
  decisions: readonly Decision[],
  boots: number,
): Verdict['baseline'] {
  const compared = stages.find((stage) => stage.baseline.length === boots && stage.history !== null);
  if (compared === undefined) return null;
  return {
    path,
    boots,
    segment: compared.history!.segments.at(-1)?.id ?? '',
    ...noiseFacts(decisions),
  };
}

function policyFindings({ provenance }: JudgeInput): Finding[] {
  if (provenance === undefined) return [];
  const changes = provenance.policyChanges.map(
    (change): Finding => ({
      kind: 'policy_changed',
      severity: 'info',
      message: change,
      advice: 'It takes effect when merged.',
    }),
  );
  if (!provenance.noPolicyAtBase) return changes;
  return [
    ...changes,
    {
      kind: 'no_policy_at_base',
      severity: 'info',
      message: 'The base has no configuration yet: this run was judged by the rules of its own side.',
      advice: null,
    },
  ];
}

/** Why more boots make no sense at all. */
function settled(record: RunRecord, failures: readonly Finding[]): string | null {
  if (record.mode !== 'gate') return `a run in ${record.mode} mode takes one boot`;
  if (record.status !== 'complete') return record.statusReason ?? 'the run is incomplete';
  return failures.some((finding) => finding.severity === 'fail') ? 'the deployment failed' : null;
}
