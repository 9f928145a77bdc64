// Everything that people read of a run, rebuilt from record, verdict and baseline: also by `plimsoll report`.

import { renderCharts } from '../report/charts.ts';
import { renderComment } from '../report/comment.ts';
import { renderHtml } from '../report/html.ts';
import type { ReportInput } from '../report/input.ts';
import { renderSummary } from '../report/summary.ts';
import type { RunFolder } from './folder.ts';

export function publishFiles(folder: Pick<RunFolder, 'write' | 'writeChart'>, input: ReportInput): void {
  folder.write('verdict', `${JSON.stringify(input.verdict, null, 2)}\n`);
  folder.write('comment', renderComment(input));
  folder.write('summary', renderSummary(input));
  for (const chart of renderCharts(input)) folder.writeChart(chart.name, chart.svg);
  folder.write('html', renderHtml(input));
}
