// One line of requests.ndjson.gz (a Timeline and where it belongs) and of series.ndjson.gz (a Sample and where it
// belongs). Strings only; files and compression are the run's.

import { z } from 'zod';
import { STAGES } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { OUTCOMES, type Timeline } from '../load/timeline.ts';
import type { Sample } from '../monitor/sample.ts';

const origin = { boot: z.number().int().positive(), stage: z.enum(STAGES) };
const momentMs = z.number().nullable();
const count = z.number().nonnegative();

const storedRow = z.object({
  ...origin,
  phaseName: z.string(),
  request: count,
  phase: count,
  worker: count,
  plannedMs: momentMs,
  sentMs: z.number(),
  headersMs: momentMs,
  firstByteMs: momentMs,
  firstTokenMs: momentMs,
  firstContentMs: momentMs,
  lastTokenMs: momentMs,
  endMs: z.number(),
  outcome: z.enum(OUTCOMES),
  status: z.number().nullable(),
  error: z.string().nullable(),
  promptTokens: count.nullable(),
  outputTokens: count.nullable(),
  tokenSource: z.enum(['usage', 'chunks']).nullable(),
  maxTokens: count,
  chunks: count,
  coalesced: count,
  bytes: count,
  finish: z.string().nullable(),
  reused: z.boolean(),
  connectMs: momentMs,
  retried: z.boolean(),
  serverId: z.string().nullable(),
}) satisfies z.ZodType<Timeline>;
export type StoredRow = z.output<typeof storedRow>;

const storedSample = z.object({
  ...origin,
  tMs: z.number(),
  metric: z.string(),
  value: z.number(),
}) satisfies z.ZodType<Sample>;
export type StoredSample = z.output<typeof storedSample>;

/** One line, without its end. Times keep a thousandth of a millisecond. */
export function encodeRow(
  row: Timeline,
  { boot, stage, phase }: { readonly boot: number; readonly stage: StoredRow['stage']; readonly phase: string },
): string {
  // Field by field: a replacer, or a spread, takes twice the time, and there may be thousands in a second.
  return JSON.stringify({
    boot,
    stage,
    phaseName: phase,
    request: row.request,
    phase: row.phase,
    worker: row.worker,
    plannedMs: toUs(row.plannedMs),
    sentMs: toUs(row.sentMs),
    headersMs: toUs(row.headersMs),
    firstByteMs: toUs(row.firstByteMs),
    firstTokenMs: toUs(row.firstTokenMs),
    firstContentMs: toUs(row.firstContentMs),
    lastTokenMs: toUs(row.lastTokenMs),
    endMs: toUs(row.endMs),
    outcome: row.outcome,
    status: row.status,
    error: row.error,
    promptTokens: row.promptTokens,
    outputTokens: row.outputTokens,
    tokenSource: row.tokenSource,
    maxTokens: row.maxTokens,
    chunks: row.chunks,
    coalesced: row.coalesced,
    bytes: row.bytes,
    finish: row.finish,
    reused: row.reused,
    connectMs: toUs(row.connectMs),
    retried: row.retried,
    serverId: row.serverId,
  } satisfies StoredRow);
}

/** One line, without its end. */
export function encodeSample(
  sample: Sample,
  { boot, stage }: { readonly boot: number; readonly stage: StoredSample['stage'] },
): string {
  return JSON.stringify({ boot, stage, ...sample, tMs: toUs(sample.tMs) });
}

/**
 * @param where file and line, for the message
 * @throws PlimsollError RECORD_DAMAGED, naming the first wrong field
 */
export const decodeRow = (line: string, where: string): StoredRow => decode(storedRow, line, where);

/** As decodeRow. */
export const decodeSample = (line: string, where: string): StoredSample => decode(storedSample, line, where);

function decode<T>(schema: z.ZodType<T>, line: string, where: string): T {
  const damaged = (what: string) =>
    new PlimsollError('RECORD_DAMAGED', `${where} is damaged: ${what}.`, {
      hint: 'The run that wrote it may have been killed; the lines before it are good.',
    });
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw damaged((error as Error).message);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw damaged(`${issue.path.join('.') || 'the line'}: ${issue.message}`);
}

const toUs = <T extends number | null>(ms: T): T => (ms === null ? ms : ((Math.round(ms * 1_000) / 1_000) as T));
