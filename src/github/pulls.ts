// Which pull request a run was of. Never what the run itself says: GitHub's own account of the run (repository, branch,
// commit) is looked for among the open pull requests.

import { PlimsollError } from '../errors.ts';
import type { Api } from './api.ts';
import type { OtherRun } from './event.ts';

export interface Pull {
  readonly number: number;
  readonly baseRef: string;
  readonly baseSha: string;
}

/**
 * The open pull request whose head is the run's commit, of the run's repository and branch; null where there is none
 * any more: a newer push, or closed.
 * @throws PlimsollError INPUT_INVALID where several have it, and what the API throws
 */
export async function findPull(
  api: Api,
  { owner, repo }: { readonly owner: string; readonly repo: string },
  run: Pick<OtherRun, 'head' | 'headSha' | 'headRepositoryId'>,
): Promise<Pull | null> {
  if (run.head === null) return null;
  const open = await api.paginate(api.rest.pulls.list, { owner, repo, state: 'open', head: run.head, per_page: 100 });
  // The filter is a search by name; commit and repository are what must be the same.
  const found = open.filter(({ head }) => head.sha === run.headSha && head.repo?.id === run.headRepositoryId);
  const [pull, second] = found;
  if (pull === undefined) return null;
  if (second !== undefined) {
    throw new PlimsollError(
      'INPUT_INVALID',
      `The commit ${run.headSha.slice(0, 7)} is the head of several open pull requests (${found.map((one) => `#${one.number}`).join(', ')}), whose bases may have different rules.`,
      { hint: 'Close all but one of them.' },
    );
  }
  return { number: pull.number, baseRef: pull.base.ref, baseSha: pull.base.sha };
}
