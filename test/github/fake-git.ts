// The git data of the fake GitHub: refs that move only forwards unless they are forced, commits, trees as flat lists of
// files.

import { createHash } from 'node:crypto';
import { type Answer, isOurRepository, NOT_FOUND, type Operations } from './fake-operation.ts';
import { sample } from './openapi.ts';

export interface FakeGit {
  /** "heads/main" → commit. */
  readonly refs: Map<string, string>;
  readonly commits: Map<
    string,
    { readonly tree: string; readonly parents: readonly string[]; readonly message: string }
  >;
  /** Path → content, of every folder below too. */
  readonly trees: Map<string, ReadonlyMap<string, string>>;
}

const idOf = (content: unknown): string => createHash('sha1').update(JSON.stringify(content)).digest('hex');

/** Keeps a tree, and those of its folders; gives its id. */
export function keepTree(git: FakeGit, files: ReadonlyMap<string, string>): string {
  const sorted = new Map([...files].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  for (const folder of foldersOf(sorted)) keepTree(git, below(sorted, folder));
  const id = idOf([...sorted]);
  git.trees.set(id, sorted);
  return id;
}

const foldersOf = (files: ReadonlyMap<string, string>): ReadonlySet<string> =>
  new Set([...files.keys()].flatMap((path) => (path.includes('/') ? [path.split('/')[0]!] : [])));
const below = (files: ReadonlyMap<string, string>, folder: string): ReadonlyMap<string, string> =>
  new Map(
    [...files].flatMap(([path, content]) =>
      path.startsWith(`${folder}/`) ? [[path.slice(folder.length + 1), content]] : [],
    ),
  );

const refAnswer = (ref: string, sha: string, status: number): Answer => ({
  status,
  body: sample('git-ref', { ref: `refs/${ref}`, object: { type: 'commit', sha: sha.padEnd(40, '0') } }),
});
const invalid = (message: string): Answer => ({
  status: 422,
  body: { message, documentation_url: 'https://docs.github.com/rest' },
});

function isAncestor(git: FakeGit, ancestor: string, of: string): boolean {
  return ancestor === of || (git.commits.get(of)?.parents ?? []).some((parent) => isAncestor(git, ancestor, parent));
}

interface TreeEntry {
  readonly path: string;
  readonly content?: string;
  readonly sha?: string;
}

export const GIT_OPERATIONS: Operations = {
  '/repos/{owner}/{repo}/git/ref/{ref}': {
    GET({ git }, parameters) {
      const ref = decodeURIComponent(parameters.ref ?? '');
      const sha = git.refs.get(ref);
      return sha !== undefined && isOurRepository(parameters) ? refAnswer(ref, sha, 200) : NOT_FOUND;
    },
  },
  '/repos/{owner}/{repo}/git/refs': {
    POST({ git }, parameters, _query, body) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      const { ref, sha } = body as { ref: string; sha: string };
      const name = ref.replace(/^refs\//, '');
      if (git.refs.has(name)) return invalid('Reference already exists');
      git.refs.set(name, sha);
      return refAnswer(name, sha, 201);
    },
  },
  '/repos/{owner}/{repo}/git/refs/{ref}': {
    PATCH({ git }, parameters, _query, body) {
      const ref = decodeURIComponent(parameters.ref ?? '');
      const { sha, force = false } = body as { sha: string; force?: boolean };
      const now = git.refs.get(ref);
      if (now === undefined || !isOurRepository(parameters)) return NOT_FOUND;
      if (!force && !isAncestor(git, now, sha)) return invalid('Update is not a fast forward');
      git.refs.set(ref, sha);
      return refAnswer(ref, sha, 200);
    },
  },
  '/repos/{owner}/{repo}/git/commits/{commit_sha}': {
    GET({ git }, parameters) {
      const commit = git.commits.get(parameters.commit_sha ?? '');
      if (commit === undefined || !isOurRepository(parameters)) return NOT_FOUND;
      return { status: 200, body: sample('git-commit', { sha: parameters.commit_sha, tree: { sha: commit.tree } }) };
    },
  },
  '/repos/{owner}/{repo}/git/commits': {
    POST({ git }, parameters, _query, body) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      const { message, tree, parents = [] } = body as { message: string; tree: string; parents?: string[] };
      if (!git.trees.has(tree)) return invalid('Tree SHA does not exist');
      const sha = idOf([message, tree, parents, git.commits.size]);
      git.commits.set(sha, { message, tree, parents });
      return { status: 201, body: sample('git-commit', { sha, message, tree: { sha: tree } }) };
    },
  },
  '/repos/{owner}/{repo}/git/trees/{tree_sha}': {
    GET({ git }, parameters) {
      const files = git.trees.get(parameters.tree_sha ?? '');
      if (files === undefined || !isOurRepository(parameters)) return NOT_FOUND;
      const folders = [...foldersOf(files)].map((path) => ({
        path,
        mode: '040000',
        type: 'tree',
        sha: keepTree(git, below(files, path)),
      }));
      const blobs = [...files]
        .filter(([path]) => !path.includes('/'))
        .map(([path, content]) => ({ path, mode: '100644', type: 'blob', sha: idOf(content), size: content.length }));
      const body = sample('git-tree', { sha: parameters.tree_sha, truncated: false, tree: [...folders, ...blobs] });
      return { status: 200, body };
    },
  },
  '/repos/{owner}/{repo}/git/trees': {
    POST({ git }, parameters, _query, body) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      const { base_tree, tree } = body as { base_tree?: string; tree: TreeEntry[] };
      const files = new Map(base_tree === undefined ? [] : git.trees.get(base_tree));
      for (const { path, content, sha } of tree) {
        if (content !== undefined) files.set(path, content);
        else for (const [name, inner] of git.trees.get(sha ?? '') ?? []) files.set(`${path}/${name}`, inner);
      }
      return { status: 201, body: sample('git-tree', { sha: keepTree(git, files), truncated: false, tree: [] }) };
    },
  },
};
