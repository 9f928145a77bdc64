// Text of a baseline file ⇄ BaselineFile. Written for review: sorted keys, one value a line, but a metric, a
// ledger entry or a point of a curve on one line. Read with suspicion: what is damaged is named, never repaired.

import { z } from 'zod';
import { PlimsollError } from '../errors.ts';
import { BASELINE_VERSION, type BaselineFile, baselineFileSchema } from './schema.ts';

/**
 * @param path only for messages
 * @throws PlimsollError BASELINE_DAMAGED (empty, truncated, not ours, a field wrong) or BASELINE_VERSION
 */
export function parseBaseline(text: string, path: string): BaselineFile {
  const value = parseJson(text.replace(/^\uFEFF/, ''), path);
  const header = z.object({ schema: z.literal('plimsoll/baseline'), version: z.number().int() }).safeParse(value);
  if (!header.success)
    throw damaged(
      path,
      'it is JSON, but not a baseline ("schema" must be "plimsoll/baseline", with a whole "version")',
    );
  if (header.data.version !== BASELINE_VERSION) throw foreignVersion(path, header.data.version);
  const parsed = baselineFileSchema.safeParse(value);
  if (!parsed.success) throw damaged(path, describe(parsed.error.issues));
  return parsed.data;
}

/** Deterministic: equal files give equal text, whatever the order of their keys; parseBaseline gives the file back. */
export function formatBaseline(file: BaselineFile): string {
  return `${format(file, '', '')}\n`;
}

function parseJson(text: string, path: string): unknown {
  if (text.trim() === '') throw damaged(path, 'it is empty');
  if (/^(<{7}|>{7}|={7})/m.test(text)) throw damaged(path, 'it holds the conflict markers of a merge');
  try {
    return JSON.parse(text);
  } catch (error) {
    const lines = text.trimEnd().split('\n');
    const cut =
      /[}\]]\s*$/.test(lines.at(-1)!) && lines.at(-1)!.startsWith('}')
        ? ''
        : ` (it ends in line ${lines.length}: truncated?)`;
    throw damaged(path, `it is not JSON: ${(error as Error).message}${cut}`, error);
  }
}

function damaged(path: string, what: string, cause?: unknown): PlimsollError {
  return new PlimsollError(
    'BASELINE_DAMAGED',
    `The stored baseline ${path} is damaged: ${what}. It was left as it is.`,
    {
      hint: 'Restore it from git ("git log -- <file>" shows its versions), or move it away to begin a new history.',
      cause,
    },
  );
}

function foreignVersion(path: string, version: number): PlimsollError {
  const newer = version > BASELINE_VERSION;
  return new PlimsollError(
    'BASELINE_VERSION',
    `The stored baseline ${path} has format version ${version}; this Plimsoll reads version ${BASELINE_VERSION}. It was left as it is.`,
    {
      hint: newer
        ? 'A newer Plimsoll wrote it: update this one.'
        : 'No Plimsoll ever wrote that version: restore the file from git.',
    },
  );
}

function describe(issues: readonly z.core.$ZodIssue[]): string {
  const shown = issues
    .slice(0, 3)
    .map((issue) => `${issue.path.map(String).join('.') || 'the file'}: ${issue.message}`);
  return `${shown.join('; ')}${issues.length > 3 ? `; and ${issues.length - 3} more` : ''}`;
}

/** Below these keys each member stands on its own line, whole. */
const ONE_LINE_MEMBERS = new Set(['metrics', 'ledger', 'curve', 'surge', 'trail']);

function format(value: unknown, key: string, indent: string): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members: [string, unknown][] = Array.isArray(value)
    ? value.map((member) => ['', member])
    : Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .sort(([left], [right]) => (left < right ? -1 : 1));
  const isList = Array.isArray(value);
  const [open, close] = isList ? '[]' : '{}';
  if (members.length === 0) return `${open}${close}`;
  const inner = `${indent}  `;
  const whole = ONE_LINE_MEMBERS.has(key);
  const flat = isList && members.every(([, member]) => member === null || typeof member !== 'object');
  if (flat) return oneLine(value);
  const lines = members.map(
    ([name, member]) =>
      `${inner}${isList ? '' : `${JSON.stringify(name)}: `}${whole ? oneLine(member) : format(member, name, inner)}`,
  );
  return `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}

function oneLine(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}: ${oneLine(member)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}
