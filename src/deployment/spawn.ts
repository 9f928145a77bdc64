// Starts a command as its own process group with its output in a file, notes it in the state folder before
// anything else happens, and ends it with all it started.

import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { PlimsollError } from '../errors.ts';
import { lastLines, maskLog, openLog } from './log.ts';
import { MARKER_NAME, readProcess, type SpawnedGroup } from './processes.ts';
import { thisOwner } from './state.ts';
import { type Teardown, terminate } from './teardown.ts';

export interface SpawnRequest {
  /** Where it is configured, for messages: `deployment.command`. */
  readonly field: string;
  readonly command: readonly string[];
  readonly shell: boolean;
  readonly cwd: string;
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly logPath: string;
  readonly label: string;
  /** Its command for people, without secrets. */
  readonly shownCommand: string;
  readonly port: number | null;
  readonly stopTimeoutMs: number;
  readonly mask: (text: string) => string;
}

export interface ExitReport {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Of its log, secrets masked. */
  readonly lastLines: readonly string[];
}

export interface DisposeReport extends Teardown {
  readonly exit: ExitReport | null;
}

export interface Spawned extends SpawnedGroup {
  /** performance.now() of the spawn. */
  readonly spawnedAtMs: number;
  exited(): ExitReport | null;
  readonly onExit: Promise<ExitReport>;
  /** Last lines of its log now, secrets masked. */
  tail(): string[];
  /** Ends the whole group, once; later calls get the same report. */
  dispose(): Promise<DisposeReport>;
}

/**
 * @throws PlimsollError COMMAND_NOT_FOUND, CONFIG_INVALID (working directory), OUT_NOT_WRITABLE (log, state)
 */
export async function spawnOwned(request: SpawnRequest): Promise<Spawned> {
  const env = { ...withoutFileCommands(process.env), ...request.env };
  checkCommand(request, env);
  const owner = thisOwner();
  const log = openLog(request.logPath);
  let marker: string;
  let child: ChildProcess;
  let spawnedAtMs: number;
  try {
    marker = owner.nextMarker(request.label);
    spawnedAtMs = performance.now();
    const options = {
      cwd: request.cwd,
      env: { ...env, [MARKER_NAME]: marker },
      detached: true,
      stdio: ['ignore', log, log] as ['ignore', number, number],
    };
    child = request.shell
      ? spawn(request.command.join(' '), { ...options, shell: true })
      : spawn(request.command[0]!, request.command.slice(1), options);
  } finally {
    closeSync(log);
  }

  const { pid } = child;
  if (pid === undefined) {
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => child.once('error', resolve));
    owner.remove(marker);
    throw notFound(request, env, error.message);
  }
  // Read before the event loop turns: even a child that is gone at once is not reaped before that.
  const group: SpawnedGroup = { pid, startTime: readProcess(pid)?.startTime ?? '', marker };
  owner.add({
    ...group,
    label: request.label,
    command: request.shownCommand,
    port: request.port,
    log: request.logPath,
    stopTimeoutMs: request.stopTimeoutMs,
    startedAt: new Date().toISOString(),
  });
  killOnExit(group);

  const tail = () => lastLines(request.logPath, 20, request.mask);
  let exit: ExitReport | null = null;
  const onExit = new Promise<ExitReport>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal, lastLines: tail() };
      resolve(exit);
    });
  });

  const end = async (): Promise<DisposeReport> => {
    const teardown = await terminate(group, request.stopTimeoutMs);
    if (teardown.left.length === 0) {
      await onExit;
      running.delete(group);
      owner.remove(marker);
    }
    await maskLog(request.logPath, request.mask).catch(() => {
      // The folder may have been taken away by now; then there is nothing left to mask.
    });
    return { ...teardown, exit };
  };
  let disposed: Promise<DisposeReport> | undefined;
  return {
    ...group,
    spawnedAtMs,
    exited: () => exit,
    onExit,
    tail,
    dispose: () => {
      disposed ??= end();
      return disposed;
    },
  };
}

// The last resort where this process ends without disposing (an uncaught error, a second Ctrl-C). SIGKILL of
// this process skips it; then the next run sweeps.
const running = new Set<SpawnedGroup>();

function killOnExit(group: SpawnedGroup): void {
  if (!process.listeners('exit').includes(killRunning)) process.on('exit', killRunning);
  running.add(group);
}

function killRunning(): void {
  for (const { pid } of running) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}

function checkCommand(request: SpawnRequest, env: NodeJS.ProcessEnv): void {
  if (!statSync(request.cwd, { throwIfNoEntry: false })?.isDirectory()) {
    throw new PlimsollError('CONFIG_INVALID', `deployment.cwd: ${request.cwd} is not a folder.`, {
      hint: 'It is relative to the folder of the configuration.',
    });
  }
  if (request.shell) return;
  const command = request.command[0] ?? '';
  const candidates = command.includes('/')
    ? [resolve(request.cwd, command)]
    : (env.PATH ?? '').split(delimiter).map((folder) => join(resolve(request.cwd, folder), command));
  if (!candidates.some(isExecutable))
    throw notFound(
      request,
      env,
      candidates.length === 1 ? `${candidates[0]} does not exist or is not executable` : undefined,
    );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function notFound(request: SpawnRequest, env: NodeJS.ProcessEnv, reason: string | undefined): PlimsollError {
  const command = request.mask(request.command[0] ?? '');
  const hint = command.includes('/')
    ? `The path is relative to ${request.cwd}.`
    : `Install it, or give its full path. The PATH was: ${env.PATH ?? '(empty)'}`;
  return new PlimsollError(
    'COMMAND_NOT_FOUND',
    `${request.field}: cannot start "${command}"${reason ? `: ${reason}` : ': no such program on the PATH'}.`,
    {
      hint: /\s/.test(command)
        ? `${hint} Write the command as a list of words, [program, argument, …], or set \`shell: true\`.`
        : hint,
    },
  );
}

/**
 * The environment without the files through which a step talks to its GitHub runner: what is under test may come
 * from a pull request, and must not set outputs, variables or the summary in the action's name.
 */
function withoutFileCommands(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { GITHUB_ENV, GITHUB_OUTPUT, GITHUB_PATH, GITHUB_STATE, GITHUB_STEP_SUMMARY, ...rest } = env;
  return rest;
}
