// The story of `plimsoll ledger`: the same deployment booted and loaded again and again, and after each boot what the
// boots so far say of their differences written to the ledger of the baseline. Nothing is judged.

import { type AaResult, otherWorkload } from '../baseline/aa.ts';
import { listDifferences } from '../baseline/admission.ts';
import { historyOf, pinnedUnits, storedFile } from '../baseline/lookup.ts';
import type { BaselineFile, BaselineLookup } from '../baseline/schema.ts';
import { findBaseline, learnAaInStore } from '../baseline/store.ts';
import type { Config, Gate, StageName } from '../config/schema.ts';
import { EXIT, PlimsollError } from '../errors.ts';
import { type KeysOf, leastLedgerDf, type Sight, sightsOf, spreadsOf, untaughtGates } from '../judge/aa.ts';
import { readEnvironment } from '../monitor/environment.ts';
import { encodeRecord } from '../record/codec.ts';
import { METHOD_VERSION, type RunRecord } from '../record/schema.ts';
import { sightLine } from '../report/ledger.ts';
import { measureBoot } from './boot.ts';
import { checkRunFolder, closeRunFolder, openRunFolder, type RunFolder } from './folder.ts';
import { takeMachine } from './machine.ts';
import { type Plans, plannedMs, planStages, refuseUnbearable, tellWaiting } from './plans.ts';
import type { Progress } from './progress.ts';
import { beginRecord, withBoot, withUnits } from './record.ts';
import { createBuilder } from './sides.ts';

/** When it is enough: so many boots that count, or so many degrees of freedom of each gate. */
export type LedgerGoal =
  | { readonly kind: 'boots'; readonly boots: number }
  | { readonly kind: 'degrees of freedom'; readonly df: number };

export interface LedgerOptions {
  /** With only the stages that are to run. */
  readonly config: Config;
  readonly cwd: string;
  readonly out: string;
  /** The folder of the store. */
  readonly baselines: string;
  readonly goal: LedgerGoal;
  readonly commit: string | null;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** What was bought. */
export interface LedgerResult {
  /** The baseline file that was written; null = nothing was learnt. */
  readonly path: string | null;
  /** Boots that count in at least one stage. */
  readonly boots: number;
  readonly minutes: number;
  readonly before: readonly Sight[];
  readonly after: readonly Sight[];
  /** Gates of which no boots here ever taught anything: censored, not measured, or of too few boots. */
  readonly untaught: readonly Gate[];
  /** What so many more boots would make of it. */
  readonly further: { readonly boots: number; readonly sights: readonly Sight[] };
  /** Why it ended before its goal; null = it reached it. */
  readonly stopped: string | null;
  readonly exitCode: number;
}

/** Boots that taught nothing before it is given up: something is wrong that more boots do not cure. */
const MOST_LOST = 3;
/** Boots whose price is named at the end. */
const FURTHER = 10;

/**
 * What was measured until a failed boot or an abort stays written.
 * @throws PlimsollError BASELINE_REFUSED, before anything boots, where no gate would look up what the boots teach; else
 *   where not even the first boot could be measured (configuration, lock, boot, out folder)
 */
export async function fillLedger(options: LedgerOptions): Promise<LedgerResult> {
  const { config, goal, progress, signal } = options;
  checkRunFolder(options.out);
  const label = `${config.deployment.name} (ledger)`;
  await using _machine = await takeMachine({ config, label, out: options.out, progress, signal });
  const { lookup, plans, record } = await begin(options);
  const keys = keysOf(record);
  const sights = (file: BaselineFile | null, learnt = 0): readonly Sight[] =>
    file === null ? [] : sightsOf(file, keys, config, learnt);
  const missing = (of: readonly Sight[], boots: number): number =>
    goal.kind === 'boots' ? goal.boots - boots : goal.df - leastLedgerDf(of, keys, config, boots);

  let file = storedFile(lookup);
  const before = sights(file);
  const startedMs = performance.now();
  const result = (boots: number, path: string | null, stopped: string | null, exitCode: number): LedgerResult => ({
    path,
    boots,
    minutes: (performance.now() - startedMs) / 60_000,
    before,
    after: sights(file),
    untaught: untaughtGates(sights(file), keys, config),
    further: { boots: FURTHER, sights: sights(file, FURTHER) },
    stopped,
    exitCode,
  });
  if (missing(before, 0) <= 0) return result(0, null, null, EXIT.ok);

  const folder = openRunFolder(options.out);
  const session: Session = { options, label, lookup, plans, folder, record };
  save(session, record);
  await createBuilder({ folder, label, progress, signal })({ side: 'candidate', config, folder: options.cwd });
  // The first boot of a run has nothing to differ from.
  const planned = missing(before, 0) + (goal.kind === 'boots' ? 0 : 1);
  progress.note(`${planned} boots of about ${minutesOf(plans)} min of load each, beside booting and warm-up`);
  let counted = 0;
  let path: string | null = null;
  let stopped: string | null = null;
  for (let index = 1; stopped === null; index++) {
    progress.section(`Boot ${index}: ${counted} of ${planned} counted so far`);
    await bootOnce(session, index);
    const learnt = learnAaInStore(options.baselines, session.record, spreadsOf);
    if (learnt.path !== null) ({ path, file } = { path: learnt.path, file: learnt.file });
    counted = learnt.boots.length;
    const now = sights(file);
    tell(progress, learnt, index, now);
    if (missing(now, counted) <= 0 && !signal.aborted) break;
    stopped = whyStop(signal, index - counted, index - planned);
  }
  await closeRunFolder(folder, progress);
  progress.end();
  const notReady = session.record.boots.at(-1)?.end === 'not_ready';
  return result(counted, path, stopped, stopped === null ? EXIT.ok : notReady ? EXIT.notReady : EXIT.invalid);
}

// ---- parts ----------------------------------------------------------------------------------------------

/** What is to be run and where it will be looked up, before anything is. */
async function begin(options: LedgerOptions): Promise<Pick<Session, 'lookup' | 'plans' | 'record'>> {
  const { config, cwd, progress } = options;
  const environment = { ...(await readEnvironment(config.deployment)), method: METHOD_VERSION };
  const lookup = findBaseline({ kind: 'directory', path: options.baselines }, config.deployment.name, environment);
  refuseOtherEnvironment(lookup);
  const { plans, waiting } = planStages(config, lookup, cwd);
  const provenance = { commit: options.commit };
  const record = beginRecord({ config, cwd, mode: 'measure', name: '', provenance }, environment, plans);
  refuseOtherWorkloads(lookup, record);
  await refuseUnbearable(plans, config.deployment.url);
  tellWaiting(waiting, progress);
  if (config.deployment.kind === 'external')
    progress.warn('this deployment is not booted here: the ledger learns how much loads of it differ, not boots');
  return { lookup, plans, record };
}

interface Session {
  readonly options: LedgerOptions;
  readonly label: string;
  readonly lookup: BaselineLookup;
  readonly plans: Plans;
  readonly folder: RunFolder;
  /** Grows by a boot at a time. */
  record: RunRecord;
}

function save(session: Session, record: RunRecord): void {
  session.folder.write('record', encodeRecord(record));
}

async function bootOnce(session: Session, index: number): Promise<void> {
  const { options, lookup, plans, folder, label } = session;
  const { config, progress, signal } = options;
  const workloadOf = (stage: StageName) => session.record.workloads[stage];
  const stored = (stage: StageName) => historyOf(lookup, stage, workloadOf(stage)?.key);
  const { boot, error } = await measureBoot({
    config,
    plans,
    folder,
    progress,
    signal,
    label,
    boot: index,
    side: 'candidate',
    pair: null,
    deploymentDir: options.cwd,
    workloadDir: options.cwd,
    historyOf: stored,
    unitsOf: (stage) => workloadOf(stage)?.unitsPerToken ?? pinnedUnits(stored(stage)),
    onCalibrated(stage, unitsPerToken) {
      session.record = withUnits(session.record, stage, unitsPerToken);
    },
    onStage: (partial) => save(session, { ...session.record, boots: [...session.record.boots, partial] }),
  });
  // The first boot that is not ready is the user's error; what later ones do must not cost what is measured.
  if (error !== null && session.record.boots.length === 0) throw error;
  session.record = withBoot(session.record, boot, signal.aborted);
  save(session, session.record);
}

function whyStop(signal: AbortSignal, lost: number, beyondPlan: number): string | null {
  if (signal.aborted) return 'it was ended';
  if (lost >= MOST_LOST) return `${lost} boots did not count`;
  return beyondPlan >= MOST_LOST ? 'some boots did not measure all that was asked for' : null;
}

function refuseOtherEnvironment(lookup: BaselineLookup): void {
  if (lookup.kind !== 'incomparable') return;
  throw new PlimsollError(
    'BASELINE_REFUSED',
    `No baseline of this deployment was recorded in this environment; of the nearest, ${lookup.path}, ${listDifferences(lookup.differences)}. How much boots differ here says nothing about there.`,
    {
      hint: 'Run it on the machine of that baseline, or record a baseline of this one first: plimsoll run --mode baseline.',
    },
  );
}

function refuseOtherWorkloads(lookup: BaselineLookup, { workloads }: RunRecord): void {
  const others = (Object.keys(workloads) as StageName[]).flatMap((stage) => {
    const reason = otherWorkload(storedFile(lookup), stage, workloads[stage]!);
    return reason === null ? [] : [`${stage}: ${reason}`];
  });
  if (lookup.kind !== 'found' || others.length === 0) return;
  throw new PlimsollError(
    'BASELINE_REFUSED',
    `The baseline ${lookup.path} was recorded with another configuration; ${others.join('. ')}.`,
    {
      hint: 'Take the configuration of the baseline, leave the stage out (--stage names those to run), or record a baseline with this one first: plimsoll run --mode baseline.',
    },
  );
}

const keysOf = ({ workloads }: RunRecord): KeysOf =>
  Object.fromEntries(Object.entries(workloads).map(([stage, { key }]) => [stage, key]));

const minutesOf = (plans: Plans): number =>
  Math.ceil([...plans.values()].reduce((sum, plan) => sum + plannedMs(plan), 0) / 60_000);

/** What this boot added, and what the gates see now. */
function tell(
  progress: Progress,
  { refused, learnt }: Pick<AaResult, 'refused' | 'learnt'>,
  boot: number,
  sights: readonly Sight[],
): void {
  for (const { boot: of, reason } of refused)
    if (of === boot || of === null) progress.warn(`boot ${boot} does not count: ${reason}`);
  if (learnt.length === 0) progress.note('nothing to learn yet: it takes two boots to differ');
  else for (const sight of sights) progress.note(sightLine(sight));
}
