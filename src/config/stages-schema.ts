// The section `stages`: loads, their lengths, and what cannot be (a ramp that goes down, users beside a rate).

import { z } from 'zod';
import {
  durationMs,
  inOrder,
  notBelow,
  OUT_OF_ORDER,
  positiveDurationMs,
  positiveInteger,
  rate,
  show,
} from './fields.ts';

const think = z.union(
  [
    durationMs.transform((ms) => ({ constantMs: ms })),
    z
      .strictObject({ between: z.tuple([durationMs, durationMs]).refine(inOrder, OUT_OF_ORDER) })
      .transform(({ between: [fromMs, toMs] }) => ({ fromMs, toMs })),
    z.strictObject({ exponential: durationMs }).transform(({ exponential }) => ({ meanMs: exponential })),
  ],
  {
    error: ({ input }) =>
      `${show(input)} is not a think time; write "1s", {between: ["0.5s", "2s"]} or {exponential: "1s"}`,
  },
);
/** Pause of a closed-loop user between an answer and its next request. */
export type ThinkTime = z.output<typeof think>;

const arrivals = z
  .union(
    [
      z.enum(['poisson', 'constant']),
      z.strictObject({ gamma: z.strictObject({ burstiness: z.number().min(0.01).max(1_000) }) }),
    ],
    {
      error: ({ input }) =>
        `${show(input)} is not an arrival process; write poisson, constant or {gamma: {burstiness: 0.5}} with a number from 0.01 (bursts) to 1000 (even)`,
    },
  )
  .default('poisson')
  .describe('How arrivals spread around the rate.');
/** A renewal process, given its count. Burstiness is the shape of the gamma gaps: 1 = Poisson, larger = more even. */
export type ArrivalProcess = z.output<typeof arrivals>;
const drain = durationMs
  .prefault('60s')
  .describe('How long requests in flight at the end may still take; then they are cut.');

const replay = z.strictObject({
  file: z
    .string()
    .describe(
      'A trace of Mooncake (JSONL), Azure or BurstGPT (CSV): times, lengths of prompts and answers; relative to the configuration.',
    ),
  speedup: z.number().positive().default(1).describe('2 sends the trace in half its time.'),
});
export type Replay = z.output<typeof replay>;

export const benchmarkSchema = z
  .strictObject({
    rate: rate
      .optional()
      .describe('Open loop: arrivals, whatever the answers do. A rate, or a share of the baseline’s knee.'),
    users: positiveInteger
      .optional()
      .describe('Closed loop: so many users who wait for their answer, think, and ask again.'),
    replay: replay.optional().describe('Open loop: the requests of a trace, at their times.'),
    think: think.prefault('0s').describe('Pause of a user between an answer and the next request.'),
    arrivals,
    rounds: positiveInteger
      .max(50)
      .default(5)
      .describe('Parts that the load is cut into; their spread is the noise inside a boot.'),
    duration: positiveDurationMs.prefault('90s').describe('Length of all rounds together, without the ramp-in.'),
    rampIn: durationMs
      .optional()
      .describe('Load before the first round that is not counted; default: a tenth of the duration, at least 2s.'),
    drain,
  })
  .superRefine((stage, context) => {
    if (stage.rate === undefined && stage.users === undefined && stage.replay === undefined) {
      context.addIssue(
        'needs a load; write "rate" (open loop, such as "8/s"), "users" (closed loop) or "replay" (a trace)',
      );
    }
    if (stage.rate !== undefined && stage.users !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['users'],
        message: 'cannot stand beside "rate": arrivals are open loop, users closed loop; keep one',
      });
    }
    if (stage.replay !== undefined && (stage.rate !== undefined || stage.users !== undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['replay'],
        message: `cannot stand beside "${stage.rate === undefined ? 'users' : 'rate'}": a trace has its own times; keep one`,
      });
    }
    if (stage.users === undefined && !('constantMs' in stage.think && stage.think.constantMs === 0)) {
      context.addIssue({
        code: 'custom',
        path: ['think'],
        message: 'needs "users": arrivals at a rate do not wait for answers',
      });
    }
  })
  .describe('One continuous load at one level, in rounds.');
export const linearSchema = z
  .strictObject({
    from: rate,
    to: rate,
    steps: z.number().int().min(2).max(100).default(10).describe('Held levels, `from` and `to` included.'),
    hold: positiveDurationMs
      .prefault('60s')
      .describe('Length of a step; at least five times its p95 end-to-end latency.'),
    arrivals,
    stopWhen: z
      .strictObject({ missed: z.number().gt(0).lte(1).default(0.9), failed: z.number().gt(0).lte(1).default(0.5) })
      .prefault({})
      .describe('Ends the ramp once this share of a step’s requests missed the SLO or failed.'),
    drain,
  })
  .superRefine(({ from, to }, context) => {
    if (notBelow(from, to))
      context.addIssue({ code: 'custom', path: ['to'], message: 'must be above "from": the ramp goes up' });
  })
  .describe('Held steps from low to high load: the load curve, its knee and its cliffs.');
export const stepSurgeSchema = z
  .strictObject({
    base: rate,
    surges: z.array(rate).min(1).describe('Heights; each surge is followed by the base load again.'),
    hold: positiveDurationMs.prefault('60s').describe('Length of the first base and of each surge.'),
    recover: positiveDurationMs.prefault('2m').describe('Base load after each surge.'),
    arrivals,
    drain,
  })
  .superRefine(({ base, surges }, context) => {
    for (const [index, surge] of surges.entries()) {
      if (notBelow(base, surge))
        context.addIssue({ code: 'custom', path: ['surges', index], message: 'must be above "base": a surge goes up' });
    }
  })
  .describe('Base load, sudden surges, and the recovery from each.');
export const stagesSchema = z.strictObject({
  benchmark: benchmarkSchema.optional(),
  linear: linearSchema.optional(),
  'step-surge': stepSurgeSchema.optional(),
});
/** In the order in which they run. */
export const STAGES = ['benchmark', 'linear', 'step-surge'] as const;
export type StageName = (typeof STAGES)[number];
