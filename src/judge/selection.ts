// Which metrics of a stage are compared. The family is kept small and meaningful: every further comparison costs
// all others power, and two that say the same cost it twice.

import type { StageName } from '../config/schema.ts';

/**
 * Compared wherever both sides have them; gates are compared beside these whatever they are.
 * Left out on purpose: latency from send and time to first content (they repeat TTFT), means (the quantiles say more),
 * maxima (one request owns them), throughput below saturation in open loop (it equals the offered load), goodput
 * and errors over a whole ramp (they depend on where it stopped; knee and saturation carry them), a comparison for each
 * step of a ramp (steps share their boot: one mean over the steps that all held says it), all errors of a step-surge
 * (surge.errors says the same).
 */
export const COMPARED: Readonly<Record<StageName, readonly string[]>> = {
  benchmark: [
    'ttft.p50',
    'ttft.p95',
    'ttft.p99',
    'tpot.p50',
    'tpot.p95',
    'tpot.p99',
    'icl.p95',
    'icl.p99',
    'e2e.p50',
    'e2e.p95',
    'e2e.p99',
    'goodput.share',
    'errors.rate',
  ],
  linear: ['knee.rate', 'saturation.rate', 'throughput.tokens', 'curve.ttft_p95', 'curve.tpot_p95'],
  'step-surge': ['surge.peak_p95', 'surge.recovery', 'surge.backlog', 'surge.errors', 'goodput.share'],
};

/** In closed loop the load follows the deployment, so throughput is a result. */
export const CLOSED_LOOP_TOO: readonly string[] = ['throughput.requests', 'throughput.tokens'];

/** Requests that every round needs before its p99 (or maximum) is compared. */
export const REQUESTS_FOR_TAIL = 2_000;
export const isTail = (statistic: string | null): boolean => statistic === 'p99' || statistic === 'max';

/** Where a rise of failures shows, in order of preference. */
export const ERROR_METRICS: readonly string[] = ['errors.rate', 'surge.errors'];
