// What a run boots: the candidate, and where both are interleaved the base, whose files lie in a worktree of their own.
// Load and policy are the same for both; what differs is the deployment and the folder it is started in.

import { join } from 'node:path';
import type { Base } from '../baseline/base.ts';
import { openWorktree, type Worktree } from '../baseline/worktree.ts';
import type { Config } from '../config/schema.ts';
import { runBuild } from '../deployment/build.ts';
import type { BootRecord } from '../record/schema.ts';
import { createRandom, deriveSeed } from '../stats/random.ts';
import type { RunFolder } from './folder.ts';
import type { Progress } from './progress.ts';

export interface Side {
  readonly side: BootRecord['side'];
  readonly config: Config;
  /** Folder of its configuration. */
  readonly folder: string;
}

export interface Sides extends AsyncDisposable {
  readonly candidate: Side;
  /** null = the candidate is booted alone. */
  readonly base: Side | null;
}

type FoundBase = Extract<Base, { kind: 'found' }>;

/** @throws PlimsollError GIT_UNREACHABLE where the base's files cannot be laid */
export function openSides(config: Config, folder: string, base: FoundBase | null): Sides {
  const candidate: Side = { side: 'candidate', config, folder };
  if (base === null) return { candidate, base: null, [Symbol.asyncDispose]: async () => {} };
  const worktree: Worktree = openWorktree(base.repo, base.commit);
  return {
    candidate,
    base: { side: 'base', config: baseConfig(config, base), folder: join(worktree.path, base.folder) },
    [Symbol.asyncDispose]: () => worktree[Symbol.asyncDispose](),
  };
}

/** The base's deployment under the candidate's load, and under the name by which both are known. */
export function baseConfig(config: Config, { deployment, secrets }: FoundBase): Config {
  const { name } = config.deployment;
  return { ...config, deployment: { ...deployment, name }, secrets: [...new Set([...config.secrets, ...secrets])] };
}

/**
 * The order of one pair: of each two pairs the first is drawn, the second is its reverse. What a boot gains or loses by
 * being the second one then falls on both sides, and nobody knows beforehand on which.
 * @param pair from 1
 */
export function orderOf({ candidate, base }: Sides, seed: number, pair: number): readonly Side[] {
  if (base === null) return [candidate];
  const drawn = createRandom(deriveSeed(seed, 'order of pairs', Math.ceil(pair / 2))).next() < 0.5;
  return drawn === (pair % 2 === 1) ? [base, candidate] : [candidate, base];
}

export interface BuildContext {
  readonly folder: RunFolder;
  readonly label: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Builds a side where another one was built last: what a build leaves outside of its folder (an environment, an image
 * under a tag) is the last side's.
 */
export function createBuilder({ folder, label, progress, signal }: BuildContext): (side: Side) => Promise<void> {
  let built: Side | null = null;
  return async (side) => {
    if (built === side) return;
    built = null;
    await runBuild(side.config.deployment, {
      cwd: side.folder,
      logPath: folder.logOf(side.side === 'base' ? 'build-base' : 'build'),
      label: side.side === 'base' ? `${label}, base` : label,
      secrets: side.config.secrets,
      signal,
      onProgress: (message) => progress.note(message),
    });
    built = side;
  };
}
