// The engine's own gauges, from its Prometheus page: running, waiting, KV-cache use, preemptions.

import { ENGINES_TABLE, type Engine } from '../config/engines.ts';
import { openTarget, type Target } from '../deployment/target.ts';
import { type PrometheusSample, parsePrometheus } from './prometheus.ts';
import { every, type Reading, type Sampler, type Values } from './sampler.ts';

const METRIC_BY_GAUGE = {
  running: 'engine.running',
  waiting: 'engine.waiting',
  kvCache: 'engine.kv_cache',
  preemptions: 'engine.preemptions',
} as const;
type Gauge = keyof typeof METRIC_BY_GAUGE;
const GAUGES = Object.keys(METRIC_BY_GAUGE) as Gauge[];

export interface EngineSampler extends Sampler {
  /** One reading now, beside the schedule. */
  read(signal?: AbortSignal): Promise<Reading>;
  /** Its counter began anew since the mark. */
  restarted(): boolean;
}

// A saturated engine answers late, and what it then says is what matters most.
const READ_LIMIT_MS = 10_000;
const PAGE_LIMIT_BYTES = 8_388_608;

/** @param metrics path or URL from the configuration; undefined = where the engine usually has them */
export function createEngineSampler(
  target: Target,
  engine: Engine,
  metrics: string | undefined,
  intervalMs: number,
): EngineSampler {
  const path = metrics ?? ENGINES_TABLE[engine].metricsPath;
  const names = namesOf(engine);
  const wanted = new Set(GAUGES.flatMap((gauge) => names[gauge]));
  const client = openTarget(target);
  const missing = Object.fromEntries(
    GAUGES.map((gauge) => [
      METRIC_BY_GAUGE[gauge],
      names[gauge].length === 0
        ? `${ENGINES_TABLE[engine].label} has no such gauge`
        : `GET ${path}: ${names[gauge].join(' or ')} is not in the answer`,
    ]),
  );
  const counter = createCounter();
  let cancel = () => {};

  const read = async (signal?: AbortSignal): Promise<Reading> => {
    if (path === null)
      return {
        kind: 'failed',
        reason: `no metrics endpoint is known for ${ENGINES_TABLE[engine].label}; set deployment.metrics`,
      };
    const askedMs = performance.now();
    const answer = await client.get(path, { timeoutMs: READ_LIMIT_MS, signal, maxBytes: PAGE_LIMIT_BYTES });
    const atMs = performance.now();
    if (answer.kind === 'failed') return { kind: 'failed', reason: `GET ${path}: ${answer.reason}` };
    if (answer.status !== 200)
      return { kind: 'failed', reason: `GET ${path}: status ${answer.status}${HINTS[engine] ?? ''}` };
    const values = readGauges(parsePrometheus(answer.text, wanted), names);
    if (Object.keys(values).length === 0) {
      return {
        kind: 'failed',
        reason: `GET ${path}: none of ${[...wanted].join(', ')} is in the answer${HINTS[engine] ?? ''}`,
      };
    }
    const preemptions = values[METRIC_BY_GAUGE.preemptions];
    return {
      kind: 'values',
      atMs,
      values:
        preemptions === undefined
          ? values
          : { ...values, [METRIC_BY_GAUGE.preemptions]: counter.since(preemptions, askedMs) },
      missing,
    };
  };

  return {
    source: 'engine',
    metrics: Object.values(METRIC_BY_GAUGE),
    read,
    start(report) {
      cancel = every(intervalMs, () => read(), report);
    },
    mark: counter.mark,
    restarted: counter.restarted,
    async stop() {
      cancel();
      await client.close();
    },
  };
}

const HINTS: Partial<Record<Engine, string>> = {
  sglang: ' (SGLang needs --enable-metrics)',
  llamacpp: ' (llama.cpp needs --metrics)',
};

type Names = Readonly<Record<Gauge, readonly string[]>>;

// An unnamed engine whose metrics the user points at most likely is one of the named ones.
function namesOf(engine: Engine): Names {
  if (engine !== 'openai') return ENGINES_TABLE[engine].metricNames;
  const all = (gauge: Gauge) => [...new Set(Object.values(ENGINES_TABLE).flatMap((facts) => facts.metricNames[gauge]))];
  return { running: all('running'), waiting: all('waiting'), kvCache: all('kvCache'), preemptions: all('preemptions') };
}

/**
 * Requests are summed over label sets (data-parallel ranks), the KV cache is as full as its fullest part, in
 * percent. Of several names of one gauge the first that is present counts: they are ages of one metric.
 */
export function readGauges(samples: readonly PrometheusSample[], names: Names): Values {
  const values: Record<string, number> = {};
  for (const gauge of GAUGES) {
    for (const name of names[gauge]) {
      const found = samples
        .filter((sample) => sample.name === name && Number.isFinite(sample.value))
        .map((sample) => sample.value);
      if (found.length === 0) continue;
      values[METRIC_BY_GAUGE[gauge]] =
        gauge === 'kvCache' ? 100 * Math.max(...found) : found.reduce((sum, value) => sum + value, 0);
      break;
    }
  }
  return values;
}

/** Growth of a counter since the mark; a fall means that the engine restarted and counts from 0. */
function createCounter() {
  let last: { readonly value: number; readonly askedMs: number } | null = null;
  let grown = 0;
  let restarted = false;
  return {
    since(value: number, askedMs: number): number {
      // An answer that was overtaken by a later one is lower without any restart.
      if (last !== null && askedMs < last.askedMs) return grown;
      if (last !== null) {
        restarted ||= value < last.value;
        grown += value >= last.value ? value - last.value : value;
      }
      last = { value, askedMs };
      return grown;
    },
    mark() {
      grown = 0;
      restarted = false;
    },
    restarted: () => restarted,
  };
}
