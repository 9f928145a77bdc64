// The section `workload`: what is sent. Lengths are distributions in tokens.

import { z } from 'zod';
import { inOrder, OUT_OF_ORDER, positiveDurationMs, positiveInteger, show, wholeNumber } from './fields.ts';

const bounds = { min: positiveInteger.default(1), max: positiveInteger };
const minBelowMax = ({ min, max }: { min: number; max: number }): boolean => min <= max;
const MIN_ABOVE_MAX = { message: '"min" must not be above "max"', path: ['min'] };
const constant = { constant: positiveInteger };
const uniform = { uniform: z.tuple([positiveInteger, positiveInteger]).refine(inOrder, OUT_OF_ORDER) };
const normal = {
  normal: z
    .strictObject({ mean: z.number().positive(), sd: z.number().nonnegative(), ...bounds })
    .refine(minBelowMax, MIN_ABOVE_MAX),
};
const lognormal = {
  lognormal: z
    .strictObject({ median: z.number().positive(), sigma: z.number().nonnegative(), ...bounds })
    .refine(minBelowMax, MIN_ABOVE_MAX),
};

const LENGTH_FORMS =
  '{constant: 128}, {uniform: [32, 256]}, {normal: {mean: 200, sd: 50, max: 400}} or {lognormal: {median: 200, sigma: 0.5, max: 2000}}';
const weight = { weight: z.number().positive() };
const weighted = z.union(
  [
    z.strictObject({ ...weight, ...constant }),
    z.strictObject({ ...weight, ...uniform }),
    z.strictObject({ ...weight, ...normal }),
    z.strictObject({ ...weight, ...lognormal }),
  ],
  { error: ({ input }) => `${show(input)} is not a part of a mix; write a "weight" and one of ${LENGTH_FORMS}` },
);
const mix = { mix: z.array(weighted).min(1) };
const notALength = ({ input }: { input?: unknown }): string =>
  `${show(input)} is not a distribution of lengths; write one of ${LENGTH_FORMS}, or {mix: [{weight: 1, …}, …]}`;

/** A distribution of lengths in tokens. */
export const lengthSchema = z.union(
  [
    z.strictObject(constant),
    z.strictObject(uniform),
    z.strictObject(normal),
    z.strictObject(lognormal),
    z.strictObject(mix),
  ],
  { error: notALength },
);
export type LengthDistribution = z.output<typeof lengthSchema>;

const ignoreEos = {
  ignoreEos: z.boolean().default(true).describe('Ask engines that can to go on to the length drawn.'),
};
const outputSchema = z.union(
  [
    z.strictObject({ ...constant, ...ignoreEos }),
    z.strictObject({ ...uniform, ...ignoreEos }),
    z.strictObject({ ...normal, ...ignoreEos }),
    z.strictObject({ ...lognormal, ...ignoreEos }),
    z.strictObject({ ...mix, ...ignoreEos }),
  ],
  { error: notALength },
);

export const LANGUAGES = ['en', 'zh', 'es', 'fr', 'de', 'ja', 'ru', 'ar', 'hi', 'pt', 'code'] as const;

const syntheticPrompts = z.strictObject({
  kind: z.literal('synthetic'),
  languages: z.array(z.enum(LANGUAGES)).min(1).default(['en']).describe('Drawn with equal chance.'),
  tokens: lengthSchema.default({ uniform: [64, 512] }).describe('Length of a prompt in tokens, approximately.'),
  calibrate: z
    .boolean()
    .default(false)
    .describe('Lengths are tokens of the engine: the text for one is measured once, and pinned with the baseline.'),
  sharedPrefix: z
    .strictObject({
      groups: positiveInteger.describe('Requests take turns in so many groups, each with an opening text of its own.'),
      tokens: positiveInteger.describe('Length of the opening text; `prompts.tokens` come on top.'),
      turns: positiveInteger
        .max(100)
        .default(1)
        .describe('So many requests of a group make a conversation: each repeats the text of those before it.'),
    })
    .optional()
    .describe(
      'Text that prompts have in common, so that a prefix cache can help: `{groups: 8, tokens: 512, turns: 3}`. Default: none.',
    ),
});
const jsonlPrompts = z.strictObject({
  kind: z.literal('jsonl'),
  file: z
    .string()
    .describe(
      'Lines of {"prompt": …} or {"messages": […]}, optionally with "max_tokens"; relative to the configuration.',
    ),
});
const shareGptPrompts = z.strictObject({
  kind: z.literal('sharegpt'),
  file: z
    .string()
    .describe(
      'A list of {"conversations": [{"from", "value"}]}: the first question, with the length of its answer; relative to the configuration.',
    ),
});

const temperatureValue = z.number().min(0).max(2);
const temperaturePair = z.tuple([temperatureValue, temperatureValue]);

/** Body fields that other settings own: sending them past those would make records untrue. */
const OWNED_FIELDS: Readonly<Record<string, string>> = {
  model: 'workload.model',
  messages: 'workload.prompts',
  prompt: 'workload.prompts',
  input: 'workload.prompts',
  max_tokens: 'workload.output',
  max_completion_tokens: 'workload.output',
  max_output_tokens: 'workload.output',
  min_tokens: 'workload.output',
  ignore_eos: 'workload.output.ignoreEos',
  temperature: 'workload.temperature',
  stream: 'workload.stream',
  stream_options: 'workload.stream',
};

export const workloadSchema = z
  .strictObject({
    api: z
      .enum(['chat', 'completions', 'responses'])
      .default('chat')
      .describe('/v1/chat/completions, /v1/completions or /v1/responses.'),
    stream: z.boolean().default(true).describe('Without streaming there is no TTFT, TPOT or ICL.'),
    model: z.string().min(1).describe('The name the server knows the model by.'),
    seed: wholeNumber.default(1).describe('Same seed, same requests at the same times.'),
    prompts: z
      .discriminatedUnion('kind', [syntheticPrompts, jsonlPrompts, shareGptPrompts])
      .prefault({ kind: 'synthetic' }),
    output: outputSchema.default({ uniform: [32, 256], ignoreEos: true }).describe('Length of an answer in tokens.'),
    temperature: z
      .union(
        [
          temperatureValue,
          z.strictObject({ uniform: temperaturePair.refine(inOrder, OUT_OF_ORDER) }),
          z.strictObject({ gradient: temperaturePair }),
        ],
        {
          error: ({ input }) =>
            `${show(input)} is not a temperature; write a number from 0 to 2, {uniform: [0, 1]}, or {gradient: [0.1, 1]} from the start of a phase to its end`,
        },
      )
      .default(0),
    body: z
      .record(z.string(), z.json())
      .default({})
      .superRefine((body, context) => {
        for (const [field, owner] of Object.entries(OWNED_FIELDS)) {
          if (Object.hasOwn(body, field))
            context.addIssue({ code: 'custom', path: [field], message: `cannot be sent from here; use ${owner}` });
        }
      })
      .describe('Further body fields, sent as they are.'),
    requestTimeout: positiveDurationMs.prefault('2m').describe('A request that takes longer ends as `timeout`.'),
    stallTimeout: positiveDurationMs.prefault('30s').describe('No byte for this long ends a request as `stalled`.'),
  })
  .describe('What is sent.');
