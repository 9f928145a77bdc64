// What the tests of this room share: a state folder of their own, free ports, deployments to boot, and waiting.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type DeploymentConfig, deploymentSchema } from '../../src/config/schema.ts';
import { readProcess } from '../../src/deployment/processes.ts';

/** One folder per test file; also the state folder, so that no test sees another's processes or locks. */
export const folder = mkdtempSync(join(tmpdir(), 'plimsoll-test-'));
process.env.PLIMSOLL_STATE_DIR = join(folder, 'state');
after(() => rmSync(folder, { recursive: true, force: true }));

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface ServerOptions {
  readonly port?: number;
  readonly say?: readonly string[];
  readonly statuses?: readonly number[];
  readonly body?: string;
  readonly hang?: boolean;
  readonly exitCode?: number;
  readonly ignoreTerm?: boolean;
  readonly children?: readonly ('group' | 'session' | 'bare')[];
  readonly pidFile?: string;
}

export const serverCommand = (options: ServerOptions): string[] => [
  process.execPath,
  fixture('server.mjs'),
  JSON.stringify(options),
];

/** As written in plimsoll.yml; the server listens where the URL says unless `server.port` differs. */
export function configInput(
  port: number,
  server: ServerOptions,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    name: 'tiny',
    url: `http://127.0.0.1:${port}`,
    command: serverCommand({ port, ...server }),
    ready: { path: '/health', timeout: '20s', interval: '20ms' },
    stopTimeout: '5s',
    ...more,
  };
}

export const configOf = (port: number, server: ServerOptions, more: Record<string, unknown> = {}): DeploymentConfig =>
  deploymentSchema.parse(configInput(port, server, more));

/** Starts a fixture as a process of its own and gives it with its first line of output. */
export async function startFixture(
  name: string,
  argument: unknown,
): Promise<{ child: ChildProcess; line: string; output: () => string }> {
  const child = spawn(process.execPath, [fixture(name), JSON.stringify(argument)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await until(() => text.includes('\n') || child.exitCode !== null, `${name} to say something`);
  return { child, line: text.split('\n')[0]!, output: () => text };
}

export async function killed(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

export const runs = (pid: number): boolean => {
  const info = readProcess(pid);
  return info !== undefined && info.state !== 'Z';
};

export async function until(condition: () => boolean, what: string, limitMs = 15_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await sleep(20);
  }
}

export const readJson = (path: string): { pid: number; children: number[] } => JSON.parse(readFileSync(path, 'utf8'));
