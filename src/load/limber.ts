// Runs the client against a server of its own before time zero, so that the first requests of a load do not pay for
// compiling it (JavaScript, and undici's parser in WebAssembly). Loopback only; the deployment sees nothing of it.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from './client.ts';
import { openConnections } from './connections.ts';

const REQUESTS = 60;
const EVENTS = 40;
const EVENT =
  'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n';
const LAST =
  'data: {"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\ndata: [DONE]\n\n';

/** On a machine so busy that it takes longer than this, what was done must do. */
const LIMIT_MS = 500;

/** About a fifth of a second. Never fails: a load that starts cold is still a load, and its delays are recorded. */
export async function limberUp(): Promise<void> {
  const server = createServer(async (request, response) => {
    request.resume();
    response.on('error', () => {});
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let event = 0; event < EVENTS; event += 4) {
      response.write(EVENT.repeat(4));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end(LAST);
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve());
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo | null;
  if (address === null) return;
  const target = { url: `http://127.0.0.1:${address.port}`, headers: {} };
  const connections = openConnections(target);
  await new Promise<void>((resolve) => {
    const startedMs = performance.now();
    let sent = 0;
    const client = createClient({
      connections,
      target,
      path: '/v1/chat/completions',
      streamed: true,
      requestTimeoutMs: 2_000,
      stallTimeoutMs: 2_000,
      worker: 0,
      originMs: performance.now(),
      onEnd() {
        if (sent < REQUESTS && performance.now() - startedMs < LIMIT_MS) send();
        else if (client.inFlight === 0) {
          client.close();
          resolve();
        }
      },
    });
    const body = Buffer.from('{"stream":true}');
    const send = (): void => {
      sent += 1;
      client.send({ request: 0, phase: 0, plannedMs: null, body, maxTokens: 1, promptTokens: 1 });
    };
    for (let i = 0; i < 4; i++) send();
  });
  await connections.destroy();
  server.closeAllConnections();
  server.close();
}
