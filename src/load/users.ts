// Closed loop: users who ask, wait for the answer, think, and ask again. In: the closed phases of a plan. Out: sends,
// each at the moment its user is ready. A user carries over into the next phase where that has room for it.

import type { ThinkTime } from '../config/schema.ts';
import { createRandom, deriveSeed, type Random } from '../stats/random.ts';
import { pause } from './pacer.ts';
import type { LoadPlan, PhasePlan } from './plan.ts';

export interface UsersOptions {
  readonly plan: LoadPlan;
  /** This worker's share: users u with u mod workers = worker. */
  readonly worker: number;
  readonly workers: number;
  /** ms of the load's clock. */
  now(): number;
  /** Sends the index-th request of the phase; resolves with whether it was answered well. */
  send(phase: number, index: number): Promise<boolean>;
  readonly signal: AbortSignal;
}

/** A user whose request fails at once does not turn into a busy loop: failed requests take at least this long. */
const FAILED_MS = 100;

/** Resolves when every user has its answer, after the last closed phase is over or `signal` has aborted. */
export async function runUsers(options: UsersOptions): Promise<void> {
  const mostUsers = Math.max(0, ...options.plan.phases.map(({ load }) => (load.kind === 'closed' ? load.users : 0)));
  const users: Promise<void>[] = [];
  for (let user = options.worker; user < mostUsers; user += options.workers) users.push(runUser(user, options));
  await Promise.all(users);
}

/** The k-th request of user u in a phase of n users is the phase's (k·n + u)-th: reproducible, whoever is faster. */
async function runUser(user: number, { plan, now, send, signal }: UsersOptions): Promise<void> {
  const random = createRandom(deriveSeed(plan.seed, 'think', user));
  let phase = -1;
  let asked = 0;
  let idle = true;
  while (!signal.aborted) {
    const here = phaseAt(plan.phases, now());
    if (here === null) return;
    const { load, startMs, durationMs } = plan.phases[here]!;
    if (load.kind !== 'closed' || user >= load.users || now() < startMs) {
      idle = true;
      await pause(now() < startMs ? startMs - now() : startMs + durationMs - now(), signal);
      continue;
    }
    if (here !== phase) {
      phase = here;
      asked = 0;
    }
    if (idle) {
      // Users come in the middle of their thoughts, not all at the same moment.
      idle = false;
      await pause(random.next() * thinkMs(load.think, random), signal);
      continue;
    }
    const sentMs = now();
    const answered = await send(here, asked * load.users + user);
    asked += 1;
    await pause(Math.max(thinkMs(load.think, random), answered ? 0 : sentMs + FAILED_MS - now()), signal);
  }
}

/** The phase in force at tMs; the first one before it begins; null after the last. */
function phaseAt(phases: readonly PhasePlan[], tMs: number): number | null {
  const index = phases.findIndex((phase) => tMs < phase.startMs + phase.durationMs);
  return index === -1 ? null : index;
}

export function thinkMs(think: ThinkTime, random: Random): number {
  if ('constantMs' in think) return think.constantMs;
  if ('meanMs' in think) return think.meanMs * random.exponential();
  return think.fromMs + (think.toMs - think.fromMs) * random.next();
}

/** Its mean. */
export function meanThinkMs(think: ThinkTime): number {
  if ('constantMs' in think) return think.constantMs;
  return 'meanMs' in think ? think.meanMs : (think.fromMs + think.toMs) / 2;
}
