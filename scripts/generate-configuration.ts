// Writes the tables of fields (schema/plimsoll.schema.json) into docs/configuration.md, between its markers. With
// --check it writes nothing and fails where they differ. A field of which nobody says what it means is an error.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: descriptions quote placeholders

import { readFileSync } from 'node:fs';
import { markdownTable } from 'markdown-table';
import { cell, generate } from './markers.ts';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
}

/** Meanings that the schema leaves unsaid, by path. */
const MEANINGS: Readonly<Record<string, string>> = {
  'workload.prompts': 'Where the prompts come from; the fields below depend on `kind`.',
  'workload.prompts.kind':
    'synthetic: written from the seed. jsonl: lines of a file. sharegpt: conversations of a file.',
  'workload.temperature':
    'A number from 0 to 2; `{uniform: [0, 1]}` draws one per request; `{gradient: [0.1, 1]}` rises over each phase.',
  'slo.ttft': 'Longest time to the first token, from the planned time.',
  'slo.tpot': 'Longest mean time between output tokens.',
  'slo.e2e': 'Longest time to the end of the answer, from the planned time.',
  'stages.linear.from': 'Load of the first step.',
  'stages.linear.to': 'Load of the last step; above `from`.',
  'stages.linear.stopWhen.missed': 'Share of a step’s requests that missed the SLO.',
  'stages.linear.stopWhen.failed': 'Share of a step’s requests that failed.',
  'stages.step-surge.base': 'Load before and after each surge.',
  'price.gpuHour': 'Price of one GPU for an hour.',
  'price.gpus': 'GPUs that the deployment uses.',
  'price.currency': 'A note for readers of the file; reports print amounts without it.',
  'client.dispatchDelayShareOfTtft':
    'The p99 of the dispatch delay may also be at most this share of the median TTFT, though a limit below 2 ms is never made of it.',
  'client.achievedShare':
    'The least share of planned requests that must have been sent while their phase lasted (or dropped at the cap).',
  'client.eventLoopDelayP99': 'Longest p99 of the event-loop delay of the worst worker.',
  'monitor.interval': 'Time between two readings.',
  'monitor.nvidiaSmi': 'Whether GPUs are read through nvidia-smi.',
  'lock.wait': 'After so long the run gives up with LOCK_TIMEOUT.',
};

const root = JSON.parse(readFileSync(new URL('../schema/plimsoll.schema.json', import.meta.url), 'utf8')) as Schema;
const used = new Set<string>();
const SECTIONS = [
  'deployment',
  'workload',
  'slo',
  'stages.benchmark',
  'stages.linear',
  'stages.step-surge',
  'sla',
  'comparison',
  'price',
  'client',
  'monitor',
  'lock',
];

const parts = Object.fromEntries(
  SECTIONS.map((section) => [
    `config:${section}`,
    table(rowsBelow(at(section), section, section, at(section).required ?? [])),
  ]),
);
const single = Object.entries(root.properties ?? {}).filter(
  ([name]) => name !== '$schema' && !SECTIONS.some((section) => section === name || section.startsWith(`${name}.`)),
);
generate(new URL('../docs/configuration.md', import.meta.url), 'schema/plimsoll.schema.json', {
  ...parts,
  'config:top': table(
    single.flatMap(([name, schema]) => rowsOf(name, name, schema, root.required?.includes(name) ?? false)),
  ),
});
const unused = Object.keys(MEANINGS).filter((path) => !used.has(path));
if (unused.length > 0)
  throw new Error(`The schema has no field ${unused.join(', ')} (or describes it itself): correct MEANINGS`);

type Row = readonly [field: string, type: string, preset: string, meaning: string];

function table(rows: readonly Row[]): string {
  return markdownTable([['Field', 'Type', 'Default', 'Meaning'], ...rows.map((row) => [...row])]);
}

function at(path: string): Schema {
  const schema = path.split('.').reduce<Schema | undefined>((node, name) => node?.properties?.[name], root);
  if (schema === undefined) throw new Error(`The schema has no section ${path}: correct SECTIONS`);
  return schema.items?.properties ? schema.items : schema;
}

/** @param section the part of the path that the table's heading says already */
function rowsBelow(schema: Schema, path: string, section: string, required: readonly string[]): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    rowsOf(`${path}.${name}`, `${path}.${name}`.slice(section.length + 1), field, required.includes(name)),
  );
}

function rowsOf(path: string, shown: string, schema: Schema, required: boolean): Row[] {
  const section = path.slice(0, path.length - shown.length - 1);
  // A group of fields is shown by its fields; what it is for stands in the text around the table.
  // Fields that a group needs are not needed where the group itself is not.
  if (schema.properties) {
    const isWritten = required || schema.default !== undefined;
    return rowsBelow(schema, path, section, isWritten ? (schema.required ?? []) : []);
  }
  const own: Row = [`\`${shown}\``, cell(typeOf(schema)), presetOf(schema, required), cell(meaningOf(path, schema))];
  if (!schema.oneOf) return [own];
  const kinds = schema.oneOf.flatMap((variant) => {
    const kind = variant.properties?.kind?.const ?? '';
    return Object.entries(variant.properties ?? {})
      .filter(([name]) => name !== 'kind')
      .flatMap(([name, field]) =>
        rowsOf(`${path}.${name}`, `${shown}.${name}`, field, variant.required?.includes(name) ?? false),
      )
      .map(([name, type, preset, meaning]): Row => [name, type, preset, `kind ${kind}: ${meaning}`]);
  });
  const choices = schema.oneOf.map((variant) => `\`${variant.properties?.kind?.const}\``).join(', ');
  return [
    own,
    [
      `\`${shown}.kind\``,
      choices,
      `\`${(schema.default as { kind?: string } | undefined)?.kind}\``,
      meaningOf(`${path}.kind`, {}),
    ],
    ...kinds,
  ];
}

function meaningOf(path: string, { description }: Schema): string {
  const meaning = description ?? MEANINGS[path];
  if (meaning === undefined) throw new Error(`${path}: neither the schema nor MEANINGS says what it means`);
  if (description === undefined) used.add(path);
  return meaning;
}

function presetOf(schema: Schema, required: boolean): string {
  if (required) return '**required**';
  return schema.default === undefined ? '–' : `\`${flow(schema.default)}\``;
}

/** As YAML's flow style writes it: `{uniform: [64, 512]}`. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, item]) => `${key}: ${flow(item)}`)
    .join(', ')}}`;
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(', ');
  const forms = (schema.anyOf ?? []).map((form) => Object.keys(form.properties ?? {})[0] ?? form.type);
  if (forms.includes('lognormal')) return '[length](#lengths)';
  if (forms.includes('between')) return '[think time](#units)';
  if (forms.includes('gamma')) return '[arrivals](#arrivals)';
  if (forms.includes('gradient')) return 'number or distribution';
  if (schema.oneOf) return 'section';
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ');
  switch (schema.type) {
    case 'array':
      return `list of ${schema.items?.enum ? typeOf(schema.items) : plural(typeOf(schema.items ?? {}))}${schema.maxItems === undefined ? '' : `, at most ${schema.maxItems}`}`;
    case 'object':
      return `map of name to ${typeof schema.additionalProperties === 'object' && schema.additionalProperties.type ? typeOf(schema.additionalProperties) : 'any value'}`;
    case 'boolean':
      return '`true`, `false`';
    case 'integer':
      return `whole number${range(schema)}`;
    case 'number':
      return `number${range(schema)}`;
    default:
      return textType(schema.pattern);
  }
}

/** Durations, loads and conditions are texts with a pattern of their own. */
function textType(pattern = ''): string {
  if (pattern.includes('us|ms|s|m|h')) return '[duration](#units)';
  if (pattern.includes('sec|second')) return '[load](#units)';
  if (pattern.includes('[<>]')) return '[condition](#conditions)';
  return pattern.includes('https?') ? 'URL' : 'text';
}

function plural(type: string): string {
  return type.replace(/^\[(\w+)\]/, '[$1s]').replace(/^text$/, 'texts');
}

function range({ minimum, exclusiveMinimum, maximum }: Schema): string {
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? null : maximum;
  const least =
    minimum !== undefined ? `from ${minimum}` : exclusiveMinimum !== undefined ? `above ${exclusiveMinimum}` : null;
  return least === null && most === null
    ? ''
    : ` ${[least, most === null ? null : `up to ${most}`].filter((part) => part !== null).join(' ')}`;
}
