// The tools that this repository brings: Plimsoll itself, and floors that show what the machine can do at best.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { VERSION } from '../../src/version.ts';
import type { Tool, ToolResult } from './contract.ts';

export const plimsoll: Tool = {
  ...nodeTool('plimsoll-process', []),
  name: 'plimsoll',
  kind: 'plimsoll',
  version: async () => VERSION,
  unfit: () => null,
};

/** Bytes off a socket, nothing parsed: `socket.on('data')`. */
export const bareData: Tool = bareReader('bare-data', 'data');
/** The same with one buffer for all sockets: `net.connect({ onread })`. */
export const bareOnread: Tool = bareReader('bare-onread', 'onread');

/** Plimsoll's pacer with nothing to send. */
export const barePacer: Tool = {
  ...nodeTool('floor-process', ['pace']),
  name: 'bare-pacer',
  kind: 'floor',
  version: async () => process.version,
  unfit: () => null,
};

/** The pacer, and the same bytes written to a socket at each planned time; whatever is read is an answer. */
export const bareSender: Tool = {
  ...nodeTool('floor-process', ['send']),
  name: 'bare-sender',
  kind: 'floor',
  version: async () => process.version,
  unfit: (job) => (job.kind === 'plain' ? null : 'sends plain requests only'),
};

function bareReader(name: string, kind: 'data' | 'onread'): Tool {
  return {
    ...nodeTool('floor-process', [kind]),
    name,
    kind: 'floor',
    version: async () => process.version,
    unfit: (job) => (job.kind === 'stream' ? null : 'reads streams only'),
  };
}

/** For profiles: `BENCH_NODE_ARGS="--cpu-prof --cpu-prof-dir=/tmp/profiles" npm run bench:load -- --tools plimsoll …`. */
const NODE_ARGS = process.env.BENCH_NODE_ARGS?.split(' ') ?? [];

function nodeTool(entry: string, args: readonly string[]): Pick<Tool, 'install' | 'command' | 'read'> {
  return {
    install: bundle,
    command: async (_job, folder) => ({
      argv: [process.execPath, ...NODE_ARGS, join(BUNDLE, `${entry}.js`), ...args, folder],
    }),
    read: async (_job, folder) => JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as ToolResult,
  };
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUNDLE = join(ROOT, 'bench', '.bundle');
let bundled: Promise<void> | null = null;

/** As it is published (scripts/build.ts): Node's type stripping takes 40 MB of a process's memory. Once a bench. */
function bundle(): Promise<void> {
  bundled ??= (async () => {
    const made = await rolldown({
      cwd: ROOT,
      input: {
        'plimsoll-process': 'bench/load/plimsoll-process.ts',
        'floor-process': 'bench/load/floor-process.ts',
        worker: 'src/load/worker.ts',
      },
      platform: 'node',
      external: [/^node:/],
      logLevel: 'silent',
    });
    // Beside each other: load.ts looks for worker.js in its own folder.
    const output = { dir: BUNDLE, entryFileNames: '[name].js', chunkFileNames: 'shared-[name].js' } as const;
    await made.write({ ...output, format: 'esm', minify: true, cleanDir: true });
    await made.close();
  })();
  return bundled;
}
