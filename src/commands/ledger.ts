// `plimsoll ledger`: A/A boots of the deployment, for what they say of how much boots differ.

import { Command, Option } from 'commander';
import { configFolder, loadConfig } from '../config/load.ts';
import { type Config, STAGES, type StageName } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { MOST_USEFUL_DF, WANTED_DF } from '../judge/aa.ts';
import { boughtSentence, sightLine, untaughtSentence } from '../report/ledger.ts';
import { fillLedger, type LedgerResult } from '../runner/ledger.ts';
import { atLeastTwo, wholeUpTo } from './input.ts';
import { localProvenance, terminalProgress } from './run.ts';

interface LedgerFlags {
  readonly config: string;
  readonly out: string;
  readonly baselines: string;
  readonly stage?: readonly StageName[];
  readonly boots?: number;
  readonly untilDegreesOfFreedom: number;
  readonly json: boolean;
}

export const ledgerCommand = (signal: AbortSignal): Command =>
  new Command('ledger')
    .description('boot the same deployment again and again, to learn how much boots differ')
    .option('-c, --config <file>', 'configuration', 'plimsoll.yml')
    .option('--out <dir>', 'where the files of the boots go', 'plimsoll-ledger')
    .option('--baselines <dir>', 'the baseline store whose ledger is filled', 'baselines')
    .addOption(
      new Option('--stage <stages...>', 'only these stages (default: all that are configured)').choices(STAGES),
    )
    .addOption(new Option('--boots <n>', 'boots that count').argParser(atLeastTwo).conflicts('untilDegreesOfFreedom'))
    .option(
      '--until-degrees-of-freedom <n>',
      'as many boots as it takes until the ledger of each gate has so many',
      wholeUpTo(MOST_USEFUL_DF),
      WANTED_DF,
    )
    .option('--json', 'print one JSON object', false)
    .action(async (flags: LedgerFlags) => {
      const result = await fillLedger({
        config: withStages(loadConfig(flags.config), flags.stage),
        cwd: configFolder(flags.config),
        out: flags.out,
        baselines: flags.baselines,
        goal:
          flags.boots === undefined
            ? { kind: 'degrees of freedom', df: flags.untilDegreesOfFreedom }
            : { kind: 'boots', boots: flags.boots },
        commit: localProvenance(flags.config, configFolder(flags.config)).commit,
        progress: terminalProgress(),
        signal,
      });
      process.stdout.write(`${flags.json ? JSON.stringify(result) : describe(result)}\n`);
      process.exitCode = result.exitCode;
    });

function withStages(config: Config, wanted: readonly StageName[] | undefined): Config {
  if (wanted === undefined) return config;
  const missing = wanted.filter((stage) => config.stages[stage] === undefined);
  if (missing.length > 0) {
    throw new PlimsollError('USAGE', `--stage ${missing.join(' ')}: the configuration has no such stage.`, {
      hint: `It has ${STAGES.filter((stage) => config.stages[stage] !== undefined).join(', ')}.`,
    });
  }
  return { ...config, stages: Object.fromEntries(wanted.map((stage) => [stage, config.stages[stage]])) };
}

function describe(result: LedgerResult): string {
  const untaught = untaughtSentence(result.untaught);
  return [
    ...(result.stopped === null ? [] : [`Ended before its goal: ${result.stopped}.`]),
    ...(result.path === null ? [] : result.after.map((sight) => `  ${sightLine(sight)}`)),
    ...(untaught === null || result.path === null ? [] : [untaught]),
    boughtSentence(result),
    result.path === null ? 'No baseline file was changed.' : result.path,
  ].join('\n');
}
