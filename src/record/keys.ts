// What makes two measurements comparable: facts of the workload and of the environment, a short key of them, the
// fields in which two sets part, and the file name that an environment gets in the store.

import { createHash } from 'node:crypto';
import type { Config, StageName } from '../config/schema.ts';
import type { LoadPlan, OfferedLoad, PhasePlan, ReplayLoad } from '../load/plan.ts';
import type { FactDifference, Facts, RunRecord } from './schema.ts';

/**
 * Facts of one stage's workload: the stage, its resolved loads, the limits that decide what counts as failed, and
 * what the workload itself says of prompts, lengths, API and seed. The SLO belongs to the linear stage alone: its
 * knee is defined by it.
 * @param workload facts of the workload room (`openWorkload(…).facts()`)
 */
export function workloadFacts(stage: StageName, config: Config, plan: LoadPlan, workload: Facts): Facts {
  return {
    ...workload,
    stage,
    seed: plan.seed,
    ...loadFacts(plan),
    drainMs: plan.drainMs,
    requestTimeoutMs: plan.requestTimeoutMs,
    stallTimeoutMs: plan.stallTimeoutMs,
    ...(stage === 'linear' && {
      'slo.ttftMs': config.slo.ttftMs ?? null,
      'slo.tpotMs': config.slo.tpotMs ?? null,
      'slo.e2eMs': config.slo.e2eMs ?? null,
    }),
  };
}

/** By kind of phase: how many, under what load, how long. What is the same in all of a kind is said once. */
function loadFacts(plan: LoadPlan): Facts {
  const facts: Facts = {};
  for (const [kind, phases] of Map.groupBy(plan.phases, (phase: PhasePlan) => phase.kind)) {
    facts[`${kind}.count`] = phases.length;
    facts[`${kind}.load`] = distinct(phases.map((phase) => describeLoad(phase.load)));
    facts[`${kind}.seconds`] = distinct(phases.map((phase) => rounded(phase.durationMs / 1_000)));
  }
  const replay = plan.phases.find((phase) => phase.load.kind === 'replay')?.load as ReplayLoad | undefined;
  // The trace's lengths are sent, whatever the workload would draw.
  if (replay) Object.assign(facts, { trace: replay.trace.hash, promptTokens: 'as traced', output: 'as traced' });
  return facts;
}

function describeLoad(load: OfferedLoad): string {
  if (load.kind === 'closed') return `${load.users} users, think ${describeThink(load.think)}`;
  if (load.kind === 'replay') return `replay × ${load.trace.speedup}`;
  const rate = load.from === load.to ? rounded(load.from) : `${rounded(load.from)}–${rounded(load.to)}`;
  const process = typeof load.process === 'string' ? load.process : `gamma ${load.process.gamma.burstiness}`;
  return `${process} ${rate}/s`;
}

function describeThink(think: Extract<OfferedLoad, { kind: 'closed' }>['think']): string {
  if ('constantMs' in think) return `${think.constantMs} ms`;
  return 'meanMs' in think ? `exponential ${think.meanMs} ms` : `${think.fromMs}–${think.toMs} ms`;
}

const distinct = (texts: readonly string[]): string => (new Set(texts).size === 1 ? texts[0]! : texts.join(', '));
/** Twelve digits: equidistant steps and shares of a knee end in rounding noise. */
const rounded = (value: number): string => String(Number(value.toPrecision(12)));

/** Goodput counts what met the SLO: of two SLOs it is two different things. The knee has the SLO in its stage's key. */
export const dependsOnSlo = (metric: string): boolean => metric.startsWith('goodput.');

/** Whether a metric means the same under both SLOs: any but goodput does, whatever they are. */
export const countsAlike = (metric: string, left: RunRecord['slo'], right: RunRecord['slo']): boolean =>
  !dependsOnSlo(metric) || sameSlo(left, right);

export const sameSlo = (left: RunRecord['slo'], right: RunRecord['slo']): boolean =>
  compareFacts(left ?? {}, right ?? {}).length === 0;

/** Sixteen hex digits that are equal exactly when all facts are, in whatever order they stand. */
export function workloadKey(facts: Facts): string {
  return hashOf(facts).slice(0, 16);
}

/** Fields in which the two part, in alphabetical order; a field that one of them lacks is "absent". */
export function compareFacts(baseline: Facts, candidate: Facts): FactDifference[] {
  const fields = [...new Set([...Object.keys(baseline), ...Object.keys(candidate)])].toSorted();
  const shown = (facts: Facts, field: string) => (Object.hasOwn(facts, field) ? String(facts[field]) : 'absent');
  return fields
    .filter((field) => baseline[field] !== candidate[field])
    .map((field) => ({
      field,
      baseline: shown(baseline, field),
      candidate: shown(candidate, field),
    }));
}

/**
 * File name of an environment, without extension: `simulated`, or such as `nvidia-h100-80gb-hbm3-x1-driver550-a1b2c3`,
 * whose last six digits tell apart what reads the same.
 * @param environment as readEnvironment of the monitor room names its facts
 */
export function environmentSlug(environment: Facts): string {
  if (environment.kind === 'simulated') return 'simulated';
  const { gpu, gpuCount, driverMajor, cpu, cpuCount, runnerClass, host } = environment;
  const machine =
    gpu == null ? [cpu, count(cpuCount)] : [gpu, count(gpuCount), driverMajor == null ? null : `driver${driverMajor}`];
  const readable = slugOf(
    [host, ...machine, runnerClass]
      .filter((part) => part != null)
      .join(' ')
      .slice(0, 80),
  );
  return `${readable === '' ? 'environment' : readable}-${hashOf(environment).slice(0, 6)}`;
}

const count = (value: Facts[string] | undefined): string | null => (value == null ? null : `x${value}`);
const slugOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

const hashOf = (facts: Facts): string =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(facts).toSorted(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex');
