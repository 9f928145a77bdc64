import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { METRICS } from '../../src/metrics.ts';
import { parseCpu, parseMemory } from '../../src/monitor/host.ts';
import { type Monitor, type MonitorOptions, startMonitor } from '../../src/monitor/monitor.ts';
import { waitForQuiet } from '../../src/monitor/quiet.ts';
import { LLAMACPP, VLLM } from './fixtures/pages.ts';
import { folder, scriptNvidiaSmi, serveMetrics, until } from './world.ts';

const start = (url: string, more: Partial<MonitorOptions> = {}): Monitor =>
  startMonitor({
    target: { url, headers: {} },
    pid: process.pid,
    engine: 'vllm',
    intervalMs: 50,
    nvidiaSmi: false,
    ...more,
  });
const values = (monitor: Monitor, metric: string) =>
  monitor
    .take(0)
    .filter((sample) => sample.metric === metric)
    .map(({ value }) => value);
const reasonOf = (monitor: Monitor, metric: string) =>
  monitor.problems().find(({ metrics }) => metrics.includes(metric))?.reason;
const GPU = METRICS.map(({ id }) => id).filter((id) => id.startsWith('gpu.'));

test('every sampled metric is one of the table, on the caller’s time axis, and nothing is lost by taking', async () => {
  using _smi = scriptNvidiaSmi('echo "50, 10, 20, 100, 40, 1500"; exec sleep 60');
  await using server = await serveMetrics(VLLM);
  const before = performance.now();
  await using monitor = start(server.url, { nvidiaSmi: true });
  const wanted = METRICS.map(({ id }) => id).filter((id) => /^(engine|host|deployment)\./.test(id));
  await until(() => wanted.every((id) => values(monitor, id).length > 1), 'every sampler to give two values');
  const origin = performance.now();
  const samples = monitor.take(origin);
  assert.deepEqual(monitor.take(origin).slice(0, samples.length), samples);
  for (const { tMs, metric, value } of samples) {
    assert.ok(
      METRICS.some(({ id }) => id === metric),
      metric,
    );
    assert.ok(tMs <= 0 && tMs >= before - origin, `${tMs}`);
    assert.ok(Number.isFinite(value));
  }
  assert.equal(monitor.latest('engine.running'), 32);
  assert.equal(monitor.latest('engine.kv_cache'), 98.75);
});

test('preemptions count from the mark, over a restart of the engine too', async () => {
  const page = (count: number) =>
    VLLM.replace(/(num_preemptions_total\{engine="0"[^}]*\}) .*/, `$1 ${count}`).replace(
      /.*num_preemptions_total\{engine="1".*\n/,
      '',
    );
  await using server = await serveMetrics(page(100));
  await using monitor = start(server.url);
  const reaches = (value: number) =>
    until(() => monitor.latest('engine.preemptions') === value, `${value} preemptions`);
  await reaches(0);
  server.page.text = page(107);
  await reaches(7);
  monitor.mark();
  await reaches(0);
  assert.ok(!values(monitor, 'engine.preemptions').includes(7), 'samples from before the mark are forgotten');
  assert.equal(monitor.restarted(), false);
  server.page.text = page(2);
  await reaches(2);
  assert.equal(monitor.restarted(), true);
  monitor.mark();
  assert.equal(monitor.restarted(), false, 'told of the stage in which it was');
  server.page.text = page(3);
  await reaches(1);
  assert.equal(monitor.restarted(), false);
});

test('an answer that a later one overtook is no restart', async () => {
  const page = (count: number) => `vllm:num_requests_running 1\nvllm:num_preemptions_total ${count}\n`;
  const held = Promise.withResolvers<void>();
  let asked = 0;
  const server = createServer(async (_, response) => {
    asked += 1;
    if (asked !== 1) return void response.end(page(8));
    await held.promise;
    response.end(page(5));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as { port: number };
    // The first reading of the schedule hangs; what is asked beside it is answered first.
    await using monitor = start(`http://127.0.0.1:${port}`, { intervalMs: 60_000 });
    await until(() => asked === 1, 'the schedule to ask');
    const later = await monitor.readEngine();
    assert.equal(later.kind, 'values');
    held.resolve();
    await until(() => monitor.latest('engine.preemptions') !== undefined, 'the first reading');
    assert.equal(monitor.latest('engine.preemptions'), 0);
    assert.equal(monitor.restarted(), false);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('what can’t be had is said in words, for each metric', async () => {
  await using server = await serveMetrics(LLAMACPP);
  const path = process.env.PATH;
  process.env.PATH = join(folder, 'empty');
  await using monitor = start(server.url, { engine: 'llamacpp', pid: null, nvidiaSmi: true });
  await until(
    () =>
      reasonOf(monitor, 'gpu.power') === 'nvidia-smi was not found on the PATH' &&
      values(monitor, 'engine.running').length > 0,
    'the reasons',
  );
  process.env.PATH = path;
  assert.deepEqual(
    monitor
      .problems()
      .find(({ source }) => source === 'nvidia-smi')
      ?.metrics.toSorted(),
    GPU.toSorted(),
  );
  assert.match(reasonOf(monitor, 'deployment.cpu')!, /did not start this deployment/);
  assert.match(reasonOf(monitor, 'engine.kv_cache')!, /kv_cache_usage_ratio is not in the answer/);
  assert.match(reasonOf(monitor, 'engine.preemptions')!, /has no such gauge/);
  assert.equal(reasonOf(monitor, 'engine.running'), undefined);
  const found = monitor.problems();
  monitor.mark();
  assert.deepEqual(monitor.problems(), found, 'right after a mark the stage that ended is what is asked about');

  await using off = start(server.url, { engine: 'openai' });
  assert.equal(reasonOf(off, 'gpu.utilization'), 'monitor.nvidiaSmi is off');
  await until(
    () => /set deployment\.metrics/.test(reasonOf(off, 'engine.running') ?? ''),
    'the engine without metrics',
  );
});

test('an engine that stops answering, or answers nonsense, is a problem and not a crash', async () => {
  await using server = await serveMetrics(VLLM);
  await using monitor = start(server.url);
  await until(() => values(monitor, 'engine.running').length > 0, 'a first reading');
  assert.equal(reasonOf(monitor, 'engine.running'), undefined);
  server.page = { status: 500, text: '<html>oops' };
  await sleep(100);
  monitor.mark();
  await until(() => /status 500/.test(reasonOf(monitor, 'engine.running') ?? ''), 'the status to be told');
  server.page = { status: 200, text: '<html>oops' };
  await until(() => /is in the answer/.test(reasonOf(monitor, 'engine.running') ?? ''), 'the page to be told');
});

test('credentials go to the deployment’s own metrics, not to those of another host', async () => {
  await using deployment = await serveMetrics(VLLM);
  await using other = await serveMetrics(VLLM);
  const target = { url: deployment.url, headers: { authorization: 'Bearer x' } };
  await using _own = start(deployment.url, { target, metricsUrl: '/custom' });
  await using _else = start(deployment.url, { target, metricsUrl: `${other.url}/metrics` });
  await until(() => deployment.requests.length > 0 && other.requests.length > 0, 'both to be asked');
  assert.deepEqual(deployment.requests[0], { path: '/custom', authorization: 'Bearer x' });
  assert.deepEqual(other.requests[0], { path: '/metrics', authorization: undefined });
});

test('a deployment on another host has no local machine facts', async () => {
  await using monitor = start('http://192.0.2.7:9', { pid: null });
  await until(() => /runs on another host \(192\.0\.2\.7\)/.test(reasonOf(monitor, 'host.cpu') ?? ''), 'the reason');
  assert.deepEqual(values(monitor, 'host.cpu'), []);
});

test('two GPUs: mean utilisation, memory of both, summed power, hottest temperature, throttled if any is', async () => {
  using _smi = scriptNvidiaSmi(
    `echo "80, 10000, 40000, 100.5, 50, 1400, Not Active, Not Active"; echo "40, 30000, 40000, 99.5, 70, 1600, Active, Not Active"`,
  );
  await using server = await serveMetrics(VLLM);
  await using monitor = start(server.url, { nvidiaSmi: true });
  await until(() => values(monitor, 'gpu.power').length >= 3, 'three readings of a script that answers once');
  const seen = GPU.map((id) => [id, monitor.latest(id)]);
  assert.deepEqual(Object.fromEntries(seen), {
    'gpu.utilization': 60,
    'gpu.memory': 50,
    'gpu.power': 200,
    'gpu.temperature': 70,
    'gpu.sm_clock': 1500,
    'gpu.throttled': 100,
  });
  assert.equal(reasonOf(monitor, 'gpu.power'), undefined);
});

test('an nvidia-smi that streams is started once for all readings, and ended with the monitor', async () => {
  const calls = join(folder, 'calls.txt');
  const pids = join(folder, 'pids.txt');
  using _smi = scriptNvidiaSmi(`
echo "$*" >> ${calls}
case "$*" in
  *-lms*) echo $$ >> ${pids}; i=0; while true; do i=$((i+1)); echo "$i, 1, 2, 3, 4, 5, Not Active, Not Active"; sleep 0.05; done ;;
  *) echo "0, 1, 2, 3, 4, 5, Not Active, Not Active" ;;
esac`);
  await using server = await serveMetrics(VLLM);
  const monitor = start(server.url, { nvidiaSmi: true });
  await until(() => values(monitor, 'gpu.utilization').length > 5, 'a stream of readings');
  assert.equal(readFileSync(calls, 'utf8').trim().split('\n').length, 2, 'one probe, one stream');
  await monitor.stop();
  const pid = Number(readFileSync(pids, 'utf8'));
  await until(() => isGone(pid), 'the stream to be ended');
});

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

test('one field that this nvidia-smi does not know costs only its own metric', async () => {
  using _smi = scriptNvidiaSmi(`
case "$*" in
  *clocks.current.sm*) echo 'Field "clocks.current.sm" is not a valid field to query.'; exit 2 ;;
  *utilization.gpu,memory*) echo "70, 1, 4, [N/A], 60, Not Active, [N/A]" ;;
  *utilization.gpu*) echo "70" ;;
  *memory.used*) echo "1, 4" ;;
  *power.draw*) echo "[N/A]" ;;
  *temperature.gpu*) echo "60" ;;
  *clocks_throttle_reasons*) echo "Not Active, [N/A]" ;;
esac`);
  await using server = await serveMetrics(VLLM);
  await using monitor = start(server.url, { nvidiaSmi: true });
  await until(() => values(monitor, 'gpu.utilization').length > 1, 'two readings');
  assert.equal(monitor.latest('gpu.utilization'), 70);
  assert.equal(monitor.latest('gpu.memory'), 25);
  assert.equal(monitor.latest('gpu.temperature'), 60);
  assert.equal(monitor.latest('gpu.throttled'), 0, 'one of two reasons is known');
  assert.match(reasonOf(monitor, 'gpu.sm_clock')!, /is not a valid field to query/);
  assert.match(reasonOf(monitor, 'gpu.power')!, /no value for power\.draw/);
});

test('CUDA_VISIBLE_DEVICES chooses the GPUs that are asked about', async () => {
  using _smi = scriptNvidiaSmi(`
case "$*" in
  -L) printf 'GPU 0: A (UUID: GPU-aa)\\nGPU 1: A (UUID: GPU-bb)\\n' ;;
  *"-i 1"*) echo "90, 1, 2, 3, 4, 5, Not Active, Not Active" ;;
  *) echo "10, 1, 2, 3, 4, 5, Not Active, Not Active"; echo "90, 1, 2, 3, 4, 5, Not Active, Not Active" ;;
esac`);
  await using server = await serveMetrics(VLLM);
  await using monitor = start(server.url, { nvidiaSmi: true, env: { CUDA_VISIBLE_DEVICES: 'GPU-bb' } });
  await until(() => monitor.latest('gpu.utilization') !== undefined, 'a reading');
  assert.equal(monitor.latest('gpu.utilization'), 90);
  await using none = start(server.url, { nvidiaSmi: true, env: { CUDA_VISIBLE_DEVICES: '' } });
  await until(() => /shows the deployment no GPU/.test(reasonOf(none, 'gpu.utilization') ?? ''), 'the reason');
});

test('an nvidia-smi that hangs neither delays the other samplers nor keeps a stopped process alive', async () => {
  using _smi = scriptNvidiaSmi('sleep 600; echo never');
  await using server = await serveMetrics(VLLM);
  const script = `
    import { startMonitor } from ${JSON.stringify(new URL('../../src/monitor/monitor.ts', import.meta.url).href)};
    const monitor = startMonitor({ target: { url: ${JSON.stringify(server.url)}, headers: {} }, pid: process.pid, engine: 'vllm', intervalMs: 50, nvidiaSmi: true });
    while (monitor.latest('host.cpu') === undefined || monitor.latest('engine.running') === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    console.log(monitor.problems().find(({ source }) => source === 'nvidia-smi').reason);
    await monitor.stop();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(code, 0);
  assert.equal(output.trim(), 'no reading was made in time');
});

test('the deployment’s tree is measured: a busy child shows as cores, and its end is told', async () => {
  await using server = await serveMetrics(VLLM);
  const code = `require('child_process').spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }); setInterval(() => {}, 1000)`;
  const tree = spawn(process.execPath, ['-e', code], { detached: true, stdio: 'ignore' });
  try {
    await using monitor = start(server.url, { pid: tree.pid! });
    await until(() => values(monitor, 'deployment.cpu').some((cores) => cores > 0.05), 'the busy child to show');
    assert.ok(values(monitor, 'deployment.cpu').every((cores) => cores >= 0));
    assert.ok(monitor.latest('deployment.memory')! > 20_000_000, 'two Node processes are larger than this');
    process.kill(-tree.pid!, 'SIGKILL');
    await sleep(400);
    monitor.mark();
    await until(
      () => /no process of the deployment/.test(reasonOf(monitor, 'deployment.cpu') ?? ''),
      'the end to be told',
    );
  } finally {
    tree.kill('SIGKILL');
  }
});

test('quiet is known by the gauges, once they stay at 0', async () => {
  const idle = VLLM.replaceAll(/(num_requests_\w+\{[^}]*\}) .*/g, '$1 0.0');
  await using server = await serveMetrics(VLLM);
  await using monitor = start(server.url);
  const busy = await waitForQuiet(monitor, { timeoutMs: 300 });
  assert.equal(busy.state, 'busy');
  assert.match(busy.how, /32 running and 3 waiting/);
  const waiting = waitForQuiet(monitor, { timeoutMs: 20_000 });
  server.page.text = idle;
  assert.equal((await waiting).state, 'quiet');
});

test('an engine without gauges is unknown at once, a cancelled wait ends at once', async () => {
  await using server = await serveMetrics(VLLM);
  await using monitor = start(server.url, { engine: 'ollama' });
  const startMs = performance.now();
  const unknown = await waitForQuiet(monitor, { timeoutMs: 60_000 });
  assert.equal(unknown.state, 'unknown');
  assert.match(unknown.how, /no metrics endpoint is known for Ollama/);
  const busy = start(server.url);
  await waitForQuiet(busy, { timeoutMs: 60_000, signal: AbortSignal.abort() });
  await busy.stop();
  assert.ok(performance.now() - startMs < 30_000);
});

test('host shares are read as proc(5) defines them', () => {
  assert.deepEqual(parseCpu('cpu  100 5 20 800 50 3 2 20 7 0\ncpu0 1 1 1 1\n'), {
    total: 1_000,
    busy: 150,
    stolen: 20,
  });
  assert.equal(parseMemory('MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    250 kB\n'), 75);
  assert.equal(parseMemory('MemTotal: 1000 kB\n'), undefined);
});
