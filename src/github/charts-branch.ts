// Charts on a branch of their own: a comment cannot hold SVG, and a private repository shows a picture only from its own
// `blob` addresses. One commit for each run, in a folder of its own; nothing but charts is ever on that branch.

import { type Chart, type DrawnChart, pairCharts } from '../report/charts.ts';
import { type Api, statusOf } from './api.ts';

export interface ChartsTarget {
  readonly owner: string;
  readonly repo: string;
  readonly serverUrl: string;
  readonly branch: string;
  /** Of this deployment in this run: `<run>-<attempt>-<what>`. */
  readonly folder: string;
}

/** A second run may be faster with its commit; then ours is made anew on top of it. */
const TRIES = 5;
/** When there are twice as many runs, history begins anew with the newest ones: neither it nor the files grow on. */
const KEPT_RUNS = 50;
/** A branch without this file is somebody else's, and is left alone. */
const SIGN = 'plimsoll-charts.md';
const SIGN_TEXT =
  '# Charts of Plimsoll\n\nComments on pull requests link to these files. Older ones are removed, and the history of this branch is rewritten, as new ones come.\n';

/** @returns where the charts are shown, light and dark. @throws what the API throws; Error where the branch is no branch of charts */
export async function pushCharts(
  api: Api,
  target: ChartsTarget,
  charts: readonly Chart[],
): Promise<readonly DrawnChart[]> {
  const { serverUrl, owner, repo, branch, folder } = target;
  for (let tries = 1; ; tries++) {
    try {
      await commit(api, target, charts, await readHead(api, target));
      break;
    } catch (error) {
      // 422: the branch moved, or was made, since it was read. 409: the repository is busy.
      const status = statusOf(error);
      if (tries === TRIES || (status !== 422 && status !== 409)) throw error;
    }
  }
  const at = [...branch.split('/'), folder].map(encodeURIComponent).join('/');
  return pairCharts(charts, (name) => `${serverUrl}/${owner}/${repo}/blob/${at}/${name}?raw=true`);
}

export const chartsFolder = (run: number, attempt: number, what: string): string =>
  `${run}-${attempt}-${what.replaceAll(/[^\w.-]+/g, '-').slice(0, 100)}`;

interface Head {
  readonly commit: string;
  readonly tree: string;
  readonly runs: readonly { readonly path: string; readonly tree: string }[];
}

/** Null = there is no such branch yet. */
async function readHead(api: Api, { owner, repo, branch }: ChartsTarget): Promise<Head | null> {
  let commit: string;
  try {
    const { data } = await api.rest.git.getRef({ owner, repo, ref: `heads/${branch}` });
    commit = data.object.sha;
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
  const { data: made } = await api.rest.git.getCommit({ owner, repo, commit_sha: commit });
  const { data: root } = await api.rest.git.getTree({ owner, repo, tree_sha: made.tree.sha });
  if (!root.tree.some(({ path }) => path === SIGN))
    throw new Error(`the branch ${branch} has no ${SIGN}, so it is not one of charts and nothing is written to it`);
  const runs = root.tree.flatMap(({ path, type, sha }) =>
    type === 'tree' && /^\d+-\d+-/.test(path) ? [{ path, tree: sha }] : [],
  );
  return { commit, tree: made.tree.sha, runs };
}

async function commit(api: Api, target: ChartsTarget, charts: readonly Chart[], head: Head | null): Promise<void> {
  const { owner, repo, branch, folder } = target;
  const files = charts.map(({ name, svg }) => blob(`${folder}/${name}`, svg));
  const full = head !== null && head.runs.length >= 2 * KEPT_RUNS;
  const begins = head === null || full;
  const kept = full
    ? newest(head.runs).map(({ path, tree }) => ({ path, mode: '040000', type: 'tree', sha: tree }) as const)
    : [];
  const { data: tree } = await api.rest.git.createTree({
    owner,
    repo,
    ...(begins ? {} : { base_tree: head.tree }),
    tree: [...(begins ? [blob(SIGN, SIGN_TEXT)] : []), ...kept, ...files],
  });
  const { data: made } = await api.rest.git.createCommit({
    owner,
    repo,
    message: `Charts of run ${folder}`,
    tree: tree.sha,
    parents: begins ? [] : [head.commit],
  });
  if (head === null) await api.rest.git.createRef({ owner, repo, ref: `refs/heads/${branch}`, sha: made.sha });
  else await api.rest.git.updateRef({ owner, repo, ref: `heads/${branch}`, sha: made.sha, force: full });
}

const blob = (path: string, content: string) => ({ path, mode: '100644', type: 'blob', content }) as const;

/** Ids of runs grow. */
const newest = (runs: Head['runs']): Head['runs'] =>
  runs.toSorted((a, b) => Number.parseInt(a.path, 10) - Number.parseInt(b.path, 10)).slice(-KEPT_RUNS);
