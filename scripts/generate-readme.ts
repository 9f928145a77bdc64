// Writes the tables of inputs and outputs of action.yml into README.md, between its markers. With --check it writes
// nothing and fails where they differ.

import { readFileSync } from 'node:fs';
import { markdownTable } from 'markdown-table';
import { parse } from 'yaml';
import { initFiles } from '../src/config/templates.ts';
import { writeFileAtomic } from '../src/files.ts';

interface Described {
  readonly description: string;
  readonly default?: string;
}
interface Manifest {
  readonly inputs: Readonly<Record<string, Described>>;
  readonly outputs: Readonly<Record<string, Described>>;
}

const ROOT = new URL('../', import.meta.url);
const README = new URL('README.md', ROOT).pathname;

const manifest = parse(readFileSync(new URL('action.yml', ROOT), 'utf8')) as Manifest;
const before = readFileSync(README, 'utf8');
/** Unpadded: one long description must not reformat every row. */
const PLAIN = { alignDelimiters: false } as const;
const tables = {
  inputs: markdownTable(
    [
      ['Input', 'Default', 'What it is'],
      ...Object.entries(manifest.inputs).map(([name, input]) => [
        code(name),
        input.default ? code(input.default) : '',
        cell(input.description),
      ]),
    ],
    PLAIN,
  ),
  outputs: markdownTable(
    [
      ['Output', 'What it is'],
      ...Object.entries(manifest.outputs).map(([name, output]) => [code(name), cell(output.description)]),
    ],
    PLAIN,
  ),
};
/** What a reader sees first of a comment: up to the first chart. */
const demoComment = readFileSync(new URL('docs/demo-comment.md', ROOT), 'utf8');
/** The one that `plimsoll init` writes, without its comment. */
const workflow = initFiles('vllm')
  .find((file) => file.path.includes('workflows'))!
  .content.replace(/^#.*\n/, '');
const parts = {
  ...tables,
  workflow: `\n\`\`\`yaml\n${workflow}\`\`\`\n`,
  'comment-example': demoComment.slice(0, demoComment.indexOf('```mermaid')).trim(),
};
const after = Object.entries(parts).reduce((text, [name, table]) => between(text, name, table), before);

if (process.argv.includes('--check')) {
  if (after !== before) {
    process.stderr.write('README.md differs from action.yml: run `npm run generate`.\n');
    process.exitCode = 1;
  }
} else if (after !== before) {
  writeFileAtomic(README, after);
}

function between(text: string, name: string, table: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const start = text.indexOf(open);
  const end = text.indexOf(close);
  if (start < 0 || end < start) throw new Error(`README.md lacks the markers ${open} and ${close}`);
  return `${text.slice(0, start + open.length)}\n${table}\n${text.slice(end)}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Bars end cells. */
function cell(text: string): string {
  return text
    .trim()
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ');
}
