// `plimsoll run`: the main job from the command line. Report on standard output, progress on standard error.

import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { type Base, pathFrom, readBase } from '../baseline/base.ts';
import { isDirty, repositoryRoot, resolveRevision } from '../baseline/git.ts';
import { addRunToStore } from '../baseline/store.ts';
import { configFolder, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import type { ReportInput } from '../report/input.ts';
import { renderTerminal } from '../report/terminal.ts';
import { type RunMode, type RunOptions, type RunResult, run } from '../run.ts';
import { createLiveProgress, createLogProgress, type Progress } from '../runner/progress.ts';

interface RunFlags {
  readonly config: string;
  readonly out: string;
  readonly baselines: string;
  readonly base?: string;
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
    .option(
      '--base <rev>',
      'a commit, branch or tag whose deployment is booted in turn with this one, and compared with in place of the store',
    )
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
      const loaded = loadConfig(flags.config);
      const base = localBase(flags, loaded);
      const config =
        base === null ? loaded : { ...loaded, comparison: { ...loaded.comparison, against: 'interleaved' as const } };
      const cwd = configFolder(flags.config);
      const result = await run({
        config,
        cwd,
        out: flags.out,
        baselines: { kind: 'directory', path: flags.baselines },
        base,
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

/**
 * What `--base` names; null where it was not given. Its rules do not count: they are the working tree's.
 * @throws PlimsollError USAGE where there is nothing that could differ, or nothing to boot; GIT_UNREACHABLE
 */
function localBase({ base: revision, config: path, mode }: RunFlags, { comparison, deployment }: Config): Base | null {
  if (revision === undefined) {
    if (comparison.against !== 'interleaved' || mode !== 'gate') return null;
    throw new PlimsollError('USAGE', `${path} compares interleaved, but no base is named.`, {
      hint: 'Name the commit to compare with: `plimsoll run --base main`.',
    });
  }
  if (mode !== 'gate')
    throw new PlimsollError('USAGE', `--base has no meaning in --mode ${mode}: that compares nothing.`, {
      hint: 'Leave one of them out.',
    });
  if (deployment.kind === 'external')
    throw new PlimsollError(
      'USAGE',
      `${path} boots nothing (deployment.kind is external), so --base cannot be booted in turn with it.`,
      {
        hint: 'Give the command that starts the server, with kind: process.',
      },
    );
  const repo = repositoryRoot(configFolder(path));
  const commit = resolveRevision(repo, revision);
  if (commit === resolveRevision(repo, 'HEAD') && !isDirty(repo))
    throw new PlimsollError(
      'USAGE',
      `--base ${revision} is the commit that is checked out (${commit.slice(0, 7)}), without a change to it: nothing would be compared.`,
      {
        hint: 'Name an earlier commit, such as HEAD~1 or main.',
      },
    );
  const inside = pathFrom(repo, path);
  const base: Base =
    inside === null
      ? { kind: 'none', ref: revision, commit, problem: `${path} is not inside the repository ${repo}` }
      : readBase({ repo, ref: revision, commit, path: inside, env: process.env });
  if (base.kind === 'found') return base;
  throw new PlimsollError('USAGE', `--base ${revision} cannot be booted: ${base.problem}.`, {
    hint: 'Name a commit that has a configuration of its own to boot.',
  });
}

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
  if (stored.begun !== null) process.stderr.write(`baseline: a new segment begins: ${stored.begun}\n`);
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
