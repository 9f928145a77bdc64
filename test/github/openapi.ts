// GitHub's published OpenAPI description, and the smallest answers that fit it: whatever a test does not care about is
// there, with a value of the right type.

import { readFileSync } from 'node:fs';

const PATH = new URL('../../node_modules/@octokit/openapi/generated/api.github.com.json', import.meta.url);

export interface Described {
  readonly parameters?: readonly unknown[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Readonly<Record<string, { readonly schema: object }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}
type Node = { readonly [key: string]: unknown };

/** "nullable" beside an "enum" means that null is one of its values, which ajv wants to read there. */
const withNull = (_key: string, node: unknown): unknown => {
  const { nullable, enum: values } = (node ?? {}) as { nullable?: boolean; enum?: unknown[] };
  return nullable === true && Array.isArray(values) ? { ...(node as object), enum: [...values, null] } : node;
};

export const description = JSON.parse(readFileSync(PATH, 'utf8'), withNull) as {
  paths: Record<string, Record<string, Described>>;
} & Node;

export function resolve(node: unknown): unknown {
  const reference = (node as { $ref?: string } | undefined)?.$ref;
  if (reference === undefined) return node;
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((at, step) => (at as Node)[step], description);
}

/** The smallest value of `components.schemas[name]`, with `change` laid over it, field by field. */
export const sample = (name: string, change: object): unknown =>
  overlaid(smallest({ $ref: `#/components/schemas/${name}` }), change);

interface Schema {
  readonly type?: string;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
  readonly allOf?: readonly unknown[];
  readonly anyOf?: readonly unknown[];
  readonly oneOf?: readonly unknown[];
}

function smallest(node: unknown): unknown {
  const schema = resolve(node) as Schema;
  if (schema.nullable === true) return null;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.allOf !== undefined) return Object.assign({}, ...schema.allOf.map(smallest));
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice !== undefined) return smallest(choice[0]);
  switch (schema.type) {
    case 'string':
      return '';
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return false;
    case 'array':
      return [];
    default:
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, smallest(schema.properties?.[name] ?? {})]),
      );
  }
}

const isObject = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function overlaid(value: unknown, change: unknown): unknown {
  if (!isObject(change)) return change;
  const under = isObject(value) ? value : {};
  return {
    ...under,
    ...Object.fromEntries(Object.entries(change).map(([name, inner]) => [name, overlaid(under[name], inner)])),
  };
}
