// Entry of a load worker's thread. In: workerData, then `warm`, `start` and perhaps `halt` messages. Out: `loaded`,
// rehearsals, `ready` once it is warm, updates at least twice a second, and at the end the accounts; or `failed`, with
// what can be said about it.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type ErrorCode, PlimsollError } from '../errors.ts';
import { openConnections, transportFor } from '../transport/connections.ts';
import { openWorkload, type WorkloadRef } from '../workload/workload.ts';
import type { ShardAccounts } from './accounts.ts';
import { schedule } from './arrivals.ts';
import { monotonicOffsetMs } from './clock.ts';
import { limberUp } from './limber.ts';
import { readLimits } from './limits.ts';
import { takePrecedence } from './priority.ts';
import { type PackedRows, packRows } from './rows.ts';
import { runShard, type ShardJob, type ShardUpdate } from './shard.ts';
import { createWarmer } from './warm.ts';

export interface WorkerJob extends ShardJob {
  readonly workloadRef: WorkloadRef;
}

/**
 * `warm`: compile, and open the first phase's connections. Not before all workers are loaded: modules are files too,
 * and where files are short the connections of one would keep another from loading.
 * `originMonotonicMs`: time zero on the clock that all threads share.
 */
export type ToWorker =
  | { readonly kind: 'warm' }
  | { readonly kind: 'start'; readonly originMonotonicMs: number }
  | { readonly kind: 'halt'; readonly cut: string | null };

/** `rehearsal`: of the exercise before the load, to be worked through like any other and then forgotten. */
export type WorkerUpdate = Omit<ShardUpdate, 'rows'> & {
  readonly kind: 'update' | 'rehearsal';
  readonly rows: PackedRows;
};

export type FromWorker =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'ready' }
  | WorkerUpdate
  | { readonly kind: 'done'; readonly accounts: ShardAccounts }
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode | null;
      readonly message: string;
      readonly hint: string | undefined;
    };

if (parentPort !== null) {
  const port = parentPort;
  work(port, workerData as WorkerJob)
    .catch((error: unknown) => {
      const known = error instanceof PlimsollError ? error : null;
      const message = error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
      tell(port, { kind: 'failed', code: known?.code ?? null, message, hint: known?.hint });
    })
    // Only now: on a closed port nobody would hear of a failure.
    .finally(() => port.close());
}

async function work(port: MessagePort, job: WorkerJob): Promise<void> {
  const workload = openWorkload(job.workloadRef);
  const connections = openConnections(job.target);
  const halt = new AbortController();
  const cut = new AbortController();
  // One function for both: what is compiled for the exercise is then for the load.
  const reporter = (kind: 'rehearsal' | 'update') => (update: ShardUpdate) => {
    const rows = packRows(update.rows);
    tell(port, { kind, ...update, rows }, [rows.numbers.buffer]);
  };
  const warm = Promise.withResolvers<void>();
  const started = Promise.withResolvers<number>();
  port.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'warm':
        warm.resolve();
        return;
      case 'start':
        started.resolve(message.originMonotonicMs);
        return;
      case 'halt':
        halt.abort();
        if (message.cut !== null) cut.abort(message.cut);
    }
  });
  try {
    // Ahead of time zero: the first look at a schedule goes through all its arrivals.
    schedule(job.plan);
    tell(port, { kind: 'loaded' });
    await warm.promise;
    takePrecedence();
    await limberUp({ job, workload, transport: transportFor(job.target), onUpdate: reporter('rehearsal') });
    await createWarmer(job, connections, readLimits()).first();
    tell(port, { kind: 'ready' });
    const originMs = (await started.promise) - monotonicOffsetMs();
    const accounts = await runShard(
      job,
      workload,
      connections,
      originMs,
      { halt: halt.signal, cut: cut.signal },
      reporter('update'),
    );
    tell(port, { kind: 'done', accounts });
  } finally {
    await connections.destroy();
  }
}

// A declaration: this module's first lines already call it.
function tell(port: MessagePort, message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}
