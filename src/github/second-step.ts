// `mode: comment`: the second of two workflows for pull requests from forks. The first ran the change without any
// permission and left its files; here, where the token may write but nothing of the change is run, they are judged by
// the base's rules and told. In: the event `workflow_run` and an unpacked artifact, which nobody vouches for.

import { join } from 'node:path';
import * as core from '@actions/core';
import { storedFile } from '../baseline/lookup.ts';
import type { BaselineLookup } from '../baseline/schema.ts';
import { findBaseline } from '../baseline/store.ts';
import { PlimsollError } from '../errors.ts';
import type { Accepted } from '../judge/accept.ts';
import { expectedStages } from '../judge/expected.ts';
import { judge } from '../judge/judge.ts';
import type { Verdict } from '../judge/verdict.ts';
import type { RunRecord } from '../record/schema.ts';
import { VERSION } from '../version.ts';
import { createApi, explainFailure } from './api.ts';
import { type EventContext, type OtherRun, readOtherRun } from './event.ts';
import type { Inputs } from './inputs.ts';
import { type Leg, readAccept } from './leg.ts';
import { type ResolvedPolicy, resolveBasePolicy } from './policy.ts';
import { findPull, type Pull } from './pulls.ts';
import { NOTHING_STORED } from './store-run.ts';
import { type Told, tellFailure, tellVerdict } from './tell.ts';
import { readUntrusted } from './untrusted.ts';

const FIND_LIMIT_MS = 60_000;
/** In the artifact as in the folder that the first workflow uploaded. */
const RECORD = 'run.json';

/**
 * One comment and one check run for each configuration; nothing where the run was of no open pull request's head.
 * @throws PlimsollError where the pull request cannot be found out
 */
export async function tellOtherRun(
  inputs: Inputs,
  event: EventContext,
  cancelled: AbortSignal,
): Promise<readonly Told[]> {
  const other = readOtherRun(process.env);
  const pull = other.event === 'pull_request' ? await pullOf(inputs, event, other, cancelled) : null;
  if (pull === null) {
    core.notice(
      `Nothing to tell: run ${other.id} (${other.event}) is not of the newest commit of an open pull request.`,
      { title: 'Plimsoll' },
    );
    return [];
  }
  const judged = asJudged(event, other, pull);
  const all: Told[] = [];
  for (const configPath of inputs.configs) {
    if (cancelled.aborted) break;
    all.push(await tellOne(inputs, judged, configPath, cancelled));
  }
  return all;
}

async function pullOf(
  { token }: Inputs,
  event: EventContext,
  other: OtherRun,
  cancelled: AbortSignal,
): Promise<Pull | null> {
  try {
    if (token === '') throw new Error('the input github-token is empty');
    const signal = AbortSignal.any([cancelled, AbortSignal.timeout(FIND_LIMIT_MS)]);
    return await findPull(createApi({ token, baseUrl: event.apiUrl, signal }), event, other);
  } catch (error) {
    if (error instanceof PlimsollError) throw error;
    throw new PlimsollError(
      'GITHUB_REFUSED',
      explainFailure(error, `find the pull request of run ${other.id}`, 'pull-requests: read'),
      { hint: 'Re-run the job; without the pull request nobody knows whose rules count.', cause: error },
    );
  }
}

/** As the first workflow would have seen itself, could its payload be trusted: comment and check run are of that run. */
const asJudged = (event: EventContext, other: OtherRun, pull: Pull): EventContext => ({
  ...event,
  kind: 'pull_request',
  headSha: other.headSha,
  baseRef: pull.baseRef,
  baseSha: pull.baseSha,
  prNumber: pull.number,
  branch: null,
  runId: other.id,
  attempt: other.attempt,
  runUrl: `${event.serverUrl}/${event.owner}/${event.repo}/actions/runs/${other.id}`,
});

async function tellOne(inputs: Inputs, event: EventContext, configPath: string, cancelled: AbortSignal): Promise<Told> {
  const { artifactPath } = inputs;
  let leg: Leg = {
    inputs,
    event,
    configPath,
    deployment: null,
    out: artifactPath,
    record: join(artifactPath, RECORD),
    check: null,
    secrets: [],
    cancelled,
  };
  try {
    const policy = await resolveBasePolicy({
      event,
      cwd: process.cwd(),
      configPath,
      baselines: inputs.baselines,
      baseRef: inputs.baseRef,
      token: inputs.token,
      signal: cancelled,
    });
    const { name } = policy.config.deployment;
    const file = inputs.configs.length === 1 ? RECORD : `${name}/${RECORD}`;
    leg = { ...leg, deployment: name, record: join(artifactPath, file) };
    const record = readUntrusted(artifactPath, file, {
      deployment: name,
      name: inputs.name,
      commit: event.headSha,
    });
    const lookup = findBaseline(policy.baselines, name, record.environment);
    const accepted = await readAccept(leg);
    const verdict = judgeUntrusted(record, lookup, policy, file, accepted);
    return await tellVerdict(
      leg,
      {
        record,
        verdict,
        baseline: storedFile(lookup),
        provenance: {
          commit: event.headSha,
          policySource: policy.policySource,
          policyChanges: [],
          noPolicyAtBase: false,
          pullRequest: event.prNumber,
          runUrl: event.runUrl,
          configPath,
          plimsoll: VERSION,
          untrusted: true,
          accepted,
        },
        folder: { write() {} },
        exitCode: verdict.exitCode,
      },
      NOTHING_STORED,
    );
  } catch (error) {
    return await tellFailure(leg, error);
  }
}

/** What a record of the right shape can still break is the record's fault. */
function judgeUntrusted(
  record: RunRecord,
  lookup: BaselineLookup,
  { config }: Pick<ResolvedPolicy, 'config'>,
  file: string,
  accepted: Accepted | null,
): Verdict {
  try {
    return judge({
      record,
      lookup,
      policy: config,
      // The base's: a stage that a fork's record leaves out is missing.
      expected: expectedStages(config, record, lookup),
      provenance: { policyChanges: [], noPolicyAtBase: false, accepted },
    });
  } catch (error) {
    throw new PlimsollError(
      'ARTIFACT_REFUSED',
      `${file} of the artifact cannot be judged: ${(error as Error).message}`,
      {
        hint: 'Measure again.',
        cause: error,
      },
    );
  }
}
