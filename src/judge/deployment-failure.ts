// Deployments that fail under load. Under a load that the baseline bore it is a failure; past the knee, on a ramp, it
// is the cliff, and part of the curve.

import { mean } from 'simple-statistics';
import { heldKnee } from '../baseline/lookup.ts';
import type { StageName } from '../config/schema.ts';
import { formatValue } from '../metrics-format.ts';
import type { BootRecord } from '../record/schema.ts';
import type { BootMetrics } from './samples.ts';
import type { RecordedStage, StageEvidence } from './standing.ts';
import type { Finding } from './verdict.ts';

export interface FailureInput {
  readonly boots: readonly BootRecord[];
  readonly stages: readonly StageEvidence[];
  /** Stages for which the store has boots of the same workload, measured now or not. */
  readonly baselineHas: (stage: StageName) => boolean;
  /** Knee of the stored baseline, requests per second; null = not known. */
  readonly kneeRate: number | null;
}

export function deploymentFailures(input: FailureInput): Finding[] {
  const deaths = input.boots.flatMap((boot) => death(boot, input));
  const failing = input.stages.flatMap((stage) => [
    ...failingAtBenchmark(stage),
    ...failingBelowKnee(stage, input.kneeRate),
  ]);
  return [...deaths, ...failing];
}

function death(boot: BootRecord, input: FailureInput): Finding[] {
  if (boot.side !== 'candidate') return [];
  const failed = (message: string, advice: string = READ_THE_LOG): Finding[] => [
    { kind: 'deployment_failed', severity: 'fail', message, advice },
  ];
  if (boot.end === 'not_ready')
    return failed(`The deployment never became ready in boot ${boot.index}${because(boot.reason)}.`);
  const aborted =
    boot.stages.find((stage) => stage.status === 'aborted') ?? (boot.end === 'died' ? boot.stages.at(-1) : undefined);
  if (aborted === undefined)
    return boot.end === 'died' ? failed(`The deployment died in boot ${boot.index}${because(boot.reason)}.`) : [];
  const rate = rateAtDeath(aborted);
  const where = `in ${aborted.stage}${rate === null ? '' : ` at ${formatValue('per_second', rate)}`} (boot ${boot.index})${because(aborted.reason ?? boot.reason)}`;
  if (aborted.stage === 'benchmark') return failed(`The deployment died ${where}.`);
  if (input.kneeRate !== null && rate !== null && rate <= input.kneeRate) {
    return failed(
      `The deployment died ${where}; the baseline held the SLO up to ${formatValue('per_second', input.kneeRate)}.`,
    );
  }
  // A surge is one fixed load: a baseline that has it came through it.
  if (aborted.stage === 'step-surge' && input.baselineHas('step-surge'))
    return failed(`The deployment died ${where}; the baseline came through the same surge.`);
  const unreached = input.stages
    .map((stage) => stage.stage)
    .find((stage) => !boot.stages.some((one) => one.stage === stage) && input.baselineHas(stage));
  if (unreached) return failed(`The deployment died ${where}, before ${unreached}; the baseline reached it.`);
  return [
    {
      kind: 'note',
      severity: 'info',
      message: `The deployment died ${where}: past the load that it has to hold, this is its cliff.`,
      advice: READ_THE_LOG,
    },
  ];
}

const READ_THE_LOG = 'Read the end of deployment-<boot>.log in the run folder.';
const because = (reason: string | null): string => (reason === null ? '' : `: ${reason.replace(/\.$/, '')}`);

/** Offered rate of the last phase that sent anything; null where it is not known. */
const rateAtDeath = (stage: RecordedStage): number | null =>
  stage.phases.findLast((phase) => phase.sent > 0)?.offeredRate ?? null;

/** The SLO bears 5 % of misses: more *failures* than that on a step that the baseline held is a failure, not a curve. */
const MOST_FAILED = 0.05;
/** The knee lies between steps and has its own noise: only steps clearly below it count. */
const CLEARLY_BELOW = 0.9;

/** Without a baseline there is no level to hold: only a deployment that fails most of what it is asked has failed. */
const MOST_FAILED_UNBASELINED = 0.5;

/** The benchmark's load is one that a deployment has to bear: what fails there is no curve. In every boot, or it is noise. */
function failingAtBenchmark({ stage, candidate, baseline }: StageEvidence): Finding[] {
  if (stage !== 'benchmark' || candidate.length === 0) return [];
  const rates = candidate.map(({ metrics }) => metrics['errors.rate']?.value ?? 0);
  const borne = baseline.flatMap(({ metrics }) => metrics['errors.rate']?.value ?? []);
  const limit = borne.length === 0 ? MOST_FAILED_UNBASELINED : mean(borne) + MOST_FAILED;
  const least = Math.min(...rates);
  if (least <= limit) return [];
  const level = borne.length === 0 ? '' : `; the baseline bore the same load with ${formatValue('share', mean(borne))}`;
  return [
    {
      kind: 'deployment_failed',
      severity: 'fail',
      message: `${formatValue('share', mean(rates))} of the requests failed in benchmark${level}.`,
      advice: READ_THE_LOG,
    },
  ];
}

function failingBelowKnee(stage: StageEvidence, kneeRate: number | null): Finding[] {
  if (stage.stage !== 'linear' || kneeRate === null || stage.candidate.length === 0) return [];
  const worst = stage.candidate.map(
    ({ measurement }) =>
      (measurement.curve ?? [])
        .filter((step) => step.offeredRate <= CLEARLY_BELOW * kneeRate && step.errorRate > MOST_FAILED)
        .sort((a, b) => b.errorRate - a.errorRate)[0],
  );
  const first = worst[0];
  if (first === undefined || worst.some((step) => step === undefined)) return [];
  return [
    {
      kind: 'deployment_failed',
      severity: 'fail',
      message: `${formatValue('share', first.errorRate)} of the requests failed at ${formatValue('per_second', first.offeredRate)} in linear; the baseline held the SLO up to ${formatValue('per_second', kneeRate)}.`,
      advice: READ_THE_LOG,
    },
  ];
}

/**
 * Geometric mean of the baseline's knees, each a load that it held.
 * @param pinned what an earlier boot held, for where none of these says anything about the ramp
 */
export function kneeOf(baseline: readonly BootMetrics[], pinned: number | null): number | null {
  if (baseline.every(({ metrics }) => (metrics['knee.rate']?.value ?? null) === null)) return pinned;
  const knees = baseline.map(({ metrics }) => heldKnee(metrics)?.value ?? 0).filter((value) => value > 0);
  return knees.length === 0 ? null : Math.exp(mean(knees.map(Math.log)));
}
