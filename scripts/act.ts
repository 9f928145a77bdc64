// Runs the example workflow of the simulated engine through act, the workflow runner, in host mode (no container):
// the action of this working tree as a workflow starts it, on a pull request. Needs Go for installing act into
// .cache/, once, and nothing else from the network. Exits 0 when the job succeeded and the action gave its verdict.

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ACT = 'github.com/nektos/act@v0.2.89';
const REPOSITORY = 'plimsoll-dev/plimsoll';
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, '.cache', 'act');
const act = join(cache, 'act');
if (!existsSync(act)) {
  mkdirSync(cache, { recursive: true });
  execFileSync('go', ['install', ACT], { env: { ...process.env, GOBIN: cache }, stdio: 'inherit' });
}

const scratch = mkdtempSync(join(tmpdir(), 'plimsoll-act-'));
try {
  const checkout = join(scratch, 'repository');
  const { base, head } = snapshot(checkout);
  const event = join(scratch, 'event.json');
  writeFileSync(event, JSON.stringify(pullRequest(base, head)));
  const result = spawnSync(
    act,
    [
      'pull_request',
      ...['--workflows', 'examples/simulated/workflow.yml'],
      ...['--platform', 'ubuntu-latest=-self-hosted'],
      ...['--eventpath', event],
      // What would be fetched from GitHub. The node that runs this script is the one that the job needs.
      ...['--local-repository', `actions/setup-node@v5=${standIn('setup-node', 'node --version')}`],
      ...[
        '--local-repository',
        `actions/upload-artifact@v5=${standIn('upload-artifact', `ls -l "\${{ inputs.path }}"`)}`,
      ],
      ...['--env', `GITHUB_REPOSITORY=${REPOSITORY}`],
      ...['--env', `PLIMSOLL_STATE_DIR=${join(scratch, 'state')}`],
    ],
    {
      cwd: checkout,
      env: { ...process.env, HOME: scratch, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` },
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      timeout: 15 * 60_000,
    },
  );
  const log = `${result.stdout}${result.stderr}`;
  process.stdout.write(log);
  const verdict = /set-output.*\bverdict=(\w+)/.exec(log)?.[1];
  process.stdout.write(`act ended with ${result.status}; verdict: ${verdict ?? 'none'}\n`);
  process.exitCode = result.status === 0 && (verdict === 'pass' || verdict === 'warn') ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** The working tree with bundles of its own as a repository: main, and an empty change on it that is checked out. */
function snapshot(folder: string): { readonly base: string; readonly head: string } {
  const listed = execFileSync('git', ['-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  for (const file of listed.split('\0'))
    if (file !== '' && existsSync(join(root, file))) cpSync(join(root, file), join(folder, file));
  execFileSync(process.execPath, [join(root, 'scripts', 'build.ts'), '--out', join(folder, 'dist')], {
    stdio: 'inherit',
  });
  const git = (...args: string[]): string =>
    execFileSync(
      'git',
      [
        '-C',
        folder,
        '-c',
        'user.name=act',
        '-c',
        'user.email=act@example.invalid',
        '-c',
        'commit.gpgsign=false',
        ...args,
      ],
      { encoding: 'utf8' },
    ).trim();
  git('init', '--quiet', '--initial-branch', 'main');
  git('remote', 'add', 'origin', `file://${folder}`);
  git('add', '--all');
  git('commit', '--quiet', '--message', 'The working tree');
  const base = git('rev-parse', 'HEAD');
  git('checkout', '--quiet', '-b', 'change');
  git('commit', '--quiet', '--allow-empty', '--message', 'A change');
  return { base, head: git('rev-parse', 'HEAD') };
}

/** A composite action that only runs `command`. */
function standIn(name: string, command: string): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  const action = {
    name,
    description: 'stands in',
    inputs: Object.fromEntries(['node-version', 'name', 'path'].map((input) => [input, { description: input }])),
    runs: { using: 'composite', steps: [{ run: command, shell: 'bash' }] },
  };
  writeFileSync(join(folder, 'action.yml'), JSON.stringify(action));
  return folder;
}

function pullRequest(base: string, head: string): unknown {
  const [owner, name] = REPOSITORY.split('/');
  const repository = { full_name: REPOSITORY, name, owner: { login: owner }, default_branch: 'main' };
  return {
    action: 'synchronize',
    number: 1,
    repository,
    pull_request: {
      number: 1,
      head: { ref: 'change', sha: head, repo: { full_name: REPOSITORY, fork: false } },
      base: { ref: 'main', sha: base, repo: { full_name: REPOSITORY } },
    },
  };
}
