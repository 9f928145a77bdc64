// One model of a table and its cells, and its three spellings: GitHub Markdown, HTML and terminal. Cells are plain
// text until they are spelled here, so that no table can forget to escape.

import { markdownTable } from 'markdown-table';
import type pc from 'picocolors';
import { escapeHtml, escapeMarkdown, escapeTerminal, inlineCode } from './escape.ts';

export type Colors = ReturnType<typeof pc.createColors>;
export type CellTone = 'bad' | 'warn' | 'good' | 'faint' | 'plain';

export interface Cell {
  readonly text: string;
  /** Before the text, in Markdown and HTML; `mark` in the terminal. */
  readonly glyph?: string;
  readonly mark?: string;
  readonly tone?: CellTone;
  readonly strong?: boolean;
  readonly code?: boolean;
  /** Smaller, below the text. */
  readonly sub?: string;
}

export interface Table {
  readonly columns: readonly { readonly title: string; readonly align?: 'right' }[];
  readonly rows: readonly (readonly Cell[])[];
}

export const text = (value: string): Cell => ({ text: value });
export const left = (title: string): Table['columns'][number] => ({ title });
export const right = (title: string): Table['columns'][number] => ({ title, align: 'right' });

const CELL_LIMIT = 160;

/** Whole rows only; '' for an empty table. */
export function tableMarkdown({ columns, rows }: Table, rowLimit = Number.POSITIVE_INFINITY): string {
  if (rows.length === 0) return '';
  const body = rows.slice(0, rowLimit).map((row) => row.map(cellMarkdown));
  return markdownTable([columns.map(({ title }) => title), ...body], {
    align: columns.map(({ align }) => (align === 'right' ? 'r' : null)),
    // Aligned source costs bytes that a long comment needs.
    alignDelimiters: false,
    padding: true,
  });
}

export function tableHtml({ columns, rows }: Table): string {
  if (rows.length === 0) return '';
  const side = (index: number): string => (columns[index]?.align === 'right' ? ' class="r"' : '');
  const head = columns.map(({ title }, index) => `<th scope="col"${side(index)}>${escapeHtml(title)}</th>`).join('');
  const body = rows.map(
    (row) => `<tr>${row.map((cell, index) => `<td${side(index)}>${cellHtml(cell)}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll" tabindex="0" role="group" aria-label="Table"><table><thead><tr>${head}</tr></thead><tbody>\n${body.join('\n')}\n</tbody></table></div>`;
}

/** Aligned columns, two spaces apart, cut to `width`. */
export function tableTerminal({ columns, rows }: Table, colors: Colors, width: number): string[] {
  if (rows.length === 0) return [];
  const texts = rows.map((row) => row.map(cellTerminal));
  const widths = columns.map(({ title }, index) =>
    Math.max(displayWidth(title), ...texts.map((row) => displayWidth(row[index] ?? ''))),
  );
  shrink(widths, width - 2 * columns.length);
  const line = (cells: readonly string[], paint: (text: string, index: number) => string): string =>
    `  ${cells.map((cell, index) => paint(fitted(cell, widths[index]!, columns[index]?.align === 'right'), index)).join('  ')}`.trimEnd();
  return [
    line(
      columns.map(({ title }) => title),
      (text) => colors.dim(text),
    ),
    ...texts.map((row, at) => line(row, (text, index) => painted(text, rows[at]![index], colors))),
  ];
}

/** For narrow terminals: what stands beside a text in brackets goes into a line of its own below it. */
export function stacked({ columns, rows }: Table): Table {
  const below = (row: readonly Cell[]): Cell[][] =>
    row.some(({ sub }) => sub !== undefined) ? [row.map(({ sub }): Cell => ({ text: sub ?? '', tone: 'faint' }))] : [];
  return { columns, rows: rows.flatMap((row) => [row.map(({ sub: _, ...cell }) => cell), ...below(row)]) };
}

function cellMarkdown(cell: Cell): string {
  const text = cell.code ? inlineCode(cell.text, CELL_LIMIT) : escapeMarkdown(glued(cell.text), CELL_LIMIT);
  const body = [cell.glyph ?? '', cell.strong && text !== '' && !cell.code ? `**${text}**` : text]
    .filter((part) => part !== '')
    .join('&nbsp;');
  return cell.sub ? `${body}<br><sub>${escapeMarkdown(glued(cell.sub), CELL_LIMIT)}</sub>` : body;
}

/** A number and its unit stay on one line of a narrow screen. */
export const glued = (text: string): string =>
  text.replace(/(?<=\d) (?=(?:%|ms|s|min|req\/s|tok\/s|points?|tokens|W|°C|MHz|cores|[KMGT]?i?B)(?![\w/]))/g, '\u00a0');

function cellHtml(cell: Cell): string {
  const text = escapeHtml(cell.text, 1_000);
  const body = cell.code ? `<code>${text}</code>` : cell.strong ? `<strong>${text}</strong>` : text;
  return `${cell.glyph ? `${cell.glyph}&nbsp;` : ''}${body}${cell.sub ? `<br><small>${escapeHtml(cell.sub, 1_000)}</small>` : ''}`;
}

const cellTerminal = (cell: Cell): string =>
  escapeTerminal(
    [cell.mark ?? '', cell.text, cell.sub ? `(${cell.sub})` : ''].filter((part) => part !== '').join(' '),
    CELL_LIMIT,
  );

function painted(text: string, cell: Cell | undefined, colors: Colors): string {
  if (cell?.tone === 'bad') return colors.red(text);
  if (cell?.tone === 'warn') return colors.yellow(text);
  if (cell?.tone === 'good') return colors.cyan(text);
  if (cell?.tone === 'faint') return colors.dim(text);
  return cell?.strong ? colors.bold(text) : text;
}

/** Takes from the widest column until the row fits. */
function shrink(widths: number[], available: number): void {
  for (
    let excess = widths.reduce((sum, width) => sum + width, 0) - Math.max(available, 6 * widths.length);
    excess > 0;
    excess--
  ) {
    widths[widths.indexOf(Math.max(...widths))]! -= 1;
  }
}

function fitted(text: string, width: number, right: boolean): string {
  let shown = text;
  if (displayWidth(text) > width) {
    const characters = [...text];
    while (characters.length > 0 && displayWidth(characters.join('')) > width - 1) characters.pop();
    shown = `${characters.join('')}…`;
  }
  const space = ' '.repeat(Math.max(0, width - displayWidth(shown)));
  return right ? `${space}${shown}` : `${shown}${space}`;
}

/** Columns that a text takes: East Asian wide characters and emoji two, combining marks none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mn}|\p{Me}/u.test(character)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}
