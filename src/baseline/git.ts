// Reads files at a git ref without touching the working tree, and fetches that ref where a clone is shallow. Git is
// called without a shell, cannot ask for a password, and speaks for itself in errors.

import { execFile, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { PlimsollError } from '../errors.ts';

const READ_TIMEOUT_MS = 60_000;
const FETCH_TIMEOUT_MS = 120_000;
/** Larger than any configuration or baseline; beyond it something else lies at that path. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * The file's text at `ref`; null = the ref is there, but the file is not in it.
 * @param path from the root of the repository, with `/`
 * @throws PlimsollError GIT_UNREACHABLE with git's own words
 */
export function readAtRef(repo: string, ref: string, path: string): string | null {
  const entry = treeEntries(repo, ref, path).find((candidate) => candidate.path === path);
  if (!entry) return null;
  if (entry.type !== 'blob' || entry.mode === '120000') {
    throw new PlimsollError(
      'INPUT_INVALID',
      `${path} at ${ref} is a ${entry.mode === '120000' ? 'symbolic link' : entry.type}, not a file.`,
      {
        hint: 'Commit the file itself at that path.',
      },
    );
  }
  return git(repo, ['cat-file', 'blob', entry.oid], `read ${path} at ${ref}`);
}

/** Paths of the files right below `folder` at `ref`, from the root of the repository; empty where there is no such folder. */
export function listAtRef(repo: string, ref: string, folder: string): string[] {
  return treeEntries(repo, ref, `${folder}/`)
    .filter((entry) => entry.type === 'blob')
    .map((entry) => entry.path);
}

export interface EnsureOptions {
  /** false = what the clone already has must do. */
  readonly fetch: boolean;
  /** A commit that will do where the fetch fails: what the event says the ref was. */
  readonly known?: string | null;
  readonly signal?: AbortSignal;
}

/**
 * Makes the commit of `ref` (a branch of origin, a full `refs/…`, or a commit id) readable here and returns its id.
 * A shallow clone stays shallow, a full one full; no local branch moves.
 * @throws PlimsollError GIT_UNREACHABLE with git's own words
 */
export async function ensureRef(repo: string, ref: string, options: EnsureOptions): Promise<string> {
  refuseOption(ref);
  const isCommit = /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(ref);
  if (isCommit && hasCommit(repo, ref)) return ref;
  const source = isCommit || ref.startsWith('refs/') ? ref : `refs/heads/${ref}`;
  if (!options.fetch)
    return git(repo, ['rev-parse', '--verify', `${isCommit ? ref : source}^{commit}`], `find ${ref}`).trim();
  try {
    return await fetchCommit(repo, source, options.signal);
  } catch (error) {
    if (options.known && hasCommit(repo, options.known)) return options.known;
    throw error;
  }
}

/**
 * The commit that a person means by `revision`: a branch, a tag, a remote branch, `HEAD~2`. Nothing is fetched.
 * @throws PlimsollError GIT_UNREACHABLE
 */
export const resolveRevision = (repo: string, revision: string): string =>
  git(
    repo,
    ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`],
    `find a commit called "${revision}"`,
  ).trim();

/** Whether tracked files differ from HEAD. */
export const isDirty = (repo: string): boolean =>
  git(repo, ['status', '--porcelain', '--untracked-files=no'], 'look at the working tree').trim() !== '';

/** The root of the repository that holds `folder`. @throws PlimsollError GIT_UNREACHABLE */
export const repositoryRoot = (folder: string): string =>
  git(folder, ['rev-parse', '--show-toplevel'], `find the repository of ${folder}`).trim();

const run = promisify(execFile);
/** Where fetches land for a moment: no branch moves. */
const LANDING = 'refs/plimsoll/fetched';

async function fetchCommit(repo: string, source: string, signal: AbortSignal | undefined): Promise<string> {
  const shallow = git(repo, ['rev-parse', '--is-shallow-repository'], 'look at the repository').trim() === 'true';
  const landing = `${LANDING}-${process.pid}`;
  try {
    await run(
      'git',
      [
        ...GLOBAL(repo),
        'fetch',
        '--quiet',
        '--no-tags',
        ...(shallow ? ['--depth=1'] : []),
        'origin',
        `+${source}:${landing}`,
      ],
      {
        cwd: repo,
        env: environment(),
        timeout: FETCH_TIMEOUT_MS,
        ...(signal ? { signal } : {}),
      },
    );
    return git(repo, ['rev-parse', '--verify', `${landing}^{commit}`], `find ${source}`).trim();
  } catch (error) {
    if (signal?.aborted) throw new PlimsollError('CANCELLED', 'Cancelled while fetching the base.', { cause: error });
    if (error instanceof PlimsollError) throw error;
    const { stderr, killed } = error as { stderr?: string; killed?: boolean };
    throw unreachable(
      `fetch ${source} from origin`,
      killed ? `no answer in ${FETCH_TIMEOUT_MS / 1_000} s` : (stderr ?? (error as Error).message),
      error,
    );
  } finally {
    spawnSync('git', [...GLOBAL(repo), 'update-ref', '-d', landing], {
      cwd: repo,
      env: environment(),
      timeout: READ_TIMEOUT_MS,
    });
  }
}

const hasCommit = (repo: string, oid: string): boolean =>
  spawnSync('git', [...GLOBAL(repo), 'cat-file', '-e', `${oid}^{commit}`], {
    cwd: repo,
    env: environment(),
    timeout: READ_TIMEOUT_MS,
  }).status === 0;

interface TreeEntry {
  readonly mode: string;
  readonly type: string;
  readonly oid: string;
  readonly path: string;
}

/** `folder/` lists what is right below it; without the slash, the entry itself. */
function treeEntries(repo: string, ref: string, path: string): TreeEntry[] {
  refuseOption(ref);
  const output = git(
    repo,
    ['--literal-pathspecs', 'ls-tree', '-z', '--full-tree', `${ref}^{commit}`, '--', path],
    `read ${path} at ${ref}`,
  );
  return output.split('\0').flatMap((line) => {
    const match = /^(\d+) (\w+) ([0-9a-f]+)\t(.*)$/s.exec(line);
    return match ? [{ mode: match[1]!, type: match[2]!, oid: match[3]!, path: match[4]! }] : [];
  });
}

/** @throws PlimsollError GIT_UNREACHABLE: "Git could not <purpose>: …" */
export function git(repo: string, args: readonly string[], purpose: string): string {
  const result = spawnSync('git', [...GLOBAL(repo), ...args], {
    cwd: repo,
    env: environment(),
    encoding: 'utf8',
    timeout: READ_TIMEOUT_MS,
    maxBuffer: MAX_BYTES,
  });
  if (result.error) throw unreachable(purpose, result.error.message, result.error);
  if (result.status !== 0) throw unreachable(purpose, result.stderr, undefined);
  return result.stdout;
}

/** A checkout made by another user of the runner (a container job) is as good to read as our own. */
const GLOBAL = (repo: string): string[] => ['-c', `safe.directory=${resolve(repo)}`];

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' });

/** A ref must not be read as an option, nor as anything but one ref. */
function refuseOption(ref: string): void {
  if (ref.startsWith('-') || ref === '' || /[\s\p{Cc}:^~?*[\\]|\.\.|@\{/u.test(ref)) {
    throw new PlimsollError('USAGE', `"${ref}" is not a git ref.`, {
      hint: 'Give a branch name, a full ref (refs/heads/main) or a commit id.',
    });
  }
}

function unreachable(purpose: string, words: string, cause: unknown): PlimsollError {
  return new PlimsollError(
    'GIT_UNREACHABLE',
    `Git could not ${purpose}: ${words.trim().replaceAll(/\s*\n\s*/g, ' · ') || 'it gave no reason'}`,
    {
      hint: 'Is this a checkout with a remote "origin" that the job may read (permissions: contents: read)? With actions/checkout, `fetch-depth: 0` makes the base available without a fetch.',
      cause,
    },
  );
}
