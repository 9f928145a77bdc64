import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { openRaw } from '../../src/transport/pool.ts';
import { ResponseReader } from '../../src/transport/response.ts';
import { openUndici } from '../../src/transport/undici.ts';
import { type Connections, type Fields, HEAD_LIMIT_BYTES } from '../../src/transport/waist.ts';
import { startTorture } from '../load/torture.ts';

interface Seen {
  heads: { status: number; headers: Fields; reason: string }[];
  body: string;
  trailers: Fields;
  done: boolean;
  keepAlive: boolean;
  /** Bytes that it did not take. */
  left: number;
  error: string | null;
}

/** What a reader makes of bytes that come in these pieces, and perhaps an end. */
function read(pieces: readonly (string | Uint8Array)[], thenEnd = false): Seen {
  const seen: Seen = { heads: [], body: '', trailers: {}, done: false, keepAlive: false, left: 0, error: null };
  let calls = 0;
  const reader = new ResponseReader({
    onHead: (status, headers, reason) => void seen.heads.push({ status, headers: { ...headers }, reason }),
    onPayload(view) {
      calls += 1;
      seen.body += view.toString('latin1');
    },
  });
  // As the pool does it: all reads go into one buffer, which is dirty behind what was read.
  const buffer = Buffer.alloc(Math.max(1, ...pieces.map((piece) => piece.length)) + 8, '!');
  try {
    for (const piece of pieces) {
      calls = 0;
      const bytes = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
      buffer.set(bytes);
      seen.left += bytes.length - (reader.done ? 0 : reader.read(buffer, bytes.length));
      assert.ok(calls <= 1, 'the payload of a read is one call');
    }
    if (thenEnd) reader.end();
  } catch (error) {
    seen.error = `${(error as Error).name}: ${(error as Error).message}`;
  }
  seen.done = reader.done;
  seen.keepAlive = reader.keepAlive;
  seen.trailers = { ...reader.trailers };
  return seen;
}

function cut(text: string, places: readonly number[]): string[] {
  const at = [0, ...new Set(places.map((place) => place % (text.length + 1))), text.length].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => text.slice(at[i]!, end));
}

const bytewise = (text: string): string[] => [...text];

// ---- valid responses ------------------------------------------------------------------------------------------

const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/).filter((name) => !FRAMING.has(name));
const FRAMING = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'content-encoding',
  'upgrade',
]);
const value = fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/);
const fields = fc.uniqueArray(
  fc.tuple(
    token.map((name) => `x-${name}`),
    value,
  ),
  { maxLength: 6, selector: ([name]) => name },
);
/** Any bytes at all, a character each. */
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength, maxLength }).map((all) => Buffer.from(all).toString('latin1'));
const body = fc.array(bytes(1, 40), { maxLength: 8 });
const extension = fc.constantFrom('', ';a', ';a=b', ';a="b c"');

interface Valid {
  readonly text: string;
  readonly status: number;
  readonly body: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly trailers: readonly (readonly [string, string])[];
  readonly thenEnd: boolean;
}

const lines = (all: readonly (readonly [string, string])[]): string =>
  all.map(([name, text]) => `${name}: ${text}\r\n`).join('');

const valid: fc.Arbitrary<Valid> = fc
  .record({
    status: fc.constantFrom(200, 201, 299, 400, 404, 429, 500, 503),
    announced: fc.constantFrom('', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
    headers: fields,
    trailers: fields,
    pieces: body,
    extension,
    framing: fc.constantFrom('chunked', 'length', 'close'),
  })
  .map(({ status, announced, headers, trailers, pieces, extension: ext, framing }) => {
    const whole = pieces.join('');
    const head = `${announced}HTTP/1.1 ${status} Some Reason\r\n${lines(headers)}`;
    const base = { status, headers, body: whole, trailers: [] as typeof trailers, thenEnd: false };
    if (framing === 'length') return { ...base, text: `${head}content-length: ${whole.length}\r\n\r\n${whole}` };
    if (framing === 'close') return { ...base, text: `${head}\r\n${whole}`, thenEnd: true };
    const chunks = pieces.map((piece) => `${piece.length.toString(16)}${ext}\r\n${piece}\r\n`).join('');
    return {
      ...base,
      trailers,
      text: `${head}transfer-encoding: chunked\r\n\r\n${chunks}0${ext}\r\n${lines(trailers)}\r\n`,
    };
  });

const places = fc.array(fc.nat({ max: 5_000 }), { maxLength: 12 });

describe('a valid response', () => {
  test('is read the same however it is cut', () => {
    fc.assert(
      fc.property(valid, places, ({ text, thenEnd, ...expected }, cuts) => {
        const whole = read([text], thenEnd);
        assert.equal(whole.error, null);
        assert.equal(whole.done, true);
        assert.equal(whole.body, expected.body);
        assert.equal(whole.heads.at(-1)!.status, expected.status);
        for (const [name, text] of expected.headers) assert.equal(whole.heads.at(-1)!.headers[name], text);
        assert.deepEqual(whole.trailers, Object.fromEntries(expected.trailers));
        assert.deepEqual(read(cut(text, cuts), thenEnd), whole);
        assert.deepEqual(read(bytewise(text), thenEnd), whole);
      }),
      { numRuns: 300 },
    );
  });

  test('is the same to the raw sockets, to undici and to Node’s own client', async () => {
    let response: Valid;
    let cuts: readonly number[];
    await using server = await startTorture(async ({ write, wait, end }) => {
      const { text, thenEnd } = response;
      for (const piece of cut(text, cuts)) {
        write(Buffer.from(piece, 'latin1'));
        await wait(0);
      }
      if (thenEnd) end();
    });
    const target = { url: server.url, headers: {} };
    const transports = [openRaw(target), openUndici(target, {})];
    try {
      await fc.assert(
        fc.asyncProperty(valid, places, async (generated, places) => {
          response = generated;
          cuts = places;
          const [raw, undici, node] = await Promise.all([
            ...transports.map((connections) => fetchOver(connections, server.url)),
            fetchOverNode(server.url),
          ]);
          assert.equal(raw!.body, generated.body);
          assert.deepEqual(raw, undici);
          assert.deepEqual(raw, node);
        }),
        { numRuns: 60 },
      );
    } finally {
      await Promise.all(transports.map((connections) => connections.destroy()));
    }
  });

  test('is followed by the next one on the same connection', () => {
    const reader = new ResponseReader({ onHead() {}, onPayload() {} });
    for (let i = 0; i < 3; i++) {
      const text = Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n');
      assert.equal(reader.read(text, text.length), text.length);
      assert.deepEqual([reader.done, reader.keepAlive, { ...reader.trailers }], [true, true, { x: 'y' }]);
      reader.next();
      assert.equal(reader.done, false);
    }
  });

  test('may repeat a field, name one like a part of every object, and have no reason', () => {
    const [head] = read([
      'HTTP/1.1 200\r\nA: 1\r\na:2  \r\nconstructor: c\r\n__proto__: p\r\nb:\r\ncontent-length: 0\r\n\r\n',
    ]).heads;
    assert.deepEqual(
      [head!.reason, head!.headers.a, head!.headers.constructor, head!.headers.b],
      ['', ['1', '2'], 'c', ''],
    );
  });
});

interface Fetched {
  status: number;
  body: string;
  headers: Record<string, unknown>;
  trailers: Record<string, unknown>;
}

const fetchOver = ({ dispatcher }: Connections, origin: string): Promise<Fetched> =>
  new Promise((resolve, reject) => {
    const fetched: Fetched = { status: 0, body: '', headers: {}, trailers: {} };
    dispatcher.dispatch(
      { origin, path: '/', method: 'POST', headers: [], body: Buffer.from('{}') },
      {
        onRequestStart() {},
        onResponseStart(_controller, status, headers) {
          if (status >= 200) Object.assign(fetched, { status, headers: { ...headers } });
        },
        onResponseData(_controller, chunk) {
          fetched.body += chunk.toString('latin1');
        },
        onResponseEnd: (_controller, trailers) => resolve({ ...fetched, trailers: { ...trailers } }),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });

const fetchOverNode = (url: string): Promise<Fetched> =>
  new Promise((resolve, reject) => {
    httpRequest(url, { method: 'POST', agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          body: text,
          headers: { ...response.headers },
          trailers: { ...response.trailers },
        }),
      );
    })
      .on('error', reject)
      .end('{}');
  });

// ---- framing --------------------------------------------------------------------------------------------------

describe('the end of a response', () => {
  const head = (fields: string, version = '1.1', status = 200): string =>
    `HTTP/${version} ${status} X\r\n${fields}\r\n`;
  const rules: readonly [what: string, text: string, done: boolean, keepAlive: boolean, body: string][] = [
    ['a length', `${head('content-length: 3\r\n')}abc`, true, true, 'abc'],
    ['a length of nothing', head('content-length: 0\r\n'), true, true, ''],
    ['a length that is not reached', `${head('content-length: 3\r\n')}ab`, false, true, 'ab'],
    ['neither length nor chunks', `${head('')}abc`, false, false, 'abc'],
    ['204, whatever it says', head('content-length: 3\r\n', '1.1', 204), true, true, ''],
    ['304, whatever it says', head('content-length: 3\r\n', '1.1', 304), true, true, ''],
    ['connection: close', head('Connection: Close\r\ncontent-length: 0\r\n'), true, false, ''],
    ['close among others', head('connection: x, close\r\ncontent-length: 0\r\n'), true, false, ''],
    ['close in a second field', head('connection: x\r\nconnection: close\r\ncontent-length: 0\r\n'), true, false, ''],
    ['a word with close in it', head('connection: closed\r\ncontent-length: 0\r\n'), true, true, ''],
    ['HTTP/1.0', head('content-length: 0\r\n', '1.0'), true, false, ''],
    ['HTTP/1.0 kept alive', head('connection: keep-alive\r\ncontent-length: 0\r\n', '1.0'), true, true, ''],
    ['only an announcement', head('', '1.1', 102), false, true, ''],
  ];
  for (const [what, text, done, keepAlive, expected] of rules) {
    test(`${what}: ${done ? 'complete' : 'not complete'}, ${keepAlive ? 'reusable' : 'not reusable'}`, () => {
      for (const pieces of [[text], bytewise(text)]) {
        const seen = read(pieces);
        assert.deepEqual([seen.error, seen.done, seen.keepAlive, seen.body], [null, done, keepAlive, expected]);
      }
    });
  }

  test('leaves what follows it alone', () => {
    const seen = read([`${head('content-length: 3\r\n')}abcHTTP/1.1`]);
    assert.deepEqual([seen.done, seen.body, seen.left], [true, 'abc', 8]);
  });

  test('is the connection’s only where nothing else ends it', () => {
    assert.equal(read([`${head('')}abc`], true).done, true);
    for (const text of ['', 'HTTP/1.1', head('content-length: 3\r\n'), head('transfer-encoding: chunked\r\n')])
      assert.equal(read([text], true).done, false, text);
  });

  test('a server’s word on idle connections is known', () => {
    const idleOf = (fields: string): number | null => {
      const reader = new ResponseReader({ onHead() {}, onPayload() {} });
      const bytes = Buffer.from(head(`${fields}content-length: 0\r\n`));
      reader.read(bytes, bytes.length);
      return reader.idleTimeoutMs;
    };
    assert.equal(idleOf(''), null);
    assert.equal(idleOf('Keep-Alive: timeout=5, max=100\r\n'), 5_000);
    assert.equal(idleOf('keep-alive: max=100\r\n'), null);
  });
});

// ---- what is refused ------------------------------------------------------------------------------------------

describe('what is not HTTP is refused, in one piece or in many', () => {
  const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
  const refused: Readonly<Record<string, string>> = {
    'another protocol': 'SSH-2.0-OpenSSH_9.6\r\n',
    'HTTP/2': 'HTTP/2 200\r\n\r\n',
    'HTTP/0.9': '<html>\r\n\r\n',
    'a version that is not there yet': 'HTTP/1.2 200 OK\r\n\r\n',
    'a status that is none': 'HTTP/1.1 2000 OK\r\n\r\n',
    'a status below 100': 'HTTP/1.1 099 OK\r\n\r\n',
    'an empty line first': '\r\nHTTP/1.1 200 OK\r\n\r\n',
    'bare line feeds': 'HTTP/1.1 200 OK\ncontent-length: 0\n\n',
    'a bare carriage return': 'HTTP/1.1 200 OK\r\na: b\rc: d\r\n\r\n',
    'a folded header': 'HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n',
    'a space before the colon': 'HTTP/1.1 200 OK\r\ncontent-length : 3\r\n\r\nabc',
    'a header without a name': 'HTTP/1.1 200 OK\r\n: b\r\n\r\n',
    'a header without a colon': 'HTTP/1.1 200 OK\r\nabc\r\n\r\n',
    'a control character in a header': 'HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n',
    'two lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd',
    'a list of lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\nabc',
    'a negative length': 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n',
    'a length beyond all measure': `HTTP/1.1 200 OK\r\ncontent-length: ${'9'.repeat(17)}\r\n\r\n`,
    'a length beside chunks': `HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    'another transfer coding': 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'chunks that are not chunked last': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'a chunk without a size': `${chunked}\r\nabc`,
    'a size in another notation': `${chunked}0x3\r\nabc\r\n`,
    'a size with a sign': `${chunked}-3\r\nabc\r\n`,
    'a size beyond all measure': `${chunked}fffffffffffff\r\n`,
    'a chunk longer than its size': `${chunked}3\r\nabcd\r\n0\r\n\r\n`,
    'a chunk that ends in a line feed': `${chunked}3\r\nabc\n0\r\n\r\n`,
    'a size that ends in a line feed': `${chunked}3\nabc\r\n0\r\n\r\n`,
    'a line feed in a chunk extension': `${chunked}3;a\nb\r\nabc\r\n0\r\n\r\n`,
    'a broken trailer': `${chunked}0\r\nabc\r\n\r\n`,
  };
  for (const [what, text] of Object.entries(refused)) {
    test(what, () => {
      const whole = read([text]);
      assert.match(whole.error ?? 'nothing was refused', /^HTTPParserError: Response does not match the HTTP\/1\.1/);
      assert.equal(whole.done, false);
      assert.equal(read(bytewise(text)).error, whole.error);
    });
  }

  test('heads, trailers and extensions have a limit, so that no server can fill the memory', () => {
    const much = 'y'.repeat(HEAD_LIMIT_BYTES);
    for (const text of [`HTTP/1.1 200 OK\r\nx: ${much}`, `${chunked}0\r\nx: ${much}`, `${chunked}3;${much}y`]) {
      for (const size of [text.length, 1_000]) {
        const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
          text.slice(i * size, (i + 1) * size),
        );
        assert.match(read(pieces).error!, /^HeadersOverflowError/);
      }
    }
  });

  test('an error comes behind the payload that came before it', () => {
    const seen = read([`${chunked}3\r\nabc\r\nzz`]);
    assert.deepEqual([seen.body, seen.error === null], ['abc', false]);
  });

  test('damage anywhere gives the same answer or the same refusal however it is cut', () => {
    fc.assert(
      fc.property(
        valid,
        fc.nat({ max: 5_000 }),
        bytes(0, 4),
        fc.nat({ max: 4 }),
        places,
        ({ text, thenEnd }, place, put, taken, cuts) => {
          const at = place % (text.length + 1);
          const damaged = text.slice(0, at) + put + text.slice(at + taken);
          const whole = read([damaged], thenEnd);
          if (whole.error !== null) assert.match(whole.error, /^(HTTPParserError|HeadersOverflowError|SocketError): /);
          // After a fault nothing is read, so how much came with it does not matter.
          const { left, ...same } = read(cut(damaged, cuts), thenEnd);
          const { left: _, ...expected } = whole;
          assert.deepEqual(same, expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});
