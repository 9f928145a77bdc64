// The shape of plimsoll.yml. In: what YAML parsed to. Out: the Config that every other room reads, with units
// in names. Defaults and rules of one section stand beside their fields (deployment-, workload- and
// stages-schema.ts); presets and rules between sections in load.ts. Descriptions reach editors.

import { z } from 'zod';
import { deploymentSchema } from './deployment-schema.ts';
import { durationMs, positiveDurationMs, positiveInteger } from './fields.ts';
import {
  type benchmarkSchema,
  type linearSchema,
  STAGES,
  type StageName,
  stagesSchema,
  type stepSurgeSchema,
} from './stages-schema.ts';
import { workloadSchema } from './workload-schema.ts';

export { deploymentSchema } from './deployment-schema.ts';
export { ENGINES } from './engines.ts';
export type { Rate } from './fields.ts';
export * from './stages-schema.ts';
export { LANGUAGES, type LengthDistribution, lengthSchema, workloadSchema } from './workload-schema.ts';

export const FAIL_ON = ['breach', 'regression', 'tolerated', 'suspected', 'inconclusive', 'unbaselined'] as const;

/** One side of an SLA rule as written; load.ts turns it into a Condition with the metric's unit. */
const conditionText = z
  .string()
  .meta({ examples: ['< 500ms', '> 20/s', '<= 85%', '< 5', '< baseline + 10%'], pattern: '^\\s*[<>]=?' });

export interface Condition {
  readonly op: '<' | '<=' | '>' | '>=';
  /** In the metric's own unit; with `ofBaseline` what is added to that. */
  readonly limit: number;
  readonly text: string;
  /** Relative to the stored level: the limit is this times the baseline's value, plus `limit`. Absent = absolute. */
  readonly ofBaseline?: number;
}

export const slaRuleSchema = z.strictObject({
  metric: z.string().describe('Such as ttft.p99, saturation.rate or gpu.utilization.mean.'),
  stage: z.enum(STAGES).optional().describe('Default: the only stage that gives the metric, else benchmark.'),
  gold: conditionText.describe('Must hold to be "gold"; without `tolerance` it is also the limit.'),
  tolerance: conditionText.optional().describe('Must hold, or the job fails.'),
});

/** Default of client.maxInFlight. */
export const MOST_IN_FLIGHT = 10_000;

/** The load generator and the limits of its own health, with their defaults. */
export const clientSchema = z.strictObject({
  workers: positiveInteger.max(64).default(1).describe('Threads that send.'),
  maxInFlight: positiveInteger
    .default(MOST_IN_FLIGHT)
    .describe(
      'Protects this machine; a request that finds the cap reached is dropped and counted. Users must fit below it.',
    ),
  dispatchDelayP99: durationMs
    .prefault('5ms')
    .describe('Past it the client was the bottleneck and the phase is invalid.'),
  dispatchDelayShareOfTtft: z.number().positive().default(0.05),
  achievedShare: z.number().gt(0).lte(1).default(0.99),
  eventLoopDelayP99: durationMs.prefault('10ms'),
});

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  deployment: deploymentSchema,
  workload: workloadSchema,
  slo: z
    .strictObject({
      ttft: positiveDurationMs.optional(),
      tpot: positiveDurationMs.optional(),
      e2e: positiveDurationMs.optional(),
    })
    .default({})
    .describe('Per-request targets: what counts as goodput, and where the knee is.'),
  preset: z
    .enum(['functional', 'tuning', 'extreme'])
    .optional()
    .describe(
      'All three stages at 10–100, 100–1,000 or above 1,000 requests/s; fields under `stages` replace the preset’s.',
    ),
  stages: stagesSchema
    .default({})
    .describe('What is run, in this order. Without stages and preset: preset functional.'),
  sla: z.array(slaRuleSchema).default([]).describe('Rules on the run as a whole.'),
  comparison: z
    .strictObject({
      against: z
        .enum(['stored', 'interleaved'])
        .default('stored')
        .describe(
          'stored: the baseline store. interleaved: the base is booted as well, in turn with the candidate on the same machine, and they are compared pair by pair.',
        ),
      gates: z
        .array(z.string())
        .max(8)
        .optional()
        .describe('Metrics whose regression fails the job first, such as ttft.p95@benchmark.'),
      maxBoots: z
        .number()
        .int()
        .min(1)
        .max(9)
        .default(3)
        .describe('Boots (interleaved: pairs of boots) until it is clear.'),
      budget: positiveDurationMs.prefault('45m').describe('Minutes of the machine that all boots may take.'),
      onMissingBaseline: z
        .enum(['warn', 'fail', 'interleaved'])
        .default('warn')
        .describe(
          'What a stage without a comparable baseline does to the outcome: warn, or fail the job. interleaved: where no stage has one, boot the base in turn.',
        ),
      minimumEffects: z
        .record(z.string(), z.number().positive())
        .default({})
        .describe(
          'By metric or metric@stage: the smallest change worth a verdict, a share (0.05 = 5 %), or in the unit of metrics that can be 0.',
        ),
    })
    .prefault({})
    .describe('How the result is compared.'),
  failOn: z.array(z.enum(FAIL_ON)).default(['breach', 'regression']).describe('What fails the job.'),
  price: z
    .strictObject({
      gpuHour: z.number().positive(),
      gpus: positiveInteger.default(1),
      currency: z.string().default('USD'),
    })
    .optional()
    .describe('For the cost of a request and of a million tokens.'),
  client: clientSchema.prefault({}).describe('The load generator and the limits of its own health.'),
  monitor: z
    .strictObject({ interval: positiveDurationMs.prefault('1s'), nvidiaSmi: z.boolean().default(true) })
    .prefault({})
    .describe('Samplers of GPU, engine and host.'),
  strict: z.boolean().default(false).describe('An unfit machine makes the run invalid instead of noted.'),
  lock: z
    .strictObject({ wait: durationMs.prefault('1h') })
    .prefault({})
    .describe('How long to wait for another run on this machine.'),
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
