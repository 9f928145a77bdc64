// What the paced server says and hears, as bytes: answers made beforehand, with their number in every id, and a reader
// of requests that knows as much HTTP/1.1 as clients of this API need.

import type { Socket } from 'node:net';

export interface AnswerShape {
  /** Token-bearing events of a streamed answer. */
  readonly events: number;
  /** Events in one write, which is one chunk of HTTP. */
  readonly eventsPerWrite: number;
  /** Size of one event, filled up with text; at least what its JSON needs. */
  readonly eventBytes: number;
}

export const MODEL = 'paced';
const ID = 'chatcmpl-000000000000';
const ID_DIGITS = 12;

export const eventsOfLast = ({ events, eventsPerWrite }: AnswerShape): number => ((events - 1) % eventsPerWrite) + 1;

/** All bytes that it sends, each answer with its number in its id: nothing is put together while it is paced. */
export function createTexts(options: AnswerShape) {
  const event = (content: string): string =>
    `data: {"id":"${ID}","object":"chat.completion.chunk","created":1700000000,"model":"${MODEL}","choices":[{"index":0,"delta":{"content":"${content}"},"logprobs":null,"finish_reason":null}]}\n\n`;
  const text = event(` w${'o'.repeat(Math.max(0, options.eventBytes - event(' wrd').length))}rd`);
  const usage = `{"prompt_tokens":1,"total_tokens":${1 + options.events},"completion_tokens":${options.events}}`;
  const chunk = (body: string): string => `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`;
  const role = `data: {"id":"${ID}","object":"chat.completion.chunk","created":1700000000,"model":"${MODEL}","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}\n\n`;
  const tail = `data: {"id":"${ID}","object":"chat.completion.chunk","created":1700000000,"model":"${MODEL}","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\ndata: {"id":"${ID}","object":"chat.completion.chunk","created":1700000000,"model":"${MODEL}","choices":[],"usage":${usage}}\n\ndata: [DONE]\n\n`;
  const whole = `{"id":"${ID}","object":"chat.completion","created":1700000000,"model":"${MODEL}","choices":[{"index":0,"message":{"role":"assistant","content":"word"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"total_tokens":2,"completion_tokens":1}}`;
  const head = template(
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: ${ID}\r\ntransfer-encoding: chunked\r\n\r\n${chunk(role)}`,
  );
  const middle = template(chunk(text.repeat(options.eventsPerWrite)));
  const last = template(`${chunk(text.repeat(eventsOfLast(options)) + tail)}0\r\n\r\n`);
  const plain = template(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: ${ID}\r\ncontent-length: ${whole.length}\r\n\r\n${whole}`,
  );
  return {
    eventBytes: text.length,
    idOf: (number: number): string => ID.slice(0, -ID_DIGITS) + String(number).padStart(ID_DIGITS, '0'),
    head,
    last,
    whole: plain,
    middle,
  };
}

/** Copies of `text` with a number in every id. */
function template(text: string): (number: number) => Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const digitsAt: number[] = [];
  for (let at = text.indexOf(ID); at !== -1; at = text.indexOf(ID, at + 1)) digitsAt.push(at + ID.length - ID_DIGITS);
  return (number) => {
    const copy = Buffer.from(bytes);
    const digits = String(number).padStart(ID_DIGITS, '0');
    for (const at of digitsAt) copy.write(digits, at, 'latin1');
    return copy;
  };
}

export interface ParsedRequest {
  readonly method: string;
  readonly path: string;
  /** Its x-request-id. */
  readonly id: string | null;
  readonly streamed: boolean;
}

/** One request at a time: the next one is read once `done` was called for the last. */
export function readRequests(socket: Socket, onRequest: (request: ParsedRequest, done: () => void) => void): void {
  let rest: Buffer | null = null;
  let busy = false;
  const next = (): void => {
    while (!busy && rest !== null) {
      const headEnd = rest.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const head = rest.toString('latin1', 0, headEnd);
      const bodyBytes = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (/\r\ntransfer-encoding:/i.test(head)) {
        socket.end('HTTP/1.1 411 Length Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
        rest = null;
        return;
      }
      const end = headEnd + 4 + bodyBytes;
      if (rest.length < end) return;
      const [method = '', path = ''] = head.slice(0, head.indexOf('\r\n')).split(' ', 2);
      const id = /\r\nx-request-id: *(\S+)/i.exec(head)?.[1] ?? null;
      const streamed = bodyBytes > 0 && /"stream" *: *true/.test(rest.toString('latin1', headEnd + 4, end));
      const close = /\r\nconnection: *close/i.test(head);
      rest = rest.length > end ? rest.subarray(end) : null;
      busy = true;
      onRequest({ method, path, id, streamed }, () => {
        busy = false;
        if (close) socket.end();
        else if (rest !== null) setImmediate(next);
      });
    }
  };
  socket.on('data', (chunk: Buffer) => {
    rest = rest === null ? chunk : Buffer.concat([rest, chunk]);
    next();
  });
}
