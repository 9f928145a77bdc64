// The fake GitHub's REST operations on git.

import { type Answer, answerOf, memberOf } from './description.ts';
import { ancestors, type FakeCommit, type FakeGit, mergeBase, REPOSITORY } from './fake-git.ts';
import { FORBIDDEN, isOurRepository, NOT_FOUND, type Operations, refused } from './fake-operation.ts';

const BLOB = '/repos/{owner}/{repo}/git/blobs/{file_sha}';
const TREES = '/repos/{owner}/{repo}/git/trees';
const NEW_COMMITS = '/repos/{owner}/{repo}/git/commits';
const TREE = '/repos/{owner}/{repo}/git/trees/{tree_sha}';
const OLD_COMMIT = '/repos/{owner}/{repo}/git/commits/{commit_sha}';
const REF = '/repos/{owner}/{repo}/git/ref/{ref}';
const REFS = '/repos/{owner}/{repo}/git/refs';
const REF_TO_MOVE = '/repos/{owner}/{repo}/git/refs/{ref}';
const COMPARE = '/repos/{owner}/{repo}/compare/{basehead}';
const COMMITS = '/repos/{owner}/{repo}/commits';
const commitUrl = (oid: string): string => `https://github.com/${REPOSITORY.owner}/${REPOSITORY.repo}/commit/${oid}`;

export const GIT_OPERATIONS: Operations = {
  [BLOB]: {
    GET({ git }, parameters) {
      const text = git.contents.get(parameters.file_sha ?? '');
      if (text === undefined || !isOurRepository(parameters)) return NOT_FOUND;
      const content = Buffer.from(text).toString('base64');
      return {
        status: 200,
        body: answerOf('get', BLOB, 200, { sha: parameters.file_sha, content, encoding: 'base64' }),
      };
    },
  },
  [TREES]: {
    POST({ git }, parameters, _query, body) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      if (!git.may.contents) return FORBIDDEN;
      const { base_tree, tree } = body as { base_tree?: string; tree: TreeEntry[] };
      const base = base_tree === undefined ? new Map<string, string>() : git.trees.get(base_tree);
      if (!base) return NOT_FOUND;
      const files = new Map(base);
      for (const entry of tree) if (!put(git, files, entry)) return refused(422, 'tree.sha is not a valid object');
      return { status: 201, body: answerOf('post', TREES, 201, { sha: git.addTree(files) }) };
    },
  },
  [NEW_COMMITS]: {
    POST({ git }, parameters, _query, body) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      if (!git.may.contents) return FORBIDDEN;
      const { message, tree, parents = [] } = body as { message: string; tree: string; parents?: string[] };
      const files = git.trees.get(tree);
      if (!files || parents.some((parent) => !git.commits.has(parent))) return NOT_FOUND;
      const { oid } = git.addCommit({ files, parents, message });
      return { status: 201, body: answerOf('post', NEW_COMMITS, 201, { sha: oid, message, html_url: commitUrl(oid) }) };
    },
  },
  [OLD_COMMIT]: {
    GET({ git }, parameters) {
      const commit = git.commits.get(parameters.commit_sha ?? '');
      if (!commit || !isOurRepository(parameters)) return NOT_FOUND;
      const said = {
        sha: commit.oid,
        message: commit.message,
        tree: { sha: git.addTree(commit.files) },
        parents: commit.parents.map((sha) => ({ sha, url: commitUrl(sha), html_url: commitUrl(sha) })),
        committer: { name: 'GitHub', email: 'noreply@github.com', date: commit.at ?? '2026-01-01T00:00:00Z' },
      };
      return { status: 200, body: answerOf('get', OLD_COMMIT, 200, said) };
    },
  },
  [TREE]: {
    GET({ git }, parameters) {
      const files = git.trees.get(parameters.tree_sha ?? '');
      if (!files || !isOurRepository(parameters)) return NOT_FOUND;
      const tree = entriesOf(git, files);
      return { status: 200, body: answerOf('get', TREE, 200, { sha: parameters.tree_sha, truncated: false, tree }) };
    },
  },
  [REF]: {
    GET({ git }, parameters) {
      const ref = `refs/${parameters.ref}`;
      const commit = git.find(ref);
      if (!commit || !isOurRepository(parameters)) return NOT_FOUND;
      return { status: 200, body: answerOf('get', REF, 200, refAt(ref, commit)) };
    },
  },
  [REFS]: {
    POST({ git }, parameters, _query, body) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      const { ref, sha } = body as { ref: string; sha: string };
      if (git.find(ref)) return refused(422, 'Reference already exists');
      return (
        moveBranch(git, ref, sha) ?? { status: 201, body: answerOf('post', REFS, 201, refAt(ref, git.find(ref)!)) }
      );
    },
  },
  [REF_TO_MOVE]: {
    PATCH({ git }, parameters, _query, body) {
      const ref = `refs/${parameters.ref}`;
      const [now, { sha, force = false }] = [git.find(ref), body as { sha: string; force?: boolean }];
      if (!now || !isOurRepository(parameters)) return NOT_FOUND;
      const after = git.find(sha);
      if (after && !force && !ancestors(git, after).has(now)) return refused(422, 'Update is not a fast forward');
      return (
        moveBranch(git, ref, sha) ?? {
          status: 200,
          body: answerOf('patch', REF_TO_MOVE, 200, refAt(ref, git.find(ref)!)),
        }
      );
    },
  },
  [COMPARE]: {
    GET({ git }, parameters) {
      const [base, head] = (parameters.basehead ?? '').split('...').map((oid) => git.find(oid));
      const fork = base && head ? mergeBase(git, base, head) : null;
      if (!fork || !isOurRepository(parameters)) return NOT_FOUND;
      return { status: 200, body: answerOf('get', COMPARE, 200, { merge_base_commit: { sha: fork.oid } }) };
    },
  },
  [COMMITS]: {
    GET({ git }, parameters, query) {
      let commit = git.find(query.get('sha') ?? 'refs/heads/main');
      if (!commit || !isOurRepository(parameters)) return NOT_FOUND;
      const path = query.get('path') ?? '';
      const touching: unknown[] = [];
      while (commit && touching.length < Number(query.get('per_page') ?? 30)) {
        const parent: FakeCommit | null = git.find(commit.parents[0] ?? '');
        if (below(commit, path) !== below(parent, path))
          touching.push(memberOf('get', COMMITS, { sha: commit.oid, html_url: commitUrl(commit.oid) }));
        commit = parent;
      }
      return { status: 200, body: touching };
    },
  },
};

interface TreeEntry {
  readonly path: string;
  readonly type?: 'blob' | 'tree' | 'commit';
  readonly content?: string;
  readonly sha?: string;
}

/** @returns false where git has no such object */
function put(git: FakeGit, files: Map<string, string>, { path, type, content, sha = '' }: TreeEntry): boolean {
  if (content !== undefined) files.set(path, git.store(content));
  else if (type === 'tree') for (const [name, id] of git.trees.get(sha) ?? []) files.set(`${path}/${name}`, id);
  else files.set(path, sha);
  return content !== undefined || (type === 'tree' ? git.trees : git.contents).has(sha);
}

/** Files and folders at the root of a tree; a folder's own tree can be asked for after that. */
function entriesOf(git: FakeGit, files: ReadonlyMap<string, string>): readonly object[] {
  const names = new Set([...files.keys()].map((path) => path.split('/')[0]!));
  return [...names].map((path) => {
    const blob = files.get(path);
    if (blob !== undefined) return { path, mode: '100644', type: 'blob', sha: blob };
    const inside = [...files].filter(([file]) => file.startsWith(`${path}/`));
    const sha = git.addTree(new Map(inside.map(([file, id]) => [file.slice(path.length + 1), id])));
    return { path, mode: '040000', type: 'tree', sha };
  });
}

const refAt = (ref: string, { oid }: FakeCommit): object => ({ ref, object: { type: 'commit', sha: oid } });

/** @returns why not; null = it is there now */
function moveBranch(git: FakeGit, ref: string, oid: string): Answer | null {
  const branch = ref.replace('refs/heads/', '');
  if (!git.may.contents) return FORBIDDEN;
  if (!git.commits.has(oid)) return refused(422, 'Object does not exist');
  const rule = git.rules.get(branch);
  if (rule !== undefined) return refused(422, rule);
  git.branches.set(branch, oid);
  return null;
}

/** What a commit has at a path or below it. */
const below = (commit: FakeCommit | null, path: string): string =>
  JSON.stringify([...(commit?.files ?? [])].filter(([file]) => file === path || file.startsWith(`${path}/`)).sort());
