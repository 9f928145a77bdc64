// `plimsoll run`: the main job from the command line. Report on standard output, progress on standard error.

import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { addRunToStore } from '../baseline/store.ts';
import { configFolder, loadConfig } from '../config/load.ts';
import type { ReportInput } from '../report/input.ts';
import { renderTerminal } from '../report/terminal.ts';
import { type RunMode, type RunOptions, type RunResult, run } from '../run.ts';
import { createLiveProgress, createLogProgress, type Progress } from '../runner/progress.ts';

interface RunFlags {
  readonly config: string;
  readonly out: string;
  readonly baselines: string;
  readonly mode: RunMode;
  readonly name: string;
  readonly json: boolean;
}

export const runCommand = (signal: AbortSignal): Command =>
  new Command('run')
    .description('boot, load, compare with the stored baseline, judge')
    .option('-c, --config <file>', 'configuration', 'plimsoll.yml')
    .option('--out <dir>', 'where the files of the run go', 'plimsoll-out')
    .option('--baselines <dir>', 'the baseline store', 'baselines')
    .addOption(
      new Option(
        '--mode <mode>',
        'gate: judge; baseline: judge the SLA and add the run to the store; measure: no comparison',
      )
        .choices(['gate', 'baseline', 'measure'])
        .default('gate'),
    )
    .option('--name <name>', 'tells apart several runs of one deployment', '')
    .option('--json', 'print the verdict as one JSON object', false)
    .action(async (flags: RunFlags) => {
      const config = loadConfig(flags.config);
      const cwd = configFolder(flags.config);
      const result = await run({
        config,
        cwd,
        out: flags.out,
        baselines: { kind: 'directory', path: flags.baselines },
        mode: flags.mode,
        name: flags.name,
        provenance: localProvenance(flags.config, cwd),
        progress: terminalProgress(),
        signal,
      });
      if (flags.mode === 'baseline') storeRun(result, flags.baselines);
      print(result, flags.json);
      process.exitCode = result.exitCode;
    });

/** Live where a person watches, log lines where a log is kept. */
export const terminalProgress = (): Progress =>
  process.stderr.isTTY
    ? createLiveProgress(process.stderr)
    : createLogProgress(
        (line) => process.stderr.write(`${line}\n`),
        process.env.GITHUB_ACTIONS === 'true' ? 'github' : 'plain',
      );

export function print(result: RunResult, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(result.verdict)}\n`);
    return;
  }
  printReport(result);
  process.stderr.write(`files of this run: ${result.folder.path}/ (comment.md is what a pull request would get)\n`);
}

export function printReport(report: ReportInput): void {
  const color = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  process.stdout.write(`${renderTerminal(report, { color, width: process.stdout.columns ?? 100 })}\n`);
}

/** Adds the run's valid boots to the store and says what was added or refused. */
export function storeRun(result: RunResult, baselines: string): void {
  const stored = addRunToStore(baselines, result.record);
  for (const added of stored.added) process.stderr.write(`baseline: added ${added}\n`);
  for (const refused of stored.refused) process.stderr.write(`baseline: refused ${refused}\n`);
  if (stored.path !== null) process.stderr.write(`baseline: ${stored.path}\n`);
}

export const localProvenance = (configPath: string, cwd: string): RunOptions['provenance'] => ({
  commit: headCommit(cwd),
  policySource: `${configPath} in the working tree`,
  policyChanges: [],
  noPolicyAtBase: false,
  pullRequest: null,
  runUrl: null,
  configPath,
});

function headCommit(cwd: string): string | null {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: resolve(cwd),
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
    }).trim();
  } catch {
    return null;
  }
}
