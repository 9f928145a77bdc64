// The rules that name metrics: SLA, gates and minimum effects. In: these sections as written and the configured
// stages. Out: rules with metric, stage and limits resolved, and what is wrong with them.

import { allMetricIds, METRICS, type ResolvedMetric, resolveMetric, standsAlone } from '../metrics.ts';
import { parseCondition, wrongTolerance } from './conditions.ts';
import { nearest, type Path, type Problem, unknownName } from './problems.ts';
import { type Gate, type SlaRule, STAGES, type StageName } from './schema.ts';

interface SlaText {
  readonly metric: string;
  readonly stage?: StageName | undefined;
  readonly gold: string;
  readonly tolerance?: string | undefined;
}
interface Resolved<Value> {
  readonly value: readonly Value[];
  readonly problems: readonly Problem[];
}

const DEFAULT_GATES: readonly Gate[] = [
  { metric: 'throughput.tokens', stage: 'linear' },
  { metric: 'ttft.p95', stage: 'benchmark' },
  { metric: 'tpot.p95', stage: 'benchmark' },
  { metric: 'knee.rate', stage: 'linear' },
];

const LATENCIES = ['ttft', 'ttft_service', 'ttfc', 'tpot', 'icl', 'e2e'];

/**
 * The stages that give a metric as the value of a boot. Latency over a ramp or a surge mixes loads: the curve and
 * the surge figures say it there.
 */
export function stagesOf({ id, base }: ResolvedMetric): readonly StageName[] {
  if (id === 'knee.rate' || id === 'saturation.rate' || id.startsWith('curve.')) return ['linear'];
  if (id.startsWith('surge.')) return ['step-surge'];
  if (LATENCIES.includes(base.id)) return ['benchmark'];
  if (id.startsWith('throughput.') || id.startsWith('cost.') || id === 'goodput.requests')
    return ['benchmark', 'linear'];
  return id === 'goodput.share' ? ['benchmark', 'step-surge'] : STAGES;
}

export function defaultGates(configured: readonly StageName[]): readonly Gate[] {
  return DEFAULT_GATES.filter(({ stage }) => configured.includes(stage));
}

/** @param rules by their place in the file; undefined where one has no shape to read */
export function resolveSla(
  rules: readonly (SlaText | undefined)[],
  configured: readonly StageName[],
  priced: boolean,
  lineOf: (index: number) => number | null,
): Resolved<SlaRule> {
  const problems: Problem[] = [];
  const value = rules.flatMap((rule, index): SlaRule[] => {
    if (rule === undefined) return [];
    const add = (key: string, message: string): [] => {
      problems.push({ path: ['sla', index, key], message, atKey: false });
      return [];
    };
    const metric = resolveMetric(rule.metric);
    if (metric === undefined) return add('metric', unknownMetric(rule.metric));
    // A boot that holds more steps would have the worse value.
    if (!standsAlone(metric))
      return add('metric', `\`${metric.id}\` is only compared; limit the latency of one load, or \`knee.rate\``);
    const stage = rule.stage ?? stagesOf(metric)[0]!; // benchmark, wherever it can be
    const misplaced = wrongStage(metric, stage, configured);
    if (misplaced !== null) add(rule.stage === undefined ? 'metric' : 'stage', misplaced);
    if (metric.unit === 'money' && !priced)
      add('metric', `\`${metric.id}\` needs a price; add one such as price: { gpuHour: 2.5 }`);
    const gold = parseCondition(rule.gold, metric);
    if (typeof gold === 'string') add('gold', gold);
    const tolerance = rule.tolerance === undefined ? gold : parseCondition(rule.tolerance, metric);
    if (rule.tolerance !== undefined && typeof tolerance === 'string') add('tolerance', tolerance);
    if (typeof gold === 'string' || typeof tolerance === 'string') return [];
    const unfit = wrongTolerance(gold, tolerance);
    if (unfit !== null) return add('tolerance', unfit);
    return [{ metric: metric.id, stage, gold, tolerance, line: lineOf(index) }];
  });
  return { value, problems };
}

/** @param gates as written; what is no text is the schema's business */
export function resolveGates(gates: readonly unknown[], configured: readonly StageName[]): Resolved<Gate> {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  const value = gates.flatMap((text, index): Gate[] => {
    if (typeof text !== 'string') return [];
    const gate = readGate(text, configured);
    const key = typeof gate === 'string' ? '' : `${gate.metric}@${gate.stage}`;
    const problem = typeof gate === 'string' ? gate : seen.has(key) ? `\`${key}\` is listed twice` : null;
    if (problem !== null) problems.push({ path: ['comparison', 'gates', index], message: problem, atKey: false });
    seen.add(key);
    return typeof gate === 'string' ? [] : [gate];
  });
  return { value, problems };
}

/** Keys of comparison.minimumEffects: a metric, or metric@stage. */
export function checkMinimumEffects(effects: unknown, configured: readonly StageName[]): readonly Problem[] {
  if (typeof effects !== 'object' || effects === null) return [];
  return Object.keys(effects).flatMap((key): Problem[] => {
    const path: Path = ['comparison', 'minimumEffects', key];
    const [id = '', stage] = key.split('@');
    const metric = resolveMetric(id);
    const message =
      metric === undefined
        ? unknownMetric(id)
        : (neverCompared(metric) ?? (stage === undefined ? null : wrongStage(metric, stage, configured)));
    return message === null ? [] : [{ path, message, atKey: true }];
  });
}

function readGate(text: string, configured: readonly StageName[]): Gate | string {
  const [id = '', stageText] = text.split('@');
  const metric = resolveMetric(id);
  if (metric === undefined) return unknownMetric(id);
  const never = neverCompared(metric);
  if (never !== null) return never;
  const possible = stagesOf(metric);
  const stage = stageText ?? (possible.length === 1 ? possible[0] : undefined);
  if (stage === undefined) {
    return `\`${id}\` is measured by several stages; write ${possible.map((name) => `\`${id}@${name}\``).join(' or ')}`;
  }
  return wrongStage(metric, stage, configured) ?? { metric: metric.id, stage: stage as StageName };
}

const neverCompared = (metric: ResolvedMetric): string | null =>
  metric.scale === 'info' ? `\`${metric.id}\` is shown but never compared; limit it with a rule under sla` : null;

function wrongStage(metric: ResolvedMetric, stage: string, configured: readonly StageName[]): string | null {
  if (!(STAGES as readonly string[]).includes(stage)) return unknownName('stage', stage, STAGES);
  const possible = stagesOf(metric);
  if (!possible.includes(stage as StageName))
    return `\`${metric.id}\` is measured by ${possible.join(' and ')} only, not by ${stage}`;
  if (configured.includes(stage as StageName)) return null;
  return `\`${metric.id}\` needs the stage ${stage}, which is not configured; add it under stages`;
}

function unknownMetric(id: string): string {
  const base = METRICS.find((metric) => metric.id === id);
  if (base !== undefined)
    return `\`${id}\` needs a statistic: ${base.statistics.map((statistic) => `${id}.${statistic}`).join(', ')}`;
  const owner = METRICS.find(
    (metric) => metric.statistics.length > 0 && metric.id === id.slice(0, id.lastIndexOf('.')),
  );
  if (owner !== undefined)
    return `\`${owner.id}\` has no ${id.slice(owner.id.length + 1)}; it has ${owner.statistics.join(', ')}`;
  const meant = nearest(id, [...allMetricIds(), ...METRICS.map((metric) => metric.id)]);
  return `unknown metric \`${id}\`${meant === undefined ? '; docs/glossary.md lists them' : `; did you mean \`${meant}\`?`}`;
}
