// Boots what is under test and hands it over ready to be measured; disposing leaves nothing of it behind.
// In: the deployment section of a configuration. Out: a Deployment, or an error that says why it never was.

import { resolve } from 'node:path';
import type { DeploymentConfig } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { quoteLog } from './log.ts';
import { maskCommand, maskCommandLine, maskSecrets } from './mask.ts';
import { addressOf, holdersOf, isListening, listeningPorts } from './ports.ts';
import { commandLineOf, markerOf, membersOf, readProcess } from './processes.ts';
import { type Readiness, waitUntilReady } from './ready.ts';
import { type DisposeReport, type ExitReport, type Spawned, spawnOwned } from './spawn.ts';
import { storedOwners } from './state.ts';
import { openTarget, type Target, targetOf } from './target.ts';

export type { DisposeReport, ExitReport } from './spawn.ts';

export interface Deployment extends Target {
  /** Leader of its process group; null for an external deployment. */
  readonly pid: number | null;
  /** Spawn → ready; null for an external deployment. */
  readonly bootMs: number | null;
  /** How it ended by itself; null while it runs. */
  exited(): ExitReport | null;
  /** Settles when its command ends; never for an external deployment. */
  readonly onExit: Promise<ExitReport>;
  /** Ends it with all it started; safe to call twice. Nothing to do for an external one. */
  dispose(): Promise<DisposeReport>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface BootOptions {
  /** Folder of the configuration: relative paths start there. */
  readonly cwd: string;
  /** 1-based, for messages. */
  readonly boot: number;
  readonly logPath: string;
  /** What the run is called, for those who find its port or lock taken. */
  readonly label?: string | undefined;
  /** Values that must not be shown: messages and the log are masked. */
  readonly secrets?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((message: string) => void) | undefined;
}

/**
 * @throws PlimsollError CONFIG_INVALID, COMMAND_NOT_FOUND, PORT_TAKEN, BOOT_EXITED, BOOT_TIMEOUT, CANCELLED;
 *   whatever was started is gone by then
 */
export async function bootDeployment(config: DeploymentConfig, options: BootOptions): Promise<Deployment> {
  const never = new AbortController().signal;
  const context: BootContext = {
    ...options,
    label: options.label ?? config.name,
    signal: options.signal ?? never,
    say: options.onProgress ?? (() => {}),
    mask: (text) => maskSecrets(text, options.secrets ?? []),
    target: targetOf(config, options.cwd),
  };
  switch (config.kind) {
    case 'process':
      return bootProcess(config, context);
    case 'external':
      return bootExternal(config, context);
    case 'container':
    case 'compose':
    case 'kubernetes':
      throw new PlimsollError(
        'CONFIG_INVALID',
        `deployment.kind: "${config.kind}" is not built yet; use process or external.`,
        {
          hint: 'A `process` whose command is `docker run …` in the foreground works too.',
        },
      );
  }
}

interface BootContext extends Omit<BootOptions, 'label' | 'signal'> {
  readonly label: string;
  readonly signal: AbortSignal;
  readonly say: (message: string) => void;
  readonly mask: (text: string) => string;
  readonly target: Target;
}

async function bootProcess(config: DeploymentConfig, context: BootContext): Promise<Deployment> {
  const { mask, signal } = context;
  if (!config.command) {
    throw new PlimsollError('CONFIG_INVALID', 'deployment.command is missing: a process needs one.', {
      hint: 'Give the command that serves the model, or set `kind: external` for one that runs already.',
    });
  }
  const { port } = addressOf(config.url);
  await refuseTakenPort(config.url, context.secrets ?? []);
  if (signal.aborted) throw new PlimsollError('CANCELLED', 'Cancelled before the deployment was booted.');

  const secrets = context.secrets ?? [];
  const shownCommand = config.shell
    ? maskCommandLine(config.command.join(' '), secrets)
    : maskCommand(config.command, secrets);
  context.say(`boot ${context.boot}: ${shownCommand}`);
  const spawned = await spawnOwned({
    field: 'deployment.command',
    command: config.command,
    shell: config.shell,
    cwd: resolve(context.cwd, config.cwd ?? '.'),
    env: config.env,
    logPath: context.logPath,
    label: context.label,
    shownCommand,
    port,
    stopTimeoutMs: config.stopTimeout,
    mask,
  });
  try {
    const readiness = await untilReady(config, context, spawned.onExit);
    if (readiness.kind !== 'ready') throw notReady(readiness, config, context, spawned);
    const bootMs = readiness.atMs - spawned.spawnedAtMs;
    context.say(`boot ${context.boot}: ready after ${seconds(bootMs)}`);
    return {
      ...context.target,
      pid: spawned.pid,
      bootMs,
      exited: spawned.exited,
      onExit: spawned.onExit,
      dispose: spawned.dispose,
      [Symbol.asyncDispose]: async () => {
        const { left } = await spawned.dispose();
        if (left.length > 0)
          context.say(
            `still running after SIGKILL: ${left.map(({ pid, command }) => `${pid} (${maskCommandLine(command, secrets)})`).join(', ')}`,
          );
      },
    };
  } catch (error) {
    await spawned.dispose();
    throw error;
  }
}

async function bootExternal(config: DeploymentConfig, context: BootContext): Promise<Deployment> {
  const onExit = new Promise<never>(() => {});
  const readiness = await untilReady(config, context, onExit);
  if (readiness.kind === 'timeout') {
    throw new PlimsollError(
      'BOOT_TIMEOUT',
      `The external deployment "${config.name}" ${silence(config, readiness.lastAnswer)}.`,
      {
        hint: 'Is it running, and are `url`, `ready.path` and `headers` right? From this machine, try the same request with curl.',
      },
    );
  }
  const dispose = async (): Promise<DisposeReport> => ({ exit: null, found: 0, forced: false, left: [] });
  return {
    ...context.target,
    pid: null,
    bootMs: null,
    exited: () => null,
    onExit,
    dispose,
    [Symbol.asyncDispose]: async () => {},
  };
}

async function untilReady(
  config: DeploymentConfig,
  context: BootContext,
  onExit: Promise<ExitReport>,
): Promise<Readiness> {
  const client = openTarget(context.target);
  try {
    return await waitUntilReady(client, {
      path: config.ready.path,
      timeoutMs: config.ready.timeout,
      intervalMs: config.ready.interval,
      onExit,
      signal: context.signal,
      onWait: (waitedMs, lastAnswer) =>
        context.say(`boot ${context.boot}: not ready after ${seconds(waitedMs)} (${lastAnswer})`),
      mask: context.mask,
    });
  } finally {
    await client.close();
  }
}

function notReady(
  readiness: Exclude<Readiness, { kind: 'ready' }>,
  config: DeploymentConfig,
  context: BootContext,
  spawned: Spawned,
): PlimsollError {
  if (readiness.kind === 'exited') {
    const { code, signal, lastLines } = readiness.report;
    const log = quoteLog(context.logPath, lastLines);
    return new PlimsollError(
      'BOOT_EXITED',
      `The deployment "${config.name}" ended before it was ready (${signal ?? `exit code ${code}`}).${log}`,
      { hint: exitHint(code, signal, config.shell) },
    );
  }
  const log = quoteLog(context.logPath, spawned.tail());
  const { port } = addressOf(config.url);
  const others = listeningPorts(membersOf(spawned).map((info) => info.pid)).filter((other) => other !== port);
  const elsewhere = others.length > 0 && readiness.lastAnswer === 'connection refused';
  return new PlimsollError(
    'BOOT_TIMEOUT',
    `The deployment "${config.name}" ${silence(config, readiness.lastAnswer)}.${log}`,
    {
      hint: elsewhere
        ? `It listens on port ${others.join(', ')}, but \`url\` says ${port}: make them the same.`
        : 'Raise `ready.timeout` if it only needs longer; else check `url` and `ready.path`.',
    },
  );
}

const silence = (config: DeploymentConfig, lastAnswer: string): string =>
  `was not ready after ${seconds(config.ready.timeout)}: GET ${config.ready.path} on ${new URL(config.url).origin} last gave: ${lastAnswer}`;

function exitHint(code: number | null, signal: NodeJS.Signals | null, shell: boolean): string {
  if (code === 0) return 'The command must stay in the foreground for as long as it serves: no daemon, no `&`.';
  if (code === 127 && shell) return 'The shell did not find a program of the command.';
  if (signal === 'SIGKILL' || code === 137)
    return 'It was killed from outside: most often the machine (or its container) ran out of memory.';
  return 'Run the command by hand in the same folder; the log says more.';
}

async function refuseTakenPort(url: string, secrets: readonly string[]): Promise<void> {
  const { host, port } = addressOf(url);
  if (!(await isListening(host, port))) return;
  const [pid] = holdersOf(port);
  const run = pid === undefined ? undefined : runOf(pid);
  const holder =
    pid === undefined
      ? 'a process that this user may not look into'
      : `process ${pid} (${maskCommandLine(commandLineOf(pid), secrets).slice(0, 200)})`;
  const whose = run ? `, started by another Plimsoll run: ${run.label} (process ${run.ownerPid})` : '';
  throw new PlimsollError(
    'PORT_TAKEN',
    `Port ${port} of deployment.url is taken before the boot, by ${holder}${whose}.`,
    {
      hint: run
        ? 'Wait for that run to end, or give this deployment another port in `command` and `url`.'
        : 'Stop that process, or give the deployment another port in `command` and `url`. To measure what runs there already, set `kind: external`.',
    },
  );
}

function runOf(pid: number): { readonly label: string; readonly ownerPid: number } | undefined {
  const marker = markerOf(pid);
  const session = readProcess(pid)?.session;
  for (const { record } of storedOwners()) {
    const child = record?.children.find((candidate) => candidate.marker === marker || candidate.pid === session);
    if (record && child) return { label: child.label, ownerPid: record.process.pid };
  }
  return undefined;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
