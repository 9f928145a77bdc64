// The story of a run, on one page: configuration in, deployment booted and loaded, records judged against the
// stored baseline, booted again while the judge asks for it, files written, verdict out.

import { historyOf, pinnedUnits, storedFile } from './baseline/lookup.ts';
import type { BaselineLookup } from './baseline/schema.ts';
import { type BaselineSource, findBaseline, formatBaseline } from './baseline/store.ts';
import type { Config } from './config/schema.ts';
import { runBuild } from './deployment/build.ts';
import { EXIT } from './errors.ts';
import { judge } from './judge/judge.ts';
import type { Verdict } from './judge/verdict.ts';
import { readEnvironment } from './monitor/environment.ts';
import { encodeRecord } from './record/codec.ts';
import { METHOD_VERSION, type RunRecord } from './record/schema.ts';
import type { Provenance, ReportInput } from './report/input.ts';
import { measureBoot, spoiltByClient } from './runner/boot.ts';
import { checkRunFolder, openRunFolder, type RunContext, type RunFolder } from './runner/folder.ts';
import { takeMachine } from './runner/machine.ts';
import { planStages, refuseUnbearable } from './runner/plans.ts';
import type { Progress } from './runner/progress.ts';
import { publishFiles } from './runner/publish.ts';
import { beginRecord, withBoot, withoutBoot } from './runner/record.ts';
import { VERSION } from './version.ts';

export type RunMode = 'gate' | 'baseline' | 'measure';

export interface RunOptions {
  readonly config: Config;
  /** Folder that relative paths of the configuration refer to. */
  readonly cwd: string;
  readonly out: string;
  readonly baselines: BaselineSource;
  readonly mode: RunMode;
  /** Tells matrix legs apart; empty for the only one. */
  readonly name: string;
  readonly provenance: Omit<Provenance, 'plimsoll'>;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** What a report is made of, where its files are, and how the process should end. */
export interface RunResult extends ReportInput {
  readonly folder: RunFolder;
  readonly exitCode: number;
}

/** How many boots may be thrown away because the client spoilt them, before the run gives up. */
const MAX_DISCARDED = 2;

/**
 * Boots, loads, judges. A deployment that fails under load is a verdict, not an error.
 * @throws PlimsollError where nothing could be measured (configuration, lock, boot, out folder)
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { config, progress, signal } = options;
  checkRunFolder(options.out);
  const label = `${config.deployment.name}${options.name === '' ? '' : ` (${options.name})`}`;

  await using _machine = await takeMachine({ config, label, out: options.out, progress, signal });
  const folder = openRunFolder(options.out);

  const environment = { ...(await readEnvironment(config.deployment)), method: METHOD_VERSION };
  const lookup = findBaseline(options.baselines, config.deployment.name, environment);
  const { plans, waiting } = planStages(config, lookup, options.cwd);
  await refuseUnbearable(plans, config.deployment.url);
  for (const stage of waiting)
    progress.warn(`${stage} waits: its load is a share of the knee, and no baseline of this environment has one yet`);
  let record = beginRecord(options, environment, plans);
  const save = (next: RunRecord): RunRecord => {
    folder.write('record', encodeRecord(next));
    return next;
  };
  save(record);
  writeContext(folder, options, lookup, null);
  const baseline = storedFile(lookup);
  if (baseline !== null) folder.write('baseline', formatBaseline(baseline));

  await runBuild(config.deployment, {
    cwd: options.cwd,
    logPath: folder.logOf('build'),
    label,
    secrets: config.secrets,
    signal,
    onProgress: (message) => progress.note(message),
  });

  // What waits for others or builds is not the machine time that comparison.budget is about.
  const startedMs = performance.now();
  let verdict: Verdict;
  for (let index = 1; ; index++) {
    progress.section(`Boot ${index}: ${record.boots.length} of at most ${config.comparison.maxBoots} counted so far`);
    const { boot, error } = await measureBoot({
      config,
      plans,
      folder,
      progress,
      signal,
      label,
      boot: index,
      workloadDir: options.cwd,
      historyOf: (stage) => historyOf(lookup, stage, record.workloads[stage]?.key),
      unitsOf: (stage) =>
        record.workloads[stage]?.unitsPerToken ?? pinnedUnits(historyOf(lookup, stage, record.workloads[stage]?.key)),
      onCalibrated(stage, unitsPerToken) {
        const workload = record.workloads[stage];
        if (workload)
          record = { ...record, workloads: { ...record.workloads, [stage]: { ...workload, unitsPerToken } } };
      },
      onStage: (partial) => save({ ...record, boots: [...record.boots, partial] }),
    });
    // The first boot that is not ready is the user's error; a later one is also news about the deployment.
    if (error !== null && record.boots.length === 0) throw error;
    const full = overBudget(performance.now() - startedMs, index, config);
    const spoilt = spoiltByClient(boot);
    if (spoilt !== null && full === null && record.discarded.length < MAX_DISCARDED) {
      record = save(withoutBoot(record, index, spoilt));
      progress.warn(`boot ${index} does not count, the client spoilt it: ${spoilt}`);
      continue;
    }
    record = save(withBoot(record, boot, signal.aborted));
    verdict = judge({
      record,
      lookup,
      policy: config,
      expected: [...plans.keys()],
      overBudget: full,
      provenance: options.provenance,
    });
    writeContext(folder, options, lookup, full);
    // A death past the knee is part of the curve: the gates that are open are still worth their boot.
    const over = boot.end === 'cancelled' || boot.end === 'not_ready' || signal.aborted;
    if (over || !verdict.climb.again || options.mode !== 'gate') break;
    progress.note(`another boot: ${verdict.climb.reason}`);
  }

  const report: ReportInput = { record, verdict, baseline, provenance: { ...options.provenance, plimsoll: VERSION } };
  await folder.close().catch((error: Error) => progress.warn(`${error.message}: the rows of this run are incomplete`));
  await publishFiles(folder, report);
  progress.end();
  const exitCode = record.boots.at(-1)?.end === 'not_ready' ? EXIT.notReady : verdict.exitCode;
  return { ...report, folder, exitCode };
}

/** Why no further boot fits into comparison.budget; null = one fits. */
function overBudget(spentMs: number, boots: number, config: Config): string | null {
  const nextMs = spentMs / boots;
  const { budget } = config.comparison;
  if (spentMs + nextMs <= budget) return null;
  return `the budget of ${Math.round(budget / 60_000)} min has no room for another boot of about ${Math.ceil(nextMs / 60_000)} min`;
}

/** What `plimsoll report` and `plimsoll judge` need to tell the same story again without this machine. */
function writeContext(folder: RunFolder, options: RunOptions, lookup: BaselineLookup, overBudget: string | null): void {
  const { sla, comparison, failOn, price, strict } = options.config;
  const context: RunContext = {
    provenance: { ...options.provenance, plimsoll: VERSION },
    policy: { sla, comparison, failOn, price, strict },
    lookup: lookup.kind === 'found' ? { kind: 'found', path: lookup.path } : lookup,
    overBudget,
  };
  folder.write('context', `${JSON.stringify(context, null, 2)}\n`);
}
