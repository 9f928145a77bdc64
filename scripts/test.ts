// `npm test`: first what needs the processor, then whole runs, which keep time: what shares a core with a deployment in
// real time slows it down, and the judge, rightly, says so. The one that asks whether nothing has changed is alone.
// All parts run, whatever the others say.

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const REAL_TIME = /^test\/(?:e2e|action)\//;
const ALONE = 'test/e2e/regression.test.ts';

const files = globSync('test/**/*.test.ts', { cwd: new URL('../', import.meta.url) }).sort();
const parts = [
  { concurrency: 4, files: files.filter((file) => !REAL_TIME.test(file)) },
  { concurrency: 2, files: files.filter((file) => REAL_TIME.test(file) && file !== ALONE) },
  { concurrency: 1, files: files.filter((file) => file === ALONE) },
];
for (const part of parts) {
  const { status } = spawnSync(process.execPath, ['--test', `--test-concurrency=${part.concurrency}`, ...part.files], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}
