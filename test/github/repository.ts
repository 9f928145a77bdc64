// Real git repositories for tests: an origin, and clones of it as a runner would have them.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

export interface Repository {
  readonly path: string;
  git(...args: string[]): string;
  /** Writes files (null removes one), commits them and returns the commit. */
  commit(files: Readonly<Record<string, string | null>>): string;
}

export function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'plimsoll-git-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export function createRepository(t: TestContext): Repository {
  const repository = at(temporaryFolder(t));
  repository.git('init', '-q', '-b', 'main');
  return repository;
}

/** As actions/checkout leaves it: one commit deep, detached, with a remote called origin. */
export function shallowClone(t: TestContext, origin: Repository, ref: string): Repository {
  const clone = at(join(temporaryFolder(t), 'checkout'));
  mkdirSync(clone.path);
  clone.git('init', '-q');
  clone.git('remote', 'add', 'origin', `file://${origin.path}`);
  clone.git('fetch', '-q', '--no-tags', '--depth=1', 'origin', ref);
  clone.git('checkout', '-q', '--detach', 'FETCH_HEAD');
  return clone;
}

function at(path: string): Repository {
  const git = (...args: string[]): string =>
    execFileSync(
      'git',
      ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false', ...args],
      {
        cwd: path,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
      },
    ).trim();
  return {
    path,
    git,
    commit(files) {
      for (const [name, content] of Object.entries(files)) {
        const file = join(path, name);
        mkdirSync(dirname(file), { recursive: true });
        if (content === null) rmSync(file, { force: true });
        else writeFileSync(file, content);
      }
      git('add', '-A');
      git('commit', '-q', '--allow-empty', '-m', 'change');
      return git('rev-parse', 'HEAD');
    },
  };
}
