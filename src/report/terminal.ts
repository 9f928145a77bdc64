// What `plimsoll run` prints: the verdict and its load line first, the tables and the load curve between, and as
// the last line, where a log is read from, what was decided and why.

import pc from 'picocolors';
import { againstBase } from '../judge/headline.ts';
import { formatValue } from '../metrics-format.ts';
import type { CurvePoint } from '../stages/measurement.ts';
import { escapeTerminal } from './escape.ts';
import { clientTable, standingTable, subjectTable } from './facts.ts';
import type { ReportInput } from './input.ts';
import { drawPlot, type Plot } from './plot.ts';
import { loadCurve } from './series.ts';
import {
  againstTitle,
  byImportance,
  cliffsOf,
  isNotable,
  nowLabel,
  type Story,
  surgeSentence,
  tellStory,
} from './story.ts';
import { type Colors, stacked, type Table, tableTerminal } from './table.ts';
import {
  compactDeltas,
  compactSla,
  deltaLegend,
  isHeadlineMetric,
  measuredTable,
  slaTable,
  wideDeltas,
} from './tables.ts';
import { TONES, type Tone } from './tone.ts';

/** @param options.width columns of the terminal; 80 to 120 look best, less is cut rather than wrapped */
export function renderTerminal(
  input: ReportInput,
  options: { readonly color: boolean; readonly width: number },
): string {
  const colors = pc.createColors(options.color);
  const width = Math.min(120, Math.max(60, options.width));
  const narrow = width < 100;
  const story = tellStory(input);
  const table = (title: string, rows: Table): string[] =>
    rows.rows.length === 0 ? [] : ['', colors.bold(title), ...tableTerminal(rows, colors, width)];
  const comparisons = byImportance(input.verdict.comparisons);
  const notable = comparisons.filter(isNotable);
  const rest = comparisons.length - notable.length;
  const invalid = input.record.boots.some((boot) => boot.stages.some((stage) => stage.invalid.length > 0));
  const lines = [
    ...head(input, story, colors, width),
    ...table('SLA', narrow ? stacked(compactSla(input)) : slaTable(input)),
    ...table(
      escapeTerminal(againstTitle(input), width),
      narrow ? stacked(compactDeltas(input, notable)) : wideDeltas(input, notable),
    ),
    ...(rest > 0 ? [colors.dim(`  ${rest} more neither gate nor changed: plimsoll report, or report.html.`)] : []),
    ...(notable.length > 0 ? wrapped(deltaLegend(notable), width, '  ').map(colors.dim) : []),
    ...(comparisons.length === 0 ? table('Measured', measuredTable(input, isHeadlineMetric)) : []),
    ...curve(input, colors, width),
    ...paragraphs([surgeSentence(input)], '', width),
    ...section('Why', cliffsOf(input), colors, width),
    ...table('', subjectTable(input)).slice(2),
    ...findings(story, colors, width),
    ...(input.verdict.stages.some(({ standing }) => standing !== 'compared')
      ? table('Stages', standingTable(input))
      : []),
    ...(invalid ? table('Client', clientTable(input)) : []),
    '',
    ...lastWord(input, story, colors, width),
  ];
  return lines
    .map((line) => line.trimEnd())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n');
}

const PAINT: Readonly<Record<Tone, (colors: Colors) => (text: string) => string>> = {
  green: (colors) => colors.green,
  neutral: (colors) => colors.cyan,
  warn: (colors) => colors.yellow,
  fail: (colors) => colors.red,
  invalid: (colors) => colors.magenta,
};

function head({ verdict, provenance }: ReportInput, story: Story, colors: Colors, width: number): string[] {
  const { mark, word } = TONES[story.tone];
  const against = verdict.interleaved
    ? escapeTerminal(`against ${againstBase(verdict.interleaved)}`, 120)
    : verdict.baseline
      ? `against ${verdict.baseline.boots} stored ${verdict.baseline.boots === 1 ? 'boot' : 'boots'}`
      : 'no baseline';
  const facts = `${verdict.boots} ${verdict.boots === 1 ? 'boot' : 'boots'} · ${against}${provenance.commit ? ` · ${escapeTerminal(provenance.commit, 12)}` : ''}`;
  const line = story.loadLine;
  return [
    colors.bold(`Plimsoll  ${escapeTerminal(story.title, width - 10)}`),
    ...wrapped(facts, width, '          ').map((one) => colors.dim(one)),
    '',
    ...wrapped(`${mark} ${word.toUpperCase()}  ${escapeTerminal(story.headline)}`, width, '').map((one) =>
      colors.bold(PAINT[story.tone](colors)(one)),
    ),
    ...(line ? [`  ${colors.bold(`Load line ${line.value}`)}  ${line.beside}`] : []),
    ...story.numbers.map((number) => `  ${escapeTerminal(number, width - 2)}`),
    ...story.notices.flatMap((notice) => wrapped(escapeTerminal(notice, 1_200), width, '  ')),
  ];
}

/** TTFT and achieved rate over offered load: beside each other where there is room. */
function curve(input: ReportInput, colors: Colors, width: number): string[] {
  const pair = loadCurve(input);
  if (!pair || pair.now.length < 2) return [];
  const line = input.verdict.loadLine;
  const marks = [
    ...(line?.baselineRate == null ? [] : [{ x: line.baselineRate, sign: '△' }]),
    ...(line?.rate == null ? [] : [{ x: line.rate, sign: '▲' }]),
  ];
  const series = (pick: (point: CurvePoint) => number | null): Plot['series'] => [
    ...(pair.baseline ? [{ style: 'dotted' as const, points: finite(pair.baseline, pick) }] : []),
    { style: 'solid' as const, points: finite(pair.now, pick) },
  ];
  const wide = width >= 100;
  const size = { width: wide ? Math.floor((width - 6) / 2) : width - 2, height: 9 };
  const common = { xLabel: 'offered req/s', marks };
  const latency = drawPlot(
    {
      ...common,
      title: 'TTFT p95',
      series: series((point) => point.ttftP95Ms),
      formatY: (value) => formatValue('ms', value),
      logarithmic: true,
    },
    size,
    colors,
  );
  const achieved = drawPlot(
    {
      ...common,
      title: 'Achieved req/s',
      series: series((point) => point.achievedRate),
      formatY: (value) => formatValue('count', Number(value.toPrecision(3))),
      logarithmic: false,
    },
    size,
    colors,
  );
  const rows =
    wide && latency.length === achieved.length
      ? latency.map((row, index) => `${row}    ${achieved[index]}`)
      : [...latency, ...achieved];
  const legend = [
    `${colors.cyan('●')} ${nowLabel(input)}`,
    pair.baseline ? `${colors.yellow('○')} baseline` : '',
    line?.rate == null ? '' : '▲ load line',
    line?.baselineRate == null ? '' : '△ its baseline',
  ];
  return [
    '',
    `${colors.bold('Load curve')}  ${legend.filter((one) => one !== '').join('  ')}`,
    ...rows.map((row) => `  ${row}`),
  ];
}

const finite = <T extends { offeredRate: number }>(
  points: readonly T[],
  pick: (point: T) => number | null,
): [number, number][] =>
  points.flatMap((point) => {
    const value = pick(point);
    return value !== null && Number.isFinite(value) && Number.isFinite(point.offeredRate)
      ? [[point.offeredRate, value]]
      : [];
  });

function findings(story: Story, colors: Colors, width: number): string[] {
  const all = [...story.findings, ...story.notes];
  if (all.length === 0) return [];
  const shown = all.slice(0, 20).flatMap(({ severity, message, advice }) => {
    const mark = severity === 'info' ? '·' : TONES[severity].mark;
    const tone = severity === 'info' ? colors.dim : PAINT[severity](colors);
    return [
      ...wrapped(`${mark} ${escapeTerminal(message)}`, width, '    ', '  ').map((line) => tone(line)),
      ...(advice === null ? [] : wrapped(`→ ${escapeTerminal(advice)}`, width, '      ', '    ')),
    ];
  });
  return [
    '',
    colors.bold('Findings'),
    ...shown,
    ...(all.length > 20 ? [`  ${all.length - 20} more in report.html.`] : []),
  ];
}

function lastWord({ verdict }: ReportInput, story: Story, colors: Colors, width: number): string[] {
  const { mark, word } = TONES[story.tone];
  const act = wrapped(`${story.act.needed ? 'Action needed: ' : ''}${escapeTerminal(story.act.sentence)}`, width, '');
  const text = `${mark} ${word} (exit ${verdict.exitCode}): ${escapeTerminal(story.headline)}`;
  return [colors.dim('─'.repeat(width)), ...act, PAINT[story.tone](colors)(text)];
}

function section(title: string, sentences: readonly string[], colors: Colors, width: number): string[] {
  return sentences.length === 0
    ? []
    : [
        '',
        colors.bold(title),
        ...sentences.slice(0, 10).flatMap((sentence) => wrapped(`· ${escapeTerminal(sentence)}`, width, '    ', '  ')),
      ];
}

const paragraphs = (sentences: readonly (string | null)[], indent: string, width: number): string[] =>
  sentences.flatMap((sentence) => (sentence === null ? [] : ['', ...wrapped(escapeTerminal(sentence), width, indent)]));

/** Breaks at spaces, but not before a percent sign; words longer than a line stand alone. */
function wrapped(text: string, width: number, indent: string, firstIndent = indent): string[] {
  const lines: string[] = [];
  let line = firstIndent;
  for (const word of text.split(/ (?!%)/)) {
    const joined = line.trim() === '' ? `${line}${word}` : `${line} ${word}`;
    if (joined.length > width && line.trim() !== '') {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = joined;
  }
  return [...lines, line];
}
