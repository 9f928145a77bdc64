import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SseParser, utf8Of } from '../../src/load/sse.ts';

type Event = readonly [data: string, event: string];

const listen = (onEvent: (data: string, event: string, raw: string | null) => void): SseParser =>
  new SseParser({ onEvent, skip: (_text, at) => at });

/** Feeds the bytes cut at the given places. */
function parse(bytes: Uint8Array, cuts: readonly number[] = []): Event[] {
  const events: Event[] = [];
  const parser = listen((data, event) => events.push([utf8Of(data), utf8Of(event)]));
  const places = [...cuts].sort((a, b) => a - b);
  let from = 0;
  for (const place of [...places, bytes.length]) {
    // A transport may use its buffer again: what was pushed is overwritten afterwards.
    const piece = Buffer.copyBytesFrom(bytes, from, place - from);
    parser.push(piece);
    piece.fill(0x21);
    from = place;
  }
  parser.end();
  return events;
}

/** The standard read literally, from the whole text at once; at the end a blank line is taken as given. */
function oracle(bytes: Uint8Array): Event[] {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).replace(/^\ufeff/, '');
  const events: Event[] = [];
  let data: string[] = [];
  let name = '';
  const dispatch = (): void => {
    if (data.length > 0) events.push([data.join('\n'), name]);
    data = [];
    name = '';
  };
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === '') {
      dispatch();
      continue;
    }
    const match = /^([^:]*)(?:: ?([\s\S]*))?$/.exec(line)!;
    if (match[1] === 'data') data.push(match[2] ?? '');
    if (match[1] === 'event') name = match[2] ?? '';
  }
  dispatch();
  return events;
}

const bytesOf = (text: string): Buffer => Buffer.from(text);

const line = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => `data: ${text.replace(/[\r\n]/g, '')}`),
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => `data:${text.replace(/[\r\n]/g, '')}`),
  fc.constantFrom(
    '',
    '',
    ': ping',
    ':',
    'data',
    'data:',
    'event: error',
    'event',
    'id: 7',
    'retry: 10',
    'dat: x',
    'data : x',
    'datax: y',
    ' data: z',
    'data: [DONE]',
    'data:[DONE]',
    'data: {"a":"é漢😀"}',
    'no colon at all',
  ),
);
const streamText = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n')), { maxLength: 30 }), fc.boolean())
  .map(([bom, lines, terminated]) => {
    const text = lines.map(([content, end]) => content + end).join('');
    return (bom ? '\ufeff' : '') + (terminated ? text : text.replace(/[\r\n]+$/, ''));
  });

describe('the SSE parser', () => {
  test('agrees with the standard, whatever the line ends and wherever the bytes are cut', () => {
    fc.assert(
      fc.property(streamText, fc.array(fc.nat(), { maxLength: 20 }), (text, cuts) => {
        const bytes = bytesOf(text);
        assert.deepEqual(
          parse(
            bytes,
            cuts.map((cut) => cut % (bytes.length + 1)),
          ),
          oracle(bytes),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  test('agrees with itself one byte at a time', () => {
    fc.assert(
      fc.property(streamText, (text) => {
        const bytes = bytesOf(text);
        assert.deepEqual(parse(bytes, [...bytes.keys()]), parse(bytes));
      }),
      { numRuns: 300 },
    );
  });

  test('cleared, wherever its stream was cut off, it reads another one as a new parser does', () => {
    fc.assert(
      fc.property(streamText, streamText, fc.nat(), (before, text, cut) => {
        const events: Event[] = [];
        const parser = listen((data, event) => events.push([utf8Of(data), utf8Of(event)]));
        const left = bytesOf(before);
        parser.push(left.subarray(0, cut % (left.length + 1)));
        parser.clear();
        events.length = 0;
        parser.push(bytesOf(text));
        parser.end();
        assert.deepEqual(events, parse(bytesOf(text)));
      }),
    );
  });

  test('gives an event as soon as its blank line is there, CR alone included', () => {
    for (const end of ['\n\n', '\r\r', '\r\n\r\n']) {
      const events: string[] = [];
      const parser = listen((data) => events.push(data));
      parser.push(bytesOf(`data: a${end}`));
      assert.deepEqual(events, ['a'], JSON.stringify(end));
      parser.push(bytesOf(`data: b${end}`));
      assert.deepEqual(events, ['a', 'b'], JSON.stringify(end));
    }
  });

  test('tells an event as it came where one chunk holds it, with its line ends and without comments before it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('\n', '\r\n'),
        fc.array(fc.constantFrom('{}', '{"a":"é"}', '[DONE]'), { maxLength: 6 }),
        (eol, values) => {
          const raws: (string | null)[] = [];
          const parser = listen((_data, _event, raw) => raws.push(raw));
          const events = values.map((value) => `event: x${eol}data: ${value}${eol}${eol}`);
          parser.push(bytesOf(events.map((event) => `: ping${eol}${event}`).join('')));
          assert.deepEqual(
            raws.map((raw) => raw && utf8Of(raw)),
            events,
          );
        },
      ),
    );
    const raws: (string | null)[] = [];
    const parser = listen((_data, _event, raw) => raws.push(raw));
    parser.push(bytesOf('data: a'));
    parser.push(bytesOf('\n\ndata: b\n\n'));
    assert.deepEqual(raws, [null, 'data: b\n\n']);
  });

  test('asks its listener at every place where an event may begin, and goes on where that says it ends', () => {
    const asked: number[] = [];
    const events: string[] = [];
    const known = 'data: known\n\n';
    const parser = new SseParser({
      onEvent: (data) => events.push(data),
      skip(text, at) {
        asked.push(at);
        return text.startsWith(known, at) ? at + known.length : at;
      },
    });
    parser.push(bytesOf(`${known}${known}data: a\n\n${known}data: b\ndata: known\n\n${known}da`));
    parser.push(bytesOf('ta: known\n\n'));
    assert.deepEqual(events, ['a', 'b\nknown', 'known']);
    assert.deepEqual(asked, [0, 13, 26, 35, 48, 69, 82]);
  });

  test('takes CR LF cut in the middle as one line end', () => {
    assert.deepEqual(parse(bytesOf('data: a\r\ndata: b\r\n\r\n'), [8]), [['a\nb', '']]);
  });

  test('gives the last event that lacks its terminator', () => {
    assert.deepEqual(parse(bytesOf('data: a\n\ndata: [DONE]')), [
      ['a', ''],
      ['[DONE]', ''],
    ]);
    assert.deepEqual(parse(bytesOf('data: a\n\ndata: b\n')), [
      ['a', ''],
      ['b', ''],
    ]);
  });

  test('is linear: a line of megabytes in one-byte packets, and megabytes of lines without end in one', {
    timeout: 15_000,
  }, () => {
    const long = bytesOf(`data: ${'x'.repeat(3_000_000)}\n\n`);
    let got = 0;
    const parser = listen((data) => {
      got = data.length;
    });
    for (let i = 0; i < long.length; i++) parser.push(long.subarray(i, i + 1));
    assert.equal(got, 3_000_000);
    // Neither a colon nor a CR anywhere: a search for them at each line would read the whole chunk again and again.
    assert.deepEqual(parse(bytesOf('x\n'.repeat(2_000_000))), []);
  });
});
