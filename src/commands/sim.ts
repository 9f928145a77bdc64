// `plimsoll sim`: serves the simulated engine; every knob of its model is a flag.

import { randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { SIM_DEFAULTS, SIM_FLAGS, type SimOptions } from '../sim/model.ts';
import { startSimServer } from '../sim/server.ts';

export const simCommand = (signal: AbortSignal): Command => {
  const command = new Command('sim')
    .description('serve the simulated engine (OpenAI-compatible)')
    .option('--port <port>', 'where to listen; 0 = any free port', wholePort, 8000)
    .option('--host <host>', 'address to listen on', '127.0.0.1');
  for (const { flag, key, kind, description } of SIM_FLAGS) {
    const described = `${description} (default: ${SIM_DEFAULTS[key]})`;
    if (kind === 'boolean') command.option(flag, described);
    else if (kind === 'number') command.option(`${flag} <number>`, described, finite);
    else command.option(`${flag} <text>`, described);
  }
  return command.action(async (flags: Record<string, unknown>) => {
    const given = Object.fromEntries(
      SIM_FLAGS.map(({ flag, key }) => [key, flags[camelCase(flag)]] as const).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const options: Partial<SimOptions> = { bootSeed: randomInt(2 ** 31), ...given };
    await using server = await startSimServer({
      ...options,
      host: flags.host as string,
      port: flags.port as number,
      onCrash,
    });
    process.stdout.write(`simulated engine at ${server.url}\n`);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  });
};

/** Synchronous, so that the last words are in the log before the process is gone. */
const onCrash = (reason: string): void => {
  writeSync(process.stderr.fd, `simulated engine crashed: ${reason}\n`);
  process.exit(1);
};

const camelCase = (flag: string): string =>
  flag.slice(2).replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function finite(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError(`"${text}" is not a number`);
  return value;
}

function wholePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError(`"${text}" is not a port (0 to 65535)`);
  return port;
}
