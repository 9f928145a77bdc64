// Whose fault it is that a side gave nothing: what the base cannot do is a reason not to compare, what this machine
// cannot do ends the run, whichever side it happened on.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { type ErrorCode, PlimsollError } from '../../src/errors.ts';
import { METHOD_VERSION } from '../../src/record/schema.ts';
import { openRunFolder } from '../../src/runner/folder.ts';
import { planStages } from '../../src/runner/plans.ts';
import { createLogProgress } from '../../src/runner/progress.ts';
import { beginRecord } from '../../src/runner/record.ts';
import type { Side } from '../../src/runner/sides.ts';
import { type Turn, takeTurn } from '../../src/runner/turn.ts';

interface Scene {
  readonly side?: Side['side'];
  /** Context of the model that the engine tells. */
  readonly contextTokens?: number;
  readonly rate?: string;
  readonly build?: () => Promise<void>;
}

/** One side alone, against a server that is ready and answers everything at once. */
async function turn(t: TestContext, { side = 'base', contextTokens, rate = '20/s', build }: Scene): Promise<Turn> {
  const models = JSON.stringify({ data: [{ id: 'm', max_model_len: contextTokens }] });
  const server = createServer((_, response) => response.end(models)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-turn-'));
  const folder = openRunFolder(join(dir, 'out'));
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await folder.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = parseConfig(
    `deployment: { name: d, kind: external, url: "${url}" }
workload: { model: m }
stages:
  benchmark: { rate: ${rate}, duration: 60s }
client: { maxInFlight: 1000000000 }
`,
    { env: {} },
  );
  const lookup = { kind: 'none', reason: 'nothing is stored yet' } as const;
  const { plans } = planStages(config, lookup, dir);
  const options = { config, cwd: dir, mode: 'gate' as const, name: '', provenance: { commit: null } };
  return takeTurn(
    beginRecord(options, { kind: 'simulated', method: METHOD_VERSION }, plans),
    [{ side, config, folder: dir }],
    1,
    {
      plans,
      folder,
      progress: createLogProgress(() => {}, 'plain'),
      signal: new AbortController().signal,
      label: 'd',
      workloadDir: dir,
      lookup,
      save: (record) => record,
      build: build ?? (async () => {}),
      noRoom: () => null,
    },
  );
}

const fails = (code: ErrorCode) => async () => {
  throw new PlimsollError(code, `it went wrong (${code})`);
};
const withCode = (code: ErrorCode) => (error: unknown) => error instanceof PlimsollError && error.code === code;
/** More connections than there are ports. */
const UNBEARABLE = '1000000000/s';

for (const side of ['base', 'candidate'] as const) {
  test(`a client at its limits is no fault of the ${side}, which was ready: the run ends with that error`, async (t) => {
    await assert.rejects(turn(t, { side, rate: UNBEARABLE }), withCode('CLIENT_LIMITS'));
  });
}

test('a build of the base that fails is a base that is not ready; a disk that is full is not its fault', async (t) => {
  const { record, over } = await turn(t, { build: fails('BUILD_FAILED') });
  assert.deepEqual(
    record.boots.map(({ side, end, reason }) => [side, end, reason]),
    [['base', 'not_ready', 'it went wrong (BUILD_FAILED)']],
  );
  assert.equal(over, true);
  for (const code of ['OUT_NOT_WRITABLE', 'INTERNAL'] as const)
    await assert.rejects(turn(t, { build: fails(code) }), withCode(code));
  await assert.rejects(turn(t, { side: 'candidate', build: fails('BUILD_FAILED') }), withCode('BUILD_FAILED'));
});

test('a base whose model is too small for the load cannot be compared with; a candidate’s is an error', async (t) => {
  const { record } = await turn(t, { contextTokens: 8 });
  assert.deepEqual(
    record.boots.map(({ end }) => end),
    ['not_ready'],
  );
  assert.match(record.boots[0]?.reason ?? '', /context of 8 tokens/);
  await assert.rejects(turn(t, { side: 'candidate', contextTokens: 8 }), withCode('WORKLOAD_INVALID'));
});
