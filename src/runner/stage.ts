// One stage on one boot: warm up, wait for quiet, load, measure; a round of the benchmark that was spoilt
// (by the client, or an outlier among its sisters) is replaced once by a fresh one.

import { devNull } from 'node:os';
import type { History } from '../baseline/schema.ts';
import type { Config } from '../config/schema.ts';
import type { Deployment } from '../deployment/boot.ts';
import type { Target } from '../deployment/target.ts';
import { taintedRounds } from '../judge/taint.ts';
import { foresee, readRoom } from '../load/foresee.ts';
import { type RowSink, runLoad } from '../load/load.ts';
import type { LoadPlan } from '../load/plan.ts';
import { warmUp } from '../load/warmup.ts';
import type { Monitor } from '../monitor/monitor.ts';
import { waitForQuiet } from '../monitor/quiet.ts';
import { encodeRow, encodeSample } from '../record/rows.ts';
import { planExtraRound, roundsRepeat } from '../stages/benchmark.ts';
import type { StageMeasurement } from '../stages/measurement.ts';
import { createMeasurer, type LoadEnd, type Measurer } from '../stages/measurer.ts';
import type { WorkloadRef } from '../workload/workload.ts';
import type { RunFolder } from './folder.ts';
import type { Progress } from './progress.ts';
import { openRowFile } from './row-file.ts';

export interface StageContext {
  readonly config: Config;
  readonly boot: number;
  readonly deployment: Deployment;
  readonly monitor: Monitor;
  readonly workloadDir: string;
  readonly history: History | null;
  readonly folder: RunFolder;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Planned load of the stages (and boots) still to come, for the clock that people watch. */
  readonly laterMs: number;
  /** Where prompts are calibrated. */
  readonly unitsPerToken: WorkloadRef['unitsPerToken'];
}

const WARM_UP = { requests: 16, concurrency: 8, timeoutMs: 60_000 };
const QUIET_LIMIT_MS = 30_000;

/** Carries out `plan` against the deployment. Never throws for what the deployment does: that is a result. */
export async function measureStage(plan: LoadPlan, context: StageContext): Promise<StageMeasurement> {
  const { config, deployment, progress, signal } = context;
  const workload: WorkloadRef = {
    config: config.workload,
    engine: config.deployment.engine,
    baseDir: context.workloadDir,
    stage: plan.stage,
    unitsPerToken: context.unitsPerToken,
  };
  const target: Target = { url: deployment.url, headers: deployment.headers, ca: deployment.ca };

  const warm = await warmUp({ target, workload, ...WARM_UP, secrets: config.secrets, signal });
  if (warm.failed > 0)
    progress.warn(
      `${plan.stage}: ${warm.failed} of ${warm.ok + warm.failed} warm-up requests failed (${warm.firstError ?? 'no reason given'})`,
    );
  const { refusal, warnings } = foresee(plan, await readRoom(target.url), warm.answerMs);
  if (refusal !== null) throw refusal;
  for (const warning of warnings) progress.warn(warning);
  await waitForQuiet(context.monitor, { timeoutMs: QUIET_LIMIT_MS, signal });

  const measurer = createMeasurer({
    plan,
    config,
    requestTimeoutMs: config.workload.requestTimeout,
    bootMs: deployment.bootMs,
  });
  const { answerMs } = warm;
  const first = await load(plan, measurer, workload, target, answerMs, context);
  if (plan.stage !== 'benchmark' || !roundsRepeat(plan) || first.load.end !== 'complete' || first.died !== null)
    return measurer.finish([first]);

  const measured = measurer.finish([first]);
  const spoilt = spoiltRound(measured, context.history);
  if (spoilt === null) return measured;
  progress.note(`round ${spoilt.round + 1} is replaced: ${spoilt.reason}`);
  const extra = planExtraRound(plan);
  const second = await load(extra, measurer.extraRound(extra), workload, target, answerMs, context);
  const gone = second.died ?? (second.load.end === 'dead' ? second.load.reason : null);
  if (gone !== null) return { ...measured, status: 'aborted', reason: gone };
  if (signal.aborted) return { ...measured, status: 'cancelled', reason: 'cancelled' };
  return second.load.end === 'complete' ? measurer.finish([first, second], { dropRound: spoilt.round }) : measured;
}

async function load(
  plan: LoadPlan,
  measurer: Pick<Measurer, 'add' | 'shouldStop'>,
  workload: WorkloadRef,
  target: Target,
  answerMs: number | null,
  context: StageContext,
): Promise<LoadEnd> {
  const { deployment, folder, monitor, progress, signal, boot } = context;
  let died: string | null = null;
  const gone = new AbortController();
  void deployment.onExit.then((report) => {
    died ??= `the deployment ended during ${plan.stage} (${report.signal ?? `exit code ${report.code}`}): ${report.lastLines.at(-1) ?? 'its log is empty'}`;
    gone.abort();
  });
  const phaseNames = plan.phases.map((phase) => phase.name);
  // One function for the load and its rehearsal: what is compiled for the one is compiled for the other.
  const sink =
    (measured: Pick<Measurer, 'add'>, append: RunFolder['appendRequests']): RowSink =>
    (rows) => {
      measured.add(rows);
      append(rows.map((row) => encodeRow(row, { boot, stage: plan.stage, phase: phaseNames[row.phase] ?? '' })));
    };
  const result = await runLoad(
    { plan, target, workload, workers: context.config.client.workers, secrets: context.config.secrets, answerMs },
    {
      onRows: sink(measurer, folder.appendRequests),
      rehearse() {
        const nowhere = openRowFile(devNull);
        const measured = createMeasurer({ plan, config: context.config, requestTimeoutMs: plan.requestTimeoutMs });
        return { onRows: sink(measured, nowhere.append), close: nowhere.close };
      },
      onProgress: (now) => progress.load(plan, now, context.laterMs),
      shouldStop: (now) => measurer.shouldStop(now),
      signal: AbortSignal.any([signal, gone.signal]),
    },
  );
  const samples = monitor.take(result.originMs);
  folder.appendSeries(samples.map((sample) => encodeSample(sample, { boot, stage: plan.stage })));
  const restarted = monitor.restarted();
  monitor.mark();
  return { load: result, samples, problems: monitor.problems(), died, restarted };
}

/** The one round that may be replaced: spoilt by the client, else an outlier by the judge's rule. */
function spoiltRound(measured: StageMeasurement, history: History | null): { round: number; reason: string } | null {
  const round = taintedRounds(measured, history)[0];
  if (round === undefined) return null;
  const [byClient] = measured.phases.filter((phase) => phase.kind === 'round')[round]?.invalid ?? [];
  return { round, reason: byClient?.message ?? 'its values stand apart from those of the other rounds' };
}
