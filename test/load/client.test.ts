import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { createClient } from '../../src/load/client.ts';
import { Exchange } from '../../src/load/exchange.ts';
import { createShaper } from '../../src/load/shape.ts';
import type { Outcome, Timeline } from '../../src/load/timeline.ts';
import { type Connections, openConnections } from '../../src/transport/connections.ts';
import { startDeaf } from '../transport/start-deaf.ts';
import { certificate, noCertificate } from './certificate.ts';
import {
  answer,
  content,
  DONE,
  delta,
  event,
  finish,
  LAST_CHUNK,
  type Script,
  SSE_HEAD,
  startTorture,
  stream,
  usage,
} from './torture.ts';

interface Asking {
  streamed?: boolean;
  requestTimeoutMs?: number;
  stallTimeoutMs?: number;
  requests?: number;
  headers?: Record<string, string>;
  ca?: string;
  /** Pause before each request but the first. */
  pauseMs?: number;
  /** Work that every token-bearing event costs. */
  busyMs?: number;
  /** Cut all after so long. */
  cutAfterMs?: number;
}

/** Sends requests one after the other through one pool; gives their rows. */
async function ask(url: string, asking: Asking = {}): Promise<{ rows: Timeline[]; gaps: (number | null)[] }> {
  const target = { url, headers: asking.headers ?? {}, ...(asking.ca === undefined ? {} : { ca: asking.ca }) };
  const connections = openConnections(target);
  const rows: Timeline[] = [];
  const gaps: (number | null)[] = [];
  let ended = (): void => {};
  const client = createClient({
    connections,
    target,
    path: '/v1/chat/completions',
    streamed: asking.streamed ?? true,
    requestTimeoutMs: asking.requestTimeoutMs ?? 10_000,
    stallTimeoutMs: asking.stallTimeoutMs ?? 10_000,
    worker: 0,
    originMs: performance.now(),
    onToken(_request, _phase, _tMs, gapMs) {
      gaps.push(gapMs);
      for (const until = performance.now() + (asking.busyMs ?? 0); performance.now() < until; );
    },
    onEnd(row) {
      rows.push(row);
      ended();
    },
  });
  try {
    for (let request = 0; request < (asking.requests ?? 1); request++) {
      if (request > 0) await new Promise((resolve) => setTimeout(resolve, asking.pauseMs ?? 0));
      const end = new Promise<void>((resolve) => {
        ended = resolve;
      });
      client.send({
        request,
        phase: 0,
        plannedMs: null,
        body: Buffer.from('{"stream":true}'),
        maxTokens: 8,
        promptTokens: 5,
      });
      if (asking.cutAfterMs !== undefined) setTimeout(() => client.cut('drained'), asking.cutAfterMs);
      await end;
      assert.equal(client.inFlight, 0);
    }
    // A second end of one request would show now.
    await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    client.close();
    await connections.destroy();
  }
  assert.deepEqual(
    rows.map((row) => row.request),
    [...rows.keys()],
    'one row for each request',
  );
  return { rows, gaps };
}

async function askOnce(script: Script, asking: Asking = {}): Promise<Timeline> {
  await using server = await startTorture(script);
  return (await ask(server.url, asking)).rows[0]!;
}

/** The given text as a chunked stream, cut into packets of at most `size` bytes. */
const packets =
  (text: string, size: number): Script =>
  async ({ write, chunk, wait }) => {
    write(SSE_HEAD);
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) {
      chunk(bytes.subarray(at, at + size));
      await wait(0);
    }
    write(LAST_CHUNK);
  };

const body =
  event(delta({ role: 'assistant' })) +
  event(content('漢字')) +
  event(content('😀')) +
  event(finish) +
  event(usage(9, 4)) +
  DONE;

/** Says all that an answer can say, in one packet, and ends on a carriage return; its connection serves no other. */
const full: Script = ({ write, end }) => {
  const events =
    event(delta({ reasoning_content: 'hm' })) +
    ['a', 'b', 'c'].map((text) => event(content(text))).join('') +
    event(finish) +
    event(usage(9, 40)) +
    DONE;
  write(
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-1\r\nconnection: close\r\n\r\n${events}event: half\r`,
  );
  end();
};

/** What of a row hangs neither on the clock nor on the connection. */
const timeless = ({ reused: _reused, connectMs: _connectMs, ...row }: Timeline): object => {
  const isTime = (name: string): boolean => name.endsWith('Ms') || name === 'bytes';
  return Object.fromEntries(
    Object.entries({ ...row, request: 0 }).map(([name, value]) => [name, isTime(name) ? value !== null : value]),
  );
};

describe('a well-behaved stream', () => {
  test('gives a complete timeline in order', async () => {
    const row = await askOnce(stream(4, 3));
    assert.equal(row.outcome, 'ok');
    assert.equal(row.status, 200);
    assert.equal(row.error, null);
    assert.deepEqual(
      [row.promptTokens, row.outputTokens, row.tokenSource, row.chunks, row.finish],
      [11, 4, 'usage', 4, 'stop'],
    );
    assert.equal(row.serverId, 'req-1');
    assert.equal(row.reused, false);
    assert.ok(row.connectMs! >= 0);
    const times = [
      row.sentMs,
      row.headersMs,
      row.firstByteMs,
      row.firstTokenMs,
      row.lastTokenMs,
      row.endMs,
    ] as number[];
    for (let i = 1; i < times.length; i++) assert.ok(times[i]! >= times[i - 1]!, `${times}`);
    assert.ok(row.lastTokenMs! - row.firstTokenMs! >= 6);
    assert.equal(row.firstContentMs, row.firstTokenMs);
  });

  test('is ok one byte a packet, UTF-8 split in the middle', async () => {
    const row = await askOnce(packets(body, 1));
    assert.deepEqual([row.outcome, row.chunks, row.outputTokens], ['ok', 2, 4]);
    assert.equal(row.bytes, Buffer.byteLength(body));
  });

  test('is ok with CR, with CRLF, with comments and heartbeats between events, and with a byte order mark', async () => {
    const variants = [
      body.replaceAll('\n', '\r'),
      body.replaceAll('\n', '\r\n'),
      body.replaceAll('data: ', ': ping\n\ndata: \n\ndata:'),
      `\ufeff${body}`,
    ];
    for (const variant of variants) {
      for (const size of [7, 10_000]) {
        const row = await askOnce(packets(variant, size));
        assert.deepEqual(
          [row.outcome, row.chunks, row.outputTokens, row.error],
          ['ok', 2, 4, null],
          JSON.stringify(variant.slice(0, 30)),
        );
      }
    }
  });

  test('is ok when the last event lacks its terminator', async () => {
    for (const tail of ['data: [DONE]', 'data:[DONE]\n', 'data: [DONE]\r']) {
      assert.equal((await askOnce(packets(event(content('a')) + tail, 10_000))).outcome, 'ok', JSON.stringify(tail));
    }
  });

  test('is ok with a line of a megabyte', async () => {
    const text = 'x'.repeat(1_500_000);
    const row = await askOnce(packets(event(content(text)) + event(finish) + DONE, 9_000));
    assert.deepEqual([row.outcome, row.chunks, row.outputTokens, row.tokenSource], ['ok', 1, 1, 'chunks']);
  });

  test('is ok with a finish reason and no [DONE], and with [DONE] and no finish reason', async () => {
    assert.equal((await askOnce(packets(event(content('a')) + event(finish), 10_000))).outcome, 'ok');
    assert.equal((await askOnce(packets(event(content('a')) + DONE, 10_000))).outcome, 'ok');
  });

  test('is ok when the connection breaks after [DONE]: nothing is missing', async () => {
    const row = await askOnce(async ({ write, chunk, wait, reset }) => {
      write(SSE_HEAD);
      chunk(body);
      await wait(30);
      reset();
    });
    assert.equal(row.outcome, 'ok');
  });

  test('is ok when its body is held open after [DONE], from the last byte on, whatever ends the waiting', async () => {
    const held: Script = ({ write, chunk }) => {
      write(SSE_HEAD);
      chunk(body);
    };
    for (const limit of [{ stallTimeoutMs: 150 }, { requestTimeoutMs: 150 }, { cutAfterMs: 150 }]) {
      const row = await askOnce(held, limit);
      assert.deepEqual([row.outcome, row.error], ['ok', null]);
      assert.ok(row.endMs - row.sentMs < 140, `${row.endMs - row.sentMs} ms`);
    }
  });

  test('is ok without a length, ended by the closing of the connection', async () => {
    const row = await askOnce(({ write, end }) => {
      write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n${body}`);
      end();
    });
    assert.equal(row.outcome, 'ok');
  });
});

describe('the first token', () => {
  test('is not the role-only chunk, nor an empty delta', async () => {
    const row = await askOnce(async ({ write, chunk, wait }) => {
      write(SSE_HEAD);
      chunk(event(delta({ role: 'assistant', content: '' })));
      await wait(40);
      chunk(event(delta({ content: '' })));
      await wait(40);
      chunk(event(content('a')) + event(finish) + DONE);
      write(LAST_CHUNK);
    });
    assert.equal(row.chunks, 1);
    assert.ok(row.firstTokenMs! - row.firstByteMs! >= 70, `${row.firstTokenMs! - row.firstByteMs!}`);
  });

  test('may be reasoning; the first content is the first that a person sees', async () => {
    const row = await askOnce(async ({ write, chunk, wait }) => {
      write(SSE_HEAD);
      chunk(event(delta({ reasoning_content: 'hm' })));
      await wait(40);
      chunk(event(content('a')) + event(finish) + DONE);
      write(LAST_CHUNK);
    });
    assert.equal(row.chunks, 2);
    assert.ok(row.firstContentMs! - row.firstTokenMs! >= 35);
  });

  test('events of one read share its time and count as coalesced, over several HTTP chunks too', async () => {
    await using server = await startTorture(async ({ write, chunk, wait, socket }) => {
      write(SSE_HEAD);
      chunk(event(content('a')));
      await wait(40);
      socket.cork();
      chunk(event(content('b')) + event(content('c')));
      chunk(event(content('d')));
      socket.uncork();
      await wait(40);
      chunk(event(finish) + DONE);
      write(LAST_CHUNK);
    });
    const { rows, gaps } = await ask(server.url);
    assert.deepEqual([rows[0]!.chunks, rows[0]!.coalesced], [4, 2]);
    assert.equal(gaps[0], null);
    assert.ok(gaps[1]! >= 35);
    assert.deepEqual(gaps.slice(2), [0, 0]);
  });

  test('has the time of the read, however long the events of that read take to work through', async () => {
    await using server = await startTorture(packets(body, 10_000));
    const { rows } = await ask(server.url, { busyMs: 30 });
    assert.deepEqual([rows[0]!.chunks, rows[0]!.coalesced], [2, 1]);
    assert.equal(rows[0]!.firstTokenMs, rows[0]!.lastTokenMs);
    assert.equal(rows[0]!.firstTokenMs, rows[0]!.firstByteMs);
  });
});

describe('every fault has its outcome', () => {
  const faults: readonly [name: string, script: Script, expected: Outcome, asking?: Asking][] = [
    ['429', answer('429 Too Many Requests', '{"error":{"message":"queue full"}}'), 'rejected'],
    ['503', answer('503 Service Unavailable', 'starting'), 'rejected'],
    ['500', answer('500 Internal Server Error', '{"detail":"CUDA error"}'), 'http_error'],
    ['404 in HTML', answer('404 Not Found', '<h1>nginx</h1>', 'text/html'), 'http_error'],
    ['a redirect', answer('307 Temporary Redirect', '', 'text/plain', 'location: /x\r\n'), 'malformed'],
    ['HTML in a 200', answer('200 OK', '<html><body>Sign in</body></html>', 'text/html; charset=utf-8'), 'malformed'],
    [
      'a whole JSON answer to a stream',
      answer('200 OK', '{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}'),
      'malformed',
    ],
    ['an error body in a 200', answer('200 OK', '{"error":{"message":"no such model"}}'), 'error_event'],
    ['no body at all in a 200', answer('200 OK', '', 'text/event-stream'), 'malformed'],
    ['a body that is no event stream', answer('200 OK', 'hello there', 'text/event-stream'), 'malformed'],
    ['[DONE] and nothing else', packets(DONE, 100), 'malformed'],
    ['broken JSON in an event', packets(`${event(content('a'))}data: {"choices":[{\n\n${DONE}`, 10_000), 'malformed'],
    [
      'an error in the stream',
      packets(event(content('a')) + event({ error: { message: 'CUDA out of memory' } }) + DONE, 10_000),
      'error_event',
    ],
    [
      'an event named error',
      packets(`${event(content('a'))}event: error\ndata: worker died\n\n`, 10_000),
      'error_event',
    ],
    [
      'an error as a field of its own, as llama.cpp told it, though [DONE] follows',
      packets(`${event(content('a'))}error: {"code":500,"message":"context size exceeded"}\n\n${DONE}`, 10_000),
      'error_event',
    ],
    [
      '[DONE] and nothing else, and then a lost connection',
      async ({ write, chunk, wait, reset }) => {
        write(SSE_HEAD);
        chunk(DONE);
        await wait(20);
        reset();
      },
      'malformed',
    ],
    ['a stream without finish or [DONE]', packets(event(content('a')), 10_000), 'truncated'],
    [
      'a closing before the finish where the closing is the end',
      ({ write, end }) => {
        write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n${event(content('a'))}`);
        end();
      },
      'truncated',
    ],
    [
      'a reset in the stream',
      async ({ write, chunk, wait, reset }) => {
        write(SSE_HEAD);
        chunk(event(content('a')));
        await wait(20);
        reset();
      },
      'reset',
    ],
    [
      'a FIN in the middle of a chunked body',
      async ({ write, chunk, wait, end }) => {
        write(SSE_HEAD);
        chunk(event(content('a')));
        await wait(20);
        end();
      },
      'reset',
    ],
    [
      'a FIN in a chunked body of a connection that closes',
      ({ write, chunk, end }) => {
        write(SSE_HEAD.replace('transfer-encoding', 'connection: close\r\ntransfer-encoding'));
        chunk(event(content('a')));
        end();
      },
      'reset',
    ],
    [
      'a body shorter than its length',
      ({ write, end }) => {
        write(
          `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9000\r\n\r\n${event(content('a'))}`,
        );
        end();
      },
      'reset',
    ],
    ['a reset before any answer on a new connection', ({ reset }) => reset(), 'reset'],
    [
      'a reset in the body of an error',
      async ({ write, wait, reset }) => {
        write('HTTP/1.1 500 Oops\r\ncontent-length: 900\r\n\r\nhalf');
        await wait(20);
        reset();
      },
      'http_error',
    ],
    [
      'an answer that is not HTTP',
      ({ write, end }) => {
        write('SSH-2.0-OpenSSH_9.6\r\n');
        end();
      },
      'malformed',
    ],
    ['slow headers', ({ wait }) => wait(0), 'timeout', { requestTimeoutMs: 120 }],
    [
      'a stall in the stream',
      ({ write, chunk }) => {
        write(SSE_HEAD);
        chunk(event(content('a')));
      },
      'stalled',
      { stallTimeoutMs: 120 },
    ],
    [
      'pings without an end',
      async ({ write, chunk, wait, socket }) => {
        write(SSE_HEAD);
        while (!socket.destroyed) {
          chunk(': ping\n\n');
          await wait(10);
        }
      },
      'timeout',
      { requestTimeoutMs: 200, stallTimeoutMs: 150 },
    ],
    [
      'an endless body after an error event',
      async ({ write, chunk, wait, socket }) => {
        write(SSE_HEAD);
        chunk(event({ error: 'boom' }));
        while (!socket.destroyed) {
          chunk(': ping\n\n');
          await wait(10);
        }
      },
      'error_event',
      { requestTimeoutMs: 200 },
    ],
    [
      'the drain limit',
      ({ write, chunk }) => {
        write(SSE_HEAD);
        chunk(event(content('a')));
      },
      'cut',
      { cutAfterMs: 60 },
    ],
    ['the drain limit before the headers', ({ wait }) => wait(0), 'cut', { cutAfterMs: 60 }],
  ];
  for (const [name, script, expected, asking] of faults) {
    test(`${name}: ${expected}`, async () => {
      const row = await askOnce(script, asking);
      assert.equal(row.outcome, expected, `${row.outcome}: ${row.error}`);
      assert.ok(row.error !== null && row.error.length > 0 && row.error.length <= 200);
      assert.ok(row.endMs >= row.sentMs);
    });

    // Exchanges are used again, and this is what it must not be seen by.
    if (asking?.cutAfterMs !== undefined) continue;
    test(`${name}: takes nothing over from a full answer before it, and leaves nothing to the one behind`, async () => {
      await using lone = await startTorture(script);
      await using server = await startTorture(full, script, full);
      const limits = { requestTimeoutMs: 3 * (asking?.requestTimeoutMs ?? 3_000), stallTimeoutMs: 400 };
      const [alone] = (await ask(lone.url, limits)).rows;
      const { rows } = await ask(server.url, { ...limits, requests: 3 });
      assert.deepEqual([rows[0]!.outcome, rows[0]!.chunks, rows[0]!.coalesced], ['ok', 4, 3]);
      assert.deepEqual(timeless(rows[1]!), timeless(alone!));
      assert.deepEqual(timeless(rows[2]!), timeless(rows[0]!));
    });
  }

  test('connection refused: connect_error', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    const { rows } = await ask(`http://127.0.0.1:${port}`, { requests: 3 });
    assert.deepEqual(
      rows.map((row) => row.outcome),
      ['connect_error', 'connect_error', 'connect_error'],
    );
    assert.match(rows[0]!.error!, /ECONNREFUSED/);
  });

  test('a fault leaves the next request alone', async () => {
    const broken = packets('data: {"choices":[{\n\n', 10_000);
    await using server = await startTorture(
      broken,
      answer('500 No', 'x'),
      answer('429 No', 'x'),
      ({ reset }) => reset(),
      stream(2),
    );
    const { rows } = await ask(server.url, { requests: 5, requestTimeoutMs: 2_000 });
    assert.deepEqual(rows.map((row) => row.outcome).slice(0, 3), ['malformed', 'http_error', 'rejected']);
    // The reset hit a reused connection before any answer, which is a keep-alive race as far as a client can see.
    assert.deepEqual([rows[3]!.outcome, rows[3]!.retried], ['ok', true]);
    assert.equal(rows[4]!.outcome, 'ok');
  });

  test('what a server says is quoted short, in one line, without our own secrets', async () => {
    const said = `{"error":{"message":"bad key sk-very-secret\\u0000\\n${'blah '.repeat(100)}"}}`;
    await using server = await startTorture(answer('401 Unauthorized', said));
    const { rows } = await ask(server.url, { headers: { Authorization: 'Bearer sk-very-secret' } });
    assert.match(rows[0]!.error!, /^HTTP 401: bad key \*\*\* blah/);
    assert.ok(rows[0]!.error!.length <= 200);
  });
});

test('an exchange takes no second request before its first is over', () => {
  const options = {
    path: '/v1/completions',
    streamed: true,
    requestTimeoutMs: 1_000,
    stallTimeoutMs: 1_000,
    worker: 0,
  };
  const exchange = new Exchange({
    ...options,
    connections: { dispatcher: { dispatch: () => true } } as unknown as Connections,
    target: { url: 'http://x', headers: {} },
    origin: 'http://x',
    fullPath: '/v1/completions',
    headers: [],
    secrets: [],
    shaper: createShaper(),
    originMs: 0,
    leave: () => {},
    rest: () => {},
    onEnd: () => {},
  });
  const request = { request: 0, phase: 0, plannedMs: null, body: Buffer.from('{}'), maxTokens: 1, promptTokens: 1 };
  exchange.begin(request);
  assert.throws(() => exchange.begin({ ...request, request: 1 }), { code: 'INTERNAL' });
  exchange.giveUp('cut', 'the end of the test');
  exchange.begin({ ...request, request: 1 });
});

describe('connections', () => {
  test('are reused, and only the new one costs a connect', async () => {
    await using server = await startTorture(stream(1));
    const { rows } = await ask(server.url, { requests: 4 });
    assert.deepEqual(
      rows.map((row) => row.reused),
      [false, true, true, true],
    );
    assert.deepEqual(
      rows.map((row) => row.connectMs === null),
      [false, true, true, true],
    );
    assert.equal(server.connections, 1);
  });

  test('closed by the server while idle are replaced: nobody loses a request', async () => {
    await using server = await startTorture(async (connection) => {
      await stream(1)(connection);
      await connection.wait(10);
      connection.end();
    });
    const { rows } = await ask(server.url, { requests: 4, pauseMs: 40 });
    assert.deepEqual(
      rows.map((row) => row.outcome),
      ['ok', 'ok', 'ok', 'ok'],
    );
    assert.equal(server.connections, 4);
  });

  test('closed just as a request goes in: sent again on a new connection, and marked', async () => {
    await using server = await startTorture((connection) => {
      if (connection.nth === 2) connection.reset();
      else void stream(1)(connection);
    });
    const { rows } = await ask(server.url, { requests: 2 });
    assert.deepEqual(
      rows.map((row) => [row.outcome, row.retried, row.reused]),
      [
        ['ok', false, false],
        ['ok', true, false],
      ],
    );
    assert.ok(rows[1]!.connectMs! >= 0);
    assert.equal(server.requests, 3);
  });

  test('closed just as a request goes in are not tried one by one: the second try is on a new one', async () => {
    await using server = await startTorture((connection) => {
      if (connection.nth === 2) connection.reset();
      else void stream(1)(connection);
    });
    const target = { url: server.url, headers: {} };
    const connections = openConnections(target);
    const rows: Timeline[] = [];
    let ended = (): void => {};
    const client = createClient({
      connections,
      target,
      path: '/v1/chat/completions',
      streamed: true,
      requestTimeoutMs: 10_000,
      stallTimeoutMs: 10_000,
      worker: 0,
      originMs: performance.now(),
      onEnd(row) {
        rows.push(row);
        if (client.inFlight === 0) ended();
      },
    });
    const send = (requests: readonly number[]): Promise<void> =>
      new Promise((resolve) => {
        ended = resolve;
        for (const request of requests)
          client.send({ request, phase: 0, plannedMs: null, body: Buffer.from('{}'), maxTokens: 8, promptTokens: 5 });
      });
    try {
      await send([0, 1, 2]);
      assert.equal(server.connections, 3);
      await send([3]);
    } finally {
      client.close();
      await connections.destroy();
    }
    assert.deepEqual([rows[3]!.outcome, rows[3]!.retried, rows[3]!.reused], ['ok', true, false]);
    assert.ok(rows[3]!.connectMs! >= 0);
    assert.equal(server.requests, 5, 'one lost, one sent again');
  });

  test('lost in mid-answer are not tried again', async () => {
    await using server = await startTorture(async (connection) => {
      if (connection.nth === 1) return stream(1)(connection);
      connection.write(SSE_HEAD);
      connection.chunk(event(content('a')));
      await connection.wait(20);
      connection.reset();
    });
    const { rows } = await ask(server.url, { requests: 2 });
    assert.deepEqual([rows[1]!.outcome, rows[1]!.retried, rows[1]!.chunks], ['reset', false, 1]);
    assert.equal(server.requests, 2);
  });

  test('that pass a limit while they have no connection found none', async (t) => {
    const { rows } = await ask(await startDeaf(t), { requests: 6, stallTimeoutMs: 100 });
    assert.equal(rows[0]!.outcome, 'stalled', 'the first was taken by the queue');
    assert.deepEqual([rows.at(-1)!.outcome, rows.at(-1)!.error], ['connect_error', 'no byte for 100 ms']);
  });

  test('carry the headers and the base path of the target', async () => {
    let head = '';
    await using server = await startTorture((connection) => {
      head = connection.head;
      return stream(1)(connection);
    });
    await ask(`${server.url}/proxy/v1/`, {
      headers: { Authorization: 'Bearer x', 'Content-Type': 'application/json; v=2' },
    });
    assert.match(head, /^POST \/proxy\/v1\/chat\/completions HTTP\/1\.1\r\n/);
    assert.match(head, /\r\nauthorization: Bearer x(\r\n|$)/);
    assert.match(head, /\r\ncontent-type: application\/json; v=2(\r\n|$)/);
    assert.match(head, /\r\naccept: text\/event-stream(\r\n|$)/);
  });

  test('trust the given authority, and nobody else', {
    skip: noCertificate,
  }, async () => {
    const { key, cert } = certificate();
    const server = createHttpsServer({ key, cert }, (request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `https://localhost:${(server.address() as { port: number }).port}`;
    try {
      const { rows } = await ask(url, { ca: cert, requests: 2 });
      assert.deepEqual(
        rows.map((row) => [row.outcome, row.chunks, row.reused]),
        [
          ['ok', 2, false],
          ['ok', 2, true],
        ],
      );
      const untrusted = (await ask(url)).rows[0]!;
      assert.equal(untrusted.outcome, 'connect_error');
      assert.match(untrusted.error!, /SELF_SIGNED|UNABLE_TO_VERIFY/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test('go through the proxy of the environment, but never for loopback', async () => {
    await using server = await startTorture(stream(2));
    const tunnels: string[] = [];
    // A CONNECT proxy that resolves every name to the server above.
    const proxy = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', async (data) => {
        tunnels.push(data.toString('latin1').split('\r\n')[0]!);
        const { connect } = await import('node:net');
        const upstream = connect(server.port, '127.0.0.1', () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          socket.pipe(upstream).pipe(socket);
        });
        upstream.on('error', () => socket.destroy());
      });
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const before = { ...process.env };
    process.env.http_proxy = `http://127.0.0.1:${(proxy.address() as { port: number }).port}`;
    process.env.no_proxy = 'other.invalid';
    try {
      const { rows } = await ask('http://model.invalid:8000', { requests: 2 });
      assert.deepEqual(
        rows.map((row) => [row.outcome, row.chunks, row.reused]),
        [
          ['ok', 2, false],
          ['ok', 2, true],
        ],
      );
      assert.deepEqual(tunnels, ['CONNECT model.invalid:8000 HTTP/1.1']);
      assert.equal((await ask(server.url)).rows[0]!.outcome, 'ok');
      assert.equal(tunnels.length, 1);
    } finally {
      for (const name of ['http_proxy', 'no_proxy']) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
      proxy.close();
    }
  });
});

describe('an answer that is not streamed', () => {
  const whole = (fields: object): string => JSON.stringify({ id: 'cmpl-1', ...fields });

  test('is one token-bearing event at its end', async () => {
    const text = whole({
      choices: [{ message: { content: 'hello' }, finish_reason: 'length' }],
      usage: { prompt_tokens: 3, completion_tokens: 40 },
    });
    const row = await askOnce(answer('200 OK', text), { streamed: false });
    assert.deepEqual(
      [row.outcome, row.chunks, row.outputTokens, row.tokenSource, row.finish, row.serverId],
      ['ok', 1, 40, 'usage', 'length', 'cmpl-1'],
    );
    assert.equal(row.firstTokenMs, row.lastTokenMs);
  });

  test('is malformed when broken or without choices, and an error where it says so', async () => {
    assert.equal((await askOnce(answer('200 OK', '{"choices":'), { streamed: false })).outcome, 'malformed');
    assert.equal((await askOnce(answer('200 OK', '{}'), { streamed: false })).outcome, 'malformed');
    assert.equal((await askOnce(answer('200 OK', '{"error":"x"}'), { streamed: false })).outcome, 'error_event');
  });
});
