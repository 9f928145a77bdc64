// The one comment on the pull request: verdict first, readable on a phone, never longer than GitHub takes.

import type { DrawnChart } from './charts.ts';
import { fit } from './fit.ts';
import type { ReportInput } from './input.ts';
import {
  curveSections,
  deltaSection,
  drawnSections,
  environmentSection,
  findingsSection,
  headSection,
  latencySection,
  measuredSection,
  reproduceSection,
  restSection,
  slaSection,
  surgeSection,
  validitySection,
  whySection,
} from './sections.ts';
import { againstTitle, byImportance, isNotable, tellStory } from './story.ts';
import { compactDeltas, compactSla } from './tables.ts';

/** GitHub stores 262,144 bytes but says 65,536; older servers mean it. */
export const COMMENT_BYTES = 65_000;

/**
 * The comment in GitHub Markdown, at most COMMENT_BYTES of UTF-8, without the marker that finds it again. Where it
 * would be longer, sections give way in this order: environment, metrics that neither gate nor changed, validity,
 * latency chart, surge chart, achieved-rate chart, latency-over-load chart, how to reproduce, why, findings,
 * measured values, deltas, SLA. The headline stays.
 */
export function renderComment(
  input: ReportInput,
  { charts = 'mermaid' }: { readonly charts?: 'mermaid' | 'none' | readonly DrawnChart[] } = {},
): string {
  const story = tellStory(input);
  const comparisons = byImportance(input.verdict.comparisons);
  const notable = comparisons.filter(isNotable);
  const rest = comparisons.filter((one) => !isNotable(one));
  const sections = [
    headSection(story),
    findingsSection(story, 4),
    slaSection(compactSla(input), 1),
    deltaSection(againstTitle(input), notable, compactDeltas(input, notable), 2),
    restSection(rest, compactDeltas(input, rest), 12),
    ...(comparisons.length === 0 ? [measuredSection(input, 3)] : []),
    ...(charts === 'mermaid' ? [...curveSections(input, 7), surgeSection(input, 9), latencySection(input, 10)] : []),
    ...(typeof charts === 'string' ? [] : drawnSections(charts, 7)),
    whySection(input, story, 5),
    validitySection(input, 11),
    environmentSection(input, 13),
    reproduceSection(input, 6),
  ];
  return fit(
    sections,
    COMMENT_BYTES,
    (names) =>
      `Shortened to fit a comment: ${[...new Set(names)].join(', ')}. The job summary and the files of the run have all of it.`,
  );
}
