// The store of baselines: <store>/<deployment>/<environment>.json, in a folder or at a git ref. Finds the file of a
// deployment in an environment, and is the only one that writes such files.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { PlimsollError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import { compareFacts, environmentSlug } from '../record/keys.ts';
import type { Facts, RunRecord } from '../record/schema.ts';
import { type AaResult, learnAa, type SpreadsOf } from './aa.ts';
import { listDifferences } from './admission.ts';
import { formatBaseline, parseBaseline } from './codec.ts';
import { listAtRef, readAtRef, repositoryRoot } from './git.ts';
import { storedFile } from './lookup.ts';
import { prune } from './prune.ts';
import type { BaselineFile, BaselineLookup } from './schema.ts';
import { type AddOptions, type AddResult, addRun, DEFAULT_KEEP, promote, splitSegments } from './update.ts';

export { formatBaseline, parseBaseline } from './codec.ts';
export { describeBaseline, listStore, showBaseline } from './list.ts';

/**
 * Where baselines are read: a folder; a folder (from the repository's root) at a ref of a git repository; or texts that
 * were read before, by their paths.
 */
export type BaselineSource =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'git'; readonly repo: string; readonly ref: string; readonly path: string }
  | { readonly kind: 'texts'; readonly texts: ReadonlyMap<string, string>; readonly path: string };

/**
 * The baseline of `deployment` in exactly this environment; else the nearest other one with the fields that differ.
 * @throws PlimsollError BASELINE_DAMAGED, BASELINE_VERSION (naming the file, which stays as it is), GIT_UNREACHABLE
 */
export function findBaseline(source: BaselineSource, deployment: string, environment: Facts): BaselineLookup {
  const folder = openFolder(source, deployment);
  const expected = `${environmentSlug(environment)}.json`;
  // The likeliest name first: a damaged file of another machine then does not stand in the way.
  const names = folder.names.toSorted(
    (left, right) => Number(right === expected) - Number(left === expected) || (left < right ? -1 : 1),
  );
  let nearest: Extract<BaselineLookup, { kind: 'incomparable' }> | null = null;
  for (const name of names) {
    const path = folder.pathOf(name);
    const file = parseBaseline(folder.read(name), path);
    if (file.deployment !== deployment) {
      throw new PlimsollError(
        'BASELINE_DAMAGED',
        `The stored baseline ${path} belongs to deployment "${file.deployment}", not to "${deployment}" as its folder says. It was left as it is.`,
        {
          hint: 'Move it to the folder of its deployment.',
        },
      );
    }
    const differences = compareFacts(file.environment, environment);
    if (differences.length === 0) return { kind: 'found', path, file };
    if (!nearest || differences.length < nearest.differences.length)
      nearest = { kind: 'incomparable', path, differences };
  }
  return nearest ?? { kind: 'none', reason: `${folder.where} has no baseline of ${deployment}` };
}

/** Where the badge of a stored baseline is: beside its file. */
export const badgePath = (path: string): string => path.replace(/\.json$/, '.svg');

/** @throws PlimsollError INPUT_NOT_FOUND, BASELINE_DAMAGED, BASELINE_VERSION */
export function readBaselineFile(path: string): BaselineFile {
  return parseBaseline(readText(path), path);
}

/**
 * Writes a baseline, atomically. Refuses to replace a file that it cannot read or that belongs elsewhere.
 * @throws PlimsollError BASELINE_DAMAGED, BASELINE_VERSION, BASELINE_REFUSED, OUT_NOT_WRITABLE
 */
export function saveBaseline(path: string, file: BaselineFile): void {
  if (existsSync(path)) {
    const present = readBaselineFile(path);
    const differences = compareFacts(present.environment, file.environment);
    if (present.deployment !== file.deployment || differences.length > 0) {
      throw new PlimsollError(
        'BASELINE_REFUSED',
        `${path} holds the baseline of ${present.deployment} in another environment (${listDifferences(differences)}); it was left as it is.`,
        {
          hint: 'Give another file name.',
        },
      );
    }
  }
  writeFileAtomic(path, formatBaseline(file));
}

export interface PlannedRun extends AddResult {
  /** Where `file` belongs; null = nothing was added. */
  readonly path: string | null;
}

/**
 * A run's valid boots added to the file of the store that they belong to, which is not written; the history that is
 * there says how many boots to keep.
 * @throws PlimsollError as findBaseline and addRun
 */
export function planRun(source: BaselineSource, record: RunRecord, options: Partial<AddOptions> = {}): PlannedRun {
  const lookup = findBaseline(source, record.deployment, record.environment);
  const before = storedFile(lookup);
  const result = addRun(before, record, { ...options, keep: options.keep ?? before?.keep ?? DEFAULT_KEEP });
  if (result.added.length === 0) return { ...result, path: null };
  return { ...result, path: pathFor(lookup, source, record) };
}

/**
 * The same in a folder, where the file is written.
 * @throws PlimsollError as planRun and saveBaseline
 */
export function addRunToStore(folder: string, record: RunRecord, options: Partial<AddOptions> = {}): PlannedRun {
  const planned = planRun({ kind: 'directory', path: folder }, record, options);
  if (planned.path !== null) saveBaseline(planned.path, planned.file);
  return planned;
}

export interface StoredAa extends AaResult {
  /** The file that was written; null = nothing was learnt, so nothing was written. */
  readonly path: string | null;
}

/**
 * Puts what a run of A/A boots taught into the store in `folder`, in place of what fewer boots of it taught before.
 * The file is read again each time: others may have added to it while the boots ran.
 * @throws PlimsollError as findBaseline, learnAa and saveBaseline
 */
export function learnAaInStore(folder: string, record: RunRecord, spreadsOf: SpreadsOf): StoredAa {
  const source: BaselineSource = { kind: 'directory', path: folder };
  const lookup = findBaseline(source, record.deployment, record.environment);
  const result = learnAa(storedFile(lookup), record, spreadsOf);
  if (result.learnt.length === 0) return { ...result, path: null };
  const path = pathFor(lookup, source, record);
  saveBaseline(path, result.file);
  return { ...result, path };
}

/** Prunes the file in place; says in a sentence what went. */
export function pruneFile(path: string, keep: number): string {
  const before = readBaselineFile(path);
  const after = prune(before, keep);
  saveBaseline(path, after);
  const gone = countBoots(before) - countBoots(after);
  return gone === 0
    ? `${path}: nothing to prune.`
    : `${path}: ${gone} stage measurement${gone === 1 ? '' : 's'} of old boots went; their variance is in the ledger.`;
}

/** Begins a new segment at a boot, in place; says so in a sentence. */
export function splitFile(path: string, bootId: string, reason: string): string {
  saveBaseline(path, splitSegments(readBaselineFile(path), bootId, reason));
  return `${path}: a new segment begins at boot ${bootId} (${reason}).`;
}

/**
 * Carries the newest segments of one file into another, which is made where it is missing; says so in a sentence.
 * @param from a file, or `REF:PATH` of the repository here, as `git show` takes it
 */
export function promoteFile(from: string, to: string, reason: string): string {
  const source = existsSync(from) ? readBaselineFile(from) : (readAtNamedRef(from) ?? readBaselineFile(from));
  const target = existsSync(to) ? readBaselineFile(to) : null;
  const promoted = promote(source, target, reason);
  if (target && formatBaseline(promoted) === formatBaseline(target))
    return `${to}: it already has everything that ${from} has.`;
  saveBaseline(to, promoted);
  return `${to}: now begins with the newest segments of ${from} (${reason}).`;
}

/** Null where the name is not of that form. */
function readAtNamedRef(name: string): BaselineFile | null {
  const [, ref, path] = /^([^:]+):(.+)$/s.exec(name) ?? [];
  if (ref === undefined || path === undefined) return null;
  const text = readAtRef(repositoryRoot('.'), ref, path);
  if (text !== null) return parseBaseline(text, name);
  throw new PlimsollError('INPUT_NOT_FOUND', `${ref} has no file ${path}.`, {
    hint: `Give the path from the root of the repository; \`git ls-tree -r --name-only ${ref}\` lists what there is.`,
  });
}

const countBoots = (file: BaselineFile): number =>
  Object.values(file.stages)
    .flatMap((histories) => histories ?? [])
    .flatMap((history) => history.segments)
    .reduce((sum, segment) => sum + segment.boots.length, 0);

interface Folder {
  readonly where: string;
  readonly names: readonly string[];
  readonly pathOf: (name: string) => string;
  readonly read: (name: string) => string;
}

function openFolder(source: BaselineSource, deployment: string): Folder {
  if (source.kind === 'directory') {
    const folder = join(source.path, deployment);
    const pathOf = (name: string): string => join(folder, name);
    return { where: source.path, names: jsonFilesIn(folder), pathOf, read: (name) => readText(pathOf(name)) };
  }
  if (source.kind === 'texts') {
    const pathOf = (name: string): string => posix.join(source.path, deployment, name);
    const names = [...source.texts.keys()].map((path) => posix.basename(path));
    return {
      where: source.path,
      names: [...new Set(names)].filter((name) => source.texts.has(pathOf(name))),
      pathOf,
      read: (name) => source.texts.get(pathOf(name)) ?? '',
    };
  }
  const { repo, ref } = source;
  const folder = posix.normalize(posix.join(source.path, deployment));
  const at = (name: string): string => posix.join(folder, name);
  return {
    where: `${source.path} at ${shortRef(ref)}`,
    names: listAtRef(repo, ref, folder)
      .map((path) => posix.basename(path))
      .filter((name) => name.endsWith('.json')),
    pathOf: (name) => `${at(name)} at ${shortRef(ref)}`,
    read: (name) => readAtRef(repo, ref, at(name)) ?? '',
  };
}

const shortRef = (ref: string): string => (/^[0-9a-f]{40,}$/.test(ref) ? ref.slice(0, 7) : ref);

function jsonFilesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw new PlimsollError('INPUT_INVALID', `Cannot read the baseline store ${folder}: ${(error as Error).message}`, {
      hint: 'Give the folder of the store with --baselines.',
      cause: error,
    });
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new PlimsollError('INPUT_NOT_FOUND', `Cannot read the baseline ${path}: ${(error as Error).message}`, {
      hint: '`plimsoll baseline list` shows what the store has.',
      cause: error,
    });
  }
}

const pathFor = (lookup: BaselineLookup, source: BaselineSource, record: RunRecord): string =>
  lookup.kind === 'found'
    ? lookup.path
    : freePath(openFolder(source, record.deployment), environmentSlug(record.environment));

/** Two environments may read alike in a file name; the second gets a number. */
function freePath({ names, pathOf }: Folder, slug: string): string {
  for (let number = 1; ; number++) {
    const name = `${slug}${number === 1 ? '' : `-${number}`}.json`;
    if (!names.includes(name)) return pathOf(name);
  }
}
