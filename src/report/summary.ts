// The job summary: the whole report on one page of Markdown, within what GitHub takes for one step.

import { fit } from './fit.ts';
import type { ReportInput } from './input.ts';
import {
  curveSections,
  deltaSection,
  environmentSection,
  everyMetricSection,
  findingsSection,
  headSection,
  latencySection,
  plainTableSection,
  reproduceSection,
  slaSection,
  surgeSection,
  validitySection,
  whySection,
} from './sections.ts';
import { againstTitle, byImportance, tellStory } from './story.ts';
import { curveTable, slaTable, wideDeltas } from './tables.ts';

/** GitHub refuses a step's summary above 1 MiB; earlier lines of the same step may have taken some of it. */
export const SUMMARY_BYTES = 900_000;

/** The whole report in GitHub Markdown, at most SUMMARY_BYTES of UTF-8; longer ones give way as fit.ts says. */
export function renderSummary(input: ReportInput): string {
  const story = tellStory(input);
  const comparisons = byImportance(input.verdict.comparisons);
  const sections = [
    headSection(story),
    findingsSection(story, 4),
    slaSection(slaTable(input), 1),
    deltaSection(againstTitle(input), comparisons, wideDeltas(input, comparisons), 2),
    ...curveSections(input, 7),
    plainTableSection('load curve', 'Load curve, step by step', curveTable(input), 5),
    surgeSection(input, 9),
    latencySection(input, 10),
    whySection(input, story, 3),
    everyMetricSection(input, 12),
    validitySection(input, 11),
    environmentSection(input, 13),
    reproduceSection(input, 6),
  ];
  return fit(
    sections,
    SUMMARY_BYTES,
    (names) =>
      `Shortened to fit a job summary: ${[...new Set(names)].join(', ')}. The files of the run have all of it.`,
  );
}
