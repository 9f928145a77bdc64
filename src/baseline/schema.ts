// The stored history of one deployment in one environment: baselines/<deployment>/<environment>.json.
// Settled for good: what users stored must stay readable, and what a later version adds (a field, a stage, a kind of
// ledger entry) passes through this one unharmed. See docs/architecture.md, "The baseline store".

import { z } from 'zod';
import { type FactDifference, factsSchema, sloSchema } from '../record/schema.ts';

export const BASELINE_VERSION = 1;

const finite = z.number();
const bound = z.enum(['exact', 'above', 'below']);
/** One boot's value of one metric. */
const storedMetric = z.looseObject({
  value: finite.nullable(),
  bound,
  n: finite,
  rounds: z.array(finite.nullable()),
  /** Absent = all exact. */
  roundBounds: z.array(bound).optional(),
  /** Distance of the two loads that it was read between; absent = from no grid, or not known. */
  spacing: finite.positive().optional(),
});
export const storedBootSchema = z.looseObject({
  /** `<run id>#<boot index>`: adding the same boot twice is refused. */
  id: z.string(),
  at: z.string(),
  commit: z.string().nullable(),
  subject: factsSchema,
  /** Who counted the tokens (usage, chunks): counts of different sources are never compared. */
  tokenSource: z.string().nullable().default(null),
  /** What goodput was counted by; null = not known. Goodput of different SLOs is never compared. */
  slo: sloSchema,
  metrics: z.record(z.string(), storedMetric),
});
export type StoredBoot = z.output<typeof storedBootSchema>;

/** A level of performance that was accepted: boots of one segment share a mean, older ones lend their variance. */
export const segmentSchema = z.looseObject({
  id: z.string(),
  since: z.string(),
  commit: z.string().nullable(),
  /** Why the level began: "first baseline", "accepted: …". */
  reason: z.string(),
  /** What this segment pinned for good, so that both sides run the same load. */
  pinned: z.looseObject({
    /** The knee that shares refer to. */
    kneeRate: finite.positive().nullable(),
    /** Calibrated prompts: units of text sent for one token, by language. */
    unitsPerToken: z.record(z.string(), finite.positive()).optional(),
  }),
  /** Oldest first; only the newest segment gives the baseline's mean. */
  boots: z.array(storedBootSchema),
  /** One merged histogram per metric, for charts only. */
  histograms: z.record(z.string(), z.string()),
  /** The last linear curve and surge timeline, for charts; the curve also says where failures were on the ramp. */
  curve: z.unknown().nullable(),
  surge: z.unknown().nullable(),
});
export type Segment = z.output<typeof segmentSchema>;

/** Variance learnt from boots that are no longer listed: a sum of squares and its degrees of freedom. */
export const ledgerEntrySchema = z.looseObject({
  /** `boots`: pruned ones; `aa`: boots of one and the same deployment, beside a history; `pairs`: differences of two. */
  kind: z.string(),
  /** The segment whose boots they were; null = of none, or not known. */
  segment: z.string().nullable(),
  rounds: z.number().int().nonnegative(),
  /** Of metrics that are compared at matched loads: the steps, from 1 on, that the values are means over. */
  steps: z.array(z.number().int().positive()).optional(),
  /** Of `aa` and `pairs`: the run whose boots they were, so that it is counted once. */
  run: z.string().optional(),
  ss: finite.nonnegative(),
  df: finite.nonnegative(),
});
export type LedgerEntry = z.output<typeof ledgerEntrySchema>;

/** Until entries had kinds there was one a metric, of pruned boots. */
function asEntries(value: unknown): unknown {
  const isOne = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isOne ? [{ kind: 'boots', segment: null, ...value }] : value;
}

/** What stays of a boot that was pruned: enough to see trends and change points, and to refuse it a second time. */
export const trailEntrySchema = z.looseObject({
  id: z.string(),
  at: z.string(),
  commit: z.string().nullable(),
  segment: z.string(),
  /** Boots' numbers of the compared metrics as the judge summarises rounds, in the metric's unit; without censored ones. */
  values: z.record(z.string(), finite),
});
export const historySchema = z.looseObject({
  /** Comparability key of the stage's workload, and the facts behind it. */
  key: z.string(),
  workload: factsSchema,
  segments: z.array(segmentSchema),
  /** By metric id with statistic. Values in log units or the metric's unit, as the metric is compared. */
  ledger: z.record(z.string(), z.preprocess(asEntries, z.array(ledgerEntrySchema))),
  /** Pruned boots, oldest first. */
  trail: z.array(trailEntrySchema).optional(),
});
export type History = z.output<typeof historySchema>;

export const baselineFileSchema = z.looseObject({
  schema: z.literal('plimsoll/baseline'),
  version: z.literal(BASELINE_VERSION),
  deployment: z.string(),
  environment: factsSchema,
  /** How many boots of the newest segment are kept. */
  keep: z.number().int().positive(),
  /** By name of the stage. Newest workload last; older ones stay so that going back to an old stage finds its history. */
  stages: z.record(z.string(), z.array(historySchema)),
});
export type BaselineFile = z.output<typeof baselineFileSchema>;

/** What a search of the store gives. `incomparable` names the fields that differ from the nearest file. */
export type BaselineLookup =
  | { readonly kind: 'found'; readonly path: string; readonly file: BaselineFile }
  | { readonly kind: 'none'; readonly reason: string }
  | { readonly kind: 'incomparable'; readonly path: string; readonly differences: readonly FactDifference[] };
