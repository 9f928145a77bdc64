// Runs small loads of its own before time zero, so that the compiler is done with the sender when the real one begins:
// pacer, transport, parser, books. Against a server in this thread; the deployment sees nothing of it.
//
// Code that V8 compiled is thrown away as soon as it meets what it had not seen before: an object of another shape, a
// second closure of the same function. So the loads are several, and as the real one in all that code can tell apart.

import { setTimeout as pause } from 'node:timers/promises';
import type { Transport } from '../transport/connections.ts';
import { objectList } from '../transport/object-list.ts';
import type { Workload } from '../workload/workload.ts';
import { schedule } from './arrivals.ts';
import { createExerciseServer } from './limber-server.ts';
import { openFilesNow, readLimits } from './limits.ts';
import { type LoadPlan, slotOf } from './plan.ts';
import { runShard, type ShardJob, type ShardObserver, type ShardUpdate } from './shard.ts';
import { COMPILERS, type ThreadTimes, threadsNamed, timesOf } from './threads.ts';

export interface LimberOptions {
  /** Of the load to come. */
  readonly job: ShardJob;
  readonly workload: Workload;
  /** That the load will use. */
  readonly transport: Transport;
  /** What the load's own updates go to, or something like it. */
  onUpdate(update: ShardUpdate): void;
  readonly observer?: ShardObserver;
  /** What the compiler's threads have done so far; null = unknown. Absent: as the system says. */
  compiler?(): ThreadTimes | null;
}

/** Closures that a function has been made into this often are no longer compiled for one of them. */
const SHORT_ROUNDS = { count: 4, ms: 40 };
/**
 * By how often the load will repeat itself. From `enough` on they end after so many in which the compiler did little:
 * V8's own settings compile thoroughly after 3,000 calls, and a round has 400.
 */
const ROUNDS = { ms: 100, least: 2, enough: 8, most: 12, quiet: 2 };
/** Of the load, to a round of exercise. */
const REPEATS_PER_ROUND = 400;
/** However long the compiler takes. */
const MOST_MS = 4_000;
/** Between rounds the compiler gets the core, until it neither has nor wants it. */
const REST = { ms: 20, mostMs: 400, idleMs: 2 };
/** Where it does not show what it does. */
const UNSEEN_REST_MS = 60;
/** Of CPU time in a round and the rest after it: the next would teach it nothing. */
const LITTLE_MS = 10;
const DRAIN_MS = 100;
/** The pacer's long sleep is in it. */
const LEAD_MS = 10;
/** No exercise lasts as long; the client looks for what stalls every twentieth of it. */
const STALL_TIMEOUT_MS = 1_000;
/** Not whole: planned times and rates are to be doubles, as most are. */
const PER_SECOND = { streams: 2_000.5, answers: 4_000.5 };
const MAX_IN_FLIGHT = 100;
/** Of this process, for a request in flight: both ends of its connection, and as many to spare. */
const FILES_EACH = 4;

/** Half a second to four, by the number of requests to come. Never fails: a load that starts cold is still one. */
export async function limberUp(options: LimberOptions): Promise<void> {
  const { job, workload, compiler = compilerTimes } = options;
  const server = createExerciseServer(job.streamed);
  const untilMs = performance.now() + MOST_MS;
  const isTime = (): boolean => performance.now() < untilMs;
  try {
    const url = await server.listen();
    for (let round = 0; round < SHORT_ROUNDS.count && isTime(); round++) {
      await exercise(options, url, { ms: SHORT_ROUNDS.ms, phases: 2 });
      await rest(compiler);
    }
    const most = Math.min(ROUNDS.most, Math.max(ROUNDS.least, repeats(job, workload) / REPEATS_PER_ROUND));
    let quiet = 0;
    for (let round = 1; round <= most && isTime(); round++) {
      const before = compiler();
      // Of one phase: rows of a second would all come before what is its steady part in the load.
      await exercise(options, url, { ms: ROUNDS.ms, phases: 1 });
      const after = await rest(compiler);
      const isQuiet = before !== null && after !== null && after.ranMs - before.ranMs < LITTLE_MS;
      quiet = isQuiet ? quiet + 1 : 0;
      if (round >= ROUNDS.enough && quiet >= ROUNDS.quiet) break;
    }
  } catch {
    // Cold, then: the delays that this costs are recorded.
  } finally {
    server.close();
  }
}

interface Round {
  readonly ms: number;
  /** Of the plan: as many from its first on. */
  readonly phases: number;
}

async function exercise({ job, workload, transport, onUpdate, observer }: LimberOptions, url: string, round: Round) {
  const target = { url, headers: {} };
  const files = (readLimits().openFiles ?? Number.POSITIVE_INFINITY) - (openFilesNow() ?? 0);
  const maxInFlight = Math.max(1, Math.min(MAX_IN_FLIGHT, Math.floor(files / FILES_EACH / job.workers)));
  const phases = job.plan.phases.slice(0, round.phases);
  const perSecond = job.streamed ? PER_SECOND.streams : PER_SECOND.answers;
  const plan = planOf({ ...job.plan, phases }, perSecond, round.ms, maxInFlight);
  const control = { halt: AbortSignal.timeout(round.ms), cut: AbortSignal.timeout(round.ms + DRAIN_MS) };
  const originMs = performance.now() + LEAD_MS;
  const alone = { ...job, plan, target, worker: 0, workers: 1, inFlight: undefined };
  const connections = transport(target, {});
  try {
    await runShard(alone, workload, connections, originMs, control, onUpdate, observer);
    // As half a second without an end makes: to the compiler an empty list is another one.
    onUpdate({ rows: objectList(), sent: 0, tokens: 0, inFlight: 0 });
  } finally {
    await connections.destroy();
  }
}

/** Until the compiler rests too. @returns what it has done by then */
async function rest(compiler: () => ThreadTimes | null): Promise<ThreadTimes | null> {
  const untilMs = performance.now() + REST.mostMs;
  for (let last = compiler(); ; ) {
    await pause(last === null ? UNSEEN_REST_MS : REST.ms);
    const now = compiler();
    if (now === null || last === null || performance.now() >= untilMs) return now;
    // Who waits for a core has not done what it has to.
    if (now.ranMs + now.waitedMs - last.ranMs - last.waitedMs < REST.idleMs) return now;
    last = now;
  }
}

const compilerTimes = (): ThreadTimes | null => timesOf(threadsNamed(COMPILERS));

/** How often the load to come will do the same: events and requests, as far as can be foreseen. */
function repeats({ plan, streamed }: ShardJob, workload: Workload): number {
  // Users may ask any number of times.
  if (plan.phases.some(({ load }) => load.kind === 'closed')) return Number.POSITIVE_INFINITY;
  const requests = schedule(plan).firstOf.at(-1)!;
  return streamed ? requests * workload.request(slotOf(plan, 0, 0, 0)).maxTokens : requests;
}

/** Made as the load's own plan was, by a message from another thread: to the compiler that is a kind of its own. */
function planOf(plan: LoadPlan, rate: number, durationMs: number, maxInFlight: number): LoadPlan {
  const phaseMs = (durationMs + 0.5) / plan.phases.length;
  return structuredClone({
    ...plan,
    phases: plan.phases.map((phase, index) => ({
      ...phase,
      startMs: index * phaseMs,
      durationMs: phaseMs,
      load: { kind: 'open', process: 'constant', from: rate, to: rate } as const,
    })),
    drainMs: DRAIN_MS,
    maxInFlight,
    stallTimeoutMs: STALL_TIMEOUT_MS,
  });
}
