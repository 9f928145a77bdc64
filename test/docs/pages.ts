// The repository's Markdown pages, for the tests of this folder: their text, tables, headings, links and code blocks.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');

export interface Page {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
}

export const readPage = (path: string): Page => ({ path, text: readFileSync(join(root, path), 'utf8') });

/** Every page that people write or read in the repository. */
export const allPages = (): Page[] =>
  globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', '.github/**/*.md'], { cwd: root }).sort().map(readPage);

/** The text between `<!-- name -->` and `<!-- /name -->`. */
export function marked({ path, text }: Page, name: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  if (!text.includes(open) || !text.includes(close)) throw new Error(`${path} lacks the markers ${open} and ${close}`);
  return text.slice(text.indexOf(open) + open.length, text.indexOf(close));
}

/** Rows of the first table of a text, without its head. */
export function tableRows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  /** 1-based line of the opening fence. */
  readonly line: number;
}

export function codeBlocks({ text }: Page): CodeBlock[] {
  return [...text.matchAll(/^```(\w*)[^\n]*\n(.*?)^```/gms)].map(({ 0: whole, 1: language, 2: code, index }) => ({
    language: language!,
    code: code!,
    line: text.slice(0, index).split('\n').length + (whole.startsWith('\n') ? 1 : 0),
  }));
}

const withoutCode = (text: string): string => text.replace(/^```.*?^```/gms, '').replace(/`[^`\n]*`/g, '');

/** Targets of links and images, but for those inside code. */
export const links = ({ text }: Page): string[] =>
  [...withoutCode(text).matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map((match) => match[1]!);

/** Anchors of a page's headings, as GitHub makes them. */
export function anchors({ text }: Page): Set<string> {
  const seen = new Map<string, number>();
  const found = new Set<string>();
  for (const [, heading] of text.replace(/^```.*?^```/gms, '').matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const plain = heading!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[`*]/g, '')
      .toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    found.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return found;
}

/** The part of a page below a heading, up to the next one of its level or above. */
export function section(page: Page, heading: string): string | null {
  const lines = page.text.split('\n');
  const start = lines.findIndex(
    (line) => /^#{1,6} /.test(line) && line.replace(/^#+ /, '').replaceAll('`', '') === heading,
  );
  if (start < 0) return null;
  const level = /^#+/.exec(lines[start]!)![0].length;
  const length = lines.slice(start + 1).findIndex((line) => new RegExp(`^#{1,${level}} `).test(line));
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n');
}
