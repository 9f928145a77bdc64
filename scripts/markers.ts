// Generated parts of a Markdown page: what stands between `<!-- name -->` and `<!-- /name -->`. Used by the scripts
// that generate pages of docs/.

import { readFileSync } from 'node:fs';
import { writeFileAtomic } from '../src/files.ts';

/** Bars end cells, and a cell is one line. */
export const cell = (text: string): string =>
  text
    .trim()
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ');

/**
 * Puts each part between its markers. With `--check` among the arguments nothing is written, and exit status 1 says
 * that the page was not up to date.
 * @throws Error where the page lacks a marker
 */
export function generate(page: URL, source: string, parts: Readonly<Record<string, string>>): void {
  const before = readFileSync(page, 'utf8');
  const after = Object.entries(parts).reduce((text, [name, part]) => between(text, name, part, page), before);
  if (after === before) return;
  if (!process.argv.includes('--check')) {
    writeFileAtomic(page.pathname, after);
    return;
  }
  const script = process.argv[1]?.split('/').slice(-2).join('/');
  process.stderr.write(`${page.pathname} differs from ${source}: run \`node ${script}\`.\n`);
  process.exitCode = 1;
}

function between(text: string, name: string, part: string, page: URL): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const start = text.indexOf(open);
  const end = text.indexOf(close);
  if (start < 0 || end < start) throw new Error(`${page.pathname} lacks the markers ${open} and ${close}`);
  return `${text.slice(0, start + open.length)}\n\n${part}\n\n${text.slice(end)}`;
}
