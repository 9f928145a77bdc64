// The load line as a badge: one small SVG without script, font or network, that reads the same in light and dark.

import { formatValue } from '../metrics-format.ts';
import { escapeHtml } from './escape.ts';
import type { ReportInput } from './input.ts';

const LABEL = 'load line';
/** Of the badge's font at 11 px, with room to spare. */
const CHARACTER = 6.6;
const PAD = 10;

/** Null where the run found no load line: a badge says what is, not what is missing. */
export function renderBadge({ verdict: { loadLine } }: Pick<ReportInput, 'verdict'>): string | null {
  if (loadLine === null || loadLine.rate === null) return null;
  const shown = formatValue('per_second', loadLine.rate, loadLine.bound);
  const value = escapeHtml(shown);
  const [left, right] = [LABEL.length * CHARACTER + 2 * PAD, shown.length * CHARACTER + 2 * PAD].map(Math.round) as [
    number,
    number,
  ];
  const width = left + right;
  const text = (x: number, words: string): string => `<text x="${x}" y="14">${words}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="20" role="img" aria-label="${LABEL}: ${value}">
<title>${LABEL}: ${value}</title>
<clipPath id="r"><rect width="${width}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="${left}" height="20" fill="#444d56"/><rect x="${left}" width="${right}" height="20" fill="#0a58ca"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">${text(left / 2, LABEL)}${text(left + right / 2, value)}</g>
</svg>
`;
}
