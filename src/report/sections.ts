// The sections that comment and job summary are made of, in GitHub Markdown. Each gives its renderings from the
// fullest to the smallest (see fit.ts); which sections, and in which order, is said in comment.ts and summary.ts.

import type { Comparison } from '../judge/verdict.ts';
import type { DrawnChart } from './charts.ts';
import { codeBlock, escapeHtml, escapeMarkdown, inlineCode } from './escape.ts';
import { bootTable, clientTable, factsTable, standingTable, subjectTable } from './facts.ts';
import type { Section } from './fit.ts';
import type { ReportInput } from './input.ts';
import { curveCharts, latencyChart, type MermaidChart, surgeChart } from './mermaid.ts';
import { cliffsOf, reproduceCommand, type Story, surgeSentence } from './story.ts';
import { glued, type Table, tableMarkdown } from './table.ts';
import { deltaLegend, isHeadlineMetric, measuredTable } from './tables.ts';
import { TONES } from './tone.ts';

/** The first screen of a phone: verdict, load line, numbers, whether anyone must act. Never gives way. */
export function headSection(story: Story): Section {
  const { glyph, word } = TONES[story.tone];
  const lines = [
    `### ${glyph} ${word} · ${escapeMarkdown(story.title, 120)}`,
    `**${escapeMarkdown(story.headline)}**`,
    story.loadLine
      ? [`**Load line ${escapeMarkdown(story.loadLine.value)}**`, escapeMarkdown(story.loadLine.beside)]
          .filter((part) => part !== '')
          .join(' · ')
      : '',
    story.numbers.map((number) => escapeMarkdown(glued(number), 120)).join(' · '),
    story.act.needed ? `**Action needed:** ${escapeMarkdown(story.act.sentence)}` : escapeMarkdown(story.act.sentence),
    ...story.notices.map((notice) => `⚖️ ${escapeMarkdown(notice, 1_200)}`),
  ];
  return { name: 'headline', renderings: [lines.filter((line) => line !== '').join('\n\n')], yields: 0 };
}

export function findingsSection({ findings }: Story, yields: number): Section {
  const list = findings.map(
    ({ message, advice }) => `- ${escapeMarkdown(message)}${advice === null ? '' : ` → ${escapeMarkdown(advice)}`}`,
  );
  return { name: 'findings', renderings: shorter(list.length, [30, 8], (limit) => listed(list, limit)), yields };
}

export function slaSection(table: Table, yields: number): Section {
  return tableSection('SLA rules', '#### SLA', table, [50, 15], yields);
}

export function deltaSection(title: string, comparisons: readonly Comparison[], table: Table, yields: number): Section {
  if (comparisons.length === 0) return { name: 'deltas', renderings: [''], yields };
  return tableSection(
    'deltas',
    `#### ${escapeMarkdown(title, 160)}`,
    table,
    [80, 30, 12],
    yields,
    `<sub>${escapeMarkdown(deltaLegend(comparisons))}</sub>`,
  );
}

/** In a fold: what neither gates nor changed. */
export function restSection(comparisons: readonly Comparison[], table: Table, yields: number): Section {
  const title = `${comparisons.length} more ${comparisons.length === 1 ? 'metric' : 'metrics'}, unchanged or inconclusive`;
  return { name: 'metrics that neither gate nor changed', renderings: foldedTable(title, table, [100, 40]), yields };
}

/** Where nothing was compared: what was measured. */
export function measuredSection(input: ReportInput, yields: number): Section {
  return tableSection('measured values', '#### Measured', measuredTable(input, isHeadlineMetric), [15], yields);
}

export function everyMetricSection(input: ReportInput, yields: number): Section {
  return tableSection(
    'every metric',
    '#### Every metric of this run',
    measuredTable(input, () => true),
    [1_000, 200],
    yields,
  );
}

export function plainTableSection(name: string, title: string, table: Table, yields: number): Section {
  return tableSection(name, `#### ${title}`, table, [200, 50], yields);
}

export const curveSections = (input: ReportInput, yields: number): Section[] =>
  curveCharts(input).map((chart, index) => ({
    name: 'load curve charts',
    renderings: [chartMarkdown(chart), ''],
    yields: yields + index,
  }));

export function surgeSection(input: ReportInput, yields: number): Section {
  const sentence = surgeSentence(input);
  const chart = surgeChart(input);
  const words = sentence ? escapeMarkdown(sentence) : '';
  return {
    name: 'surge chart',
    renderings: chart ? [`${chartMarkdown(chart)}${words === '' ? '' : ` ${words}`}`, words] : [words],
    yields,
  };
}

export function latencySection(input: ReportInput, yields: number): Section {
  const chart = latencyChart(input);
  return { name: 'latency chart', renderings: chart ? [chartMarkdown(chart), ''] : [''], yields };
}

/** Cliffs with the signal that broke, what differs between the subjects, and what else is worth knowing. */
export function whySection(input: ReportInput, story: Story, yields: number): Section {
  const list = [
    ...cliffsOf(input).map((cliff) => `- ${escapeMarkdown(cliff)}`),
    ...story.notes.map(
      ({ message, advice }) => `- ${escapeMarkdown(message)}${advice === null ? '' : ` → ${escapeMarkdown(advice)}`}`,
    ),
  ];
  const subject = subjectTable(input);
  if (list.length === 0 && subject.rows.length === 0) return { name: 'why', renderings: [''], yields };
  const most = Math.max(list.length, subject.rows.length);
  return {
    name: 'why',
    renderings: shorter(most, [25, 8], (limit) =>
      joined('#### Why', listed(list, limit), limitedTable(subject, limit)),
    ),
    yields,
  };
}

export function validitySection(input: ReportInput, yields: number): Section {
  const tables = [standingTable(input), clientTable(input), bootTable(input)];
  const most = Math.max(...tables.map(({ rows }) => rows.length));
  return {
    name: 'validity',
    renderings: [
      ...shorter(most, [20], (limit) =>
        folded('Validity: stages, client, boots', joined(...tables.map((table) => limitedTable(table, limit)))),
      ),
    ],
    yields,
  };
}

export function environmentSection({ record }: ReportInput, yields: number): Section {
  const subject = factsTable('Subject', record.subject);
  const environment = factsTable('Environment', record.environment);
  const most = Math.max(subject.rows.length, environment.rows.length);
  return {
    name: 'environment',
    renderings: shorter(most, [40], (limit) =>
      folded('Environment and subject', joined(limitedTable(environment, limit), limitedTable(subject, limit))),
    ),
    yields,
  };
}

export function reproduceSection(input: ReportInput, yields: number): Section {
  const { record, verdict, provenance } = input;
  const where =
    provenance.runUrl === null
      ? ''
      : `The full report is in the job summary of ${webLink('this run', provenance.runUrl)}; its files are an artifact there where the workflow uploads them.`;
  const facts = [
    `Rules from ${inlineCode(provenance.policySource)}.`,
    provenance.commit === null ? '' : `Commit ${inlineCode(provenance.commit, 40)}.`,
    verdict.baseline === null
      ? ''
      : `Baseline ${inlineCode(verdict.baseline.path)}: ${verdict.baseline.boots} boots of segment ${inlineCode(verdict.baseline.segment)}${verdict.baseline.priorUsed ? '; spread between boots partly assumed, the history is thin' : ''}.`,
    interleavedFact(input),
    `${verdict.boots} ${verdict.boots === 1 ? 'boot' : 'boots'}${verdict.interleaved ? ' of the change' : ''} judged; ${escapeMarkdown(verdict.climb.reason)}.`,
    `Run ${inlineCode(record.id)}, Plimsoll ${inlineCode(provenance.plimsoll)}.`,
  ];
  const body = joined(
    codeBlock(reproduceCommand(provenance.configPath, verdict.interleaved?.commit ?? null), 'sh'),
    facts.filter((fact) => fact !== '').join(' '),
    where,
  );
  return { name: 'how to reproduce it', renderings: [folded('How to reproduce it', body), ''], yields };
}

/** What the candidate was compared with, and in which order the two were booted; empty where that is the store. */
function interleavedFact({ record, verdict }: ReportInput): string {
  const { interleaved } = verdict;
  if (interleaved === undefined) return '';
  const order = record.boots.map(({ side }) => side).join(', ');
  const assumed = interleaved.priorUsed ? '; how much pairs differ is partly assumed' : '';
  return `${interleaved.pairs} ${interleaved.pairs === 1 ? 'pair' : 'pairs'} with ${inlineCode(interleaved.base)} (booted: ${order}; drawn with seed ${record.interleaved?.seed ?? '–'})${assumed}.`;
}

/** A link only where the address can be nothing else. */
export const webLink = (words: string, url: string): string =>
  /^https?:\/\/[\w.:/%~?&=+,;-]+$/.test(url) ? `[${words}](${url})` : `${words} (${inlineCode(url)})`;

/** Charts that lie elsewhere, in the form that shows the reader's own theme. */
export const drawnSections = (charts: readonly DrawnChart[], yields: number): Section[] =>
  charts.map(({ light, dark, description }, index) => ({
    name: 'charts',
    renderings: [
      `<picture><source media="(prefers-color-scheme: dark)" srcset="${escapeHtml(dark)}"><img alt="${escapeHtml(description, 600)}" src="${escapeHtml(light)}" width="760"></picture>\n\n${escapeMarkdown(description, 600)}`,
      '',
    ],
    yields: yields + index,
  }));

const chartMarkdown = ({ source, caption }: MermaidChart): string =>
  `\`\`\`mermaid\n${source}\n\`\`\`\n\n${escapeMarkdown(caption, 600)}`;

/** The blank lines make GitHub read Markdown inside the fold again. */
const folded = (summary: string, body: string): string =>
  body === '' ? '' : `<details>\n<summary>${summary}</summary>\n\n${body}\n\n</details>`;

const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join('\n\n');

function tableSection(
  name: string,
  title: string,
  table: Table,
  limits: readonly number[],
  yields: number,
  legend = '',
): Section {
  if (table.rows.length === 0) return { name, renderings: [''], yields };
  return {
    name,
    renderings: shorter(table.rows.length, limits, (limit) => joined(title, limitedTable(table, limit), legend)),
    yields,
  };
}

const foldedTable = (title: string, table: Table, limits: readonly number[]): string[] =>
  shorter(table.rows.length, limits, (limit) => folded(title, limitedTable(table, limit)));

/** All of it, then at most so many rows, then nothing. */
function shorter(rows: number, limits: readonly number[], render: (limit: number) => string): string[] {
  if (rows === 0) return [''];
  return [render(rows), ...limits.filter((limit) => limit < rows).map(render), ''];
}

const limitedTable = (table: Table, limit: number): string =>
  joined(
    tableMarkdown(table, limit),
    table.rows.length > limit ? `${table.rows.length - limit} more rows in the full report.` : '',
  );

const listed = (list: readonly string[], limit: number): string =>
  [...list.slice(0, limit), ...(list.length > limit ? [`- ${list.length - limit} more in the full report.`] : [])].join(
    '\n',
  );
