// What every command shares, and which there are: commander reads the arguments, each command has its own file. Here
// only what all share: signals become an abort, PlimsollErrors become messages and exit codes.

import { Command, CommanderError } from 'commander';
import pc from 'picocolors';
import { EXIT, PlimsollError } from '../errors.ts';
import { watchInterrupts } from '../interrupts.ts';
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

const interrupts = watchInterrupts((name, code, first) => {
  // A second signal means now: what could be kept was flushed, but for the last second.
  if (!first) process.exit(code);
  process.stderr.write(`\n${name}: ending the deployment and keeping what was measured (again to end at once)\n`);
});

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
  program.addCommand(command(interrupts.signal).exitOverride());
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
if (interrupts.exitCode !== null) process.exitCode = interrupts.exitCode;

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
