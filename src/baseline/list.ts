// What a person wants to see of stored baselines: which there are, how much history each has, and its values.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STAGES, type StageName } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { resolveMetric } from '../metrics.ts';
import { fromScale, type Spread } from '../stats/summary.ts';
import { parseBaseline } from './codec.ts';
import { bootValue, spreadOfEntries } from './ledger.ts';
import { spreadOfPairs } from './pairs.ts';
import type { BaselineFile, History, LedgerEntry } from './schema.ts';

export interface BaselineDescription {
  readonly deployment: string;
  readonly environment: BaselineFile['environment'];
  readonly keep: number;
  readonly stages: readonly {
    readonly stage: StageName;
    /** Histories of this stage's earlier workloads. */
    readonly otherWorkloads: number;
    readonly segments: readonly {
      readonly id: string;
      readonly since: string;
      readonly commit: string | null;
      readonly reason: string;
      readonly boots: number;
    }[];
    /** Degrees of freedom of the ledger's most learnt metric: how much boots differ, and how much pairs of them. */
    readonly ledgerDf: number;
    readonly pairsDf: number;
    /** Newest segment, in the metric's unit: the mean of its boots on the scale of comparison, and how far boots spread. */
    readonly metrics: readonly {
      readonly metric: string;
      readonly value: number;
      readonly sd: number | null;
      readonly sdIs: 'share' | 'difference';
      readonly boots: number;
    }[];
  }[];
}

/** The newest history of each stage, summed up. */
export const describeBaseline = (file: BaselineFile): BaselineDescription => ({
  deployment: file.deployment,
  environment: file.environment,
  keep: file.keep,
  stages: STAGES.flatMap((stage) => {
    const history = file.stages[stage]?.at(-1);
    if (!history) return [];
    return [
      {
        stage,
        otherWorkloads: file.stages[stage]!.length - 1,
        segments: history.segments.map(({ id, since, commit, reason, boots }) => ({
          id,
          since,
          commit,
          reason,
          boots: boots.length,
        })),
        ledgerDf: mostDf(history, (entries) => spreadOfEntries(entries, null)),
        pairsDf: mostDf(history, (entries) => spreadOfPairs(entries, null)),
        metrics: levelsOf(history),
      },
    ];
  }),
});

const mostDf = (history: History, spread: (entries: readonly LedgerEntry[]) => Spread): number =>
  Math.max(0, ...Object.values(history.ledger).map((entries) => spread(entries).df));

/** Every file of the store, one line each, or as JSON; a file that cannot be read says so in its line. */
export function listStore(folder: string, json: boolean): string {
  const rows = storeFiles(folder).map((path) => {
    try {
      return { path, ...describeBaseline(parseBaseline(readFileSync(path, 'utf8'), path)) };
    } catch (error) {
      if (error instanceof PlimsollError) return { path, problem: error.message };
      throw error;
    }
  });
  if (json) return JSON.stringify(rows);
  if (rows.length === 0) return `${folder} has no baselines. \`plimsoll run --mode baseline\` records the first.`;
  return rows
    .map((row) =>
      'problem' in row
        ? `${row.path}: ${row.problem}`
        : `${row.path}: ${row.stages.map(stageLine).join('; ') || 'no boots'}`,
    )
    .join('\n');
}

/** Segments, boots and values of one file, as text or JSON. */
export function showBaseline(file: BaselineFile, json: boolean): string {
  const described = describeBaseline(file);
  if (json) return JSON.stringify(described);
  const lines = [
    `${described.deployment}, keeping ${described.keep} boots`,
    ...Object.entries(described.environment).map(([field, value]) => `  ${field}: ${value}`),
  ];
  for (const stage of described.stages) {
    lines.push('', stageLine(stage));
    for (const { since, commit, reason, boots } of stage.segments)
      lines.push(`  since ${since}${commit === null ? '' : ` (${commit.slice(0, 7)})`}: ${boots} boots, ${reason}`);
    for (const { metric, value, sd, sdIs, boots } of stage.metrics)
      lines.push(
        `  ${metric.padEnd(24)} ${number(value)}${sd === null ? '' : `  ± ${sdIs === 'share' ? `${number(sd * 100)} %` : number(sd)} between ${boots} boots`}`,
      );
  }
  return lines.join('\n');
}

type DescribedStage = BaselineDescription['stages'][number];

const stageLine = ({ stage, segments, ledgerDf, pairsDf, otherWorkloads }: DescribedStage): string => {
  const boots = segments.at(-1)?.boots ?? 0;
  const parts = [
    `${boots} boot${boots === 1 ? '' : 's'}`,
    `${segments.length} segment${segments.length === 1 ? '' : 's'}`,
    `ledger of ${ledgerDf} degree${ledgerDf === 1 ? '' : 's'} of freedom`,
  ];
  if (pairsDf > 0) parts.push(`${pairsDf} of pairs`);
  if (otherWorkloads > 0) parts.push(`${otherWorkloads} earlier workload${otherWorkloads === 1 ? '' : 's'}`);
  return `${stage}: ${parts.join(', ')}`;
};

/** What the newest segment says of each metric: its level, and how far its boots lie from each other. */
export function levelsOf(history: History): DescribedStage['metrics'] {
  const boots = history.segments.at(-1)?.boots ?? [];
  const ids = [...new Set(boots.flatMap((boot) => Object.keys(boot.metrics)))].sort();
  return ids.flatMap((id) => {
    const metric = resolveMetric(id);
    const values = boots.map((boot) => bootValue(boot, id)).filter((value) => value !== null);
    if (!metric || values.length === 0) return [];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const sd =
      values.length < 2
        ? null
        : Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
    return [
      {
        metric: id,
        value: fromScale(metric, mean),
        sd,
        sdIs: metric.scale === 'log' ? ('share' as const) : ('difference' as const),
        boots: values.length,
      },
    ];
  });
}

function storeFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(folder, name));
}

const number = (value: number): string => String(Number(value.toPrecision(4)));
