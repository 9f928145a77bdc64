// The load generators that Plimsoll is compared with, and how the highest rate of each is found.

import type { Peers, Tool } from '../contract.ts';
import { aiperf } from './aiperf.ts';
import { evalscope } from './evalscope.ts';
import { guidellm } from './guidellm.ts';
import { inferencePerf } from './inference-perf.ts';
import { locust } from './locust.ts';
import { vegeta, wrk } from './plain.ts';
import { vllmBench, vllmRustBench } from './vllm.ts';

export { findCeiling } from './ceiling.ts';

export const peers: readonly Tool[] = [
  guidellm,
  aiperf,
  inferencePerf,
  locust,
  evalscope,
  vllmBench,
  vllmRustBench,
  vegeta,
  wrk,
] satisfies Peers['peers'];
