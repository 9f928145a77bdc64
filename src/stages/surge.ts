// The step-surge stage's result: for each surge how high the windowed p95 of TTFT rose, how far the backlog grew,
// how much failed, and how long after the step down all was as before. Worst surge first in the stage's metrics.

import { mean } from 'simple-statistics';
import { offeredRate, steadyFromMs } from '../load/plan.ts';
import { censoredQuantile } from '../stats/histogram.ts';
import type { PhaseMetric } from './figures.ts';
import type { SurgePoint } from './measurement.ts';
import type { MeasuredPhase } from './phase.ts';
import { endOf } from './phases.ts';
import { inFlight, levelsWithin, sumWithin } from './series.ts';
import { BUCKET_MS, type Tally } from './tally.ts';

/** The pre-surge band: the base windows' own p95, with room for what a p95 of some twenty requests wanders. */
const BAND_FACTOR = 1.25;
const BAND_MS = 5;
const BAND_REQUESTS = 2;
/** So many windows in a row inside the band are a recovery; one alone is luck. */
const CALM_WINDOWS = 3;

export interface SurgeResult {
  readonly points: readonly SurgePoint[];
  /** By the surge phase's name. */
  readonly perSurge: ReadonlyMap<string, Readonly<Record<string, PhaseMetric>>>;
  readonly metrics: Readonly<Record<string, PhaseMetric>>;
}

interface Window {
  readonly phase: number;
  readonly fromMs: number;
  readonly p95Ms: number | null;
  readonly bound: 'exact' | 'above';
  readonly requests: number;
  readonly level: number;
  readonly point: SurgePoint;
}

interface Band {
  readonly p95Ms: number;
  readonly level: number;
  readonly meanLevel: number;
}

export function summariseSurges(
  phases: readonly MeasuredPhase[],
  tally: Tally,
  offeredMs: number,
  timeoutMs: number,
): SurgeResult {
  const levels = inFlight(tally.series.sent, tally.series.ended);
  const windows = windowsOf(phases, tally, levels, offeredMs, timeoutMs);
  const band = bandOf(phases, windows);
  const perSurge = new Map<string, Record<string, PhaseMetric>>();
  if (band !== null) {
    for (const [index, phase] of phases.entries()) {
      if (phase.plan.kind === 'surge')
        perSurge.set(phase.plan.name, measureSurge(phases, index, windows, levels, band, offeredMs));
    }
  }
  return { points: windows.map((window) => window.point), perSurge, metrics: worstOf([...perSurge.values()]) };
}

function windowsOf(
  phases: readonly MeasuredPhase[],
  tally: Tally,
  levels: readonly number[],
  offeredMs: number,
  timeoutMs: number,
): Window[] {
  return tally.windows
    .filter((window) => window.toMs <= offeredMs)
    .map((window) => {
      const p95 = censoredQuantile(window.ttft, 0.95, window.withoutToken, timeoutMs);
      const level = mean(levelsWithin(levels, BUCKET_MS, window.fromMs, window.toMs));
      const seconds = (window.toMs - window.fromMs) / 1_000;
      return {
        phase: window.phase,
        fromMs: window.fromMs,
        p95Ms: p95.valueMs,
        bound: p95.bound,
        requests: window.ttft.totalCount + window.withoutToken,
        level,
        point: {
          tMs: window.fromMs,
          offeredRate: offeredRate(phases[window.phase]!.plan) ?? 0,
          achievedRate: sumWithin(tally.series.completed, BUCKET_MS, window.fromMs, window.toMs) / seconds,
          ttftP95Ms: p95.valueMs,
          inFlight: level,
          failed: window.failed,
        },
      };
    });
}

/** From the base before the first surge; null where no request there gave a first token. */
function bandOf(phases: readonly MeasuredPhase[], windows: readonly Window[]): Band | null {
  const base = phases.findIndex((phase) => phase.plan.kind === 'base');
  if (base < 0) return null;
  const all = windows.filter((window) => window.phase === base && window.p95Ms !== null);
  const settled = all.filter((window) => window.fromMs >= steadyFromMs(phases[base]!.plan));
  const used = settled.length >= CALM_WINDOWS ? settled : all;
  if (used.length === 0) return null;
  return {
    p95Ms: p95Of(used.map((window) => window.p95Ms!)) * BAND_FACTOR + BAND_MS,
    level: p95Of(used.map((window) => window.level)) * BAND_FACTOR + BAND_REQUESTS,
    meanLevel: mean(used.map((window) => window.level)),
  };
}

function measureSurge(
  phases: readonly MeasuredPhase[],
  index: number,
  windows: readonly Window[],
  levels: readonly number[],
  band: Band,
  offeredMs: number,
): Record<string, PhaseMetric> {
  const surge = phases[index]!;
  const recover = phases[index + 1];
  const both = recover ? [surge, recover] : [surge];
  const n = both.reduce((sum, { figures }) => sum + figures.requests + figures.dropped, 0);
  const ok = both.reduce((sum, { figures }) => sum + figures.ok, 0);
  const untilMs = Math.min(offeredMs, endOf((recover ?? surge).plan));
  const highest = Math.max(...levelsWithin(levels, BUCKET_MS, surge.plan.startMs, untilMs));
  const mine = windows.filter((window) => window.phase === index || window.phase === index + 1);
  return {
    'surge.peak_p95': { ...peakOf(mine), n },
    'surge.backlog': { value: Math.max(0, highest - band.meanLevel), bound: 'exact', n },
    'surge.errors': { value: n > 0 ? (n - ok) / n : null, bound: 'exact', n },
    'surge.recovery': recover
      ? {
          ...recoveryOf(
            windows.filter((window) => window.phase === index + 1),
            band,
            recover.plan.startMs,
            untilMs,
          ),
          n,
        }
      : { value: null, bound: 'exact', n },
  };
}

function peakOf(windows: readonly Window[]): Pick<PhaseMetric, 'value' | 'bound'> {
  let peak: Pick<PhaseMetric, 'value' | 'bound'> = { value: null, bound: 'exact' };
  for (const { p95Ms, bound } of windows) {
    if (p95Ms === null) continue;
    const higher = peak.value === null || p95Ms > peak.value;
    peak = {
      value: higher ? p95Ms : peak.value,
      bound: bound === 'above' || peak.bound === 'above' ? 'above' : 'exact',
    };
  }
  return peak;
}

/** Seconds from the step down to the first of three windows in a row that are as before the surge. */
function recoveryOf(
  windows: readonly Window[],
  band: Band,
  stepDownMs: number,
  untilMs: number,
): Pick<PhaseMetric, 'value' | 'bound'> {
  const isCalm = ({ p95Ms, level, point }: Window): boolean =>
    (p95Ms === null ? point.failed === 0 : p95Ms <= band.p95Ms) && level <= band.level;
  let calm = 0;
  for (const [index, window] of windows.entries()) {
    calm = isCalm(window) ? calm + 1 : 0;
    if (calm === CALM_WINDOWS)
      return { value: (windows[index - CALM_WINDOWS + 1]!.fromMs - stepDownMs) / 1_000, bound: 'exact' };
  }
  return { value: Math.max(0, untilMs - stepDownMs) / 1_000, bound: 'above' };
}

function worstOf(surges: readonly Readonly<Record<string, PhaseMetric>>[]): Record<string, PhaseMetric> {
  const worst: Record<string, PhaseMetric> = {};
  for (const surge of surges) {
    for (const [id, metric] of Object.entries(surge)) {
      const known = worst[id];
      if (known === undefined || isWorse(metric, known)) worst[id] = metric;
    }
  }
  return worst;
}

/** "More than 120 s" is worse than any number; a surge that could not be measured is no result at all. */
function isWorse(metric: PhaseMetric, known: PhaseMetric): boolean {
  if (metric.value === null || known.value === null) return known.value === null;
  if (metric.bound !== known.bound) return metric.bound === 'above';
  return metric.value > known.value;
}

/** Nearest rank. */
function p95Of(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(0.95 * sorted.length) - 1]!;
}
