// The single requests that the page has: the slowest, the failed and a fair sample, each with its timeline.

import { formatNumber, formatValue } from '../metrics-format.ts';
import { type BootPage, KEPT, type KeptRow } from '../report/page-shape.ts';
import { button, element } from './dom.ts';

const latencyOf: Readonly<Record<'ttft' | 'tpot' | 'e2e', (row: KeptRow) => number | null>> = {
  ttft: ({ firstTokenMs }) => firstTokenMs,
  tpot: ({ tpotMs }) => tpotMs,
  e2e: ({ endMs }) => endMs,
};
export const REQUEST_LISTS: Readonly<Record<keyof typeof KEPT, string>> = {
  ttft: 'slowest by TTFT',
  tpot: 'slowest by TPOT',
  e2e: 'slowest by E2E',
  failed: 'failed',
  sample: 'a fair sample',
};
const PAGE = 10;

/** Lists that have anything in them. */
export const listsOf = ({ rows }: BootPage): (keyof typeof KEPT)[] =>
  (Object.keys(KEPT) as (keyof typeof KEPT)[]).filter((list) => rows.some(({ kept }) => (kept & KEPT[list]) !== 0));

export function requestList(boot: BootPage, list: keyof typeof KEPT): HTMLElement {
  const rows = boot.rows.filter(({ kept }) => (kept & KEPT[list]) !== 0);
  if (list === 'ttft' || list === 'tpot' || list === 'e2e')
    rows.sort((a, b) => (latencyOf[list](b) ?? 0) - (latencyOf[list](a) ?? 0));
  const scaleMs = Math.max(1, ...rows.map(({ endMs }) => endMs));
  const items = element('ol', { class: 'requests' });
  const more = button('Show more', 'Show more requests', () => grow());
  function grow(): void {
    const next = rows.slice(items.children.length, items.children.length + PAGE);
    items.append(...next.map((row) => requestItem(row, scaleMs)));
    more.hidden = items.children.length >= rows.length;
  }
  grow();
  const total = `${formatNumber(rows.length)} of ${formatNumber(boot.requests)} requests, ${formatNumber(boot.failed)} of which failed. All bars are on one scale of ${formatValue('ms', scaleMs)}.`;
  return element('div', {}, legend(), element('p', { class: 'faint' }, total), items, more);
}

const PARTS = [
  { name: 'late', words: 'waited in the client' },
  { name: 'sent', words: 'sent, until the head of the answer' },
  { name: 'first', words: 'until the first token' },
  { name: 'tokens', words: 'tokens' },
  { name: 'rest', words: 'until the end' },
] as const;

const legend = (): HTMLElement =>
  element(
    'p',
    { class: 'key' },
    ...PARTS.map(({ name, words }) => element('span', {}, element('span', { class: `swatch ${name}` }), ` ${words}`)),
  );

function requestItem(row: KeptRow, scaleMs: number): HTMLElement {
  const facts = [
    `TTFT ${formatValue('ms', row.firstTokenMs)}`,
    `TPOT ${formatValue('ms', row.tpotMs)}`,
    `E2E ${formatValue('ms', row.endMs)}`,
    row.outcome === 'ok' ? '' : row.outcome.replace('_', ' '),
  ].filter((fact) => fact !== '');
  const summary = element(
    'summary',
    {},
    element('strong', {}, `#${row.request}`),
    ` ${row.phase}, at ${formatNumber(row.startMs / 1_000)} s · ${facts.join(' · ')}`,
    bar(row, scaleMs),
  );
  const details = element('details', {}, summary);
  details.addEventListener('toggle', () => {
    if (details.open && details.children.length === 1) details.append(moments(row));
  });
  return element('li', {}, details);
}

/** Where each part ends; one that never came ends where the one before did. */
function ends({ sentMs, headersMs, firstTokenMs, lastTokenMs, endMs }: KeptRow): number[] {
  let before = 0;
  return [sentMs, headersMs, firstTokenMs, lastTokenMs, endMs].map((moment) => {
    before = Math.max(before, moment ?? before);
    return before;
  });
}

function bar(row: KeptRow, scaleMs: number): HTMLElement {
  const track = element('span', { class: row.outcome === 'ok' ? 'bar' : 'bar broken' });
  let from = 0;
  for (const [index, to] of ends(row).entries()) {
    if (to > from) {
      const part = element('span', { class: PARTS[index]!.name });
      part.style.width = `${(100 * (to - from)) / scaleMs}%`;
      track.append(part);
    }
    from = to;
  }
  return track;
}

function moments(row: KeptRow): HTMLElement {
  const facts: readonly (readonly [string, string | null])[] = [
    ['Planned', `${formatNumber(row.startMs)} ms after the load began`],
    ['Sent', after(row.sentMs)],
    ['Head of the answer', after(row.headersMs)],
    ['First token', after(row.firstTokenMs)],
    ['Last token', after(row.lastTokenMs)],
    ['End', after(row.endMs)],
    ['Outcome', row.error === null ? row.outcome : `${row.outcome}: ${row.error}`],
    ['Prompt', row.promptTokens === null ? null : `${formatNumber(row.promptTokens)} tokens`],
    ['Output', row.outputTokens === null ? null : `${formatNumber(row.outputTokens)} tokens`],
  ];
  return element(
    'dl',
    {},
    ...facts.flatMap(([name, value]) => (value === null ? [] : [element('dt', {}, name), element('dd', {}, value)])),
  );
}

const after = (ms: number | null): string => (ms === null ? 'never' : `+${formatNumber(ms)} ms`);
