// Asks a server through one transport with the load's own client, and tells what a transport must not change: the rows,
// without what depends on the clock.

import assert from 'node:assert/strict';
import { createClient } from '../../src/load/client.ts';
import type { Timeline } from '../../src/load/timeline.ts';
import type { Connections } from '../../src/transport/connections.ts';
import { openRaw } from '../../src/transport/pool.ts';
import { openUndici } from '../../src/transport/undici.ts';

export const TRANSPORTS = { raw: openRaw, undici: openUndici } as const;
export type TransportName = keyof typeof TRANSPORTS;

export interface Asking {
  readonly requests?: number;
  /** Between two requests. */
  readonly pauseMs?: number;
  readonly streamed?: boolean;
  readonly requestTimeoutMs?: number;
  readonly stallTimeoutMs?: number;
  readonly cutAfterMs?: number;
  readonly ca?: string;
  /** What the rows' times count from; now, if not given. */
  readonly originMs?: number;
}

/** One request after the other, each ended before the next. */
export async function ask(transport: TransportName, url: string, asking: Asking = {}): Promise<Timeline[]> {
  const target = { url, headers: {}, ca: asking.ca };
  const connections = TRANSPORTS[transport](target, {});
  try {
    return await askThrough(connections, url, asking);
  } finally {
    await connections.destroy();
    assert.equal(connections.open, 0, 'no connection is left');
  }
}

export async function askThrough(connections: Connections, url: string, asking: Asking): Promise<Timeline[]> {
  const { requests = 1, pauseMs = 0, streamed = true, requestTimeoutMs = 10_000, stallTimeoutMs = 10_000 } = asking;
  const rows: Timeline[] = [];
  let ended = (): void => {};
  const client = createClient({
    connections,
    target: { url, headers: {} },
    path: '/v1/chat/completions',
    streamed,
    requestTimeoutMs,
    stallTimeoutMs,
    worker: 0,
    originMs: asking.originMs ?? performance.now(),
    onEnd(row) {
      rows.push(row);
      ended();
    },
  });
  const body = Buffer.from('{"stream":true}');
  try {
    for (let request = 0; request < requests; request++) {
      if (request > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const end = new Promise<void>((resolve) => {
        ended = resolve;
      });
      client.send({ request, phase: 0, plannedMs: null, body, maxTokens: 8, promptTokens: 5 });
      if (asking.cutAfterMs !== undefined) setTimeout(() => client.cut('drained'), asking.cutAfterMs);
      await end;
      assert.equal(client.inFlight, 0);
    }
    // A second end of one request would show now.
    await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    client.close();
  }
  assert.deepEqual(
    rows.map((row) => row.request),
    [...Array(requests).keys()],
    'one row for each request',
  );
  return rows;
}

/** What of a row does not depend on the clock: of a time only whether it is known. */
export function factsOf(row: Timeline): object {
  // Which events share a read is the kernel's doing.
  const { request, worker, coalesced, ...facts } = row;
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, name.endsWith('Ms') ? value !== null : value]),
  );
}
