// The part of GitHub that takes artifacts, as a real server: its results service (Twirp, JSON) and the blob storage behind
// it (blocks, then a list of them). Strict: a wrong token, an unknown blob, or bytes that are not what was announced are
// refused as they are there.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer as bytesOf } from 'node:stream/consumers';
import { inflateRawSync } from 'node:zlib';

export interface FakeResults extends AsyncDisposable {
  readonly url: string;
  /** A runner's: unsigned, and with the two ids that the service wants to see again. */
  readonly token: string;
  /** Finished ones: names and contents of the files in them. */
  readonly artifacts: ReadonlyMap<string, ReadonlyMap<string, Buffer>>;
  /** Methods and paths, in order. */
  readonly requests: readonly string[];
  /** From now on every creation is answered like this; null = never. */
  refuse(status: number | null): void;
  /** From now on a blob that is sent is answered like this; null = its connection is broken off. */
  refuseBlobs(status: number | null): void;
}

const RUN = 'ce7f54c7-61c7-4aae-887f-30da475f5f1a';
const JOB = 'ca395085-040a-526b-2ce8-bdc85f692774';
const TWIRP = '/twirp/github.actions.results.api.v1.ArtifactService/';

interface Call {
  readonly name: string;
  readonly workflowRunBackendId: string;
  readonly workflowJobRunBackendId: string;
  readonly size?: string;
  readonly hash?: string;
}

export async function startFakeResults(): Promise<FakeResults> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'none' })}.${part({ scp: `Actions.Results:${RUN}:${JOB}` })}.x`;
  const blobs = new Map<string, { readonly blocks: Map<string, Buffer>; content: Buffer | null }>();
  const artifacts = new Map<string, ReadonlyMap<string, Buffer>>();
  const requests: string[] = [];
  let refusal: { readonly status: number | null } | null = null;
  let blobRefusal: { readonly status: number | null } | null = null;

  const twirp = (method: string, call: Call): [status: number, body: object] => {
    if (call.workflowRunBackendId !== RUN || call.workflowJobRunBackendId !== JOB)
      return [403, { msg: 'not your workflow run' }];
    if (method === 'CreateArtifact') {
      if (blobs.has(call.name)) return [409, { msg: 'an artifact with this name already exists on the workflow run' }];
      blobs.set(call.name, { blocks: new Map(), content: null });
      return [200, { ok: true, signed_upload_url: `${url}/account/container/${call.name}?sig=s` }];
    }
    const content = blobs.get(call.name)?.content;
    if (!content) return [404, { msg: 'no such upload' }];
    const hash = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    if (Number(call.size) !== content.length || call.hash !== hash) return [400, { msg: 'not the bytes that came' }];
    artifacts.set(call.name, unzip(content));
    return [200, { ok: true, artifact_id: String(4_000 + artifacts.size) }];
  };
  const store = (path: URL, body: Buffer): number => {
    const blob = blobs.get(decodeURIComponent(path.pathname.split('/').at(-1)!));
    if (blob === undefined || path.searchParams.get('sig') !== 's') return 403;
    if (path.searchParams.get('comp') === 'block') blob.blocks.set(path.searchParams.get('blockid')!, body);
    else
      blob.content = Buffer.concat(
        Array.from(body.toString().matchAll(/<Latest>([^<]+)<\/Latest>/g), ([, id]) => blob.blocks.get(id!)!),
      );
    return 201;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url!, url);
    requests.push(`${request.method} ${path.pathname}`);
    const body = await bytesOf(request);
    if (!path.pathname.startsWith(TWIRP)) {
      if (blobRefusal !== null) {
        if (blobRefusal.status === null) request.socket.destroy();
        else response.writeHead(blobRefusal.status).end(`${path} is refused`);
        return;
      }
      response.writeHead(store(path, body), { etag: '"1"', 'last-modified': new Date().toUTCString() }).end();
      return;
    }
    if (refusal?.status === null) return;
    const [status, said] =
      refusal !== null
        ? [refusal.status, { msg: 'refused' }]
        : request.headers.authorization !== `Bearer ${token}`
          ? [401, { msg: 'whose token is this?' }]
          : twirp(path.pathname.slice(TWIRP.length), callOf(body));
    response.writeHead(status!, { 'content-type': 'application/json' }).end(JSON.stringify(said));
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => response.writeHead(500).end(error.message));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    token,
    artifacts,
    requests,
    refuse: (status) => {
      refusal = { status };
    },
    refuseBlobs: (status) => {
      blobRefusal = { status };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Protobuf's JSON: the names of fields as in the definition, or in camel case. */
function callOf(body: Buffer): Call {
  const given = JSON.parse(body.toString()) as Record<string, string>;
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [
      key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  ) as unknown as Call;
}

/** By the archive's central directory (APPNOTE.TXT 4.3.12): the sizes before the data are empty in one that was streamed. */
function unzip(archive: Buffer): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  let at = archive.readUInt32LE(archive.lastIndexOf('PK\x05\x06', undefined, 'latin1') + 16);
  while (archive.readUInt32LE(at) === 0x02014b50) {
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset));
    const name = archive.toString('utf8', at + 46, at + 46 + nameBytes!);
    const local = archive.readUInt32LE(at + 42);
    const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const packed = archive.subarray(start, start + archive.readUInt32LE(at + 20));
    if (!name.endsWith('/')) files.set(name, archive.readUInt16LE(at + 10) === 8 ? inflateRawSync(packed) : packed);
    at += 46 + nameBytes! + extraBytes! + commentBytes!;
  }
  return files;
}
