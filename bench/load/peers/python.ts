// Peers that are Python programs: each in a virtual environment of its own under bench/.peers, at the version that
// versions.json pins. Also what all of them need where no model hub can be reached: a small tokenizer on disk.

import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import versions from './versions.json' with { type: 'json' };

export const PEERS_FOLDER: string = fileURLToPath(new URL('../../.peers', import.meta.url));

export interface PythonPeer {
  /** @throws Error that says why it can't be installed */
  install(): Promise<void>;
  /** Its own version and that of its Python. */
  version(): Promise<string>;
  /** Path of a program that it installs. */
  program(name: string): string;
  /** Its folder of installed packages. */
  packages(): string;
}

export function pythonPeer(name: keyof typeof versions & string): PythonPeer {
  const folder = join(PEERS_FOLDER, name);
  const requirement = versions[name];
  const program = (file: string): string => join(folder, 'bin', file);
  return {
    async install() {
      const marker = join(folder, 'installed');
      if (existsSync(marker) && readFileSync(marker, 'utf8') === requirement) return;
      mkdirSync(PEERS_FOLDER, { recursive: true });
      if (!existsSync(program('python'))) await run(findPython(), ['-m', 'venv', folder]);
      await run(program('python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement]);
      writeFileSync(marker, requirement);
    },
    async version() {
      const distribution = requirement.replace(/[[=].*/, '');
      const script = `import importlib.metadata as m, platform; print(m.version('${distribution}'), '(Python', platform.python_version() + ')')`;
      return (await run(program('python'), ['-c', script])).trim();
    },
    program,
    packages() {
      const lib = join(folder, 'lib');
      const version = readdirSync(lib).find((entry) => entry.startsWith('python'));
      if (version === undefined) throw new Error(`no Python in ${lib}`);
      return join(lib, version, 'site-packages');
    },
  };
}

/** No calls home. A tokenizer is a folder on disk, so that no hub is needed. */
export const OFFLINE: Readonly<Record<string, string>> = {
  HF_HUB_OFFLINE: '1',
  TRANSFORMERS_OFFLINE: '1',
  HF_HUB_DISABLE_TELEMETRY: '1',
  DO_NOT_TRACK: '1',
};

/** A folder with a tokenizer of one token a word, made at the first call. */
export function tokenizerFolder(): string {
  const folder = join(PEERS_FOLDER, 'tokenizer');
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(TOKENIZER)) {
    const path = join(folder, name);
    if (!existsSync(path)) writeFileSync(path, JSON.stringify(content));
  }
  return folder;
}

/** A prompt of so many tokens of that tokenizer. */
export const promptOf = (tokens: number): string =>
  Array.from({ length: tokens }, (_, index) => `w${index % WORDS}`).join(' ');

const WORDS = 4_000;
const SPECIAL = ['<unk>', '<s>', '</s>'];

/** In the format of Hugging Face's `tokenizers`. */
const TOKENIZER = {
  'tokenizer.json': {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordLevel',
      vocab: Object.fromEntries(
        [...SPECIAL, ...Array.from({ length: WORDS }, (_, index) => `w${index}`)].map((word, id) => [word, id]),
      ),
      unk_token: '<unk>',
    },
  },
  'tokenizer_config.json': {
    tokenizer_class: 'PreTrainedTokenizerFast',
    unk_token: '<unk>',
    bos_token: '<s>',
    eos_token: '</s>',
    model_max_length: 1_000_000,
    clean_up_tokenization_spaces: false,
    chat_template: "{% for message in messages %}{{ message['content'] }} {% endfor %}",
  },
};

/** The newest of some of these that is installed: BENCH_PYTHON, python3.13, python3.12 on the PATH or of pyenv. */
function findPython(): string {
  const wanted = process.env.BENCH_PYTHON;
  const candidates = wanted === undefined ? ['python3.12', 'python3.13', ...pyenvPythons(), 'python3'] : [wanted];
  const found = candidates.find((candidate) => {
    try {
      execFileSync(candidate, ['-c', 'import sys, venv; sys.exit(not (3, 12) <= sys.version_info < (3, 14))'], {
        stdio: 'ignore',
      });
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error('no Python 3.12 or 3.13 (name one in BENCH_PYTHON)');
  return found;
}

function pyenvPythons(): readonly string[] {
  try {
    const versionsFolder = join(execFileSync('pyenv', ['root'], { encoding: 'utf8' }).trim(), 'versions');
    return readdirSync(versionsFolder)
      .filter((version) => /^3\.1[23]\./.test(version))
      .map((version) => join(versionsFolder, version, 'bin', 'python3'));
  } catch {
    return [];
  }
}

/** @throws Error with the last line of what it said */
export async function run(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(command, args, { maxBuffer: 64 * 1_024 * 1_024 })).stdout;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${command}: ${stderr?.trim().split('\n').at(-1) ?? message}`, { cause: error });
  }
}
