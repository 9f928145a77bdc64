// What is played: the comparisons of the report, and the scenarios with what is true in each.

import type { StageName } from '../../src/config/schema.ts';
import type { BootShape } from './noise.ts';

/** A compared metric that is drawn on the log scale. */
export interface Column {
  readonly id: string;
  readonly stage: StageName;
  readonly kind: 'throughput' | 'p50' | 'p95' | 'p99';
  readonly level: number;
  readonly gate: boolean;
}

const column = (id: string, level: number, gate = false, stage: StageName = 'benchmark'): Column => ({
  id,
  stage,
  kind: id.endsWith('.p50') ? 'p50' : id.endsWith('.p95') ? 'p95' : id.endsWith('.p99') ? 'p99' : 'throughput',
  level,
  gate,
});

/** With error rate and goodput a report of twenty comparisons; eight gates, the most a configuration may have. */
export const COLUMNS: readonly Column[] = [
  column('throughput.tokens', 9_000, true),
  column('throughput.requests', 48, true),
  column('ttft.p50', 120),
  column('ttft.p95', 240, true),
  column('ttft.p99', 400, true),
  column('tpot.p50', 20),
  column('tpot.p95', 24, true),
  column('tpot.p99', 30, true),
  column('icl.p95', 26),
  column('icl.p99', 40),
  column('e2e.p50', 3_000),
  column('e2e.p95', 5_200, true),
  column('e2e.p99', 7_000, true),
  column('knee.rate', 41, false, 'linear'),
  column('saturation.rate', 50, false, 'linear'),
  column('throughput.tokens', 9_500, false, 'linear'),
];

export interface Change {
  /** Shares: −0.05 = 5 % less. `p99` on top of `latency`. */
  readonly throughput: number;
  readonly latency: number;
  readonly p99: number;
  /** Further share of requests that fail; length of the answers. */
  readonly failures: number;
  readonly answers: number;
  /** `metric@stage` that alone changes; null = every metric of its kind. */
  readonly only: string | null;
}

export interface Scenario {
  readonly name: string;
  readonly group:
    | 'identical'
    | 'variant'
    | 'hostile'
    | 'change'
    | 'lone'
    | 'shed'
    | 'drift'
    | 'pairs'
    | 'paired change';
  readonly tau: number;
  readonly boots?: BootShape;
  readonly rounds: number;
  /** Boots that were recorded in the newest segment, how many of them are listed, and those of older segments. */
  readonly current: number;
  readonly keep: number;
  readonly older: readonly number[];
  readonly maxBoots: number;
  readonly driftPerRun: number;
  /** Factor on one round's latencies of the first boot of the side. */
  readonly baselineOutlier: number | null;
  readonly candidateOutlier: number | null;
  readonly baseFailures: number;
  /** Boots of base and candidate beside each other; null = against the stored history. */
  readonly interleaved: Interleaved | null;
  readonly change: Change;
}

export interface Interleaved {
  /** Of the variance of boots, what both boots of a pair share: the host, the hour. */
  readonly hostShare: number;
  /** Of the ledger of pairs; a multiple of three. */
  readonly ledgerDf: number;
}

const NO_CHANGE: Change = { throughput: 0, latency: 0, p99: 0, failures: 0, answers: 0, only: null };

type Options = Partial<Omit<Scenario, 'name' | 'group' | 'change'>> & { readonly change?: Partial<Change> };

/** Ten boots, and nineteen of an older level behind them: a ledger of 18 degrees of freedom. */
const scenario = (name: string, group: Scenario['group'], { change, ...options }: Options = {}): Scenario => ({
  name,
  group,
  tau: 0.01,
  rounds: 5,
  current: 10,
  keep: options.current ?? 10,
  older: [19],
  maxBoots: 3,
  driftPerRun: 0,
  baselineOutlier: null,
  candidateOutlier: null,
  baseFailures: 0.0002,
  interleaved: null,
  ...options,
  change: { ...NO_CHANGE, ...change },
});

const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;
const TAUS = [0.005, 0.01, 0.02, 0.03];

export const SCENARIOS: readonly Scenario[] = [
  ...TAUS.flatMap((tau) => [
    scenario(`identical, ${percent(tau)}`, 'identical', { tau }),
    scenario(`identical, ${percent(tau)}, one boot`, 'identical', { tau, maxBoots: 1 }),
  ]),
  ...[1, 2, 3, 5, 20].map((current) => scenario(`identical, K = ${current}`, 'variant', { current })),
  ...[1, 2, 3, 5, 10, 20].map((current) =>
    scenario(`identical, K = ${current}, no ledger`, 'variant', { current, older: [] }),
  ),
  scenario('identical, 3 rounds', 'variant', { rounds: 3 }),
  scenario('identical, five boots, K = 20', 'variant', { maxBoots: 5, current: 20 }),
  ...[2, 4].map((maxBoots) => scenario(`identical, ${maxBoots} boots`, 'variant', { maxBoots })),
  scenario('identical, outlier +30 % in a candidate round', 'variant', { candidateOutlier: 1.3 }),
  scenario('identical, outlier +30 % in a baseline round', 'variant', { baselineOutlier: 1.3 }),

  scenario('t₃ boots', 'hostile', { tau: 0.015, boots: 't3', current: 8 }),
  scenario('5 % of boots 6 % slower', 'hostile', { tau: 0.015, boots: 'slow-some', current: 8 }),
  scenario('outlier +5 % in a candidate round', 'hostile', { tau: 0.015, candidateOutlier: 1.05, current: 8 }),

  scenario('drift 0.3 % a run', 'drift', { driftPerRun: 0.003, current: 29, keep: 10, older: [] }),
  scenario('drift 0.3 % a run, short history', 'drift', { driftPerRun: 0.003, current: 10 }),

  ...TAUS.flatMap((tau) => [
    ...[0.02, 0.05, 0.1].map((loss) =>
      scenario(`throughput −${percent(loss)}, ${percent(tau)}`, 'change', { tau, change: { throughput: -loss } }),
    ),
    ...[0.05, 0.1, 0.2].map((rise) =>
      scenario(`p99 +${percent(rise)}, ${percent(tau)}`, 'change', { tau, change: { p99: rise } }),
    ),
  ]),
  // One gate alone, so that no other one ends the climb.
  ...[
    { what: '1 %', options: {} },
    { what: '1 %, K = 5', options: { current: 5 } },
    { what: '1 %, one boot', options: { maxBoots: 1 } },
    { what: '1 %, one boot, K = 5', options: { maxBoots: 1, current: 5 } },
    { what: '2 %, one boot, K = 5', options: { maxBoots: 1, current: 5, tau: 0.02 } },
    { what: '1 %, two boots', options: { maxBoots: 2 } },
    { what: '1 %, 3 rounds', options: { rounds: 3 } },
    { what: '1 %, no ledger', options: { older: [] } },
    { what: '2 %', options: { tau: 0.02 } },
    { what: '3 %', options: { tau: 0.03 } },
    { what: '1 %, five boots, K = 20', options: { maxBoots: 5, current: 20 } },
    { what: '2 %, five boots, K = 20', options: { tau: 0.02, maxBoots: 5, current: 20 } },
    { what: '3 %, five boots, K = 20', options: { tau: 0.03, maxBoots: 5, current: 20 } },
  ].flatMap(({ what, options }) => [
    scenario(`one gate, throughput −5 %, ${what}`, 'lone', {
      ...options,
      change: { throughput: -0.05, only: 'throughput.tokens@benchmark' },
    }),
    scenario(`one gate, p99 +10 %, ${what}`, 'lone', { ...options, change: { p99: 0.1, only: 'ttft.p99@benchmark' } }),
  ]),
  ...[
    { what: '2 %, host 0.8', tau: 0.02, hostShare: 0.8 },
    { what: '1 %, host 0.5', tau: 0.01, hostShare: 0.5 },
    { what: '2 %, host 0.5', tau: 0.02, hostShare: 0.5 },
    { what: '2 %, host 0', tau: 0.02, hostShare: 0 },
    { what: '3 %, host 0.8', tau: 0.03, hostShare: 0.8 },
    { what: '2 %, host 0.8, no ledger', tau: 0.02, hostShare: 0.8, ledgerDf: 0 },
    { what: '3 %, host 0, no ledger', tau: 0.03, hostShare: 0, ledgerDf: 0 },
    { what: '2 %, host 0.8, t₃ boots', tau: 0.02, hostShare: 0.8, boots: 't3' as const },
    { what: '2 %, host 0.8, five pairs', tau: 0.02, hostShare: 0.8, maxBoots: 5 },
  ].flatMap(({ what, hostShare, ledgerDf = 18, ...options }) => {
    const pairs = { ...options, current: 0, older: [], interleaved: { hostShare, ledgerDf } };
    return [
      scenario(`pairs, identical, ${what}`, 'pairs', pairs),
      scenario(`pairs, throughput −5 %, ${what}`, 'paired change', {
        ...pairs,
        change: { throughput: -0.05, only: 'throughput.tokens@benchmark' },
      }),
      scenario(`pairs, p99 +10 %, ${what}`, 'paired change', {
        ...pairs,
        change: { p99: 0.1, only: 'ttft.p99@benchmark' },
      }),
    ];
  }),
  scenario('latency −10 %: a true improvement', 'change', { change: { latency: -0.1 } }),

  scenario('the slowest 1.2 % fail, the rest 8 % faster', 'shed', { change: { failures: 0.012, latency: -0.08 } }),
  scenario('10 % rejected, the rest 15 % faster', 'shed', { change: { failures: 0.1, latency: -0.15 } }),
  scenario('0.4 % fail, the rest 8 % faster', 'shed', { change: { failures: 0.004, latency: -0.08 } }),
  scenario('answers 4 % shorter, all 8 % faster', 'shed', {
    change: { answers: -0.04, latency: -0.08, throughput: 0.05 },
  }),
];

export const isAffected = ({ change }: Scenario, { id, stage }: Column): boolean =>
  change.only === null || change.only === `${id}@${stage}`;
