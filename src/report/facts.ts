// The tables beside the result: what differs between the subjects, how far each stage got, the client's account of
// itself, boots, environment. As data, the same rows for every medium.

import { STAGES } from '../config/schema.ts';
import { formatNumber, formatValue } from '../metrics-format.ts';
import type { Facts } from '../record/schema.ts';
import type { ReportInput } from './input.ts';
import { newestSegment } from './series.ts';
import { nowLabel } from './story.ts';
import { type Cell, type CellTone, left, right, type Table, text } from './table.ts';
import { STANDING_WORDS } from './tone.ts';

/** What differs between this run's subject and the newest boot of the baseline, or of the base. */
export function subjectTable(input: ReportInput): Table {
  const newest = input.record.interleaved ? newestBase(input) : newestStored(input);
  const differs = (field: string): boolean =>
    newest !== undefined && shown(newest.subject[field]) !== shown(input.record.subject[field]);
  const fields = newest
    ? [...new Set([...Object.keys(newest.subject), ...Object.keys(input.record.subject)])].filter(differs).sort()
    : [];
  return {
    columns: [left('What differs'), left('Baseline'), left(nowLabel(input))],
    rows: fields.map((field) => [text(field), factCell(newest?.subject[field]), factCell(input.record.subject[field])]),
  };
}

const newestStored = (input: ReportInput) =>
  STAGES.flatMap((stage) => newestSegment(input, stage)?.boots.at(-1) ?? [])
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .at(-1);

const newestBase = ({ record }: ReportInput) =>
  record.boots.findLast(({ side, end }) => side === 'base' && end !== 'not_ready');

export function factsTable(title: string, facts: Facts): Table {
  return {
    columns: [left(title), left('Value')],
    rows: Object.keys(facts)
      .sort()
      .map((field) => [text(field), factCell(facts[field])]),
  };
}

const shown = (value: Facts[string] | undefined): string =>
  value === null || value === undefined ? '–' : String(value);
const factCell = (value: Facts[string] | undefined): Cell =>
  value === null || value === undefined ? text('–') : { text: String(value), code: true };

/** How far each stage got, and the fields that refused a comparison; stages that stand alike in one row. */
export function standingTable({ verdict }: ReportInput): Table {
  const rows = new Map<string, Cell[]>();
  for (const { stage, standing, reason, advice, differences } of verdict.stages) {
    const why = [reason, ...differences.map((one) => `${one.field}: ${one.baseline} → ${one.candidate}`)]
      .filter((part) => part !== null)
      .join('; ');
    const key = JSON.stringify([standing, why, advice]);
    const tone: CellTone = standing === 'compared' || standing === 'measured' ? 'plain' : 'warn';
    const stages = rows.get(key)?.[0]?.text;
    rows.set(key, [
      text(stages === undefined ? stage : `${stages}, ${stage}`),
      { text: STANDING_WORDS[standing], tone },
      text(why),
      text(advice ?? ''),
    ]);
  }
  return { columns: [left('Stage'), left('Standing'), left('Why'), left('What to do')], rows: [...rows.values()] };
}

/** The client's account of itself, boot by boot and stage by stage: the worst phase of each. */
export function clientTable({ record }: ReportInput): Table {
  const worst = (values: readonly (number | null | undefined)[]): number | null => {
    const known = values.filter((value) => typeof value === 'number');
    return known.length === 0 ? null : Math.max(...known);
  };
  const stages = record.boots.flatMap(({ stages }) => stages);
  const told = <T>(read: (client: Client) => T | undefined): boolean =>
    stages.some(({ phases }) => phases.some(({ client }) => read(client) !== undefined));
  // Records of older versions don't tell these.
  const machine = (['sockets', 'openFiles'] as const).filter((use) => told((client) => client[use]));
  return {
    columns: [
      right('Boot'),
      left('Stage'),
      right('Sent'),
      right('Dropped'),
      right('Not ok'),
      right('Send delay p99'),
      right('Event loop p99'),
      ...machine.map((use) => right(use === 'sockets' ? 'Connections' : 'Open files')),
      left('Spoilt by'),
    ],
    rows: record.boots.flatMap((boot) =>
      boot.stages.map((stage): Cell[] => {
        const notOk = stage.phases.reduce(
          (sum, { outcomes }) =>
            sum + Object.entries(outcomes).reduce((all, [outcome, count]) => (outcome === 'ok' ? all : all + count), 0),
          0,
        );
        const retries = stage.phases.reduce((sum, { client }) => sum + (client.retries ?? 0), 0);
        const spoilt = [...stage.invalid, ...stage.phases.flatMap(({ invalid }) => invalid)];
        return [
          text(boot.side === 'base' ? `${boot.index} (base)` : String(boot.index)),
          {
            text: stage.stage,
            ...(stage.status === 'complete'
              ? {}
              : { sub: stage.reason === null ? stage.status : `${stage.status}: ${stage.reason}` }),
          },
          {
            text: formatNumber(stage.phases.reduce((sum, { sent }) => sum + sent, 0)),
            // The server had closed the idle connection just then: nobody's error, but worth knowing.
            ...(retries > 0 && { sub: `${formatNumber(retries)} sent again` }),
          },
          text(formatNumber(stage.phases.reduce((sum, { dropped }) => sum + dropped, 0))),
          text(formatNumber(notOk)),
          text(formatValue('ms', worst(stage.phases.map(({ client }) => client.dispatchDelayMs?.p99)))),
          text(formatValue('ms', worst(stage.phases.map(({ client }) => client.eventLoopDelayP99Ms)))),
          ...machine.map((use) => useCell(stage.phases.map(({ client }) => client[use]))),
          {
            text: [...new Set(spoilt.map(({ message }) => message))].slice(0, 3).join('; '),
            tone: spoilt.length > 0 ? 'bad' : 'plain',
          },
        ];
      }),
    ),
  };
}

type Client = ReportInput['record']['boots'][number]['stages'][number]['phases'][number]['client'];

/** The highest peak, and the limit it stands against. */
function useCell(uses: readonly Client['sockets'][]): Cell {
  const known = uses.filter((use) => use !== undefined);
  if (known.length === 0) return text('–');
  const most = known.reduce((a, b) => (b.peak > a.peak ? b : a));
  return {
    text: formatNumber(most.peak),
    ...(most.limit !== null && { sub: `of ${formatNumber(most.limit)}` }),
  };
}

export function bootTable({ record }: ReportInput): Table {
  return {
    columns: [right('Boot'), left('Began'), right('Ready after'), left('End')],
    rows: [
      ...record.boots.map((boot): Cell[] => [
        text(boot.side === 'base' ? `${boot.index} (base)` : String(boot.index)),
        text(boot.startedAt),
        text(formatValue('s', boot.bootMs === null ? null : boot.bootMs / 1_000)),
        {
          text: boot.end.replace('_', ' '),
          tone: boot.end === 'complete' ? 'plain' : 'bad',
          ...(boot.reason ? { sub: boot.reason } : {}),
        },
      ]),
      ...record.discarded.map(({ index, reason }): Cell[] => [
        text(String(index)),
        text(''),
        text(''),
        { text: 'thrown away', tone: 'warn', sub: reason },
      ]),
    ],
  };
}
