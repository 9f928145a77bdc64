// The one place that reads durations, rates and shares as people write them: "500ms", "15m", "40/s", "60%".
// Each reader returns undefined for what it cannot read; messages are the caller's. The writers are their inverse.

const MILLISECONDS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const PER_SECOND: Readonly<Record<string, number>> = {
  s: 1,
  sec: 1,
  second: 1,
  m: 1 / 60,
  min: 1 / 60,
  minute: 1 / 60,
  h: 1 / 3600,
  hour: 1 / 3600,
};
const NUMBER = '([0-9]+(?:\\.[0-9]+)?)';

/** "500ms" → 500, "1.5s" → 1500, "15m" → 900000. A bare number has no unit and is refused. */
export function parseDurationMs(text: string): number | undefined {
  const match = new RegExp(`^${NUMBER}\\s*(us|ms|s|m|h)$`).exec(text.trim());
  // To the nanosecond: 4173.9 s in binary is not quite 4173900 ms.
  return match ? Math.round(Number(match[1]) * MILLISECONDS[match[2]!]! * 1e6) / 1e6 : undefined;
}

/** "8/s" → 8, "120/min" → 2. */
export function parseRatePerSecond(text: string): number | undefined {
  const match = new RegExp(`^${NUMBER}\\s*/\\s*(s|sec|second|m|min|minute|h|hour)$`).exec(text.trim());
  return match ? Number(match[1]) * PER_SECOND[match[2]!]! : undefined;
}

/** "60%" → 0.6. */
export function parseShare(text: string): number | undefined {
  const match = new RegExp(`^${NUMBER}\\s*%$`).exec(text.trim());
  return match ? Number(match[1]) / 100 : undefined;
}

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** "40GiB" → 42949672960. */
export function parseBytes(text: string): number | undefined {
  const match = new RegExp(`^${NUMBER}\\s*([kMGT]?B|[KMGT]iB)$`).exec(text.trim());
  return match ? Number(match[1]) * BYTES[match[2]!]! : undefined;
}

/** 500 → "500ms", 90000 → "90s", 900000 → "15m": the largest unit that gives a whole number; parses back. */
export function formatDurationMs(ms: number): string {
  if (ms >= 3_600_000 && ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  if (ms >= 120_000 && ms % 60_000 === 0) return `${ms / 60_000}m`;
  if (ms >= 1_000 && ms % 100 === 0) return `${ms / 1_000}s`;
  return ms < 1 && ms > 0 ? `${ms * 1_000}us` : `${ms}ms`;
}

/** 8 → "8/s". */
export const formatRatePerSecond = (perSecond: number): string => `${Number(perSecond.toPrecision(6))}/s`;

/** 0.6 → "60%". */
export const formatShare = (share: number): string => `${Number((share * 100).toPrecision(6))}%`;
