// Which requests meet an injected fault, by their order of arrival: seeded, and the same for both drivers.

import { createRandom, deriveSeed } from '../stats/random.ts';
import type { SimOptions } from './options.ts';

/** `error`: answered 500 at once; `reset`, `hang`: connection lost, or silent for good, half-way through the answer. */
export type Fault = 'none' | 'error' | 'reset' | 'hang';

/** Each call is the next request. */
export function createFaults(options: Pick<SimOptions, 'seed' | 'errorRate' | 'resetRate' | 'hangRate'>): () => Fault {
  const random = createRandom(deriveSeed(options.seed, 'faults'));
  return () => {
    const drawn = random.next();
    if (drawn < options.errorRate) return 'error';
    if (drawn < options.errorRate + options.resetRate) return 'reset';
    if (drawn < options.errorRate + options.resetRate + options.hangRate) return 'hang';
    return 'none';
  };
}
