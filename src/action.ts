// The door for GitHub Actions: inputs and event in; one comment, summary, outputs and the exit status out. What
// is judged and how is run.ts's; whatever goes wrong here ends in words that nobody can take for a pass.

import { join } from 'node:path';
import * as core from '@actions/core';
import { addRunToStore } from './baseline/store.ts';
import type { Config } from './config/schema.ts';
import { maskSecrets } from './deployment/mask.ts';
import { thisOwner } from './deployment/state.ts';
import { EXIT, PlimsollError } from './errors.ts';
import { createApi } from './github/api.ts';
import { publishComment } from './github/comment.ts';
import { type EventContext, readEvent } from './github/event.ts';
import { failureLog } from './github/failure-log.ts';
import { dropCredentials, type Inputs, readInputs } from './github/inputs.ts';
import {
  announce,
  inertLine,
  printInert,
  saveOwner,
  withoutSecrets,
  writeOutputs,
  writeSummary,
} from './github/outputs.ts';
import { configFolder, resolvePolicy } from './github/policy.ts';
import { refuseWhatMustNotRun } from './github/refusals.ts';
import { renderComment } from './report/comment.ts';
import { renderFailure } from './report/failure.ts';
import { renderSummary } from './report/summary.ts';
import { renderTerminal } from './report/terminal.ts';
import { type RunResult, run } from './run.ts';
import { RUN_FILES } from './runner/folder.ts';
import { createLogProgress, type Progress } from './runner/progress.ts';

/** All of publishing together; the verdict is in the log by then. */
const PUBLISH_LIMIT_MS = 60_000;

const interrupted = new AbortController();
let signalExit: number | null = null;
for (const [signal, code] of [
  ['SIGINT', EXIT.interrupted],
  ['SIGTERM', EXIT.terminated],
] as const) {
  process.on(signal, () => {
    signalExit ??= code;
    interrupted.abort();
  });
}

/** What is known so far, for the words of a failure. */
interface Known {
  inputs?: Inputs;
  event?: EventContext;
  config?: Config;
}

const known: Known = {};
try {
  process.exitCode = await main(known);
} catch (error) {
  process.exitCode = await fail(error, known);
}
if (signalExit !== null) process.exitCode = signalExit;

async function main(known: Known): Promise<number> {
  const inputs = readInputs(process.env);
  known.inputs = inputs;
  dropCredentials(process.env);
  const event = readEvent(process.env);
  known.event = event;
  refuseWhatMustNotRun(inputs, event);
  // Before anything is spawned: post cleans up by it, also where this process is killed.
  saveOwner(thisOwner().statePath);

  const cwd = process.cwd();
  const policy = await resolvePolicy({
    event,
    cwd,
    configPath: inputs.config,
    baselines: inputs.baselines,
    baseRef: inputs.baseRef,
    token: inputs.token,
    env: process.env,
    signal: interrupted.signal,
  });
  known.config = policy.config;
  for (const secret of policy.config.secrets) core.setSecret(secret);

  const result = await run({
    config: policy.config,
    cwd: configFolder(cwd, inputs.config),
    out: inputs.out,
    baselines: policy.baselines,
    mode: inputs.mode,
    name: inputs.name,
    provenance: {
      commit: event.headSha,
      policySource: policy.policySource,
      policyChanges: policy.policyChanges,
      noPolicyAtBase: policy.noPolicyAtBase,
      pullRequest: event.prNumber,
      runUrl: event.runUrl,
      configPath: inputs.config,
    },
    progress: inert(createLogProgress((line) => process.stdout.write(`${line}\n`), 'github')),
    signal: interrupted.signal,
  });
  if (inputs.mode === 'baseline' && !interrupted.signal.aborted) storeRun(inputs, result);
  await publish({ inputs, event, config: policy.config }, result);
  return result.exitCode;
}

/** What it says quotes the deployment, which must not speak to the runner; the commands of the log stay commands. */
function inert(log: Progress): Progress {
  return {
    ...log,
    section: (title) => log.section(inertLine(title)),
    note: (message) => log.note(inertLine(message)),
    warn: (message) => log.warn(inertLine(message)),
  };
}

function storeRun(inputs: Inputs, result: RunResult): void {
  const stored = addRunToStore(inputs.baselines, result.record);
  for (const added of stored.added) core.info(`baseline: added ${added}`);
  for (const refused of stored.refused) core.warning(`baseline: not added: ${refused}`);
  if (stored.path !== null) core.info(`baseline: ${stored.path} changed; commit it to keep it`);
}

/** The verdict is made; nothing here changes it. */
async function publish(
  known: Required<Known>,
  { record, verdict, lookup, provenance, folder }: RunResult,
): Promise<void> {
  let commentUrl: string | null = null;
  try {
    const report = { record, verdict, baseline: lookup.kind === 'found' ? lookup.file : null, provenance };
    printInert(renderTerminal(report, { color: true, width: 120 }));
    announce(verdict);
    const { charts } = known.inputs;
    const comment = withoutSecrets(renderComment(report, { charts }), known.config.secrets);
    commentUrl = await show(known, comment, renderSummary(report));
    folder.write('comment', comment);
  } catch (error) {
    core.warning(`Could not publish the report: ${(error as Error).message}`, { title: 'Plimsoll' });
  }
  writeOutputs({
    verdict: verdict.outcome,
    'load-line': verdict.loadLine?.rate ?? null,
    'load-line-change': verdict.loadLine?.change ?? null,
    record: folder.pathOf('record'),
    report: folder.path,
    'comment-url': commentUrl,
  });
}

/** Summary and comment, never an error; a cancelled job has seconds left and leaves the pull request to the job that replaced it. */
async function show(
  { inputs, event, config }: Known & { readonly inputs: Inputs; readonly event: EventContext },
  comment: string,
  summary: string,
): Promise<string | null> {
  const secrets = config?.secrets ?? [];
  const warnings = inputs.summary ? [...(await writeSummary(withoutSecrets(summary, secrets)))] : [];
  let url: string | null = null;
  if (inputs.comment && event.kind === 'pull_request' && event.prNumber !== null && !interrupted.signal.aborted) {
    if (inputs.token === '') warnings.push('No comment was written: the input github-token is empty.');
    else {
      try {
        const api = createApi({
          token: inputs.token,
          baseUrl: event.apiUrl,
          signal: AbortSignal.any([interrupted.signal, AbortSignal.timeout(PUBLISH_LIMIT_MS)]),
        });
        const target = { owner: event.owner, repo: event.repo, prNumber: event.prNumber };
        const marker = { config: inputs.config, name: inputs.name, run: event.runId, attempt: event.attempt };
        const published = await publishComment(api, target, marker, withoutSecrets(comment, secrets));
        url = published.url;
        warnings.push(...published.warnings);
      } catch (error) {
        warnings.push(`No comment was written: ${(error as Error).message}`); // no such proxy, no such API
      }
    }
  }
  for (const warning of warnings) core.warning(warning, { title: 'Plimsoll' });
  return url;
}

/** A run that could not be made: said everywhere that a verdict would be. */
async function fail(error: unknown, known: Known): Promise<number> {
  const { inputs, event, config } = known;
  const failure =
    error instanceof PlimsollError
      ? error
      : new PlimsollError('INTERNAL', `A fault of Plimsoll: ${(error as Error)?.stack ?? String(error)}`, {
          hint: 'Please report it with these lines.',
          cause: error,
        });
  const secrets = config?.secrets ?? [];
  const message = maskSecrets(failure.message, secrets);
  core.error(failure.hint === undefined ? message : `${message}\n${failure.hint}`, {
    title: `Plimsoll: ${failure.code}`,
  });
  const rendered = renderFailure({
    code: failure.code,
    message,
    hint: failure.hint,
    deployment: config?.deployment.name ?? inputs?.config ?? 'deployment',
    configPath: inputs?.config ?? 'plimsoll.yml',
    logTail: inputs && failureLog(failure, inputs.out, secrets),
  });
  const commentUrl = inputs && event ? await show({ ...known, inputs, event }, rendered, rendered) : null;
  writeOutputs({
    verdict: failure.exitCode === EXIT.invalid ? 'invalid' : 'error',
    'load-line': null,
    'load-line-change': null,
    record: inputs && config ? join(inputs.out, RUN_FILES.record) : null,
    report: inputs && config ? inputs.out : null,
    'comment-url': commentUrl,
  });
  return failure.exitCode;
}
