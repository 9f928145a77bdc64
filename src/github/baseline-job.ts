// What committing a baseline and proposing it in a pull request share: the job, what came of it, and the store of a
// branch as the run's deployment needs it.

import { badgePath, type PlannedRun, planRun } from '../baseline/store.ts';
import { type AddOptions, holdsRun } from '../baseline/update.ts';
import type { RunRecord } from '../record/schema.ts';
import type { Api } from './api.ts';
import { type BranchStore, type Contents, type Repo, readStore, readTexts } from './branch-store.ts';

export interface BaselineTarget extends Repo {
  readonly serverUrl: string;
  /** Without refs/heads/. */
  readonly branch: string;
  /** Of the store, from the root of the repository. */
  readonly folder: string;
  readonly runUrl: string;
}

/** What is brought to the branch. */
export interface Kept {
  readonly record: RunRecord;
  /** Why the level of this run is a new one; null = nobody accepted that. */
  readonly accepted: string | null;
  /** SVG for beside the stored file; null = the one that is there stays. */
  readonly badge: string | null;
}

export interface Committed {
  /** The commit, or the pull request that has it; null = neither. */
  readonly url: string | null;
  /** The file as it is there now; its path is from the root of the repository. */
  readonly file: { readonly path: string; readonly text: string } | null;
  /** What was done, in a sentence; empty where nothing was. */
  readonly said: string;
  readonly warnings: readonly string[];
}

export interface Job extends Kept {
  readonly api: Api;
  readonly target: BaselineTarget;
  readonly contents: Contents;
  /** Waits before the next attempt, longer each time. @throws when the time is up */
  readonly pause: (attempt: number) => Promise<void>;
}

export const PERMISSION = 'contents: write';
/** Of runs that end at the same moment one gets through at each. */
export const ATTEMPTS = 10;
/** Answers that are about the token, not about the branch: no other way is tried. */
export const FINAL: readonly number[] = [401, 403, 404, 429];
/** Branches of our own; what follows is the branch that their pull request goes to. */
export const OWN_BRANCHES = 'plimsoll/baseline/';

export const readBranch = ({ api, target }: Job, branch: string): Promise<BranchStore | null> =>
  readStore(api, target, `refs/heads/${branch}`, target.folder);

/** What the branch has of the run's deployment. */
export const textsOf = ({ api, target, record, contents }: Job, store: BranchStore): Promise<Map<string, string>> =>
  readTexts(api, target, store, `${target.folder}/${record.deployment}/`, contents);

/** The run added to these files, which are read anew for each attempt: whether its segment has begun is theirs to tell. */
export const planOn = ({ target, record, accepted }: Job, texts: ReadonlyMap<string, string>): PlannedRun =>
  planRun({ kind: 'texts', path: target.folder, texts }, record, newSegmentOf(accepted));

export const newSegmentOf = (accepted: string | null): Pick<AddOptions, 'newSegment'> =>
  accepted === null ? {} : { newSegment: { reason: accepted, once: true } };

/** The badge of the run by its path, beside the stored file; empty where it has none. */
export const badgeFor = ({ badge }: Job, path: string): ReadonlyMap<string, string> =>
  new Map(badge === null ? [] : [[badgePath(path), badge]]);

/** First line and body of a commit. */
export const messageOf = ({ record, target }: Job, added: readonly string[]): readonly [string, string] => [
  `Record the baseline of ${record.deployment}`,
  `${[...added, target.runUrl].join('\n')}\n`,
];

/** The run is there already, which is what a commit whose answer was lost looks like; or its boots do not fit the file. */
export function nothingToAdd({ record, target }: Job, { file, refused }: PlannedRun, url: string | null): Committed {
  return holdsRun(file, record.id)
    ? { url, file: null, said: `The baseline of this run is on ${target.branch} already.`, warnings: [] }
    : failed(`Nothing was added to the baseline on ${target.branch}: ${refused.join('; ')}.`);
}

export const failed = (...warnings: string[]): Committed => ({ url: null, file: null, said: '', warnings });
