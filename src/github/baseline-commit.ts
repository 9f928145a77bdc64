// A run's boots on the branch that was measured: one commit through the API, on top of whatever the branch is by then.
// The file is read at the very head that the commit expects, so that no boot of another run is overwritten; where the
// branch refuses commits, its pull request takes them (baseline-pull.ts). Never throws: it decides nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import { formatBaseline } from '../baseline/codec.ts';
import { PlimsollError } from '../errors.ts';
import { type Api, explainFailure, isTransient, kindOf, statusOf, wordsOf } from './api.ts';
import {
  ATTEMPTS,
  type BaselineTarget,
  badgeFor,
  type Committed,
  FINAL,
  failed,
  type Job,
  type Kept,
  messageOf,
  nothingToAdd,
  PERMISSION,
  planOn,
  readBranch,
  textsOf,
} from './baseline-job.ts';
import { proposeBaseline } from './baseline-pull.ts';
import type { BranchStore } from './branch-store.ts';

/** @param secondMs one second of a pause; tests shorten it */
export async function commitBaseline(
  api: Api,
  target: BaselineTarget,
  kept: Kept,
  signal: AbortSignal,
  secondMs = 1_000,
): Promise<Committed> {
  const pause = async (attempt: number): Promise<void> => {
    // Those that met once must not meet again.
    await sleep(Math.min(attempt, 4) * (0.25 + Math.random()) * secondMs, undefined, { signal });
  };
  try {
    return await commit({ ...kept, api, target, contents: new Map(), pause });
  } catch (error) {
    const doing = `commit the baseline to ${target.branch}`;
    if (signal.aborted) return failed(`Could not ${doing}: GitHub did not take it in time.`);
    return failed(
      error instanceof PlimsollError
        ? `Could not ${doing}: ${error.message}`
        : explainFailure(error, doing, PERMISSION),
    );
  }
}

async function commit(job: Job): Promise<Committed> {
  const { target } = job;
  let refused = null as { readonly head: string; readonly words: string } | null;
  let last: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await job.pause(attempt);
    const store = await readBranch(job, target.branch);
    if (store === null)
      return failed(`The baseline was not committed: ${target.branch} is not there, or the token may not see it.`);
    // Only a refusal of what is still the head is the branch's own; everything else was a race.
    if (refused?.head === store.head) return await proposeBaseline(job, refused.words);
    const planned = planOn(job, await textsOf(job, store));
    if (planned.path === null) return nothingToAdd(job, planned, await commitOf(job, store));
    const text = formatBaseline(planned.file);
    try {
      const url = await push(job, store.head, { path: planned.path, text, added: planned.added });
      const said = `The baseline is on ${target.branch}: ${planned.added.join('; ')}.`;
      return { url, file: { path: planned.path, text }, said, warnings: [] };
    } catch (error) {
      last = error;
      if (FINAL.includes(statusOf(error) ?? 0)) throw error;
      // The commit may have been made all the same: the next look at the branch tells.
      if (kindOf(error) === 'STALE_DATA' || isTransient(error)) continue;
      refused = { head: store.head, words: wordsOf(error) };
    }
  }
  if (isTransient(last)) throw last;
  return failed(
    `The baseline was not committed: ${target.branch} moved on ${ATTEMPTS} times while it was prepared. The next run tries again.`,
  );
}

const COMMIT = `mutation ($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { url } }
}`;

interface Change {
  readonly path: string;
  readonly text: string;
  readonly added: readonly string[];
}

async function push(job: Job, head: string, { path, text, added }: Change): Promise<string> {
  const { owner, repo, branch } = job.target;
  const [headline, body] = messageOf(job, added);
  const answer = await job.api.graphql<{ createCommitOnBranch: { commit: { url: string } } }>(COMMIT, {
    input: {
      branch: { repositoryNameWithOwner: `${owner}/${repo}`, branchName: branch },
      expectedHeadOid: head,
      message: { headline, body },
      fileChanges: {
        additions: [addition(path, text), ...[...badgeFor(job, path)].map(([at, svg]) => addition(at, svg))],
      },
    },
  });
  return answer.createCommitOnBranch.commit.url;
}

const addition = (path: string, text: string) => ({ path, contents: Buffer.from(text).toString('base64') });

/** Address of the newest commit that changed the files of the run's deployment. */
async function commitOf({ api, target, record }: Job, { head }: BranchStore): Promise<string | null> {
  const { owner, repo, folder } = target;
  const path = `${folder}/${record.deployment}`;
  const { data } = await api.rest.repos.listCommits({ owner, repo, sha: head, path, per_page: 1 });
  return data[0]?.html_url ?? null;
}
