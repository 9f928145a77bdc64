// The one comment per deployment on a pull request: found again by its marker, updated in place, never by an older
// run, and never more than one, however many jobs race. Publishing decides nothing: what fails becomes a warning.

import { type Api, explainFailure, statusOf } from './api.ts';
import { compareAge, formatMarker, type Marker, parseMarker, sameComment } from './marker.ts';

export interface CommentTarget {
  readonly owner: string;
  readonly repo: string;
  readonly prNumber: number;
}

export interface Published {
  /** Where the comment can be read; null where there is none. */
  readonly url: string | null;
  readonly warnings: readonly string[];
}

/**
 * Creates or updates the comment that `marker` names. Never throws.
 * @param body what report/comment.ts or report/failure.ts rendered: it fits, with room for the marker
 */
export async function publishComment(
  api: Api,
  target: CommentTarget,
  marker: Marker,
  body: string,
): Promise<Published> {
  const warnings: string[] = [];
  try {
    const url = await publish({
      api,
      target,
      marker,
      text: body,
      author: await ownAuthor(api),
      warnings,
    });
    return { url, warnings };
  } catch (error) {
    return {
      url: null,
      warnings: [
        ...warnings,
        explainFailure(error, `comment on pull request #${target.prNumber}`, 'pull-requests: write'),
      ],
    };
  }
}

interface Job {
  readonly api: Api;
  readonly target: CommentTarget;
  readonly marker: Marker;
  readonly text: string;
  readonly author: Author;
  readonly warnings: string[];
}

type Author = (user: { readonly login: string; readonly type: string } | null) => boolean;

export interface OwnComment {
  readonly id: number;
  readonly url: string;
  readonly marker: Marker;
}

interface Found {
  readonly comments: readonly OwnComment[];
  /** By GitHub's clock, ISO 8601. */
  readonly at: string;
}

async function publish(job: Job): Promise<string> {
  const found = await findOwn(job);
  if (found.comments.length > 0) {
    const url = await settle(job, found);
    if (url !== null) return url;
  }
  const { api, target } = job;
  const created = await api.rest.issues.createComment({
    owner: target.owner,
    repo: target.repo,
    issue_number: target.prNumber,
    body: bodyOf(job, found),
  });
  // Another job may have found nothing at the same time: whoever sees two comments makes one of them.
  const all = await findOwn(job).catch(() => ({ ...found, comments: [] }));
  const oldest = all.comments[0];
  if (!oldest || oldest.id === created.data.id) {
    await removeOlder(job, all.comments.slice(1));
    return created.data.html_url;
  }
  return (await settle(job, all)) ?? created.data.html_url;
}

/** Brings several comments down to the oldest one, with the newest content; null where it vanished meanwhile. */
async function settle(job: Job, found: Found): Promise<string | null> {
  const { api, target, marker } = job;
  const [keeper, ...others] = found.comments as [OwnComment, ...OwnComment[]];
  const newer = found.comments.find((comment) => compareAge(comment.marker, marker) > 0);
  if (newer) {
    job.warnings.push(
      `The comment on pull request #${target.prNumber} was written by a newer run (${newer.marker.run}, attempt ${newer.marker.attempt}) and was left as it is.`,
    );
    // Another's newer comment stays; what this very run put beside it does not.
    await removeAll(
      job,
      found.comments.filter(
        (comment) => comment !== newer && comment !== keeper && compareAge(comment.marker, marker) === 0,
      ),
    );
    return newer.url;
  }
  try {
    await api.rest.issues.updateComment({
      owner: target.owner,
      repo: target.repo,
      comment_id: keeper.id,
      body: bodyOf(job, found),
    });
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
  await removeAll(job, others);
  return keeper.url;
}

/** A report on the commit that was reported on before keeps the time of the first one. */
function bodyOf({ marker, text }: Job, { comments, at }: Found): string {
  const before = comments.find((comment) => marker.head !== undefined && comment.marker.head === marker.head);
  const since = marker.head === undefined ? undefined : (before?.marker.since ?? at);
  return `${formatMarker({ ...marker, since })}\n${text}`;
}

const removeOlder = (job: Job, comments: readonly OwnComment[]): Promise<void> =>
  removeAll(
    job,
    comments.filter((comment) => compareAge(comment.marker, job.marker) < 0),
  );

async function removeAll({ api, target, warnings }: Job, comments: readonly OwnComment[]): Promise<void> {
  for (const { id } of comments) {
    try {
      await api.rest.issues.deleteComment({ owner: target.owner, repo: target.repo, comment_id: id });
    } catch (error) {
      if (statusOf(error) !== 404)
        warnings.push(explainFailure(error, 'remove a second comment of this deployment', 'pull-requests: write'));
    }
  }
}

/** Our comments of this deployment, oldest first. */
async function findOwn({ api, target, marker, author }: Job): Promise<Found> {
  const { comments, at } = await listOwn(api, target, author);
  return { comments: comments.filter((comment) => sameComment(comment.marker, marker)), at };
}

/** Our comments of all deployments, oldest first. @throws what the API throws */
export const ownComments = async (api: Api, target: CommentTarget): Promise<readonly OwnComment[]> =>
  (await listOwn(api, target, await ownAuthor(api))).comments;

/** On all pages. */
async function listOwn(api: Api, target: CommentTarget, author: Author): Promise<Found> {
  let at = new Date().toISOString();
  const comments = await api.paginate(
    api.rest.issues.listComments,
    { owner: target.owner, repo: target.repo, issue_number: target.prNumber, per_page: 100 },
    ({ headers, data }) => {
      if (headers.date !== undefined) at = new Date(headers.date).toISOString();
      return data;
    },
  );
  return {
    comments: comments
      .flatMap(({ id, html_url: url, body, user }) => {
        const marker = parseMarker(body ?? '');
        return marker && author(user) ? [{ id, url, marker }] : [];
      })
      .sort((left, right) => left.id - right.id),
    at,
  };
}

/**
 * Anyone may write our marker into a comment, and a job's token may edit anyone's comment, so the author must be us.
 * Where the API won't say who we are, any bot is taken to be.
 */
async function ownAuthor(api: Api): Promise<Author> {
  try {
    const { viewer } = await api.graphql<{ viewer: { login: string } }>('query { viewer { login } }');
    return (user) => user?.login === viewer.login;
  } catch {
    return (user) => user?.type === 'Bot';
  }
}
