// Runs one tool once: a fresh server on core 0, the tool in a session of its own on core 1, and readings of both while
// it runs. Out: what the server saw, what the tool cost and how far its figures are from the truth.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AnswerStamps, PacedAccount } from '../../src/doctor/books.ts';
import { MODEL } from '../../src/doctor/wire.ts';
import { monotonicOffsetMs } from '../../src/load/clock.ts';
import { type Command, type Job, type JobShape, type Measured, plannedSeconds, type Tool } from './contract.ts';
import { costOf, type Reading } from './cost.ts';
import { cpuSecondsIn, createMeter, watchSteal } from './cpu.ts';
import { errorsOf, rankedErrors } from './truth.ts';

/** Whether this machine lets server and client have a core each. */
export const PINNED: boolean = availableParallelism() >= 2 && hasTaskset();

/** Between two readings; shorter where the load is, never so short that reading costs the server much. */
const READ_EVERY_MS = 200;
/** Where lateness is measured and not cost: each reading takes the core from somebody for a millisecond or two. */
const STAMPED_READ_EVERY_MS = 1_000;

/**
 * @param keep leave the tool's folder where it is, for a look at what it wrote
 * @throws Error with the end of the tool's stderr where it fails or takes longer than job.timeoutSeconds
 */
export async function measure(tool: Tool, shape: JobShape, { keep = false } = {}): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), `bench-${tool.name}-`));
  pinSelf(shape);
  try {
    await using server = await startServer(shape);
    const job = await jobFor(shape, server.url);
    writeFileSync(join(folder, 'job.json'), JSON.stringify(job));
    const run = start(await tool.command(job, folder), folder, job.timeoutSeconds);
    const meter = createMeter(run.pid);
    const stolenSince = watchSteal();
    const toMonotonic = monotonicOffsetMs();
    const readings: Reading[] = [];
    const everyMs =
      shape.kind === 'stream' && shape.stamps
        ? STAMPED_READ_EVERY_MS
        : Math.max(20, Math.min(READ_EVERY_MS, (plannedSeconds(job) * 1_000) / 20));
    for (const ended = run.ended.then(() => true); ; ) {
      const account = await server.account();
      const sample = meter.sample();
      readings.push({ ...sample, account, lateMs: sample.atMs + toMonotonic - account.nowMs });
      if (account.answered >= job.requests) putLast(run.pid);
      // Not timed by the tool's end: it may have much to do after its load.
      if (await Promise.race([ended, delay(everyMs, false)])) break;
    }
    const stolenShare = stolenSince();
    const code = await run.ended;
    if (code !== 0) throw new Error(`${tool.name} ended with ${code}: ${lastWords(folder)}`);
    const result = await tool.read(job, folder);
    const account = await server.account();
    const stamps = job.kind === 'stream' ? await server.stamps() : [];
    const seconds = ((account.lastWriteMs ?? 0) - (account.firstRequestMs ?? 0)) / 1_000;
    return {
      tool: tool.name,
      job,
      server: {
        requests: account.requests,
        answered: account.answered,
        events: account.events,
        durationMs: seconds * 1_000,
        writesPerSecond: account.writes / seconds,
        writeDelayMs: account.writeDelayMs,
        cpuShare: account.cpuMs / 1_000 / seconds,
      },
      cost: costOf(readings, job.kind, cpuSecondsIn(readFileSync(join(folder, 'stat'), 'latin1')), account),
      result,
      achieved: achievedOf(job, seconds, result.durationMs),
      errors: errorsOf(stamps, result),
      ranked: rankedErrors(stamps, result),
      pinned: PINNED,
      stolenShare,
    };
  } finally {
    if (!keep) rmSync(folder, { recursive: true, force: true });
  }
}

/** Plain answers are over when they are written; what a stream's reader has not read yet, only it knows. */
function achievedOf(job: Job, seconds: number, toldMs: number | null): number {
  if (job.kind === 'plain') return Math.min(1, plannedSeconds(job) / seconds);
  if (job.writeIntervalMs === 0) return 1;
  return Math.min(1, plannedSeconds(job) / Math.max(seconds, (toldMs ?? 0) / 1_000));
}

/** The job with the server's address, and the sizes of what it sends. */
async function jobFor(shape: JobShape, url: string): Promise<Job> {
  if (shape.kind === 'plain') return { ...shape, url, model: MODEL };
  return { ...shape, url, model: MODEL, sizes: await probe(url) };
}

/**
 * Where the first event of an answer ends and how far apart events are, from an answer's bytes.
 * @throws Error where the server sends something else
 */
async function probe(url: string): Promise<{ headBytes: number; eventBytes: number }> {
  const body = JSON.stringify({ model: MODEL, stream: true });
  const { port, hostname } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  let text = '';
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString('latin1');
    const ends = Array.from(
      text.matchAll(/"content":"[^"]+"[^\n]*\n\n(\r\n)?/g),
      (match) => match.index + match[0].length,
    );
    if (ends.length < 3 && !text.endsWith('0\r\n\r\n')) continue;
    const eventBytes = (ends[1] ?? ends[0]!) - ends[0]!;
    await post(`${url}/reset`);
    return { headBytes: ends[0]! - eventBytes, eventBytes };
  }
  throw new Error('the server ended its answer before its first event');
}

/** Of stderr, or of stdout where it said nothing there. */
function lastWords(folder: string): string {
  const said = (name: string): string => readFileSync(join(folder, name), 'utf8').trim().slice(-1_000);
  return said('stderr') || said('stdout');
}

interface RunningServer extends AsyncDisposable {
  readonly url: string;
  account(): Promise<PacedAccount>;
  stamps(): Promise<readonly AnswerStamps[]>;
}

async function startServer(shape: JobShape): Promise<RunningServer> {
  const entry = fileURLToPath(new URL('../../src/doctor/server.ts', import.meta.url));
  const options =
    shape.kind === 'plain'
      ? []
      : [
          ...['--events', shape.eventsPerAnswer, '--interval-ms', shape.writeIntervalMs],
          ...['--events-per-write', shape.eventsPerWrite],
          '--spread',
          // The most precise that the machine can do: a core is its own.
          ...(PINNED ? ['--spin'] : []),
          ...(shape.stamps ? ['--stamps'] : []),
        ];
  const [command, ...args] = pinnedTo(0, [
    'sh',
    '-c',
    `${FIRST}exec "$@"`,
    'sh',
    process.execPath,
    entry,
    ...options.map(String),
  ]);
  // It ends when the channel does, however this process ends.
  const child = spawn(command!, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const url = await firstLine(child);
  const get = async (path: string): Promise<string> => (await fetch(`${url}${path}`)).text();
  return {
    url,
    account: async () => JSON.parse(await get('/account')) as PacedAccount,
    stamps: async () =>
      (await get('/stamps'))
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as AnswerStamps),
    async [Symbol.asyncDispose]() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGKILL')) await gone;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout!) {
    text += String(chunk);
    if (text.includes('\n')) return (JSON.parse(text.slice(0, text.indexOf('\n'))) as { url: string }).url;
  }
  throw new Error('the server ended before it was ready');
}

/** Before others on the machine, where this user may: on a machine of its own it changes nothing. See sched(7). */
const FIRST = '(echo -20 >/proc/self/autogroup) 2>/dev/null; ';

/**
 * Ends what FIRST began, once the load is over. A thread that exits has left its session's group, and wait(2) spins
 * until it is gone: on a core that both share, a waiting group with priority would keep it from going for half a minute.
 */
function putLast(leader: number): void {
  try {
    writeFileSync(`/proc/${leader}/autogroup`, '19');
  } catch {
    // No such groups here, or it has ended.
  }
}

/** Waits for the tool and leaves its own account behind, when all it waited for is in it. */
const SHELL = `${FIRST}"$@" >stdout 2>stderr; code=$?; read -r line </proc/$$/stat; printf %s "$line" >stat; exit $code`;

function start(
  { argv, env }: Command,
  folder: string,
  timeoutSeconds: number,
): { pid: number; ended: Promise<number | string> } {
  mkdirSync(folder, { recursive: true });
  const [command, ...args] = pinnedTo(1, ['sh', '-c', SHELL, 'sh', ...argv]);
  // Detached: the leader of a session and of a group, which can be counted and ended as a whole.
  const child = spawn(command!, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    detached: true,
    stdio: 'ignore',
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${command}`);
  const onExit = (): void => endSession(pid);
  process.once('exit', onExit);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    endSession(pid);
  }, timeoutSeconds * 1_000);
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      process.off('exit', onExit);
      // Nobody it left behind may take part in the next run.
      endSession(pid);
      resolve(late ? `the limit of ${timeoutSeconds} s` : (code ?? String(signal)));
    });
  });
  return { pid, ended };
}

function endSession(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody is left.
  }
}

/**
 * Out of the tool's way: on the server's core, where that has room. A spinning server has not: whoever takes a slice of
 * its core keeps it from writing, and waits for seconds to get one.
 */
function pinSelf(shape: JobShape): void {
  if (!PINNED) return;
  const cores = shape.kind === 'plain' ? '0' : '0,1';
  execFileSync('taskset', ['-a', '-c', '-p', cores, String(process.pid)], { stdio: 'ignore' });
}

const pinnedTo = (core: number, argv: readonly string[]): readonly string[] =>
  PINNED ? ['taskset', '-c', String(core), ...argv] : argv;

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const post = async (url: string): Promise<void> => void (await (await fetch(url, { method: 'POST' })).text());
