// Runs small loads of its own before time zero, so that the compiler is done with the sender when the real one begins:
// pacer, transport, parser, books. Against a server in this thread; the deployment sees nothing of it.
//
// Code that V8 compiled is thrown away as soon as it meets what it had not seen before: an object of another shape, a
// second closure of the same function. So the loads are several, and as the real one in all that code can tell apart.

import { setTimeout as pause } from 'node:timers/promises';
import type { Transport } from '../transport/connections.ts';
import type { Workload } from '../workload/workload.ts';
import { schedule } from './arrivals.ts';
import { createExerciseServer } from './limber-server.ts';
import { openFilesNow, readLimits } from './limits.ts';
import { type LoadPlan, slotOf } from './plan.ts';
import { runShard, type ShardJob, type ShardObserver, type ShardUpdate } from './shard.ts';

export interface LimberOptions {
  /** Of the load to come. */
  readonly job: ShardJob;
  readonly workload: Workload;
  /** That the load will use. */
  readonly transport: Transport;
  /** What the load's own updates go to, or something like it. */
  onUpdate(update: ShardUpdate): void;
  readonly observer?: ShardObserver;
}

/** Closures that a function has been made into this often are no longer compiled for one of them. */
const SHORT_ROUNDS = 4;
const SHORT_MS = 40;
/** Between rounds: what waits for the compiler gets the core. */
const REST_MS = 20;
const LAST_REST_MS = 150;
const DRAIN_MS = 100;
/** The pacer's long sleep is in it. */
const LEAD_MS = 10;
/** Not whole: planned times and rates are to be doubles, as most are. */
const PER_SECOND = { streams: 1_000.5, answers: 4_000.5 };
/** By how often the load will repeat itself. */
const LAST_MS = { least: 150, most: 1_200 };
/** Of the load, to a millisecond of exercise. */
const REPEATS_PER_MS = 4;
const MAX_IN_FLIGHT = 100;
/** Of this process, for a request in flight: both ends of its connection, and as many to spare. */
const FILES_EACH = 4;

/**
 * Half a second to a second and a half, by the number of requests to come. Never fails: a load that starts cold is
 * still one.
 */
export async function limberUp({ job, workload, transport, onUpdate, observer }: LimberOptions): Promise<void> {
  const server = createExerciseServer(job.streamed);
  try {
    const target = { url: await server.listen(), headers: {} };
    const perSecond = job.streamed ? PER_SECOND.streams : PER_SECOND.answers;
    const lastMs = Math.min(LAST_MS.most, Math.max(LAST_MS.least, repeats(job, workload) / REPEATS_PER_MS));
    const files = (readLimits().openFiles ?? Number.POSITIVE_INFINITY) - (openFilesNow() ?? 0);
    const maxInFlight = Math.max(1, Math.min(MAX_IN_FLIGHT, Math.floor(files / FILES_EACH / job.workers)));
    for (const durationMs of [...new Array<number>(SHORT_ROUNDS).fill(SHORT_MS), lastMs]) {
      const connections = transport(target, {});
      // The long one has one phase: rows of a second would all come before what is its steady part in the load.
      const phases = job.plan.phases.slice(0, durationMs === lastMs ? 1 : 2);
      const plan = planOf({ ...job.plan, phases }, perSecond, durationMs, maxInFlight);
      const control = { halt: AbortSignal.timeout(durationMs), cut: AbortSignal.timeout(durationMs + DRAIN_MS) };
      const originMs = performance.now() + LEAD_MS;
      const round = { ...job, plan, target, worker: 0, workers: 1, inFlight: undefined };
      try {
        await runShard(round, workload, connections, originMs, control, onUpdate, observer);
      } finally {
        await connections.destroy();
      }
      await pause(REST_MS);
    }
    await pause(LAST_REST_MS);
  } catch {
    // Cold, then: the delays that this costs are recorded.
  } finally {
    server.close();
  }
}

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
  });
}
