// The git of the fake GitHub: contents, trees, commits and branches, with the ids that git gives to contents; rules that
// protect branches, what the token may do, and pull requests.

import { createHash } from 'node:crypto';

export const REPOSITORY = { owner: 'octo', repo: 'serving', pull: 7 } as const;

export interface FakeCommit {
  readonly oid: string;
  /** Every file by its path: id of its content. */
  readonly files: ReadonlyMap<string, string>;
  readonly parents: readonly string[];
  readonly message: string;
  /** When it was committed; absent: it does not matter. */
  readonly at?: string;
}
export interface FakePull {
  readonly number: number;
  /** The commit counts where the branch is not one of this repository. */
  readonly head: { readonly owner: string; readonly repositoryId: number; readonly branch: string; sha: string };
  readonly base: { readonly branch: string; readonly sha: string };
  title: string;
  body: string;
  state: 'open' | 'closed';
  merged?: { readonly commit: string; readonly at: string };
}

export interface FakeGit {
  readonly id: string;
  readonly contents: Map<string, string>;
  readonly trees: Map<string, ReadonlyMap<string, string>>;
  readonly commits: Map<string, FakeCommit>;
  /** By name, without refs/heads/. */
  readonly branches: Map<string, string>;
  /** Branches that take no direct commits, with the words in which they are refused. */
  readonly rules: Map<string, string>;
  readonly pulls: FakePull[];
  /** What the job's `permissions:` and the repository's settings grant. */
  readonly may: { contents: boolean; pulls: boolean; actionsOpenPulls: boolean };
  /** What a person or another job pushes: files over those of the branch; null removes one. @returns the commit */
  push(branch: string, files: Readonly<Record<string, string | null>>, oid?: string): string;
  /** Merges the pull request by squashing it, as the button does. @returns false where that is a conflict */
  merge(pull: FakePull): boolean;
  read(branch: string, path: string): string | null;
  store(content: string): string;
  addTree(files: ReadonlyMap<string, string>): string;
  addCommit(commit: Omit<FakeCommit, 'oid'>, oid?: string): FakeCommit;
  /** Of a branch (`refs/heads/…`) or an id; null = none. */
  find(revision: string): FakeCommit | null;
}

export const PROTECTED = 'Repository rule violations found\n\nChanges must be made through a pull request.\n\n';

export function createFakeGit(): FakeGit {
  const git: FakeGit = {
    id: 'R_kgDO1',
    contents: new Map(),
    trees: new Map(),
    commits: new Map(),
    branches: new Map(),
    rules: new Map(),
    pulls: [],
    may: { contents: true, pulls: true, actionsOpenPulls: true },
    push(branch, files, oid) {
      const head = git.find(`refs/heads/${branch}`);
      const next = new Map(head?.files);
      for (const [path, text] of Object.entries(files)) {
        if (text === null) next.delete(path);
        else next.set(path, git.store(text));
      }
      const commit = git.addCommit({ files: next, parents: head ? [head.oid] : [], message: 'push' }, oid);
      git.branches.set(branch, commit.oid);
      return commit.oid;
    },
    merge(pull) {
      const [base, head] = [git.find(`refs/heads/${pull.base.branch}`)!, git.find(`refs/heads/${pull.head.branch}`)!];
      const fork = mergeBase(git, base, head)!;
      const next = new Map(base.files);
      for (const [path, id] of head.files) {
        if (fork.files.get(path) === id) continue;
        if (next.get(path) !== fork.files.get(path)) return false;
        next.set(path, id);
      }
      const squashed = git.addCommit({ files: next, parents: [base.oid], message: pull.title });
      git.branches.set(pull.base.branch, squashed.oid);
      Object.assign(pull, { state: 'closed', merged: { commit: squashed.oid, at: new Date().toISOString() } });
      return true;
    },
    read(branch, path) {
      return git.contents.get(git.find(`refs/heads/${branch}`)?.files.get(path) ?? '') ?? null;
    },
    store(content) {
      const id = hash('blob', content);
      git.contents.set(id, content);
      return id;
    },
    addTree(files) {
      const id = hash('tree', JSON.stringify([...files].sort()));
      git.trees.set(id, files);
      return id;
    },
    addCommit(commit, oid) {
      const made = { ...commit, oid: oid ?? hash('commit', JSON.stringify([git.commits.size, commit.message])) };
      git.commits.set(made.oid, made);
      return made;
    },
    find(revision) {
      const branch = /^refs\/heads\/(.*)$/s.exec(revision)?.[1];
      return git.commits.get(branch === undefined ? revision : (git.branches.get(branch) ?? '')) ?? null;
    },
  };
  return git;
}

const hash = (kind: string, text: string): string =>
  createHash('sha1')
    .update(`${kind} ${Buffer.byteLength(text)}\0${text}`)
    .digest('hex');

/** Newest commit that both have; null where they have none. */
export function mergeBase(git: FakeGit, left: FakeCommit, right: FakeCommit): FakeCommit | null {
  const reachable = ancestors(git, left);
  for (const commit of ancestors(git, right)) if (reachable.has(commit)) return commit;
  return null;
}

/** Nearest first, itself among them. */
export function ancestors(git: FakeGit, from: FakeCommit): ReadonlySet<FakeCommit> {
  const found = new Set<FakeCommit>([from]);
  for (const commit of found) for (const parent of commit.parents) found.add(git.commits.get(parent)!);
  return found;
}
