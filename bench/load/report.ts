// The tables of docs/benchmarks.md, from results. In: sessions of runs. Out: Markdown.

import { markdownTable } from 'markdown-table';
import { generate } from '../../scripts/markers.ts';
import { BARE, checkBars, type Part, p99, percent, thousands } from './bars.ts';
import {
  ceilingsOf,
  cpuShare,
  eventsPerCpuSecond,
  machineOf,
  ratioOf,
  runsOf,
  type Spread,
  spreadOf,
  type Value,
  voidOf,
} from './compare.ts';
import { type Errors, eventRate, type Measured } from './contract.ts';
import { peers } from './peers/index.ts';
import type { Line, Machine, Run } from './store.ts';

type Sessions = readonly (readonly Line[])[];

const PYTHON = peers
  .filter(({ kind, language = 'Python' }) => kind === 'peer' && language === 'Python')
  .map(({ name }) => name);
const PEERS = peers.filter(({ kind }) => kind === 'peer').map(({ name }) => name);

interface PartOfReport {
  readonly part: Part;
  /** What its cases begin with. */
  readonly prefix: string;
  readonly table: (sessions: Sessions) => string;
}

const PARTS: readonly PartOfReport[] = [
  { part: 'cost', prefix: 'cost ', table: costTable },
  { part: 'distortion', prefix: 'distortion ', table: distortionTable },
  { part: 'open-loop', prefix: 'plain ', table: openLoopTable },
  { part: 'memory', prefix: 'memory ', table: memoryTable },
  { part: 'peers', prefix: 'ceiling ', table: peersTable },
];

/** Writes what was measured into docs/benchmarks.md; a part that was not keeps what stands there. */
export function writeReport(sessions: Sessions): void {
  generate(new URL('../../docs/benchmarks.md', import.meta.url), 'bench/results', renderParts(sessions));
}

export const renderReport = (sessions: Sessions): string =>
  Object.entries(renderParts(sessions))
    .map(([part, text]) => `### ${part}\n\n${text}`)
    .join('\n\n');

function renderParts(sessions: Sessions): Partial<Record<Part, string>> {
  return Object.fromEntries(
    PARTS.flatMap(({ part, prefix, table }): [Part, string][] => {
      const own = sessionsOf(sessions, prefix);
      if (own.length === 0) return [];
      return [[part, [machineText(own), barsTable(part, own), table(own), ...failures(own)].join('\n\n')]];
    }),
  );
}

/** The sessions that have something of these cases, without the other cases. */
const sessionsOf = (sessions: Sessions, prefix: string): Sessions =>
  sessions
    .map((lines) => lines.filter((line) => line.kind === 'machine' || caseOf(line).startsWith(prefix)))
    .filter((lines) => lines.some((line) => line.kind === 'run' || (line.kind === 'ceiling' && line.found !== null)));

const caseOf = (line: Exclude<Line, Machine>): string => (line.kind === 'run' ? line.case : `ceiling ${line.tool}`);

function machineText(sessions: Sessions): string {
  const machine = machineOf(sessions);
  if (machine === undefined) return 'No machine is described in these results.';
  const pinned = machine.pinned ? 'server on core 0, client on core 1' : 'server and client not pinned';
  const versions = new Map<string, string>();
  for (const line of sessions.flat())
    if (line.kind !== 'machine' && line.version !== '') versions.set(line.tool, line.version);
  const tools = [...versions].filter(([tool]) => PEERS.includes(tool) || ['vegeta', 'wrk'].includes(tool));
  return `Measured on ${machine.date.slice(0, 10)}: ${machine.cpu}, ${machine.cores} cores (${pinned}), ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.system}, Node ${machine.node.slice(1)}, Plimsoll ${machine.plimsoll}${tools.map(([tool, version]) => `, ${tool} ${version}`).join('')}.`;
}

function barsTable(part: Part, sessions: Sessions): string {
  return table(
    ['what', 'bar', 'found: median [range]', ''],
    checkBars(part, sessions, PYTHON, PEERS).map(({ what, limit, found, isHeld }) => [
      what,
      limit,
      found ?? '–',
      isHeld === null ? 'not measured' : isHeld ? 'held' : '**missed**',
    ]),
  );
}

/** Names of the cases that there are results of, by the numbers in them: sessions may have run some of them each. */
const casesNamed = (sessions: Sessions, prefix: string): readonly string[] =>
  [
    ...new Set(
      sessions
        .flat()
        .flatMap((line) =>
          line.kind === 'run' && line.case.startsWith(prefix) && line.measured !== null ? [line.case] : [],
        ),
    ),
  ].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));

function costTable(sessions: Sessions): string {
  const rows = casesNamed(sessions, 'cost ').map((name) => {
    const runs = runsOf(sessions, name);
    const job = jobOf(runs);
    const of = (tool: string, value: Value = eventsPerCpuSecond): Spread | null => spreadOf(runs, tool, value);
    const floor = Math.max(...BARE.map((tool) => of(tool)?.median ?? 0));
    const ours = of('plimsoll');
    return [
      name === 'cost coalesced' ? '20' : thousands(job?.concurrency ?? Number.NaN),
      job?.kind === 'stream' && job.writeIntervalMs > 0 ? thousands(eventRate(job)) : 'as fast as taken',
      job?.kind === 'stream' ? String(job.eventsPerWrite) : '',
      ...['bare-data', 'bare-onread', 'plimsoll'].map((tool) => kilo(of(tool))),
      ratio(ratioOf(runs, 'plimsoll', BARE, eventsPerCpuSecond, 'highest')),
      ours === null ? '–' : `${(1e6 / ours.median).toFixed(2)} / ${(1e6 / floor).toFixed(2)}`,
      percentOf(
        of('plimsoll', ({ achieved }) => achieved),
        1,
      ),
    ];
  });
  return table(
    [
      'streams',
      'events/s',
      'events a write',
      'bare, data: k events per CPU-s',
      'bare, onread',
      'Plimsoll',
      'Plimsoll ÷ quicker bare',
      'CPU-s per million events: Plimsoll / bare',
      'achieved',
    ],
    rows,
  );
}

function distortionTable(sessions: Sessions): string {
  const rows = casesNamed(sessions, 'distortion ').flatMap((name) => {
    const runs = runsOf(sessions, name);
    const job = jobOf(runs);
    const tools = ['bare-onread', 'plimsoll', ...PEERS].filter((tool) => spreadOf(runs, tool, () => 1) !== null);
    return tools.map((tool) => {
      const isPeer = PEERS.includes(tool);
      const from = isPeer ? 'ranked' : 'errors';
      const all = (figure: keyof Errors): string => three(runs, tool, figure, from);
      return [
        thousands(job?.concurrency ?? Number.NaN),
        job?.kind === 'stream' ? thousands(eventRate(job)) : '',
        tool,
        all('event'),
        all('ttft'),
        all('gap') === '–' && isPeer ? meanOf(all('meanGap')) : all('gap'),
        all('e2e'),
        percentOf(
          spreadOf(runs, tool, ({ achieved }) => achieved),
          1,
        ),
        tool === 'plimsoll' ? ratio(ratioOf(runs, 'plimsoll', ['bare-onread'], p99('event', 'errors'), 'lowest')) : '',
        tool === 'bare-onread'
          ? `${count(runs, tool)}${voidOf(runs) > 0 ? ` (+ ${voidOf(runs)} void)` : ''}`
          : String(count(runs, tool)),
        serverLate(runs, tool),
      ];
    });
  });
  return table(
    [
      'streams',
      'events/s',
      'tool',
      'event p50 / p99 / max, ms',
      'TTFT, ms',
      'ICL, ms',
      'E2E, ms',
      'achieved',
      'event p99 ÷ bare',
      'runs',
      'server late p99, ms',
    ],
    rows,
  );
}

function openLoopTable(sessions: Sessions): string {
  const rows = casesNamed(sessions, 'plain ').flatMap((name) => {
    const runs = runsOf(sessions, name);
    return ['bare-pacer', 'bare-sender', 'plimsoll', 'vegeta', 'wrk']
      .filter((tool) => spreadOf(runs, tool, () => 1) !== null)
      .map((tool) => {
        const of = (value: Value): Spread | null => spreadOf(runs, tool, value);
        const delays = (['p50', 'p99', 'max'] as const).map((q) =>
          of(({ result }) => result.dispatchDelayMs?.[q] ?? null),
        );
        const rate = jobOf(runs)?.rate ?? Number.NaN;
        return [
          thousands(rate),
          tool,
          delays[0] === null ? '–' : delays.map((delay) => digits(delay?.median ?? Number.NaN)).join(' / '),
          tool === 'wrk'
            ? thousands(of(requestsPerSecond)?.median ?? Number.NaN)
            : percentOf(
                of(({ achieved }) => achieved),
                2,
              ),
          percentOf(of(tool === 'bare-pacer' ? totalShare : cpuShare), rate < 100 ? 1 : 0),
          tool === 'bare-pacer' ? '' : percentOf(of(({ server }) => server.cpuShare)),
          String(of(() => 1)?.count ?? 0),
        ];
      });
  });
  return table(
    [
      'requests/s',
      'tool',
      'dispatch delay p50 / p99 / max, ms',
      'achieved ÷ planned (wrk: requests/s)',
      'CPU of a core',
      'server’s CPU',
      'runs',
    ],
    rows,
  );
}

const requestsPerSecond: Value = ({ result }) =>
  result.durationMs === null ? null : (result.done * 1_000) / result.durationMs;
/** It sends nothing, so there is no steady part: start-up included. */
const totalShare: Value = ({ cost, result }) =>
  result.durationMs === null ? null : (cost.totalCpuSeconds * 1_000) / result.durationMs;

function memoryTable(sessions: Sessions): string {
  const rows = casesNamed(sessions, 'memory ').map((name) => {
    const runs = runsOf(sessions, name);
    const of = (value: Value): Spread | null => spreadOf(runs, 'plimsoll', value);
    const peak = of(({ cost }) => cost.peakMemoryBytes / 1e6);
    return [
      thousands(jobOf(runs)?.requests ?? Number.NaN),
      peak === null ? '–' : `${peak.median.toFixed(0)} [${peak.min.toFixed(0)}–${peak.max.toFixed(0)}]`,
      percentOf(
        of(({ achieved }) => achieved),
        1,
      ),
      String(peak?.count ?? 0),
    ];
  });
  return table(['requests', 'peak memory, MB', 'achieved', 'runs'], rows);
}

function peersTable(sessions: Sessions): string {
  const rows = ceilingsOf(sessions).map(({ tool, version, found, failure }) => {
    if (found === null) return [tool, version, `can't run: ${oneLine(failure ?? '')}`, '', '', '', '', '', ''];
    const runs = runsOf(sessions, `ceiling ${tool}`);
    const cost = (who: string): string => {
      const each = spreadOf(runs, who, eventsPerCpuSecond);
      return each === null ? '–' : (1e6 / each.median).toFixed(1);
    };
    return [
      tool,
      version,
      thousands(found.eventsPerSecond),
      cost(tool),
      cost('plimsoll'),
      cost('bare-onread'),
      percentOf(spreadOf(runs, 'bare-onread', kernelShare)),
      ratio(ratioOf(runs, 'plimsoll', [tool], eventsPerCpuSecond, 'highest')),
      notesOf(runs, tool),
    ];
  });
  return table(
    [
      'tool',
      'version',
      'highest events/s at ≥ 99 %',
      'its CPU-s per million events',
      'Plimsoll’s at that rate',
      'a bare reader’s',
      'the kernel’s share of that',
      'ratio',
      'notes',
    ],
    rows,
  );
}

const kernelShare: Value = ({ cost }) =>
  cost.steadySystemSeconds === undefined ? null : cost.steadySystemSeconds / cost.steadyCpuSeconds;

/** Runs that failed, each with its reason: nothing is silently missing. */
function failures(sessions: Sessions): readonly string[] {
  const failed = sessions.flat().flatMap((line) => (line.kind === 'run' && line.failure !== null ? [line] : []));
  const seen = new Map(failed.map((run) => [`${run.case} · ${run.tool}: ${oneLine(run.failure!)}`, run]));
  return seen.size === 0 ? [] : ['Runs that failed:', [...seen.keys()].map((text) => `- ${text}`).join('\n')];
}

const jobOf = (runs: readonly Run[]): Measured['job'] | undefined =>
  runs.find(({ measured }) => measured !== null)?.measured?.job;
const count = (runs: readonly Run[], tool: string): number => spreadOf(runs, tool, () => 1)?.count ?? 0;
const notesOf = (runs: readonly Run[], tool: string): string =>
  [...new Set(runs.flatMap((run) => (run.tool === tool ? (run.measured?.result.notes ?? []) : [])))]
    .map(oneLine)
    .join('; ');

/** p50 / p99 / max, each the median over the runs. */
function three(runs: readonly Run[], tool: string, figure: keyof Errors, from: 'errors' | 'ranked'): string {
  const quantile = (q: 'p50' | 'p99' | 'max') =>
    spreadOf(runs, tool, (measured) => measured[from][figure]?.[q] ?? null);
  const [p50, p99, max] = [quantile('p50'), quantile('p99'), quantile('max')];
  if (p50 === null || p99 === null) return '–';
  return `${digits(p50.median)} / ${digits(p99.median)} / ${max === null ? '–' : digits(max.median)}`;
}

function serverLate(runs: readonly Run[], tool: string): string {
  const late = spreadOf(runs, tool, ({ server }) => server.writeDelayMs?.p99 ?? null);
  return late === null ? '–' : digits(late.median);
}

const meanOf = (text: string): string => (text === '–' ? text : `${text} (mean of an answer)`);
const kilo = (spread: Spread | null): string =>
  spread === null ? '–' : `${k(spread.median)} [${k(spread.min)}–${k(spread.max)}]`;
const k = (value: number): string => (value / 1_000).toFixed(0);
const ratio = (spread: Spread | null): string =>
  spread === null
    ? '–'
    : `${spread.median.toFixed(2)} [${spread.min.toFixed(2)}–${spread.max.toFixed(2)}], n = ${spread.count}`;
const percentOf = (spread: Spread | null, places = 0): string =>
  spread === null ? '–' : percent(spread.median, places);
const digits = (value: number): string =>
  value < 1 ? value.toFixed(3) : value < 100 ? value.toFixed(2) : value.toFixed(0);
/** A machine's paths say nothing to a reader of the page. */
const oneLine = (text: string): string => text.split('\n').at(-1)!.replaceAll('|', '\\|').slice(0, 160);
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? 'Not measured.' : markdownTable([[...head], ...rows.map((row) => [...row])]);
