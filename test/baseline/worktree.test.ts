import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathFrom, readBase } from '../../src/baseline/base.ts';
import { isDirty, resolveRevision } from '../../src/baseline/git.ts';
import { openWorktree } from '../../src/baseline/worktree.ts';
import { PlimsollError } from '../../src/errors.ts';
import { createRepository, shallowClone, temporaryFolder } from '../github/repository.ts';

test('a commit lies in a folder of its own, and nothing of the checkout moves', async (t) => {
  const repository = createRepository(t);
  const base = repository.commit({ 'server.sh': 'old', 'deep/file': 'x' });
  const head = repository.commit({ 'server.sh': 'new' });
  writeFileSync(join(repository.path, 'server.sh'), 'in progress');
  writeFileSync(join(repository.path, 'untracked'), 'mine');
  const hook = join(repository.path, '.git', 'hooks', 'post-checkout');
  mkdirSync(join(repository.path, '.git', 'hooks'), { recursive: true });
  writeFileSync(hook, `#!/bin/sh\ntouch ${join(repository.path, 'hooked')}\n`);
  chmodSync(hook, 0o755);
  const status = repository.git('status', '--porcelain');
  const folder = temporaryFolder(t);
  let path: string;
  {
    await using worktree = openWorktree(repository.path, base, folder);
    path = worktree.path;
    assert.equal(readFileSync(join(path, 'server.sh'), 'utf8'), 'old');
    assert.equal(spawnSync('git', ['rev-parse', 'HEAD'], { cwd: path, encoding: 'utf8' }).stdout.trim(), base);
    // What a build leaves goes with it.
    writeFileSync(join(path, 'built'), 'x');
    chmodSync(join(path, 'built'), 0o444);
  }
  assert.equal(existsSync(path), false);
  assert.equal(existsSync(join(repository.path, 'hooked')), false);
  assert.equal(repository.git('worktree', 'list').split('\n').length, 1);
  assert.equal(repository.git('status', '--porcelain'), status);
  assert.equal(repository.git('rev-parse', 'HEAD'), head);
  assert.equal(repository.git('branch', '--show-current'), 'main');
});

test('what a killed run left goes with the next one; the worktrees of others stay', async (t) => {
  const repository = createRepository(t);
  const commit = repository.commit({ file: 'x' });
  const folder = temporaryFolder(t);
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const left = join(folder, `plimsoll-base-${dead}-1`);
  const own = join(folder, 'mine');
  const unmounted = join(folder, 'gone');
  for (const path of [left, own, unmounted]) repository.git('worktree', 'add', '-q', '--detach', path, commit);
  spawnSync('rm', ['-rf', unmounted]);
  {
    await using worktree = openWorktree(repository.path, commit, folder);
    assert.ok(existsSync(worktree.path));
  }
  assert.deepEqual([existsSync(left), existsSync(own)], [false, true]);
  const listed = repository.git('worktree', 'list', '--porcelain');
  assert.match(listed, /\/mine\n/);
  assert.match(listed, /\/gone\n/, 'a worktree that is not mounted now is not forgotten');
  assert.doesNotMatch(listed, /plimsoll-base/);
});

test('a shallow clone lays a commit that was fetched', async (t) => {
  const origin = createRepository(t);
  const base = origin.commit({ file: 'base' });
  origin.git('checkout', '-q', '-b', 'change');
  origin.commit({ file: 'change' });
  const clone = shallowClone(t, origin, 'change');
  clone.git('fetch', '-q', '--depth=1', 'origin', 'main');
  await using worktree = openWorktree(clone.path, base, temporaryFolder(t));
  assert.equal(readFileSync(join(worktree.path, 'file'), 'utf8'), 'base');
});

test('a revision is whatever git takes for one, and nothing else', (t) => {
  const repository = createRepository(t);
  const first = repository.commit({ file: '1' });
  repository.git('tag', 'v1');
  const second = repository.commit({ file: '2' });
  for (const [revision, commit] of [
    ['HEAD~1', first],
    ['v1', first],
    ['main', second],
    [second.slice(0, 10), second],
  ] as const)
    assert.equal(resolveRevision(repository.path, revision), commit, revision);
  for (const bad of ['nowhere', '--all', ''])
    assert.throws(
      () => resolveRevision(repository.path, bad),
      (error) => error instanceof PlimsollError && error.code === 'GIT_UNREACHABLE',
      bad,
    );
  assert.equal(isDirty(repository.path), false);
  writeFileSync(join(repository.path, 'other'), '');
  assert.equal(isDirty(repository.path), false, 'untracked files are no change');
  writeFileSync(join(repository.path, 'file'), '3');
  assert.equal(isDirty(repository.path), true);
});

test('a base is what its own file deploys, or the reason why it is nothing', (t) => {
  const repository = createRepository(t);
  const config = (deployment: string): string =>
    `deployment: { name: llm, url: "http://127.0.0.1:8000", ${deployment} }\nworkload: { model: m }\n`;
  const commit = repository.commit({
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the configuration
    'serving/plimsoll.yml': config('command: [serve], env: { TOKEN: "${PLIMSOLL_TEST_TOKEN}" }'),
    'external.yml': config('kind: external'),
    'broken.yml': 'deployment: {}\n',
  });
  const read = (path: string, env: NodeJS.ProcessEnv = {}) =>
    readBase({ repo: repository.path, ref: 'main', commit, path, env });
  const found = read('serving/plimsoll.yml', { PLIMSOLL_TEST_TOKEN: 'secret' });
  assert.ok(found.kind === 'found');
  assert.deepEqual([found.folder, found.deployment.command, found.secrets], ['serving', ['serve'], ['secret']]);
  const problem = (path: string): string => {
    const base = read(path);
    assert.ok(base.kind === 'none');
    return base.problem;
  };
  assert.match(problem('serving/plimsoll.yml'), /PLIMSOLL_TEST_TOKEN is not set/);
  assert.match(problem('external.yml'), /boots nothing: deployment\.kind is external/);
  assert.match(problem('broken.yml'), /^the base's broken\.yml cannot be used: broken\.yml:1/);
  assert.match(problem('nothing.yml'), /^the base, main \([0-9a-f]{7}\), has no nothing\.yml$/);
  assert.equal(pathFrom(repository.path, join(repository.path, 'serving', 'plimsoll.yml')), 'serving/plimsoll.yml');
  assert.equal(pathFrom(repository.path, join(repository.path, '..', 'plimsoll.yml')), null);
});
