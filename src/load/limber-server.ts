// The server of an exercise (limber.ts): answers whatever it is asked with the answers of several engines in turn, as
// cheaply as can be, for it shares the thread with the client.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface ExerciseServer {
  /** Its URL. */
  listen(): Promise<string>;
  close(): void;
}

export function createExerciseServer(streamed: boolean): ExerciseServer {
  const sockets = new Set<Socket>();
  let answers = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let missing = 0;
    socket.on('data', (chunk) => {
      missing = (missing === 0 ? requestBytes(chunk) : missing) - chunk.length;
      if (missing > 0) return;
      missing = 0;
      answers += 1;
      if (streamed) pour(socket, STREAMS[answers % STREAMS.length]!, 0);
      else socket.write(ANSWERS[answers % ANSWERS.length]!);
    });
  });
  // Where files are short it can't accept all: the exercise is a smaller one then.
  server.on('error', () => {});
  return {
    async listen() {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Of a request whose head is in its first piece. */
function requestBytes(chunk: Buffer): number {
  const headBytes = chunk.indexOf('\r\n\r\n') + 4;
  return headBytes + Number(/content-length: (\d+)/i.exec(chunk.toString('latin1', 0, headBytes))?.[1] ?? 0);
}

/** One piece in each turn of the event loop: the client reads them one by one. */
function pour(socket: Socket, pieces: readonly Buffer[], at: number): void {
  if (socket.destroyed || at === pieces.length) return;
  socket.write(pieces[at]!);
  setImmediate(pour, socket, pieces, at + 1);
}

const EVENTS = 6;
/** So many kinds of objects, and code that reads them is compiled for any: no engine's answer is news to it. */
const KINDS = [0, 1, 2, 3, 4];
/** Of each kind: ids differ from answer to answer, as words and counts do from event to event. */
const ANSWERS_OF_A_KIND = 3;
const ALL = Array.from({ length: ANSWERS_OF_A_KIND }, (_, number) => KINDS.map((kind) => ({ kind, number }))).flat();

/** Members that no reader asks for: other objects to the compiler, the same answer. */
const members = (kind: number): string => Array.from({ length: kind }, (_, i) => `"x${kind}${i}":null,`).join('');

const ANSWERS = ALL.map(({ kind, number }) => {
  const more = members(kind);
  const body = `{${more}"id":"x${number}","object":"chat.completion","choices":[{${more}"index":0,"message":{${more}"role":"assistant","content":"word"},"finish_reason":"stop"}],"usage":{${more}"prompt_tokens":1,"completion_tokens":1}}`;
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: x${number}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
});

const STREAMS = ALL.map(({ kind, number }) => {
  const more = members(kind);
  const event = (choice: string, usage = ''): string =>
    `data: {${more}"id":"x${number}","object":"chat.completion.chunk","choices":[{${more}"index":0,${choice}}]${usage}}\n\n`;
  const usage = (tokens: number): string => `{${more}"prompt_tokens":1,"completion_tokens":${tokens}}`;
  const word = (at: number): string =>
    event(
      `"delta":{${more}"content":" ${'word'.repeat(at % 4)}."},"finish_reason":null`,
      // Some engines send it with every event.
      kind % 2 === 0 ? '' : `,"usage":${usage(at)}`,
    );
  const ends = [
    event(`"delta":{},"finish_reason":"stop"`),
    `data: {${more}"id":"x${number}","object":"chat.completion.chunk","choices":[],"usage":${usage(EVENTS)}}\n\n`,
    'data: [DONE]\n\n',
  ];
  return [
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: x${number}\r\ntransfer-encoding: chunked\r\n\r\n`,
    httpChunk(event(`"delta":{${more}"role":"assistant","content":""},"finish_reason":null`)),
    ...Array.from({ length: EVENTS }, (_, index) => httpChunk(word(index + 1))),
    // Several chunks that come with one read.
    `${ends.map(httpChunk).join('')}0\r\n\r\n`,
  ].map((text) => Buffer.from(text));
});

function httpChunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}
