// A step of GitHub Actions: inputs and event in; for each deployment a comment, a check run and a summary out; then
// outputs and the exit status. What is judged and how is run.ts's; whatever goes wrong here ends in words that nobody
// can take for a pass.

import { join } from 'node:path';
import * as core from '@actions/core';
import { configFolder } from './config/load.ts';
import { thisOwner } from './deployment/state.ts';
import { PlimsollError } from './errors.ts';
import { type RunnerAccess, uploadArtifact } from './github/artifact.ts';
import { obeyComment } from './github/chat.ts';
import { type EventContext, readEvent } from './github/event.ts';
import { dropCredentials, type Inputs, readInputs } from './github/inputs.ts';
import { begin, type Leg, readAccept } from './github/leg.ts';
import { inertLine, saveState, worstExit, writeArtifactUrl, writeOutputs } from './github/outputs.ts';
import { resolvePolicy } from './github/policy.ts';
import { refuseWhatMustNotRun } from './github/refusals.ts';
import { tellOtherRun } from './github/second-step.ts';
import { NOTHING_STORED, storeRun } from './github/store-run.ts';
import { type Told, tellFailure, tellVerdict } from './github/tell.ts';
import { watchInterrupts } from './interrupts.ts';
import { formatValue } from './metrics-format.ts';
import { type RunMode, run } from './run.ts';
import { RUN_FILES } from './runner/folder.ts';
import { createLogProgress, type Progress } from './runner/progress.ts';

const interrupts = watchInterrupts();

const told = await main().catch(async (error: unknown) => [await tellFailure(null, error)]);
writeOutputs(told.map(({ outputs }) => outputs));
process.exitCode = interrupts.exitCode ?? worstExit(told.map(({ exitCode }) => exitCode));

/** One deployment after the other: what one of them does keeps none from running, a cancel keeps all. */
async function main(): Promise<readonly Told[]> {
  const inputs = readInputs(process.env);
  const access = dropCredentials(process.env);
  const event = readEvent(process.env);
  const { mode } = inputs;
  if (mode === 'comment' || mode === 'command') {
    refuseWhatMustNotRun(inputs, event);
    if (mode === 'comment') return await tellOtherRun(inputs, event, interrupts.signal);
    await obeyComment(inputs, event, interrupts.signal);
    return [];
  }
  // Before anything is spawned: post cleans up by it, also where this process is killed.
  saveState('owner', thisOwner().statePath);

  const taken = new Map<string, string>();
  const all: Told[] = [];
  for (const configPath of inputs.configs) {
    if (all.length > 0 && interrupts.signal.aborted) break;
    if (inputs.configs.length > 1) core.info(inertLine(`Configuration: ${configPath}`));
    all.push(await runOne({ ...inputs, mode }, event, configPath, taken));
  }
  if (inputs.artifact) await keepFiles(inputs, event, access);
  return all;
}

/** As an artifact. Never throws: like all publishing it decides nothing. */
async function keepFiles({ out, name }: Inputs, event: EventContext, access: RunnerAccess): Promise<void> {
  try {
    const { signal } = interrupts;
    signal.throwIfAborted();
    const kept = await uploadArtifact({ folder: out, name, access, event, signal });
    const size = kept.bytes === null ? '' : `, ${formatValue('bytes', kept.bytes)}`;
    core.info(`Artifact ${kept.name}: ${kept.files} files${size}, ${kept.url}`);
    writeArtifactUrl(kept.url);
  } catch (error) {
    core.warning(inertLine(`No artifact was uploaded: ${(error as Error).message}`), { title: 'Plimsoll' });
  }
}

/** @param taken deployments that the step has run, and whose configuration each was */
async function runOne(
  inputs: Inputs & { readonly mode: RunMode },
  event: EventContext,
  configPath: string,
  taken: Map<string, string>,
): Promise<Told> {
  let leg: Leg = {
    inputs,
    event,
    configPath,
    deployment: null,
    out: inputs.out,
    record: join(inputs.out, RUN_FILES.record),
    check: null,
    secrets: [],
    cancelled: interrupts.signal,
  };
  try {
    refuseWhatMustNotRun(inputs, event);
    const cwd = process.cwd();
    const policy = await resolvePolicy({
      event,
      cwd,
      configPath,
      baselines: inputs.baselines,
      baseRef: inputs.baseRef,
      token: inputs.token,
      env: process.env,
      signal: interrupts.signal,
    });
    const { config } = policy;
    for (const secret of config.secrets) core.setSecret(secret);
    leg = { ...leg, secrets: config.secrets };
    const { name } = config.deployment;
    refuseSecondOf(name, configPath, taken);
    const out = inputs.configs.length === 1 ? inputs.out : join(inputs.out, name);
    leg = await begin({ ...leg, deployment: name, out, record: join(out, RUN_FILES.record) });

    const result = await run({
      config,
      cwd: configFolder(configPath, cwd),
      out,
      baselines: policy.baselines,
      base: policy.base,
      mode: inputs.mode,
      name: inputs.name,
      provenance: {
        commit: event.headSha,
        policySource: policy.policySource,
        policyChanges: policy.policyChanges,
        noPolicyAtBase: policy.noPolicyAtBase,
        pullRequest: event.prNumber,
        runUrl: event.runUrl,
        configPath,
        accepted: inputs.mode === 'gate' ? await readAccept(leg) : null,
      },
      progress: inert(createLogProgress((line) => process.stdout.write(`${line}\n`), 'github')),
      signal: interrupts.signal,
    });
    const isStored = inputs.mode === 'baseline' && !interrupts.signal.aborted;
    return await tellVerdict(leg, result, isStored ? await storeRun(leg, result) : NOTHING_STORED);
  } catch (error) {
    return await tellFailure(leg, error);
  }
}

/** They would share folder, check run and baselines. */
function refuseSecondOf(deployment: string, configPath: string, taken: Map<string, string>): void {
  const other = taken.get(deployment);
  if (other !== undefined) {
    throw new PlimsollError('USAGE', `${configPath} is of the deployment "${deployment}", as ${other} before it.`, {
      hint: 'Give each configuration a `deployment.name` of its own, or a step with a `name` and an `out` of its own.',
    });
  }
  taken.set(deployment, configPath);
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
