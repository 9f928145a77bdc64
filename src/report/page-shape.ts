// The shape of what the page's script gets, and the constants that both sides go by. Types and numbers only: the
// script's bundle holds nothing of how the data came about.

import type { StageName } from '../config/schema.ts';
import type { Outcome } from '../load/timeline.ts';
import type { Unit } from '../metrics.ts';
import type { CurvePoint, HistogramSet, SurgePoint } from '../stages/measurement.ts';
import type { Pair } from './series.ts';

export interface PageData {
  readonly nowLabel: string;
  readonly stages: readonly StagePage[];
  /** Why requests are missing; null = all were read. */
  readonly problem: string | null;
}

export interface StagePage {
  readonly stage: StageName;
  readonly curve: Pair<CurvePoint> | null;
  readonly loadLine: { readonly now: number | null; readonly baseline: number | null } | null;
  readonly cliffs: readonly { readonly from: number; readonly to: number; readonly text: string }[];
  readonly surge: Pair<SurgePoint> | null;
  readonly distributions: readonly Distribution[];
  readonly histories: readonly MetricHistory[];
  readonly boots: readonly BootPage[];
}

export interface Distribution {
  readonly latency: keyof HistogramSet;
  /** Pairs of percentile and ms. */
  readonly now: readonly (readonly [number, number])[];
  readonly baseline: readonly (readonly [number, number])[] | null;
}

/** One metric over the boots of the baseline, oldest first, and of this run. */
export interface MetricHistory {
  readonly metric: string;
  readonly label: string;
  readonly unit: Unit;
  readonly segments: readonly { readonly id: string; readonly since: string; readonly reason: string }[];
  readonly points: readonly HistoryPoint[];
}
export interface HistoryPoint {
  /** Index into segments; null = this run. */
  readonly segment: number | null;
  readonly at: string;
  readonly commit: string | null;
  readonly value: number;
  readonly bound: 'exact' | 'above' | 'below';
}

export interface BootPage {
  readonly boot: number;
  readonly isBase: boolean;
  readonly phases: readonly { readonly name: string; readonly startMs: number; readonly endMs: number }[];
  readonly requests: number;
  readonly failed: number;
  readonly bucketMs: number;
  readonly overTime: Readonly<Record<DigestLatency, LatencyOverTime>>;
  readonly signals: readonly (Signal & { readonly label: string; readonly unit: Unit })[];
  readonly rows: readonly KeptRow[];
}

/** Latencies that every request has one of. */
export const DIGEST_LATENCIES = ['ttft', 'tpot', 'e2e'] as const;
export type DigestLatency = (typeof DIGEST_LATENCIES)[number];

export interface LatencyOverTime {
  /** By bucket of time, within 1.2 % of the true quantile; null = nothing to measure. */
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  /** Triples of bucket of time, latency step (see stepMs) and how many requests fell there. */
  readonly cells: readonly number[];
}

/** One monitored metric by bucket of time; null = no reading. */
export interface Signal {
  readonly metric: string;
  readonly mean: readonly (number | null)[];
  readonly max: readonly (number | null)[];
}

export interface KeptRow {
  readonly request: number;
  readonly phase: string;
  /** Sum of KEPT. */
  readonly kept: number;
  readonly startMs: number;
  /** From here on ms since startMs; null = that moment never came. */
  readonly sentMs: number;
  readonly headersMs: number | null;
  readonly firstTokenMs: number | null;
  readonly lastTokenMs: number | null;
  readonly endMs: number;
  readonly outcome: Outcome;
  readonly error: string | null;
  readonly promptTokens: number | null;
  readonly outputTokens: number | null;
  readonly tpotMs: number | null;
}

/** Why a request was kept; several may hold. */
export const KEPT = { ttft: 1, tpot: 2, e2e: 4, failed: 8, sample: 16 } as const;

/** Latency steps of the heat map: step 0 begins at 1 µs. */
export const STEPS_PER_DECADE = 10;
export const stepMs = (step: number): number => 10 ** (step / STEPS_PER_DECADE) / 1_000;
