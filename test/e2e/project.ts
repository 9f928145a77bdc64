// A small project in a temporary folder, and Plimsoll run on it as a user would: a subprocess of the real CLI
// against the simulated engine (or whatever command the test names), on a free port.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const cli = join(root, 'src', 'cli.ts');

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves once standard error has matched. */
  saw(pattern: RegExp, timeoutMs?: number): Promise<string>;
  stderr(): string;
}

export interface Project extends AsyncDisposable {
  readonly dir: string;
  readonly port: number;
  readonly stateDir: string;
  path(...parts: string[]): string;
  write(name: string, content: string): void;
  config(overrides?: ConfigOverrides): void;
  /** Further environment of every start from now on. */
  readonly env: Record<string, string>;
  plimsoll(...args: string[]): Promise<Finished>;
  start(...args: string[]): Running;
}

export interface ConfigOverrides {
  readonly command?: readonly string[];
  readonly sim?: readonly string[];
  readonly slo?: string;
  readonly stages?: string;
  readonly sla?: string;
  readonly extra?: string;
  readonly engine?: string;
  readonly readyTimeout?: string;
}

export const SHORT_STAGES = `
  benchmark: { rate: 20/s, rounds: 2, duration: 8s, rampIn: 1s, drain: 5s }
  linear: { from: 10/s, to: 30/s, steps: 2, hold: 2s, drain: 5s }
  step-surge: { base: 10/s, surges: [30/s], hold: 2s, recover: 2s, drain: 5s }`;

export async function makeProject(): Promise<Project> {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-e2e-'));
  const port = await freePort();
  const stateDir = join(dir, 'state');
  const running = new Set<ChildProcess>();
  const env: Record<string, string> = {};
  const project: Project = {
    dir,
    port,
    stateDir,
    env,
    path: (...parts) => join(dir, ...parts),
    write: (name, content) => writeFileSync(join(dir, name), content),
    config: (overrides = {}) => writeFileSync(join(dir, 'plimsoll.yml'), configText(port, overrides)),
    plimsoll: (...args) => project.start(...args).finished,
    start(...args) {
      const child = spawn(process.execPath, [cli, ...args], {
        cwd: dir,
        env: { ...process.env, PLIMSOLL_STATE_DIR: stateDir, NO_COLOR: '1', GITHUB_ACTIONS: '', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      running.add(child);
      return watch(child, () => running.delete(child));
    },
    async [Symbol.asyncDispose]() {
      for (const child of running) child.kill('SIGKILL');
      for (const pid of descendantsOf(dir)) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It ended by itself.
        }
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return project;
}

function configText(port: number, overrides: ConfigOverrides): string {
  const command = overrides.command ?? [process.execPath, cli, 'sim', '--port', String(port), ...(overrides.sim ?? [])];
  return `deployment:
  name: tiny
  command: ${JSON.stringify(command)}
  url: http://127.0.0.1:${port}
  ready: { timeout: ${overrides.readyTimeout ?? '20s'} }
  stopTimeout: 3s
  engine: ${overrides.engine ?? 'sim'}
workload:
  model: simulated
  seed: 3
  prompts: { kind: synthetic, tokens: { uniform: [50, 200] } }
  output: { uniform: [8, 24] }
  requestTimeout: 5s
  stallTimeout: 3s
slo: ${overrides.slo ?? '{ ttft: 500ms, tpot: 60ms }'}
stages:${overrides.stages ?? SHORT_STAGES}
sla: ${overrides.sla ?? '[]'}
client: { dispatchDelayP99: 200ms, dispatchDelayShareOfTtft: 5, eventLoopDelayP99: 500ms, achievedShare: 0.5 }
lock: { wait: 2s }
${overrides.extra ?? ''}`;
}

function watch(child: ChildProcess, onEnd: () => void): Running {
  let stdout = '';
  let stderr = '';
  const waiters = new Set<() => void>();
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const waiter of waiters) waiter();
  });
  const finished = new Promise<Finished>((resolve) => {
    child.once('close', (code, signal) => {
      onEnd();
      for (const waiter of waiters) waiter();
      resolve({ code, signal, stdout, stderr });
    });
  });
  return {
    child,
    finished,
    stderr: () => stderr,
    saw: (pattern, timeoutMs = 60_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`not seen within ${timeoutMs} ms: ${pattern}\n${stderr}`)),
          timeoutMs,
        );
        const look = () => {
          const match = pattern.exec(stderr);
          if (match) {
            clearTimeout(timer);
            waiters.delete(look);
            resolve(match[0]);
          } else if (child.exitCode !== null || child.signalCode !== null) {
            clearTimeout(timer);
            reject(new Error(`ended (${child.exitCode ?? child.signalCode}) before it said ${pattern}\n${stderr}`));
          }
        };
        waiters.add(look);
        look();
      }),
  };
}

/** Processes whose environment names this project's state folder: everything a run there may have left. */
export function descendantsOf(dir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`PLIMSOLL_STATE_DIR=${join(dir, 'state')}`) &&
          !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
        );
      } catch {
        return false;
      }
    });
}

export const freePort = (): Promise<number> =>
  new Promise((done, fail) => {
    const probe = createServer().once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => done(port));
    });
  });
