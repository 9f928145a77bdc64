// How fast the simulated engine is: from boot to boot, over a boot, from step to step, and when it stalls.

import { createRandom, deriveSeed } from '../stats/random.ts';
import type { SimOptions } from './options.ts';

/**
 * The factor by which this boot is slower (above 1) or faster than the options say: log-normal, from the boot's seed.
 */
export const bootFactor = (options: Pick<SimOptions, 'bootSeed' | 'bootVariation'>): number =>
  Math.exp(options.bootVariation * createRandom(deriveSeed(options.bootSeed, 'boot')).normal());

/**
 * How long `workMs` take at a time: boot factor × drift × wander × noise, plus a stall where one is due. Wander is
 * an Ornstein–Uhlenbeck process in log speed, sampled at the steps.
 */
export function createSpeed(options: SimOptions): (startMs: number, workMs: number) => number {
  const random = createRandom(deriveSeed(options.bootSeed, 'steps'));
  const stalls = createRandom(deriveSeed(options.bootSeed, 'stalls'));
  const factor = bootFactor(options);
  let wander = random.normal();
  let lastMs = 0;
  let stallAtMs = stalls.exponential() * options.stallEveryMs;

  return (startMs, workMs) => {
    const memory = Math.exp(-(startMs - lastMs) / options.wanderMs);
    wander = memory * wander + Math.sqrt(1 - memory * memory) * random.normal();
    lastMs = startMs;
    const slow = factor * (1 + (options.driftPerHour * startMs) / 3_600_000);
    const took = workMs * slow * Math.exp(options.wander * wander + options.stepNoise * random.normal());
    if (startMs < stallAtMs) return took;
    stallAtMs = startMs + stalls.exponential() * options.stallEveryMs;
    return took + options.stallMs;
  };
}
