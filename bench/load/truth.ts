// What a tool says against what the server saw. In: the server's stamps and a tool's result. Out: errors by figure,
// in ms. Pure.

import type { AnswerStamps } from '../../src/doctor/books.ts';
import type { Answer, Errors, Figure, Quantiles, ToolResult } from './contract.ts';
import { quantilesOf, rank } from './quantiles.ts';

/** By id where every answer has one that the server knows, else as `rankedErrors`. */
export function errorsOf(stamps: readonly AnswerStamps[], result: ToolResult): Errors {
  const ranked = rankedErrors(stamps, result);
  const pairs = pairById(stamps, result.answers);
  if (pairs === null) return ranked;
  const events = pairs.map(([answer, truth]) => eventErrors(answer, truth));
  const paired = (errors: readonly (number | null)[]): Errors[keyof Errors] => {
    const quantiles = quantilesOf(errors.filter((error) => error !== null).map(Math.abs));
    return quantiles === null ? undefined : { ...quantiles, paired: 'id' };
  };
  return withoutAbsent({
    ...ranked,
    event: paired(events.flat()),
    ttft: paired(pairs.map(([{ ttftMs }, { writesMs }]) => difference(ttftMs, writesMs[0]))),
    gap:
      paired(events.flatMap((errors) => errors.slice(1).map((error, index) => error - errors[index]!))) ?? ranked.gap,
    e2e: paired(pairs.map(([{ e2eMs }, { writesMs }]) => difference(e2eMs, writesMs.at(-1)))),
  });
}

/** The k-th smallest with the k-th smallest; quantiles with quantiles where a tool has nothing else. */
export function rankedErrors(stamps: readonly AnswerStamps[], { answers, gapsMs, quantiles }: ToolResult): Errors {
  const truth: Record<Figure, readonly number[]> = {
    ttft: stamps.flatMap(({ writesMs }) => writesMs.slice(0, 1)),
    gap: stamps.flatMap(({ writesMs }) => gapsOf(writesMs)),
    meanGap: stamps.flatMap(({ writesMs }) => meanGapOf(writesMs) ?? []),
    e2e: stamps.flatMap(({ writesMs }) => writesMs.slice(-1)),
  };
  const told: Record<Figure, readonly number[]> = {
    ttft: answers.flatMap(({ ttftMs }) => ttftMs ?? []),
    gap: gapsMs.length > 0 ? gapsMs : answers.flatMap(({ eventsAtMs }) => gapsOf(eventsAtMs ?? [])),
    meanGap: answers.flatMap(({ meanGapMs, eventsAtMs = [] }) => meanGapMs ?? meanGapOf(eventsAtMs) ?? []),
    e2e: answers.flatMap(({ e2eMs }) => e2eMs ?? []),
  };
  const errorOf = (figure: Figure): Errors[Figure] => {
    const lists = byRank(told[figure], truth[figure]);
    if (lists !== null) return { ...lists, paired: 'rank' };
    const [given, true_] = [quantiles[figure], quantilesOf(truth[figure])];
    if (given === undefined || true_ === null) return undefined;
    return { ...apart(given, true_), paired: 'quantile' };
  };
  return withoutAbsent({
    ttft: errorOf('ttft'),
    gap: errorOf('gap'),
    meanGap: errorOf('meanGap'),
    e2e: errorOf('e2e'),
  });
}

/** Errors of an answer's events: read minus write. A write may have borne several. */
function eventErrors({ eventsAtMs = [] }: Answer, { arrivalMs, writesMs }: AnswerStamps): readonly number[] {
  const perWrite = Math.max(1, Math.ceil(eventsAtMs.length / writesMs.length));
  return eventsAtMs.map((atMs, index) => atMs - (arrivalMs + writesMs[Math.floor(index / perWrite)]!));
}

function pairById(
  stamps: readonly AnswerStamps[],
  answers: readonly Answer[],
): readonly (readonly [Answer, AnswerStamps])[] | null {
  const byId = new Map(stamps.map((stamp) => [stamp.id, stamp]));
  const pairs = answers.flatMap((answer) => {
    const truth = answer.id === null ? undefined : byId.get(answer.id);
    return truth === undefined ? [] : [[answer, truth] as const];
  });
  return pairs.length > 0 && pairs.length === answers.length ? pairs : null;
}

/** Where the lists differ in length, both are read at the quantiles of the shorter one. */
function byRank(told: readonly number[], truth: readonly number[]): Quantiles | null {
  const [a, b] = [Float64Array.from(told).sort(), Float64Array.from(truth).sort()];
  const count = Math.min(a.length, b.length);
  if (count === 0) return null;
  const at = (list: Float64Array, k: number): number =>
    list.length === count ? list[k]! : rank(list, (k + 1) / count);
  return quantilesOf(Float64Array.from({ length: count }, (_, k) => Math.abs(at(a, k) - at(b, k))));
}

const apart = (told: Quantiles, truth: Quantiles): Quantiles => ({
  p50: Math.abs(told.p50 - truth.p50),
  p99: Math.abs(told.p99 - truth.p99),
  max: told.max === null || truth.max === null ? null : Math.abs(told.max - truth.max),
});

const gapsOf = (times: readonly number[]): number[] => times.slice(1).map((time, index) => time - times[index]!);
const meanGapOf = (times: readonly number[]): number | null =>
  times.length < 2 ? null : (times.at(-1)! - times[0]!) / (times.length - 1);
const difference = (told: number | null, truth: number | undefined): number | null =>
  told === null || truth === undefined ? null : told - truth;

function withoutAbsent(errors: { [figure in keyof Errors]: Errors[figure] | undefined }): Errors {
  return Object.fromEntries(Object.entries(errors).filter(([, error]) => error !== undefined));
}
