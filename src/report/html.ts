// report.html: the whole report in one file that works from disk: no network, light and dark, phone and desk. The
// charts are the SVG files, inline; where scripts run, src/page puts charts to explore in their place.

import { createHash } from 'node:crypto';
import { againstBase } from '../judge/headline.ts';
import { type Chart, renderCharts } from './charts.ts';
import type { RunDigest } from './digest.ts';
import { escapeHtml } from './escape.ts';
import { bootTable, clientTable, factsTable, standingTable, subjectTable } from './facts.ts';
import type { ReportInput } from './input.ts';
import { pageData } from './page-data.ts';
import { scalabilitySentence } from './scalability.ts';
import {
  againstTitle,
  byImportance,
  cliffsOf,
  isNotable,
  reproduceCommand,
  type Story,
  surgeSentence,
  tellStory,
} from './story.ts';
import { type Table, tableHtml } from './table.ts';
import { compactDeltas, compactSla, curveTable, deltaLegend, measuredTable, wideDeltas } from './tables.ts';
import { TONES } from './tone.ts';

export interface Interactive {
  /** The bundle of src/page. */
  readonly script: string;
  /** null = the rows of the run are not there. */
  readonly digest: RunDigest | null;
}

/** A complete HTML document; without `interactive` it runs nothing. */
export function renderHtml(input: ReportInput, interactive: Interactive | null = null): string {
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
      againstTitle(input),
      notable.length === 0
        ? ''
        : `${tableHtml(compactDeltas(input, notable))}<p class="faint">${escapeHtml(deltaLegend(comparisons))}</p>`,
    ),
    fold(`${rest.length} more metrics, unchanged or inconclusive`, [wideDeltas(input, rest)]),
    block('Why', list(cliffsOf(input)) + tableHtml(subjectTable(input))),
    surge === null ? '' : `<p>${escapeHtml(surge)}</p>`,
    interactive ? '<section id="explore" hidden></section>' : '',
    still('Load curve', figure(charts, 'load-curve')),
    scaling === null ? '' : `<p class="faint">${escapeHtml(scaling)}</p>`,
    still('Surge', figure(charts, 'surge')),
    still('Latency distribution', figure(charts, 'latency')),
    fold('Load curve, step by step', [curveTable(input)]),
    fold('Every metric of this run', [measuredTable(input, () => true)]),
    fold('Validity: stages, client, boots', [standingTable(input), clientTable(input), bootTable(input)]),
    fold('Environment and subject', [
      factsTable('Environment', record.environment),
      factsTable('Subject', record.subject),
    ]),
    `<details><summary>How to reproduce it</summary><pre><code>${escapeHtml(reproduceCommand(provenance.configPath, input.verdict.interleaved?.commit ?? null))}</code></pre>${origin(input)}</details>`,
  ];
  const script = interactive ? scriptOf(interactive, input) : { policy: '', tags: '' };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; ${script.policy}base-uri 'none'; form-action 'none'">
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
${script.tags}</body>
</html>
`;
}

/** Only this very script may run, whatever else should ever get into the page. */
function scriptOf(
  { script, digest }: Interactive,
  input: ReportInput,
): { readonly policy: string; readonly tags: string } {
  // In a string or a pattern these mean the same, and the tag can't be left.
  const text = script.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
  const data = JSON.stringify(pageData(input, digest)).replace(/[<\u2028\u2029]/g, unicode);
  return {
    policy: `script-src 'sha256-${createHash('sha256').update(text).digest('base64')}'; `,
    tags: `<script type="application/json" id="page-data">${data}</script>\n<script>${text}</script>\n`,
  };
}

const unicode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

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
    ['Base', verdict.interleaved ? againstBase(verdict.interleaved) : null],
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
  inner === '' ? '' : `<section><h2>${escapeHtml(title, 200)}</h2>${inner}</section>`;

/** Gives way to the charts that can be explored. */
const still = (title: string, inner: string): string =>
  inner === '' ? '' : `<section class="still"><h2>${title}</h2>${inner}</section>`;

function fold(title: string, tables: readonly Table[]): string {
  const inner = tables.map(tableHtml).join('');
  return inner === '' ? '' : `<details><summary>${escapeHtml(title)}</summary>${inner}</details>`;
}

const list = (sentences: readonly string[]): string =>
  sentences.length === 0 ? '' : `<ul>${sentences.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('')}</ul>`;

const STYLE = `
:root{--text:#1f2328;--faint:#59636e;--line:#d1d9e0;--page:#fff;--soft:#f6f8fa;--green:#1a7f37;--warn:#9a6700;--fail:#cf222e;--invalid:#8250df;--neutral:#59636e;--now:#0969da}
@media(prefers-color-scheme:dark){:root{--text:#f0f6fc;--faint:#9198a1;--line:#3d444d;--page:#0d1117;--soft:#151b23;--green:#3fb950;--warn:#d29922;--fail:#f85149;--invalid:#ab7df8;--neutral:#9198a1;--now:#58a6ff}.light-only{display:none}}
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
.live .still{display:none}
.controls{display:flex;flex-wrap:wrap;gap:.5rem 1.2rem;align-items:center;position:sticky;top:0;z-index:5;background:var(--page);padding:.5rem 0;border-bottom:1px solid var(--line)}
fieldset{border:1px solid var(--line);border-radius:.4rem;padding:.15rem .7rem .35rem;margin:0;display:flex;flex-wrap:wrap;gap:.2rem 1rem}legend{color:var(--faint);font-size:.85rem;padding:0 .3rem}
.card{margin:1.4rem 0}h3{font-size:1.05rem;margin:0 0 .4rem}
select,button{font:inherit;color:inherit;background:var(--soft);border:1px solid var(--line);border-radius:.35rem;padding:.2rem .55rem;max-width:100%}button{cursor:pointer;min-width:2rem}
.tools{display:flex;flex-wrap:wrap;gap:.4rem 1rem;align-items:center}.zoom{display:flex;gap:.25rem;margin-left:auto}
.chart{height:21rem;width:100%}.chart.tall{height:34rem}
:focus-visible{outline:3px solid var(--now);outline-offset:2px}
.spoken{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.requests{list-style:none;padding:0}.requests details{margin:.4rem 0}.requests summary{font-weight:400}.requests dl{margin:.6rem 0 0}
.bar{display:flex;height:.9rem;margin-top:.35rem;background:var(--soft);border-radius:.2rem;overflow:hidden}.bar.broken{outline:2px dashed var(--fail)}
.swatch{display:inline-block;width:1.1rem;height:.75rem;border-radius:.15rem;vertical-align:baseline}.key{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:.9rem}
.late{background:#cf222e}.sent{background:#8b949e}.first{background:#bc6c25}.tokens{background:#3b82f6}.rest{background:#8250df}
@media print{.controls,.zoom{display:none}}
pre{background:var(--soft);padding:.6rem;overflow-x:auto;border-radius:.3rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:var(--faint)}dd{margin:0}
`;
