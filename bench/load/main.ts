// `npm run bench:load`: runs cases and tools in alternation, keeps every run as it ends, and prints the tables; with
// --write into docs/benchmarks.md. --help lists the options.

import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Case, casesOf, SECTIONS, type Section } from './cases.ts';
import { isStolen, type JobShape, type Measured, type Tool } from './contract.ts';
import { measure, PINNED } from './measure.ts';
import { findCeiling, peers } from './peers/index.ts';
import { renderReport, writeReport } from './report.ts';
import { openSession, type Run, readSessions, type Session, withoutLists } from './store.ts';
import { bareData, bareOnread, barePacer, bareSender, plimsoll } from './tools.ts';

const HELP = `npm run bench:load -- [options] [results.ndjson …]

  --section NAME       ${SECTIONS.join(', ')} or peers; may be repeated. Default: all but peers
  --peers              with the peers: installs them into bench/.peers/; unless sections are named, finds the highest rate of each
  --case TEXT          only the case of this name, or all with this in their names; may be repeated
  --tools A,B          only these
  --alternations N     rounds in which every tool of a case runs once, in random order (5)
  --every              every case in every alternation; else those without a bar in 3, a million requests in one
  --peer-alternations N   rounds in which the peers take part (1): they take long to start
  --seconds S          length of a plain load (4); streams last two to three times as long
  --quick              one short alternation, to see that it works
  --report             no runs: the tables of the results that are there, the newest of each case
  --write              puts the tables into docs/benchmarks.md
`;

/** The bare reader itself was later than this: something else had the core. */
const VOID_MS = 3;
/** How often a run is repeated while others on the machine's host take its cores, and how long they get to finish. */
const MOST_ATTEMPTS = 4;
const PAUSE_MS = 10_000;
const ROUNDS = { all: Number.POSITIVE_INFINITY, few: 3, one: 1 };

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    section: { type: 'string', multiple: true },
    peers: { type: 'boolean' },
    case: { type: 'string', multiple: true },
    tools: { type: 'string' },
    alternations: { type: 'string' },
    every: { type: 'boolean' },
    'peer-alternations': { type: 'string' },
    seconds: { type: 'string' },
    quick: { type: 'boolean' },
    report: { type: 'boolean' },
    write: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

/** Void alternations are repeated, but not for ever. */
const MOST_REPEATS = flags.quick ? 0 : 5;

if (flags.help) process.stdout.write(HELP);
else {
  if (!flags.report) await bench();
  const sessions = readSessions(positionals);
  process.stdout.write(`${renderReport(sessions)}\n`);
  if (flags.write) writeReport(sessions);
}

async function bench(): Promise<void> {
  // So that what it has started ends too.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  const session = openSession();
  say(`results go to ${session.file}`);
  if (!PINNED) say('two cores and taskset are needed to pin server and client; running unpinned');
  const sections = flags.section ?? [];
  const withPeers = flags.peers === true || sections.includes('peers');
  const alternations = flags.quick ? 1 : Number(flags.alternations ?? 5);
  const scale = flags.quick ? 0.25 : Number(flags.seconds ?? 4) / 4;
  const tools = await installed(session, withPeers);
  const onlyPeers = sections.length > 0 && sections.every((name) => name === 'peers');
  const known = sections.filter((name): name is Section => SECTIONS.some((section) => section === name));
  const all = onlyPeers ? [] : casesOf({ scale }, known);
  const isAsked = (name: string, text: string): boolean =>
    all.some((item) => item.name === text) ? name === text : name.includes(text);
  const cases = all.filter(({ name }) => flags.case?.some((text) => isAsked(name, text)) ?? true);
  const peerRounds = withPeers ? Number(flags['peer-alternations'] ?? 1) : 0;
  const repeats = new Map<string, number>();
  const counted = new Map<string, number>();
  const voidOf = (name: string): number => repeats.get(name) ?? 0;
  for (let round = 0; round < alternations + MOST_REPEATS; round++) {
    for (const item of cases) {
      const owed = Math.min(flags.every ? alternations : ROUNDS[item.rounds], alternations);
      if (round >= owed + voidOf(item.name)) continue;
      // They take long: who has been counted often enough stays out of the rounds that are repeated for others.
      const isOwed = (peer: string): boolean => (counted.get(`${item.name} · ${peer}`) ?? 0) < peerRounds;
      const names = item.peers
        ? [...item.tools, ...peers.map(({ name }) => name).filter((name) => isOwed(name))]
        : item.tools;
      const { runs, isVoid } = await alternate(
        session,
        item,
        round,
        tools.filter(({ tool }) => names.includes(tool.name)),
      );
      for (const run of runs) {
        const key = `${item.name} · ${run.tool}`;
        if (!run.isVoid) counted.set(key, (counted.get(key) ?? 0) + 1);
      }
      if (isVoid) repeats.set(item.name, Math.min(MOST_REPEATS, voidOf(item.name) + 1));
    }
  }
  if (withPeers && (sections.length === 0 || sections.includes('peers')))
    await ceilings(session, tools, Math.max(1, peerRounds));
}

interface Installed {
  readonly tool: Tool;
  readonly version: string;
}

/** Those that are asked for and can be had; of the others the results say why not. */
async function installed(session: Session, withPeers: boolean): Promise<readonly Installed[]> {
  const wanted = flags.tools?.split(',');
  const known = [plimsoll, bareData, bareOnread, barePacer, bareSender, ...peers];
  const unknown = wanted?.filter((name) => !known.some((tool) => tool.name === name)) ?? [];
  if (unknown.length > 0)
    throw new Error(`no tool ${unknown.join(', ')}; there are ${known.map(({ name }) => name).join(', ')}`);
  const found: Installed[] = [];
  for (const tool of known) {
    if (wanted === undefined ? tool.kind === 'peer' && !withPeers : !wanted.includes(tool.name)) continue;
    try {
      await tool.install();
      found.push({ tool, version: await tool.version() });
    } catch (error) {
      say(`${tool.name} can't be had: ${(error as Error).message}`);
      session.add({ kind: 'ceiling', tool: tool.name, version: '', found: null, failure: (error as Error).message });
    }
  }
  return found;
}

/** One run of each tool, in random order. @returns the runs, and whether the round is void */
async function alternate(
  session: Session,
  { section, name, shape }: Case,
  round: number,
  tools: readonly Installed[],
): Promise<{ runs: readonly Run[]; isVoid: boolean }> {
  const runs: Run[] = [];
  let isMissing = false;
  for (const each of shuffled(tools)) {
    if (each.tool.unfit(shape) !== null) continue;
    const own = await attempts(each, name, shape, round);
    runs.push(...own);
    // A peer takes long to start: that it has nothing to show is shown.
    isMissing ||= each.tool.kind !== 'peer' && own.every(({ isVoid }) => isVoid);
  }
  const bare = runs.find(({ tool, isVoid }) => tool.startsWith('bare-') && !isVoid)?.measured?.errors.event;
  const isLate = section === 'distortion' && bare !== undefined && bare.p99 > VOID_MS;
  const judged = runs.map((run) => ({ ...run, isVoid: run.isVoid || isLate }));
  for (const run of judged) session.add(run);
  if (isLate) say(`${name}: void, the bare reader was ${bare.p99.toFixed(1)} ms late itself`);
  return { runs: judged, isVoid: isLate || isMissing };
}

/** Until one counts. @returns all of them; where none counts all are void */
async function attempts(each: Installed, name: string, shape: JobShape, round: number): Promise<Run[]> {
  const runs: Run[] = [];
  for (;;) {
    const run = await runOnce(each, name, shape, round);
    const isVoid = run.measured !== null && isStolen(run.measured);
    runs.push({ ...run, isVoid });
    if (!isVoid || runs.length === MOST_ATTEMPTS) return runs;
    await delay(PAUSE_MS);
  }
}

async function runOnce(
  { tool, version }: Installed,
  name: string,
  shape: JobShape,
  alternation: number,
): Promise<Omit<Run, 'isVoid'>> {
  const common = { kind: 'run', case: name, tool: tool.name, version, alternation } as const;
  try {
    const measured = await measure(tool, shape);
    say(`${name} · ${tool.name}: ${summaryOf(measured)}`);
    return { ...common, measured: withoutLists(measured), failure: null };
  } catch (error) {
    say(`${name} · ${tool.name}: ${(error as Error).message}`);
    return { ...common, measured: null, failure: (error as Error).message };
  }
}

/** The highest rate of each peer, then the peer and Plimsoll at that rate, in alternation. */
async function ceilings(session: Session, tools: readonly Installed[], rounds: number): Promise<void> {
  // The bare reader beside them: nothing in Node can cost less.
  const ours = tools.filter(({ tool }) => tool === plimsoll || tool === bareOnread);
  for (const peer of tools.filter(({ tool }) => tool.kind === 'peer')) {
    const { name } = peer.tool;
    try {
      const { measured, ...found } = await findCeiling(peer.tool, measure);
      session.add({ kind: 'ceiling', tool: name, version: peer.version, found, failure: null });
      say(`${name} holds ${found.eventsPerSecond} events/s`);
      const { url: _, model: __, ...shape } = measured.job;
      for (let round = 0; round < rounds; round++) {
        for (const each of shuffled([...ours, peer]))
          for (const run of await attempts(each, `ceiling ${name}`, shape, round)) session.add(run);
      }
    } catch (error) {
      say(`${name}: ${(error as Error).message}`);
      session.add({
        kind: 'ceiling',
        tool: name,
        version: peer.version,
        found: null,
        failure: (error as Error).message,
      });
    }
  }
}

function summaryOf(measured: Measured): string {
  const { cost, achieved, errors, server, result } = measured;
  const parts = [
    cost.steadyUnits > 0 ? `${Math.round(cost.steadyUnits / cost.steadyCpuSeconds)} a CPU-second` : null,
    `${(achieved * 100).toFixed(1)} % achieved`,
    errors.event === undefined
      ? null
      : `events late by ${errors.event.p50.toFixed(3)}/${errors.event.p99.toFixed(2)} ms`,
    result.dispatchDelayMs === null
      ? null
      : `dispatch ${result.dispatchDelayMs.p50.toFixed(3)}/${result.dispatchDelayMs.p99.toFixed(2)} ms`,
    `server ${(server.cpuShare * 100).toFixed(0)} %`,
    result.failed > 0 ? `${result.failed} failed` : null,
    isStolen(measured)
      ? `void: ${(measured.stolenShare * 100).toFixed(0)} % of a core went to others on the host`
      : null,
  ];
  return parts.filter((part) => part !== null).join(', ');
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}
