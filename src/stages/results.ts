// What each kind of stage makes of its measured phases: benchmark, linear, step-surge. What the three have in
// common is in measurer.ts.

import { mean } from 'simple-statistics';
import type { Slo } from '../config/schema.ts';
import { cliffsOf } from './cliffs.ts';
import { kneeOf, plateauOf, type Step, stepsOf } from './curve.ts';
import { bootValue, costMetrics, isThin, metricsOf, type PhaseMetric, pool } from './figures.ts';
import type { Invalidity, MetricValue, StageMeasurement } from './measurement.ts';
import type { MeasuredPhase, PhaseContext } from './phase.ts';
import { measureRounds } from './rounds.ts';
import { summariseSurges } from './surge.ts';
import type { Tally } from './tally.ts';

export type ResultContext = Pick<PhaseContext, 'timeoutMs' | 'price'> & { readonly slo: Slo };

/** What the kinds of stages differ in. */
export interface StageResult {
  readonly metrics: Readonly<Record<string, MetricValue>>;
  readonly invalid: readonly Invalidity[];
  /** Phases whose requests make the stage's histograms and its account of the stream. */
  readonly counted: readonly MeasuredPhase[];
  readonly curve?: StageMeasurement['curve'];
  readonly cliffs?: StageMeasurement['cliffs'];
  readonly surge?: StageMeasurement['surge'];
  /** Further metrics by phase. */
  readonly phaseMetrics?: ReadonlyMap<string, Readonly<Record<string, PhaseMetric>>>;
}

/** @param dropped 0-based numbers of the rounds that extra ones replace */
export function benchmarkResult(
  phases: readonly MeasuredPhase[],
  dropped: readonly number[],
  context: ResultContext,
): StageResult {
  const rounds = phases
    .filter((phase) => phase.plan.kind === 'round' && !phase.partial)
    .filter((_, index) => !dropped.includes(index));
  const { metrics, invalid } = measureRounds(rounds, context);
  return { metrics, invalid, counted: rounds };
}

/** @param aborted the deployment died on the last step */
export function linearResult(
  phases: readonly MeasuredPhase[],
  aborted: boolean,
  { slo, price, timeoutMs }: ResultContext,
): StageResult {
  const hasSlo = Object.values(slo).some((limit) => limit !== undefined);
  const steps = stepsOf(phases, hasSlo, aborted);
  const plateau = plateauOf(steps);
  const notReached = plateau.reached ? null : 'saturation was not reached: the highest step';
  const onPlateau = metricsOf(pool(plateau.steps.map((step) => step.phase.figures)), timeoutMs, price);
  const goodput = steps
    .map((step) => step.phase.metrics['goodput.requests']!)
    .toSorted((a, b) => (b.value ?? 0) - (a.value ?? 0))[0];
  const whole = metricsOf(pool(phases.map((phase) => phase.figures)), timeoutMs, price);
  const single = (id: string, metric: PhaseMetric | undefined, note: string | null = null) =>
    metric === undefined ? {} : { [id]: bootValue(id, metric, [metric.value], note) };
  /** What the deployment can carry: at least that of the highest step where no step was too much. */
  const most = (id: string) =>
    single(id, onPlateau[id] && { ...onPlateau[id], bound: plateau.reached ? 'exact' : 'above' }, notReached);
  const metrics = {
    ...single('knee.rate', kneeOf(steps, aborted), kneeNote(steps)),
    ...single(
      'saturation.rate',
      plateau.saturation,
      plateau.reached ? null : 'not reached: every step achieved what was offered',
    ),
    ...most('throughput.requests'),
    ...most('throughput.tokens'),
    ...most('throughput.prompt_tokens'),
    ...single('goodput.requests', goodput),
    ...single('errors.rate', whole['errors.rate']),
    ...single('output.tokens.mean', whole['output.tokens.mean']),
    ...single('output.share', whole['output.share']),
    'curve.ttft_p95': alongRamp('curve.ttft_p95', 'ttft.p95', phases, steps),
    'curve.tpot_p95': alongRamp('curve.tpot_p95', 'tpot.p95', phases, steps),
  };
  for (const [id, metric] of Object.entries(costMetrics(metrics, price))) Object.assign(metrics, single(id, metric));
  Object.assign(metrics, sampled(whole, phases));
  return {
    metrics,
    invalid: clientFaults(phases),
    counted: phases,
    curve: steps.map((step) => step.point),
    cliffs: cliffsOf(steps),
  };
}

/** A hold shorter than 5 × its p95 E2E still carries the level before it in a good part of its window. */
function kneeNote(steps: readonly Step[]): string | null {
  const held = steps.filter((step) => step.point.held).at(-1);
  const e2e = held?.point.e2eP95Ms ?? null;
  if (held === undefined || e2e === null || held.phase.plan.durationMs >= 5 * e2e) return null;
  const seconds = (ms: number) => `${Number((ms / 1_000).toPrecision(2))} s`;
  return `steps of ${seconds(held.phase.plan.durationMs)} are short for requests of ${seconds(e2e)} (p95); hold them ${seconds(5 * e2e)}`;
}

/**
 * A percentile at each step, in order of load, for comparisons at matched loads. null where the step did not hold, was not
 * offered whole, or has no such value: one that fell among failures, or one of too few requests.
 */
function alongRamp(
  id: string,
  percentile: string,
  phases: readonly MeasuredPhase[],
  steps: readonly Step[],
): MetricValue {
  const held = new Set(steps.filter(({ point }) => point.held).map(({ phase }) => phase));
  const known = phases
    .filter(({ plan }) => plan.kind === 'step')
    .map((phase): PhaseMetric | null => {
      const measured = phase.metrics[percentile];
      const fit = measured !== undefined && measured.bound === 'exact' && !isThin(percentile, measured.n);
      return held.has(phase) && !phase.partial && fit && (measured.value ?? 0) > 0 ? measured : null;
    });
  const counted = known.filter((one) => one !== null);
  const whole: PhaseMetric = {
    value: counted.length === 0 ? null : Math.exp(mean(counted.map(({ value }) => Math.log(value!)))),
    bound: 'exact',
    n: counted.reduce((sum, { n }) => sum + n, 0),
  };
  const note =
    counted.length === 0
      ? `no step held with requests enough for ${percentile}`
      : `over ${counted.length} of ${known.length} steps: those that held, with requests enough for ${percentile}`;
  return bootValue(
    id,
    whole,
    known.map((one) => one?.value ?? null),
    note,
  );
}

export function stepSurgeResult(
  phases: readonly MeasuredPhase[],
  tally: Tally,
  offeredMs: number,
  { price, timeoutMs }: ResultContext,
): StageResult {
  const surges = summariseSurges(phases, tally, offeredMs, timeoutMs);
  const whole = metricsOf(pool(phases.map((phase) => phase.figures)), timeoutMs, price);
  const metrics: Record<string, MetricValue> = {};
  for (const [id, metric] of Object.entries(surges.metrics)) metrics[id] = bootValue(id, metric, [metric.value]);
  for (const id of ['errors.rate', 'output.tokens.mean', 'output.share', 'goodput.share'])
    metrics[id] = bootValue(id, whole[id]!, [whole[id]!.value]);
  Object.assign(metrics, sampled(whole, phases));
  return {
    metrics,
    invalid: clientFaults(phases),
    counted: phases,
    surge: surges.points,
    phaseMetrics: surges.perSurge,
  };
}

/** The monitors' metrics of a whole stage. */
function sampled(
  whole: Readonly<Record<string, PhaseMetric>>,
  phases: readonly MeasuredPhase[],
): Record<string, MetricValue> {
  const bases = new Set(phases.flatMap((phase) => [...phase.figures.samples.keys()]));
  const isSampled = (id: string) => bases.has(id.slice(0, id.lastIndexOf('.')));
  return Object.fromEntries(
    Object.entries(whole)
      .filter(([id]) => isSampled(id))
      .map(([id, metric]) => [id, bootValue(id, metric, [metric.value])]),
  );
}

const clientFaults = (phases: readonly MeasuredPhase[]): Invalidity[] =>
  phases.flatMap((phase) => phase.measurement.invalid);
