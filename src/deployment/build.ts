// Runs `deployment.build`, once before the first boot, as an owned process group like the deployment itself.

import { resolve } from 'node:path';
import type { DeploymentConfig } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { quoteLog } from './log.ts';
import { maskCommand, maskCommandLine, maskSecrets } from './mask.ts';
import { spawnOwned } from './spawn.ts';

export interface BuildOptions {
  /** Folder of the configuration. */
  readonly cwd: string;
  readonly logPath: string;
  readonly label?: string | undefined;
  readonly secrets?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((message: string) => void) | undefined;
}

/**
 * Nothing to do where the configuration has no build.
 * @throws PlimsollError BUILD_FAILED (with the last lines), COMMAND_NOT_FOUND, CONFIG_INVALID, CANCELLED
 */
export async function runBuild(config: DeploymentConfig, options: BuildOptions): Promise<void> {
  if (config.build === undefined) return;
  const secrets = options.secrets ?? [];
  const command =
    typeof config.build === 'string' ? (config.shell ? [config.build] : splitWords(config.build)) : config.build;
  const shownCommand = config.shell ? maskCommandLine(command.join(' '), secrets) : maskCommand(command, secrets);
  options.onProgress?.(`build: ${shownCommand}`);
  const spawned = await spawnOwned({
    field: 'deployment.build',
    command,
    shell: config.shell,
    cwd: resolve(options.cwd, config.cwd ?? '.'),
    env: config.env,
    logPath: options.logPath,
    label: `build of ${options.label ?? config.name}`,
    shownCommand,
    port: null,
    stopTimeoutMs: config.stopTimeout,
    mask: (text) => maskSecrets(text, secrets),
  });
  const cancelled = new Promise<null>((done) => {
    const stop = () => done(null);
    if (options.signal?.aborted) stop();
    options.signal?.addEventListener('abort', stop, { once: true });
    void spawned.onExit.then(() => options.signal?.removeEventListener('abort', stop));
  });
  const report = await Promise.race([spawned.onExit, cancelled]);
  await spawned.dispose();
  if (report === null) throw new PlimsollError('CANCELLED', 'Cancelled during deployment.build.');
  if (report.code !== 0) {
    throw new PlimsollError(
      'BUILD_FAILED',
      `deployment.build failed (${report.signal ?? `exit code ${report.code}`}): ${shownCommand}${quoteLog(options.logPath, report.lastLines)}`,
      {
        hint: 'Run the command by hand in the same folder; the log says more.',
      },
    );
  }
}

/**
 * "pip install -r 'my file.txt'" → its words, with quotes and backslashes as a shell reads them, and nothing else.
 * @throws PlimsollError CONFIG_INVALID for an open quote, or what only a shell can do
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  const pattern = /\s*((?:[^\s'"\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+)/y;
  const end = text.trimEnd().length;
  while (pattern.lastIndex < end) {
    const match = pattern.exec(text);
    if (!match)
      throw new PlimsollError('CONFIG_INVALID', `deployment.build: a quote or backslash is left open in: ${text}`, {
        hint: 'Write it as a list of words: [program, argument, …].',
      });
    const raw = match[1]!;
    if (
      /^(?:&&|\|\|?|;|&|\d?>{1,2}&?\d?|<)$/.test(raw) ||
      /\$\(|`/.test(raw.replaceAll(/'[^']*'/g, '')) ||
      /;$/.test(raw)
    ) {
      throw new PlimsollError(
        'CONFIG_INVALID',
        `deployment.build: "${raw}" needs a shell, and commands run without one.`,
        { hint: 'Set `shell: true`, or move the steps into a script.' },
      );
    }
    words.push(
      raw.replaceAll(
        /'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])/g,
        (_, single?: string, double?: string, escaped?: string) =>
          single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? '',
      ),
    );
  }
  if (words.length === 0)
    throw new PlimsollError('CONFIG_INVALID', 'deployment.build is empty.', {
      hint: 'Give a command, or leave `build` out.',
    });
  return words;
}
