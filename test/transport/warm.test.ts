// Connections opened ahead beside a load: as many as are missing, and no more, over both transports. Undici is asked over
// TLS and through a proxy, for these are what it is used for.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, test } from 'node:test';
import { openConnections } from '../../src/transport/connections.ts';
import type { Connections } from '../../src/transport/waist.ts';
import { certificate, noCertificate } from '../load/certificate.ts';
import { answer, type Script, startTortureWith, type TortureOptions } from '../load/torture.ts';

const ok = answer('200 OK', 'hello', 'text/plain');

/** A server whose POSTs wait for `release`, and that knows how many GETs it had to answer at once. */
function scene() {
  const released = Promise.withResolvers<void>();
  const seen = { gets: 0, atOnce: 0, heads: [] as string[] };
  let now = 0;
  const script: Script = async (connection) => {
    if (connection.head.startsWith('POST')) await released.promise;
    else {
      seen.gets += 1;
      seen.heads.push(connection.head);
      now += 1;
      seen.atOnce = Math.max(seen.atOnce, now);
      await connection.wait(5);
      now -= 1;
    }
    await ok(connection);
  };
  return { script, seen, release: () => released.resolve() };
}

/** @returns whether it waited for its connection to be opened */
function send(connections: Connections, url: string): { readonly started: Promise<boolean>; over: Promise<void> } {
  const started = Promise.withResolvers<boolean>();
  const over = Promise.withResolvers<void>();
  // A check that fails ends the rest with it.
  for (const promise of [started.promise, over.promise]) promise.catch(() => {});
  connections.dispatcher.dispatch(
    { origin: new URL(url).origin, path: '/', method: 'POST', headers: [], body: Buffer.from('{}') },
    {
      onRequestStart: () => started.resolve(connections.isFresh()),
      onResponseEnd: () => over.resolve(),
      onResponseError: (_controller, error) => {
        started.reject(error);
        over.reject(error);
      },
    },
  );
  return { started: started.promise, over: over.promise };
}

/** Opens tunnels to where the test says, whatever host was asked for. */
async function startProxy(port: number): Promise<{ url: string } & AsyncDisposable> {
  const proxy = createServer().on('connect', (_, socket) => {
    const through = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      through.pipe(socket);
      socket.pipe(through);
    });
    for (const end of [through, socket])
      end.on('error', () => {}).on('close', () => [through, socket].map((each) => each.destroy()));
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      await new Promise((done) => proxy.close(done));
    },
  };
}

/** What holds whichever way the connections lead. */
async function warmsWhatIsMissing(
  way: 'raw' | 'TLS' | 'proxy',
  options: TortureOptions & { readonly tls?: { readonly cert: string; readonly key: string } } = {},
): Promise<void> {
  const { script, seen, release } = scene();
  await using server = await startTortureWith(options, script);
  await using proxy = await startProxy(server.port);
  const url = way === 'proxy' ? 'http://model.invalid:8000/base' : server.url;
  const env = way === 'proxy' ? { http_proxy: proxy.url } : {};
  const connections = openConnections({ url, headers: { authorization: 'Bearer k' }, ca: options.tls?.cert }, env);
  try {
    // Nothing is known yet, and all that is opened lies idle.
    assert.equal(await connections.warm(3), 3);
    const held = Array.from({ length: 5 }, () => send(connections, url));
    const fresh = await Promise.all(held.map(({ started }) => started));
    assert.equal(fresh.filter(Boolean).length, 2, 'three were there');

    // Busy ones count as open, and so do those that two callers ask for at once.
    await Promise.all([connections.warm(40), connections.warm(60)]);
    assert.equal(connections.open, 60);
    assert.equal(await connections.warm(60), 60);
    if (way === 'raw') assert.equal(seen.gets, 0);
    else {
      assert.equal(seen.gets, 58, 'a request for each that was opened ahead');
      assert.ok(seen.atOnce <= 32, `${seen.atOnce} requests at once`);
      const path = new URL(url).pathname;
      for (const head of seen.heads)
        assert.ok(head.startsWith(`GET ${path} `) && /^authorization: Bearer k$/im.test(head));
    }

    const more = Array.from({ length: 55 }, () => send(connections, url));
    assert.deepEqual(new Set(await Promise.all(more.map(({ started }) => started))), new Set([false]));
    assert.equal(await send(connections, url).started, true, 'the 61st');
    release();
    await Promise.all([...held, ...more].map(({ over }) => over));
    assert.equal(server.connections, 61);
  } finally {
    await connections.destroy();
  }
  assert.equal(connections.open, 0);
}

describe('as many connections are opened ahead as are missing', () => {
  test('by raw sockets', () => warmsWhatIsMissing('raw'));
  test('through a proxy', () => warmsWhatIsMissing('proxy'));
  test('over TLS', { skip: noCertificate }, () => warmsWhatIsMissing('TLS', { tls: certificate() }));
});

test('a server that closes each connection behind its answer is not asked for ever', {
  skip: noCertificate,
}, async () => {
  const tls = certificate();
  await using server = await startTortureWith(
    { tls },
    answer('404 Not Found', '', 'text/plain', 'connection: close\r\n'),
  );
  const connections = openConnections({ url: server.url, headers: {}, ca: tls.cert }, {});
  await connections.warm(20);
  assert.ok(server.requests <= 20, `${server.requests} requests`);
  await connections.destroy();
});
