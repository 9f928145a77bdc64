// The stored history of one deployment in one environment: baselines/<deployment>/<environment>.json.
// Settled for good: what users stored must stay readable. See docs/architecture.md, "The baseline store".

import { z } from 'zod';
import { STAGES } from '../config/schema.ts';
import { type FactDifference, factsSchema } from '../record/schema.ts';

export const BASELINE_VERSION = 1;

const finite = z.number();
/** One boot's value of one metric. */
const storedMetric = z.object({
  value: finite.nullable(),
  bound: z.enum(['exact', 'above', 'below']),
  n: finite,
  rounds: z.array(finite.nullable()),
});
export const storedBootSchema = z.object({
  /** `<run id>#<boot index>`: adding the same boot twice is refused. */
  id: z.string(),
  at: z.string(),
  commit: z.string().nullable(),
  subject: factsSchema,
  /** Who counted the tokens (usage, tokenizer, chunks): counts of different sources are never compared. */
  tokenSource: z.string().nullable().default(null),
  metrics: z.record(z.string(), storedMetric),
});
export type StoredBoot = z.output<typeof storedBootSchema>;

/** A level of performance that was accepted: boots of one segment share a mean, older ones lend their variance. */
export const segmentSchema = z.object({
  id: z.string(),
  since: z.string(),
  commit: z.string().nullable(),
  /** Why the level began: "first baseline", "accepted: …". */
  reason: z.string(),
  /** What this segment pinned for good, so that both sides run the same load: the knee that shares refer to. */
  pinned: z.looseObject({ kneeRate: finite.positive().nullable() }),
  /** Oldest first; only the newest segment gives the baseline's mean. */
  boots: z.array(storedBootSchema),
  /** One merged histogram per metric, for charts only. */
  histograms: z.record(z.string(), z.string()),
  /** The last linear curve and surge timeline, for charts only. */
  curve: z.unknown().nullable(),
  surge: z.unknown().nullable(),
});
export type Segment = z.output<typeof segmentSchema>;

/** Variance learnt from boots that are no longer listed: pruned ones and A/A boots. Sum of squares and its df. */
export const ledgerEntrySchema = z.object({
  rounds: z.number().int().nonnegative(),
  ss: finite.nonnegative(),
  df: finite.nonnegative(),
});
export type LedgerEntry = z.output<typeof ledgerEntrySchema>;

/** What stays of a boot that was pruned: enough to see trends and change points, and to refuse it a second time. */
export const trailEntrySchema = z.object({
  id: z.string(),
  at: z.string(),
  commit: z.string().nullable(),
  segment: z.string(),
  /** Boot values of the compared metrics, in the metric's unit; censored ones are left out. */
  values: z.record(z.string(), finite),
});
export type TrailEntry = z.output<typeof trailEntrySchema>;
export const historySchema = z.object({
  /** Comparability key of the stage's workload, and the facts behind it. */
  key: z.string(),
  workload: factsSchema,
  segments: z.array(segmentSchema),
  /** By metric id with statistic. Values in log units or the metric's unit, as the metric is compared. */
  ledger: z.record(z.string(), ledgerEntrySchema),
  /** Pruned boots, oldest first. */
  trail: z.array(trailEntrySchema).optional(),
});
export type History = z.output<typeof historySchema>;

export const baselineFileSchema = z.object({
  schema: z.literal('plimsoll/baseline'),
  version: z.literal(BASELINE_VERSION),
  deployment: z.string(),
  environment: factsSchema,
  /** How many boots of the newest segment are kept. */
  keep: z.number().int().positive(),
  /** Newest workload last; older ones stay so that going back to an old stage finds its history. */
  stages: z.partialRecord(z.enum(STAGES), z.array(historySchema)),
});
export type BaselineFile = z.output<typeof baselineFileSchema>;

/** What a search of the store gives. `incomparable` names the fields that differ from the nearest file. */
export type BaselineLookup =
  | { readonly kind: 'found'; readonly path: string; readonly file: BaselineFile }
  | { readonly kind: 'none'; readonly reason: string }
  | { readonly kind: 'incomparable'; readonly path: string; readonly differences: readonly FactDifference[] };
