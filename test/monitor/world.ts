// What the tests of this room share: a scripted nvidia-smi, a metrics server whose page a test sets, waiting.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

export const folder = mkdtempSync(join(tmpdir(), 'plimsoll-test-'));
process.env.PLIMSOLL_STATE_DIR = join(folder, 'state');
delete process.env.CUDA_VISIBLE_DEVICES;
after(() => rmSync(folder, { recursive: true, force: true }));

const cleanPath = process.env.PATH!;

/** Puts a shell script named nvidia-smi before everything else on the PATH, until the returned function is called. */
export function scriptNvidiaSmi(body: string): Disposable {
  const bin = mkdtempSync(join(folder, 'bin-'));
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'nvidia-smi'), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, 'nvidia-smi'), 0o755);
  process.env.PATH = `${bin}:${cleanPath}`;
  return {
    [Symbol.dispose]: () => {
      process.env.PATH = cleanPath;
    },
  };
}

export interface MetricsServer extends AsyncDisposable {
  readonly url: string;
  page: { status: number; text: string };
  readonly requests: { path: string; authorization: string | undefined }[];
}

export async function serveMetrics(text: string): Promise<MetricsServer> {
  const requests: MetricsServer['requests'] = [];
  const server = createServer((request, response) => {
    requests.push({ path: request.url!, authorization: request.headers.authorization });
    response.writeHead(served.page.status).end(served.page.text);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const served: MetricsServer = {
    url: `http://127.0.0.1:${port}`,
    page: { status: 200, text },
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return served;
}

export async function until(condition: () => boolean, what: string, limitMs = 15_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await sleep(10);
  }
}
