// Distributions of lengths in tokens, as plimsoll.yml writes them. In: a distribution and a random source.
// Out: whole numbers inside its bounds.

import type { LengthDistribution } from '../config/schema.ts';
import type { Random } from '../stats/random.ts';

/**
 * Draws one length: a whole number ≥ 1 within `lengthBounds`. Draws outside [min, max] are clamped, not drawn
 * again, so that every length costs the same random numbers. normal: mean + sd·z; lognormal: median·exp(sigma·z).
 */
export function drawLength(lengths: LengthDistribution, random: Random): number {
  if ('constant' in lengths) return lengths.constant;
  if ('uniform' in lengths) return random.int(lengths.uniform[0], lengths.uniform[1]);
  if ('normal' in lengths) {
    const { mean, sd, min, max } = lengths.normal;
    return clamp(mean + sd * random.normal(), min, max);
  }
  if ('lognormal' in lengths) {
    const { median, sigma, min, max } = lengths.lognormal;
    return clamp(median * Math.exp(sigma * random.normal()), min, max);
  }
  return drawLength(pick(lengths.mix, random), random);
}

/** Smallest and largest length that can be drawn. */
export function lengthBounds(lengths: LengthDistribution): { readonly min: number; readonly max: number } {
  if ('constant' in lengths) return { min: lengths.constant, max: lengths.constant };
  if ('uniform' in lengths) return { min: lengths.uniform[0], max: lengths.uniform[1] };
  if ('normal' in lengths) return { min: lengths.normal.min, max: lengths.normal.max };
  if ('lognormal' in lengths) return { min: lengths.lognormal.min, max: lengths.lognormal.max };
  const bounds = lengths.mix.map(lengthBounds);
  return { min: Math.min(...bounds.map((each) => each.min)), max: Math.max(...bounds.map((each) => each.max)) };
}

/** One line for people and for comparing two workloads: equal text means equal distribution. */
export function describeLengths(lengths: LengthDistribution): string {
  if ('constant' in lengths) return `constant ${lengths.constant}`;
  if ('uniform' in lengths) return `uniform ${lengths.uniform[0]} to ${lengths.uniform[1]}`;
  if ('normal' in lengths) {
    const { mean, sd, min, max } = lengths.normal;
    return `normal mean ${mean} sd ${sd}, ${min} to ${max}`;
  }
  if ('lognormal' in lengths) {
    const { median, sigma, min, max } = lengths.lognormal;
    return `lognormal median ${median} sigma ${sigma}, ${min} to ${max}`;
  }
  return `mix of ${lengths.mix.map((part) => `${part.weight} × (${describeLengths(part)})`).join(' + ')}`;
}

const clamp = (value: number, min: number, max: number): number => Math.min(max, Math.max(min, Math.round(value)));

function pick<Part extends { readonly weight: number }>(parts: readonly Part[], random: Random): Part {
  let left = random.next() * parts.reduce((sum, part) => sum + part.weight, 0);
  for (const part of parts) {
    left -= part.weight;
    if (left < 0) return part;
  }
  return parts.at(-1)!; // rounding only: the weights' sum was used up exactly
}
