// Requests through the transport to Timelines: what is in flight, and the clock that enforces its limits. The life of
// one request is exchange.ts.

import { objectList } from '../transport/object-list.ts';
import { type ClientOptions, type ClientRequest, type Context, Exchange } from './exchange.ts';
import { createShaper } from './shape.ts';
import { headersOf, locate, secretsOf } from './target.ts';

export type { ClientOptions, ClientRequest } from './exchange.ts';

export interface Client {
  send(request: ClientRequest): void;
  readonly inFlight: number;
  /** Ends every request in flight as `cut`. */
  cut(reason: string): void;
  /** Stops the clock that enforces the limits; send nothing afterwards. */
  close(): void;
}

export function createClient(options: ClientOptions): Client {
  const running = new Set<Exchange>();
  const resting = objectList<Exchange>();
  const context: Context = {
    ...options,
    ...locate(options.target, options.path),
    headers: headersOf(options.target, options.streamed),
    secrets: [...secretsOf(options.target), ...(options.secrets ?? [])],
    shaper: createShaper(),
    leave: (exchange) => running.delete(exchange),
    rest: (exchange) => resting.push(exchange),
  };
  // One sweep over all instead of two timers for each: limits are kept to within a twentieth, or half a second.
  const shortest = Math.min(options.requestTimeoutMs, options.stallTimeoutMs);
  const sweep = setInterval(
    () => {
      const now = performance.now();
      for (const exchange of running) exchange.enforce(now);
    },
    Math.max(5, Math.min(500, shortest / 20)),
  );
  return {
    send(request) {
      const exchange = resting.pop() ?? new Exchange(context);
      running.add(exchange);
      exchange.begin(request);
    },
    get inFlight() {
      return running.size;
    },
    cut(reason) {
      for (const exchange of running) exchange.giveUp('cut', reason);
    },
    close: () => clearInterval(sweep),
  };
}
