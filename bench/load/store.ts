// Results on disk: a file of NDJSON per session under bench/results/, a line per run as it ends, so that an interrupted
// bench keeps what it has. The first line describes the machine.

import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../src/version.ts';
import type { Ceiling, Measured } from './contract.ts';
import { PINNED } from './measure.ts';

export interface Machine {
  readonly kind: 'machine';
  /** For people: when the session began. */
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  readonly plimsoll: string;
  readonly pinned: boolean;
}

/** One run of one tool. */
export interface Run {
  readonly kind: 'run';
  /** Of cases.ts, or `ceiling <peer>`. */
  readonly case: string;
  readonly tool: string;
  readonly version: string;
  /** Runs of a case that share a number took place one after the other, in random order. */
  readonly alternation: number;
  /** In this alternation the bare reader was late itself, or the machine lost time to others: it counts for nothing. */
  readonly isVoid: boolean;
  /** Lists left out; null where it failed. */
  readonly measured: Measured | null;
  /** Why there is nothing. */
  readonly failure: string | null;
}

/** The search for the highest rate of a peer. */
export interface CeilingFound {
  readonly kind: 'ceiling';
  readonly tool: string;
  readonly version: string;
  readonly found: Omit<Ceiling, 'measured'> | null;
  readonly failure: string | null;
}

export type Line = Machine | Run | CeilingFound;

const FOLDER = fileURLToPath(new URL('../results/', import.meta.url));

export interface Session {
  readonly file: string;
  add(line: Run | CeilingFound): void;
}

export function openSession(): Session {
  mkdirSync(FOLDER, { recursive: true });
  const machine = describeMachine();
  const file = `${FOLDER}load-${machine.date.replace(/[:.]/g, '-')}.ndjson`;
  const add = (line: Line): void => appendFileSync(file, `${JSON.stringify(line)}\n`);
  add(machine);
  return { file, add };
}

/** Lists are large and have been reduced to errors by now. */
export const withoutLists = (measured: Measured): Measured => ({
  ...measured,
  result: { ...measured.result, answers: [], gapsMs: [] },
});

/**
 * Sessions, oldest first: those of the files given, else all.
 * @throws Error where there is none
 */
export function readSessions(files: readonly string[] = []): readonly (readonly Line[])[] {
  const paths = files.length > 0 ? files : filesOf(FOLDER);
  if (paths.length === 0) throw new Error(`no results in ${FOLDER}: run \`npm run bench:load\` first`);
  return paths.map((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line),
  );
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^load-.*\.ndjson$/.test(name))
      .sort()
      .map((name) => folder + name);
  } catch {
    return [];
  }
}

const describeMachine = (): Machine => ({
  kind: 'machine',
  date: new Date().toISOString(),
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  // Not what this process may use: it has pinned itself.
  cores: cpus().length,
  memoryBytes: totalmem(),
  system: `${type()} ${release()} ${arch()}`,
  node: process.version,
  plimsoll: VERSION,
  pinned: PINNED,
});
