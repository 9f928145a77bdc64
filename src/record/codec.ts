// run.json in and out, and several runs read as one. What is damaged or of another version is refused by name; it is
// never read half.

import type { z } from 'zod';
import { PlimsollError } from '../errors.ts';
import { mergedId } from './ids.ts';
import { readableJson } from './json.ts';
import { compareFacts } from './keys.ts';
import { type Facts, RUN_VERSION, type RunRecord, runRecordSchema } from './schema.ts';

/**
 * The text of run.json: the same record always gives the same text.
 * @throws PlimsollError INTERNAL where the record would not be readable again, naming the field
 */
export function encodeRecord(record: RunRecord): string {
  const checked = runRecordSchema.safeParse(record);
  if (!checked.success)
    throw new PlimsollError('INTERNAL', `The run record is not fit to be stored: ${firstIssue(checked.error)}`);
  return readableJson(checked.data, [
    'schema',
    'version',
    'id',
    'name',
    'createdAt',
    'plimsoll',
    'deployment',
    'mode',
    'status',
    'statusReason',
  ]);
}

/**
 * @param path where the text comes from, for messages
 * @throws PlimsollError RECORD_DAMAGED (empty, cut short, no JSON, another shape: names the first wrong field),
 * RECORD_VERSION (written by another version of the format)
 */
export function decodeRecord(text: string, path: string): RunRecord {
  const value = parseJson(text, path);
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    !('schema' in value) ||
    value.schema !== 'plimsoll/run'
  ) {
    throw damaged(
      path,
      'it is not a run record: the field "schema" should be "plimsoll/run"',
      'Give the run.json of a run.',
    );
  }
  const version = 'version' in value ? value.version : undefined;
  if (typeof version === 'number' && version !== RUN_VERSION) {
    throw new PlimsollError(
      'RECORD_VERSION',
      `${path} is a run record of version ${version}; this Plimsoll reads version ${RUN_VERSION}.`,
      {
        hint:
          version > RUN_VERSION
            ? 'Use the Plimsoll that wrote it, or a newer one.'
            : 'Measure again with this version.',
      },
    );
  }
  const parsed = runRecordSchema.safeParse(value);
  if (!parsed.success)
    throw damaged(path, firstIssue(parsed.error), 'Measure again; a record is never repaired by guessing.');
  return parsed.data;
}

function parseJson(text: string, path: string): unknown {
  if (text.trim() === '')
    throw damaged(path, 'it is empty', 'The run that should have written it may have been killed.');
  try {
    return JSON.parse(text);
  } catch (error) {
    const looksCut = !text.trimEnd().endsWith('}');
    throw damaged(
      path,
      `it is not JSON${looksCut ? ', or was cut short' : ''} (${(error as Error).message})`,
      'Fetch the file again, or measure again.',
    );
  }
}

const damaged = (path: string, what: string, hint: string): PlimsollError =>
  new PlimsollError('RECORD_DAMAGED', `The run record ${path} is damaged: ${what}.`, { hint });

/** `boots[0].stages[1].metrics["ttft.p99"].value: expected number, received string`. */
function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]!;
  const path = issue.path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = String(part);
    if (/^\w[\w-]*$/.test(name)) return text === '' ? name : `${text}.${name}`;
    return `${text}[${JSON.stringify(name)}]`;
  }, '');
  return `${path === '' ? 'the whole' : path}: ${issue.message}`;
}

/**
 * Several runs of one deployment as one record, whose boots count together, renumbered in the order given.
 * @throws PlimsollError INPUT_INVALID where there is none, one is given twice, or they are not comparable (names
 * the field)
 */
export function mergeRecords(records: readonly RunRecord[]): RunRecord {
  const first = records[0];
  if (first === undefined) throw new PlimsollError('INPUT_INVALID', 'No run record was given.');
  if (records.length === 1) return first;
  for (const [index, record] of records.entries()) {
    if (records.findIndex((other) => other.id === record.id) !== index) {
      throw new PlimsollError('INPUT_INVALID', `The run ${record.id} was given twice; its boots would count double.`, {
        hint: 'Give each run.json once.',
      });
    }
    refuseForeign(first, record);
  }
  const broken = records.find((record) => record.status === 'incomplete');
  return {
    ...first,
    id: mergedId(records),
    status: broken ? 'incomplete' : 'complete',
    statusReason: broken?.statusReason ?? null,
    workloads: Object.assign({}, ...records.map((record) => record.workloads).toReversed()),
    subject: mergeSubjects(records.map((record) => record.subject)),
    ...renumbered(records),
  };
}

function refuseForeign(first: RunRecord, record: RunRecord): void {
  const refuse = (what: string): never => {
    throw new PlimsollError('INPUT_INVALID', `The runs ${first.id} and ${record.id} cannot count together: ${what}.`, {
      hint: 'Only boots of the same deployment, machine and workload count together.',
    });
  };
  if (record.deployment !== first.deployment)
    refuse(`deployment is ${first.deployment} in one and ${record.deployment} in the other`);
  refuseDifference('environment', first.environment, record.environment, refuse);
  const [base, other] = [first, record].map(
    ({ interleaved }) => interleaved?.commit ?? (interleaved ? 'none' : 'the store'),
  );
  if (base !== other) refuse(`one is compared with ${base}, the other with ${other}`);
  refuseDifference('slo', first.slo ?? {}, record.slo ?? {}, refuse);
  for (const [stage, workload] of Object.entries(record.workloads)) {
    const other = first.workloads[stage as keyof RunRecord['workloads']];
    if (other === undefined || other.key === workload.key) continue;
    refuseDifference(`workload of ${stage}`, other.facts, workload.facts, refuse);
    refuse(`workload of ${stage}: its key is ${other.key} in one and ${workload.key} in the other`);
  }
}

function refuseDifference(what: string, first: Facts, other: Facts, refuse: (what: string) => never): void {
  const difference = compareFacts(first, other)[0];
  if (difference)
    refuse(`${what}: ${difference.field} is ${difference.baseline} in one and ${difference.candidate} in the other`);
}

/** What all say the same way; where they part, all of it. */
function mergeSubjects(subjects: readonly Facts[]): Facts {
  const merged: Facts = {};
  for (const field of new Set(subjects.flatMap((subject) => Object.keys(subject)))) {
    const values = [...new Set(subjects.map((subject) => subject[field] ?? null))];
    merged[field] = values.length === 1 ? values[0]! : values.filter((value) => value !== null).join(', ');
  }
  return merged;
}

/** Boots, pairs, and boots that were thrown away, numbered on from run to run. */
function renumbered(records: readonly RunRecord[]): Pick<RunRecord, 'boots' | 'discarded'> {
  let offset = 0;
  let pairs = 0;
  const boots: RunRecord['boots'] = [];
  const discarded: RunRecord['discarded'] = [];
  for (const record of records) {
    const indices = [...record.boots, ...record.discarded].map((boot) => boot.index).toSorted((a, b) => a - b);
    const renumber = (index: number) => offset + indices.indexOf(index) + 1;
    boots.push(
      ...record.boots.map((boot) => ({
        ...boot,
        index: renumber(boot.index),
        pair: boot.pair === null ? null : boot.pair + pairs,
      })),
    );
    pairs += Math.max(0, ...record.boots.map(({ pair }) => pair ?? 0));
    discarded.push(...record.discarded.map((boot) => ({ ...boot, index: renumber(boot.index) })));
    offset += indices.length;
  }
  return { boots, discarded };
}
