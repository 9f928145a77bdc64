// What a transport must do, done by both: each case plays the same server to the raw sockets and to undici, and both must
// bring home the same rows, but for their times. Where two transports are allowed to differ, the case says so.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { brotliCompressSync, createGzip, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { runShard } from '../../src/load/shard.ts';
import type { Outcome, Timeline } from '../../src/load/timeline.ts';
import { openConnections } from '../../src/transport/connections.ts';
import { openRaw } from '../../src/transport/pool.ts';
import { certificate, noCertificate } from '../load/certificate.ts';
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
  startTortureWith,
  stream,
  type TortureOptions,
  usage,
} from '../load/torture.ts';
import { type Asking, ask, askThrough, factsOf, TRANSPORTS, type TransportName } from './asking.ts';

const NAMES = Object.keys(TRANSPORTS) as TransportName[];

interface Case {
  readonly scripts: readonly Script[];
  /** Of each request. */
  readonly outcomes: readonly Outcome[];
  readonly asking?: Asking;
  readonly server?: TortureOptions;
  /** What else holds for both. */
  check?(rows: readonly Timeline[], connections: number): void;
  /** Both fail for the same reason, but undici's parser has its own words for it. */
  readonly ownWords?: boolean;
  /** Both fail, but undici takes it for something else. */
  readonly undici?: Outcome;
}

async function conforms({ scripts, outcomes, asking, server: options, check, ownWords, undici }: Case): Promise<void> {
  const facts: object[][] = [];
  for (const name of NAMES) {
    await using server = await startTortureWith(options ?? {}, ...scripts);
    const rows = await ask(name, server.url, { requests: outcomes.length, ...asking });
    assert.deepEqual(
      rows.map((row) => row.outcome),
      name === 'undici' && undici !== undefined ? outcomes.map(() => undici) : outcomes,
      `${name}: ${rows.map((row) => row.error)}`,
    );
    for (const row of rows) assert.equal(row.error === null, row.outcome === 'ok', name);
    check?.(rows, server.connections);
    const same = { ...(ownWords && { error: '' }), ...(undici && { outcome: '' }) };
    facts.push(rows.map((row) => ({ ...factsOf(row), ...same })));
  }
  assert.deepEqual(facts[0], facts[1]);
}

const conformsTo = (cases: Readonly<Record<string, Case>>): void => {
  for (const [name, one] of Object.entries(cases)) test(name, () => conforms(one));
};

const whole =
  event(delta({ role: 'assistant', content: '' })) +
  event(content('漢字')) +
  event(content('😀')) +
  event(finish) +
  event(usage(9, 4)) +
  DONE;

/** The text as a chunked stream, a chunk and a packet for each `size` bytes. */
const chunks =
  (text: string, size: number, head = SSE_HEAD, last = LAST_CHUNK): Script =>
  async ({ write, chunk }) => {
    write(head);
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) {
      chunk(bytes.subarray(at, at + size));
      await turn();
    }
    write(last);
  };

/** These bytes, `size` a packet, and perhaps a FIN. */
const packets =
  (text: string | Uint8Array, size: number, thenEnd = false): Script =>
  async ({ write, end }) => {
    const bytes = Buffer.from(text as string);
    for (let at = 0; at < bytes.length; at += size) {
      write(bytes.subarray(at, at + size));
      await turn();
    }
    if (thenEnd) end();
  };

const framed = (text: string, extension = ''): string =>
  `${Buffer.byteLength(text).toString(16)}${extension}\r\n${text}\r\n`;

const isWhole = (rows: readonly Timeline[]): void => {
  for (const row of rows) {
    assert.deepEqual([row.chunks, row.outputTokens, row.promptTokens, row.finish], [2, 4, 9, 'stop']);
    assert.equal(row.bytes, Buffer.byteLength(whole));
  }
};

describe('a stream is read the same over both transports', () => {
  conformsTo({
    'in one packet, every event a chunk of its own': {
      scripts: [
        ({ write }) =>
          write(
            SSE_HEAD +
              whole
                .split(/(?<=\n\n)/)
                .map((each) => framed(each))
                .join('') +
              LAST_CHUNK,
          ),
      ],
      outcomes: ['ok', 'ok'],
      check(rows) {
        isWhole(rows);
        for (const row of rows) assert.equal(row.firstTokenMs, row.lastTokenMs, 'all of one read has its time');
      },
    },
    'in one chunk': { scripts: [chunks(whole, 100_000)], outcomes: ['ok', 'ok'], check: isWhole },
    'a byte a chunk, UTF-8 split': { scripts: [chunks(whole, 1)], outcomes: ['ok'], check: isWhole },
    'a byte a packet, heads and framing too': {
      scripts: [packets(SSE_HEAD + framed(whole.slice(0, 200)) + framed(whole.slice(200)) + LAST_CHUNK, 1)],
      outcomes: ['ok', 'ok'],
      check: isWhole,
    },
    'with CR': { scripts: [chunks(whole.replaceAll('\n', '\r'), 7)], outcomes: ['ok'], check: isWhole },
    'with CRLF': {
      scripts: [chunks(whole.replaceAll('\n', '\r\n'), 7)],
      outcomes: ['ok'],
      check: (rows) => assert.equal(rows[0]!.chunks, 2),
    },
    'with comments and pings between events': {
      scripts: [chunks(whole.replaceAll('data: ', ': ping\n\n: another\ndata:'), 9)],
      outcomes: ['ok'],
      check: (rows) => assert.equal(rows[0]!.chunks, 2),
    },
    'with a line of megabytes': {
      scripts: [chunks(event(content('x'.repeat(3_000_000))) + event(finish) + DONE, 200_000)],
      outcomes: ['ok'],
      check: (rows) => assert.ok(rows[0]!.chunks === 1 && rows[0]!.bytes > 3_000_000),
    },
    'without the last terminator': { scripts: [chunks(whole.trimEnd(), 50)], outcomes: ['ok'] },
    'with reasoning first, then content': {
      scripts: [chunks(event(delta({ reasoning_content: 'hm' })) + event(content('a')) + event(finish) + DONE, 30)],
      outcomes: ['ok'],
      check: (rows) => assert.equal(rows[0]!.chunks, 2),
    },
    'with empty deltas, which bear no token': {
      scripts: [chunks(event(delta({ content: '' })) + event(delta({})) + whole, 60)],
      outcomes: ['ok'],
      check: (rows) => assert.equal(rows[0]!.chunks, 2),
    },
    'with an error event': {
      scripts: [chunks(event(content('a')) + event({ error: { message: 'CUDA out of memory' } }) + DONE, 30)],
      outcomes: ['error_event'],
    },
    'without finish and [DONE]': { scripts: [chunks(event(content('a')), 30)], outcomes: ['truncated'] },
    'not streamed, with a length': {
      scripts: [answer('200 OK', '{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}')],
      asking: { streamed: false },
      outcomes: ['ok', 'ok'],
    },
  });
});

const start = SSE_HEAD + framed(event(content('a')));
const closing = SSE_HEAD.replace('transfer-encoding', 'connection: close\r\ntransfer-encoding');
const endless = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n';

describe('HTTP is read the same over both transports', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n';
  const length = Buffer.byteLength(whole);
  conformsTo({
    'an announcement (103) before the answer': {
      scripts: [
        packets(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${SSE_HEAD}${framed(whole)}${LAST_CHUNK}`, 9_000),
      ],
      outcomes: ['ok', 'ok'],
      check: isWhole,
    },
    trailers: {
      scripts: [chunks(whole, 90, SSE_HEAD, '0\r\nx-checksum: abc\r\nx-other: d\r\n\r\n')],
      outcomes: ['ok', 'ok'],
      check: (rows) => assert.equal(rows[1]!.reused, true),
    },
    'chunk extensions': {
      scripts: [packets(SSE_HEAD + framed(whole, ';name=value;other="quoted"') + LAST_CHUNK, 13)],
      outcomes: ['ok', 'ok'],
      check: isWhole,
    },
    'sizes in capitals and with leading zeros': {
      scripts: [packets(`${SSE_HEAD}000${length.toString(16).toUpperCase()}\r\n${whole}\r\n${LAST_CHUNK}`, 9_000)],
      outcomes: ['ok', 'ok'],
      check: isWhole,
    },
    'a length': { scripts: [packets(`${head}content-length: ${length}\r\n\r\n${whole}`, 50)], outcomes: ['ok', 'ok'] },
    'no length: the closing is the end': {
      scripts: [packets(endless + whole, 9_000, true)],
      outcomes: ['ok', 'ok'],
      check: (rows, connections) => assert.ok(isWhole(rows) === undefined && connections === 2),
    },
    'connection: close': {
      scripts: [packets(closing + framed(whole) + LAST_CHUNK, 9_000, true)],
      outcomes: ['ok', 'ok'],
      check: (rows, connections) =>
        assert.deepEqual([rows[1]!.reused, rows[1]!.retried, connections], [false, false, 2]),
    },
    'HTTP/1.0': {
      scripts: [packets(`${head.replace('1.1', '1.0')}content-length: ${length}\r\n\r\n${whole}`, 9_000, true)],
      outcomes: ['ok', 'ok'],
      check: (_, connections) => assert.equal(connections, 2),
    },
    'HTTP/1.0 that keeps the connection alive': {
      scripts: [
        packets(
          `${head.replace('1.1', '1.0')}connection: keep-alive\r\ncontent-length: ${length}\r\n\r\n${whole}`,
          9_000,
        ),
      ],
      outcomes: ['ok', 'ok'],
      check: (_, connections) => assert.equal(connections, 1),
    },
    'a server that keeps connections for a second: none is used again': {
      scripts: [
        packets(
          `${SSE_HEAD.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=1\r\n\r\n')}${framed(whole)}${LAST_CHUNK}`,
          9_000,
        ),
      ],
      outcomes: ['ok', 'ok'],
      check: (_, connections) => assert.equal(connections, 2),
    },
    'a head of 60 KB': {
      scripts: [chunks(whole, 9_000, SSE_HEAD.replace('\r\n\r\n', `\r\nx-much: ${'y'.repeat(60_000)}\r\n\r\n`))],
      outcomes: ['ok', 'ok'],
    },
    'a head beyond 64 KB': {
      scripts: [chunks(whole, 9_000, SSE_HEAD.replace('\r\n\r\n', `\r\nx-much: ${'y'.repeat(70_000)}\r\n\r\n`))],
      outcomes: ['malformed', 'malformed'],
    },
    'no content (204)': {
      scripts: [packets('HTTP/1.1 204 No Content\r\n\r\n', 9)],
      outcomes: ['malformed', 'malformed'],
    },
    'what is no HTTP': {
      scripts: [({ write }) => write('SSH-2.0-OpenSSH_9.6\r\n')],
      outcomes: ['malformed'],
      ownWords: true,
    },
    'a chunk size that is none': {
      scripts: [packets(`${SSE_HEAD}zz\r\n`, 900)],
      outcomes: ['malformed'],
      ownWords: true,
    },
    'a chunk that is longer than its size': {
      scripts: [packets(`${SSE_HEAD}3\r\nabcdef\r\n0\r\n\r\n`, 900)],
      outcomes: ['malformed'],
      ownWords: true,
    },
    'two lengths that differ': {
      scripts: [packets(`${head}content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef`, 900)],
      outcomes: ['malformed'],
      ownWords: true,
      undici: 'reset',
    },
    'a length beside chunks': {
      scripts: [
        packets(`${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n${framed(whole)}${LAST_CHUNK}`, 9_000),
      ],
      outcomes: ['malformed'],
      ownWords: true,
      undici: 'reset',
    },
    'an upgrade that nobody asked for': {
      scripts: [packets('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n', 900)],
      outcomes: ['reset'],
    },
    'bytes behind the answer: it is complete, and its connection not used again': {
      scripts: [packets(`${SSE_HEAD}${framed(whole)}${LAST_CHUNK}HTTP/1.1 200 OK\r\n`, 9_000)],
      outcomes: ['ok', 'ok'],
      check: (rows, connections) => assert.ok(isWhole(rows) === undefined && connections === 2),
    },
  });
});

describe('faults have the same outcome over both transports', () => {
  conformsTo({
    'a reset in the stream': {
      scripts: [
        async ({ write, wait, reset }) => {
          write(start);
          await wait(20);
          reset();
        },
      ],
      outcomes: ['reset'],
    },
    'a reset behind [DONE]: nothing is missing': {
      scripts: [
        async ({ write, wait, reset }) => {
          write(SSE_HEAD + framed(whole));
          await wait(20);
          reset();
        },
      ],
      outcomes: ['ok'],
    },
    'a reset before any answer on a new connection': { scripts: [({ reset }) => reset()], outcomes: ['reset'] },
    'a FIN before any answer on a new connection': { scripts: [({ end }) => end()], outcomes: ['reset'] },
    'a FIN in the head': { scripts: [packets(SSE_HEAD.slice(0, 30), 900, true)], outcomes: ['reset'], ownWords: true },
    'a FIN in a chunk': { scripts: [packets(start.slice(0, -8), 900, true)], outcomes: ['reset'] },
    'a FIN between chunks of a connection that closes': {
      scripts: [packets(closing + framed(event(content('a'))), 900, true)],
      outcomes: ['reset'],
      ownWords: true,
    },
    'a FIN before the length is reached': {
      scripts: [packets('HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhalf', 900, true)],
      outcomes: ['reset'],
    },
    'the closing before the finish, where the closing is the end': {
      scripts: [packets(endless + event(content('a')), 900, true)],
      outcomes: ['truncated'],
    },
    'a stall': { scripts: [({ write }) => write(start)], outcomes: ['stalled'], asking: { stallTimeoutMs: 120 } },
    'slow headers': { scripts: [() => {}], outcomes: ['timeout'], asking: { requestTimeoutMs: 120 } },
    'a head that never ends': {
      scripts: [({ write }) => write(SSE_HEAD.slice(0, 40))],
      outcomes: ['timeout'],
      asking: { requestTimeoutMs: 120 },
    },
    'the drain limit in the stream': {
      scripts: [({ write }) => write(start)],
      outcomes: ['cut'],
      asking: { cutAfterMs: 60 },
    },
    'the drain limit before the headers': { scripts: [() => {}], outcomes: ['cut'], asking: { cutAfterMs: 60 } },
    '429 with Retry-After': {
      scripts: [
        answer('429 Too Many Requests', '{"error":{"message":"full"}}', 'application/json', 'retry-after: 1\r\n'),
      ],
      outcomes: ['rejected', 'rejected'],
      check: (rows) => assert.deepEqual([rows[0]!.error, rows[1]!.reused], ['HTTP 429: full', true]),
    },
    '503': { scripts: [answer('503 Service Unavailable', 'starting')], outcomes: ['rejected'] },
    'a limit of connections: the next ones are closed at once': {
      server: { maxConnections: 0 },
      scripts: [stream(1)],
      outcomes: ['reset', 'reset'],
      check: (_, connections) => assert.equal(connections, 0),
      ownWords: true,
    },
    'a fault, and the next request is well': {
      scripts: [packets(`${SSE_HEAD}zz\r\n`, 900), stream(2), packets(start, 900, true), stream(1)],
      outcomes: ['malformed', 'ok', 'reset', 'ok'],
      ownWords: true,
    },
  });

  test('a refused connection', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    // By name, too: of several addresses the last one's reason is told.
    for (const url of [`http://127.0.0.1:${port}`, `http://localhost:${port}`]) {
      const [raw, undici] = await Promise.all(NAMES.map((name) => ask(name, url, { requests: 2 })));
      assert.deepEqual(raw!.map(factsOf), undici!.map(factsOf));
      assert.equal(raw![1]!.outcome, 'connect_error');
      assert.match(raw![1]!.error!, /^connect ECONNREFUSED /);
    }
  });
});

describe('a connection that the server closes between requests costs no request', () => {
  conformsTo({
    'closed while idle: the next request has a new one': {
      scripts: [
        async (connection) => {
          await stream(1)(connection);
          await connection.wait(10);
          connection.end();
        },
      ],
      asking: { pauseMs: 50 },
      outcomes: ['ok', 'ok', 'ok'],
      check(rows, connections) {
        assert.equal(connections, 3);
        assert.deepEqual(
          rows.map((row) => [row.reused, row.retried]),
          Array(3).fill([false, false]),
        );
      },
    },
    ...Object.fromEntries(
      (
        [
          ['half a head', 'HTTP/1.1 200 OK\r\ncontent-ty'],
          ['an interim response', 'HTTP/1.1 102 Processing\r\n\r\n'],
        ] as const
      ).map(([what, begun]): [string, Case] => [
        `but one that is lost after ${what} does: the server had the request`,
        {
          scripts: [
            async (connection) => {
              if (connection.nth === 1) return stream(1)(connection);
              connection.write(begun);
              await connection.wait(20);
              connection.reset();
            },
          ],
          outcomes: ['ok', 'reset'],
          ownWords: true,
          check(rows, connections) {
            assert.deepEqual([rows[1]!.reused, rows[1]!.retried], [true, false]);
            assert.equal(connections, 1);
          },
        },
      ]),
    ),
    'reset while idle': {
      scripts: [
        async (connection) => {
          await stream(1)(connection);
          await connection.wait(10);
          connection.reset();
        },
      ],
      asking: { pauseMs: 50 },
      outcomes: ['ok', 'ok'],
      check: (_, connections) => assert.equal(connections, 2),
    },
    'bytes while idle: it is closed by us': {
      scripts: [
        async (connection) => {
          await stream(1)(connection);
          await connection.wait(20);
          connection.write('HTTP/1.1 408 Request Timeout\r\n\r\n');
        },
      ],
      asking: { pauseMs: 60 },
      outcomes: ['ok', 'ok'],
      check: (_, connections) => assert.equal(connections, 2),
    },
    'reset as the request goes in: sent again, once, on a new one': {
      scripts: [stream(1), ({ reset }) => reset(), stream(1)],
      outcomes: ['ok', 'ok'],
      check(rows, connections) {
        assert.deepEqual([rows[1]!.retried, rows[1]!.reused, connections], [true, false, 2]);
        assert.ok(rows[1]!.connectMs! >= 0);
      },
    },
    'closed as the request goes in': {
      scripts: [stream(1), ({ end }) => end(), stream(1)],
      outcomes: ['ok', 'ok'],
      check: (rows, connections) => assert.deepEqual([rows[1]!.retried, connections], [true, 2]),
    },
    'again on the new one: a fault of the deployment': {
      scripts: [stream(1), ({ end }) => end(), ({ end }) => end()],
      outcomes: ['ok', 'reset'],
      check: (rows, connections) => assert.deepEqual([rows[1]!.retried, connections], [true, 2]),
    },
    'lost in mid-answer: not sent again': {
      scripts: [stream(1), packets(start, 900, true)],
      outcomes: ['ok', 'reset'],
      check: (rows) => assert.deepEqual([rows[1]!.reused, rows[1]!.retried], [true, false]),
    },
  });
});

describe('an answer that is compressed all the same', () => {
  const encoded = (name: string, bytes: Buffer): string =>
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: ${name}\r\ncontent-length: ${bytes.length}\r\n\r\n${bytes.toString('latin1')}`;
  const codings: Readonly<Record<string, readonly [string, Buffer]>> = {
    gzip: ['gzip', gzipSync(whole)],
    'x-gzip': ['x-gzip', gzipSync(whole)],
    deflate: ['deflate', deflateSync(whole)],
    'deflate without its header': ['deflate', deflateRawSync(whole)],
    br: ['br', brotliCompressSync(whole)],
    zstd: ['zstd', zstdCompressSync(whole)],
    identity: ['identity', Buffer.from(whole)],
  };
  conformsTo(
    Object.fromEntries(
      Object.entries(codings).map(([name, [coding, bytes]]) => [
        name,
        {
          scripts: [packets(Buffer.from(encoded(coding, bytes), 'latin1'), 40)],
          outcomes: ['ok', 'ok'] as const,
          check: isWhole,
        },
      ]),
    ),
  );
  conformsTo({
    'and broken': {
      scripts: [packets(Buffer.from(encoded('gzip', Buffer.from('no gzip at all')), 'latin1'), 900)],
      outcomes: ['malformed'],
    },
    'and lost behind its end: nothing is missing': {
      scripts: [
        ({ write, end }) => {
          const bytes = gzipSync(whole);
          const size = bytes.length.toString(16);
          const head = `${SSE_HEAD.replace('\r\n\r\n', '\r\ncontent-encoding: gzip\r\n\r\n')}${size}\r\n`;
          write(Buffer.concat([Buffer.from(head), bytes]));
          end();
        },
      ],
      outcomes: ['ok'],
      check: isWhole,
    },
    'and cut short': {
      scripts: [packets(Buffer.from(encoded('gzip', gzipSync(whole).subarray(0, 60)), 'latin1'), 900)],
      outcomes: ['malformed'],
    },
    'in a way that nobody knows': {
      scripts: [packets(Buffer.from(encoded('x-own', Buffer.from('abc')), 'latin1'), 900)],
      outcomes: ['malformed'],
    },
  });
});

describe('the times of a row are those of the reads', () => {
  /** Events of one answer, each written when the one before must long have been read. */
  const paced =
    (head: string, code: (text: string) => Promise<Uint8Array | string>): Script =>
    async ({ write, chunk, wait }) => {
      write(head);
      for (const each of [event(content('a')), event(content('b')), event(finish) + DONE]) {
        await wait(60);
        chunk(await code(each));
      }
      write(LAST_CHUNK);
    };
  const cases: Readonly<Record<string, () => Script>> = {
    'of a plain stream': () => paced(SSE_HEAD, (text) => Promise.resolve(text)),
    'of a compressed one too': () => {
      const gzip = createGzip();
      return paced(SSE_HEAD.replace('\r\n\r\n', '\r\ncontent-encoding: gzip\r\n\r\n'), async (text) => {
        gzip.write(text);
        await new Promise<void>((resolve) => gzip.flush(resolve));
        return gzip.read() as Buffer;
      });
    },
  };
  for (const [name, script] of Object.entries(cases)) {
    for (const transport of NAMES) {
      test(`${name} (${transport})`, async () => {
        await using server = await startTortureWith({}, script());
        const originMs = performance.now();
        const originNs = process.hrtime.bigint();
        const [row] = await ask(transport, server.url, { originMs });
        const writtenMs = server.writes.map(({ atNs }) => Number(atNs - originNs) / 1e6);
        const times = [row!.headersMs!, row!.firstTokenMs!, row!.lastTokenMs!];
        for (let i = 0; i < times.length; i++) {
          // The two clocks were read one after the other.
          assert.ok(times[i]! >= writtenMs[i]! - 1, `${times[i]} ms is before its write, ${writtenMs[i]} ms`);
          // 60 ms later it was not: the stamp is its own read's, not that of what came after.
          assert.ok(times[i]! <= writtenMs[i + 1]!, `${times[i]} ms is after the next write, ${writtenMs[i + 1]} ms`);
        }
      });
    }
  }
});

describe('TLS', { skip: noCertificate }, () => {
  test('is spoken by undici, with the authority of the target, and with no other', async () => {
    const { key, cert } = certificate();
    await using server = await startTortureWith({ tls: { key, cert } }, stream(2));
    const target = { url: server.url, headers: {}, ca: cert };
    const connections = openConnections(target, {});
    const rows = await askThrough(connections, server.url, { requests: 2 });
    await connections.destroy();
    assert.deepEqual(
      rows.map((row) => [row.outcome, row.chunks, row.reused]),
      [
        ['ok', 2, false],
        ['ok', 2, true],
      ],
    );
    const [untrusted] = await ask('undici', server.url);
    assert.equal(untrusted!.outcome, 'connect_error');
    assert.match(untrusted!.error!, /SELF_SIGNED|UNABLE_TO_VERIFY/);
    assert.throws(() => openRaw(target), 'raw sockets would send the request, and its key, in the clear');
  });
});

test('an answer to "Expect: 100-continue" that nobody sent announces only; undici refuses it', async () => {
  const script = packets(`HTTP/1.1 100 Continue\r\n\r\n${SSE_HEAD}${framed(whole)}${LAST_CHUNK}`, 9_000);
  await using server = await startTortureWith({}, script);
  assert.equal((await ask('raw', server.url))[0]!.outcome, 'ok');
  assert.equal((await ask('undici', server.url))[0]!.outcome, 'reset');
});

test('both send the same bytes', async () => {
  const heads: string[] = [];
  for (const name of NAMES) {
    await using server = await startTortureWith({}, (connection) => {
      heads.push(`${connection.head.replace(/127\.0\.0\.1:\d+/, 'HOST')}\r\n\r\n${connection.body}`);
      return stream(1)(connection);
    });
    await ask(name, `${server.url}/base?key=1`);
  }
  assert.match(
    heads[0]!,
    /^POST \/base\/v1\/chat\/completions\?key=1 HTTP\/1\.1\r\nhost: HOST\r\nconnection: keep-alive\r\n/,
  );
  assert.equal(heads[0], heads[1]);
});

describe('the books close under every fault at once', () => {
  const faults: readonly Script[] = [
    stream(2),
    chunks(whole, 7),
    packets(start, 900, true),
    ({ write, reset }) => {
      write(start);
      reset();
    },
    ({ reset }) => reset(),
    ({ end }) => end(),
    ({ write }) => write(start),
    () => {},
    ({ write }) => write('220 smtp ready\r\n'),
    answer('429 Too Many Requests', 'no', 'text/plain', 'retry-after: 1\r\n'),
    answer('503 Service Unavailable', 'no', 'text/plain', 'connection: close\r\n'),
    packets(endless + whole, 9_000, true),
    async (connection) => {
      await stream(1)(connection);
      connection.end();
    },
    packets(`${SSE_HEAD}${framed(whole)}${LAST_CHUNK}too much`, 9_000),
  ];
  for (const name of NAMES) {
    test(`planned = rows + dropped (${name})`, async () => {
      await using server = await startTortureWith({}, ...Array.from({ length: 20 }, () => faults).flat());
      const connections = TRANSPORTS[name]({ url: server.url, headers: {} }, {});
      const load = { kind: 'open', process: 'poisson', from: 300, to: 300 } as const;
      const plan = {
        stage: 'benchmark',
        seed: 3,
        drainMs: 300,
        maxInFlight: 4,
        requestTimeoutMs: 150,
        stallTimeoutMs: 100,
        phases: [{ name: 'round-1', kind: 'round', startMs: 0, durationMs: 800, load, pattern: 0 }],
      } as const;
      const workload = {
        path: '/v1/chat/completions',
        facts: () => ({}),
        request: () => ({ body: '{}', maxTokens: 1, promptTokens: 1 }),
      };
      const never = new AbortController().signal;
      const rows: Timeline[] = [];
      const { phases } = await runShard(
        { plan, target: { url: server.url, headers: {} }, streamed: true, worker: 0, workers: 1 },
        workload,
        connections,
        performance.now(),
        { halt: never, cut: never },
        (update) => rows.push(...update.rows),
      );
      await connections.destroy();
      const { sent, dropped } = phases[0]!;
      assert.equal(sent + dropped, 240);
      assert.equal(rows.length, sent);
      assert.equal(new Set(rows.map((row) => row.request)).size, sent, 'a row for each');
      assert.ok(dropped > 0, 'stalls fill the cap');
      const outcomes = new Set(rows.map((row) => row.outcome));
      for (const each of ['ok', 'reset', 'malformed', 'rejected', 'stalled'] as const)
        assert.ok(outcomes.has(each), each);
    });
  }
});
