// The shape of plimsoll.yml. In: what YAML parsed to. Out: the Config that every other room reads, with units
// in names. Defaults stand here, beside the field they belong to; presets and cross-field rules in load.ts.

import { z } from 'zod';
import { parseDurationMs, parseRatePerSecond, parseShare } from './units.ts';

const durationMs = z
  .string()
  .meta({ examples: ['500ms', '90s', '15m'], pattern: '^[0-9]+(\\.[0-9]+)?\\s*(us|ms|s|m|h)$' })
  .transform((text, context) => {
    const value = parseDurationMs(text);
    if (value === undefined) context.addIssue(`"${text}" is not a duration; write a number with us, ms, s, m or h, such as "500ms"`);
    return value ?? 0;
  });

/** A load: an absolute rate, or a share of the stored baseline's knee that is resolved and pinned per segment. */
export type Rate = { readonly perSecond: number } | { readonly shareOfKnee: number };

const rate = z
  .string()
  .meta({ examples: ['8/s', '120/min', '60%'] })
  .transform((text, context): Rate => {
    const perSecond = parseRatePerSecond(text);
    if (perSecond !== undefined && perSecond > 0) return { perSecond };
    const share = parseShare(text);
    if (share !== undefined && share > 0) return { shareOfKnee: share };
    context.addIssue(`"${text}" is not a load; write a rate above 0 such as "8/s" or "120/min", or a share of the baseline's knee such as "60%"`);
    return { perSecond: 1 };
  });

const wholeNumber = z.number().int().nonnegative();
const positiveInteger = z.number().int().positive();
const textMap = z.record(z.string(), z.string());

// ---- deployment ---------------------------------------------------------------------------------------

export const ENGINES = ['vllm', 'sglang', 'tgi', 'trtllm', 'llamacpp', 'ollama', 'sim', 'openai'] as const;

export const deploymentSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/i, 'use letters, digits, ".", "_" and "-", at most 63 characters: it names a folder of the baseline store'),
  kind: z.enum(['process', 'container', 'compose', 'kubernetes', 'external']).default('process'),
  /** Run once before the first boot; without a shell unless `shell` says so. */
  build: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  command: z.array(z.string()).min(1).optional(),
  shell: z.boolean().default(false),
  cwd: z.string().optional(),
  env: textMap.default({}),
  url: z.url(),
  headers: textMap.default({}),
  /** PEM file of a certificate authority to trust for `url`. */
  ca: z.string().optional(),
  ready: z.strictObject({
    path: z.string().startsWith('/').default('/health'),
    timeout: durationMs.default(900_000),
    interval: durationMs.default(250),
  }).prefault({}),
  /** How long the deployment may take to end after SIGTERM, before SIGKILL. */
  stopTimeout: durationMs.default(15_000),
  engine: z.enum(ENGINES).default('openai'),
  /** Where the engine's Prometheus metrics are; a path on `url`, or a whole URL. Default by engine. */
  metrics: z.string().optional(),
  /** What the report should say about the subject beyond what Plimsoll finds out: image, revision, quantisation. */
  subject: textMap.default({}),
  /** A label for the machine class, part of the environment: boots on other classes are never compared. */
  runnerClass: z.string().optional(),
});

// ---- workload -----------------------------------------------------------------------------------------

const simpleLength = [
  z.strictObject({ constant: positiveInteger }),
  z.strictObject({ uniform: z.tuple([positiveInteger, positiveInteger]) }),
  z.strictObject({ normal: z.strictObject({ mean: z.number().positive(), sd: z.number().nonnegative(), min: positiveInteger.default(1), max: positiveInteger }) }),
  z.strictObject({ lognormal: z.strictObject({ median: z.number().positive(), sigma: z.number().nonnegative(), min: positiveInteger.default(1), max: positiveInteger }) }),
] as const;
const weighted = z.union([
  z.strictObject({ weight: z.number().positive(), constant: positiveInteger }),
  z.strictObject({ weight: z.number().positive(), uniform: z.tuple([positiveInteger, positiveInteger]) }),
  z.strictObject({ weight: z.number().positive(), normal: z.strictObject({ mean: z.number().positive(), sd: z.number().nonnegative(), min: positiveInteger.default(1), max: positiveInteger }) }),
  z.strictObject({ weight: z.number().positive(), lognormal: z.strictObject({ median: z.number().positive(), sigma: z.number().nonnegative(), min: positiveInteger.default(1), max: positiveInteger }) }),
]);
/** A distribution of lengths in tokens. */
export const lengthSchema = z.union([...simpleLength, z.strictObject({ mix: z.array(weighted).min(1) })]);
export type LengthDistribution = z.output<typeof lengthSchema>;

export const LANGUAGES = ['en', 'zh', 'es', 'fr', 'de', 'ja', 'ru', 'ar', 'hi', 'pt', 'code'] as const;

const syntheticPrompts = z.strictObject({
  kind: z.literal('synthetic'),
  languages: z.array(z.enum(LANGUAGES)).min(1).default(['en']),
  tokens: lengthSchema.default({ uniform: [64, 512] }),
});
const jsonlPrompts = z.strictObject({
  kind: z.literal('jsonl'),
  /** Lines of {"prompt": …} or {"messages": […]}, optionally with "max_tokens"; relative to the configuration. */
  file: z.string(),
});

export const workloadSchema = z.strictObject({
  api: z.enum(['chat', 'completions']).default('chat'),
  stream: z.boolean().default(true),
  model: z.string(),
  seed: wholeNumber.default(1),
  prompts: z.discriminatedUnion('kind', [syntheticPrompts, jsonlPrompts]).prefault({ kind: 'synthetic' }),
  output: z.union([
    z.strictObject({ constant: positiveInteger, ignoreEos: z.boolean().default(true) }),
    z.strictObject({ uniform: z.tuple([positiveInteger, positiveInteger]), ignoreEos: z.boolean().default(true) }),
    z.strictObject({ normal: z.strictObject({ mean: z.number().positive(), sd: z.number().nonnegative(), min: positiveInteger.default(1), max: positiveInteger }), ignoreEos: z.boolean().default(true) }),
    z.strictObject({ lognormal: z.strictObject({ median: z.number().positive(), sigma: z.number().nonnegative(), min: positiveInteger.default(1), max: positiveInteger }), ignoreEos: z.boolean().default(true) }),
    z.strictObject({ mix: z.array(weighted).min(1), ignoreEos: z.boolean().default(true) }),
  ]).default({ uniform: [32, 256], ignoreEos: true }),
  temperature: z.union([
    z.number().min(0).max(2),
    z.strictObject({ uniform: z.tuple([z.number().min(0).max(2), z.number().min(0).max(2)]) }),
    /** From the first value at the start of a phase to the second at its end. */
    z.strictObject({ gradient: z.tuple([z.number().min(0).max(2), z.number().min(0).max(2)]) }),
  ]).default(0),
  /** Further body fields, sent as they are. */
  body: z.record(z.string(), z.json()).default({}),
  requestTimeout: durationMs.default(120_000),
  /** No byte for this long ends a request as `stalled`. */
  stallTimeout: durationMs.default(30_000),
});

// ---- stages -------------------------------------------------------------------------------------------

const think = z.union([
  durationMs.transform((ms) => ({ constantMs: ms })),
  z.strictObject({ between: z.tuple([durationMs, durationMs]) }).transform(({ between: [fromMs, toMs] }) => ({ fromMs, toMs })),
  z.strictObject({ exponential: durationMs }).transform(({ exponential }) => ({ meanMs: exponential })),
]);
/** Pause of a closed-loop user between an answer and its next request. */
export type ThinkTime = z.output<typeof think>;

const arrivals = z.enum(['poisson', 'constant']).default('poisson');

export const benchmarkSchema = z.strictObject({
  rate: rate.optional(),
  users: positiveInteger.optional(),
  think: think.default({ constantMs: 0 }),
  arrivals,
  rounds: positiveInteger.max(50).default(5),
  duration: durationMs.default(90_000).describe('Length of all rounds together, without the ramp-in.'),
  rampIn: durationMs.optional().describe('Load before the first round that is not counted; default: a tenth of the duration, at least 2s.'),
  drain: durationMs.default(60_000),
});
export const linearSchema = z.strictObject({
  from: rate,
  to: rate,
  steps: z.number().int().min(2).max(100).default(10),
  hold: durationMs.default(60_000),
  arrivals,
  /** Ends the ramp once this share of a step's requests missed the SLO or failed. */
  stopWhen: z.strictObject({ missed: z.number().gt(0).lte(1).default(0.9), failed: z.number().gt(0).lte(1).default(0.5) }).prefault({}),
  drain: durationMs.default(60_000),
});
export const stepSurgeSchema = z.strictObject({
  base: rate,
  surges: z.array(rate).min(1),
  hold: durationMs.default(60_000),
  recover: durationMs.default(120_000),
  arrivals,
  drain: durationMs.default(60_000),
});
export const stagesSchema = z.strictObject({
  benchmark: benchmarkSchema.optional(),
  linear: linearSchema.optional(),
  'step-surge': stepSurgeSchema.optional(),
});
/** In the order in which they run. */
export const STAGES = ['benchmark', 'linear', 'step-surge'] as const;
export type StageName = (typeof STAGES)[number];

// ---- policy -------------------------------------------------------------------------------------------

export const FAIL_ON = ['breach', 'regression', 'tolerated', 'suspected', 'inconclusive', 'unbaselined'] as const;

/** One side of an SLA rule as written; load.ts turns it into a Condition with the metric's unit. */
const conditionText = z.string().meta({ examples: ['< 500ms', '> 20/s', '<= 85%', '< 5'] });

export interface Condition {
  readonly op: '<' | '<=' | '>' | '>=';
  /** In the metric's own unit. */
  readonly limit: number;
  readonly text: string;
}

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  deployment: deploymentSchema,
  workload: workloadSchema,
  slo: z.strictObject({ ttft: durationMs.optional(), tpot: durationMs.optional(), e2e: durationMs.optional() }).default({}),
  preset: z.enum(['functional', 'tuning', 'extreme']).optional(),
  stages: stagesSchema.default({}),
  sla: z.array(z.strictObject({
    metric: z.string(),
    stage: z.enum(STAGES).optional(),
    /** Must hold to be "gold"; without `tolerance` it is also the limit. */
    gold: conditionText,
    tolerance: conditionText.optional(),
  })).default([]),
  comparison: z.strictObject({
    against: z.enum(['stored', 'interleaved']).default('stored'),
    gates: z.array(z.string()).max(8).optional(),
    maxBoots: z.number().int().min(1).max(9).default(3),
    budget: durationMs.default(45 * 60_000),
    onMissingBaseline: z.enum(['warn', 'fail', 'interleaved']).default('warn'),
    /** By metric id or metric@stage: replaces the table's minimum effect. */
    minimumEffects: z.record(z.string(), z.number().positive()).default({}),
  }).prefault({}),
  failOn: z.array(z.enum(FAIL_ON)).default(['breach', 'regression']),
  price: z.strictObject({ gpuHour: z.number().positive(), gpus: positiveInteger.default(1), currency: z.string().default('USD') }).optional(),
  client: z.strictObject({
    workers: positiveInteger.max(64).default(1),
    maxInFlight: positiveInteger.default(10_000),
    /** Limits of the client's own health; past them a phase is invalid. */
    dispatchDelayP99: durationMs.default(5),
    dispatchDelayShareOfTtft: z.number().positive().default(0.05),
    achievedShare: z.number().gt(0).lte(1).default(0.99),
    eventLoopDelayP99: durationMs.default(10),
  }).prefault({}),
  monitor: z.strictObject({
    interval: durationMs.default(1_000),
    nvidiaSmi: z.boolean().default(true),
  }).prefault({}),
  strict: z.boolean().default(false),
  lock: z.strictObject({ wait: durationMs.default(3_600_000) }).prefault({}),
});

export type DeploymentConfig = z.output<typeof deploymentSchema>;
export type WorkloadConfig = z.output<typeof workloadSchema>;
export type BenchmarkConfig = z.output<typeof benchmarkSchema>;
export type LinearConfig = z.output<typeof linearSchema>;
export type StepSurgeConfig = z.output<typeof stepSurgeSchema>;

/** A gate: a metric of one stage whose regression climbs the ladder first. Written `ttft.p95@benchmark`. */
export interface Gate {
  readonly metric: string;
  readonly stage: StageName;
}
export interface SlaRule {
  readonly metric: string;
  readonly stage: StageName;
  readonly gold: Condition;
  readonly tolerance: Condition;
  /** 1-based line of the rule in its file, for annotations; null where it did not come from a file. */
  readonly line: number | null;
}
/** Per-request targets in ms; undefined = not set. */
export interface Slo {
  readonly ttftMs?: number | undefined;
  readonly tpotMs?: number | undefined;
  readonly e2eMs?: number | undefined;
}
type Parsed = z.output<typeof configSchema>;
/** A configuration, checked and complete. `${ENV}` values are in place; `secrets` lists them for masking. */
export interface Config {
  readonly file: string | null;
  readonly deployment: DeploymentConfig;
  readonly workload: WorkloadConfig;
  readonly slo: Slo;
  readonly stages: Parsed['stages'];
  readonly sla: readonly SlaRule[];
  readonly comparison: Omit<Parsed['comparison'], 'gates'> & { readonly gates: readonly Gate[] };
  readonly failOn: Parsed['failOn'];
  readonly price: Parsed['price'];
  readonly client: Parsed['client'];
  readonly monitor: Parsed['monitor'];
  readonly strict: boolean;
  readonly lock: Parsed['lock'];
  /** Values that came from the environment: masked in all output, never recorded. */
  readonly secrets: readonly string[];
  /** Names of the environment variables that were substituted. */
  readonly secretNames: readonly string[];
}
