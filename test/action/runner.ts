// A runner for tests: starts the bundled action as GitHub's does (INPUT_*, event payload, command files), in a real
// clone, against a fake API, and reads what it left.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { REPOSITORY } from '../github/fake-github.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Bundles as a release has them, made once for a test file. */
export function buildBundles(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'plimsoll-dist-'));
  execFileSync(process.execPath, [join(ROOT, 'scripts/build.ts'), '--out', path], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface Step {
  readonly bundle: string;
  /** The checkout. */
  readonly cwd: string;
  readonly event: string;
  readonly payload: unknown;
  readonly apiUrl: string;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** What an earlier step of the action saved. */
  readonly state?: Readonly<Record<string, string>>;
}

export interface Started {
  readonly process: ChildProcess;
  /** What it has printed so far. */
  log(): string;
  state(): Record<string, string>;
  readonly ended: Promise<Ended>;
}
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly log: string;
  readonly summary: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
}

export function startStep(t: TestContext, step: Step): Started {
  const temporary = mkdtempSync(join(tmpdir(), 'plimsoll-runner-'));
  t.after(() => rmSync(temporary, { recursive: true, force: true }));
  const file = (name: string, content = ''): string => {
    const path = join(temporary, name);
    writeFileSync(path, content);
    return path;
  };
  const files = { output: file('output'), state: file('state'), summary: file('summary') };
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: temporary,
    TMPDIR: process.env.TMPDIR,
    RUNNER_TEMP: temporary,
    PLIMSOLL_STATE_DIR: step.env?.PLIMSOLL_STATE_DIR ?? temporary,
    GITHUB_ACTIONS: 'true',
    GITHUB_API_URL: step.apiUrl,
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: `${REPOSITORY.owner}/${REPOSITORY.repo}`,
    GITHUB_RUN_ID: '100',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_SHA: 'c'.repeat(40),
    GITHUB_REF: 'refs/heads/main',
    GITHUB_EVENT_NAME: step.event,
    GITHUB_EVENT_PATH: file('event.json', JSON.stringify(step.payload)),
    GITHUB_OUTPUT: files.output,
    GITHUB_STATE: files.state,
    GITHUB_STEP_SUMMARY: files.summary,
    ...step.env,
    ...Object.fromEntries(
      Object.entries({ 'github-token': 't0ken', ...step.inputs }).map(([name, value]) => [
        `INPUT_${name.toUpperCase()}`,
        value,
      ]),
    ),
    ...Object.fromEntries(Object.entries(step.state ?? {}).map(([name, value]) => [`STATE_${name}`, value])),
  };
  const child = spawn(process.execPath, [step.bundle], { cwd: step.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({
        code,
        signal,
        log,
        summary: readFileSync(files.summary, 'utf8'),
        outputs: readCommandFile(files.output),
        state: readCommandFile(files.state),
      }),
    );
  });
  return { process: child, log: () => log, state: () => readCommandFile(files.state), ended };
}

export const runStep = (t: TestContext, step: Step): Promise<Ended> => startStep(t, step).ended;

/** `name<<delimiter`, lines, `delimiter`: the form that the runner reads. */
function readCommandFile(path: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const match of readFileSync(path, 'utf8').matchAll(/^([^\n]+?)<<(ghadelimiter_[\w-]+)\n([\s\S]*?)\n?\2$/gm))
    values[match[1]!] = match[3]!;
  return values;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
