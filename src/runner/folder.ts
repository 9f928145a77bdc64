// The files of a run (docs/architecture.md, "Files of a run"): written as they become known, so that a run
// that is killed half-way leaves what it had. Whole files go through a rename; row files (row-file.ts) grow.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BaselineLookup } from '../baseline/schema.ts';
import { PlimsollError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import type { Policy } from '../judge/judge.ts';
import type { Provenance } from '../report/input.ts';
import type { Progress } from './progress.ts';
import { openRowFile } from './row-file.ts';

export const RUN_FILES = {
  record: 'run.json',
  verdict: 'verdict.json',
  context: 'context.json',
  baseline: 'baseline.json',
  comment: 'comment.md',
  summary: 'summary.md',
  html: 'report.html',
  requests: 'requests.ndjson.gz',
  series: 'series.ndjson.gz',
  charts: 'charts',
} as const;

/** context.json: what a verdict was reached from beside the record and the baseline (which lies in baseline.json). */
export interface RunContext {
  readonly provenance: Provenance;
  readonly policy: Policy;
  readonly lookup: Exclude<BaselineLookup, { kind: 'found' }> | { readonly kind: 'found'; readonly path: string };
  readonly overBudget: string | null;
}

export interface RunFolder {
  readonly path: string;
  readonly pathOf: (name: keyof typeof RUN_FILES) => string;
  /** The log of one boot, or of a build. */
  readonly logOf: (boot: number | 'build' | 'build-base') => string;
  write(name: keyof typeof RUN_FILES, content: string): void;
  writeChart(name: string, svg: string): void;
  /** As RowFile.append. */
  appendRequests(lines: readonly string[]): void;
  appendSeries(lines: readonly string[]): void;
  /** As RowFile.close, of both. */
  close(): Promise<void>;
}

/**
 * Refuses a folder that a run could not use, and changes nothing in it.
 * @throws PlimsollError OUT_NOT_WRITABLE where it can't be written, or holds files that are not a run's
 */
export function checkRunFolder(path: string): void {
  earlierRun(path);
  const probe = join(path, `.${process.pid}.tmp`);
  writeFileAtomic(probe, '');
  rmSync(probe, { force: true });
}

/** Name of the lock that keeps two runs out of one folder. */
export const folderLock = (path: string): string =>
  `out-${createHash('sha256').update(resolve(path)).digest('hex').slice(0, 12)}`;

/**
 * Takes `path` for a run: made where it is missing, emptied of an earlier run's files where it holds one.
 * @throws PlimsollError OUT_NOT_WRITABLE where it can't be written, or holds files that are not a run's
 */
export function openRunFolder(path: string): RunFolder {
  for (const name of earlierRun(path)) if (OURS.test(name)) rmSync(join(path, name), { recursive: true, force: true });
  writeFileAtomic(join(path, RUN_FILES.record), `${JSON.stringify({ schema: 'plimsoll/run', status: 'starting' })}\n`);
  const requests = openRowFile(join(path, RUN_FILES.requests));
  const series = openRowFile(join(path, RUN_FILES.series));
  const pathOf = (name: keyof typeof RUN_FILES) => join(path, RUN_FILES[name]);
  return {
    path,
    pathOf,
    logOf: (boot) => join(path, `deployment-${boot}.log`),
    write: (name, content) => writeFileAtomic(pathOf(name), content),
    writeChart: (name, svg) => writeFileAtomic(join(path, RUN_FILES.charts, name), svg),
    appendRequests: requests.append,
    appendSeries: series.append,
    close: async () => {
      await Promise.all([requests.close(), series.close()]);
    },
  };
}

const OURS = new RegExp(
  `^(${Object.values(RUN_FILES)
    .map((name) => name.replaceAll('.', '\\.'))
    .join('|')}|deployment-(\\d+|build|build-base)\\.log|.*\\.tmp)$`,
);

/** The files of the run that lies there; none where the folder is empty or missing. */
function earlierRun(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  let names: string[];
  try {
    names = readdirSync(path);
  } catch (error) {
    throw new PlimsollError(
      'OUT_NOT_WRITABLE',
      `Cannot use ${path} for the files of a run: ${(error as Error).message}`,
      {
        hint: 'Choose a folder with --out.',
        cause: error,
      },
    );
  }
  if (names.length === 0) return [];
  if (!holdsRun(join(path, RUN_FILES.record))) {
    throw new PlimsollError(
      'OUT_NOT_WRITABLE',
      `${path} is not empty and holds no earlier run (no readable ${RUN_FILES.record}), so nothing in it is touched.`,
      {
        hint: 'Empty the folder yourself or choose another with --out.',
      },
    );
  }
  return names;
}

function holdsRun(recordPath: string): boolean {
  try {
    return readFileSync(recordPath, 'utf8').includes('"plimsoll/run"');
  } catch {
    return false;
  }
}

/** What could not be written of the rows is told; the rest of the run is there all the same. */
export async function closeRunFolder(folder: RunFolder, progress: Progress): Promise<void> {
  await folder.close().catch((error: Error) => progress.warn(`${error.message}: the rows of this run are incomplete`));
}
