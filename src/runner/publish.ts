// Everything that people read of a run, rebuilt from record, verdict, baseline and rows: also by `plimsoll report`.

import { existsSync, readFileSync } from 'node:fs';
import { renderCharts } from '../report/charts.ts';
import { renderComment } from '../report/comment.ts';
import { renderHtml } from '../report/html.ts';
import type { ReportInput } from '../report/input.ts';
import { renderSummary } from '../report/summary.ts';
import type { RunFolder } from './folder.ts';
import { readDigest } from './rows.ts';

/** The row files must have been closed before. */
export async function publishFiles(
  folder: Pick<RunFolder, 'path' | 'write' | 'writeChart'>,
  input: ReportInput,
): Promise<void> {
  folder.write('verdict', `${JSON.stringify(input.verdict, null, 2)}\n`);
  folder.write('comment', renderComment(input));
  folder.write('summary', renderSummary(input));
  for (const chart of renderCharts(input)) folder.writeChart(chart.name, chart.svg);
  const script = pageScript();
  const interactive = script === null ? null : { script, digest: await readDigest(folder.path, input.record) };
  folder.write('html', renderHtml(input, interactive));
}

/** The bundle of src/page. A checkout in which nothing was built yet has none: its page shows still charts. */
function pageScript(): string | null {
  const path = ['./page.js', '../../dist/page.js'].map((one) => new URL(one, import.meta.url)).find(existsSync);
  return path === undefined ? null : readFileSync(path, 'utf8');
}
