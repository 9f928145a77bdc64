// Where the load curve breaks from one step to the next, and which signal of the deployment broke with it: a reader
// sees why beside where.

import type { Step } from './curve.ts';
import type { Cliff } from './measurement.ts';

/** TTFT p95 breaks when it rises this many times … */
const TTFT_RATIO = 3;
/** … and by this much: tripling two milliseconds is no cliff. */
const TTFT_RISE_MS = 50;
/** Errors break when they pass this share. */
const ERRORS_LIMIT = 0.05;

/** A queue, or the preemptions of a step, that became this many and this many times as many. */
const LEAST_COUNT = 5;
const COUNT_RATIO = 3;

/** At most one cliff for a run of steps that break one after the other: the first. */
export function cliffsOf(steps: readonly Step[]): Cliff[] {
  const cliffs: Cliff[] = [];
  let breaking = false;
  for (let index = 1; index < steps.length; index++) {
    const before = steps[index - 1]!;
    const after = steps[index]!;
    const what = breaksOf(before, after);
    if (what.length > 0 && !breaking) {
      const signals = signalsOf(before, after);
      cliffs.push({
        betweenRates: [before.point.offeredRate, after.point.offeredRate],
        what: what.join('; '),
        why: signals.length > 0 ? signals.join('; ') : null,
      });
    }
    breaking = what.length > 0;
  }
  return cliffs;
}

function breaksOf(before: Step, after: Step): string[] {
  const breaks: string[] = [];
  const [from, to] = [before.point.ttftP95Ms, after.point.ttftP95Ms];
  if (from !== null && to !== null && to >= TTFT_RATIO * from && to - from >= TTFT_RISE_MS) {
    const censored = after.phase.metrics['ttft.p95']?.bound === 'above' ? 'at least ' : '';
    breaks.push(
      `TTFT p95 rose ${Math.round(to / Math.max(from, 0.001))}× from ${seconds(from)} to ${censored}${seconds(to)}`,
    );
  }
  if (!before.saturated && after.saturated) {
    breaks.push(`only ${percent(after.point.achievedRate / after.plannedRate)} of the offered rate was achieved`);
  }
  if (before.point.errorRate <= ERRORS_LIMIT && after.point.errorRate > ERRORS_LIMIT) {
    breaks.push(`the error rate rose from ${percent(before.point.errorRate)} to ${percent(after.point.errorRate)}`);
  }
  // The load line itself, where nothing broke so sharply.
  if (breaks.length === 0 && before.point.held && !after.point.held) {
    breaks.push(
      `requests that met the SLO fell from ${percent(before.point.goodputShare)} to ${percent(after.point.goodputShare)}`,
    );
  }
  return breaks;
}

/** Signals that were within their limit one step before. Most telling first. */
function signalsOf(before: Step, after: Step): string[] {
  const value = (step: Step, id: string): number | null => step.phase.metrics[id]?.value ?? null;
  const passed = (id: string, limit: number): number | null => {
    const now = value(after, id);
    return now !== null && now > limit && (value(before, id) ?? 0) <= limit ? now : null;
  };
  const grown = (id: string): number | null => {
    const now = value(after, id);
    return now !== null && now >= LEAST_COUNT && now >= COUNT_RATIO * (value(before, id) ?? 0) ? now : null;
  };
  const rejected = (step: Step): number => step.phase.tally.outcomes.rejected ?? 0;
  const signals: string[] = [];
  // Full in the mean: a cache that only touches its limit still carries its load.
  const cache = passed('engine.kv_cache.mean', 90);
  if (cache !== null) signals.push(`KV cache at ${Math.round(cache)} %`);
  const preempted = grown('engine.preemptions.max');
  if (preempted !== null) signals.push(`${Math.round(preempted)} preemptions`);
  const waiting = grown('engine.waiting.max');
  if (waiting !== null) signals.push(`queue grew to ${Math.round(waiting)} requests`);
  const gpu = passed('gpu.utilization.mean', 97);
  if (gpu !== null) signals.push(`GPU utilisation at ${Math.round(gpu)} %`);
  const cpu = passed('host.cpu.mean', 95);
  if (cpu !== null) signals.push(`host CPU at ${Math.round(cpu)} %`);
  if (rejected(after) > 0 && rejected(before) === 0) signals.push(`${rejected(after)} requests rejected`);
  return signals;
}

const seconds = (ms: number): string => `${Number((ms / 1_000).toPrecision(2))} s`;
const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`;
