// The client's verdict on itself, phase by phase: a phase in which the client was the bottleneck says nothing
// about the deployment and is never compared. Limits: config `client`; rules: docs/measuring.md.

import type { Config } from '../config/schema.ts';
import type { ClientPhaseHealth } from '../load/result.ts';
import type { Invalidity } from './measurement.ts';
import type { MeasuredPhase } from './phase.ts';

/** A share of a short TTFT may be asked of no client below this: what the metric table calls TTFT's resolution. */
const FINEST_DISPATCH_MS = 2;
/** E2E this many times that of the lightest phase: the deployment is past its saturation. */
const SATURATED_E2E_RATIO = 2;

/** The phases with what the client spoilt written into `measurement.invalid`. */
export function judgeClient(
  phases: readonly MeasuredPhase[],
  health: readonly ClientPhaseHealth[],
  limits: Config['client'],
): MeasuredPhase[] {
  const lightest = phases
    .filter((phase) => phase.measurement.dropped === 0 && phase.metrics['e2e.p50']?.value)
    .reduce<number>((least, phase) => Math.min(least, phase.metrics['e2e.p50']!.value!), Number.POSITIVE_INFINITY);
  return phases.map((phase, index) => {
    const name = phase.plan.name;
    const invalid = [
      ...lateDispatch(phase, health[index]!, limits),
      ...slowEventLoop(health[index]!, limits),
      ...behind(phase, health[index]!, limits),
      ...dropped(phase, health[index]!, limits, lightest),
    ].map((found) => ({ ...found, phase: name }));
    return { ...phase, measurement: { ...phase.measurement, invalid } };
  });
}

type Finding = Omit<Invalidity, 'phase'>;

function lateDispatch(
  phase: MeasuredPhase,
  { dispatchDelayMs }: ClientPhaseHealth,
  limits: Config['client'],
): Finding[] {
  if (dispatchDelayMs === null) return [];
  const { p99AtLeast } = dispatchDelayMs;
  const ttft = phase.metrics['ttft.p50']?.value ?? null;
  const ofTtft =
    ttft === null ? Number.POSITIVE_INFINITY : Math.max(FINEST_DISPATCH_MS, limits.dispatchDelayShareOfTtft * ttft);
  const limit = Math.min(limits.dispatchDelayP99, ofTtft);
  if (p99AtLeast <= limit) return [];
  const why =
    limit === limits.dispatchDelayP99
      ? ''
      : ` (${percent(limits.dispatchDelayShareOfTtft)} of the median TTFT, ${ms(ttft!)})`;
  return [
    {
      code: 'client_dispatch_delay',
      message: `the client sent late: dispatch delay p99 was at least ${ms(p99AtLeast)}, the limit is ${ms(limit)}${why}`,
      advice: moreClient(limits),
    },
  ];
}

function slowEventLoop({ eventLoopDelayP99Ms }: ClientPhaseHealth, limits: Config['client']): Finding[] {
  if (eventLoopDelayP99Ms === null || eventLoopDelayP99Ms <= limits.eventLoopDelayP99) return [];
  return [
    {
      code: 'client_event_loop',
      message: `the client read late: event-loop delay p99 was at least ${ms(eventLoopDelayP99Ms)}, the limit is ${ms(limits.eventLoopDelayP99)}`,
      advice: moreClient(limits),
    },
  ];
}

/** Slots that were neither sent while the phase lasted nor dropped at the cap. Of a phase cut short nothing is known. */
function behind(
  phase: MeasuredPhase,
  { planned, sent, sentAfter, dropped: capped }: ClientPhaseHealth,
  limits: Config['client'],
): Finding[] {
  const inTime = sent - sentAfter;
  if (phase.partial || planned === 0 || (inTime + capped) / planned >= limits.achievedShare) return [];
  return [
    {
      code: 'client_achieved',
      message: `the client sent ${inTime} of ${planned} planned requests while the phase lasted, ${percent(inTime / planned)}; at least ${percent(limits.achievedShare)} are needed`,
      advice: moreClient(limits),
    },
  ];
}

/**
 * Slots dropped at the cap on requests in flight. Past the deployment's saturation that is its own doing: its E2E
 * has grown, or its queue is filled. Else the cap is too low for this load, which is the client's.
 */
function dropped(
  phase: MeasuredPhase,
  { dropped: count, planned }: ClientPhaseHealth,
  limits: Config['client'],
  lightestE2eMs: number,
): Finding[] {
  if (count === 0) return [];
  const e2e = phase.metrics['e2e.p50'];
  const grown = e2e?.value != null && e2e.value >= SATURATED_E2E_RATIO * lightestE2eMs;
  const unanswered = phase.figures.requests > 0 && phase.figures.ok === 0;
  const queued = (phase.metrics['engine.waiting.mean']?.value ?? 0) >= 1;
  if (grown || unanswered || queued) return [];
  return [
    {
      code: 'client_dropped',
      message: `${count} of ${planned} planned requests were not sent: ${limits.maxInFlight} were in flight, and the deployment did not slow down`,
      advice: `Raise client.maxInFlight above ${limits.maxInFlight}.`,
    },
  ];
}

const moreClient = ({ workers }: Config['client']): string =>
  `Raise client.workers (now ${workers}), free the machine of other work, or run the client on another machine.`;

const ms = (value: number): string => `${Number(value.toPrecision(3))} ms`;
const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
