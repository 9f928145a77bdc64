// The story of a run, on one page: configuration in, deployment booted and loaded (alone, or in turn with its base),
// records judged against the stored baseline or the base, booted again while the judge asks for it, files written,
// verdict out.

import { randomInt } from 'node:crypto';
import type { Base } from './baseline/base.ts';
import { historyOf, storedFile } from './baseline/lookup.ts';
import type { BaselineLookup } from './baseline/schema.ts';
import { type BaselineSource, findBaseline, formatBaseline } from './baseline/store.ts';
import { type Config, STAGES } from './config/schema.ts';
import { EXIT } from './errors.ts';
import { judge } from './judge/judge.ts';
import type { Verdict } from './judge/verdict.ts';
import { readEnvironment } from './monitor/environment.ts';
import { encodeRecord } from './record/codec.ts';
import { METHOD_VERSION, type RunRecord } from './record/schema.ts';
import type { Provenance, ReportInput } from './report/input.ts';
import { checkRunFolder, closeRunFolder, openRunFolder, type RunContext, type RunFolder } from './runner/folder.ts';
import { takeMachine } from './runner/machine.ts';
import { planStages, refuseUnbearable, tellWaiting } from './runner/plans.ts';
import type { Progress } from './runner/progress.ts';
import { publishFiles } from './runner/publish.ts';
import { beginRecord } from './runner/record.ts';
import { createBuilder, openSides, orderOf } from './runner/sides.ts';
import { takeTurn } from './runner/turn.ts';
import { VERSION } from './version.ts';

export type RunMode = 'gate' | 'baseline' | 'measure';

export interface RunOptions {
  readonly config: Config;
  /** Folder that relative paths of the configuration refer to. */
  readonly cwd: string;
  readonly out: string;
  readonly baselines: BaselineSource;
  /** What an interleaved comparison boots beside the candidate; null = no base was named. */
  readonly base: Base | null;
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

/**
 * Boots, loads, judges. A deployment that fails under load is a verdict, not an error.
 * @throws PlimsollError where nothing could be measured (configuration, lock, boot, out folder)
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { config, progress, signal } = options;
  checkRunFolder(options.out);
  const label = `${config.deployment.name}${options.name === '' ? '' : ` (${options.name})`}`;

  const others = options.base?.kind === 'found' ? [options.base.deployment] : [];
  await using _machine = await takeMachine({ config, others, label, out: options.out, progress, signal });
  const folder = openRunFolder(options.out);

  const environment = { ...(await readEnvironment(config.deployment)), method: METHOD_VERSION };
  const lookup = findBaseline(options.baselines, config.deployment.name, environment);
  const { plans, waiting } = planStages(config, lookup, options.cwd);
  await refuseUnbearable(plans, config.deployment.url);
  tellWaiting(waiting, progress);
  const started = beginRecord(options, environment, plans);
  const base = interleavedWith(options, started, lookup);
  const save = (next: RunRecord): RunRecord => {
    folder.write('record', encodeRecord(next));
    return next;
  };
  let record = save(base === null ? started : { ...started, interleaved: interleavedRecord(base) });
  writeContext(folder, options, lookup, null);
  const baseline = storedFile(lookup);
  if (baseline !== null) folder.write('baseline', formatBaseline(baseline));

  await using sides = openSides(config, options.cwd, base?.kind === 'found' ? base : null);
  const build = createBuilder({ folder, label, progress, signal });
  await build(sides.candidate);

  // What waits for others or builds first is not the machine time that comparison.budget is about.
  const startedMs = performance.now();
  const noRoom = (boots: number, next: 'boot' | 'pair' = 'boot') =>
    overBudget(performance.now() - startedMs, boots, next, config);
  const rung = sides.base === null ? 'boot' : 'pair';
  let verdict: Verdict;
  for (let number = 1; ; number++) {
    const order = orderOf(sides, record.interleaved?.seed ?? 0, number);
    const turn = await takeTurn(record, order, rung === 'pair' ? number : null, {
      plans,
      folder,
      progress,
      signal,
      label,
      workloadDir: options.cwd,
      lookup,
      save,
      build,
      noRoom,
    });
    record = turn.record;
    const full = noRoom(record.boots.length + record.discarded.length, rung);
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
    if (turn.over || !verdict.climb.again || options.mode !== 'gate') break;
    progress.note(`another ${rung}: ${verdict.climb.reason}`);
  }

  const report: ReportInput = { record, verdict, baseline, provenance: { ...options.provenance, plimsoll: VERSION } };
  await closeRunFolder(folder, progress);
  await publishFiles(folder, report);
  progress.end();
  const last = record.boots.findLast(({ side }) => side === 'candidate');
  const exitCode = last?.end === 'not_ready' ? EXIT.notReady : verdict.exitCode;
  return { ...report, folder, exitCode };
}

/**
 * What the candidate is booted in turn with, or why it cannot be; null = it is compared with the store. Only where
 * boots are judged: a level is recorded by boots of its own.
 */
function interleavedWith({ config, mode, base }: RunOptions, record: RunRecord, lookup: BaselineLookup): Base | null {
  const { against, onMissingBaseline } = config.comparison;
  if (mode !== 'gate') return null;
  if (against === 'stored') {
    const isStored = STAGES.some((stage) => {
      const history = historyOf(lookup, stage, record.workloads[stage]?.key);
      return (history?.segments.at(-1)?.boots.length ?? 0) > 0;
    });
    if (onMissingBaseline !== 'interleaved' || isStored || base?.kind !== 'found') return null;
  }
  const none = (problem: string): Base => ({
    kind: 'none',
    ref: base?.ref ?? null,
    commit: base?.commit ?? null,
    problem,
  });
  if (config.deployment.kind === 'external')
    return none('an external deployment is not booted, so its boots cannot alternate with others');
  return base ?? none('no base was named');
}

const interleavedRecord = (base: Base): NonNullable<RunRecord['interleaved']> => ({
  ref: base.ref,
  commit: base.commit,
  seed: randomInt(2 ** 47),
  problem: base.kind === 'none' ? base.problem : null,
});

/** Why neither a further boot nor pair of boots fits into comparison.budget; null = it does. */
function overBudget(spentMs: number, boots: number, next: 'boot' | 'pair', config: Config): string | null {
  const nextMs = (spentMs / boots) * (next === 'pair' ? 2 : 1);
  const { budget } = config.comparison;
  if (spentMs + nextMs <= budget) return null;
  return `the budget of ${Math.round(budget / 60_000)} min has no room for another ${next} of about ${Math.ceil(nextMs / 60_000)} min`;
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
