// Where a branch takes no commits: one pull request from a branch of our own, which holds everything that waits to be
// merged. That branch is always the other one's head and one commit, written anew each time from what both have, and
// moved only from where it was seen: runs that race lose nothing, and nobody has a conflict to resolve.

import { formatBaseline, parseBaseline } from '../baseline/codec.ts';
import { mergeBaselines } from '../baseline/merge.ts';
import { badgePath } from '../baseline/store.ts';
import { holdsRun } from '../baseline/update.ts';
import { type BaselineChange, renderBaselineChange } from '../report/baseline-change.ts';
import { explainFailure, isTransient, statusOf, wordsOf } from './api.ts';
import {
  ATTEMPTS,
  badgeFor,
  type Committed,
  FINAL,
  failed,
  type Job,
  messageOf,
  nothingToAdd,
  OWN_BRANCHES,
  planOn,
  readBranch,
  textsOf,
} from './baseline-job.ts';
import { type BranchStore, readContent, readStore } from './branch-store.ts';

/**
 * @param refusal why the branch took no commit, in GitHub's words
 * @throws what the API does not do
 */
export async function proposeBaseline(job: Job, refusal: string): Promise<Committed> {
  const { branch } = job.target;
  const own = `${OWN_BRANCHES}${branch}`;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await job.pause(attempt);
    const main = await readBranch(job, branch);
    if (main === null) return failed(`The baseline was not proposed: ${branch} is not there any more.`);
    const tip = await readBranch(job, own);
    const waiting = await waitingFiles(job, main, tip);
    const texts = new Map([...(await textsOf(job, main)), ...waiting]);
    const planned = planOn(job, texts);
    if (planned.path === null) {
      // A branch that this run moved, and whose answer was lost, has its boots: what is left is the pull request.
      const waits = waiting.size > 0 && holdsRun(planned.file, job.record.id);
      return waits ? await request(job, own, refusal) : nothingToAdd(job, planned, null);
    }
    const files = new Map(waiting).set(planned.path, formatBaseline(planned.file));
    try {
      await move(job, own, { main, tip, files, changed: planned.path, added: planned.added });
    } catch (error) {
      if (FINAL.includes(statusOf(error) ?? 0)) throw error;
      const isWhereItWas = (await readBranch(job, own))?.head === tip?.head;
      if (isWhereItWas && !isTransient(error))
        return failed(
          `The baseline is not on ${branch}, which takes no commits (${refusal}), nor could the branch ${own} be moved: ${wordsOf(error)}.`,
        );
      if (isWhereItWas && attempt === ATTEMPTS - 1) throw error;
      continue;
    }
    return await request(job, own, refusal);
  }
  return failed(
    `The baseline was not proposed: the branch ${own} moved on ${ATTEMPTS} times meanwhile. The next run tries again.`,
  );
}

/** By path, what is on our branch and not yet on the other one, as the other one would have it after a merge. */
async function waitingFiles(job: Job, main: BranchStore, tip: BranchStore | null): Promise<Map<string, string>> {
  const { api, target, contents } = job;
  const waiting = new Map<string, string>();
  if (tip === null || tip.head === main.head) return waiting;
  const { owner, repo, folder } = target;
  const { data } = await api.rest.repos.compareCommitsWithBasehead({
    owner,
    repo,
    basehead: `${main.head}...${tip.head}`,
    per_page: 1,
  });
  const fork = await readStore(api, target, data.merge_base_commit.sha, folder);
  for (const [path, id] of tip.files) {
    const [before, now] = [fork?.files.get(path), main.files.get(path)];
    if (id === before || id === now) continue;
    const text = await readContent(api, target, id, contents);
    if (now === before || now === undefined) {
      waiting.set(path, text);
      continue;
    }
    const onto = await readContent(api, target, now, contents);
    const merged = formatBaseline(mergeBaselines(parseBaseline(onto, path), parseBaseline(text, path)));
    if (merged !== onto) waiting.set(path, merged);
  }
  return waiting;
}

const BLOB = { mode: '100644', type: 'blob' } as const;

interface Move {
  readonly main: BranchStore;
  /** Where our branch was seen; null = it is not there. */
  readonly tip: BranchStore | null;
  readonly files: ReadonlyMap<string, string>;
  /** The one of them that the run is in. */
  readonly changed: string;
  readonly added: readonly string[];
}

/** To the same as the other branch and these files, from where it was seen and from nowhere else. */
async function move(job: Job, own: string, { main, tip, files, changed, added }: Move): Promise<void> {
  const { api, target } = job;
  const { owner, repo } = target;
  const badge = badgeFor(job, changed);
  // Badges of other runs that wait stay as they are.
  const badges = [...files.keys()].flatMap((path) => {
    const [at, sha] = [badgePath(path), tip?.badges.get(badgePath(path))];
    return sha === undefined || badge.has(at) ? [] : [{ path: at, sha, ...BLOB }];
  });
  const entries = [...badges, ...[...files, ...badge].map(([path, content]) => ({ path, content, ...BLOB }))];
  const tree = await api.rest.git.createTree({ owner, repo, base_tree: main.tree, tree: entries });
  // Without author and committer it is GitHub's to sign.
  const commit = await api.rest.git.createCommit({
    owner,
    repo,
    message: messageOf(job, added).join('\n\n'),
    tree: tree.data.sha,
    parents: [main.head],
  });
  await api.graphql(MOVE, {
    input: {
      repositoryId: main.repositoryId,
      refUpdates: [
        {
          name: `refs/heads/${own}`,
          beforeOid: tip?.head ?? NOWHERE,
          afterOid: commit.data.sha,
          force: true,
        },
      ],
    },
  });
}

const MOVE = 'mutation ($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }';
/** The id by which GitHub knows a branch that must not be there. */
const NOWHERE = '0'.repeat(40);

/** Opens the pull request, or brings the one that is open up to date with its branch. */
async function request(job: Job, own: string, refusal: string): Promise<Committed> {
  const { branch, owner, repo, serverUrl } = job.target;
  for (let attempt = 0; ; attempt++) {
    const [main, tip] = [await readBranch(job, branch), await readBranch(job, own)];
    const waiting = main && tip ? await waitingFiles(job, main, tip) : new Map<string, string>();
    if (main === null || tip === null || waiting.size === 0)
      return failed(`The pull request for the baseline was merged or removed while it was written; ${branch} tells.`);
    const body = renderBaselineChange({
      branch,
      own,
      refusal,
      runUrl: job.target.runUrl,
      changes: await changesOf(job, main, waiting),
    });
    const file = fileOf(job, waiting);
    let url: string;
    try {
      url = await write(job, own, body);
    } catch (error) {
      const by = `${serverUrl}/${owner}/${repo}/compare/${encoded(branch)}...${encoded(own)}?expand=1`;
      const doing = `open the pull request for the baseline, which is on the branch ${own}`;
      return { url: null, file, said: '', warnings: [`${explain(error, doing)} It can be opened by hand: ${by}`] };
    }
    const said = `${branch} takes no commits (${refusal}), so the baseline is in a pull request: ${url}`;
    // Another run may have moved the branch meanwhile, and have written before this one did.
    if (attempt >= ATTEMPTS || (await readBranch(job, own))?.head === tip.head)
      return { url, file, said, warnings: [] };
  }
}

async function write({ api, target }: Job, own: string, body: string): Promise<string> {
  const { owner, repo, branch } = target;
  const title = `Record baselines on ${branch}`;
  const update = async (): Promise<string | null> => {
    const open = await api.rest.pulls.list({ owner, repo, state: 'open', head: `${owner}:${own}`, base: branch });
    const [found] = open.data;
    if (found === undefined) return null;
    return (await api.rest.pulls.update({ owner, repo, pull_number: found.number, title, body })).data.html_url;
  };
  const updated = await update();
  if (updated !== null) return updated;
  try {
    return (await api.rest.pulls.create({ owner, repo, head: own, base: branch, title, body })).data.html_url;
  } catch (error) {
    // GitHub takes one from a branch to another: a run that was faster has opened it.
    const other = statusOf(error) === 422 || isTransient(error) ? await update() : null;
    if (other === null) throw error;
    return other;
  }
}

function explain(error: unknown, doing: string): string {
  return /not permitted to create/i.test(wordsOf(error))
    ? `Could not ${doing}: GitHub Actions may not open pull requests here (${wordsOf(error)}). Allow it under Settings → Actions → General, or give the step the token of an App.`
    : explainFailure(error, doing, 'pull-requests: write');
}

const encoded = (ref: string): string => ref.split('/').map(encodeURIComponent).join('/');

/** The one of these that has the run. */
function fileOf({ record }: Job, files: ReadonlyMap<string, string>): Committed['file'] {
  for (const [path, text] of files) if (holdsRun(parseBaseline(text, path), record.id)) return { path, text };
  return null;
}

async function changesOf(
  { api, target, contents }: Job,
  main: BranchStore,
  files: ReadonlyMap<string, string>,
): Promise<BaselineChange[]> {
  const changes: BaselineChange[] = [];
  for (const [path, text] of files) {
    const id = main.files.get(path);
    const before = id === undefined ? null : parseBaseline(await readContent(api, target, id, contents), path);
    changes.push({ path, before, after: parseBaseline(text, path) });
  }
  return changes;
}
