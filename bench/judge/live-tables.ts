// What bench:live plays, and its results as a table. Pure.

import { markdownTable } from 'markdown-table';
import type { Outcome } from '../../src/judge/verdict.ts';
import { upperLimit } from './score.ts';

export const KINDS = ['same', 'slower'] as const;
export type Kind = (typeof KINDS)[number];
export type EngineName = 'sim' | 'llamacpp';

export interface Played {
  readonly engine: EngineName;
  readonly kind: Kind;
  readonly exitCode: number | null;
  readonly outcome: Outcome;
  readonly headline: string;
  readonly boots: number;
  readonly comparisons: number;
  /** `metric@stage` by verdict. */
  readonly regressed: readonly string[];
  readonly suspected: readonly string[];
  readonly improved: readonly string[];
  readonly seconds: number;
  readonly date: string;
  readonly machine: string;
  readonly baselineBoots: number;
}

const WHAT: Readonly<Record<EngineName, Readonly<Record<Kind, string>>>> = {
  sim: { same: 'simulated engine, identical', slower: 'simulated engine, decode step 8 % slower' },
  llamacpp: { same: 'llama.cpp, identical', slower: 'llama.cpp, a model half as deep again' },
};

/** As a configuration names a variable of its environment. */
const env = (name: string): string => `\${${name}}`;

const simulated = (slowdown: number): object => ({
  deployment: {
    name: 'live',
    kind: 'process',
    command: ['node', env('CLI'), 'sim', '--port', '18900', '--decode-slowdown', String(slowdown)],
    url: 'http://127.0.0.1:18900',
    ready: { path: '/health', timeout: '30s' },
    engine: 'sim',
  },
  workload: {
    api: 'chat',
    model: 'simulated',
    seed: 7,
    prompts: { kind: 'synthetic', languages: ['en', 'code'], tokens: { uniform: [100, 300] } },
    output: { uniform: [8, 20], ignoreEos: true },
  },
  slo: { ttft: '350ms', tpot: '50ms' },
  stages: { benchmark: { rate: '40/s', rounds: 4, duration: '10s', rampIn: '1500ms', drain: '10s' } },
  sla: [{ metric: 'ttft.p95', stage: 'benchmark', gold: '< 400ms', tolerance: '< 800ms' }],
});

const llamacpp = (model: string): object => ({
  deployment: {
    name: 'live-llamacpp',
    kind: 'process',
    command: [
      ...['llama-server', '--model', env(model), '--host', '127.0.0.1', '--port', '18980', '--threads', '1'],
      ...['--threads-batch', '1', '--parallel', '8', '--ctx-size', '8192', '--metrics', '--no-webui'],
    ],
    url: 'http://127.0.0.1:18980',
    ready: { path: '/health', timeout: '2m' },
    engine: 'llamacpp',
  },
  workload: {
    api: 'chat',
    model: 'tiny',
    seed: 7,
    prompts: { kind: 'synthetic', languages: ['en'], tokens: { uniform: [8, 24] } },
    output: { uniform: [16, 32], ignoreEos: true },
  },
  slo: { ttft: '500ms', tpot: '40ms' },
  stages: { benchmark: { rate: '15/s', rounds: 4, duration: '24s', rampIn: '2s' } },
  sla: [{ metric: 'ttft.p95', stage: 'benchmark', gold: '< 2s', tolerance: '< 5s' }],
});

/** The configuration of each deployment that is played. */
export const DEPLOYMENTS: Readonly<Record<EngineName, Readonly<Record<Kind, object>>>> = {
  sim: { same: simulated(1), slower: simulated(1.08) },
  llamacpp: { same: llamacpp('MODEL'), slower: llamacpp('DEEPER_MODEL') },
};

export function liveTables(played: readonly Played[]): string {
  const last = played.at(-1);
  if (last === undefined) return 'Not measured.';
  const groups = Map.groupBy(played, ({ engine, kind }) => WHAT[engine][kind]);
  const inOrder = Object.values(WHAT).flatMap((kinds) => KINDS.map((kind) => kinds[kind]));
  const rows = inOrder
    .filter((what) => groups.has(what))
    .map((what) => {
      const runs = groups.get(what)!;
      const count = (is: (run: Played) => boolean): number => runs.filter(is).length;
      const isAlarm = (run: Played): boolean => run.regressed.length + run.suspected.length > 0;
      return [
        what,
        String(runs[0]!.baselineBoots),
        String(runs.length),
        String(count(({ exitCode }) => exitCode === 1)),
        String(count(isAlarm)),
        `${(100 * upperLimit(count(isAlarm), runs.length)).toFixed(0)} %`,
        String(count(({ improved }) => improved.length > 0)),
        String(count(({ outcome }) => outcome === 'invalid')),
        mean(runs.map(({ boots }) => boots)).toFixed(1),
        `${mean(runs.map(({ seconds }) => seconds)).toFixed(0)} s`,
      ];
    });
  const head = [
    'deployment',
    'baseline boots',
    'runs',
    'job failed',
    'worse',
    'at most (95 %)',
    'improved',
    'invalid',
    'boots',
    'took',
  ];
  return [
    `Measured on ${last.date}: ${last.machine}.`,
    markdownTable([head, ...rows], { align: ['l', ...head.slice(1).map(() => 'r')] }),
  ].join('\n\n');
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
