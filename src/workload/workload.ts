// The sequence of requests. In: the workload section, the engine and the stage. Out: request bodies, each a
// function of the seed, the stage and its slot alone, so that workers and boots agree without talking.

import type { StageName, WorkloadConfig } from '../config/schema.ts';
import { createRandom, deriveSeed, type Random } from '../stats/random.ts';
import { API_PATHS, bodyWriter } from './body.ts';
import { describeLengths, drawLength, lengthBounds } from './lengths.ts';
import type { RequestLength, RequestSlot, UnitsPerToken } from './source.ts';
import { storedPrompts } from './stored.ts';
import { syntheticPrompts } from './synthetic.ts';

/** Plain data: it goes to worker threads, which open it themselves. */
export interface WorkloadRef {
  readonly config: WorkloadConfig;
  readonly engine: string;
  /** Folder that `prompts.file` is relative to: the configuration's. */
  readonly baseDir: string;
  readonly stage: StageName;
  /** Calibrated: units of text that make one token of the engine, by language. Absent = one. */
  readonly unitsPerToken?: UnitsPerToken | undefined;
}

export interface WorkloadRequest {
  /** JSON. */
  readonly body: string;
  readonly maxTokens: number;
  /** As asked for; what the engine counted is in its answer's usage. */
  readonly promptTokens: number;
}

export interface Workload {
  /** On the deployment's URL. */
  readonly path: string;
  request(slot: RequestSlot): WorkloadRequest;
  /** What must be equal for two measurements to be comparable. Without the model: that is the subject's. */
  facts(): Record<string, string | number | boolean | null>;
}

export interface OpenWorkload extends Workload {
  /** The longest request that may be made, where no trace says otherwise. */
  longest(): RequestLength;
}

/** @throws PlimsollError INPUT_NOT_FOUND or WORKLOAD_INVALID, where prompts come from a file */
export function openWorkload({ config, engine, baseDir, stage, unitsPerToken }: WorkloadRef): OpenWorkload {
  const { prompts, seed } = config;
  const source =
    prompts.kind === 'synthetic'
      ? syntheticPrompts(prompts, seed, stage, unitsPerToken)
      : storedPrompts(prompts, config, baseDir, stage);
  const bodyOf = bodyWriter(config, engine);
  return {
    path: API_PATHS[config.api],
    request(slot) {
      const shape = createRandom(deriveSeed(seed, stage, 'shape', slot.pattern, slot.index));
      const drawnTokens = slot.traced?.outputTokens ?? drawLength(config.output, shape);
      const temperature = drawTemperature(config.temperature, slot.progress, shape);
      const { content, promptTokens, maxTokens = drawnTokens } = source.prompt(slot, shape);
      return { body: JSON.stringify(bodyOf(content, maxTokens, temperature)), maxTokens, promptTokens };
    },
    longest: () => source.longest(lengthBounds(config.output).max),
    facts: () => ({
      api: config.api,
      stream: config.stream,
      seed,
      ...source.facts,
      output: describeLengths(config.output),
      ignoreEos: config.output.ignoreEos,
      temperature: typeof config.temperature === 'number' ? config.temperature : JSON.stringify(config.temperature),
      body: Object.keys(config.body).length === 0 ? null : JSON.stringify(config.body),
    }),
  };
}

function drawTemperature(temperature: WorkloadConfig['temperature'], progress: number, shape: Random): number {
  if (typeof temperature === 'number') return temperature;
  const [from, to] = 'uniform' in temperature ? temperature.uniform : temperature.gradient;
  const share = 'uniform' in temperature ? shape.next() : Math.min(1, Math.max(0, progress));
  return Math.round((from + (to - from) * share) * 1000) / 1000;
}
