// How long the judge takes for one report of forty comparisons: a measured number, beside how often it is right.

import { judge } from '../../src/judge/judge.ts';
import { METRICS } from '../../src/metrics.ts';
import { createBank } from './noise.ts';
import { inputOf } from './play.ts';
import { drawPullRequest } from './pull-request.ts';
import { SCENARIOS } from './scenarios.ts';

const COMPARISONS = 40;
const REPORTS = 100;

/** "40 comparisons in 2.1 ms". Gates are added until there are so many. */
export function speedOf(): string {
  const scenario = SCENARIOS.find(({ name }) => name === 'identical, 1 %')!;
  const drawn = drawPullRequest(scenario, createBank(1), 1, 0);
  const boots = [0, 1, 2].map(drawn.candidateBoot);
  const input = inputOf(scenario, drawn, boots);
  const compared = judge(input).comparisons.map(({ metric }) => metric);
  const further = METRICS.filter(({ scale }) => scale !== 'info')
    .flatMap(({ id, statistics }) =>
      statistics.length === 0 ? [id] : statistics.map((statistic) => `${id}.${statistic}`),
    )
    .filter((id) => !compared.includes(id))
    .map((metric) => ({ metric, stage: 'benchmark' as const }));
  const { comparison } = input.policy;
  const wide = {
    ...input,
    policy: {
      ...input.policy,
      comparison: { ...comparison, gates: [...comparison.gates, ...further.slice(0, COMPARISONS - compared.length)] },
    },
  };
  // Metrics that the model does not draw are those that it draws, under another name.
  for (const { metric } of further) {
    for (const boot of wide.record.boots)
      Object.assign(boot.stages[0]!.metrics, { [metric]: boot.stages[0]!.metrics['ttft.p95'] });
    for (const boot of drawn.file.stages.benchmark![0]!.segments.flatMap((segment) => segment.boots))
      Object.assign(boot.metrics, { [metric]: boot.metrics['ttft.p95'] });
  }
  for (let report = 0; report < REPORTS; report++) judge(wide);
  const started = performance.now();
  let count = 0;
  for (let report = 0; report < REPORTS; report++) count = judge(wide).comparisons.filter(({ p }) => p !== null).length;
  return `${count} comparisons in ${((performance.now() - started) / REPORTS).toFixed(1)} ms`;
}
