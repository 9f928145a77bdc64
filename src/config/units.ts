// The one place that reads durations, rates and shares as people write them: "500ms", "15m", "40/s", "60%".
// Each reader returns undefined for what it cannot read; messages are the caller's.

const MILLISECONDS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const PER_SECOND: Readonly<Record<string, number>> = { s: 1, sec: 1, second: 1, m: 1 / 60, min: 1 / 60, minute: 1 / 60, h: 1 / 3600, hour: 1 / 3600 };
const NUMBER = '([0-9]+(?:\\.[0-9]+)?)';

/** "500ms" → 500, "1.5s" → 1500, "15m" → 900000. A bare number has no unit and is refused. */
export function parseDurationMs(text: string): number | undefined {
  const match = new RegExp(`^${NUMBER}\\s*(us|ms|s|m|h)$`).exec(text.trim());
  return match ? Number(match[1]) * MILLISECONDS[match[2]!]! : undefined;
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
