// In a pull request the deployment is the head's and everything else the base's: also the deployment's name and
// runnerClass, which say what it is compared with. In: both configurations. Out: the one to run, and what the head
// would change of the rest, in words.

import type { Condition, Config, Gate, Rate } from './schema.ts';
import { formatDurationMs, formatRatePerSecond, formatShare } from './units.ts';

export interface CombinedConfig {
  readonly config: Config;
  /** One line for each field that is the base's and differs: `sla[0].tolerance: "< 1s" → "< 5s"`. */
  readonly changes: readonly string[];
}

export function combineConfigs(base: Config, head: Config): CombinedConfig {
  const { runnerClass: _, ...deployment } = head.deployment;
  const config: Config = {
    ...base,
    deployment: { ...deployment, ...comparedAs(base) },
    secrets: [...new Set([...head.secrets, ...base.secrets])],
    secretNames: [...new Set([...head.secretNames, ...base.secretNames])],
  };
  return { config, changes: difference(policyOf(base), policyOf(head), '') };
}

/** What finds the baseline. Were it the head's, a new name would be a way out of the comparison. */
const comparedAs = ({ deployment: { name, runnerClass } }: Pick<Config, 'deployment'>) => ({
  name,
  ...(runnerClass !== undefined && { runnerClass }),
});

const policyOf = ({ file: _, secrets: __, secretNames: ___, deployment, sla, ...policy }: Config) => ({
  deployment: comparedAs({ deployment }),
  ...policy,
  sla: sla.map(({ line: _, ...rule }) => rule),
});

function difference(base: unknown, head: unknown, path: string): string[] {
  if (isSection(base) && isSection(head)) {
    const keys = [...new Set([...Object.keys(base), ...Object.keys(head)])];
    return keys.flatMap((key) => difference(base[key], head[key], path === '' ? key : `${path}.${key}`));
  }
  if (path === 'sla') {
    const [before, after] = [base as readonly unknown[], head as readonly unknown[]];
    const longest = before.length > after.length ? before : after;
    return longest.flatMap((_, index) => difference(before[index], after[index], `sla[${index}]`));
  }
  const [before, after] = [words(base, path), words(head, path)];
  return before === after ? [] : [`${path}: ${before} → ${after}`];
}

/** A section is told apart field by field; what is written as one text in the file is one value here. */
const isSection = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !isCondition(value) &&
  !isRate(value) &&
  !isGate(value);
const isCondition = (value: object): value is Condition => 'op' in value && 'limit' in value;
const isRate = (value: object): value is Rate => 'perSecond' in value || 'shareOfKnee' in value;
const isGate = (value: object): value is Gate => 'metric' in value && 'stage' in value && !('gold' in value);

/** Fields whose numbers are durations in the file. */
const DURATIONS =
  /(Ms|\.duration|\.rampIn|\.drain|\.hold|\.recover|\.requestTimeout|\.stallTimeout|\.interval|\.wait|\.budget|\.dispatchDelayP99|\.eventLoopDelayP99)$/;

function words(value: unknown, path: string): string {
  if (value === undefined) return 'none';
  if (typeof value === 'number' && DURATIONS.test(path)) return formatDurationMs(value);
  if (Array.isArray(value)) return `[${value.map((item) => words(item, path)).join(', ')}]`;
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  if (isCondition(value)) return JSON.stringify(value.text);
  if (isRate(value))
    return 'perSecond' in value ? formatRatePerSecond(value.perSecond) : formatShare(value.shareOfKnee);
  if (isGate(value)) return `${value.metric}@${value.stage}`;
  return `{${Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${key}: ${words(item, `${path}.${key}`)}`)
    .join(', ')}}`;
}
