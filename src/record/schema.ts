// RunRecord: everything that was measured in one run, stored as run.json. Judging and reporting read it from
// the file; nothing of the configuration but what identifies the comparison is in it, and no secret ever.

import { z } from 'zod';
import { STAGES } from '../config/schema.ts';
import { INVALID_CODES, type StageMeasurement } from '../stages/measurement.ts';

/** Version of what the numbers mean. Raised when a metric's definition changes: older history stops matching. */
export const METHOD_VERSION = 1;
export const RUN_VERSION = 1;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
/** Flat facts, compared field by field so that a mismatch can be named. */
export const factsSchema = z.record(z.string(), scalar);
export type Facts = z.output<typeof factsSchema>;

/** One field in which two sets of facts part, as people read it. */
export interface FactDifference {
  readonly field: string;
  readonly baseline: string;
  readonly candidate: string;
}

const bound = z.enum(['exact', 'above', 'below']);
const finite = z.number();
/** What goodput counts: `ttftMs`, `tpotMs`, `e2eMs` of a request, null = no such limit. null as a whole = not known. */
export const sloSchema = z.record(z.string(), finite.nullable()).nullable().default(null);
const metricValue = z.object({
  value: finite.nullable(),
  bound,
  n: z.number(),
  thin: z.boolean(),
  rounds: z.array(finite.nullable()),
  roundBounds: z.array(bound).optional(),
  interval: z.tuple([finite, finite]).optional(),
  spacing: finite.positive().optional(),
  note: z.string().nullable(),
});
const invalidity = z.object({
  code: z.enum(INVALID_CODES),
  message: z.string(),
  advice: z.string(),
  phase: z.string().nullable(),
});
const peakUse = z.object({ peak: finite, limit: finite.nullable() });
const phase = z.object({
  name: z.string(),
  kind: z.enum(['rampIn', 'round', 'step', 'base', 'surge', 'recover']),
  startMs: finite,
  endMs: finite,
  offeredRate: finite.nullable(),
  users: finite.nullable(),
  planned: finite,
  sent: finite,
  dropped: finite,
  outcomes: z.record(z.string(), finite),
  metrics: z.record(z.string(), z.object({ value: finite.nullable(), bound, n: finite })),
  client: z.object({
    dispatchDelayMs: z.object({ p50: finite, p99: finite, max: finite }).nullable(),
    eventLoopDelayP99Ms: finite.nullable(),
    cpuShare: z.array(finite),
    retries: finite.optional(),
    sockets: peakUse.optional(),
    openFiles: peakUse.optional(),
  }),
  replacedBy: z.string().optional(),
  invalid: z.array(invalidity),
});
export const stageMeasurementSchema = z.object({
  stage: z.enum(STAGES),
  status: z.enum(['complete', 'stopped', 'aborted', 'cancelled']),
  reason: z.string().nullable(),
  durationMs: finite,
  invalid: z.array(invalidity),
  phases: z.array(phase),
  metrics: z.record(z.string(), metricValue),
  histograms: z.object({ ttft: z.string(), tpot: z.string(), icl: z.string(), e2e: z.string() }).partial(),
  curve: z
    .array(
      z.object({
        phase: z.string(),
        offeredRate: finite,
        achievedRate: finite,
        goodputShare: finite,
        ttftP50Ms: finite.nullable(),
        ttftP95Ms: finite.nullable(),
        tpotP50Ms: finite.nullable(),
        tpotP95Ms: finite.nullable(),
        e2eP95Ms: finite.nullable(),
        tokensPerSecond: finite,
        errorRate: finite,
        inFlightMean: finite,
        backlogGrowing: z.boolean(),
        held: z.boolean(),
      }),
    )
    .nullable(),
  cliffs: z.array(z.object({ betweenRates: z.tuple([finite, finite]), what: z.string(), why: z.string().nullable() })),
  surge: z
    .array(
      z.object({
        tMs: finite,
        offeredRate: finite,
        achievedRate: finite,
        ttftP95Ms: finite.nullable(),
        inFlight: finite,
        failed: finite,
      }),
    )
    .nullable(),
  stream: z.object({
    coalescedShare: finite.nullable(),
    tokensPerChunk: finite.nullable(),
    tokenSource: z.string().nullable(),
  }),
  unmeasured: z.array(z.object({ metric: z.string(), reason: z.string() })),
});

export const bootSchema = z.object({
  /** 1-based, in order of booting. */
  index: z.number().int().positive(),
  side: z.enum(['candidate', 'base']),
  startedAt: z.string(),
  /** Spawn → ready; null for an external deployment. */
  bootMs: finite.nullable(),
  /** complete; died: ended during a stage; cancelled; not_ready: never answered. */
  end: z.enum(['complete', 'died', 'cancelled', 'not_ready']),
  reason: z.string().nullable(),
  /** What may differ between boots of one run, beside the run's own subject. */
  subject: factsSchema.default({}),
  /** Interleaved: boots of one number were run beside each other. */
  pair: z.number().int().nullable().default(null),
  stages: z.array(stageMeasurementSchema),
});
export type BootRecord = z.output<typeof bootSchema>;

const workloadRecord = z.object({
  key: z.string(),
  facts: factsSchema,
  /** Calibrated prompts: units of text that were sent for one token, by language. */
  unitsPerToken: z.record(z.string(), finite.positive()).optional(),
});

const interleavedRecord = z.object({
  /** As it was named, such as a branch; null where there was none to name. */
  ref: z.string().nullable(),
  commit: z.string().nullable(),
  /** Of the order in which the two sides of each pair were booted. */
  seed: z.number().int().nonnegative(),
  /** Why the base could not be booted at all, as a clause; null = it could be tried. */
  problem: z.string().nullable(),
});
export type InterleavedRecord = z.output<typeof interleavedRecord>;

export const runRecordSchema = z.object({
  schema: z.literal('plimsoll/run'),
  version: z.literal(RUN_VERSION),
  id: z.string(),
  /** Tells matrix legs apart; empty for the only one. */
  name: z.string(),
  createdAt: z.string(),
  plimsoll: z.string(),
  mode: z.enum(['gate', 'baseline', 'measure']),
  status: z.enum(['complete', 'incomplete']),
  statusReason: z.string().nullable(),
  deployment: z.string(),
  /** Must match for a comparison. */
  environment: factsSchema,
  /** Must match for a comparison, stage by stage: resolved loads, lengths, seed, API, token source, …. */
  workloads: z.partialRecord(z.enum(STAGES), workloadRecord),
  /** What may differ, and is shown: commit, engine version, command, image, …. */
  subject: factsSchema,
  /** Boots of a base and of the candidate alternate and are judged as pairs; absent = compared with the store. */
  interleaved: interleavedRecord.optional(),
  /** The SLO that goodput was counted by. */
  slo: sloSchema,
  boots: z.array(bootSchema),
  /** Boots of a run that were started and thrown away (invalid client), with the reason. */
  discarded: z.array(z.object({ index: z.number(), reason: z.string() })),
});
export type RunRecord = z.output<typeof runRecordSchema>;

// The stored shape and the measured shape are one: this line stops compiling when they part.
export const asStored = (measurement: StageMeasurement): z.input<typeof stageMeasurementSchema> =>
  measurement as z.input<typeof stageMeasurementSchema> satisfies StageMeasurement;
