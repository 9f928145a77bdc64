// How a verdict may sound and look: its glyph, its word, and the one rule on green. A report is green only where
// everything was measured, valid and compared; whatever is missing takes the green away, never the other way round.

import type { Comparison, SlaStatus, StageStanding } from '../judge/verdict.ts';
import type { ReportInput } from './input.ts';

export type Tone = 'green' | 'neutral' | 'warn' | 'fail' | 'invalid';

/** `neutral`: nothing stands against the run, but not everything that a pass needs is there. */
export function toneOf({ record, verdict, provenance }: ReportInput): Tone {
  if (verdict.outcome !== 'pass') return verdict.outcome;
  const clean =
    provenance.untrusted !== true &&
    verdict.stages.length > 0 &&
    verdict.stages.every(({ standing }) => standing === 'compared') &&
    verdict.sla.every(({ status }) => status === 'gold' || status === 'tolerated') &&
    verdict.comparisons.every((one) => one.verdict !== 'regressed' && one.verdict !== 'suspected') &&
    verdict.findings.every(({ severity }) => severity !== 'fail' && severity !== 'invalid') &&
    record.status === 'complete';
  return clean ? 'green' : 'neutral';
}

/** Never colour alone: a shape and a word. */
export const TONES: Readonly<Record<Tone, { readonly glyph: string; readonly mark: string; readonly word: string }>> = {
  green: { glyph: '✅', mark: '✓', word: 'Pass' },
  neutral: { glyph: '⬜', mark: '□', word: 'Measured' },
  warn: { glyph: '⚠️', mark: '!', word: 'Warning' },
  fail: { glyph: '❌', mark: '✗', word: 'Fail' },
  invalid: { glyph: '🚫', mark: '⊘', word: 'Not judged' },
};

export const COMPARISON_MARKS: Readonly<
  Record<Comparison['verdict'], { readonly glyph: string; readonly mark: string }>
> = {
  regressed: { glyph: '❌', mark: '✗' },
  suspected: { glyph: '⚠️', mark: '!' },
  inconclusive: { glyph: '❔', mark: '?' },
  improved: { glyph: '🔷', mark: '+' },
  unchanged: { glyph: '', mark: '=' },
};

export const SLA_MARKS: Readonly<
  Record<SlaStatus, { readonly glyph: string; readonly mark: string; readonly word: string }>
> = {
  gold: { glyph: '⭐', mark: '★', word: 'gold' },
  tolerated: { glyph: '⚠️', mark: '!', word: 'tolerated' },
  breached: { glyph: '❌', mark: '✗', word: 'breached' },
  not_measured: { glyph: '❔', mark: '?', word: 'not measured' },
};

export const STANDING_WORDS: Readonly<Record<StageStanding['standing'], string>> = {
  compared: 'compared',
  measured: 'measured, not compared',
  unbaselined: 'no baseline yet',
  incomparable: 'not comparable',
  invalid: 'invalid',
  missing: 'missing',
};
