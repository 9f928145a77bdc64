// Keeps the files of a step's runs as an artifact of the workflow run. The library wants the runner's token in the
// environment, where whatever is spawned would find it: it gets a process of its own (upload.ts).

import { spawn } from 'node:child_process';
import { type Dirent, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EventContext } from './event.ts';

export interface UploadJob {
  readonly name: string;
  readonly folder: string;
  /** Paths, all inside `folder`. */
  readonly files: readonly string[];
}
/** `bytes`: of the archive; null = the library does not say. */
export type UploadAnswer = { readonly id: number; readonly bytes: number | null } | { readonly problem: string };

export interface Artifact {
  readonly name: string;
  readonly url: string;
  readonly files: number;
  readonly bytes: number | null;
}

/** What the runner gives to actions and to nothing else. */
export interface RunnerAccess {
  /** Empty = it offers no artifacts. */
  readonly token: string;
  readonly resultsUrl: string;
}

export interface UploadOptions {
  /** All files of the step are in it. */
  readonly folder: string;
  /** The input `name`, which tells the legs of a matrix apart. */
  readonly name: string;
  readonly access: RunnerAccess;
  readonly event: Pick<EventContext, 'owner' | 'repo' | 'serverUrl' | 'runId'>;
  readonly signal: AbortSignal;
}

/** An hour of soak leaves a few hundred megabytes. */
const LIMIT_MS = 600_000;
const STDERR_LIMIT = 64 * 1024;
const QUOTE_LIMIT = 2_000;
/** What an artifact's name may not have in it, by the library's own check. */
const FORBIDDEN = /[\\/":<>|*?\r\n]+/g;

/** @param name the input of the step */
export const artifactName = (name: string): string =>
  ['plimsoll', name.replace(FORBIDDEN, '-')].filter(Boolean).join('-');

/**
 * Uploads what this process has written into the folder. A file that lay there before it started is another run's.
 * @throws Error that says in one sentence what was missing or went wrong
 */
export async function uploadArtifact({ folder, name, access, event, signal }: UploadOptions): Promise<Artifact> {
  if (access.token === '' || access.resultsUrl === '')
    throw new Error('this runner offers no artifacts to actions; set `artifact: false`.');
  const job = { name: artifactName(name), folder, files: filesSince(folder, performance.timeOrigin) };
  if (job.files.length === 0) throw new Error(`this step left no files in ${folder}.`);
  const answer = await ask(job, access, AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]));
  if ('problem' in answer) throw new Error(explain(quotable(answer.problem, access.token), job.name));
  const { owner, repo, serverUrl, runId } = event;
  const url = `${serverUrl}/${owner}/${repo}/actions/runs/${runId}/artifacts/${answer.id}`;
  return { name: job.name, url, files: job.files.length, bytes: answer.bytes };
}

/** Regular files only: a link could lead out of the folder. */
function filesSince(folder: string, sinceMs: number): readonly string[] {
  let entries: readonly Dirent[];
  try {
    entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch {
    return [];
  }
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).mtimeMs >= sinceMs)
    .sort();
}

async function ask(job: UploadJob, { token, resultsUrl }: RunnerAccess, signal: AbortSignal): Promise<UploadAnswer> {
  // The bundle has upload.js beside it, the checkout upload.ts.
  const entry = new URL(import.meta.url.endsWith('.ts') ? './upload.ts' : './upload.js', import.meta.url);
  const env = { ...process.env, ACTIONS_RUNTIME_TOKEN: token, ACTIONS_RESULTS_URL: resultsUrl };
  const child = spawn(process.execPath, [fileURLToPath(entry), JSON.stringify(job)], {
    env,
    // What the library logs has workflow commands in it, which are for the runner that it does not reach here.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    signal,
    killSignal: 'SIGKILL',
  });
  // From its beginning: one that starts within a line could start within an address.
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(0, STDERR_LIMIT)));
  return await new Promise((resolve) => {
    let answer: UploadAnswer | null = null;
    child.on('message', (message) => (answer ??= message as UploadAnswer));
    child.on('error', (error) => resolve(answer ?? { problem: signal.aborted ? lateness(signal) : error.message }));
    child.on('close', (code) =>
      resolve(answer ?? { problem: `the upload ended with ${code}: ${quotable(said, token)}` }),
    );
  });
}

/** Without commands to the runner, what is signed into addresses, and the token: it goes into a log that many can read. */
export function quotable(problem: string, token: string): string {
  return problem
    .split(/\r?\n/)
    .filter((line) => !line.trimStart().startsWith('::'))
    .join('\n')
    .replace(/((?:[a-z][a-z0-9+.-]*:\/)?\/[^\s?"'<>]*)\?[^\s"'<>]*/gi, '$1')
    .replaceAll(token, '***')
    .trim()
    .slice(0, QUOTE_LIMIT);
}

const lateness = ({ reason }: AbortSignal): string =>
  (reason as Error | undefined)?.name === 'TimeoutError' ? `not done after ${LIMIT_MS / 60_000} minutes` : 'cancelled';

/** The library's words, with what to do where that is known. */
function explain(problem: string, name: string): string {
  if (/\b409\b|already exists/i.test(problem))
    return `the workflow run has an artifact "${name}" already. Give each step and each leg of a matrix a \`name\` of its own.`;
  if (/GHES/.test(problem))
    return 'GitHub Enterprise Server takes no artifacts from this library; set `artifact: false`, and upload the folder `out` with actions/upload-artifact@v3.';
  return problem;
}
