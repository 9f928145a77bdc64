import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { deploymentSchema } from '../../src/config/schema.ts';
import { type BootOptions, bootDeployment } from '../../src/deployment/boot.ts';
import { stateDir } from '../../src/deployment/state.ts';
import { sweep } from '../../src/deployment/sweep.ts';
import { PlimsollError } from '../../src/errors.ts';
import { configInput, configOf, folder, freePort, killed, readJson, runs, startFixture, until } from './world.ts';

let logs = 0;
const options = (more: Partial<BootOptions> = {}): BootOptions => ({
  cwd: folder,
  boot: 1,
  logPath: join(folder, `log-${++logs}.txt`),
  ...more,
});

const failure = async (promise: Promise<unknown>): Promise<PlimsollError> => {
  const error = await promise.then(
    () => assert.fail('it should have failed'),
    (reason) => reason,
  );
  assert.ok(error instanceof PlimsollError, String(error));
  return error;
};

test('a process is ready once its readiness path answers 2xx, and not before', async () => {
  const config = configOf(await freePort(), { statuses: [503, 500, 302, 404, 204] });
  await using deployment = await bootDeployment(config, options());
  assert.ok(deployment.bootMs! > 4 * config.ready.interval, `${deployment.bootMs} ms is less than five polls take`);
  assert.ok(runs(deployment.pid!));
  assert.equal(deployment.exited(), null);
});

test('disposing ends it and forgets it; a second dispose gives the same report', async () => {
  const deployment = await bootDeployment(configOf(await freePort(), {}), options());
  const stateFiles = () => readdirSync(stateDir()).filter((name) => name.startsWith('owner-'));
  assert.equal(stateFiles().length, 1);
  const report = await deployment.dispose();
  assert.deepEqual(
    { found: report.found, forced: report.forced, left: report.left },
    { found: 1, forced: false, left: [] },
  );
  assert.equal(report.exit?.signal, 'SIGTERM');
  assert.equal(await deployment.dispose(), report);
  assert.ok(!runs(deployment.pid!));
  assert.deepEqual(stateFiles(), []);
});

test('the state names the child as soon as it is spawned, before it is ready', async () => {
  const port = await freePort();
  const abort = new AbortController();
  const booting = bootDeployment(
    configOf(port, { hang: true }),
    options({ signal: abort.signal, label: 'state test' }),
  );
  const states = () =>
    readdirSync(stateDir())
      .filter((name) => name.startsWith('owner-'))
      .map((name) => JSON.parse(readFileSync(join(stateDir(), name), 'utf8')));
  await until(() => states().some((state) => state.children.length === 1), 'the child to be noted');
  const [state] = states();
  assert.equal(state.process.pid, process.pid);
  assert.equal(state.children[0].port, port);
  assert.equal(state.children[0].label, 'state test');
  abort.abort();
  const error = await failure(booting);
  assert.equal(error.code, 'CANCELLED');
  assert.ok(!runs(state.children[0].pid));
});

test('an early exit is reported with its code and last log lines, without colours and secrets', async () => {
  const log = options({ secrets: ['hunter2-secret'] });
  const config = configOf(await freePort(), {
    exitCode: 3,
    say: ['loading', '\u001b[31mCUDA out of memory\u001b[0m key=hunter2-secret'],
  });
  const error = await failure(bootDeployment(config, log));
  assert.equal(error.code, 'BOOT_EXITED');
  assert.match(error.message, /exit code 3/);
  assert.match(error.message, /\| CUDA out of memory key=\*\*\*$/m);
  assert.ok(!error.message.includes('hunter2'));
  assert.ok(!readFileSync(log.logPath, 'utf8').includes('hunter2'), 'the log keeps no secret');
  assert.match(readFileSync(log.logPath, 'utf8'), /loading\n/);
});

test('an exit with code 0 says that the command must stay in the foreground, and leaves no child', async () => {
  const pidFile = join(folder, 'daemon.json');
  const error = await failure(
    bootDeployment(
      configOf(await freePort(), { exitCode: 0, children: ['session'], pidFile }, { stopTimeout: '300ms' }),
      options(),
    ),
  );
  assert.equal(error.code, 'BOOT_EXITED');
  assert.match(error.hint!, /foreground/);
  assert.ok(!runs(readJson(pidFile).children[0]!));
});

test('a deployment that hangs times out with the last answer, and is gone', async () => {
  const pidFile = join(folder, 'hang.json');
  const config = configOf(
    await freePort(),
    { hang: true, pidFile, say: ['I will hang'] },
    { ready: { path: '/health', timeout: '1500ms', interval: '50ms' } },
  );
  const error = await failure(bootDeployment(config, options()));
  assert.equal(error.code, 'BOOT_TIMEOUT');
  assert.match(error.message, /no answer within/);
  assert.match(error.message, /\| I will hang/);
  assert.ok(!runs(readJson(pidFile).pid));
});

test('a readiness that never comes tells the last status and body, with secrets masked', async () => {
  const config = configOf(
    await freePort(),
    { statuses: [503], body: 'warming <b>sk-very-secret</b>' },
    { ready: { path: '/health', timeout: '1s', interval: '50ms' } },
  );
  const error = await failure(bootDeployment(config, options({ secrets: ['sk-very-secret'] })));
  assert.equal(error.code, 'BOOT_TIMEOUT');
  assert.match(error.message, /status 503: warming <b>\*\*\*<\/b>/);
});

test('a deployment that listens elsewhere is told which port it listens on', async () => {
  const port = await freePort();
  const other = await freePort();
  const config = configOf(port, { port: other }, { ready: { path: '/health', timeout: '2s', interval: '50ms' } });
  const error = await failure(bootDeployment(config, options()));
  assert.equal(error.code, 'BOOT_TIMEOUT');
  assert.match(error.hint!, new RegExp(`listens on port ${other}, but .url. says ${port}`));
});

test('a taken port is refused before anything is spawned, naming the holder', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const pidFile = join(folder, 'never.json');
  const error = await failure(bootDeployment(configOf(port, { pidFile }), options()));
  assert.equal(error.code, 'PORT_TAKEN');
  assert.match(error.message, new RegExp(`Port ${port}.*process ${process.pid} \\(`));
  assert.throws(() => readFileSync(pidFile), /ENOENT/);
});

test('a port that another run holds names that run', async () => {
  const port = await freePort();
  const config = configInput(port, {});
  const { child, line } = await startFixture('owner.ts', {
    config,
    logPath: join(folder, 'other.log'),
    label: 'nightly on main',
  });
  const { pid } = JSON.parse(line);
  try {
    const error = await failure(bootDeployment(configOf(port, {}), options()));
    assert.equal(error.code, 'PORT_TAKEN');
    assert.match(
      error.message,
      new RegExp(`process ${pid} .*started by another Plimsoll run: nightly on main \\(process ${child.pid}\\)`),
    );
  } finally {
    await killed(child);
    await sweep();
  }
  assert.ok(!runs(pid));
});

test('a command that does not exist is named, with the PATH that was searched', async () => {
  const config = deploymentSchema.parse({
    name: 'x',
    url: `http://127.0.0.1:${await freePort()}`,
    command: ['no-such-engine', 'serve'],
    env: { PATH: '/nowhere/bin' },
  });
  const error = await failure(bootDeployment(config, options()));
  assert.equal(error.code, 'COMMAND_NOT_FOUND');
  assert.match(error.message, /"no-such-engine"/);
  assert.match(error.hint!, /\/nowhere\/bin/);
  const path = await failure(bootDeployment({ ...config, command: ['./missing.sh'] }, options()));
  assert.equal(path.code, 'COMMAND_NOT_FOUND');
  assert.match(path.message, new RegExp(join(folder, 'missing.sh')));
  const oneWord = await failure(bootDeployment({ ...config, command: ['vllm serve x'] }, options()));
  assert.match(oneWord.hint!, /list of words/);
});

test('a script whose interpreter is missing is a command that cannot start', async () => {
  const script = join(folder, 'broken.sh');
  writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 });
  const config = deploymentSchema.parse({ name: 'x', url: `http://127.0.0.1:${await freePort()}`, command: [script] });
  const error = await failure(bootDeployment(config, options()));
  assert.equal(error.code, 'COMMAND_NOT_FOUND');
  assert.deepEqual(
    readdirSync(stateDir()).filter((name) => name.startsWith('owner-')),
    [],
  );
});

test('a working directory that is missing is a fault of the configuration', async () => {
  const error = await failure(bootDeployment(configOf(await freePort(), {}, { cwd: 'nowhere' }), options()));
  assert.equal(error.code, 'CONFIG_INVALID');
  assert.match(error.message, /nowhere is not a folder/);
});

test('without `shell` nothing is expanded; with it a shell runs the line', async () => {
  const port = await freePort();
  const plain = configOf(port, {}, { command: ['printf', '%s\n', '$HOME;exit'] });
  assert.match((await failure(bootDeployment(plain, options()))).message, /\| \$HOME;exit/);
  const shell = configOf(port, {}, { shell: true, command: ['echo "from $PLACE"; exit 7'], env: { PLACE: 'a shell' } });
  const error = await failure(bootDeployment(shell, options()));
  assert.match(error.message, /exit code 7/);
  assert.match(error.message, /\| from a shell/);
});

test('the environment is ours plus the configured one, RUNNER_TRACKING_ID included', async () => {
  process.env.RUNNER_TRACKING_ID = 'github_1234';
  const config = configOf(
    await freePort(),
    {},
    { command: ['sh', '-c', 'echo "$RUNNER_TRACKING_ID $ADDED"; exit 1'], env: { ADDED: 'yes' } },
  );
  assert.match((await failure(bootDeployment(config, options()))).message, /\| github_1234 yes/);
});

for (const kind of ['container', 'compose', 'kubernetes']) {
  test(`the kind ${kind} is refused by name until it is built`, async () => {
    const error = await failure(bootDeployment(configOf(1, {}, { kind }), options()));
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.match(error.message, new RegExp(`"${kind}" is not built yet; use process or external`));
  });
}

test('an external deployment is only waited for, with its headers, and left running', async (t) => {
  let seen: string | undefined;
  const server = createServer((request, response) => {
    seen = request.headers.authorization;
    response.writeHead(seen === 'Bearer abc' ? 200 : 401).end();
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const config = deploymentSchema.parse({
    name: 'ext',
    kind: 'external',
    url: `http://127.0.0.1:${port}`,
    headers: { authorization: 'Bearer abc' },
    ready: { path: '/health', timeout: '5s' },
  });
  process.env.http_proxy = 'http://127.0.0.1:1';
  const deployment = await bootDeployment(config, options()).finally(() => {
    delete process.env.http_proxy;
  });
  assert.deepEqual([deployment.pid, deployment.bootMs, seen], [null, null, 'Bearer abc']);
  await deployment.dispose();
  assert.ok(server.listening);

  const wrong = await failure(
    bootDeployment({ ...config, headers: {}, ready: { ...config.ready, timeout: 300, interval: 50 } }, options()),
  );
  assert.equal(wrong.code, 'BOOT_TIMEOUT');
  assert.match(wrong.message, /status 401/);
});

test('a deployment that dies after it was ready says so with its last lines', async () => {
  const deployment = await bootDeployment(configOf(await freePort(), { say: ['serving'] }), options());
  process.kill(deployment.pid!, 'SIGKILL');
  const report = await deployment.onExit;
  assert.deepEqual(
    { code: report.code, signal: report.signal, lines: report.lastLines },
    { code: null, signal: 'SIGKILL', lines: ['serving'] },
  );
  assert.deepEqual(deployment.exited(), report);
  assert.equal((await deployment.dispose()).found, 0);
});
