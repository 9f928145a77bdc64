// Runs the example workflow of the simulated engine through act, the workflow runner, in host mode (no container):
// the action as a workflow would start it, on a pull request of a clone of this repository. Needs Go for installing
// act into .cache/, once. Exits 0 when the job succeeded and the action wrote its summary and outputs.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ACT = 'github.com/nektos/act@v0.2.89';
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, '.cache', 'act');
const act = join(cache, 'act');
if (!existsSync(act)) {
  mkdirSync(cache, { recursive: true });
  execFileSync('go', ['install', ACT], { env: { ...process.env, GOBIN: cache }, stdio: 'inherit' });
}

const scratch = mkdtempSync(join(tmpdir(), 'plimsoll-act-'));
try {
  const clone = join(scratch, 'repository');
  const git = (...args: string[]): string => execFileSync('git', ['-C', clone, ...args], { encoding: 'utf8' }).trim();
  execFileSync('git', ['clone', '--quiet', root, clone]);
  git('config', 'user.email', 'act@example.invalid');
  git('config', 'user.name', 'act');
  git('checkout', '--quiet', '-B', 'main');
  const base = git('rev-parse', 'HEAD');
  git('checkout', '--quiet', '-b', 'change');
  git('commit', '--quiet', '--allow-empty', '--message', 'A change');
  const head = git('rev-parse', 'HEAD');
  git('update-ref', 'refs/remotes/origin/main', base);

  const event = join(scratch, 'event.json');
  writeFileSync(event, JSON.stringify(pullRequest(base, head)));
  // setup-node would fetch from GitHub; the node that runs this script is the one that the job needs.
  const setupNode = join(scratch, 'setup-node');
  mkdirSync(setupNode);
  writeFileSync(join(setupNode, 'action.yml'), "name: setup-node\ndescription: stands in\ninputs: { node-version: { description: ignored } }\nruns: { using: composite, steps: [{ run: 'node --version', shell: bash }] }\n");

  const result = spawnSync(
    act,
    [
      'pull_request',
      '--workflows', 'examples/simulated/workflow.yml',
      '--platform', 'ubuntu-latest=-self-hosted',
      '--eventpath', event,
      '--local-repository', `actions/setup-node@v5=${setupNode}`,
      '--env', 'PLIMSOLL_STATE_DIR=' + join(scratch, 'state'),
    ],
    {
      cwd: clone,
      env: { ...process.env, HOME: scratch, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` },
      encoding: 'utf8',
      timeout: 8 * 60_000,
    },
  );
  const log = `${result.stdout}${result.stderr}`;
  process.stdout.write(log);
  const verdict = /::set-output:: verdict=(\w+)/.exec(log)?.[1];
  process.stdout.write(`act ended with ${result.status}; verdict: ${verdict ?? 'none'}\n`);
  process.exitCode = result.status === 0 && verdict === 'pass' ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function pullRequest(base: string, head: string): unknown {
  const repository = { full_name: 'plimsoll-dev/plimsoll', name: 'plimsoll', owner: { login: 'plimsoll-dev' }, default_branch: 'main' };
  return {
    action: 'synchronize',
    number: 1,
    repository,
    pull_request: {
      number: 1,
      head: { ref: 'change', sha: head, repo: { full_name: repository.full_name, fork: false } },
      base: { ref: 'main', sha: base, repo: { full_name: repository.full_name } },
    },
  };
}

