// GitHub's published OpenAPI description: what is asked and answered is checked against it, and answers that a test has
// nothing to say about are filled up from it.

import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';

const DESCRIPTION_PATH = new URL('../../node_modules/@octokit/openapi/generated/api.github.com.json', import.meta.url);

export type Parameters = Readonly<Record<string, string>>;
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Described {
  readonly parameters?: readonly unknown[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Readonly<Record<string, { readonly schema: object }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}
export interface Operation {
  readonly name: string;
  readonly described: Described;
  /** Of the path, decoded. */
  readonly parameters: Parameters;
}

type Node = { readonly [key: string]: unknown };
/** "nullable" is spelled as what ajv reads: null beside the values of an "enum", and beside what has no "type". */
const withNull = (_key: string, node: unknown): unknown => {
  const {
    nullable,
    enum: values,
    type,
    ...rest
  } = (node ?? {}) as { nullable?: boolean; enum?: unknown[]; type?: string };
  if (nullable !== true) return node;
  if (type === undefined) return { anyOf: [values ? { ...rest, enum: values } : rest, { type: 'null' }] };
  return Array.isArray(values) ? { ...(node as object), enum: [...values, null] } : node;
};
export const description = JSON.parse(readFileSync(DESCRIPTION_PATH, 'utf8'), withNull) as {
  paths: Record<string, Record<string, Described>>;
} & Node;
const ajv = new Ajv({ strict: false, coerceTypes: true, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: 'github', components: description.components }, 'github');
const compiled = new Map<unknown, ReturnType<Ajv['compile']>>();

export function checkRequest({ name, described, parameters }: Operation, target: URL, body: unknown): string[] {
  const known = (described.parameters ?? []).map(
    (parameter) => resolve(parameter) as { name: string; in: string; schema: object },
  );
  const given: [string, string, string][] = [
    ...Object.entries(parameters).map(([key, value]): [string, string, string] => [key, value, 'path']),
    ...[...target.searchParams].map(([key, value]): [string, string, string] => [key, value, 'query']),
  ];
  const problems = given.flatMap(([key, value, place]) => {
    const parameter = known.find((candidate) => candidate.name === key && candidate.in === place);
    return parameter
      ? problemsOf(parameter.schema, { value }, `${name} ${place} ${key}`, 'value')
      : [`${name}: no ${place} parameter ${key}`];
  });
  const schema = described.requestBody?.content['application/json']?.schema;
  const isLeftOut = body === undefined && described.requestBody?.required !== true;
  if (schema && !isLeftOut) problems.push(...problemsOf(schema, { value: body }, `${name} body`, 'value'));
  else if (!schema && body !== undefined) problems.push(`${name}: takes no body`);
  return problems;
}

export function checkAnswer({ name, described }: Operation, { status, body }: Answer): string[] {
  const response = resolve(described.responses[String(status)]) as
    | { content?: Record<string, { schema: object }> }
    | undefined;
  if (!response) return status >= 400 ? [] : [`${name}: does not answer ${status}`];
  const schema = response.content?.['application/json']?.schema;
  if (!schema) return body === undefined ? [] : [`${name}: ${status} has no body`];
  return problemsOf(schema, { value: body }, `${name} answer ${status}`, 'value');
}

function problemsOf(schema: object, holder: Record<string, unknown>, what: string, key: string): string[] {
  let check = compiled.get(schema);
  if (!check) {
    const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"github#/components/')) as object;
    check = ajv.compile({ type: 'object', required: [key], properties: { [key]: absolute } });
    compiled.set(schema, check);
  }
  return check(structuredClone(holder))
    ? []
    : (check.errors ?? []).map((error) => `${what}: ${error.instancePath} ${error.message}`);
}

function resolve(node: unknown): unknown {
  const reference = (node as { $ref?: string } | undefined)?.$ref;
  if (reference === undefined) return node;
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((at, step) => (at as Node)[step], description);
}

interface Shape {
  readonly $ref?: string;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly type?: string;
  readonly minimum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly allOf?: readonly Shape[];
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
}

/** The body of an answer with everything that the description demands, and over it what the test says. */
export function answerOf(method: string, template: string, status: number, said: object): unknown {
  const response = resolve(description.paths[template]?.[method]?.responses[String(status)]) as {
    content: Record<string, { schema: Shape }>;
  };
  return over(emptiest(response.content['application/json']!.schema), said);
}

/** The same for one member of a list. */
export function memberOf(method: string, template: string, said: object): unknown {
  const response = resolve(description.paths[template]?.[method]?.responses['200']) as {
    content: Record<string, { schema: { items: Shape } }>;
  };
  return over(emptiest(response.content['application/json']!.schema.items), said);
}

function emptiest(given: Shape): unknown {
  const shape = resolve(given) as Shape;
  if (shape.nullable === true || shape.anyOf?.some(({ type }) => type === 'null')) return null;
  if (shape.enum) return shape.enum[0];
  const one = shape.oneOf?.[0] ?? shape.anyOf?.[0];
  if (one) return emptiest(one);
  if (shape.allOf) return Object.assign({}, ...shape.allOf.map((part) => emptiest(part) as object)) as object;
  if (shape.type === 'array') return [];
  if (shape.type === 'integer' || shape.type === 'number') return shape.minimum ?? 1;
  if (shape.type === 'boolean') return false;
  if (shape.type === 'string') return '';
  return Object.fromEntries((shape.required ?? []).map((name) => [name, emptiest(shape.properties?.[name] ?? {})]));
}

function over(base: unknown, said: unknown): unknown {
  const isPlain = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isPlain(base) || !isPlain(said)) return said;
  const merged = { ...base };
  for (const [name, value] of Object.entries(said)) merged[name] = over(base[name], value);
  return merged;
}
