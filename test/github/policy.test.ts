// Whose rules count: the base's in a pull request, read through git from a clone as runners have it.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { findBaseline } from '../../src/baseline/store.ts';
import { PlimsollError } from '../../src/errors.ts';
import type { EventContext } from '../../src/github/event.ts';
import { type ResolvedPolicy, resolvePolicy } from '../../src/github/policy.ts';
import { createRepository, type Repository, shallowClone } from './repository.ts';

process.env.RUNNER_TEMP = mkdtempSync(join(tmpdir(), 'plimsoll-temp-'));
after(() => rmSync(process.env.RUNNER_TEMP!, { recursive: true, force: true }));

const config = (command: string, limit: string, more = ''): string => `deployment:
  name: llm
  command: [${command}]
  url: http://127.0.0.1:8000
${more}workload: { model: m }
stages:
  benchmark: { rate: 8/s }
sla:
  - { metric: ttft.p99, stage: benchmark, gold: "< ${limit}" }
`;
const pullRequest = (base: string, more: Partial<EventContext> = {}): EventContext => ({
  kind: 'pull_request',
  owner: 'octo',
  repo: 'serving',
  headSha: 'HEAD',
  baseRef: 'main',
  baseSha: base,
  branch: null,
  prNumber: 7,
  isFork: false,
  runId: 1,
  attempt: 1,
  runUrl: '',
  serverUrl: '',
  apiUrl: '',
  ...more,
});
const resolve = (
  clone: Repository,
  event: EventContext,
  more: { baseRef?: string; configPath?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<ResolvedPolicy> =>
  resolvePolicy({
    event: event.headSha === 'HEAD' ? { ...event, headSha: clone.git('rev-parse', 'HEAD') } : event,
    token: '',
    cwd: clone.path,
    configPath: 'plimsoll.yml',
    baselines: 'baselines',
    baseRef: '',
    env: {},
    signal: new AbortController().signal,
    ...more,
  });

function change(
  t: TestContext,
  base: Record<string, string | null>,
  head: Record<string, string | null>,
): { origin: Repository; clone: Repository; baseSha: string } {
  const origin = createRepository(t);
  const baseSha = origin.commit(base);
  origin.git('checkout', '-q', '-b', 'change');
  origin.commit(head);
  return { origin, baseSha, clone: shallowClone(t, origin, 'change') };
}

test('the deployment is the head’s, the rules are the base’s, and what the head would change is said', async (t) => {
  const { clone, baseSha } = change(
    t,
    { 'plimsoll.yml': config('old', '500ms') },
    { 'plimsoll.yml': config('new', '5s') },
  );
  const policy = await resolve(clone, pullRequest(baseSha));
  assert.deepEqual(policy.config.deployment.command, ['new']);
  assert.ok(policy.base.kind === 'found');
  assert.deepEqual(
    [policy.base.deployment.command, policy.base.commit, policy.base.ref, policy.base.folder],
    [['old'], baseSha, 'main', '.'],
  );
  assert.equal(policy.config.sla[0]!.gold.limit, 500);
  assert.equal(policy.noPolicyAtBase, false);
  assert.match(policy.policyChanges.join(), /500ms.*5s/);
  assert.equal(policy.policySource, `plimsoll.yml at main (${baseSha.slice(0, 7)})`);
  assert.ok(policy.baselines.kind === 'git' && policy.baselines.ref === baseSha);
});

test('a rule’s line is where the change’s file has it, since annotations stand there; null where it is gone', async (t) => {
  const { clone, baseSha } = change(
    t,
    { 'plimsoll.yml': config('old', '500ms') },
    { 'plimsoll.yml': config('new', '500ms', '\n\n\n') },
  );
  const { config: moved } = await resolve(clone, pullRequest(baseSha));
  const lines = config('new', '500ms', '\n\n\n').split('\n');
  assert.match(lines[moved.sla[0]!.line! - 1]!, /ttft\.p99/);
  const other = change(t, { 'plimsoll.yml': config('a', '500ms') }, { 'plimsoll.yml': config('a', '5s') });
  assert.equal((await resolve(other.clone, pullRequest(other.baseSha))).config.sla[0]!.line, null);
});

test('the base is its tip, not what it was when the event was made', async (t) => {
  const { origin, clone, baseSha } = change(
    t,
    { 'plimsoll.yml': config('old', '500ms') },
    { 'plimsoll.yml': config('new', '5s') },
  );
  origin.git('checkout', '-q', 'main');
  origin.commit({ 'plimsoll.yml': config('old', '400ms') });
  assert.equal((await resolve(clone, pullRequest(baseSha))).config.sla[0]!.gold.limit, 400);
});

test('a base without configuration: the head’s rules, and it is said', async (t) => {
  const { clone, baseSha } = change(t, { README: 'x' }, { 'plimsoll.yml': config('new', '5s') });
  const policy = await resolve(clone, pullRequest(baseSha));
  assert.equal(policy.noPolicyAtBase, true);
  assert.equal(policy.config.sla[0]!.gold.limit, 5_000);
  assert.match(policy.policySource, /pull request, since main .* has none/);
  assert.equal(findBaseline(policy.baselines, 'llm', { gpu: 'x' }).kind, 'none');
});

test('baselines that the pull request adds are not those that it is compared with', async (t) => {
  const { clone, baseSha } = change(t, { 'plimsoll.yml': config('old', '1s') }, { 'baselines/llm/x.json': 'forged' });
  const policy = await resolve(clone, pullRequest(baseSha));
  assert.equal(findBaseline(policy.baselines, 'llm', { gpu: 'x' }).kind, 'none');
});

test('a base that cannot be read makes the run invalid', async (t) => {
  const { origin, clone } = change(t, { 'plimsoll.yml': config('old', '1s') }, { 'plimsoll.yml': config('new', '1s') });
  rmSync(origin.path, { recursive: true });
  await assert.rejects(
    resolve(clone, pullRequest('f'.repeat(40))),
    (error) => error instanceof PlimsollError && error.code === 'GIT_UNREACHABLE' && error.exitCode === 4,
  );
});

test('rules that are broken at the base make the run invalid, naming the base', async (t) => {
  const { clone, baseSha } = change(t, { 'plimsoll.yml': 'deployment: 3\n' }, { 'plimsoll.yml': config('new', '1s') });
  await assert.rejects(
    resolve(clone, pullRequest(baseSha)),
    (error) => error instanceof PlimsollError && error.exitCode === 4 && /rules at main/.test(error.message),
  );
});

test('a head whose configuration is broken or missing is the head’s wrong input', async (t) => {
  const broken = change(t, { 'plimsoll.yml': config('old', '1s') }, { 'plimsoll.yml': 'deployment: 3\n' });
  await assert.rejects(
    resolve(broken.clone, pullRequest(broken.baseSha)),
    (error) => error instanceof PlimsollError && error.code === 'CONFIG_INVALID',
  );
  const missing = change(t, { 'plimsoll.yml': config('old', '1s') }, { 'plimsoll.yml': null });
  await assert.rejects(
    resolve(missing.clone, pullRequest(missing.baseSha)),
    (error) => error instanceof PlimsollError && error.code === 'CONFIG_NOT_FOUND',
  );
});

test('variables that only the base’s deployment needs may be missing', async (t) => {
  const { clone, baseSha } = change(
    t,
    { 'plimsoll.yml': config('old', '1s', `  env: { T: "\${OLD_TOKEN}" }\n`) },
    { 'plimsoll.yml': config('new', '1s', `  env: { T: "\${NEW_TOKEN}" }\n`) },
  );
  const policy = await resolve(clone, pullRequest(baseSha), { env: { NEW_TOKEN: 's3cret' } });
  assert.deepEqual(policy.config.deployment.env, { T: 's3cret' });
  assert.ok(policy.config.secrets.includes('s3cret'));
});

test('without a base the checkout’s own rules and baselines count; base-ref names another', async (t) => {
  const { clone } = change(t, { 'plimsoll.yml': config('old', '500ms') }, { 'plimsoll.yml': config('new', '5s') });
  const push = pullRequest('', { kind: 'push', baseRef: null, baseSha: null, prNumber: null });
  const own = await resolve(clone, push);
  assert.equal(own.config.sla[0]!.gold.limit, 5_000);
  assert.equal(own.baselines.kind, 'directory');
  const other = await resolve(clone, push, { baseRef: 'main' });
  assert.equal(other.config.sla[0]!.gold.limit, 500);
});

test('paths outside of the checkout are refused', async (t) => {
  const { clone, baseSha } = change(t, { 'plimsoll.yml': config('old', '1s') }, {});
  await assert.rejects(
    resolvePolicy({
      event: pullRequest(baseSha, { headSha: clone.git('rev-parse', 'HEAD') }),
      token: '',
      cwd: clone.path,
      configPath: 'plimsoll.yml',
      baselines: '../elsewhere',
      baseRef: '',
      env: {},
      signal: new AbortController().signal,
    }),
    (error) => error instanceof PlimsollError && error.code === 'USAGE' && /elsewhere/.test(error.message),
  );
});

const withPrompts = (file: string): string =>
  config('serve', '1s').replace('{ model: m }', `{ model: m, prompts: { kind: jsonl, file: ${file} } }`);
const promptsOf = ({ config: { workload } }: ResolvedPolicy): string =>
  workload.prompts.kind === 'jsonl' ? workload.prompts.file : assert.fail('no file');
const LONG = '{"prompt": "a long story"}\n';
const SHORT = '{"prompt": "hi"}\n';

test('the prompts that are sent are the base’s, out of reach of the change, and another content is said', async (t) => {
  const { clone, baseSha } = change(
    t,
    { 'serving/plimsoll.yml': withPrompts('../data/p.jsonl'), 'data/p.jsonl': LONG },
    { 'data/p.jsonl': SHORT },
  );
  const policy = await resolve(clone, pullRequest(baseSha), { configPath: 'serving/plimsoll.yml' });
  const file = promptsOf(policy);
  assert.equal(readFileSync(file, 'utf8'), LONG);
  assert.ok(file.startsWith('/') && !file.startsWith(clone.path), file);
  assert.deepEqual(policy.policyChanges, ['workload.prompts.file: another content of ../data/p.jsonl']);
  const kept = change(t, { 'plimsoll.yml': withPrompts('p.jsonl'), 'p.jsonl': LONG }, { x: '1' });
  const same = await resolve(kept.clone, pullRequest(kept.baseSha));
  assert.deepEqual(same.policyChanges, []);
  writeFileSync(join(kept.clone.path, 'p.jsonl'), SHORT);
  assert.equal(readFileSync(promptsOf(same), 'utf8'), LONG, 'nor does what is written later get at it');
});

test('a trace that the base replays is the base’s too', async (t) => {
  const replayed = config('serve', '1s').replace('{ rate: 8/s }', '{ replay: { file: t.jsonl } }');
  const { clone, baseSha } = change(t, { 'plimsoll.yml': replayed, 't.jsonl': LONG }, { 't.jsonl': SHORT });
  const policy = await resolve(clone, pullRequest(baseSha));
  const file = policy.config.stages.benchmark?.replay?.file ?? assert.fail('no trace');
  assert.equal(readFileSync(file, 'utf8'), LONG);
  assert.deepEqual(policy.policyChanges, ['stages.benchmark.replay.file: another content of t.jsonl']);
});

test('a file of the machine, or of an earlier step, is taken as it is; one that only the change has is not', async (t) => {
  for (const file of ['/srv/prompts.jsonl', '../outside.jsonl', 'downloaded.jsonl']) {
    const { clone, baseSha } = change(t, { 'plimsoll.yml': withPrompts(file) }, { x: '1' });
    assert.equal(promptsOf(await resolve(clone, pullRequest(baseSha))), file);
  }
  const added = change(t, { 'plimsoll.yml': withPrompts('p.jsonl') }, { 'p.jsonl': SHORT });
  await assert.rejects(
    resolve(added.clone, pullRequest(added.baseSha)),
    (error) =>
      error instanceof PlimsollError && error.exitCode === 4 && /p\.jsonl, which the base does/.test(error.message),
  );
});

test('prompts in Git LFS: the checkout’s where both sides have the same, else invalid', async (t) => {
  const pointer = (oid: string) => `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize 9\n`;
  const files = { 'plimsoll.yml': withPrompts('p.jsonl'), 'p.jsonl': pointer('aa') };
  const same = change(t, files, { x: '1' });
  writeFileSync(join(same.clone.path, 'p.jsonl'), LONG); // as git lfs leaves it
  const policy = await resolve(same.clone, pullRequest(same.baseSha));
  assert.equal(readFileSync(promptsOf(policy), 'utf8'), LONG);
  assert.deepEqual(policy.policyChanges, []);
  const other = change(t, files, { 'p.jsonl': pointer('bb') });
  await assert.rejects(
    resolve(other.clone, pullRequest(other.baseSha)),
    (error) => error instanceof PlimsollError && error.exitCode === 4 && /Git LFS/.test(error.message),
  );
});

test('a checkout that is not the change is not measured for it; its head and a merge of it are', async (t) => {
  const { origin, clone, baseSha } = change(t, { 'plimsoll.yml': config('a', '1s') }, { x: '1' });
  const headSha = clone.git('rev-parse', 'HEAD');
  const event = pullRequest(baseSha, { headSha });
  await resolve(clone, event);
  const refused = (checkout: Repository) =>
    assert.rejects(
      resolve(checkout, event),
      (error) => error instanceof PlimsollError && error.exitCode === 4 && /neither the change/.test(error.message),
    );
  await refused(shallowClone(t, origin, 'main'));
  origin.commit({ more: 'pushed meanwhile' });
  await refused(shallowClone(t, origin, 'change'));
  origin.git('checkout', '-q', '-b', 'merge', 'main');
  origin.git('commit', '-q', '--allow-empty', '-m', `parent ${headSha}`);
  await refused(shallowClone(t, origin, 'merge'));
  origin.git('merge', '-q', '--no-ff', '-m', 'Merge', headSha);
  const merged = shallowClone(t, origin, 'merge');
  assert.equal(merged.git('rev-list', '--count', 'HEAD'), '1', 'shallow: its parents are not here');
  await resolve(merged, event);
  const push = pullRequest('', { kind: 'push', baseRef: null, baseSha: null, prNumber: null, headSha: 'f'.repeat(40) });
  await resolve(merged, push);
});
