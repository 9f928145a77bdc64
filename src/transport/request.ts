// Writes requests as the bytes of HTTP/1.1, head and body in one buffer, so that each is one write and mostly one
// packet. The head is built once for all requests that share path and headers. Pure.

import { errors } from 'undici';
import type { RequestOptions } from './waist.ts';

export interface RequestBytes {
  readonly bytes: Buffer;
  /** The request itself does not ask for the closing of its connection. */
  readonly keepAlive: boolean;
}

/** @throws InvalidArgumentError of undici: method, path or a header is not what may be sent */
export type RequestWriter = (request: RequestOptions) => RequestBytes;

/** @param host as in a URL: with the port, unless it is 80 */
export function createRequestWriter(host: string): RequestWriter {
  let method: string;
  let path: string;
  let headers: readonly string[];
  let head: Head | null = null;
  return (request) => {
    if (head === null || request.headers !== headers || request.path !== path || request.method !== method) {
      head = createHead(host, request);
      ({ method, path, headers } = request);
    }
    return { bytes: join(head.bytes, request), keepAlive: head.keepAlive };
  };
}

interface Head {
  readonly bytes: Buffer;
  readonly keepAlive: boolean;
}

function join(head: Buffer, { method, body }: RequestOptions): Buffer {
  // A GET without a body has no length either.
  const length = body?.length ?? 0;
  const rest = method === 'GET' && length === 0 ? '\r\n' : `content-length: ${length}\r\n\r\n`;
  const start = head.length + rest.length;
  const bytes = Buffer.allocUnsafe(start + length);
  bytes.set(head);
  bytes.write(rest, head.length, 'latin1');
  if (body !== null) bytes.set(body, start);
  return bytes;
}

function createHead(host: string, { method, path, headers }: RequestOptions): Head {
  if (method !== 'GET' && method !== 'POST') throw new errors.InvalidArgumentError('method must be GET or POST');
  if (!PATH.test(path)) throw new errors.InvalidArgumentError('invalid request path');
  let ownHost = host;
  let keepAlive = true;
  let fields = '';
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    const value = headers[i + 1]!;
    if (!NAME.test(name)) throw new errors.InvalidArgumentError('invalid header key');
    if (!VALUE.test(value) || OURS.has(name)) throw new errors.InvalidArgumentError(`invalid ${name} header`);
    if (name === 'host') ownHost = value;
    else if (name === 'connection') keepAlive = value.toLowerCase() !== 'close';
    else fields += `${name}: ${value}\r\n`;
  }
  const connection = keepAlive ? 'keep-alive' : 'close';
  return {
    bytes: Buffer.from(
      `${method} ${path} HTTP/1.1\r\nhost: ${ownHost}\r\nconnection: ${connection}\r\n${fields}`,
      'latin1',
    ),
    keepAlive,
  };
}

const PATH = /^\/[\x21-\xff]*$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** What says where the body ends, or asks for what is not done here. */
const OURS: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'keep-alive', 'upgrade', 'expect']);
