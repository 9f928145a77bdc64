// Proxies, with a real one on loopback: it opens tunnels to wherever the test says, so that a host that no one can
// look up is reachable through it alone.

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { openConnections } from '../../src/transport/connections.ts';

const listen = (server: Server): Promise<number> =>
  new Promise((done) => server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port)));

async function get(url: string, env: NodeJS.ProcessEnv): Promise<string> {
  const connections = openConnections({ url, headers: {} }, env);
  try {
    return await new Promise((resolve, reject) => {
      let text = '';
      connections.dispatcher.dispatch(
        { origin: new URL(url).origin, path: '/', method: 'GET', headers: [], body: null },
        {
          onRequestStart() {},
          onResponseStart() {},
          onResponseData(_controller, chunk) {
            text += chunk.toString();
          },
          onResponseEnd: () => resolve(text),
          onResponseError: (_controller, error) => reject(error),
        },
      );
    });
  } finally {
    await connections.destroy();
  }
}

test('a proxy of the environment is used for other hosts, never for loopback, and NO_PROXY is honoured', async (t) => {
  const server = createServer((_, response) => response.end('the deployment'));
  const port = await listen(server);
  const tunnels: string[] = [];
  const proxy = createServer().on('connect', (request, socket) => {
    tunnels.push(request.url ?? '');
    const through = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      through.pipe(socket);
      socket.pipe(through);
    });
    for (const end of [through, socket]) end.on('error', () => socket.destroy());
  });
  const proxyPort = await listen(proxy);
  t.after(() => {
    server.closeAllConnections();
    server.close();
    proxy.closeAllConnections();
    proxy.close();
  });
  const env = { http_proxy: `http://127.0.0.1:${proxyPort}` };

  assert.equal(await get('http://model.invalid:8000', env), 'the deployment');
  assert.deepEqual(tunnels, ['model.invalid:8000']);

  assert.equal(await get(`http://127.0.0.1:${port}`, env), 'the deployment');
  assert.equal(await get(`http://localhost:${port}`, env), 'the deployment');
  assert.equal(tunnels.length, 1, 'loopback went direct');

  await assert.rejects(
    get('http://other.invalid:8000', { ...env, no_proxy: 'other.invalid' }),
    'without the proxy nobody knows this host',
  );
  assert.equal(tunnels.length, 1);
});
