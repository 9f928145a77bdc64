// What only the raw pool promises, or what no row tells: views, connections, and giving up in every state.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, mock, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openRaw } from '../../src/transport/pool.ts';
import { openUndici } from '../../src/transport/undici.ts';
import { CONNECT_TIMEOUT_MS, type Connections, type Controller, type Handler } from '../../src/transport/waist.ts';
import { answer, type Script, startTorture } from '../load/torture.ts';
import { startDeaf } from './start-deaf.ts';

type Step = 'start' | 'head' | 'data' | 'end' | 'error';

interface Watched {
  /** Resolves with the last step. */
  readonly over: Promise<Step>;
  readonly steps: Step[];
  readonly body: () => string;
  error: Error | null;
  wasFresh: boolean;
  controller: Controller | null;
}

/** Sends a request; at each step does what `acts` says. */
function send(
  connections: Connections,
  origin: string,
  acts: Partial<Record<Step, (controller: Controller) => void>> = {},
  { body = Buffer.from('{}'), fresh = false }: { body?: Buffer; fresh?: boolean } = {},
): Watched {
  const over = Promise.withResolvers<Step>();
  let text = '';
  const watched: Watched = {
    over: over.promise,
    steps: [],
    body: () => text,
    error: null,
    wasFresh: false,
    controller: null,
  };
  const at = (step: Step, controller: Controller): void => {
    watched.steps.push(step);
    if (step === 'end' || step === 'error') over.resolve(step);
    acts[step]?.(controller);
  };
  const handler: Handler = {
    onRequestStart(controller) {
      watched.controller = controller;
      watched.wasFresh = connections.isFresh();
      at('start', controller);
    },
    onResponseStart: (controller) => at('head', controller),
    onResponseData(controller, chunk) {
      text += chunk.toString('latin1');
      at('data', controller);
    },
    onResponseEnd: (controller) => at('end', controller),
    onResponseError(controller, error) {
      watched.error = error;
      at('error', controller);
    },
  };
  connections.dispatcher.dispatch({ origin, path: '/', method: 'POST', headers: HEADERS, body, fresh }, handler);
  return watched;
}

const HEADERS = ['content-type', 'application/json'];
const ok = answer('200 OK', 'hello', 'text/plain');

async function using(
  scripts: Script | readonly Script[],
  run: (connections: Connections, server: Awaited<ReturnType<typeof startTorture>>) => Promise<void>,
): Promise<void> {
  await using server = await startTorture(...[scripts].flat());
  const connections = openRaw({ url: server.url, headers: {} });
  try {
    await run(connections, server);
  } finally {
    await connections.destroy();
    assert.equal(connections.open, 0);
  }
}

const untilOpen = async (connections: Connections, count: number): Promise<void> => {
  for (const until = performance.now() + 10_000; connections.open !== count; await pause(10))
    assert.ok(performance.now() < until, `${connections.open} connections are open, not ${count}`);
};

describe('connections', () => {
  test('are as many as requests in flight, and the last one is used first', () =>
    using(ok, async (connections, server) => {
      const all = Array.from({ length: 50 }, () => send(connections, server.url));
      await Promise.all(all.map(({ over }) => over));
      assert.deepEqual([server.connections, connections.open], [50, 50]);
      assert.ok(all.every(({ wasFresh }) => wasFresh));
      for (let i = 0; i < 10; i++) {
        const one = send(connections, server.url);
        assert.equal(await one.over, 'end');
        assert.equal(one.wasFresh, false);
      }
      assert.equal(server.connections, 50);
    }));

  test('are there again for what the end of a request sends at once', () =>
    using(ok, async (connections, server) => {
      let left = 20;
      const done = Promise.withResolvers<void>();
      const next = (): void => {
        if (left-- > 0) send(connections, server.url, { end: next, error: next });
        else done.resolve();
      };
      next();
      await done.promise;
      assert.deepEqual([server.requests, server.connections], [20, 1]);
    }));

  test('are warmed: opened before anyone needs them, and then not new', () =>
    using(ok, async (connections, server) => {
      assert.equal(await connections.warm(100), 100);
      assert.equal(await connections.warm(40), 100, 'nothing to do');
      const all = Array.from({ length: 100 }, () => send(connections, server.url));
      await Promise.all(all.map(({ over }) => over));
      assert.ok(all.every(({ wasFresh }) => !wasFresh));
      assert.deepEqual([server.connections, server.requests], [100, 100]);
    }));

  test('are warmed by undici too, at the price of a request each', async () => {
    await using server = await startTorture(ok);
    const connections = openUndici({ url: server.url, headers: {} }, {});
    assert.equal(await connections.warm(10), 10);
    assert.deepEqual([server.connections, server.requests], [10, 10]);
    const one = send(connections, server.url);
    await one.over;
    assert.equal(one.wasFresh, false);
    await connections.destroy();
  });

  test('that can’t be opened end the warming, which does not fail', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    // Every one is closed as soon as it is there: it must not go on for ever.
    const closing = openRaw({ url, headers: {} });
    await closing.warm(20);
    await untilOpen(closing, 0);
    await closing.destroy();
    server.close();
    await once(server, 'close');
    for (const open of [openRaw, openUndici]) {
      const connections = open({ url, headers: {} });
      assert.equal(await connections.warm(200), 0);
      await connections.destroy();
    }
  });

  test('are new where that is asked for, over both transports', async () => {
    for (const open of [openRaw, openUndici]) {
      await using server = await startTorture(ok);
      const connections = open({ url: server.url, headers: {} });
      await send(connections, server.url).over;
      const fresh = send(connections, server.url, {}, { fresh: true });
      assert.equal(await fresh.over, 'end');
      assert.deepEqual([fresh.wasFresh, server.connections], [true, 2]);
      await connections.destroy();
    }
  });

  test('are closed a second before the server would', () =>
    using(answer('200 OK', 'hello', 'text/plain', 'keep-alive: timeout=2\r\n'), async (connections, server) => {
      await send(connections, server.url).over;
      assert.equal(connections.open, 1);
      const again = send(connections, server.url);
      await again.over;
      assert.equal(again.wasFresh, false);
      const sinceMs = performance.now();
      await untilOpen(connections, 0);
      assert.ok(performance.now() - sinceMs >= 900, 'not before its time');
    }));

  test('that time out while they are opened say so as undici does', async (t) => {
    const url = await startDeaf(t);
    const connections = openRaw({ url, headers: {} });
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const all = Array.from({ length: 8 }, () => send(connections, url));
      for (let i = 0; i < 200 && connections.open < 1; i++) await new Promise((resolve) => setImmediate(resolve));
      mock.timers.tick(CONNECT_TIMEOUT_MS);
      const hanging = all.filter(({ steps }) => !steps.includes('start'));
      assert.ok(hanging.length > 0, 'some handshakes hang');
      await Promise.all(hanging.map(({ over }) => over));
      for (const { error, steps } of hanging) {
        assert.deepEqual(steps, ['error']);
        assert.equal((error as NodeJS.ErrnoException).code, 'UND_ERR_CONNECT_TIMEOUT');
        assert.match(error!.message, /127\.0\.0\.1:\d+, timeout: 10000ms/);
      }
    } finally {
      mock.timers.reset();
      await connections.destroy();
    }
  });
});

describe('a response', () => {
  test('whose chunks come in one read is one call, of one piece', () =>
    using(
      ({ write }) =>
        write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n'),
      async (connections, server) => {
        const one = send(connections, server.url);
        await one.over;
        assert.deepEqual([one.steps, one.body()], [['start', 'head', 'data', 'end'], 'abcdef']);
      },
    ));

  test('that is larger than the buffer comes whole, also beside others', () => {
    const texts = Array.from({ length: 6 }, (_, i) => String.fromCharCode(97 + i).repeat(700_000 + i));
    let asked = 0;
    return using(
      (connection) => answer('200 OK', texts[asked++]!, 'text/plain')(connection),
      async (connections, server) => {
        const all = texts.map(() => send(connections, server.url));
        await Promise.all(all.map(({ over }) => over));
        assert.deepEqual(all.map((one) => one.body()).sort(), texts);
      },
    );
  });

  test('that comes before the request was written ends it; the connection is not used again', async () => {
    const sockets: Socket[] = [];
    // Answers the head, and never reads the body.
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig');
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const connections = openRaw({ url, headers: {} });
    const one = send(connections, url, {}, { body: Buffer.alloc(32 * 1024 * 1024) });
    assert.equal(await one.over, 'end');
    assert.equal(one.body(), 'big');
    await untilOpen(connections, 0);
    await connections.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test('can be paused and resumed', () =>
    using(
      async ({ write, wait }) => {
        write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n');
        await wait(20);
        write('abc');
        await wait(20);
        write('def');
      },
      async (connections, server) => {
        const one = send(connections, server.url, { head: (controller) => controller.pause() });
        await pause(120);
        assert.deepEqual(one.steps, ['start', 'head']);
        one.controller!.resume();
        assert.equal(await one.over, 'end');
        assert.equal(one.body(), 'abcdef');
      },
    ));
});

describe('giving up', () => {
  const slow: Script = async ({ write, wait }) => {
    await wait(20);
    write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n');
    await wait(20);
    write('abc');
    await wait(20);
    write('def');
  };
  const reason = new Error('no longer wanted');

  for (const step of ['start', 'head', 'data'] as const) {
    test(`at ${step} ends the request once, with the reason, and disturbs no other`, () =>
      using(slow, async (connections, server) => {
        const others = [send(connections, server.url), send(connections, server.url)];
        const one = send(connections, server.url, { [step]: (controller: Controller) => controller.abort(reason) });
        assert.equal(await one.over, 'error');
        assert.equal(one.error, reason);
        assert.deepEqual([one.controller!.aborted, one.controller!.reason], [true, reason]);
        one.controller!.abort(new Error('again'));
        for (const other of others) {
          assert.equal(await other.over, 'end');
          assert.equal(other.body(), 'abcdef');
        }
        assert.equal(one.steps.filter((each) => each === 'error').length, 1);
        assert.equal(one.steps.at(-1), 'error', 'nothing comes behind it');
        // Before a byte was written the connection is as good as it was.
        await untilOpen(connections, step === 'start' ? 3 : 2);
        assert.equal(server.requests, step === 'start' ? 2 : 3);
      }));

    test(`by throwing at ${step} is giving up with that error`, () =>
      using(slow, async (connections, server) => {
        const one = send(connections, server.url, {
          [step]() {
            throw reason;
          },
        });
        assert.equal(await one.over, 'error');
        assert.equal(one.error, reason);
        assert.equal(await send(connections, server.url).over, 'end');
      }));
  }

  test('while nothing has come yet', () =>
    using(slow, async (connections, server) => {
      const begun = Promise.withResolvers<void>();
      const one = send(connections, server.url, { start: () => begun.resolve() });
      await begun.promise;
      one.controller!.abort(reason);
      assert.equal(await one.over, 'error');
      await untilOpen(connections, 0);
    }));

  test('after the end touches nothing: the connection may be another request’s by then', () =>
    using([ok, slow], async (connections, server) => {
      const one = send(connections, server.url);
      await one.over;
      const next = send(connections, server.url);
      one.controller!.abort(reason);
      assert.equal(await next.over, 'end');
      assert.deepEqual([one.steps.at(-1), next.body(), server.connections], ['end', 'abcdef', 1]);
    }));

  test('on all ends each once, those still waiting for a connection too, and later ones at once', async () => {
    await using server = await startTorture(slow);
    const connections = openRaw({ url: server.url, headers: {} });
    await connections.warm(2);
    const all = Array.from({ length: 5 }, () => send(connections, server.url));
    await connections.destroy();
    const late = send(connections, server.url);
    for (const { over, error, steps } of [...all, late]) {
      assert.equal(await over, 'error');
      assert.equal(steps.filter((step) => step === 'error').length, 1);
      if (error !== null) assert.equal((error as NodeJS.ErrnoException).code, 'UND_ERR_DESTROYED');
    }
    assert.equal((late.error as NodeJS.ErrnoException).code, 'UND_ERR_DESTROYED');
    assert.equal(connections.open, 0);
  });
});

describe('a request', () => {
  test('that would say something else than it seems is refused before a byte is sent', () =>
    using(ok, async (connections, server) => {
      const refused = (options: object): void => {
        assert.throws(
          () =>
            connections.dispatcher.dispatch(
              { origin: server.url, path: '/', method: 'POST', headers: [], body: null, ...options },
              {},
            ),
          { code: 'UND_ERR_INVALID_ARG' },
          JSON.stringify(options),
        );
      };
      refused({ path: '/ HTTP/1.1\r\nx: y' });
      refused({ path: 'x' });
      refused({ method: 'CONNECT' });
      refused({ headers: ['a', 'b\r\nc: d'] });
      refused({ headers: ['a: b\r\nc', 'd'] });
      refused({ headers: ['', 'd'] });
      for (const name of ['Content-Length', 'transfer-encoding', 'upgrade', 'expect'])
        refused({ headers: [name, '1'] });
      assert.equal(server.connections, 0);
    }));

  test('may name another host, and ask for the closing of its connection', () => {
    let head = '';
    return using(
      (connection) => {
        head = connection.head;
        return ok(connection);
      },
      async (connections, server) => {
        const headers = ['Host', 'model.internal', 'Connection', 'close', 'X-Name', 'ä'];
        await new Promise<void>((resolve) => {
          connections.dispatcher.dispatch(
            { origin: server.url, path: '/x?y=1', method: 'GET', headers, body: null },
            { onRequestStart() {}, onResponseEnd: () => resolve() },
          );
        });
        assert.equal(head, 'GET /x?y=1 HTTP/1.1\r\nhost: model.internal\r\nconnection: close\r\nx-name: ä');
        await untilOpen(connections, 0);
      },
    );
  });

  test('has its own headers, whoever was before it', () => {
    const heads: string[] = [];
    return using(
      (connection) => {
        heads.push(connection.head.split('\r\n').at(-2)!);
        return ok(connection);
      },
      async (connections, server) => {
        for (const value of ['a', 'b', 'a']) {
          await new Promise<void>((resolve) => {
            connections.dispatcher.dispatch(
              { origin: server.url, path: '/', method: 'POST', headers: ['x-value', value], body: Buffer.from('{}') },
              { onRequestStart() {}, onResponseEnd: () => resolve() },
            );
          });
        }
        assert.deepEqual(heads, ['x-value: a', 'x-value: b', 'x-value: a']);
      },
    );
  });
});
