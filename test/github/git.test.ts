// Reading the base through real git: shallow clones, refs that are gone, remotes that are gone, names that bite.

import assert from 'node:assert/strict';
import { rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureRef, listAtRef, readAtRef, repositoryRoot } from '../../src/baseline/git.ts';
import { type ErrorCode, PlimsollError } from '../../src/errors.ts';
import { createRepository, shallowClone, temporaryFolder } from './repository.ts';

const isError = (code: ErrorCode, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof PlimsollError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, words);
  return true;
};

test('a file is read as it is at the ref, not as it is in the working tree', (t) => {
  const repo = createRepository(t);
  const first = repo.commit({ 'plimsoll.yml': 'é one\n', 'deep/er/x.json': '{}' });
  repo.commit({ 'plimsoll.yml': 'two\n' });
  assert.equal(readAtRef(repo.path, first, 'plimsoll.yml'), 'é one\n');
  assert.equal(readAtRef(repo.path, 'main', 'plimsoll.yml'), 'two\n');
  assert.equal(readAtRef(repo.path, 'main', 'deep/er/x.json'), '{}');
  assert.equal(
    readAtRef(join(repo.path, 'deep'), 'main', 'plimsoll.yml'),
    'two\n',
    'paths count from the root wherever we stand',
  );
  assert.equal(repositoryRoot(join(repo.path, 'deep')), repositoryRoot(repo.path));
});

test('a file that the ref lacks is null, a ref that is lacking is an error in git’s own words', (t) => {
  const repo = createRepository(t);
  repo.commit({ a: '1' });
  assert.equal(readAtRef(repo.path, 'main', 'plimsoll.yml'), null);
  assert.equal(readAtRef(repo.path, 'main', 'a/b'), null);
  assert.throws(() => readAtRef(repo.path, 'no-such', 'a'), isError('GIT_UNREACHABLE', /no-such/));
  assert.throws(() => readAtRef(temporaryFolder(t), 'main', 'a'), isError('GIT_UNREACHABLE', /not a git repository/));
});

test('names that git could read as options, patterns or other refs are files or refused', (t) => {
  const repo = createRepository(t);
  repo.commit({ '*.yml': 'star', 'plimsoll.yml': 'plain', '-n': 'dash', 'sp ace/ü.json': 'ü', ':(top)x': 'magic' });
  assert.equal(readAtRef(repo.path, 'main', '*.yml'), 'star');
  assert.equal(readAtRef(repo.path, 'main', '-n'), 'dash');
  assert.equal(readAtRef(repo.path, 'main', 'sp ace/ü.json'), 'ü');
  assert.equal(readAtRef(repo.path, 'main', ':(top)x'), 'magic');
  assert.deepEqual(listAtRef(repo.path, 'main', 'sp ace'), ['sp ace/ü.json']);
  assert.deepEqual(listAtRef(repo.path, 'main', 'nothing'), []);
  for (const ref of ['--output=/tmp/x', '-h', '', 'main:plimsoll.yml', 'a..b', 'main~1', 'ma in', 'main^{tree}']) {
    assert.throws(() => readAtRef(repo.path, ref, 'plimsoll.yml'), isError('USAGE', /not a git ref/), ref);
  }
});

test('a folder or a symbolic link in the place of the file is named as that', (t) => {
  const repo = createRepository(t);
  repo.commit({ 'folder/x': '1' });
  symlinkSync('/etc/passwd', join(repo.path, 'link.yml'));
  repo.commit({});
  assert.throws(() => readAtRef(repo.path, 'main', 'link.yml'), isError('INPUT_INVALID', /symbolic link/));
  assert.throws(() => readAtRef(repo.path, 'main', 'folder'), isError('INPUT_INVALID', /tree/));
});

test('a shallow clone of the pull request fetches the base, and stays shallow, without branches of ours', async (t) => {
  const origin = createRepository(t);
  for (let i = 0; i < 4; i++) origin.commit({ 'plimsoll.yml': `base ${i}` });
  const base = origin.git('rev-parse', 'main');
  origin.git('checkout', '-q', '-b', 'change');
  origin.commit({ 'plimsoll.yml': 'head' });
  const clone = shallowClone(t, origin, 'change');
  await assert.rejects(async () => ensureRef(clone.path, 'main', { fetch: false }), isError('GIT_UNREACHABLE', /main/));
  const commit = await ensureRef(clone.path, 'main', { fetch: true });
  assert.equal(commit, base);
  assert.equal(readAtRef(clone.path, commit, 'plimsoll.yml'), 'base 3');
  assert.equal(clone.git('rev-parse', '--is-shallow-repository'), 'true');
  assert.equal(clone.git('rev-list', '--count', commit), '1');
  assert.equal(clone.git('for-each-ref', 'refs/plimsoll', 'refs/heads'), '');
});

test('a full clone stays full', async (t) => {
  const origin = createRepository(t);
  for (let i = 0; i < 3; i++) origin.commit({ x: String(i) });
  const path = join(temporaryFolder(t), 'full');
  origin.git('clone', '-q', `file://${origin.path}`, path);
  origin.commit({ x: 'newer' });
  const commit = await ensureRef(path, 'main', { fetch: true });
  assert.equal(readAtRef(path, commit, 'x'), 'newer', 'the tip is the remote’s, not the clone’s');
  assert.equal(origin.git('-C', path, 'rev-parse', '--is-shallow-repository'), 'false');
  assert.equal(origin.git('-C', path, 'rev-list', '--count', commit), '4');
});

test('a branch and a tag of one name: the branch is the base', async (t) => {
  const origin = createRepository(t);
  origin.commit({ x: 'tagged' });
  origin.git('tag', 'release');
  origin.git('checkout', '-q', '-b', 'release');
  const branch = origin.commit({ x: 'branch' });
  const clone = shallowClone(t, origin, 'refs/heads/main');
  assert.equal(await ensureRef(clone.path, 'release', { fetch: true }), branch);
});

test('a branch that is not there and a remote that is gone are errors in git’s own words', async (t) => {
  const origin = createRepository(t);
  const first = origin.commit({ x: '1' });
  const clone = shallowClone(t, origin, 'main');
  await assert.rejects(
    ensureRef(clone.path, 'no-such', { fetch: true }),
    isError('GIT_UNREACHABLE', /refs\/heads\/no-such/),
  );
  rmSync(origin.path, { recursive: true });
  await assert.rejects(
    ensureRef(clone.path, 'main', { fetch: true }),
    isError('GIT_UNREACHABLE', /does not appear to be a git repository|not exist|not found/i),
  );
  assert.equal(
    await ensureRef(clone.path, 'main', { fetch: true, known: first }),
    first,
    'the commit that the event names will do',
  );
  assert.equal(await ensureRef(clone.path, first, { fetch: true }), first, 'a commit that is here needs no fetch');
  await assert.rejects(
    ensureRef(clone.path, 'main', { fetch: true, known: 'f'.repeat(40) }),
    isError('GIT_UNREACHABLE', /main/),
  );
});

test('a remote that asks for a password fails at once instead of waiting', { timeout: 30_000 }, async (t) => {
  const server = createServer((_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="private"' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const repo = createRepository(t);
  repo.commit({ x: '1' });
  repo.git('remote', 'add', 'origin', `http://127.0.0.1:${(server.address() as AddressInfo).port}/octo/private.git`);
  await assert.rejects(
    ensureRef(repo.path, 'main', { fetch: true }),
    isError('GIT_UNREACHABLE', /could not read Username/),
  );
});

test('cancelling ends a fetch', async (t) => {
  const origin = createRepository(t);
  origin.commit({ x: '1' });
  const clone = shallowClone(t, origin, 'main');
  await assert.rejects(
    ensureRef(clone.path, 'main', { fetch: true, signal: AbortSignal.abort() }),
    isError('CANCELLED', /Cancelled/),
  );
});
