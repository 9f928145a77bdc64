// What the action does not do, said before anything is started.

import { PlimsollError } from '../errors.ts';
import type { EventContext } from './event.ts';
import type { Inputs } from './inputs.ts';

const ONLY_FOR: readonly (readonly [Inputs['mode'], EventContext['kind'], string])[] = [
  ['comment', 'workflow_run', 'they run on the default branch, not on the pull request'],
  ['command', 'issue_comment', 'they run on the default branch, not on the pull request'],
];

/** @throws PlimsollError USAGE or FORK_REFUSED */
export function refuseWhatMustNotRun(
  inputs: Pick<Inputs, 'allowForks' | 'mode' | 'baseRef' | 'gate' | 'artifact'>,
  event: Pick<EventContext, 'kind' | 'isFork' | 'baseRef'>,
): void {
  const only = ONLY_FOR.find(([mode, kind]) => (mode === inputs.mode) !== (kind === event.kind));
  if (only !== undefined) {
    const [mode, kind, why] = only;
    throw new PlimsollError(
      'USAGE',
      mode === inputs.mode
        ? `\`mode: ${mode}\` runs for ${kind} events only, not for ${event.kind}.`
        : `The action runs for ${kind} events only with \`mode: ${mode}\`: ${why}.`,
      { hint: `Change \`on:\` of the workflow or \`mode\`; examples/workflows/ has a workflow for each.` },
    );
  }
  if (inputs.mode === 'comment' || inputs.mode === 'command') {
    if (!inputs.artifact) return; // nothing of the change is started
    throw new PlimsollError(
      'USAGE',
      `\`mode: ${inputs.mode}\` does not go with \`artifact: true\`: nothing is measured, so there are no files to keep.`,
      { hint: 'Leave artifact at `false`; the workflow that measures keeps the files.' },
    );
  }
  if (event.kind === 'pull_request_target') {
    throw new PlimsollError(
      'USAGE',
      "The action does not run for pull_request_target events: they check out the base, so the base's code would be measured; and checking out the pull request there would run it with the repository's secrets and a token that may write.",
      { hint: 'Use `on: pull_request`.' },
    );
  }
  if (event.isFork && !inputs.allowForks) {
    throw new PlimsollError(
      'FORK_REFUSED',
      "This pull request comes from a fork, and a fork's code is not run on this runner.",
      {
        hint: 'Someone with write access can push the branch to this repository, or set `allow-forks: true` where the runner is disposable and holds no secrets.',
      },
    );
  }
  if (inputs.mode === 'baseline' && (event.baseRef !== null || inputs.baseRef !== '')) {
    throw new PlimsollError(
      'USAGE',
      '`mode: baseline` records the branch that the job runs on; it takes no base, so it does not run in pull requests or the merge queue.',
      { hint: 'Run it for push, schedule or workflow_dispatch, without base-ref.' },
    );
  }
  if (inputs.mode === 'baseline' && inputs.gate === 'check') {
    throw new PlimsollError(
      'USAGE',
      '`mode: baseline` does not go with `gate: check`: the job would succeed though the run was not committed.',
      { hint: 'Leave gate at `job`; `check: true` gives a check run as well.' },
    );
  }
}
