// Who accepted a change: a comment `/plimsoll accept` on the pull request is the record, and nothing else is stored. It
// counts where its author may write, where it was never edited, and where it is newer than our first report on exactly
// the commit that is judged: nobody can have accepted what they could not have read.

import type { Accepted } from '../judge/accept.ts';
import { type Api, statusOf } from './api.ts';
import { parseCommand } from './command.ts';
import { type CommentTarget, ownComments } from './comment.ts';
import { type Marker, sameComment } from './marker.ts';

/** Whether GitHub lets this user push: the word of the repository, not the association that a comment claims. */
export async function mayWrite(api: Api, { owner, repo }: Omit<CommentTarget, 'prNumber'>, login: string) {
  try {
    const { data } = await api.rest.repos.getCollaboratorPermissionLevel({ owner, repo, username: login });
    return ['admin', 'maintain', 'write'].includes(data.permission);
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

/**
 * The newest accept of what was reported on `head`; null where there is none that counts.
 * @param until accepts after it come too late, ISO 8601
 * @throws what the API throws
 */
export async function findAccept(
  api: Api,
  target: CommentTarget,
  { config, name, head, until }: Pick<Marker, 'config' | 'name'> & { readonly head: string; readonly until?: string },
): Promise<Accepted | null> {
  const report = (await ownComments(api, target)).find(
    ({ marker }) => sameComment(marker, { config, name }) && marker.head === head && marker.stands !== 'final',
  );
  const since = report?.marker.since;
  if (since === undefined) return null;
  const { owner, repo, prNumber: issue_number } = target;
  const comments = await api.paginate(api.rest.issues.listComments, {
    owner,
    repo,
    issue_number,
    since,
    per_page: 100,
  });
  const times = { after: Date.parse(since), until: until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until) };
  for (const { body, user, created_at: created, updated_at: updated, html_url: url } of comments.toReversed()) {
    const command = parseCommand(body ?? '');
    if (command === null || command === 'unknown' || command.kind !== 'accept') continue;
    if (!user || user.type === 'Bot' || updated !== created) continue;
    if (Date.parse(created) <= times.after || Date.parse(created) > times.until) continue;
    if (await mayWrite(api, target, user.login)) return { by: user.login, reason: command.reason, url };
  }
  return null;
}

/**
 * In the merge queue: the accept of the pull request that this entry adds. It is of that pull request's head, so the
 * entry must be its head on the base and nothing else; the entries that it waits behind would be accepted with it.
 * @throws what the API throws
 */
export async function findQueuedAccept(
  api: Api,
  target: CommentTarget,
  { baseRef, headSha }: { readonly baseRef: string; readonly headSha: string },
  own: Pick<Marker, 'config' | 'name'>,
): Promise<Accepted | null> {
  const { owner, repo, prNumber: pull_number } = target;
  const [tip, entry, pull] = await Promise.all([
    api.rest.git.getRef({ owner, repo, ref: `heads/${baseRef}` }),
    api.rest.git.getCommit({ owner, repo, commit_sha: headSha }),
    api.rest.pulls.get({ owner, repo, pull_number }),
  ]);
  const head = pull.data.head.sha;
  const [below, merged = head] = entry.data.parents.map(({ sha }) => sha);
  if (below !== tip.data.object.sha || merged !== head || entry.data.parents.length > 2) return null;
  // A squash does not name the head that is in it: what was accepted later may be another.
  return await findAccept(api, target, { ...own, head, until: entry.data.committer.date });
}

/**
 * After a merge: why the level of this commit is a new one; null where nobody accepted that.
 * @throws what the API throws
 */
export async function acceptedByMerge(
  api: Api,
  { owner, repo }: Omit<CommentTarget, 'prNumber'>,
  commit: string,
  own: Pick<Marker, 'config' | 'name'>,
): Promise<string | null> {
  const { data } = await api.rest.repos.listPullRequestsAssociatedWithCommit({ owner, repo, commit_sha: commit });
  const pull = data.find((one) => one.merged_at !== null && one.merge_commit_sha === commit);
  if (pull === undefined) return null;
  const accepted = await findAccept(
    api,
    { owner, repo, prNumber: pull.number },
    { ...own, head: pull.head.sha, until: pull.merged_at! },
  );
  if (accepted === null) return null;
  return `accepted by ${accepted.by} in #${pull.number}${accepted.reason === null ? '' : `: ${accepted.reason}`}`;
}
