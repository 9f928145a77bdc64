// The tools that this repository brings: Plimsoll itself, and floors that show what the machine can do at best.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../src/version.ts';
import type { Tool, ToolResult } from './contract.ts';

export const plimsoll: Tool = {
  ...nodeTool('plimsoll-process.ts', []),
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
  ...nodeTool('floor-process.ts', ['pace']),
  name: 'bare-pacer',
  kind: 'floor',
  version: async () => process.version,
  unfit: () => null,
};

function bareReader(name: string, kind: 'data' | 'onread'): Tool {
  return {
    ...nodeTool('floor-process.ts', [kind]),
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
    install: async () => {},
    command: async (_job, folder) => ({
      argv: [process.execPath, ...NODE_ARGS, fileURLToPath(new URL(entry, import.meta.url)), ...args, folder],
    }),
    read: async (_job, folder) => JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as ToolResult,
  };
}
