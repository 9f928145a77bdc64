// report.html: the whole report in one file that works from disk: no network, no script, light and dark, phone and
// desk. The charts are the SVG files, inline.

import { type Chart, renderCharts } from './charts.ts';
import { escapeHtml } from './escape.ts';
import { bootTable, clientTable, factsTable, standingTable, subjectTable } from './facts.ts';
import type { ReportInput } from './input.ts';
import { scalabilitySentence } from './scalability.ts';
import { byImportance, cliffsOf, isNotable, reproduceCommand, type Story, surgeSentence, tellStory } from './story.ts';
import { type Table, tableHtml } from './table.ts';
import { compactDeltas, compactSla, curveTable, deltaLegend, measuredTable, wideDeltas } from './tables.ts';
import { TONES } from './tone.ts';

/** A complete HTML document. */
export function renderHtml(input: ReportInput): string {
  const { record, verdict, provenance } = input;
  const story = tellStory(input);
  const charts = renderCharts(input);
  const comparisons = byImportance(verdict.comparisons);
  const notable = comparisons.filter(isNotable);
  const rest = comparisons.filter((one) => !isNotable(one));
  const surge = surgeSentence(input);
  const scaling = scalabilitySentence(input);
  const body = [
    head(story),
    list(
      [...story.findings, ...story.notes].map(({ message, advice }) =>
        advice === null ? message : `${message} → ${advice}`,
      ),
    ),
    block('SLA', tableHtml(compactSla(input))),
    block(
      'Against the baseline',
      notable.length === 0
        ? ''
        : `${tableHtml(compactDeltas(input, notable))}<p class="faint">${escapeHtml(deltaLegend(comparisons))}</p>`,
    ),
    fold(`${rest.length} more metrics, unchanged or inconclusive`, [wideDeltas(input, rest)]),
    block(
      'Load curve',
      figure(charts, 'load-curve') + (scaling === null ? '' : `<p class="faint">${escapeHtml(scaling)}</p>`),
    ),
    fold('Load curve, step by step', [curveTable(input)]),
    block('Surge', figure(charts, 'surge') || (surge === null ? '' : `<p>${escapeHtml(surge)}</p>`)),
    block('Latency distribution', figure(charts, 'latency')),
    block('Why', list(cliffsOf(input)) + tableHtml(subjectTable(input))),
    fold('Every metric of this run', [measuredTable(input, () => true)]),
    fold('Validity: stages, client, boots', [standingTable(input), clientTable(input), bootTable(input)]),
    fold('Environment and subject', [
      factsTable('Environment', record.environment),
      factsTable('Subject', record.subject),
    ]),
    `<details><summary>How to reproduce it</summary><pre><code>${escapeHtml(reproduceCommand(provenance.configPath))}</code></pre>${origin(input)}</details>`,
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(`${TONES[story.tone].word} · ${story.title}`, 200)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body.filter((part) => part !== '').join('\n')}
</main>
</body>
</html>
`;
}

function head(story: Story): string {
  const { glyph, word } = TONES[story.tone];
  const line = story.loadLine;
  return [
    `<header class="${story.tone}">`,
    `<p class="faint">${escapeHtml(story.title, 200)}</p>`,
    `<h1>${glyph} ${word}</h1>`,
    `<p class="lead">${escapeHtml(story.headline)}</p>`,
    line ? `<p><strong>Load line ${escapeHtml(line.value)}</strong> ${escapeHtml(line.beside)}</p>` : '',
    story.numbers.length > 0 ? `<p>${story.numbers.map((number) => escapeHtml(number)).join(' · ')}</p>` : '',
    `<p>${story.act.needed ? '<strong>Action needed:</strong> ' : ''}${escapeHtml(story.act.sentence)}</p>`,
    ...story.notices.map((notice) => `<p>⚖️ ${escapeHtml(notice)}</p>`),
    '</header>',
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function origin({ record, verdict, provenance }: ReportInput): string {
  const facts: readonly (readonly [string, string | null])[] = [
    ['Rules from', provenance.policySource],
    ['Commit', provenance.commit],
    [
      'Baseline',
      verdict.baseline &&
        `${verdict.baseline.path}, ${verdict.baseline.boots} boots of segment ${verdict.baseline.segment}`,
    ],
    ['Boots', `${verdict.boots}; ${verdict.climb.reason}`],
    ['Run', provenance.runUrl === null ? record.id : `${record.id}, ${provenance.runUrl}`],
    ['Plimsoll', provenance.plimsoll],
  ];
  const rows = facts.flatMap(([name, value]) =>
    value === null ? [] : [`<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`],
  );
  return `<dl>${rows.join('')}</dl>`;
}

/** Both themes are in the page; the style sheet shows one. */
function figure(charts: readonly Chart[], id: string): string {
  const drawn = charts.filter(({ name, theme }) => name === `${id}-${theme}.svg`);
  if (drawn.length === 0) return '';
  return `<figure>${drawn.map(({ svg, theme }) => `<div class="${theme}-only">${svg}</div>`).join('')}<figcaption>${escapeHtml(drawn[0]!.description)}</figcaption></figure>`;
}

const block = (title: string, inner: string): string =>
  inner === '' ? '' : `<section><h2>${title}</h2>${inner}</section>`;

function fold(title: string, tables: readonly Table[]): string {
  const inner = tables.map(tableHtml).join('');
  return inner === '' ? '' : `<details><summary>${escapeHtml(title)}</summary>${inner}</details>`;
}

const list = (sentences: readonly string[]): string =>
  sentences.length === 0 ? '' : `<ul>${sentences.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('')}</ul>`;

const STYLE = `
:root{--text:#1f2328;--faint:#59636e;--line:#d1d9e0;--page:#fff;--soft:#f6f8fa;--green:#1a7f37;--warn:#9a6700;--fail:#cf222e;--invalid:#8250df;--neutral:#59636e}
@media(prefers-color-scheme:dark){:root{--text:#f0f6fc;--faint:#9198a1;--line:#3d444d;--page:#0d1117;--soft:#151b23;--green:#3fb950;--warn:#d29922;--fail:#f85149;--invalid:#ab7df8;--neutral:#9198a1}.light-only{display:none}}
@media(prefers-color-scheme:light){.dark-only{display:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI","Noto Sans",Helvetica,Arial,sans-serif;overflow-wrap:anywhere}
main{max-width:60rem;margin:0 auto;padding:1rem}
header{border-left:.35rem solid var(--neutral);padding:.25rem 0 .25rem 1rem;margin-bottom:1rem}
header.green{border-color:var(--green)}header.warn{border-color:var(--warn)}header.fail{border-color:var(--fail)}header.invalid{border-color:var(--invalid)}
h1{margin:.1rem 0;font-size:1.6rem}h2{font-size:1.15rem;margin:1.6rem 0 .5rem}
p{margin:.4rem 0}.lead{font-size:1.1rem;font-weight:600}.faint,small,figcaption{color:var(--faint)}
.scroll{overflow-x:auto;margin:.5rem 0}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{border:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top;overflow-wrap:normal}
td{max-width:28rem}td small,td code{overflow-wrap:anywhere}th{background:var(--soft)}.r{text-align:right;white-space:nowrap}
figure{margin:.5rem 0}figure svg{width:100%;height:auto;display:block}figcaption{font-size:.9rem}
details{border:1px solid var(--line);border-radius:.4rem;padding:.5rem .8rem;margin:.8rem 0}summary{cursor:pointer;font-weight:600}
pre{background:var(--soft);padding:.6rem;overflow-x:auto;border-radius:.3rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:var(--faint)}dd{margin:0}
`;
