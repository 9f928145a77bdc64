// A baseline that drifts breaks the promise of a false-alarm rate, and more boots do not restore it: the report says
// so. All boots that the history remembers are asked, each about its own level, and all gates of a stage together.

import { mean } from 'simple-statistics';
import { rememberedBoots } from '../baseline/series.ts';
import { standsAlone } from '../metrics.ts';
import { formatChange } from '../metrics-format.ts';
import { addSpread, type Spread, spreadOf } from '../stats/summary.ts';
import { mannKendallWithin, theilSenWithin } from '../stats/theil-sen.ts';
import type { Evidence } from './compare.ts';
import { asChange, changeIs, type Decision } from './decide.ts';
import { where } from './headline.ts';
import { levelChange } from './level-change.ts';
import type { StageEvidence } from './standing.ts';
import type { Finding } from './verdict.ts';

const FEWEST_FOR_TREND = 8;
/** Of a report: its stages share it. */
const TREND_ALPHA = 0.01;
/** A trend over the listed boots that moves no gate by this share of its minimum effect harms nobody. */
const OF_MINIMUM_EFFECT = 0.5;

export function driftFindings(stages: readonly StageEvidence[], decisions: readonly Decision[]): Finding[] {
  const compared = stages.filter((stage) => stage.standing.standing === 'compared');
  return compared.flatMap((stage) => {
    const all = decisions
      .map(({ evidence }) => evidence)
      .filter(({ stage: of, test, metric }) => of === stage.stage && test !== null && standsAlone(metric));
    const gates = all.filter((evidence) => evidence.gate);
    const family = gates.length > 0 ? gates : all;
    // A step looks like a trend, too, and is the better word for it.
    const step = levelChange(stage, family);
    return step === null ? driftOf(stage, family, TREND_ALPHA / compared.length) : [step];
  });
}

function driftOf(stage: StageEvidence, family: readonly Evidence[], alpha: number): Finding[] {
  if (stage.history === null || family.length === 0) return [];
  const levels = rememberedBoots(stage.history);
  const series = family.map(({ metric }) => levels.map((boots) => boots.map((boot) => boot.scaled(metric.id))));
  if (mannKendallWithin(together(series)) > alpha) return [];
  const steps = stage.baseline.length - 1;
  const moved = family
    .map((evidence, index) => ({ evidence, slope: theilSenWithin(series[index]!.map(known)) }))
    .filter(({ evidence, slope }) => Math.abs(slope * steps) >= OF_MINIMUM_EFFECT * evidence.minimumEffect)
    .toSorted((a, b) => Math.abs(b.slope) / b.evidence.minimumEffect - Math.abs(a.slope) / a.evidence.minimumEffect);
  const [worst] = moved;
  if (worst === undefined) return [];
  const { evidence, slope } = worst;
  const change = formatChange(
    asChange(evidence.metric, slope * steps),
    changeIs(evidence.metric),
    evidence.metric.unit,
  );
  return [
    {
      kind: 'note',
      severity: 'info',
      message: `The baseline drifts: ${where({ metric: evidence.metric.id, stage: evidence.stage })} moved by ${change} over its ${steps + 1} boots, so its false-alarm rate cannot be held.`,
      advice: 'Begin a new segment, or compare both sides on the same machine.',
    },
  ];
}

type Series = readonly (readonly (number | null)[])[];

/**
 * What boots have in common in all metrics: of each metric the distance from the mean of its level, in its own standard
 * deviations, averaged over the metrics. One test over it sees a drift earlier than one test a metric, and cries once.
 */
function together(series: readonly Series[]): number[][] {
  const scores = series.map((levels) => {
    const sd = Math.sqrt(within(levels));
    return levels.map((values) => {
      const centre = mean(known(values).length > 0 ? known(values) : [0]);
      return values.map((value) => (value === null || sd === 0 ? null : (value - centre) / sd));
    });
  });
  const kept = (scores[0] ?? []).map((values, level) =>
    values.flatMap((_, boot) => {
      const present = known(scores.map((metric) => metric[level]![boot]!));
      return present.length === 0 ? [] : [mean(present)];
    }),
  );
  return kept.reduce((sum, values) => sum + values.length, 0) >= FEWEST_FOR_TREND ? kept : [];
}

/** Variance of the values about the means of their levels. */
function within(levels: Series): number {
  const { ss, df } = levels.map((values) => spreadOf(known(values))).reduce<Spread>(addSpread, { ss: 0, df: 0 });
  return df === 0 ? 0 : ss / df;
}

const known = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);
