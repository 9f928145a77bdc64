// One rung of the ladder: a boot of the candidate, or a pair of boots, base and candidate one after the other. A boot
// that the client spoilt is repeated. In: the record so far. Out: the record with these boots, and whether it can go on.

import { historyOf, pinnedUnits } from '../baseline/lookup.ts';
import type { BaselineLookup } from '../baseline/schema.ts';
import type { BootRecord, RunRecord } from '../record/schema.ts';
import { type BootContext, type BootResult, isOfDeployment, measureBoot, notReady, spoiltByClient } from './boot.ts';
import { unfinished, withBoot, withoutBoot, withUnits } from './record.ts';
import type { Side } from './sides.ts';

export interface TurnContext extends Pick<BootContext, 'plans' | 'folder' | 'progress' | 'signal' | 'label'> {
  /** Folder that files of the workload are relative to. */
  readonly workloadDir: string;
  readonly lookup: BaselineLookup;
  readonly save: (record: RunRecord) => RunRecord;
  readonly build: (side: Side) => Promise<void>;
  /** Why after so many boots no further one fits into the budget; null = one does. */
  readonly noRoom: (boots: number) => string | null;
}

export interface Turn {
  readonly record: RunRecord;
  /** A side was not ready, or the run was cancelled: no further turn makes sense. */
  readonly over: boolean;
}

/** How many boots may be thrown away because the client spoilt them, before the run gives up. */
const MAX_DISCARDED = 2;

/**
 * @param sides in the order in which they are booted
 * @param pair null where the candidate is booted alone
 * @throws PlimsollError where the candidate is not ready in the first boot of all, or its build fails; on either side
 *   what this machine lacks: CLIENT_LIMITS, OUT_NOT_WRITABLE, INTERNAL
 */
export async function takeTurn(
  before: RunRecord,
  sides: readonly Side[],
  pair: number | null,
  context: TurnContext,
): Promise<Turn> {
  let record = before;
  for (const [position, side] of sides.entries()) {
    const boot = await soundBoot(record, side, pair, context);
    record = withBoot(boot.record, boot.boot, context.signal.aborted);
    const { end } = boot.boot;
    const cancelled = end === 'cancelled' || context.signal.aborted;
    const isLast = position === sides.length - 1;
    // Without a base the candidate is still measured, once: its rules are judged all the same.
    const goesOn = !cancelled && !isLast && (end !== 'not_ready' || (side.side === 'base' && pair === 1));
    record = context.save(goesOn ? unfinished(record) : record);
    if (!goesOn) break;
  }
  const own = record.boots.slice(before.boots.length);
  const over = context.signal.aborted || own.some(({ end }) => end === 'cancelled' || end === 'not_ready');
  return { record, over };
}

interface SoundBoot {
  /** With the boots that were thrown away, and what prompts were calibrated to. */
  readonly record: RunRecord;
  readonly boot: BootRecord;
}

/** A boot of one side that the client did not spoil; after too many the spoilt one. */
async function soundBoot(before: RunRecord, side: Side, pair: number | null, context: TurnContext): Promise<SoundBoot> {
  let record = before;
  const historyHere: BootContext['historyOf'] = (stage) =>
    historyOf(context.lookup, stage, record.workloads[stage]?.key);
  for (;;) {
    const index = record.boots.length + record.discarded.length + 1;
    context.progress.section(sectionOf(index, side, pair, record));
    const { boot, error } = await oneBoot(side, context, {
      boot: index,
      pair,
      historyOf: historyHere,
      unitsOf: (stage) => record.workloads[stage]?.unitsPerToken ?? pinnedUnits(historyHere(stage)),
      onCalibrated(stage, unitsPerToken) {
        record = withUnits(record, stage, unitsPerToken);
      },
      onStage: (partial) => context.save({ ...record, boots: [...record.boots, partial] }),
    });
    // The first boot that is not ready is the user's error; a later one is also news about the deployment.
    if (error !== null && side.side === 'candidate' && record.boots.length === 0) throw error;
    const spoilt = spoiltByClient(boot);
    if (spoilt === null || record.discarded.length >= MAX_DISCARDED || context.noRoom(index) !== null)
      return { record, boot };
    record = context.save(withoutBoot(record, index, spoilt));
    context.progress.warn(`boot ${index} does not count, the client spoilt it: ${spoilt}`);
  }
}

function sectionOf(index: number, { side, config }: Side, pair: number | null, record: RunRecord): string {
  const { maxBoots } = config.comparison;
  return pair === null
    ? `Boot ${index}: ${record.boots.length} of at most ${maxBoots} counted so far`
    : `Boot ${index}: the ${side} of pair ${pair}, of at most ${maxBoots}`;
}

type OfBoot = Pick<BootContext, 'boot' | 'pair' | 'historyOf' | 'unitsOf' | 'onCalibrated' | 'onStage'>;

/** A base that cannot be built or booted is a reason not to compare, and not this change's doing. */
async function oneBoot(of: Side, context: TurnContext, own: OfBoot): Promise<BootResult> {
  const { build, lookup: _, save: __, noRoom: ___, ...shared } = context;
  const startedAt = new Date().toISOString();
  const boot: BootContext = {
    ...shared,
    ...own,
    config: of.config,
    side: of.side,
    deploymentDir: of.folder,
    label: of.side === 'base' ? `${shared.label}, base` : shared.label,
  };
  try {
    await build(of);
  } catch (error) {
    if (of.side === 'base' && isOfDeployment(error)) return notReady(boot, startedAt, error);
    throw error;
  }
  return measureBoot(boot);
}
