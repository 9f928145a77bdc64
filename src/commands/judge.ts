// `plimsoll judge` and `plimsoll report`: everything right of the RunRecord, from files, without a deployment.

import { join } from 'node:path';
import { Command } from 'commander';
import { storedFile } from '../baseline/lookup.ts';
import type { BaselineLookup } from '../baseline/schema.ts';
import { parseBaseline } from '../baseline/store.ts';
import { loadConfig } from '../config/load.ts';
import { STAGES } from '../config/schema.ts';
import { EXIT, PlimsollError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import { expectedStages } from '../judge/expected.ts';
import { explain } from '../judge/explain.ts';
import { type JudgeInput, judge } from '../judge/judge.ts';
import { resolveMetric } from '../metrics.ts';
import { mergeRecords } from '../record/codec.ts';
import { compareFacts } from '../record/keys.ts';
import type { RunRecord } from '../record/schema.ts';
import type { ReportInput } from '../report/input.ts';
import { RUN_FILES, type RunContext } from '../runner/folder.ts';
import { publishFiles } from '../runner/publish.ts';
import { VERSION } from '../version.ts';
import { readInput, readRecord } from './input.ts';
import { localProvenance, printReport } from './run.ts';

export const judgeCommand = (): Command =>
  new Command('judge')
    .description('records in, verdict out; boots of all files count together')
    .argument('<run...>', 'run.json files')
    .option('--baseline <file>', 'the baseline file to compare with')
    .option('-c, --config <file>', 'configuration with the SLA and comparison policy', 'plimsoll.yml')
    .option('--json', 'print the verdict as one JSON object', false)
    .option('--explain <metric>', 'print the numbers of each step for one metric, such as ttft.p95@benchmark')
    .action((runs: string[], flags: { baseline?: string; config: string; json: boolean; explain?: string }) => {
      // Asked to judge, whatever the run itself was for.
      const record: RunRecord = { ...mergeRecords(runs.map(readRecord)), mode: 'gate' };
      const lookup = lookupIn(flags.baseline, record);
      const provenance = { ...localProvenance(flags.config, '.'), plimsoll: VERSION };
      const policy = loadConfig(flags.config, { allowMissingEnv: true });
      const [measured, configured] = [plannedStages(record), expectedStages(policy, record, lookup)];
      const input: JudgeInput = {
        record,
        lookup,
        policy,
        expected: STAGES.filter((stage) => measured.includes(stage) || configured.includes(stage)),
      };
      if (flags.explain !== undefined) {
        refuseUnknownMetric(flags.explain);
        process.stdout.write(`${explain(input, flags.explain)}\n`);
        return;
      }
      const verdict = judge(input);
      if (flags.json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
      else printReport({ record, verdict, baseline: storedFile(lookup), provenance });
      process.exitCode = verdict.exitCode;
    });

export const reportCommand = (): Command =>
  new Command('report')
    .description('rebuild comment, summary, charts and HTML from the files of a run')
    .argument('<dir>', 'the --out folder of a run')
    .action(async (dir: string) => {
      const record = readRecord(dir);
      const context = readContext(join(dir, RUN_FILES.context));
      const lookup = lookupOf(context, dir);
      const verdict = judge({
        record,
        lookup,
        policy: context.policy,
        expected: plannedStages(record),
        overBudget: context.overBudget,
        provenance: context.provenance,
      });
      const report: ReportInput = { record, verdict, baseline: storedFile(lookup), provenance: context.provenance };
      await publishFiles(
        {
          path: dir,
          write: (name, content) => writeFileAtomic(join(dir, RUN_FILES[name]), content),
          writeChart: (name, svg) => writeFileAtomic(join(dir, RUN_FILES.charts, name), svg),
        },
        report,
      );
      printReport(report);
      process.exitCode = EXIT.ok;
    });

function refuseUnknownMetric(metricAtStage: string): void {
  const [metric = ''] = metricAtStage.split('@');
  if (resolveMetric(metric)) return;
  throw new PlimsollError('USAGE', `--explain ${metricAtStage}: there is no metric "${metric}".`, {
    hint: 'docs/glossary.md lists them; write metric@stage, such as ttft.p95@benchmark.',
  });
}

function lookupIn(path: string | undefined, record: RunRecord): BaselineLookup {
  if (path === undefined) return { kind: 'none', reason: 'no baseline file was given' };
  const file = parseBaseline(readInput(path), path);
  const differences = compareFacts(file.environment, record.environment);
  return differences.length === 0 ? { kind: 'found', path, file } : { kind: 'incomparable', path, differences };
}

/** What the run was compared with, as it was told then; the file itself lies beside the record. */
function lookupOf({ lookup }: RunContext, dir: string): BaselineLookup {
  if (lookup.kind !== 'found') return lookup;
  const beside = join(dir, RUN_FILES.baseline);
  return { kind: 'found', path: lookup.path, file: parseBaseline(readInput(beside), beside) };
}

const plannedStages = (record: RunRecord) => STAGES.filter((stage) => record.workloads[stage] !== undefined);

function readContext(path: string): RunContext {
  try {
    return JSON.parse(readInput(path)) as RunContext;
  } catch (error) {
    if (error instanceof PlimsollError) throw error;
    throw new PlimsollError('INPUT_INVALID', `${path} is damaged: ${(error as Error).message}`, {
      hint: 'Run again, or judge run.json with `plimsoll judge`.',
      cause: error,
    });
  }
}
