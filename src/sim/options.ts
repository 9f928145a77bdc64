// Every knob of the simulated engine, once: its default, its command-line flag, what it means and the least it
// may be. Times in ms of the engine's own clock, which starts when it is ready. Infinity = never.

import { PlimsollError } from '../errors.ts';

export interface SimOptions {
  readonly model: string;
  readonly seed: number;
  readonly bootSeed: number;
  readonly bootMs: number;

  readonly stepBaseMs: number;
  readonly stepPerSequenceMs: number;
  readonly stepPerKvTokenMs: number;
  readonly prefillPerTokenMs: number;
  readonly decodeSlowdown: number;
  readonly prefillSlowdown: number;

  readonly maxBatch: number;
  readonly maxStepTokens: number;
  readonly prefillChunkTokens: number;
  readonly queueLimit: number;
  readonly kvBlocks: number;
  readonly blockTokens: number;
  readonly maxModelTokens: number;
  readonly prefixCaching: boolean;
  readonly speculativeTokens: number;
  readonly speculativeAcceptance: number;
  readonly eosMedianTokens: number;
  readonly eosSigma: number;

  readonly bootVariation: number;
  readonly wander: number;
  readonly wanderMs: number;
  readonly stepNoise: number;
  readonly driftPerHour: number;
  readonly stallEveryMs: number;
  readonly stallMs: number;

  readonly crashAtMs: number;
  readonly crashAfterRequests: number;
  readonly oomAboveRunning: number;
  readonly oomRecoverMs: number;
  readonly oomFatal: boolean;

  readonly errorRate: number;
  readonly resetRate: number;
  readonly hangRate: number;
  readonly crlf: boolean;
  readonly coalesce: number;
  readonly earlyRole: boolean;
  readonly keepAliveMs: number;
}

/**
 * An engine that any laptop can serve. With prompts of 100–400 and outputs of 16–48 tokens: about 18 ms a step and
 * a TTFT of 100–160 ms at 20 requests/s, a TTFT of 500 ms broken at about 42, saturated at 45.
 */
export const SIM_DEFAULTS: SimOptions = {
  model: 'sim',
  seed: 1,
  bootSeed: 1,
  bootMs: 500,

  stepBaseMs: 12,
  stepPerSequenceMs: 0.15,
  stepPerKvTokenMs: 0.00005,
  prefillPerTokenMs: 0.04,
  decodeSlowdown: 1,
  prefillSlowdown: 1,

  maxBatch: 64,
  maxStepTokens: 512,
  prefillChunkTokens: 64,
  queueLimit: 256,
  kvBlocks: 2_048,
  blockTokens: 16,
  maxModelTokens: 8_192,
  prefixCaching: true,
  speculativeTokens: 0,
  speculativeAcceptance: 0.7,
  eosMedianTokens: 64,
  eosSigma: 0.6,

  bootVariation: 0.005,
  wander: 0.005,
  wanderMs: 5_000,
  stepNoise: 0.02,
  driftPerHour: 0,
  stallEveryMs: Infinity,
  stallMs: 300,

  crashAtMs: Infinity,
  crashAfterRequests: Infinity,
  oomAboveRunning: Infinity,
  oomRecoverMs: 1_000,
  oomFatal: false,

  errorRate: 0,
  resetRate: 0,
  hangRate: 0,
  crlf: false,
  coalesce: 1,
  earlyRole: false,
  keepAliveMs: 75_000,
};

export interface SimFlag {
  readonly flag: string;
  readonly key: keyof SimOptions;
  readonly kind: 'number' | 'string' | 'boolean';
  readonly description: string;
  /** Numbers: the least and the most it may be, and whether it counts something. */
  readonly min?: number;
  readonly max?: number;
  readonly whole?: boolean;
}

const number = (key: keyof SimOptions, description: string, min = 0, max = Infinity): SimFlag => ({
  flag: flagOf(key),
  key,
  kind: 'number',
  description,
  min,
  max,
});
const count = (key: keyof SimOptions, description: string, min = 1): SimFlag => ({
  ...number(key, description, min),
  whole: true,
});
const share = (key: keyof SimOptions, description: string): SimFlag => number(key, description, 0, 1);
const yes = (key: keyof SimOptions, description: string): SimFlag => ({
  flag: flagOf(key),
  key,
  kind: 'boolean',
  description,
});

/** `--decode-slowdown` for `decodeSlowdown`; `Ms` stays in the name, so that nobody guesses the unit. */
const flagOf = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** In the order in which help lists them. */
export const SIM_FLAGS: readonly SimFlag[] = [
  { flag: '--model', key: 'model', kind: 'string', description: 'name of the served model' },
  count('seed', 'seed of output lengths and of injected faults', 0),
  count('bootSeed', 'seed of what differs from boot to boot: speed, wander, step noise, stalls', 0),
  number('bootMs', 'time until /health answers 200'),
  number('stepBaseMs', 'time of every step, whatever is in it', 0.01),
  number('stepPerSequenceMs', 'time added to a step by each decoding sequence'),
  number('stepPerKvTokenMs', 'time added to a step by each token of context that decoding sequences attend to'),
  number('prefillPerTokenMs', 'time added to a step by each prompt token computed in it'),
  number('decodeSlowdown', 'factor on the decode part of a step: the regression to inject', 0.01),
  number('prefillSlowdown', 'factor on the prefill part of a step', 0.01),
  count('maxBatch', 'most sequences in the batch'),
  count('maxStepTokens', 'token budget of a step, decode first, then chunks of prompts'),
  count('prefillChunkTokens', 'most prompt tokens of one sequence in one step'),
  count('queueLimit', 'most waiting requests; further ones are answered 429', 0),
  count('kvBlocks', 'blocks of KV cache; when they run out the newest sequence is preempted and recomputed'),
  count('blockTokens', 'tokens in a KV-cache block'),
  count('maxModelTokens', 'context limit, prompt and output together; longer requests are answered 400'),
  yes('prefixCaching', 'reuse KV blocks of prompts that begin alike'),
  count('speculativeTokens', 'draft tokens a step: a chunk carries up to one more than this', 0),
  share('speculativeAcceptance', 'probability that a draft token is accepted'),
  number('eosMedianTokens', 'median output length where the request does not ignore EOS', 1),
  number('eosSigma', 'log-normal spread of that length'),
  number('bootVariation', 'log standard deviation of the speed from boot to boot'),
  number('wander', 'log standard deviation of the speed inside a boot'),
  number('wanderMs', 'correlation time of that wander', 1),
  number('stepNoise', 'log standard deviation of single steps'),
  number('driftPerHour', 'share by which steps grow each hour'),
  number('stallEveryMs', 'mean time between stalls of the whole engine', 1),
  number('stallMs', 'length of a stall'),
  number('crashAtMs', 'time after readiness at which the engine crashes'),
  count('crashAfterRequests', 'the engine crashes when this many requests are finished'),
  count('oomAboveRunning', 'more running sequences than this are out of memory: all that run fail'),
  number('oomRecoverMs', 'pause after running out of memory'),
  yes('oomFatal', 'running out of memory ends the process'),
  share('errorRate', 'share of requests answered 500'),
  share('resetRate', 'share of answers whose connection is reset half-way'),
  share('hangRate', 'share of answers that fall silent half-way'),
  yes('crlf', 'end lines of the event stream with CRLF'),
  count('coalesce', 'steps whose chunks are held back and written together'),
  yes('earlyRole', 'send the role chunk at once, not with the first token'),
  number('keepAliveMs', 'idle connections are closed after this'),
];

/**
 * The defaults with `overrides` in their place, checked; undefined leaves the default.
 * @throws PlimsollError USAGE, naming the flag and what it may be
 */
export function simOptions(overrides: Partial<SimOptions> = {}): SimOptions {
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  const options: SimOptions = { ...SIM_DEFAULTS, ...Object.fromEntries(given) };
  for (const { flag, key, kind, min = -Infinity, max = Infinity, whole } of SIM_FLAGS) {
    const value = options[key];
    if (typeof value !== kind) throw unusable(flag, value, `a ${kind}`);
    if (typeof value !== 'number') continue;
    const fits = value >= min && value <= max && (!whole || Number.isInteger(value) || value === Infinity);
    if (!fits)
      throw unusable(
        flag,
        value,
        `${whole ? 'a whole number' : 'a number'} ${max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`}`,
      );
  }
  return options;
}

const unusable = (flag: string, value: unknown, expected: string): PlimsollError =>
  new PlimsollError('USAGE', `${flag} is ${String(value)}, but must be ${expected}`, {
    hint: '`plimsoll sim --help` lists every knob of the simulated engine with its default.',
  });
