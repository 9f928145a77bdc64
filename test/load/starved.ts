// A load in a process of its own, whose limits a test lowers first. Arguments: `load` or `warm-up`, and the URL; without
// one against a silent server of this process. Prints what the load threw and which outcomes it gave out.

import { workloadSchema } from '../../src/config/schema.ts';
import type { PlimsollError } from '../../src/errors.ts';
import { runLoad } from '../../src/load/load.ts';
import { warmUp } from '../../src/load/warmup.ts';
import type { WorkloadRef } from '../../src/workload/workload.ts';
import { startTorture } from './torture.ts';

const [what, given] = process.argv.slice(2);
const url = given ?? (await startTorture(() => {})).url;
const workload: WorkloadRef = {
  config: workloadSchema.parse({
    model: 'm',
    prompts: { kind: 'synthetic', tokens: { constant: 20 } },
    output: { constant: 8 },
  }),
  engine: 'openai',
  baseDir: '/',
  stage: 'benchmark',
};
const target = { url, headers: {} };
const outcomes = new Set<string>();
const said: { code?: string; exitCode?: number; message?: string; hint?: string | undefined; end?: string } = {};
try {
  if (what === 'warm-up') await warmUp({ target, workload, requests: 200, concurrency: 100, timeoutMs: 20_000 });
  else {
    const load = { kind: 'open', process: 'constant', from: 100, to: 200 } as const;
    const { end } = await runLoad(
      {
        plan: {
          stage: 'benchmark',
          seed: 1,
          phases: [{ name: 'round-1', kind: 'round', startMs: 0, durationMs: 30_000, load, pattern: 1 }],
          drainMs: 20_000,
          maxInFlight: 1_000,
          requestTimeoutMs: 20_000,
          stallTimeoutMs: 20_000,
        },
        target,
        workload,
        workers: 2,
      },
      { onRows: (rows) => void rows.map(({ outcome }) => outcomes.add(outcome)) },
    );
    said.end = end;
  }
} catch (error) {
  const { code, exitCode, message, hint } = error as PlimsollError;
  Object.assign(said, { code, exitCode, message, hint });
}
process.stdout.write(JSON.stringify({ ...said, outcomes: [...outcomes] }), () => process.exit());
