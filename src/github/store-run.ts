// What `mode: baseline` leaves of a run: its boots in the store of the checkout, and then on the branch. The verdict is
// made; whatever cannot be committed is a warning that says what is missing and where the run is kept.

import * as core from '@actions/core';
import { addRunToStore, badgePath } from '../baseline/store.ts';
import { EXIT } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import { renderBadge } from '../report/badge.ts';
import type { ReportInput } from '../report/input.ts';
import { commitBaseline } from './baseline-commit.ts';
import { type Committed, failed, type Kept, newSegmentOf, OWN_BRANCHES } from './baseline-job.ts';
import type { EventContext } from './event.ts';
import { type Leg, readMergedAccept, withApi } from './leg.ts';
import { inertLine } from './outputs.ts';
import { pathInRepository } from './policy.ts';

export interface Stored {
  /** Commit or pull request that has the run; null = neither. */
  readonly url: string | null;
  /** The run added boots to the store. */
  readonly changed: boolean;
}
export const NOTHING_STORED: Stored = { url: null, changed: false };

/** All of it, races with other runs too; the machine is idle meanwhile. */
const COMMIT_LIMIT_MS = 120_000;

/** @throws PlimsollError where the store of the checkout is damaged or cannot be written */
export async function storeRun(leg: Leg, judged: ReportInput & { readonly exitCode: number }): Promise<Stored> {
  const { inputs } = leg;
  const { record, exitCode } = judged;
  const accepted = await readMergedAccept(leg);
  const stored = addRunToStore(inputs.baselines, record, newSegmentOf(accepted));
  if (stored.begun !== null) core.info(inertLine(`baseline: a new segment begins: ${stored.begun}`));
  for (const added of stored.added) core.info(inertLine(`baseline: added ${added}`));
  for (const refused of stored.refused) warn(`baseline: not added: ${refused}`);
  if (stored.path === null) return NOTHING_STORED;

  const badge = renderBadge(judged);
  if (badge !== null) writeFileAtomic(badgePath(stored.path), badge);

  const { url, file, said, warnings } = await commitRun(leg, { record, accepted, badge }, exitCode);
  if (said !== '') core.info(inertLine(`baseline: ${said}`));
  // A later step that commits the folder finds nothing to add to what was committed here.
  if (file !== null && file.path === pathInRepository(process.cwd(), stored.path))
    writeFileAtomic(stored.path, file.text);
  for (const warning of warnings) warn(warning);
  if (url === null)
    warn(
      `The run is kept: ${stored.path} of this checkout has it, and \`plimsoll baseline add ${leg.record}\` adds it to another one.`,
    );
  return { url, changed: true };
}

async function commitRun(leg: Leg, kept: Kept, exitCode: number): Promise<Committed> {
  const { inputs, event, cancelled } = leg;
  const { owner, repo, serverUrl, branch, runUrl } = event;
  const problem = whyNot(event, exitCode);
  if (problem !== null || branch === null) return failed(`The baseline was not committed: ${problem}.`);
  const folder = pathInRepository(process.cwd(), inputs.baselines);
  if (folder === null)
    return failed(`The baseline was not committed: ${inputs.baselines} is not inside a checkout of the repository.`);
  const target = { owner, repo, serverUrl, branch, folder, runUrl };
  const limit = AbortSignal.any([cancelled, AbortSignal.timeout(COMMIT_LIMIT_MS)]);
  try {
    return await withApi(leg, limit, (api) => commitBaseline(api, target, kept, limit));
  } catch (error) {
    return failed(`The baseline was not committed: ${(error as Error).message}`);
  }
}

/** Kinds of events whose job runs for the branch whose code was measured. */
const OF_THE_BRANCH: readonly EventContext['kind'][] = ['push', 'schedule', 'workflow_dispatch'];

/** What must not become a level that others are held to; null = it may. */
export function whyNot(
  { kind, isFork, branch }: Pick<EventContext, 'kind' | 'isFork' | 'branch'>,
  exitCode: number,
): string | null {
  if (isFork || !OF_THE_BRANCH.includes(kind))
    return `a run for ${kind}${isFork ? ' from a fork' : ''} measures what is not merged`;
  if (branch === null) return 'the job runs for a tag, not for a branch';
  if (branch.startsWith(OWN_BRANCHES)) return `${branch} is a branch of Plimsoll's own`;
  if (exitCode !== EXIT.ok) return 'the run did not pass';
  return null;
}

const warn = (message: string): void => core.warning(inertLine(message), { title: 'Plimsoll' });
