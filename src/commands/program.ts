// What every command shares, and which there are: commander reads the arguments, each command has its own file. Here
// only what all share: signals become an abort, PlimsollErrors become messages and exit codes.

import { Command, CommanderError } from 'commander';
import pc from 'picocolors';
import { EXIT, PlimsollError } from '../errors.ts';
import { VERSION } from '../version.ts';
import { baselineCommand } from './baseline.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { judgeCommand, reportCommand } from './judge.ts';
import { ledgerCommand } from './ledger.ts';
import { powerCommand } from './power.ts';
import { runCommand } from './run.ts';
import { initCommand, validateCommand } from './setup.ts';
import { simCommand } from './sim.ts';

const interrupted = new AbortController();
let signalExit: number | null = null;
for (const [signal, code] of [
  ['SIGINT', EXIT.interrupted],
  ['SIGTERM', EXIT.terminated],
] as const) {
  process.on(signal, () => {
    // A second signal means now: what could be kept was flushed with every batch.
    if (signalExit !== null) process.exit(code);
    signalExit = code;
    process.stderr.write(`\n${signal}: ending the deployment and keeping what was measured (again to end at once)\n`);
    interrupted.abort();
  });
}

const program = new Command('plimsoll')
  .description(
    'Draws the load line of a model deployment: staged load, statistical verdict, one comment on the pull request.',
  )
  .version(VERSION)
  .showHelpAfterError('(plimsoll --help shows what there is)')
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride();
for (const command of [
  runCommand,
  judgeCommand,
  reportCommand,
  baselineCommand,
  powerCommand,
  ledgerCommand,
  validateCommand,
  initCommand,
  doctorCommand,
  simCommand,
  demoCommand,
]) {
  program.addCommand(command(interrupted.signal).exitOverride());
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
if (signalExit !== null) process.exitCode = signalExit;

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof PlimsollError) {
    process.stderr.write(`${pc.red(`plimsoll: ${error.code}`)}: ${error.message}\n`);
    if (error.hint !== undefined) process.stderr.write(`${error.hint}\n`);
    return error.exitCode;
  }
  process.stderr.write(
    `plimsoll: INTERNAL: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nThis is a fault of Plimsoll; please report it with the lines above.\n`,
  );
  return EXIT.usage;
}
