// Runs the example workflows through act, the workflow runner, in host mode (no container): the action of this working
// tree as a workflow starts it, against a fake GitHub. `npm run test:act [-- TEXT]` plays those with TEXT in their names,
// and those that they come after.
// Needs Go for installing act into .cache/, once, and nothing else from the network. Exits 0 when all went as they should.

import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REPOSITORY, startFakeGitHub } from '../../test/github/fake-github.ts';
import { type Commits, PLAYS, type Play } from './plays.ts';

const ACT = 'github.com/nektos/act@v0.2.89';
const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = join(root, '.cache', 'act');
const act = join(cache, 'act');
if (!existsSync(act)) {
  mkdirSync(cache, { recursive: true });
  execFileSync('go', ['install', ACT], { env: { ...process.env, GOBIN: cache }, stdio: 'inherit' });
}

const scratch = mkdtempSync(join(tmpdir(), 'plimsoll-act-'));
const checkout = join(scratch, 'repository');
const artifacts = join(scratch, 'artifacts');
try {
  const commits = snapshot();
  const standIns = makeStandIns();
  const named = PLAYS.filter(({ workflow }) => workflow.includes(process.argv[2] ?? ''));
  const chosen = PLAYS.filter((play) => named.includes(play) || named.some(({ after }) => after === play.workflow));
  let failed = 0;
  for (const play of chosen) {
    const fault = await run(play, commits, standIns);
    if (fault !== null) failed += 1;
    process.stdout.write(`${fault === null ? 'ok  ' : 'FAIL'} ${play.workflow}${fault === null ? '' : `: ${fault}`}\n`);
  }
  process.stdout.write(`${chosen.length - failed} workflows went as they should, ${failed} did not\n`);
  process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** @returns what is wrong with it, with act's log on stderr; null = nothing */
async function run(play: Play, commits: Commits, standIns: readonly string[]): Promise<string | null> {
  await using fake = await startFakeGitHub();
  // Nobody finds the artifacts of another story.
  if (play.after === undefined) rmSync(artifacts, { recursive: true, force: true });
  play.arrange?.(fake, commits);
  git('checkout', '--quiet', play.branch);
  const event = join(scratch, 'event.json');
  writeFileSync(event, JSON.stringify(play.payload(commits)));
  const { status, log } = await perform(
    [
      play.event,
      ...['--workflows', play.workflow, '--eventpath', event],
      ...['--platform', 'ubuntu-latest=-self-hosted', '--platform', 'self-hosted=-self-hosted'],
      ...standIns.flatMap((standIn) => ['--local-repository', standIn]),
      ...['--secret', 'GITHUB_TOKEN=t0ken'],
      ...['--env', `GITHUB_REPOSITORY=${REPOSITORY.owner}/${REPOSITORY.repo}`],
      ...['--env', `PLIMSOLL_STATE_DIR=${join(scratch, 'state')}`],
      ...(play.args ?? []),
    ],
    fake.url,
  );
  const verdict = /set-output.*\bverdict=(\w+)/.exec(log)?.[1] ?? null;
  const fault =
    (status === 0 ? null : `act ended with ${status}`) ??
    (fake.violations.length > 0 ? `GitHub would not have taken this: ${fake.violations[0]}` : null) ??
    play.fault(fake, verdict, commits);
  if (fault !== null) process.stderr.write(log);
  return fault;
}

/** act sets GITHUB_API_URL itself; whatever runs on Node then sets it again. */
function perform(args: readonly string[], apiUrl: string): Promise<{ status: number | string; log: string }> {
  const elsewhere = join(scratch, 'api.mjs');
  writeFileSync(elsewhere, `process.env.GITHUB_API_URL = ${JSON.stringify(apiUrl)};\n`);
  const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  const options = {
    cwd: checkout,
    env: { ...process.env, HOME: scratch, PATH: path },
    maxBuffer: 64 * 1024 * 1024,
    timeout: 15 * 60_000,
  };
  return new Promise((resolve) => {
    execFile(act, [...args, '--env', `NODE_OPTIONS=--import=${elsewhere}`], options, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : (error.code ?? error.signal ?? 1), log: `${stdout}${stderr}` }),
    );
  });
}

/**
 * The working tree with bundles of its own as a repository: main, and an empty change on it. Beside it a deployment as
 * the workflows expect it: the simulated engine, briefly.
 */
function snapshot(): Commits {
  const listed = execFileSync('git', ['-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  for (const file of listed.split('\0'))
    if (file !== '' && existsSync(join(root, file))) cpSync(join(root, file), join(checkout, file));
  execFileSync(process.execPath, [join(root, 'scripts', 'build.ts'), '--out', join(checkout, 'dist')], {
    stdio: 'inherit',
  });
  const deployment = readFileSync(new URL('./plimsoll.yml', import.meta.url), 'utf8').replaceAll(
    'CLI',
    join(checkout, 'dist', 'cli.js'),
  );
  for (const folder of ['.', 'serving/vllm', 'serving/soak']) {
    mkdirSync(join(checkout, folder), { recursive: true });
    writeFileSync(join(checkout, folder, 'plimsoll.yml'), deployment);
  }
  git('init', '--quiet', '--initial-branch', 'main');
  git('remote', 'add', 'origin', `file://${checkout}`);
  git('add', '--all');
  git('commit', '--quiet', '--message', 'The working tree');
  const base = git('rev-parse', 'HEAD');
  git('checkout', '--quiet', '-b', 'change');
  git('commit', '--quiet', '--allow-empty', '--message', 'A change');
  return { base, head: git('rev-parse', 'HEAD') };
}

function git(...args: string[]): string {
  const who = ['-c', 'user.name=act', '-c', 'user.email=act@example.invalid', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', ['-C', checkout, ...who, ...args], { encoding: 'utf8' }).trim();
}

/** For what would be fetched from GitHub, as act wants them: `name@version=folder`. Artifacts are copies. */
function makeStandIns(): readonly string[] {
  const store = `${artifacts}/\${{ inputs.name }}`;
  return [
    `plimsoll-dev/plimsoll@v0=${checkout}`,
    `actions/setup-node@v5=${standIn('setup-node', 'node --version')}`,
    `actions/upload-artifact@v5=${standIn('upload-artifact', `mkdir -p "${store}" && cp -r "\${{ inputs.path }}/." "${store}"`)}`,
    `actions/download-artifact@v6=${standIn('download-artifact', `cp -r "${store}" "\${{ inputs.path }}"`)}`,
  ];
}

/** A composite action that only runs `command`. */
function standIn(name: string, command: string): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  const inputs = ['node-version', 'name', 'path', 'run-id', 'github-token'];
  const action = {
    name,
    description: 'stands in',
    inputs: Object.fromEntries(inputs.map((input) => [input, { description: input }])),
    runs: { using: 'composite', steps: [{ run: command, shell: 'bash' }] },
  };
  writeFileSync(join(folder, 'action.yml'), JSON.stringify(action));
  return folder;
}
