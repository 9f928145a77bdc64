// A commit's files in a folder of their own, beside the checkout: `git worktree`, detached, in a temporary folder. The
// checkout, its index and its branches stay as they are; the folder goes with the run, or when a later run finds it.

import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { git } from './git.ts';

export interface Worktree extends AsyncDisposable {
  readonly path: string;
}

const NAME = /^plimsoll-base-(\d+)-\d+$/;
let made = 0;

/**
 * @param commit full id, readable in `repo`
 * @param folder that holds it: the runner's temporary one
 * @throws PlimsollError GIT_UNREACHABLE with git's own words
 */
export function openWorktree(repo: string, commit: string, folder = process.env.RUNNER_TEMP ?? tmpdir()): Worktree {
  sweepWorktrees(repo);
  mkdirSync(folder, { recursive: true });
  made += 1;
  const path = join(realpathSync(folder), `plimsoll-base-${process.pid}-${made}`);
  // Hooks are the user's, for the user's checkouts.
  git(
    repo,
    ['-c', 'core.hooksPath=/dev/null', 'worktree', 'add', '--quiet', '--detach', path, commit],
    `lay the files of ${commit.slice(0, 7)} in ${path}`,
  );
  return { path, [Symbol.asyncDispose]: async () => removeWorktree(repo, path) };
}

/** Takes away what runs that were killed left, so that neither disk nor `git worktree list` fills up. */
export function sweepWorktrees(repo: string): void {
  for (const line of git(repo, ['worktree', 'list', '--porcelain'], 'list the worktrees').split('\n')) {
    const path = /^worktree (.*)$/.exec(line)?.[1];
    const owner = path === undefined ? null : NAME.exec(basename(path));
    if (owner && !isRunning(Number(owner[1]))) removeWorktree(repo, path!);
  }
}

function removeWorktree(repo: string, path: string): void {
  // A build may have left what git would not take away. `prune` would forget worktrees of others that are not mounted now.
  rmSync(path, { recursive: true, force: true });
  git(repo, ['worktree', 'remove', '--force', path], `forget the worktree ${path}`);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
