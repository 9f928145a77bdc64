// The books of a load, from its workers' accounts. What was planned comes from the schedule and what was received
// from the rows, so that a request that got lost on the way shows.

import { PlimsollError } from '../errors.ts';
import { createHistogram, decodeHistogram, type Histogram } from '../stats/histogram.ts';
import { provenPercentile } from '../stats/sample-size.ts';
import type { ShardAccounts } from './accounts.ts';
import { dueBy, schedule } from './arrivals.ts';
import type { LoadPlan } from './plan.ts';
import type { ClientPhaseHealth, LoadResult, PeakUse } from './result.ts';
import { TOKEN_BUCKET_MS } from './token-marks.ts';

export interface MachineUse {
  /** Local ports that were left before the load. */
  readonly ports: number | null;
  /** By phase; null = not seen. */
  readonly openFiles: readonly (PeakUse | null)[];
}

type Books = Pick<LoadResult, 'phases' | 'gapsUs' | 'bucketMs' | 'tokensReceived' | 'retries'>;

/**
 * @param stoppedMs when the load was ended early, null = it was not
 * @param received rows that arrived, by phase
 * @param machine what the workers can't know
 * @throws PlimsollError INTERNAL where a request got lost: of what was sent no row came, or, in a complete load, rows +
 *   dropped ≠ planned
 */
export function mergeAccounts(
  plan: LoadPlan,
  stoppedMs: number | null,
  accounts: readonly ShardAccounts[],
  received: readonly number[],
  machine: MachineUse = { ports: null, openFiles: [] },
): Books {
  const phases = plan.phases.map((_, index) => accounts.map(({ phases }) => phases[index]!));
  const due = dueBy(schedule(plan), stoppedMs ?? Number.POSITIVE_INFINITY);
  const buckets = Math.max(0, ...accounts.map(({ tokens }) => tokens.length));
  return {
    phases: phases.map((shares, index) => {
      const { name, load, startMs, durationMs } = plan.phases[index]!;
      const sent = total(shares.map((share) => share.sent));
      const dropped = total(shares.map((share) => share.dropped));
      const unsent = total(shares.map((share) => share.unsent));
      const accounted = received[index]! + dropped + unsent;
      let planned = load.kind === 'closed' ? sent : due[index]!;
      // A worker hears of an early end a moment later, and what came due until then is owed too.
      if (stoppedMs !== null && stoppedMs < startMs + durationMs) planned = Math.max(planned, accounted);
      if (received[index] !== sent) throw lost(name, `${sent} were sent, and ${received[index]} rows came`);
      if (stoppedMs === null && accounted !== planned)
        throw lost(name, `${planned} were planned, but ${sent} rows and ${dropped} dropped slots are ${accounted}`);
      const retries = total(shares.map((share) => share.retries));
      const openFiles = machine.openFiles[index];
      return {
        ...healthOf(shares),
        planned,
        sent,
        sentAfter: total(shares.map((share) => share.sentAfter)),
        dropped,
        unsent,
        droppedSteady: total(shares.map((share) => share.droppedSteady)),
        retries,
        // Each worker's own peak: together they may not all have had it in the same moment.
        sockets: { peak: total(shares.map(({ socketsPeak }) => socketsPeak)), limit: machine.ports },
        ...(openFiles && { openFiles }),
      };
    }),
    gapsUs: phases.map((shares) => sum(shares.map(({ gapsUs }) => gapsUs))),
    bucketMs: TOKEN_BUCKET_MS,
    tokensReceived: Array.from({ length: buckets }, (_, bucket) =>
      total(accounts.map(({ tokens }) => tokens[bucket] ?? 0)),
    ),
    retries: total(accounts.flatMap(({ phases }) => phases.map(({ retries }) => retries))),
  };
}

const lost = (phase: string, what: string): PlimsollError =>
  new PlimsollError('INTERNAL', `Phase "${phase}" lost requests: ${what}.`, {
    hint: 'Nothing of this load can be trusted. Please report it with the record.',
  });

function healthOf(
  shares: readonly ShardAccounts['phases'][number][],
): Pick<ClientPhaseHealth, 'dispatchDelayMs' | 'eventLoopDelayP99Ms' | 'cpuShare'> {
  const delays = sum(shares.map(({ dispatchDelayUs }) => dispatchDelayUs));
  const loops = shares.map(({ eventLoopDelayP99Ms }) => eventLoopDelayP99Ms).filter((delay) => delay !== null);
  const ms = (percentile: number): number => delays.getValueAtPercentile(percentile) / 1_000;
  return {
    dispatchDelayMs:
      delays.totalCount === 0
        ? null
        : {
            p50: ms(50),
            p99: ms(99),
            p99AtLeast: ms(provenPercentile(delays.totalCount, 0.99)),
            max: delays.maxValue / 1_000,
          },
    eventLoopDelayP99Ms: loops.length === 0 ? null : Math.max(...loops),
    cpuShare: shares.map(({ cpuShare }) => cpuShare ?? 0),
  };
}

function sum(encoded: readonly string[]): Histogram {
  const all = createHistogram();
  for (const text of encoded) all.add(decodeHistogram(text) as Histogram);
  return all;
}

const total = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);
