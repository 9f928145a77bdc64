// The base of an interleaved comparison: the commit that is booted beside the candidate, and what its own configuration
// deploys. Read through git; laying its files is worktree.ts's.

import { realpathSync } from 'node:fs';
import { basename, dirname, join, posix, relative, resolve, sep } from 'node:path';
import { parseConfig } from '../config/load.ts';
import type { DeploymentConfig } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { readAtRef } from './git.ts';

/** What a comparison has as its base: something to boot, or the reason why there is nothing. */
export type Base =
  | {
      readonly kind: 'found';
      readonly repo: string;
      /** As it was named: "main". */
      readonly ref: string;
      readonly commit: string;
      /** Of its configuration file, from the root of the repository, with `/`. */
      readonly folder: string;
      readonly deployment: DeploymentConfig;
      readonly secrets: readonly string[];
    }
  | { readonly kind: 'none'; readonly ref: string | null; readonly commit: string | null; readonly problem: string };

export interface BaseOptions {
  readonly repo: string;
  readonly ref: string;
  readonly commit: string;
  /** Of the configuration file, as pathFrom gives it. */
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

/** What cannot be booted is no error of the candidate's: it is the reason why nothing is compared. */
export function readBase({ repo, ref, commit, path, env }: BaseOptions): Base {
  const none = (problem: string): Base => ({ kind: 'none', ref, commit, problem });
  const text = readAtRef(repo, commit, path);
  if (text === null) return none(`the base, ${ref} (${commit.slice(0, 7)}), has no ${path}`);
  try {
    const { deployment, secrets } = parseConfig(text, { file: path, env });
    if (deployment.kind === 'external') return none(`the base's ${path} boots nothing: deployment.kind is external`);
    return { kind: 'found', repo, ref, commit, folder: posix.dirname(path), deployment, secrets };
  } catch (error) {
    if (!(error instanceof PlimsollError)) throw error;
    return none(`the base's ${path} cannot be used: ${error.message.split('\n', 1)[0]!.replace(/\.$/, '')}`);
  }
}

/** The file's path from the root of the repository, with `/`; null = it is not inside. */
export function pathFrom(repo: string, file: string): string | null {
  const absolute = join(realpathSync(dirname(resolve(file))), basename(file));
  const inside = relative(realpathSync(repo), absolute).split(sep).join('/');
  return inside === '' || inside.startsWith('../') ? null : inside;
}
