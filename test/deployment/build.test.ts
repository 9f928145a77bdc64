import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { bootDeployment } from '../../src/deployment/boot.ts';
import { runBuild, splitWords } from '../../src/deployment/build.ts';
import { readSubject } from '../../src/deployment/subject.ts';
import { PlimsollError } from '../../src/errors.ts';
import { configOf, folder, freePort, runs, until } from './world.ts';

const build = (command: string | string[], more: Record<string, unknown> = {}, signal?: AbortSignal) =>
  runBuild(configOf(1, {}, { build: command, ...more }), {
    cwd: folder,
    logPath: join(folder, 'build.log'),
    secrets: ['topsecret'],
    signal,
  });
const failure = (promise: Promise<unknown>): Promise<PlimsollError> =>
  promise.then(
    () => assert.fail('it should have failed'),
    (error) => {
      assert.ok(error instanceof PlimsollError, String(error));
      return error;
    },
  );

test('a build runs in the folder of the configuration; none is no error', async () => {
  await build('touch "built file"');
  assert.equal(readFileSync(join(folder, 'built file'), 'utf8'), '');
  await runBuild(configOf(1, {}), { cwd: folder, logPath: join(folder, 'none.log') });
});

test('a failed build tells its code and last lines, without secrets', async () => {
  const error = await failure(build(['sh', '-c', 'echo compiling; echo "key topsecret" >&2; exit 2']));
  assert.equal(error.code, 'BUILD_FAILED');
  assert.match(error.message, /exit code 2/);
  assert.match(error.message, /\| compiling\n {2}\| key \*\*\*/);
  assert.equal((await failure(build('no-such-builder'))).code, 'COMMAND_NOT_FOUND');
});

test('a cancelled build is ended with what it started', async () => {
  const abort = new AbortController();
  const building = failure(build('sh -c "sleep 300 & echo $! > pid; wait"', {}, abort.signal));
  let pid = 0;
  await until(() => {
    try {
      pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    } catch {
      // Not yet.
    }
    return pid > 0;
  }, 'the build to begin');
  abort.abort();
  assert.equal((await building).code, 'CANCELLED');
  assert.ok(!runs(pid));
});

test('words are split as a shell splits them', () => {
  const word = fc.string({ minLength: 1, unit: fc.constantFrom('a', 'b', ' ', "'", '"', '\\', '$', '&', '\n') });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      const line = words.map((text) => `'${text.replaceAll("'", "'\\''")}'`).join('  ');
      assert.deepEqual(splitWords(line), words);
    }),
  );
  assert.deepEqual(splitWords(`pip install -r "a b".txt --x='y z' c\\ d`), [
    'pip',
    'install',
    '-r',
    'a b.txt',
    '--x=y z',
    'c d',
  ]);
});

test('what needs a shell is refused instead of passed on as words', () => {
  for (const line of ['make && make install', 'a | b', 'a > b', 'a; b', 'echo $(date)', 'a 2>&1'])
    assert.throws(() => splitWords(line), /needs a shell/, line);
  for (const line of ['echo "open', "it's", 'end\\']) assert.throws(() => splitWords(line), /left open/, line);
  assert.throws(() => splitWords('   '), /is empty/);
});

test('the subject names engine version, model, command, environment names and commit; never a secret', async () => {
  const repository = join(folder, 'repository');
  mkdirSync(repository);
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@example.invalid', ...args], {
      encoding: 'utf8',
    });
  git('init', '-q');
  writeFileSync(join(repository, 'file'), '1');
  git('add', '.');
  git('commit', '-q', '-m', 'x');
  const config = configOf(
    await freePort(),
    {},
    { engine: 'vllm', env: { HF_TOKEN: 'topsecret', A: '1' }, subject: { image: 'repo/topsecret:1' } },
  );
  const withKey = { ...config, command: [...config.command!, '--api-key', 'literal-key'] };
  await using deployment = await bootDeployment(withKey, {
    cwd: repository,
    boot: 1,
    logPath: join(folder, 'subject.log'),
  });
  const subject = await readSubject({ deployment: withKey, secrets: ['topsecret'] }, deployment, { cwd: repository });
  assert.equal(subject.engineVersion, '0.11.2');
  assert.equal(subject.servedModel, 'tiny-model');
  assert.equal(subject.env, 'A HF_TOKEN');
  assert.equal(subject.image, 'repo/***:1');
  assert.match(String(subject.command), /--api-key \*\*\*$/);
  assert.equal(subject.commit, git('rev-parse', 'HEAD').trim());
  assert.equal(subject.dirty, false);
  assert.ok(!JSON.stringify(subject).includes('topsecret'));
  const told = await readSubject({ deployment: withKey, secrets: ['0.11.2', 'tiny-model'] }, deployment, {
    cwd: repository,
  });
  assert.deepEqual([told.engineVersion, told.servedModel], ['***', '***'], 'what the server answers is masked too');
  writeFileSync(join(repository, 'file'), '2');
  assert.equal((await readSubject({ deployment: withKey, secrets: [] }, deployment, { cwd: repository })).dirty, true);
});

test('a subject that can tell nothing is made of nulls, not of errors', async () => {
  const config = configOf(await freePort(), {}, { kind: 'external', command: undefined, engine: 'sglang' });
  const subject = await readSubject(
    { deployment: config, secrets: [] },
    { url: config.url, headers: {} },
    { cwd: '/' },
  );
  assert.deepEqual(
    { ...subject },
    { engine: 'sglang', engineVersion: null, servedModel: null, command: null, env: null, commit: null, dirty: null },
  );
});
