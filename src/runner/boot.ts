// One boot: spawn, wait for ready, every stage in order, tear down. What the deployment does wrong after it
// was ready is a result (it is recorded); so is not becoming ready, with its error.

import type { StageName } from '../config/schema.ts';
import { bootDeployment, type Deployment } from '../deployment/boot.ts';
import { readSubject } from '../deployment/subject.ts';
import { type ErrorCode, PlimsollError } from '../errors.ts';
import type { LoadPlan } from '../load/plan.ts';
import { startMonitor } from '../monitor/monitor.ts';
import { asStored, type BootRecord } from '../record/schema.ts';
import type { StageMeasurement } from '../stages/measurement.ts';
import type { UnitsPerToken } from '../workload/source.ts';
import { plannedMs } from './plans.ts';
import { measureStage, type StageContext } from './stage.ts';
import { calibrate, checkContext } from './tokens.ts';

export interface BootContext
  extends Omit<StageContext, 'deployment' | 'monitor' | 'history' | 'laterMs' | 'unitsPerToken'> {
  readonly label: string;
  readonly side: BootRecord['side'];
  /** Of the pair that this boot is of; null = of none. */
  readonly pair: number | null;
  /** Folder of the configuration that says what is booted; files of the workload are relative to workloadDir. */
  readonly deploymentDir: string;
  readonly plans: ReadonlyMap<StageName, LoadPlan>;
  readonly historyOf: (stage: StageName) => StageContext['history'];
  /** Units of text a token where prompts are calibrated: of the baseline or an earlier boot; null = none yet. */
  readonly unitsOf: (stage: StageName) => UnitsPerToken | null;
  /** Called with what a stage is loaded with, before its load. */
  readonly onCalibrated: (stage: StageName, units: UnitsPerToken) => void;
  /** Called after each stage, so that a killed run keeps what it had. */
  readonly onStage: (boot: BootRecord) => void;
}

export interface BootResult {
  readonly boot: BootRecord;
  /** Why it never became ready; null = it did. */
  readonly error: PlimsollError | null;
}

/**
 * Never throws for what the deployment does under load.
 * @throws PlimsollError WORKLOAD_INVALID where the workload does not fit what the candidate's engine says of itself;
 *   CLIENT_LIMITS, OUT_NOT_WRITABLE, INTERNAL: what this machine lacks
 */
export async function measureBoot(context: BootContext): Promise<BootResult> {
  const startedAt = new Date().toISOString();
  let deployment: Deployment;
  try {
    deployment = await bootDeployment(context.config.deployment, {
      cwd: context.deploymentDir,
      boot: context.boot,
      logPath: context.folder.logOf(context.boot),
      label: context.label,
      secrets: context.config.secrets,
      signal: context.signal,
      onProgress: (message) => context.progress.note(message),
    });
  } catch (error) {
    if (!isOfDeployment(error)) throw error;
    return notReady(context, startedAt, error);
  }
  await using _deployment = deployment;
  // Awaited here: the deployment goes when this function returns.
  return await measureReady(context, deployment, startedAt);
}

const OF_DEPLOYMENT: ReadonlySet<ErrorCode> = new Set([
  'CONFIG_INVALID',
  'COMMAND_NOT_FOUND',
  'PORT_TAKEN',
  'BUILD_FAILED',
  'BOOT_EXITED',
  'BOOT_TIMEOUT',
  'WORKLOAD_INVALID',
  'CANCELLED',
]);
/**
 * Of an error on the way to the first load: it is about what was to be booted. A full disk or a client at its limits
 * is this machine's, and nothing that a side could be blamed or excused for.
 */
export const isOfDeployment = (error: unknown): error is PlimsollError =>
  error instanceof PlimsollError && OF_DEPLOYMENT.has(error.code);

/** A boot that gave nothing, for this reason. */
export function notReady(
  context: Pick<BootContext, 'boot' | 'side' | 'pair' | 'signal'>,
  startedAt: string,
  error: PlimsollError,
): BootResult {
  const end = context.signal.aborted ? 'cancelled' : 'not_ready';
  const facts = { index: context.boot, startedAt, bootMs: null, end, reason: error.message, subject: {} } as const;
  return { boot: bootRecord(context, facts, []), error };
}

async function measureReady(context: BootContext, deployment: Deployment, startedAt: string): Promise<BootResult> {
  const { config, signal } = context;
  await using monitor = startMonitor({
    target: deployment,
    pid: deployment.pid,
    engine: config.deployment.engine,
    metricsUrl: config.deployment.metrics,
    intervalMs: config.monitor.interval,
    nvidiaSmi: config.monitor.nvidiaSmi,
    env: config.deployment.env,
  });
  const subject = await readSubject(config, deployment, { cwd: context.deploymentDir });
  const stages: StageMeasurement[] = [];
  const ended = (end: BootRecord['end'], reason: string | null): BootResult => ({
    boot: bootRecord(
      context,
      { index: context.boot, startedAt, bootMs: deployment.bootMs, end, reason, subject },
      stages,
    ),
    error: null,
  });
  const plans = [...context.plans.values()];
  let unitsOf: (stage: StageName) => UnitsPerToken | undefined;
  try {
    for (const plan of plans) await checkContext(deployment, config, plan, context.workloadDir, signal);
    unitsOf = await calibrated(context, deployment);
  } catch (error) {
    if (signal.aborted) return ended('cancelled', 'cancelled');
    // What the base's engine says of itself is a reason not to compare, as a base that does not boot is.
    if (context.side === 'base' && isOfDeployment(error)) return notReady(context, startedAt, error);
    throw error;
  }
  for (const [position, plan] of plans.entries()) {
    const laterMs = plans.slice(position + 1).reduce((sum, later) => sum + plannedMs(later), 0);
    const history = context.historyOf(plan.stage);
    const measurement = await measureStage(plan, {
      ...context,
      deployment,
      monitor,
      history,
      laterMs,
      unitsPerToken: unitsOf(plan.stage),
    });
    stages.push(measurement);
    if (measurement.status === 'cancelled' || signal.aborted) return ended('cancelled', 'cancelled');
    if (measurement.status === 'aborted') return ended('died', measurement.reason);
    context.onStage(ended('complete', null).boot);
  }
  return ended('complete', null);
}

/** What each stage takes for a token. The engine is asked once, and only where a stage has nothing pinned. */
async function calibrated(
  { config, plans, unitsOf, onCalibrated, signal }: BootContext,
  deployment: Deployment,
): Promise<(stage: StageName) => UnitsPerToken | undefined> {
  const { prompts } = config.workload;
  if (prompts.kind !== 'synthetic' || !prompts.calibrate) return () => undefined;
  const stages = [...plans.keys()];
  const fresh = stages.every((stage) => unitsOf(stage) !== null) ? null : await calibrate(deployment, config, signal);
  const units = new Map(stages.map((stage) => [stage, unitsOf(stage) ?? fresh!]));
  for (const [stage, each] of units) onCalibrated(stage, each);
  return (stage) => units.get(stage);
}

type BootFacts = Pick<BootRecord, 'index' | 'startedAt' | 'bootMs' | 'end' | 'reason' | 'subject'>;

const bootRecord = (
  { side, pair }: Pick<BootContext, 'side' | 'pair'>,
  facts: BootFacts,
  stages: readonly StageMeasurement[],
): BootRecord => ({
  ...facts,
  side,
  pair,
  stages: stages.map(asStored) as BootRecord['stages'],
});

/** The client spoilt this boot (not the deployment): it may be repeated. */
export function spoiltByClient(boot: BootRecord): string | null {
  if (boot.end !== 'complete') return null;
  for (const stage of boot.stages) {
    const spoilt = stage.invalid.find((item) => item.code.startsWith('client_'));
    if (spoilt) return `${stage.stage}: ${spoilt.message}`;
  }
  return null;
}
