import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { memoryClassGiB, readEnvironment } from '../../src/monitor/environment.ts';
import { scriptNvidiaSmi } from './world.ts';

const local = { engine: 'vllm', kind: 'process', url: 'http://127.0.0.1:8000' } as const;

const TWO_H100 = `
case "$*" in
  -L) printf 'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aa)\\nGPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bb)\\n' ;;
  *mig.mode*) row="NVIDIA H100 80GB HBM3, 81559, Disabled, 700.00, 1980, 1980, 550.54.15"; echo "$row"; case "$*" in *"-i 0,1"*) echo "$row" ;; esac ;;
esac`;

test('the simulated engine has the same environment on every machine', async () => {
  using _smi = scriptNvidiaSmi(TWO_H100);
  assert.deepEqual(await readEnvironment({ ...local, engine: 'sim', runnerClass: 'any' }), { kind: 'simulated' });
});

test('GPU facts come from the GPUs that the deployment can see', async () => {
  using _smi = scriptNvidiaSmi(TWO_H100);
  const facts = await readEnvironment({ ...local, runnerClass: 'h100-pool' });
  const { gpu, gpuCount, gpuMemoryGiB, mig, gpuPowerLimitWatts, gpuClocks, driverMajor, runnerClass, client } = facts;
  assert.deepEqual(
    { gpu, gpuCount, gpuMemoryGiB, mig, gpuPowerLimitWatts, gpuClocks, driverMajor, runnerClass, client },
    {
      gpu: 'NVIDIA H100 80GB HBM3',
      gpuCount: 2,
      gpuMemoryGiB: 80,
      mig: 'Disabled',
      gpuPowerLimitWatts: 700,
      gpuClocks: 'default',
      driverMajor: '550',
      runnerClass: 'h100-pool',
      client: 'same host',
    },
  );
  assert.deepEqual(await readEnvironment({ ...local, runnerClass: 'h100-pool' }), facts, 'the same twice');
  assert.equal((await readEnvironment({ ...local, env: { CUDA_VISIBLE_DEVICES: '1' } })).gpuCount, 1);
});

test('unlike GPUs are both named, set clocks show, and an unknown field is null without costing the rest', async () => {
  using _smi = scriptNvidiaSmi(`
case "$*" in
  -L) printf 'GPU 0: A (UUID: GPU-aa)\\nGPU 1: B (UUID: GPU-bb)\\n' ;;
  *mig.mode*) echo 'Field "mig.mode.current" is not a valid field to query.'; exit 2 ;;
  *query-gpu=name*) printf 'NVIDIA T4\\nNVIDIA L4\\n' ;;
  *memory.total*) printf '15360\\n23034\\n' ;;
  *power.limit*) printf '[N/A]\\n[N/A]\\n' ;;
  *applications*) printf '585, 1590\\n585, 1590\\n' ;;
  *driver_version*) printf '535.104.05\\n535.104.05\\n' ;;
esac`);
  const { gpu, gpuCount, gpuMemoryGiB, mig, gpuPowerLimitWatts, gpuClocks, driverMajor } = await readEnvironment(local);
  assert.deepEqual(
    { gpu, gpuCount, gpuMemoryGiB, mig, gpuPowerLimitWatts, gpuClocks, driverMajor },
    {
      gpu: 'NVIDIA L4 + NVIDIA T4',
      gpuCount: 2,
      gpuMemoryGiB: '15 + 22',
      mig: null,
      gpuPowerLimitWatts: null,
      gpuClocks: '585 MHz',
      driverMajor: '535',
    },
  );
});

test('without a GPU its facts are null, the rest of the machine is there', async () => {
  const facts = await readEnvironment({ ...local, env: { CUDA_VISIBLE_DEVICES: '' } });
  assert.deepEqual([facts.gpu, facts.gpuCount, facts.driverMajor, facts.runnerClass], [null, 0, null, null]);
  assert.ok(typeof facts.cpuCount === 'number' && facts.cpuCount > 0);
  assert.ok(typeof facts.memoryGiB === 'number' && facts.memoryGiB > 0);
  assert.equal(typeof facts.cpu, 'string');
});

test('an external deployment elsewhere has its host and nothing of this machine; here it has this machine', async () => {
  using _smi = scriptNvidiaSmi(TWO_H100);
  const remote = await readEnvironment({ ...local, kind: 'external', url: 'https://192.0.2.7/v1', runnerClass: 'x' });
  assert.deepEqual(remote, { kind: 'remote', host: '192.0.2.7', runnerClass: 'x', client: 'remote' });
  const own =
    Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
  assert.equal((await readEnvironment({ ...local, kind: 'external', url: `http://${own}:8000` })).client, 'same host');
});

test('memory is classed as what is installed, not as what firmware and kernel leave of it', () => {
  const cases: [number, number][] = [
    [15.6, 16],
    [62.7, 64],
    [125.7, 128],
    [376.4, 384],
    [503.5, 512],
    [94.2, 96],
    [7.7, 8],
    [3.8, 4],
    [16, 16],
  ];
  for (const [reported, installed] of cases) assert.equal(memoryClassGiB(reported * 2 ** 30), installed);
});
