// The text of the pull request that brings baselines to a branch which takes no commits: what was measured, what
// merging it does to level and spread of what later changes are compared with, and how to carry it further.

import { levelsOf } from '../baseline/list.ts';
import type { BaselineFile, StoredBoot } from '../baseline/schema.ts';
import { bootIds } from '../baseline/series.ts';
import { STAGES, type StageName } from '../config/schema.ts';
import { resolveMetric } from '../metrics.ts';
import { formatChange, formatMetricValue, formatNumber } from '../metrics-format.ts';
import { codeBlock, escapeMarkdown, inlineCode } from './escape.ts';
import { fit, type Section } from './fit.ts';
import { left, right, type Table, tableMarkdown } from './table.ts';

export interface BaselineChange {
  /** From the root of the repository. */
  readonly path: string;
  /** As the branch has it; null = not yet. */
  readonly before: BaselineFile | null;
  readonly after: BaselineFile;
}
export interface BaselineChangeInput {
  readonly branch: string;
  /** The pull request's own branch. */
  readonly own: string;
  /** Why the branch took no commit, in GitHub's words. */
  readonly refusal: string;
  /** The workflow run that wrote last. */
  readonly runUrl: string;
  readonly changes: readonly BaselineChange[];
}

/** GitHub takes 65,536 characters. */
const BODY_BYTES = 65_000;
/** What most gates are about; the other metrics are folded. */
const FIRST: ReadonlySet<string> = new Set([
  'knee.rate',
  'saturation.rate',
  'throughput.tokens',
  'goodput.share',
  'ttft.p95',
  'tpot.p95',
  'e2e.p95',
]);

export function renderBaselineChange(input: BaselineChangeInput): string {
  return fit(
    [head(input), ...input.changes.flatMap(changeSections), promotion(input), foot(input)],
    BODY_BYTES,
    (names) => `Shortened to fit: ${[...new Set(names)].join(', ')}. \`plimsoll baseline show\` tells all of a file.`,
  );
}

function head({ branch, own, refusal, changes }: BaselineChangeInput): Section {
  const boots = new Set(changes.flatMap((change) => newBoots(change).map(({ boot }) => boot.id))).size;
  const lines = [
    `**${boots} boot${boots === 1 ? ' waits' : 's wait'} to become part of the baseline of ${inlineCode(branch)}.** Once this is merged, pull requests are compared with ${boots === 1 ? 'it' : 'them'} too.`,
    '',
    `The branch takes no commits from the job that measured (${escapeMarkdown(refusal)}). Later runs are added here: ${inlineCode(own)} is Plimsoll's own branch, written anew each time. To drop what it holds, close this and delete that branch.`,
  ];
  return { name: 'the introduction', renderings: [lines.join('\n')], yields: 0 };
}

interface NewBoot {
  readonly stage: string;
  readonly boot: StoredBoot;
}

/** The boots that are listed after and were neither listed nor pruned before. */
function newBoots({ before, after }: BaselineChange): NewBoot[] {
  return Object.entries(after.stages).flatMap(([stage, histories]) => {
    const known = new Set((before?.stages[stage] ?? []).flatMap((history) => [...bootIds(history)]));
    return histories
      .flatMap(({ segments }) => segments.flatMap(({ boots }) => boots))
      .filter(({ id }) => !known.has(id))
      .map((boot) => ({ stage, boot }));
  });
}

function changeSections(change: BaselineChange): Section[] {
  const rows = STAGES.flatMap((stage) => levelRows(change, stage));
  const [first, rest] = [
    rows.filter(({ metric }) => FIRST.has(metric)),
    rows.filter(({ metric }) => !FIRST.has(metric)),
  ];
  const folded = tableMarkdown(tableOf(rest));
  const title = `#### ${inlineCode(change.path)}`;
  const measured = [title, bootLines(change), ...newSegments(change)].join('\n');
  return [
    { name: 'boots', renderings: [measured, title], yields: 1 },
    { name: 'levels', renderings: [tableMarkdown(tableOf(first)), ''], yields: 2 },
    {
      name: 'other metrics',
      renderings: [
        folded === ''
          ? ''
          : `<details>\n<summary>Level and spread of every other metric</summary>\n\n${folded}\n\n</details>`,
        '',
      ],
      yields: 3,
    },
  ];
}

/** One line a boot: which, of which commit, and what was measured. */
function bootLines(change: BaselineChange): string {
  const boots = new Map<string, { readonly boot: StoredBoot; readonly stages: string[] }>();
  for (const { stage, boot } of newBoots(change)) {
    const seen = boots.get(boot.id) ?? { boot, stages: [] };
    seen.stages.push(stage);
    boots.set(boot.id, seen);
  }
  const lines = [...boots.values()].map(
    ({ boot: { id, at, commit }, stages }) =>
      `- ${inlineCode(id)}, ${escapeMarkdown(at)}${commit === null ? '' : `, commit ${inlineCode(commit.slice(0, 12))}`}: ${escapeMarkdown(stages.join(', '))}`,
  );
  return `\n${lines.join('\n')}`;
}

/** Levels that begin here, with the reason that the file gives. */
function newSegments({ before, after }: BaselineChange): string[] {
  return STAGES.flatMap((stage) => {
    const newest = after.stages[stage]?.at(-1)?.segments.at(-1);
    const known = (before?.stages[stage] ?? []).some(({ segments }) => segments.some(({ id }) => id === newest?.id));
    return newest === undefined || known ? [] : [`\n${stage}: a new level begins (${escapeMarkdown(newest.reason)}).`];
  });
}

interface LevelRow {
  readonly stage: StageName;
  readonly metric: string;
  readonly level: string;
  readonly fromTo: string;
  readonly spread: string;
  readonly boots: string;
}

/** The newest segment before and after, of the workload that is run now; nothing where the stage gained no boot. */
function levelRows(change: BaselineChange, stage: StageName): LevelRow[] {
  const history = change.after.stages[stage]?.at(-1);
  if (history === undefined || !newBoots(change).some((added) => added.stage === stage)) return [];
  const earlier = change.before?.stages[stage]?.find(({ key }) => key === history.key);
  const levels = new Map((earlier ? levelsOf(earlier) : []).map((level) => [level.metric, level]));
  return levelsOf(history).map((now): LevelRow => {
    const { metric } = now;
    const was = levels.get(metric);
    const show = (value: number): string => formatMetricValue(metric, value);
    return {
      stage,
      metric,
      level: was === undefined ? show(now.value) : changeText(metric, was.value, now),
      fromTo: was === undefined ? 'new' : `${show(was.value)} → ${show(now.value)}`,
      spread: `${was === undefined ? '' : `${spreadText(was)} → `}${spreadText(now)}`,
      boots: was === undefined ? `${now.boots} boot${now.boots === 1 ? '' : 's'}` : `${was.boots} → ${now.boots} boots`,
    };
  });
}

type Level = ReturnType<typeof levelsOf>[number];

function changeText(metric: string, before: number, { value, sdIs }: Level): string {
  const change = sdIs === 'share' ? value / before - 1 : value - before;
  return formatChange(change, sdIs, resolveMetric(metric)?.unit ?? 'count');
}

/** How far boots lie from each other: a share of the level, or in the metric's unit. */
const spreadText = ({ metric, sd, sdIs }: Level): string =>
  sd === null ? '–' : `±${sdIs === 'share' ? `${formatNumber(sd * 100)} %` : formatMetricValue(metric, sd)}`;

const tableOf = (rows: readonly LevelRow[]): Table => ({
  columns: [left('Metric'), right('Level'), right('Spread between boots')],
  rows: rows.map(({ stage, metric, level, fromTo, spread, boots }) => [
    { text: resolveMetric(metric)?.label ?? metric, sub: stage },
    { text: level, sub: fromTo },
    { text: spread, sub: boots },
  ]),
});

function promotion({ branch, changes }: BaselineChangeInput): Section {
  const quoted = (text: string): string => (/^[\w./@+:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const commands = changes.map(
    ({ path }) =>
      `plimsoll baseline promote ${quoted(`origin/${branch}:${path}`)} ${quoted(path)} --reason ${quoted(`the level of ${branch}`)}`,
  );
  const text = [
    '<details>',
    '<summary>Carry this level to another branch</summary>',
    '',
    'After the merge, in a checkout of the other branch:',
    '',
    codeBlock([`git fetch origin`, ...commands].join('\n'), 'sh'),
    '',
    '</details>',
  ].join('\n');
  return { name: 'how to promote', renderings: [text, ''], yields: 4 };
}

const foot = ({ runUrl }: BaselineChangeInput): Section => ({
  name: 'the run',
  renderings: [`Written by ${runUrl}.`],
  yields: 0,
});
