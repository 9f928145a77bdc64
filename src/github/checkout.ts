// The checkout that the job works in: whether it holds the change that is judged, its base, and the base's prompts.
// Nothing in the working tree changes.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders are quoted here, not filled

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { ensureRef, git, readAtRef } from '../baseline/git.ts';
import { PlimsollError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import type { EventContext } from './event.ts';

/**
 * What is booted must be what the comment speaks of.
 * @throws PlimsollError GIT_UNREACHABLE unless HEAD is the event's head or a merge commit that has it as a parent
 */
export function requireHead(repo: string, { headSha }: Pick<EventContext, 'headSha'>): void {
  const head = git(repo, ['rev-parse', 'HEAD'], 'read HEAD').trim();
  const commit = git(repo, ['cat-file', '-p', 'HEAD'], 'read HEAD');
  // From the commit itself: a shallow clone has no parents to walk to.
  const parents = [...commit.split('\n\n', 1)[0]!.matchAll(/^parent ([0-9a-f]+)$/gm)].map(([, parent]) => parent);
  if (head === headSha || (parents.length > 1 && parents.includes(headSha))) return;
  throw new PlimsollError(
    'GIT_UNREACHABLE',
    `The checkout is at ${head.slice(0, 7)}, which is neither the change to be judged (${headSha.slice(0, 7)}) nor a merge of it, so something else would be measured.`,
    {
      hint: 'Use actions/checkout without `ref`, or with `ref: ${{ github.event.pull_request.head.sha }}`, in the same job and before this step.',
    },
  );
}

export interface BaseOptions {
  /** A commit that will do where it cannot be fetched. */
  readonly known: string | null;
  /** The action's input; empty = none. */
  readonly token: string;
  /** GITHUB_SERVER_URL: the token goes nowhere else. */
  readonly serverUrl: string;
  readonly signal: AbortSignal;
}

/**
 * The commit of the base, fetched with what the checkout has; where that is refused, as it is in a private repository
 * checked out with `persist-credentials: false`, with the action's token, which only this one git gets to see.
 * @throws PlimsollError GIT_UNREACHABLE
 */
export async function fetchBase(repo: string, ref: string, options: BaseOptions): Promise<string> {
  const { known, token, serverUrl, signal } = options;
  if (token === '') return ensureRef(repo, ref, { fetch: true, known, signal });
  try {
    return await ensureRef(repo, ref, { fetch: true, signal });
  } catch (error) {
    if (!(error instanceof PlimsollError) || error.code !== 'GIT_UNREACHABLE') throw error;
  }
  const restore = authorise(process.env, serverUrl, token);
  try {
    return await ensureRef(repo, ref, { fetch: true, known, signal });
  } finally {
    restore();
  }
}

/** Git's own way to take configuration from the environment. The empty value first drops a header that is kept elsewhere: two are refused. */
function authorise(env: NodeJS.ProcessEnv, serverUrl: string, token: string): () => void {
  const first = Number(env.GIT_CONFIG_COUNT ?? 0) || 0;
  const key = `http.${serverUrl}/.extraheader`;
  const values = ['', `AUTHORIZATION: basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`];
  const set: Record<string, string> = { GIT_CONFIG_COUNT: String(first + values.length) };
  for (const [index, value] of values.entries()) {
    set[`GIT_CONFIG_KEY_${first + index}`] = key;
    set[`GIT_CONFIG_VALUE_${first + index}`] = value;
  }
  const before = Object.keys(set).map((name) => [name, env[name]] as const);
  Object.assign(env, set);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete env[name];
      else env[name] = value;
    }
  };
}

export interface BasePrompts {
  /** Absolute, outside of the checkout. */
  readonly file: string;
  /** What the change would send instead differs. */
  readonly changed: boolean;
}

const LFS_POINTER = 'version https://git-lfs.github.com/spec/';

/**
 * Lays the base's version of a prompts file where neither the change nor its build gets at it.
 * @param path from the root of the repository, with `/`
 * @param folder that goes when the job is over
 * @returns null where neither side has the file in git: a step of the workflow brought it
 * @throws PlimsollError GIT_UNREACHABLE where only the change has it, or its content is not in git
 */
export function layBasePrompts(
  repo: string,
  ref: string,
  path: string,
  folder = process.env.RUNNER_TEMP ?? tmpdir(),
): BasePrompts | null {
  const [base, head] = [readAtRef(repo, ref, path), readAtRef(repo, 'HEAD', path)];
  if (base === null && head === null) return null;
  const inLfs = base?.startsWith(LFS_POINTER) ?? false;
  if (base === null || (inLfs && base !== head)) {
    throw new PlimsollError(
      'GIT_UNREACHABLE',
      base === null
        ? `The rules of the base send the prompts of ${path}, which the base does not have.`
        : `${path} is kept in Git LFS and differs between the base and the change, so the base's version cannot be read.`,
      { hint: 'Merge the prompts first, in a pull request of their own.' },
    );
  }
  const checkout = readChecked(join(repo, path));
  const content = inLfs ? checkout : Buffer.from(base);
  if (content === null) return null; // opening the workload will say what is missing
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
  const file = resolve(folder, 'plimsoll-prompts', hash, basename(path));
  writeFileAtomic(file, content);
  return { file, changed: checkout === null || !checkout.equals(content) };
}

function readChecked(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
