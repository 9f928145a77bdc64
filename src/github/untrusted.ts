// The record of a run that executed a stranger's code. The whole file may be written by hand: its size, shape and
// extent are checked before anything is computed from it, and what cannot be checked is left out.

import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { PlimsollError } from '../errors.ts';
import { decodeRecord } from '../record/codec.ts';
import type { RunRecord } from '../record/schema.ts';

/** A run of three stages and three boots takes some 0.5 MB. */
const MOST_BYTES = 8 * 1024 * 1024;
const DEEPEST = 16;
const LONGEST_TEXT = 4_000;
const LONGEST_NAME = 200;
/** Entries of any list or object; lists that are computed over more than once have limits of their own. */
const MOST_ENTRIES = 10_000;
const MOST_OF: Readonly<Record<string, number>> = {
  boots: 50,
  discarded: 50,
  stages: 20,
  phases: 500,
  rounds: 500,
  curve: 500,
  cliffs: 100,
  invalid: 100,
  metrics: 500,
  environment: 200,
  subject: 200,
  facts: 200,
};

/** What GitHub and the base say that the record must be of. */
export interface Expected {
  readonly deployment: string;
  readonly name: string;
  readonly commit: string;
}

/**
 * @param folder into which the artifact was unpacked
 * @param file below it
 * @throws PlimsollError ARTIFACT_REFUSED, in words that quote the file shortly
 */
export function readUntrusted(folder: string, file: string, expected: Expected): RunRecord {
  const text = readInside(folder, file);
  let record: RunRecord;
  try {
    const value: unknown = JSON.parse(text);
    withinLimits(value, '', 0);
    record = decodeRecord(text, file);
  } catch (error) {
    throw refused(`${file} of the artifact is no record of a run: ${(error as Error).message}`);
  }
  const { commit } = record.subject;
  const wrong = [
    record.deployment === expected.deployment ? null : `the deployment "${record.deployment}"`,
    record.name === expected.name ? null : `the name "${record.name}"`,
    record.mode === 'gate' ? null : `a run in ${record.mode} mode`,
    commit === expected.commit ? null : `the commit ${typeof commit === 'string' ? commit.slice(0, 40) : 'of nothing'}`,
  ].find((what) => what !== null);
  if (wrong !== undefined) {
    throw refused(
      `${file} of the artifact is of ${wrong}; expected deployment "${expected.deployment}"${expected.name === '' ? '' : `, name "${expected.name}"`} and commit ${expected.commit.slice(0, 7)} in gate mode.`,
    );
  }
  return withoutHistograms(record);
}

/** Only a regular file, in the folder itself: a link may lead anywhere on this machine. */
function readInside(folder: string, file: string): string {
  let descriptor: number | undefined;
  try {
    const root = realpathSync(folder);
    const path = resolve(root, file);
    if (!path.startsWith(root + sep)) throw new Error('it lies outside of the folder');
    const between = file.split('/').slice(0, -1);
    for (const index of between.keys())
      if (!lstatSync(join(root, ...between.slice(0, index + 1))).isDirectory()) throw new Error('its folder is a link');
    // Not to be stopped by a pipe that nobody writes to.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new Error('it is no regular file');
    if (stat.size > MOST_BYTES) throw new Error(`it has ${stat.size} bytes; at most ${MOST_BYTES} are read`);
    return readFileSync(descriptor, 'utf8');
  } catch (error) {
    throw refused(`Cannot read ${file} of the artifact in ${folder}: ${(error as Error).message}.`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** @param key the field that holds the value; of an entry of a list, the list's */
function withinLimits(value: unknown, key: string, depth: number): void {
  const where = key === '' ? 'it' : `"${key}"`;
  if (typeof value === 'string' && value.length > LONGEST_TEXT && !HISTOGRAMS.has(key))
    throw new Error(`${where} has a text of ${value.length} characters; at most ${LONGEST_TEXT} are read.`);
  if (typeof value !== 'object' || value === null) return;
  if (depth > DEEPEST) throw new Error(`${where} is nested more than ${DEEPEST} deep.`);
  const entries = Object.entries(value);
  const most = (Object.hasOwn(MOST_OF, key) ? MOST_OF[key] : undefined) ?? MOST_ENTRIES;
  if (entries.length > most) throw new Error(`${where} has ${entries.length} entries; at most ${most} are read.`);
  for (const [name, inner] of entries) {
    if (name.length > LONGEST_NAME || name === '__proto__')
      throw new Error(`${where} has a field that no record has: ${JSON.stringify(name.slice(0, 40))}.`);
    withinLimits(inner, Array.isArray(value) ? key : name, depth + 1);
  }
}

const HISTOGRAMS: ReadonlySet<string> = new Set(['ttft', 'tpot', 'icl', 'e2e']);

/** They are packed, and a few bytes may unpack to any size; all that is missing without them is one chart. */
const withoutHistograms = (record: RunRecord): RunRecord => ({
  ...record,
  boots: record.boots.map((boot) => ({
    ...boot,
    stages: boot.stages.map((stage) => ({ ...stage, histograms: {} })),
  })),
});

const refused = (message: string): PlimsollError =>
  new PlimsollError('ARTIFACT_REFUSED', message, {
    hint: 'The folder `out` of the first workflow must be uploaded as it is, by the run of this commit.',
  });
