// Stages by growth path: 10–100, 100–1,000 and above 1,000 requests per second. In: the preset's name and the
// stages as written. Out: stages as if they had all been written.

type Stages = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
export type Preset = keyof typeof PRESETS;

const PRESETS = {
  functional: {
    benchmark: { rate: '10/s', rounds: 5, duration: '90s' },
    linear: { from: '10/s', to: '100/s', steps: 10, hold: '30s' },
    'step-surge': { base: '10/s', surges: ['50/s', '100/s'], hold: '30s', recover: '60s' },
  },
  tuning: {
    benchmark: { rate: '100/s', rounds: 5, duration: '90s' },
    linear: { from: '100/s', to: '1000/s', steps: 10, hold: '60s' },
    'step-surge': { base: '100/s', surges: ['500/s', '1000/s'], hold: '60s', recover: '120s' },
  },
  extreme: {
    benchmark: { rate: '1000/s', rounds: 5, duration: '90s' },
    linear: { from: '1000/s', to: '10000/s', steps: 10, hold: '60s' },
    'step-surge': { base: '1000/s', surges: ['5000/s', '10000/s'], hold: '60s', recover: '120s' },
  },
} as const satisfies Record<string, Stages>;

/**
 * Without preset and without stages: `functional`. With a preset: its stages, and every field that is written
 * replaces the preset's. With stages alone: those, as written.
 */
export function applyPreset(preset: unknown, stages: unknown): unknown {
  const written = stages ?? {};
  if (!isSection(written)) return stages; // the schema will say what is wrong with it
  const name = preset ?? (Object.keys(written).length === 0 ? 'functional' : undefined);
  if (typeof name !== 'string' || !Object.hasOwn(PRESETS, name)) return written;
  const base: Stages = PRESETS[name as Preset];
  const merged: Record<string, unknown> = { ...base };
  for (const [stage, fields] of Object.entries(written)) {
    if (!isSection(fields)) {
      if (fields !== null || !Object.hasOwn(base, stage)) merged[stage] = fields;
      continue;
    }
    const { rate, ...rest } = base[stage] ?? {};
    // Users or a trace instead of a rate: they exclude each other, and the written one is meant.
    const isRate = fields.users === undefined && fields.replay === undefined;
    merged[stage] = { ...rest, ...(rate !== undefined && isRate && { rate }), ...fields };
  }
  return merged;
}

const isSection = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
