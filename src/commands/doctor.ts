// `plimsoll doctor`: is this machine fit, and what can its client carry.

import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { loadConfig } from '../config/load.ts';
import { type Config, clientSchema } from '../config/schema.ts';
import { measureClient } from '../doctor/carry.ts';
import { checkMachine } from '../doctor/checks.ts';
import { readMachine, readSlowdowns, type Slowdowns } from '../doctor/machine.ts';
import { diagnose, renderDiagnosis } from '../doctor/verdict.ts';
import { EXIT } from '../errors.ts';

interface Flags {
  readonly config: string;
  readonly out: string;
  readonly seconds: number;
  readonly workers?: number;
  readonly json: boolean;
}

export const doctorCommand = (signal: AbortSignal): Command =>
  new Command('doctor')
    .description('is this machine fit, and what can its client carry; against a built-in server')
    .option('-c, --config <file>', 'configuration, for its section client', 'plimsoll.yml')
    .option('--out <dir>', 'where the files of a run would go', 'plimsoll-out')
    .option('--workers <count>', 'threads that send (default: client.workers)', whole(1, 64))
    .option('--seconds <count>', 'how long to measure, about', whole(6, 600), 15)
    .option('--json', 'print one JSON object', false)
    .action(async (flags: Flags) => {
      const limits = limitsOf(flags);
      const facts = await readMachine(flags.out);
      const before = readSlowdowns();
      const carried = await measureClient({ limits, seconds: flags.seconds, signal });
      const diagnosis = diagnose(checkMachine(facts, rise(before, readSlowdowns())), carried, limits);
      process.stdout.write(
        flags.json
          ? `${JSON.stringify({ ...diagnosis, machine: facts })}\n`
          : renderDiagnosis(diagnosis, flags.seconds),
      );
      if (!diagnosis.fit) process.exitCode = EXIT.invalid;
    });

/** The defaults, where there is no configuration: the doctor may come before it. */
function limitsOf({ config, workers }: Flags): Config['client'] {
  const client =
    config === 'plimsoll.yml' && !existsSync(config)
      ? clientSchema.parse({})
      : loadConfig(config, { allowMissingEnv: true }).client;
  return workers === undefined ? client : { ...client, workers };
}

function rise(before: Slowdowns, after: Slowdowns): Slowdowns {
  const grown = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : b - a);
  return { thermal: grown(before.thermal, after.thermal), quota: grown(before.quota, after.quota) };
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`"${text}" is not a whole number from ${least} to ${most}`);
    return value;
  };
}
