// What is wrong with a configuration, in words. In: values and a schema. Out: problems with their path, in the
// user's terms: what was found, what was expected, the nearest known name.

import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';

export type Path = readonly (string | number)[];
export interface Problem {
  readonly path: Path;
  readonly message: string;
  /** The key at `path` is meant, not its value. */
  readonly atKey: boolean;
}

/** Checks `value`; either the schema's output or every problem found. */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
):
  | { readonly data: z.output<Schema>; readonly problems: readonly [] }
  | { readonly data: undefined; readonly problems: readonly Problem[] } {
  const result = schema.safeParse(value, { error: explain });
  if (result.success) return { data: result.data, problems: [] };
  return { data: undefined, problems: result.error.issues.flatMap((issue) => flatten(issue, value, [])) };
}

/** The known name nearest to a mistyped one, if it is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, steps: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.steps - b.steps);
  const best = ranked[0];
  return best && best.steps <= Math.max(2, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined;
}

/** `unknown key "promts"; did you mean "prompts"?`, or the list of what is known. */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return `unknown ${what} \`${name}\`; ${meant === undefined ? `known: ${known.join(', ')}` : `did you mean \`${meant}\`?`}`;
}

/** "stages.linear.hold", "sla[0].metric". */
export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a section with keys',
  record: 'a section with keys',
};

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

/** Messages of the schema's own checks. Schemas with a wording of their own come before this. */
function explain(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type': {
      const expected = NOUNS[issue.expected] ?? issue.expected;
      if (issue.input === undefined) return `is missing; expected ${expected}`;
      if (issue.expected === 'string' && (typeof issue.input === 'number' || typeof issue.input === 'boolean')) {
        return `expected text, found ${show(issue.input)}; put it in quotes: "${String(issue.input)}"`;
      }
      return `expected ${expected}, found ${show(issue.input)}`;
    }
    case 'invalid_value': {
      const known = issue.values.map(String);
      if (issue.input === undefined) return `is missing; expected ${oneOf(known)}`;
      const meant = typeof issue.input === 'string' ? nearest(issue.input, known) : undefined;
      return `${show(issue.input)} is not ${oneOf(known)}${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`;
    }
    case 'too_small':
    case 'too_big': {
      const small = issue.code === 'too_small';
      const limit = small ? issue.minimum : issue.maximum;
      if (issue.origin === 'number' || issue.origin === 'int') {
        const asked = issue.inclusive ? (small ? 'at least' : 'at most') : small ? 'more than' : 'less than';
        return `${show(issue.input)} is too ${small ? 'small' : 'large'}; expected ${asked} ${limit}`;
      }
      const items = issue.origin === 'string' ? 'characters' : Number(limit) === 1 ? 'entry' : 'entries';
      return small && Number(limit) === 1
        ? 'must not be empty'
        : `expected ${small ? 'at least' : 'at most'} ${limit} ${items}`;
    }
    case 'invalid_format':
      return issue.format === 'starts_with'
        ? `${show(issue.input)} must begin with "${String(issue.prefix)}"`
        : undefined;
    case 'unrecognized_keys': {
      // One line a key: flatten() takes them apart again, each to its own position.
      const shape = (issue.inst as unknown as z.ZodObject)._zod.def.shape;
      return issue.keys.map((key) => unknownName('key', key, Object.keys(shape))).join('\n');
    }
    case 'invalid_union': {
      const options = (
        issue.inst as unknown as
          | { _zod: { propValues?: Record<string, Set<unknown>>; def: { discriminator?: string } } }
          | undefined
      )?._zod;
      const discriminator = options?.def.discriminator;
      if (discriminator === undefined) return undefined;
      const known = [...(options?.propValues?.[discriminator] ?? [])].map(String);
      const found = (issue.input as Record<string, unknown> | null)?.[discriminator];
      return found === undefined ? `is missing; expected ${oneOf(known)}` : `${show(found)} is not ${oneOf(known)}`;
    }
    default:
      return undefined;
  }
}

const oneOf = (known: readonly string[]): string =>
  known.length === 1 ? known[0]! : `${known.slice(0, -1).join(', ')} or ${known.at(-1)}`;

type Issue = z.core.$ZodIssue;

function flatten(issue: Issue, root: unknown, base: Path): Problem[] {
  const path: Path = [...base, ...(issue.path as Path)];
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n');
    return issue.keys.map((key, index) => ({ path: [...path, key], message: messages[index]!, atKey: true }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branch = branchMeant(issue.errors, at(root, path));
    if (branch !== undefined) return branch.flatMap((inner) => flatten(inner, root, path));
  }
  return [{ path, message: issue.message, atKey: false }];
}

/** The form of a union that the user was writing: the one that knows the most of the keys written. */
function branchMeant(branches: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const keys = Object.keys(value).length;
  const scored = branches
    .filter((issues) => !issues.some((issue) => issue.code === 'invalid_type' && issue.path.length === 0))
    .map((issues) => ({
      issues,
      known:
        keys -
        issues.reduce(
          (sum, issue) => sum + (issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys.length : 0),
          0,
        ),
    }))
    .sort((a, b) => b.known - a.known);
  const [best, second] = scored;
  return best && best.known > 0 && best.known > (second?.known ?? 0) ? best.issues : undefined;
}

export const at = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (node, part) =>
      typeof node === 'object' && node !== null ? (node as Record<string | number, unknown>)[part] : undefined,
    root,
  );
