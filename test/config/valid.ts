// A valid configuration as an object, and arbitraries of others: what the tests of this room start from.

import fc from 'fast-check';

export const minimal = {
  deployment: { name: 'tiny', command: ['serve', '--port', '8000'], url: 'http://127.0.0.1:8000' },
  workload: { model: 'tiny' },
} as const;

const duration = fc
  .tuple(fc.integer({ min: 1, max: 5000 }), fc.constantFrom('ms', 's', 'm', 'h'))
  .map(([n, unit]) => `${n}${unit}`);
const rate = (min: number, max: number) => fc.integer({ min, max }).map((n) => `${n}/s`);
const size = fc.integer({ min: 1, max: 4000 });
const ordered = fc.tuple(size, size).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
const length = fc.oneof(
  fc.record({ constant: size }),
  fc.record({ uniform: ordered }),
  fc.record({ normal: fc.record({ mean: size, sd: fc.nat(500), max: fc.integer({ min: 1, max: 8000 }) }) }),
  fc.record({
    lognormal: fc.record({
      median: size,
      sigma: fc.double({ min: 0, max: 2, noNaN: true }),
      max: fc.integer({ min: 1, max: 8000 }),
    }),
  }),
);
const weighted = fc.tuple(fc.integer({ min: 1, max: 9 }), length).map(([weight, rest]) => ({ weight, ...rest }));
export const lengths = fc.oneof(length, fc.record({ mix: fc.array(weighted, { minLength: 1, maxLength: 4 }) }));

const optional = { requiredKeys: [] };
const stages = fc.record(
  {
    benchmark: fc.oneof(
      fc.record({ rate: rate(1, 900), rounds: fc.integer({ min: 1, max: 9 }), duration }),
      fc.record({ users: size, think: fc.oneof(duration, fc.record({ exponential: duration })) }),
    ),
    linear: fc.record({ from: rate(1, 10), to: rate(11, 99), steps: fc.integer({ min: 2, max: 20 }), hold: duration }),
    'step-surge': fc.record({
      base: rate(1, 10),
      surges: fc.array(rate(11, 99), { minLength: 1, maxLength: 3 }),
      recover: duration,
    }),
  },
  optional,
);

/** Any configuration that a careful user could write. */
export const validConfig = fc
  .record({
    name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$/),
    model: fc.string({ minLength: 1 }),
    seed: fc.nat(),
    prompts: fc.record({
      kind: fc.constant('synthetic'),
      languages: fc.subarray(['en', 'zh', 'ar', 'code'], { minLength: 1 }),
      tokens: lengths,
    }),
    output: fc.tuple(lengths, fc.boolean()).map(([each, ignoreEos]) => ({ ...each, ignoreEos })),
    env: fc.dictionary(
      fc.stringMatching(/^[A-Z_]{1,8}$/),
      fc.string().filter((text) => !text.includes('${')),
    ),
    slo: fc.record({ ttft: duration, tpot: duration }, optional),
    preset: fc.option(fc.constantFrom('functional', 'tuning', 'extreme'), { nil: undefined }),
    stages,
    failOn: fc.subarray(['breach', 'regression', 'tolerated', 'suspected']),
  })
  .map(({ name, model, seed, prompts, output, env, slo, preset, stages: some, failOn }) => ({
    deployment: { ...minimal.deployment, name, env },
    workload: { model, seed, prompts, output },
    slo,
    ...(preset === undefined ? { stages: some } : { preset }),
    failOn,
  }));
