// The post step: ends what the main step left behind when it was cancelled or killed, processes and check runs. Runs
// after every job, also after a clean one, and then finds nothing to do.

import * as core from '@actions/core';
import { cleanUpOwner } from './deployment/sweep.ts';
import { readEvent } from './github/event.ts';
import { readInputs } from './github/inputs.ts';
import { cancelLeftChecks } from './github/leg.ts';
import { inertLine } from './github/outputs.ts';

const checks = core.getState('checks');
if (checks !== '') {
  try {
    await cancelLeftChecks(readInputs(process.env), readEvent(process.env), checks);
  } catch (error) {
    core.warning(`A check run stays in progress: ${(error as Error).message}`, { title: 'Plimsoll' });
  }
}

const owner = core.getState('owner');
if (owner !== '') {
  try {
    const swept = await cleanUpOwner(owner);
    if (swept && swept.found > 0)
      core.info(
        inertLine(
          `ended what the main step left behind: ${swept.commands.join('; ')} (${swept.found} processes${swept.forced ? ', some by SIGKILL' : ''})`,
        ),
      );
    for (const { pid, command } of swept?.left ?? [])
      core.warning(`process ${pid} would not end: ${command}`, { title: 'Plimsoll' });
  } catch (error) {
    // The job's verdict stands whatever happens here; the next start sweeps again.
    core.warning(`Could not clean up after the main step: ${(error as Error).message}`, { title: 'Plimsoll' });
  }
}
