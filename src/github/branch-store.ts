// The store of baselines as a branch of the repository has it, read through the API: no git, no checkout, and head and
// files of one moment.

import type { Api } from './api.ts';

export interface Repo {
  readonly owner: string;
  readonly repo: string;
}

export interface BranchStore {
  /** Node id of the repository. */
  readonly repositoryId: string;
  /** The commit, and its tree. */
  readonly head: string;
  readonly tree: string;
  /** Every `<folder>/<deployment>/<environment>.json`, from the root of the repository: id of its content. */
  readonly files: ReadonlyMap<string, string>;
  /** The badges beside them, the same way. */
  readonly badges: ReadonlyMap<string, string>;
}

/** By id of the content: what a second look finds unchanged is not fetched again. */
export type Contents = Map<string, string>;

const STORE = `query ($owner: String!, $repo: String!, $revision: String!, $folder: String!) {
  repository(owner: $owner, name: $repo) {
    id
    object(expression: $revision) {
      ... on Commit {
        oid
        tree { oid }
        file(path: $folder) { object { ...deployments } }
      }
    }
  }
}
fragment deployments on Tree {
  entries { name type object { ... on Tree { entries { name type oid } } } }
}`;

interface Entry {
  readonly name: string;
  readonly type: string;
}
interface StoreAnswer {
  readonly repository: {
    readonly id: string;
    readonly object: {
      readonly oid: string;
      readonly tree: { readonly oid: string };
      readonly file: {
        readonly object: {
          readonly entries?: readonly (Entry & {
            readonly object: { readonly entries?: readonly (Entry & { readonly oid: string })[] } | null;
          })[];
        } | null;
      } | null;
    } | null;
  };
}

/** @param revision `refs/heads/<branch>` or the id of a commit; null where there is none, or the token may not see it */
export async function readStore(
  api: Api,
  { owner, repo }: Repo,
  revision: string,
  folder: string,
): Promise<BranchStore | null> {
  const { repository } = await api.graphql<StoreAnswer>(STORE, { owner, repo, revision, folder });
  const commit = repository.object;
  if (commit === null) return null;
  const [files, badges] = [new Map<string, string>(), new Map<string, string>()];
  for (const deployment of commit.file?.object?.entries ?? []) {
    for (const { name, type, oid } of deployment.object?.entries ?? []) {
      if (type !== 'blob') continue;
      if (name.endsWith('.json')) files.set(`${folder}/${deployment.name}/${name}`, oid);
      if (name.endsWith('.svg')) badges.set(`${folder}/${deployment.name}/${name}`, oid);
    }
  }
  return { repositoryId: repository.id, head: commit.oid, tree: commit.tree.oid, files, badges };
}

/** The texts of the files of a store whose path begins so. */
export async function readTexts(
  api: Api,
  repo: Repo,
  { files }: BranchStore,
  prefix: string,
  contents: Contents,
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const [path, id] of files) {
    if (path.startsWith(prefix)) texts.set(path, await readContent(api, repo, id, contents));
  }
  return texts;
}

/** One content, as text. */
export async function readContent(api: Api, { owner, repo }: Repo, id: string, contents: Contents): Promise<string> {
  const known = contents.get(id);
  if (known !== undefined) return known;
  const { data } = await api.rest.git.getBlob({ owner, repo, file_sha: id });
  const text = Buffer.from(data.content, 'base64').toString('utf8');
  contents.set(id, text);
  return text;
}
