// The doctor's answer: whether the machine is fit, and in words what its client carries. Figures in, text out. Pure.

import type { Config } from '../config/schema.ts';
import { formatNumber, formatValue } from '../metrics-format.ts';
import type { Carried } from './carry.ts';
import type { Ceiling } from './ceiling.ts';
import type { Check } from './checks.ts';

export interface Diagnosis {
  readonly fit: boolean;
  /** Why it is not; empty = it is. */
  readonly reasons: readonly string[];
  readonly checks: readonly Check[];
  readonly carried: Carried;
}

/** Of what was carried: how much a load should take at most: a deployment's answers don't come evenly. */
const KEEP_BELOW = 0.7;

export function diagnose(checks: readonly Check[], carried: Carried, limits: Config['client']): Diagnosis {
  const reasons = checks.filter(({ standing }) => standing === 'bad').map(({ text }) => text);
  const calm = carried.calm.dispatchDelayMs;
  if (calm !== null && calm.p99AtLeast > limits.dispatchDelayP99)
    reasons.push(
      `at only ${carried.calm.requestsPerSecond} requests/s the client sent late: dispatch delay p99 at least ${formatValue('ms', calm.p99AtLeast)}, the limit is ${formatValue('ms', limits.dispatchDelayP99)}`,
    );
  for (const [what, { perSecond, bound }] of [
    ['requests', carried.requests],
    ['events', carried.events],
  ] as const)
    if (perSecond === 0)
      reasons.push(
        `no level of ${what} held${bound === 'server' ? ': the built-in server itself did not get the time it needs' : ''}`,
      );
  return { fit: reasons.length === 0, reasons, checks, carried };
}

export function renderDiagnosis({ fit, reasons, checks, carried }: Diagnosis, seconds: number): string {
  const { calm, distortion } = carried;
  const machine = checks.flatMap(({ standing, text, advice }) => [
    `  ${MARK[standing]}  ${text}`,
    ...(advice === undefined ? [] : [`        ${advice}`]),
  ]);
  const delay = calm.dispatchDelayMs;
  const measured = [
    delay === null
      ? '  nothing was sent'
      : `  sending at ${calm.requestsPerSecond} requests/s: late by ${quantiles(delay)}`,
    ...(distortion === null
      ? ['  no stream was answered']
      : [
          `  reading ${formatNumber(distortion.eventsPerSecond)} events/s: each later than its write by ${quantiles(distortion.readMs)}`,
          `  TTFT there, against the server's own: off by ${quantiles(distortion.ttftMs)}`,
        ]),
    `  short answers: ${ceiling(carried.requests, 'requests/s')}`,
    `  streams, one event in each write: ${ceiling(carried.events, 'events/s')}`,
  ];
  return [
    'Machine',
    ...machine,
    '',
    `Client, ${workersOf(carried)}, measured for about ${seconds} s against a server of its own on 127.0.0.1`,
    ...measured,
    '',
    ...(fit
      ? [`Fit. ${capacity(carried)}`]
      : [`Not fit: ${reasons.join('; ')}.`, 'Nothing measured here could be trusted.']),
    '',
  ].join('\n');
}

const MARK = { ok: 'ok  ', warn: 'warn', bad: 'BAD ', unknown: '?   ' } as const;

const quantiles = ({ p50, p99, max }: { p50: number; p99: number; max: number }): string =>
  `p50 ${formatValue('ms', p50)}, p99 ${formatValue('ms', p99)}, at most ${formatValue('ms', max)}`;

const BOUND = {
  client: 'the client was the limit',
  server: 'the built-in server was the limit, so the client may carry more',
  untried: 'more was not tried',
} as const;

const ceiling = ({ perSecond, bound }: Ceiling, unit: string): string =>
  perSecond === 0
    ? `not even the lowest level held; ${BOUND[bound]}`
    : `${formatNumber(perSecond)} ${unit} held; ${bound === 'untried' ? '' : 'past it '}${BOUND[bound]}`;

function capacity(carried: Carried): string {
  const about = ({ perSecond, bound }: Ceiling): string =>
    `${bound === 'client' ? 'about' : 'at least'} ${formatNumber(perSecond)}`;
  const below = ({ perSecond }: Ceiling): string => formatNumber(Number((KEEP_BELOW * perSecond).toPrecision(2)));
  return (
    `This client carries ${about(carried.requests)} requests/s and ${about(carried.events)} events/s on ${workersOf(carried)}; ` +
    `keep below ${below(carried.requests)} requests/s and ${below(carried.events)} events/s.`
  );
}

const workersOf = ({ workers }: Carried): string => `${workers} ${workers === 1 ? 'worker' : 'workers'}`;
